/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message by upload and AddMsg, noted before and marked after, so that a lost answer
 * is looked up and not repeated. An invite goes in with noICal=0: it finds its
 * appointment again, which must be there by then.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/mend_private.h"
#include "proto/base/xalloc.h"
#include "proto/zimbra/rest.h"

/* --- attributes --- */

/* Has an attachment, is an invite: Zimbra sees that for itself. */
static bool
is_own_flag(char flag)
{
	return flag == 'a' || flag == 'v';
}

static bool
add_flags(const json_t *root, struct buf *out)
{
	const char *text = json_string_value(json_object_get(root, "FlagStr"));
	bool unread = json_integer_value(json_object_get(root, "unread")) != 0;
	bool ok = true;

	for (const char *p = text == NULL ? "" : text; *p != '\0' && ok; p++) {
		if (*p == 'u')
			unread = true;
		else if (!is_own_flag(*p))
			ok = buf_add(out, p, 1);
	}
	return ok && (!unread || buf_add(out, "u", 1));
}

/* "a:b\:c" -> "a,b:c"; commas and backslashes get a backslash. */
static bool
add_tags(const json_t *root, struct buf *out)
{
	const char *text = json_string_value(json_object_get(root, "TagNames"));
	bool begun = false;
	bool ok = true;

	for (const char *p = text == NULL ? "" : text; *p != '\0' && ok; p++) {
		char c = *p;

		if (c == ':') {
			begun = false;
			continue;
		}
		if (c == '\\' && p[1] != '\0')
			c = *++p;
		if (!begun && out->len > 0)
			ok = buf_add(out, ",", 1);
		begun = true;
		if (c == ',' || c == '\\')
			ok = ok && buf_add(out, "\\", 1);
		ok = ok && buf_add(out, &c, 1);
	}
	return ok;
}

bool
mend_read_meta(const char *meta, struct mend_attributes *out)
{
	json_t *root = json_loads(meta, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
	bool ok;

	buf_init(&out->flags, 0);
	buf_init(&out->tags, 0);
	ok = json_is_object(root) && add_flags(root, &out->flags) &&
	     add_tags(root, &out->tags);
	json_decref(root);
	return ok;
}

void
mend_attributes_fini(struct mend_attributes *a)
{
	buf_fini(&a->flags);
	buf_fini(&a->tags);
}

/* --- upload --- */

struct uploading {
	struct spool *s;
	const struct spool_item *item;
	uint64_t at;
	bool failed;
	struct err err;
};

static size_t
uploading_read(void *data, size_t size, void *ctx)
{
	struct uploading *u = ctx;
	size_t got;

	if (!spool_read_data(u->s, u->item, u->at, data, size, &got, &u->err)) {
		u->failed = true;
		return (size_t)-1;
	}
	u->at += got;
	return got;
}

bool
mend_upload(struct target *t, const struct spool_item *item, char *id_out, size_t id_size,
    struct err *e)
{
	struct uploading u = {.s = t->spool, .item = item};

	if (rest_upload(t->soap, uploading_read, &u, id_out, id_size, e))
		return true;
	if (u.failed)
		*e = u.err;
	return false;
}

/* --- AddMsg --- */

static bool
mend_call(struct target *t, const struct spool_item *item, const char *upload_id,
    uint32_t *id_out, struct err *e)
{
	struct soap_request *r;
	struct soap_answer *answer = NULL;
	struct mend_attributes a;
	char *meta = NULL;
	bool ok;

	if (!spool_read_meta(t->spool, item, &meta, e))
		return false;
	ok = mend_read_meta(meta, &a) ||
	     err_set(e, ERR_CORRUPT, "item %u: its metadata cannot be read", item->id);
	free(meta);
	if (ok) {
		r = target_request(t, "AddMsgRequest");
		soap_open(r, "m");
		soap_attr_uint(r, "l", target_place(t, item->folder_id));
		soap_attr(r, "aid", upload_id);
		soap_attr_uint(
		    r, "d", (uint64_t)(item->date_s < 0 ? 0 : item->date_s) * 1000);
		soap_attr(r, "f", buf_str(&a.flags));
		if (a.tags.len > 0)
			soap_attr(r, "tn", buf_str(&a.tags));
		soap_attr(r, "noICal", item->has_calendar_link ? "0" : "1");
		soap_close(r);
		ok = target_send(t, r, &answer, e);
		*id_out = ok ? target_id_of(soap_child(soap_body(answer), "m"), "id") : 0;
		if (ok && *id_out == 0)
			ok = err_set(e, ERR_PEER, "AddMsg: the answer has no id");
	}
	mend_attributes_fini(&a);
	soap_answer_free(&answer);
	return ok;
}

bool
mend_add_message(struct target *t, struct arrivals *a, const struct spool_item *item,
    bool *refused_out, struct err *e)
{
	char upload_id[200];
	uint32_t id = 0;

	*refused_out = false;
	a->loose = true;
	a->count = 0;
	if (!mend_upload(t, item, upload_id, sizeof(upload_id), e) ||
	    !arrivals_note(a, &item->id, 1, e)) {
		if (e->kind != ERR_REFUSED)
			return err_wrap(e, "message %u", item->id);
		*refused_out = true;
	} else if (!mend_call(t, item, upload_id, &id, e)) {
		/* Without Zimbra's own word nobody knows whether it is in: the note stays. */
		if (e->kind != ERR_REFUSED &&
		    strcmp(soap_fault(t->soap), "service.FAILURE") != 0)
			return err_wrap(e, "message %u", item->id);
		*refused_out = true;
	}
	if (*refused_out)
		log_warn(t->log, "message %u is refused: %s", item->id, e->text);
	a->count = 0;
	return (*refused_out ||
		   spool_set_state(t->spool, item->id, SPOOL_APPLIED, id, e)) &&
	       spool_sync(t->spool, e) && spool_note_write(t->spool, NOTE_POSTING, "", e);
}
