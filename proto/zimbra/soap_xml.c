/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests by libxml2's writer, answers by its parser: no network, no entities, no DTD,
 * a size cap. What can go wrong in an answer: it is no XML, no SOAP, or a fault.
 */
#include <errno.h>
#include <libxml/parser.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"
#include "proto/zimbra/soap_private.h"

#define SOAP_NS "http://www.w3.org/2003/05/soap-envelope"

static const char *
soap_ns_uri(enum soap_ns ns)
{
	switch (ns) {
	case SOAP_ADMIN:
		return "urn:zimbraAdmin";
	case SOAP_MAIL:
		return "urn:zimbraMail";
	case SOAP_ACCOUNT:
		return "urn:zimbraAccount";
	}
	BUG("namespace %d", (int)ns);
}

/* --- building --- */

/* libxml2 makes its tables at their first use and holds no lock meanwhile: two threads that
   write their first document at once read what is not written yet (test_soap_threads.c). */
static void
soap_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, xmlInitParser);
}

static struct soap_request *
soap_request_empty(void)
{
	struct soap_request *r = XNEW(struct soap_request);

	soap_begin();
	r->buffer = xmlBufferCreate();
	r->writer = xmlNewTextWriterMemory(r->buffer, 0);
	if (r->writer == NULL)
		BUG("libxml2 is out of memory");
	return r;
}

struct soap_request *
soap_request_new(enum soap_ns ns, const char *name)
{
	struct soap_request *r = soap_request_empty();

	snprintf(r->name, sizeof(r->name), "%s", name);
	soap_open(r, name);
	soap_attr(r, "xmlns", soap_ns_uri(ns));
	return r;
}

struct soap_request *
soap_batch_new(bool stop_on_error)
{
	struct soap_request *r = soap_request_empty();

	r->batch = true;
	snprintf(r->name, sizeof(r->name), "BatchRequest");
	soap_open(r, "BatchRequest");
	soap_attr(r, "xmlns", "urn:zimbra");
	soap_attr(r, "onerror", stop_on_error ? "stop" : "continue");
	return r;
}

void
soap_batch_add(struct soap_request *r, enum soap_ns ns, const char *name)
{
	if (r->batch_open)
		soap_close(r);
	r->batch_open = true;
	soap_open(r, name);
	soap_attr(r, "xmlns", soap_ns_uri(ns));
}

void
soap_request_free(struct soap_request **r)
{
	if (*r == NULL)
		return;
	if ((*r)->writer != NULL)
		xmlFreeTextWriter((*r)->writer);
	xmlBufferFree((*r)->buffer);
	xfree(r);
}

void
soap_open(struct soap_request *r, const char *element)
{
	xmlTextWriterStartElement(r->writer, BAD_CAST element);
	r->depth++;
}

/* Can XML 1.0 carry it? Most control characters have no way of being written. */
static bool
soap_can_carry(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t left = strlen(text); left > 0;) {
		size_t length = utf8_length(p, left);

		if (length == 0 ||
		    (p[0] < 0x20 && p[0] != '\t' && p[0] != '\n' && p[0] != '\r') ||
		    (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe))
			return false;
		p += length;
		left -= length;
	}
	return true;
}

void
soap_attr(struct soap_request *r, const char *name, const char *value)
{
	if (!soap_can_carry(value)) {
		r->unsayable = true;
		return;
	}
	xmlTextWriterWriteAttribute(r->writer, BAD_CAST name, BAD_CAST value);
}

void
soap_attr_uint(struct soap_request *r, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	soap_attr(r, name, text);
}

void
soap_text(struct soap_request *r, const char *text)
{
	/* A carriage return must be written as a reference, or parsing loses it. */
	const char *p = text;

	if (!soap_can_carry(text)) {
		r->unsayable = true;
		return;
	}
	for (;;) {
		size_t length = strcspn(p, "\r");

		if (length > 0) {
			char *part = xstrndup(p, length);

			xmlTextWriterWriteString(r->writer, BAD_CAST part);
			free(part);
		}
		if (p[length] == '\0')
			return;
		xmlTextWriterWriteRaw(r->writer, BAD_CAST "&#13;");
		p += length + 1;
	}
}

void
soap_close(struct soap_request *r)
{
	if (r->depth == 0)
		BUG("%s: closed once too often", r->name);
	xmlTextWriterEndElement(r->writer);
	r->depth--;
}

void
soap_a(struct soap_request *r, const char *name, const char *value)
{
	soap_open(r, "a");
	soap_attr(r, "n", name);
	if (value != NULL && value[0] != '\0')
		soap_text(r, value);
	soap_close(r);
}

/* An id cut short would be somebody else's. */
static void
soap_set_id(struct soap_request *r, char *out, size_t size, const char *id)
{
	if (strlen(id) >= size || !soap_can_carry(id))
		r->unsayable = true;
	else
		memcpy(out, id, strlen(id) + 1);
}

