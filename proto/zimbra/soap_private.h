/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by soap.c (calls) and soap_xml.c (building and reading). */
#ifndef ZIMBRA_SOAP_PRIVATE_H
#define ZIMBRA_SOAP_PRIVATE_H

#include <libxml/tree.h>
#include <libxml/xmlwriter.h>

#include "proto/zimbra/soap.h"

#define SOAP_ANSWER_MAX (64u * 1024 * 1024)

struct soap_request {
	xmlBuffer *buffer; /* the body's content */
	xmlTextWriter *writer;
	int depth; /* open elements */
	bool batch;
	bool batch_open;
	bool unsayable; /* a value that XML cannot carry came; the envelope is refused */
	char account_id[64];
	char server_id[64];
	char name[64]; /* for texts */
};

struct soap_answer {
	xmlDoc *doc;
	xmlNode *body; /* the XxxResponse element */
	uint64_t change;
};

/* The whole envelope; token NULL = none. */
MUST_USE bool
soap_envelope(struct soap_request *r, const char *token, struct buf *out, struct err *e);
/* Parses an answer. A fault: false with its code in fault_out and e set. */
MUST_USE bool soap_parse(const char *what, const void *bytes, size_t len,
    struct soap_answer **out, char *fault_out, size_t fault_size, struct err *e);

#endif
