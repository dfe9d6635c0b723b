/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well nobody's filters name a folder that changes, and nothing is done. What can
 * go wrong: they do. Then the change waits for the lock, and the filters are set back after it.
 */
#include "agent/mailbox/filters.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/mailbox/account.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

#define FRESH_MS 2000

static const char *const attributes[FILTER_SCRIPTS] = {
    "zimbraMailSieveScript", "zimbraMailOutgoingSieveScript"};
static const char *const notes[FILTER_SCRIPTS] = {"filters-in", "filters-out"};

/* --- what a script names --- */

/* The next quoted string, unescaped, from *at on; false: there is none. */
static bool
script_next(const char **at, struct buf *out)
{
	const char *p = strchr(*at, '"');
	bool ok = true;

	buf_init(out, 0);
	if (p == NULL)
		return false;
	for (p++; *p != '\0' && *p != '"' && ok; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		ok = buf_add(out, p, 1);
	}
	*at = *p == '\0' ? p : p + 1;
	return true;
}

bool
filters_name_path(const char *script, const char *path)
{
	struct buf text;
	bool found = false;

	path += path[0] == '/';
	while (!found && script_next(&script, &text)) {
		const char *named = buf_str(&text);

		named += named[0] == '/';
		found = strncasecmp(named, path, strlen(path)) == 0;
		buf_fini(&text);
	}
	return found;
}

bool
filters_name_tag(const char *script, const char *tag)
{
	struct buf text;
	bool found = false;

	while (!found && script_next(&script, &text)) {
		found = strcasecmp(buf_str(&text), tag) == 0;
		buf_fini(&text);
	}
	return found;
}

/* --- asking and setting --- */

void
filters_fini(struct target_filters *f)
{
	for (size_t i = 0; i < FILTER_SCRIPTS; i++)
		xfree(&f->scripts[i]);
	f->read_ms = 0;
}

static bool
filters_read(struct target *t, struct err *e)
{
	struct soap_request *r;
	struct soap_answer *answer = NULL;
	const struct soap_node *account;
	bool ok;

	filters_fini(&t->filters);
	if (!account_flush(t->soap, t->account_id, e))
		return false;
	r = soap_get_account(
	    "id", t->account_id, "zimbraMailSieveScript,zimbraMailOutgoingSieveScript");
	ok = soap_call(t->soap, r, &answer, e);
	account = ok ? soap_child(soap_body(answer), "account") : NULL;
	if (ok && account == NULL)
		ok = err_set(e, ERR_PEER, "GetAccount: the answer has no account");
	for (size_t i = 0; ok && i < FILTER_SCRIPTS; i++) {
		const char *script = soap_get_a(account, attributes[i]);

		t->filters.scripts[i] = xstrdup(script == NULL ? "" : script);
	}
	if (ok)
		t->filters.read_ms = clock_mono_ms();
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok || err_wrap(e, "mail filters");
}

bool
filters_may_change(
    struct target *t, const Wire__Folder *have, bool *may_out, struct err *e)
{
	struct buf path;
	bool ok;

	*may_out = true;
	if (!t->lives_elsewhere)
		return true;
	if ((t->filters.read_ms == 0 ||
		clock_mono_ms() - t->filters.read_ms > FRESH_MS) &&
	    !filters_read(t, e))
		return false;
	buf_init(&path, 0);
	ok = tree_kind_of(have) == TREE_TAG
		 ? buf_add(&path, have->name.data, have->name.len)
		 : tree_path(&t->here, have->id, &path);
	for (size_t i = 0; ok && i < FILTER_SCRIPTS; i++) {
		const char *script = t->filters.scripts[i];

		if (tree_kind_of(have) == TREE_TAG
			? filters_name_tag(script, buf_str(&path))
			: filters_name_path(script, buf_str(&path)))
			*may_out = false;
	}
	if (!ok)
		*may_out = false;
	if (!*may_out)
		log_info(t->log,
		    "folder or tag %llu: mail filters name it, so what changed of it "
		    "waits for the lock",
		    (unsigned long long)have->id);
	buf_fini(&path);
	return true;
}

bool
filters_keep(struct target *t, struct err *e)
{
	char kept[8];

	if (spool_note_read(t->spool, NOTE_FILTERS, kept, sizeof(kept)) && kept[0] == '1')
		return true;
	if (!filters_read(t, e))
		return false;
	for (size_t i = 0; i < FILTER_SCRIPTS; i++) {
		if (!spool_note_write(t->spool, notes[i], t->filters.scripts[i], e))
			return false;
	}
	return spool_note_write(t->spool, NOTE_FILTERS, "1\n", e);
}

static bool
filters_set(struct target *t, const char *name, const char *script, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "ModifyAccountRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_open(r, "id");
	soap_text(r, t->account_id);
	soap_close(r);
	soap_a(r, name, script);
	ok = soap_call(t->soap, r, &answer, e);
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok || err_wrap(e, "giving back %s", name);
}

/* What Zimbra made of one while folders changed is undone. */
static bool
filters_set_back(struct target *t, size_t which, const char *before, struct err *e)
{
	if (t->filters.read_ms == 0 && !filters_read(t, e))
		return false;
	if (strcmp(before, t->filters.scripts[which]) == 0)
		return true;
	log_info(t->log,
	    "%s: changed by Zimbra while folders were put into their places; set back",
	    attributes[which]);
	return filters_set(t, attributes[which], before, e);
}

bool
filters_give_back(struct target *t, struct err *e)
{
	char kept[8];
	bool ok = true;

	if (!spool_note_read(t->spool, NOTE_FILTERS, kept, sizeof(kept)) ||
	    kept[0] != '1')
		return true;
	filters_fini(&t->filters);
	for (size_t i = 0; ok && i < FILTER_SCRIPTS; i++) {
		char *before = spool_note_text(t->spool, notes[i]);

		/* Where there was none Zimbra makes none. */
		if (before != NULL && before[0] != '\0')
			ok = filters_set_back(t, i, before, e);
		free(before);
	}
	return ok && spool_note_write(t->spool, NOTE_FILTERS, "", e);
}
