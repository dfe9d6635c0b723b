/* SPDX-License-Identifier: Apache-2.0 */
/* What a mailboxd answers: SOAP, and the page of an import. */
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"
#include "proto/zimbra/rest.h"
#include "proto/zimbra/soap_private.h"
#include "tests/fuzz/fuzz.h"

static size_t
walk(const struct soap_node *n, unsigned depth)
{
	size_t bytes = 0;
	uint64_t number;

	if (depth > 300)
		return 0;
	for (const struct soap_node *c = soap_child(n, NULL); c != NULL;
	     c = soap_next(c, NULL)) {
		const char *id = soap_get(c, "id");

		bytes += strlen(soap_name(c)) + strlen(soap_get_text(c));
		bytes += id == NULL ? 0 : strlen(id);
		if (soap_get_uint(c, "size", &number))
			bytes++;
		soap_get_a(c, "zimbraId");
		bytes += walk(c, depth + 1);
	}
	return bytes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct soap_answer *answer = NULL;
	struct rest_import_answer import;
	char *page = xcalloc(1, size + 1);
	char fault[80];
	struct err e;

	memcpy(page, data, size);
	if (soap_parse("fuzz", page, size, &answer, fault, sizeof(fault), &e)) {
		MUST(fault[0] == '\0' && soap_body(answer) != NULL);
		walk(soap_body(answer), 0);
		soap_change_token(answer);
	} else {
		MUST(answer == NULL && e.kind != ERR_NONE);
	}
	soap_answer_free(&answer);
	if (rest_parse_import(page, &import, &e))
		MUST(import.result <= REST_IMPORT_FAIL);
	free(page);
	return 0;
}
