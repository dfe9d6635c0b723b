/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zimbra SOAP over HTTPS, blocking: envelope, header, login, fault. Built with
 * libxml2's writer and read without network, entities or DTD, with a size cap.
 * A client belongs to one thread at a time. Source: Zimbra's soap.txt, soap-admin.txt.
 */
#ifndef ZIMBRA_SOAP_H
#define ZIMBRA_SOAP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/base/http_client.h"
#include "proto/base/secret.h"

struct soap_client;
struct soap_request;
struct soap_answer;
struct soap_node; /* an XML element inside an answer; lives as long as the answer */

struct soap_options {
	const char *host;    /* Zimbra host name, as in zimbraServiceHostname */
	uint16_t admin_port; /* 7071 */
	uint16_t mail_port;  /* 8443; only for mail-port requests */
	const char *admin_name;
	const struct secret *admin_password;
	const struct secret
	    *token; /* somebody's own token instead: never logs in; NULL = log in */
	const char *ca_file;
	const char *const *resolve; /* see http_client.h */
	unsigned timeout_ms;	    /* of one call; 0: 60000 */
	const atomic_bool *cancelled;
};

struct soap_client *soap_client_new(const struct soap_options *options);
void soap_client_free(struct soap_client **c);
/* A client that is kept: for its calls to come, as in the options. */
void soap_client_limit(
    struct soap_client *c, unsigned timeout_ms, const atomic_bool *cancelled);
/* Every request of this client is pinned to that server from now on (soap_pin). */
void soap_client_pin(struct soap_client *c, const char *server_id);

enum soap_ns { SOAP_ADMIN, SOAP_MAIL, SOAP_ACCOUNT };

/* "ModifyAccountRequest" in the namespace; the builder keeps the innermost open element. */
struct soap_request *soap_request_new(enum soap_ns ns, const char *name);
void soap_request_free(struct soap_request **r);
void soap_open(struct soap_request *r, const char *element);
void soap_attr(struct soap_request *r, const char *name, const char *value);
void soap_attr_uint(struct soap_request *r, const char *name, uint64_t value);
void soap_text(struct soap_request *r, const char *text);
void soap_close(struct soap_request *r);
/* <a n="name">value</a>, as ModifyAccount wants it; NULL value sends an empty one. */
void soap_a(struct soap_request *r, const char *name, const char *value);
/* Act on behalf of this account (zimbraId). */
void soap_on_account(struct soap_request *r, const char *account_id);
/* Pin to this server (zimbraId of the server): nothing is proxied. */
void soap_pin(struct soap_request *r, const char *server_id);
/* GetAccount of the account's own values, not its class of service's. by: "id" or "name";
   attrs: "zimbraId,zimbraMailHost". */
struct soap_request *soap_get_account(const char *by, const char *key, const char *attrs);
/* A BatchRequest: each call to soap_request_new-like soap_batch_add opens one request. */
struct soap_request *soap_batch_new(bool stop_on_error);
void soap_batch_add(struct soap_request *r, enum soap_ns ns, const char *name);

/*
 * Logs in when needed (and once more on AUTH_EXPIRED / AUTH_REQUIRED), posts to the admin port, parses.
 * On a fault: false, soap_fault() has Zimbra's code, e has kind by code and the
 * reason text. Everything network-like is ERR_RETRY.
 */
MUST_USE bool soap_call(struct soap_client *c, struct soap_request *r,
    struct soap_answer **answer_out, struct err *e);
/* The same once with somebody else's token (DelegateAuth): no login, no client's pin. */
MUST_USE bool soap_call_as(struct soap_client *c, const struct secret *token,
    struct soap_request *r, struct soap_answer **answer_out, struct err *e);
void soap_answer_free(struct soap_answer **a);
/* Code of the last call's fault ("service.WRONG_HOST"), "" when it was none. */
const char *soap_fault(const struct soap_client *c);
/* Admin auth token for REST's cookie; logs in when needed. Borrowed until the next call. */
MUST_USE bool soap_token(struct soap_client *c, const char **token_out, struct err *e);
/* The token was refused elsewhere (REST): the next call logs in anew. */
void soap_forget_token(struct soap_client *c);

/* For REST on the same server: borrowed, valid while c is. */
const char *soap_host(const struct soap_client *c);
uint16_t soap_port(const struct soap_client *c);
struct http_client *soap_http(struct soap_client *c);

struct soap_node *soap_body(const struct soap_answer *a); /* the XxxResponse element */
uint64_t
soap_change_token(const struct soap_answer *a); /* header <change token>; 0 = none */
struct soap_node *
soap_child(const struct soap_node *n, const char *name); /* first, or NULL */
struct soap_node *soap_next(const struct soap_node *n,
    const char *name); /* next sibling of that name; name NULL = any */
const char *soap_name(const struct soap_node *n);
const char *soap_get(const struct soap_node *n, const char *attr); /* NULL = absent */
const char *soap_get_text(const struct soap_node *n);		   /* never NULL */
/* Value of <a n="name"> below n (first), NULL = absent. */
const char *soap_get_a(const struct soap_node *n, const char *name);
bool soap_get_uint(const struct soap_node *n, const char *attr, uint64_t *out);

#endif