void
soap_on_account(struct soap_request *r, const char *account_id)
{
	soap_set_id(r, r->account_id, sizeof(r->account_id), account_id);
}

void
soap_pin(struct soap_request *r, const char *server_id)
{
	soap_set_id(r, r->server_id, sizeof(r->server_id), server_id);
}

struct soap_request *
soap_get_account(const char *by, const char *key, const char *attrs)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "GetAccountRequest");

	soap_attr(r, "applyCos", "0");
	soap_attr(r, "attrs", attrs);
	soap_open(r, "account");
	soap_attr(r, "by", by);
	soap_text(r, key);
	soap_close(r);
	return r;
}

static void
soap_simple(xmlTextWriter *w, const char *name, const char *text)
{
	xmlTextWriterStartElement(w, BAD_CAST name);
	xmlTextWriterWriteString(w, BAD_CAST text);
	xmlTextWriterEndElement(w);
}

static void
soap_header(xmlTextWriter *w, const struct soap_request *r, const char *token)
{
	xmlTextWriterStartElement(w, BAD_CAST "soap:Header");
	xmlTextWriterStartElement(w, BAD_CAST "context");
	xmlTextWriterWriteAttribute(w, BAD_CAST "xmlns", BAD_CAST "urn:zimbra");
	if (token != NULL)
		soap_simple(w, "authToken", token);
	xmlTextWriterStartElement(w, BAD_CAST "nosession");
	xmlTextWriterEndElement(w);
	if (r->account_id[0] != '\0') {
		xmlTextWriterStartElement(w, BAD_CAST "account");
		xmlTextWriterWriteAttribute(w, BAD_CAST "by", BAD_CAST "id");
		xmlTextWriterWriteString(w, BAD_CAST r->account_id);
		xmlTextWriterEndElement(w);
	}
	if (r->server_id[0] != '\0')
		soap_simple(w, "targetServer", r->server_id);
	xmlTextWriterStartElement(w, BAD_CAST "userAgent");
	xmlTextWriterWriteAttribute(w, BAD_CAST "name", BAD_CAST "zmferry");
	xmlTextWriterEndElement(w);
	xmlTextWriterStartElement(w, BAD_CAST "format");
	xmlTextWriterWriteAttribute(w, BAD_CAST "type", BAD_CAST "xml");
	xmlTextWriterEndElement(w);
	xmlTextWriterEndElement(w);
	xmlTextWriterEndElement(w);
}

bool
soap_envelope(struct soap_request *r, const char *token, struct buf *out, struct err *e)
{
	xmlBuffer *buffer;
	xmlTextWriter *w;
	bool ok;

	if (r->unsayable)
		return err_set(e, ERR_REFUSED,
		    "%s: a value holds what XML cannot carry, or an id is too long",
		    r->name);
	buffer = xmlBufferCreate();
	w = xmlNewTextWriterMemory(buffer, 0);
	while (r->depth > 0)
		soap_close(r);
	xmlTextWriterFlush(r->writer);
	xmlTextWriterStartDocument(w, NULL, "UTF-8", NULL);
	xmlTextWriterStartElement(w, BAD_CAST "soap:Envelope");
	xmlTextWriterWriteAttribute(w, BAD_CAST "xmlns:soap", BAD_CAST SOAP_NS);
	soap_header(w, r, token);
	xmlTextWriterStartElement(w, BAD_CAST "soap:Body");
	xmlTextWriterWriteRaw(w, xmlBufferContent(r->buffer));
	xmlTextWriterEndElement(w);
	xmlTextWriterEndDocument(w);
	xmlFreeTextWriter(w);
	ok = buf_add(out, xmlBufferContent(buffer), (size_t)xmlBufferLength(buffer)) ||
	     err_set(e, ERR_REFUSED, "%s: the request is too large", r->name);
	xmlBufferFree(buffer);
	return ok;
}

/* --- reading --- */

struct soap_node *
soap_child(const struct soap_node *n, const char *name)
{
	for (xmlNode *c = n == NULL ? NULL : ((const xmlNode *)n)->children; c != NULL;
	     c = c->next) {
		if (c->type == XML_ELEMENT_NODE &&
		    (name == NULL || strcmp((const char *)c->name, name) == 0))
			return (struct soap_node *)c;
	}
	return NULL;
}

struct soap_node *
soap_next(const struct soap_node *n, const char *name)
{
	for (xmlNode *c = ((const xmlNode *)n)->next; c != NULL; c = c->next) {
		if (c->type == XML_ELEMENT_NODE &&
		    (name == NULL || strcmp((const char *)c->name, name) == 0))
			return (struct soap_node *)c;
	}
	return NULL;
}

const char *
soap_name(const struct soap_node *n)
{
	return (const char *)((const xmlNode *)n)->name;
}

const char *
soap_get(const struct soap_node *n, const char *attr)
{
	for (const xmlAttr *a = ((const xmlNode *)n)->properties; a != NULL;
	     a = a->next) {
		if (strcmp((const char *)a->name, attr) != 0)
			continue;
		/* Without entities and DTD a value is one text node, or none. */
		return a->children == NULL ? "" : (const char *)a->children->content;
	}
	return NULL;
}

