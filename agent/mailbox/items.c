/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sync without a token is the list of record: it also switches Zimbra's tracking on, so
 * it always comes first. In a delta a new message carries no flags or tags: ids are all
 * that is taken from it, contents come from an export.
 */
#include "agent/mailbox/items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/ids.h"
#include "proto/base/xalloc.h"

#define PAGES_MAX 100000

/* Element names of Sync by type (facts 5.1). */
static const struct {
	const char *element;
	enum spool_type type;
} kinds[] = {
    {"m", SPOOL_MESSAGE},
    {"cn", SPOOL_CONTACT},
    {"appt", SPOOL_APPOINTMENT},
    {"task", SPOOL_TASK},
    {"doc", SPOOL_DOCUMENT},
    {"w", SPOOL_DOCUMENT},
    {"chat", SPOOL_CHAT},
    {"notes", SPOOL_NOTE},
};

static bool
kind_of(const char *element, enum spool_type *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].element, element) == 0) {
			*out = kinds[i].type;
			return true;
		}
	}
	return false;
}

/* "257,258", or "accountId:257,accountId:258": calls add for each; false with e when it is
   no list of ids. */
static bool
each_id(const char *list, void (*add)(void *ctx, uint32_t id), void *ctx, struct err *e)
{
	for (const char *p = list; *p != '\0';) {
		size_t length = strcspn(p, ",");
		const char *colon = memrchr(p, ':', length);
		const char *number = colon == NULL ? p : colon + 1;
		char *end;
		unsigned long id = strtoul(number, &end, 10);

		if (number[0] < '0' || number[0] > '9' || end != p + length || id == 0 ||
		    id > INT32_MAX)
			return err_set(
			    e, ERR_PEER, "Sync: \"%.30s\" is no list of ids", p);
		add(ctx, (uint32_t)id);
		p += length + (p[length] == ',' ? 1 : 0);
	}
	return true;
}

/* "accountId:257" or "257". */
static uint32_t
id_of(const struct soap_node *n)
{
	const char *text = soap_get(n, "id");
	const char *colon = text == NULL ? NULL : strrchr(text, ':');

	return text == NULL
		   ? 0
		   : (uint32_t)strtoul(colon == NULL ? text : colon + 1, NULL, 10);
}

struct listing {
	struct spool_record_list *out;
	uint32_t folder_id;
	enum spool_type type;
};

static void
on_listed(void *ctx, uint32_t id)
{
	struct listing *l = ctx;

	spool_record_add(l->out, id, l->folder_id, l->type);
}

static bool
list_folder(const struct soap_node *folder, struct spool_record_list *out, struct err *e)
{
	struct listing l = {.out = out, .folder_id = id_of(folder)};

	for (const struct soap_node *n = soap_child(folder, NULL); n != NULL;
	     n = soap_next(n, NULL)) {
		const char *ids = soap_get(n, "ids");

		if (strcmp(soap_name(n), "folder") == 0) {
			if (!list_folder(n, out, e))
				return false;
		} else if (ids != NULL && kind_of(soap_name(n), &l.type)) {
			if (!each_id(ids, on_listed, &l, e))
				return false;
		}
	}
	return true;
}

static struct soap_request *
items_request(const char *name, const char *account_id)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, name);

	soap_on_account(r, account_id);
	return r;
}

static bool
copy_token(const struct soap_node *body, char *out, size_t size, struct err *e)
{
	const char *token = soap_get(body, "token");

	if (token == NULL || token[0] == '\0' || strlen(token) >= size)
		return err_set(e, ERR_PEER, "Sync: the answer has no token");
	memcpy(out, token, strlen(token) + 1);
	return true;
}

bool
items_list(struct soap_client *c, const char *account_id, struct spool_record_list *out,
    char *token_out, size_t token_size, struct err *e)
{
	struct soap_request *r = items_request("SyncRequest", account_id);
	struct soap_answer *answer = NULL;
	bool ok = soap_call(c, r, &answer, e);

	memset(out, 0, sizeof(*out));
	for (const struct soap_node *f = ok ? soap_child(soap_body(answer), "folder")
					    : NULL;
	     ok && f != NULL; f = soap_next(f, "folder"))
		ok = list_folder(f, out, e);
	ok = ok && copy_token(soap_body(answer), token_out, token_size, e);
	soap_answer_free(&answer);
	soap_request_free(&r);
	if (ok)
		spool_record_sort(out);
	else
		spool_record_free(out);
	return ok;
}

/* --- changes --- */

static void
on_changed(void *ctx, uint32_t id)
{
	struct items_changes *x = ctx;

	if ((x->changed_count & (x->changed_count - 1)) == 0)
		x->changed = xrealloc_array(x->changed,
		    x->changed_count == 0 ? 1 : x->changed_count * 2,
		    sizeof(*x->changed));
	x->changed[x->changed_count++] = id;
}

static void
on_deleted(void *ctx, uint32_t id)
{
	struct items_changes *x = ctx;

	if ((x->deleted_count & (x->deleted_count - 1)) == 0)
		x->deleted = xrealloc_array(x->deleted,
		    x->deleted_count == 0 ? 1 : x->deleted_count * 2,
		    sizeof(*x->deleted));
	x->deleted[x->deleted_count++] = id;
}

