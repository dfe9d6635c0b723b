/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zimbra's REST export and import on the admin port (facts: an export may end early
 * with 200, an import hides its errors without callback=). Blocking, streaming.
 * X-Zimbra-Hopcount: 3 on every request, so that nothing is proxied by accident.
 */
#ifndef ZIMBRA_REST_H
#define ZIMBRA_REST_H

#include "proto/zimbra/soap.h"

enum rest_status {
	REST_OK,
	REST_EMPTY,	/* HTTP 204: nothing matched */
	REST_NOT_FOUND, /* HTTP 404: locked out, wrong port or no rights; NOT "empty" */
	REST_TOO_LONG,	/* HTTP 414 */
	REST_NOT_LOCAL, /* refused to proxy: the account is homed elsewhere */
	REST_OTHER,	/* e has the status and the first line of the page */
};

struct rest_export {
	const char *account_id;
	const char *query; /* "is:anywhere", or NULL */
	const char *list;  /* "257,258", or NULL; a dead id truncates the answer */
	bool headers_only; /* body=0 */
};

/* GET .../home/ID/?fmt=tar&...; the tar bytes go to sink. True only for OK and EMPTY. */
MUST_USE bool rest_export(struct soap_client *c, const struct rest_export *what,
    http_sink_fn sink, void *ctx, enum rest_status *status_out, struct err *e);

enum rest_import_result {
	REST_IMPORT_SUCCESS,
	REST_IMPORT_WARN,
	REST_IMPORT_FAIL,
	REST_IMPORT_UNSAID, /* it is over, but how was not told (zmmailbox) */
};

struct rest_import_answer {
	enum rest_import_result result;
	size_t fault_count;	   /* all of them */
	char first_faults[8][200]; /* "code: text" of the first ones */
};

/* POST a tar, resolve=skip, callback parsed; false when no clear answer came. */
MUST_USE bool rest_import(struct soap_client *c, const char *account_id,
    http_read_fn read, void *ctx, struct rest_import_answer *answer_out, struct err *e);

/* Leaves a message on the server for a request by the same token (AddMsg's aid=). */
MUST_USE bool rest_upload(struct soap_client *c, http_read_fn read, void *ctx,
    char *id_out, size_t id_size, struct err *e);

/* The page that an import answers with; for tests and fuzzing. */
MUST_USE bool
rest_parse_import(const char *page, struct rest_import_answer *out, struct err *e);

#endif