const char *
soap_get_text(const struct soap_node *n)
{
	const xmlNode *c = n == NULL ? NULL : ((const xmlNode *)n)->children;

	return c == NULL || c->content == NULL ? "" : (const char *)c->content;
}

const char *
soap_get_a(const struct soap_node *n, const char *name)
{
	for (const struct soap_node *a = soap_child(n, "a"); a != NULL;
	     a = soap_next(a, "a")) {
		const char *key = soap_get(a, "n");

		if (key != NULL && strcmp(key, name) == 0)
			return soap_get_text(a);
	}
	return NULL;
}

bool
soap_get_uint(const struct soap_node *n, const char *attr, uint64_t *out)
{
	const char *text = soap_get(n, attr);
	unsigned long long value;
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*out = value;
	return true;
}

struct soap_node *
soap_body(const struct soap_answer *a)
{
	return (struct soap_node *)a->body;
}

uint64_t
soap_change_token(const struct soap_answer *a)
{
	return a->change;
}

void
soap_answer_free(struct soap_answer **a)
{
	if (*a == NULL)
		return;
	xmlFreeDoc((*a)->doc);
	xfree(a);
}

/* Kind by Zimbra's code: what may pass is tried again, the rest a person decides. */
static enum err_kind
soap_fault_kind(const char *code)
{
	static const char *const passing[] = {"mail.MAINTENANCE", "mail.TRY_AGAIN",
	    "service.TEMPORARILY_UNAVAILABLE", "service.RESOURCE_UNREACHABLE",
	    "service.PROXY_ERROR", "service.FAILURE", "service.AUTH_EXPIRED",
	    "service.AUTH_REQUIRED"};

	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		if (strcmp(code, passing[i]) == 0)
			return ERR_RETRY;
	}
	return ERR_REFUSED;
}

static bool
soap_read_fault(const char *what, const struct soap_node *fault, char *fault_out,
    size_t fault_size, struct err *e)
{
	const struct soap_node *reason = soap_child(soap_child(fault, "Reason"), "Text");
	const struct soap_node *code =
	    soap_child(soap_child(soap_child(fault, "Detail"), "Error"), "Code");
	const char *name = code == NULL ? "unknown" : soap_get_text(code);

	snprintf(fault_out, fault_size, "%s", name);
	return err_set(e, soap_fault_kind(name), "%s: %s (%s)", what,
	    reason == NULL ? "no reason given" : soap_get_text(reason), name);
}

/* A DTD ends the parsing where it begins: its entities are never looked at. */
static void
soap_on_dtd(
    void *ctx, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
	(void)name;
	(void)external_id;
	(void)system_id;
	xmlStopParser(ctx);
	((xmlParserCtxt *)ctx)->wellFormed = 0;
}

/* NULL: it is no XML, or has a DTD. */
static xmlDoc *
soap_read_document(const void *bytes, size_t len)
{
	xmlParserCtxt *parser;
	xmlDoc *doc;

	soap_begin();
	parser = xmlNewParserCtxt();
	if (parser == NULL)
		BUG("libxml2 is out of memory");
	parser->sax->internalSubset = soap_on_dtd;
	doc = xmlCtxtReadMemory(parser, bytes, (int)len, NULL, NULL,
	    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_HUGE |
		XML_PARSE_NOCDATA);
	xmlFreeParserCtxt(parser);
	return doc;
}

bool
soap_parse(const char *what, const void *bytes, size_t len, struct soap_answer **out,
    char *fault_out, size_t fault_size, struct err *e)
{
	struct soap_answer *a = XNEW(struct soap_answer);
	const struct soap_node *root;
	const struct soap_node *body;
	const struct soap_node *change;
	const struct soap_node *first;

	fault_out[0] = '\0';
	if (len <= SOAP_ANSWER_MAX)
		a->doc = soap_read_document(bytes, len);
	if (a->doc == NULL) {
		soap_answer_free(&a);
		return err_set(
		    e, ERR_RETRY, "%s: the answer is no XML of Zimbra's", what);
	}
	root = (const struct soap_node *)xmlDocGetRootElement(a->doc);
	body = soap_child(root, "Body");
	first = soap_child(body, NULL);
	if (first == NULL) {
		soap_answer_free(&a);
		return err_set(e, ERR_RETRY, "%s: the answer is no SOAP envelope", what);
	}
	if (strcmp(soap_name(first), "Fault") == 0) {
		soap_read_fault(what, first, fault_out, fault_size, e);
		soap_answer_free(&a);
		return false;
	}
	change = soap_child(soap_child(soap_child(root, "Header"), "context"), "change");
	if (change == NULL || !soap_get_uint(change, "token", &a->change))
		a->change = 0;
	a->body = (xmlNode *)(uintptr_t)first;
	*out = a;
	return true;
}
