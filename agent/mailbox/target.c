/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. A folder's counterpart is its own id, unless the pairs say otherwise. */
#include "agent/mailbox/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/mailbox/account.h"
#include "agent/mailbox/items.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"
#include "proto/limits.h"

#define TRASH 3u
#define PAIRS_BYTES (LIMIT_FOLDERS * 24u)

/* --- opening --- */

static bool
target_check_home(struct target *t, struct err *e)
{
	char home[256];

	if (!account_home(t->soap, t->account_id, home, sizeof(home), e))
		return false;
	return strcasecmp(home, t->host) == 0 ||
	       err_set(e, ERR_REFUSED,
		   "the account's home is %s and not this server, %s; nothing was "
		   "changed",
		   home, t->host);
}

static bool
target_read_source(struct target *t, struct err *e)
{
	return spool_tree_read(t->spool, &t->rest, e) &&
	       tree_take(&t->source, t->rest, e) && tree_finish(&t->source, e);
}

static int
target_compare_pair(const void *a, const void *b)
{
	uint32_t x = ((const struct target_pair *)a)->source;
	uint32_t y = ((const struct target_pair *)b)->source;

	return (x > y) - (x < y);
}

static void
target_read_pairs(struct target *t)
{
	char *text = spool_note_text(t->spool, NOTE_FOLDERS);
	size_t cap = 0;

	if (text != NULL) {
		for (char *p = text; *p != '\0';) {
			char *end;
			unsigned long source = strtoul(p, &end, 10);
			unsigned long here = strtoul(end, &end, 10);

			if (source == 0 || end == p)
				break;
			if (t->pair_count == cap) {
				cap = cap == 0 ? 16 : cap * 2;
				t->pairs =
				    xrealloc_array(t->pairs, cap, sizeof(*t->pairs));
			}
			t->pairs[t->pair_count++] =
			    (struct target_pair){(uint32_t)source, (uint32_t)here};
			p = end + strspn(end, "\n");
		}
	}
	free(text);
	if (t->pair_count > 0)
		qsort(t->pairs, t->pair_count, sizeof(*t->pairs), target_compare_pair);
}

bool
target_open(struct target *t, struct err *e)
{
	tree_init(&t->source);
	tree_init(&t->here);
	if ((!t->lives_elsewhere && !target_check_home(t, e)) ||
	    !spool_open(t->spool_dir, t->move_id, true, &t->spool, e) ||
	    !target_read_source(t, e) || !target_read_here(t, e))
		return false;
	target_read_pairs(t);
	return true;
}

void
target_close(struct target *t)
{
	spool_close(&t->spool);
	tree_fini(&t->source);
	tree_fini(&t->here);
	if (t->rest != NULL)
		wire__stream_tree__free_unpacked(t->rest, NULL);
	xfree(&t->pairs);
	filters_fini(&t->filters);
	t->rest = NULL;
	t->pair_count = 0;
}

bool
target_read_here(struct target *t, struct err *e)
{
	Wire__StreamTree *part = NULL;
	bool ok;

	tree_fini(&t->here);
	if (!items_tree(t->soap, t->account_id, &part, e))
		return err_wrap(e, "reading the target's folders");
	ok = tree_take(&t->here, part, e) && tree_finish(&t->here, e);
	wire__stream_tree__free_unpacked(part, NULL);
	return ok;
}

/* --- which folder is which --- */

uint32_t
target_noted(const struct target *t, uint32_t source_id)
{
	struct target_pair key = {source_id, 0};
	const struct target_pair *pair = t->pair_count == 0
					     ? NULL
					     : bsearch(&key, t->pairs, t->pair_count,
						   sizeof(key), target_compare_pair);

	return pair == NULL ? source_id : pair->here;
}

uint32_t
target_folder(const struct target *t, uint32_t source_id)
{
	uint32_t id = target_noted(t, source_id);
	const Wire__Folder *f = id == 0 ? NULL : tree_find(&t->here, id);

	return f == NULL || tree_kind_of(f) != TREE_FOLDER ? 0 : id;
}

uint32_t
target_place(const struct target *t, uint32_t source_id)
{
	uint32_t id = target_folder(t, source_id);

	return id == 0 ? TRASH : id;
}

bool
target_set_pairs(
    struct target *t, const struct target_pair *pairs, size_t count, struct err *e)
{
	struct buf text;
	bool ok = true;

