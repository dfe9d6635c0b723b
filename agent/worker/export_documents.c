/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many revisions a document has and how large the current one is, asked before it is
 * exported: an export passes over a revision whose blob is missing, and the one before
 * would then look like the current one. What cannot be asked is not known, and believed.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/worker/export_private.h"
#include "proto/base/xalloc.h"

#define BATCH 100
#define REVISIONS_MAX 10000

static void
documents_add(struct fetching *x, const struct expected *doc)
{
	if ((x->expected_count & (x->expected_count - 1)) == 0)
		x->expected = xrealloc_array(x->expected,
		    x->expected_count == 0 ? 1 : x->expected_count * 2,
		    sizeof(*x->expected));
	x->expected[x->expected_count++] = *doc;
}

/* The order of the revisions differs between versions of Zimbra; their numbers do not. */
static void
documents_take(struct fetching *x, const struct soap_node *answer)
{
	struct expected doc = {0};
	uint64_t newest = 0;

	for (const struct soap_node *n = soap_child(answer, "doc"); n != NULL;
	     n = soap_next(n, "doc")) {
		const char *id = soap_get(n, "id");
		const char *colon = id == NULL ? NULL : strrchr(id, ':');
		uint64_t version, size;

		if (id == NULL || !soap_get_uint(n, "ver", &version) ||
		    !soap_get_uint(n, "s", &size))
			return;
		doc.id = (uint32_t)strtoul(colon == NULL ? id : colon + 1, NULL, 10);
		doc.revisions++;
		if (version >= newest) {
			newest = version;
			doc.size = size;
		}
	}
	if (doc.revisions > 1)
		documents_add(x, &doc);
}

static void
documents_ask(struct fetching *x, const uint32_t *ids, size_t count)
{
	struct soap_request *r = soap_batch_new(false);
	struct soap_answer *answer = NULL;
	struct err e;

	soap_on_account(r, x->w->account_id);
	for (size_t i = 0; i < count; i++) {
		soap_batch_add(r, SOAP_MAIL, "ListDocumentRevisionsRequest");
		soap_open(r, "doc");
		soap_attr_uint(r, "id", ids[i]);
		soap_attr_uint(r, "count", REVISIONS_MAX);
		soap_close(r);
	}
	if (!soap_call(x->w->soap, r, &answer, &e))
		log_debug(&x->w->log, "revisions of documents are not known: %s", e.text);
	for (const struct soap_node *n =
		 answer == NULL ? NULL : soap_child(soap_body(answer), NULL);
	     n != NULL; n = soap_next(n, NULL))
		documents_take(x, n);
	soap_answer_free(&answer);
	soap_request_free(&r);
}

static int
compare_expected(const void *a, const void *b)
{
	uint32_t left = ((const struct expected *)a)->id;
	uint32_t right = ((const struct expected *)b)->id;

	return left < right ? -1 : left > right;
}

void
fetching_expect_documents(struct fetching *x)
{
	uint32_t ids[BATCH];
	size_t count = 0;
	size_t at;

	x->expected_count = 0;
	xfree(&x->expected);
	for (size_t i = 0; i < x->wanted_count && !worker_is_stopped(); i++) {
		if (x->fates[i] == FATE_WANTED &&
		    spool_record_find(x->record, x->wanted[i], &at) &&
		    x->record->types[at] == SPOOL_DOCUMENT)
			ids[count++] = x->wanted[i];
		if (count == BATCH) {
			documents_ask(x, ids, count);
			count = 0;
		}
	}
	if (count > 0)
		documents_ask(x, ids, count);
	if (x->expected_count > 0)
		qsort(x->expected, x->expected_count, sizeof(*x->expected),
		    compare_expected);
}

const struct expected *
fetching_expected(const struct fetching *x, uint32_t id)
{
	const struct expected key = {.id = id};

	return x->expected_count == 0 ? NULL
				      : bsearch(&key, x->expected, x->expected_count,
					    sizeof(key), compare_expected);
}