static void
on_changed_folder(struct items_changes *x, uint32_t id)
{
	if ((x->folder_count & (x->folder_count - 1)) == 0)
		x->folders = xrealloc_array(x->folders,
		    x->folder_count == 0 ? 1 : x->folder_count * 2, sizeof(*x->folders));
	x->folders[x->folder_count++] = id;
}

static void
on_untouched(struct items_changes *x, uint32_t id)
{
	if ((x->untouched_count & (x->untouched_count - 1)) == 0)
		x->untouched = xrealloc_array(x->untouched,
		    x->untouched_count == 0 ? 1 : x->untouched_count * 2,
		    sizeof(*x->untouched));
	x->untouched[x->untouched_count++] = id;
}

/* Its metadata have the change number at which it came (rev: saved, ms: modified). */
static bool
is_untouched(const struct soap_node *n)
{
	uint64_t saved, modified;

	return soap_get_uint(n, "rev", &saved) && soap_get_uint(n, "ms", &modified) &&
	       saved == modified;
}

static bool
is_container(const char *element)
{
	return strcmp(element, "folder") == 0 || strcmp(element, "search") == 0 ||
	       strcmp(element, "link") == 0 || strcmp(element, "tag") == 0;
}

static bool
changes_page(struct soap_client *c, const char *account_id, struct items_changes *out,
    bool *more_out, struct err *e)
{
	struct soap_request *r = items_request("SyncRequest", account_id);
	struct soap_answer *answer = NULL;
	bool ok;

	*more_out = false;
	soap_attr(r, "token", out->token);
	ok = soap_call(c, r, &answer, e);
	if (!ok && strcmp(soap_fault(c), "mail.MUST_RESYNC") == 0) {
		out->must_resync = true;
		ok = true;
	}
	for (const struct soap_node *n =
		 answer == NULL ? NULL : soap_child(soap_body(answer), NULL);
	     ok && n != NULL; n = soap_next(n, NULL)) {
		enum spool_type type;

		if (strcmp(soap_name(n), "deleted") == 0) {
			size_t before = out->deleted_count;

			ok = soap_get(n, "ids") == NULL ||
			     each_id(soap_get(n, "ids"), on_deleted, out, e);
			if (out->deleted_count > before)
				written_add_deleted(&out->written);
		} else if (kind_of(soap_name(n), &type) && id_of(n) != 0) {
			on_changed(out, id_of(n));
			if (is_untouched(n))
				on_untouched(out, id_of(n));
			if (type == SPOOL_MESSAGE)
				written_add_message(&out->written, n);
			else
				written_add_other(&out->written, n);
		} else if (is_container(soap_name(n)) && id_of(n) != 0) {
			on_changed_folder(out, id_of(n));
			written_add_other(&out->written, n);
		}
	}
	if (ok && answer != NULL) {
		const char *more = soap_get(soap_body(answer), "more");

		*more_out = more != NULL && strcmp(more, "1") == 0;
		ok = copy_token(soap_body(answer), out->token, sizeof(out->token), e);
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

bool
items_changes(struct soap_client *c, const char *account_id, const char *token,
    struct items_changes *out, struct err *e)
{
	bool more = true;

	memset(out, 0, sizeof(*out));
	snprintf(out->token, sizeof(out->token), "%s", token);
	written_begin(&out->written, token);
	for (int page = 0; more && !out->must_resync; page++) {
		if (page == PAGES_MAX || !changes_page(c, account_id, out, &more, e)) {
			items_changes_free(out);
			return page != PAGES_MAX ? false
						 : err_set(e, ERR_PEER,
						       "Sync: it never comes to an end");
		}
	}
	written_end(&out->written);
	ids_sort(out->changed, out->changed_count);
	ids_sort(out->untouched, out->untouched_count);
	ids_sort(out->deleted, out->deleted_count);
	ids_sort(out->folders, out->folder_count);
	return true;
}

void
items_changes_free(struct items_changes *x)
{
	xfree(&x->changed);
	xfree(&x->untouched);
	xfree(&x->deleted);
	xfree(&x->folders);
	written_end(&x->written);
	x->untouched_count = x->changed_count = x->deleted_count = x->folder_count = 0;
}

/* --- counters --- */

bool
items_last_id(struct soap_client *c, const char *account_id, uint64_t *out,
    uint64_t *change_out, struct err *e)
{
	struct soap_request *r =
	    items_request("GetLastItemIdInMailboxRequest", account_id);
	struct soap_answer *answer = NULL;
	const struct soap_node *id;
	bool ok = soap_call(c, r, &answer, e);

	id = ok ? soap_child(soap_body(answer), "id") : NULL;
	if (ok) {
		/* An element or an attribute, as versions differ. */
		const char *text =
		    id != NULL ? soap_get_text(id) : soap_get(soap_body(answer), "id");

		*out = text == NULL ? 0 : strtoull(text, NULL, 10);
		*change_out = soap_change_token(answer);
		if (*out == 0)
			ok = err_set(
			    e, ERR_PEER, "GetLastItemIdInMailbox: the answer has no id");
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

bool
items_tracks_imap(struct soap_client *c, const char *account_id, bool *out, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ACCOUNT, "GetInfoRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_on_account(r, account_id);
	soap_attr(r, "sections", "mbox");
	ok = soap_call(c, r, &answer, e);
	*out = false;
	if (ok) {
		const struct soap_node *n =
		    soap_child(soap_body(answer), "isTrackingIMAP");
		const char *text = n == NULL ? "" : soap_get_text(n);

		*out = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}