	buf_init(&text, PAIRS_BYTES);
	for (size_t i = 0; i < count && ok; i++)
		ok = buf_printf(&text, "%u %u\n", pairs[i].source, pairs[i].here);
	ok = ok ? spool_note_write(t->spool, NOTE_FOLDERS, buf_str(&text), e)
		: err_set(e, ERR_REFUSED, "too many folders to remember");
	buf_fini(&text);
	if (!ok)
		return false;
	t->pairs = xrealloc_array(t->pairs, count == 0 ? 1 : count, sizeof(*t->pairs));
	if (count > 0) {
		memcpy(t->pairs, pairs, count * sizeof(*pairs));
		qsort(t->pairs, count, sizeof(*t->pairs), target_compare_pair);
	}
	t->pair_count = count;
	return true;
}

bool
target_read_numbers(struct target *t, const char *note, uint64_t *first, uint64_t *second)
{
	char text[128];
	unsigned long long a, b;

	if (!spool_note_read(t->spool, note, text, sizeof(text)) ||
	    sscanf(text, "%llu %llu", &a, &b) != 2)
		return false;
	*first = a;
	*second = b;
	return true;
}

/* --- calls --- */

struct soap_request *
target_request(const struct target *t, const char *name)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, name);

	soap_on_account(r, t->account_id);
	return r;
}

struct soap_request *
target_batch(const struct target *t, bool stop_on_error)
{
	struct soap_request *r = soap_batch_new(stop_on_error);

	soap_on_account(r, t->account_id);
	return r;
}

bool
target_send(const struct target *t, struct soap_request *take,
    struct soap_answer **answer_out, struct err *e)
{
	struct soap_answer *answer = NULL;
	bool ok = soap_call(t->soap, take, &answer, e);

	soap_request_free(&take);
	if (answer_out != NULL)
		*answer_out = answer;
	else
		soap_answer_free(&answer);
	return ok;
}

uint32_t
target_id_of(const struct soap_node *n, const char *attr)
{
	const char *text = n == NULL ? NULL : soap_get(n, attr);
	const char *colon = text == NULL ? NULL : strrchr(text, ':');
	unsigned long id =
	    text == NULL ? 0 : strtoul(colon == NULL ? text : colon + 1, NULL, 10);

	return id > INT32_MAX ? 0 : (uint32_t)id;
}

const char *
target_part_fault(const struct soap_node *part, char *out, size_t size)
{
	const struct soap_node *reason, *code;

	if (part == NULL || strcmp(soap_name(part), "Fault") != 0)
		return NULL;
	reason = soap_child(soap_child(part, "Reason"), "Text");
	code = soap_child(soap_child(soap_child(part, "Detail"), "Error"), "Code");
	snprintf(out, size, "%.200s (%.60s)",
	    reason == NULL ? "no reason" : soap_get_text(reason),
	    code == NULL ? "unknown" : soap_get_text(code));
	utf8_tidy(out);
	return out;
}

bool
target_part_may_pass(const struct soap_node *part)
{
	static const char *const passing[] = {"mail.MAINTENANCE", "mail.TRY_AGAIN",
	    "service.PROXY_ERROR", "service.RESOURCE_UNREACHABLE",
	    "service.TEMPORARILY_UNAVAILABLE", "service.WRONG_HOST"};
	const struct soap_node *code =
	    soap_child(soap_child(soap_child(part, "Detail"), "Error"), "Code");
	const char *text = code == NULL ? "" : soap_get_text(code);

	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		if (strcmp(text, passing[i]) == 0)
			return true;
	}
	return false;
}

bool
target_action(const struct target *t, const char *op, const uint32_t *ids, size_t count,
    const char *name, const char *value, struct err *e)
{
	struct soap_request *r = target_request(t, "ItemActionRequest");
	struct buf list;
	bool ok = true;

	buf_init(&list, 0);
	for (size_t i = 0; i < count && ok; i++)
		ok = buf_printf(&list, i == 0 ? "%u" : ",%u", ids[i]);
	if (!ok)
		BUG("a list of %zu ids does not fit", count);
	soap_open(r, "action");
	soap_attr(r, "op", op);
	soap_attr(r, "id", buf_str(&list));
	if (name != NULL)
		soap_attr(r, name, value);
	soap_close(r);
	buf_fini(&list);
	return target_send(t, r, NULL, e) || err_wrap(e, "%s", op);
}
