/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: one bound connection, searches with paged results. What can go
 * wrong: the server is away (one reconnect, then ERR_RETRY), wrong password
 * (ERR_REFUSED). Not here: what the values mean, see directory_facts.c.
 */
#include "controller/zimbra/directory.h"

#include <lber.h>
#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "controller/zimbra/directory_private.h"
#include "proto/base/xalloc.h"

#define PAGE_SIZE 500

/* --- connection --- */

static bool
directory_err(struct directory *d, struct err *e, int code, const char *what)
{
	enum err_kind kind = ERR_RETRY;
	char *detail = NULL;

	if (code == LDAP_INVALID_CREDENTIALS || code == LDAP_INSUFFICIENT_ACCESS ||
	    code == LDAP_INVALID_DN_SYNTAX || code == LDAP_INAPPROPRIATE_AUTH)
		kind = ERR_REFUSED;
	if (d->ldap != NULL)
		ldap_get_option(d->ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &detail);
	err_set(e, kind, "LDAP %s: %s: %s%s%s%s", d->url, what, ldap_err2string(code),
	    detail == NULL || detail[0] == '\0' ? "" : " (",
	    detail == NULL || detail[0] == '\0' ? "" : detail,
	    detail == NULL || detail[0] == '\0' ? "" : ")");
	ldap_memfree(detail);
	return false;
}

static void
directory_disconnect(struct directory *d)
{
	if (d->ldap != NULL)
		ldap_unbind_ext_s(d->ldap, NULL, NULL);
	d->ldap = NULL;
}

static void
directory_set_tls(struct directory *d)
{
	int demand = LDAP_OPT_X_TLS_DEMAND;
	int fresh = 0;

	ldap_set_option(d->ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	if (d->ca_file != NULL)
		ldap_set_option(d->ldap, LDAP_OPT_X_TLS_CACERTFILE, d->ca_file);
	ldap_set_option(d->ldap, LDAP_OPT_X_TLS_NEWCTX, &fresh);
}

static bool
directory_connect(struct directory *d, struct err *e)
{
	struct timeval timeout = {.tv_sec = (time_t)d->timeout_s};
	int version = LDAP_VERSION3;
	int code;

	if (d->ldap != NULL)
		return true;
	code = ldap_initialize(&d->ldap, d->url);
	if (code != LDAP_SUCCESS)
		return err_set(
		    e, ERR_REFUSED, "ldap_url \"%s\": %s", d->url, ldap_err2string(code));
	ldap_set_option(d->ldap, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(d->ldap, LDAP_OPT_NETWORK_TIMEOUT, &timeout);
	ldap_set_option(d->ldap, LDAP_OPT_TIMEOUT, &timeout);
	ldap_set_option(d->ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	directory_set_tls(d);
	if (d->start_tls) {
		code = ldap_start_tls_s(d->ldap, NULL, NULL);
		if (code != LDAP_SUCCESS) {
			directory_err(d, e, code, "StartTLS");
			directory_disconnect(d);
			return false;
		}
	}
	char *revealed = xstrdup(secret_reveal(d->password));
	struct berval password = {.bv_len = secret_len(d->password), .bv_val = revealed};

	code = ldap_sasl_bind_s(
	    d->ldap, d->bind_dn, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL);
	secret_wipe(revealed, password.bv_len);
	free(revealed);
	if (code == LDAP_SUCCESS)
		return true;
	directory_err(d, e, code, "bind as the configured ldap_bind_dn");
	directory_disconnect(d);
	return false;
}

/* --- searching --- */

static bool
directory_page(struct directory *d, const char *base, const char *filter,
    const char *const *attrs, struct berval **cookie, entry_fn fn, void *ctx,
    int *code_out, struct err *e)
{
	struct timeval timeout = {.tv_sec = (time_t)d->timeout_s};
	LDAPControl *page = NULL;
	LDAPControl **answers = NULL;
	LDAPMessage *result = NULL;
	bool ok = false;
	int code;

	code = ldap_create_page_control(d->ldap, PAGE_SIZE, *cookie, 1, &page);
	if (code == LDAP_SUCCESS) {
		LDAPControl *controls[] = {page, NULL};

		code = ldap_search_ext_s(d->ldap, base, LDAP_SCOPE_SUBTREE, filter,
		    (char **)attrs, 0, controls, NULL, &timeout, LDAP_NO_LIMIT, &result);
	}
	ber_bvfree(*cookie);
	*cookie = NULL;
	*code_out = code;
	if (code != LDAP_SUCCESS) {
		directory_err(d, e, code, filter);
		goto out;
	}
	for (LDAPMessage *m = ldap_first_entry(d->ldap, result); m != NULL;
	     m = ldap_next_entry(d->ldap, m)) {
		if (!fn(d, m, ctx, e))
			goto out;
	}
	if (ldap_parse_result(d->ldap, result, NULL, NULL, NULL, NULL, &answers, 0) ==
		LDAP_SUCCESS &&
	    answers != NULL) {
		LDAPControl *answer =
		    ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, answers, NULL);
		struct berval next = {0};
		ber_int_t estimate;

		if (answer != NULL &&
		    ldap_parse_pageresponse_control(d->ldap, answer, &estimate, &next) ==
			LDAP_SUCCESS &&
		    next.bv_len > 0)
			*cookie = ber_bvdup(&next);
		ber_memfree(next.bv_val);
	}
	ok = true;
out:
	ldap_controls_free(answers);
	ldap_control_free(page);
	ldap_msgfree(result);
	return ok;
}

/* One reconnect when the first page fails because the connection was lost. */
bool
directory_search(struct directory *d, const char *base, const char *filter,
    const char *const *attrs, entry_fn fn, void *ctx, struct err *e)
{
	for (int attempt = 0;; attempt++) {
		struct berval *cookie = NULL;
		bool first = true;
		int code = LDAP_SUCCESS;

		if (!directory_connect(d, e))
			return false;
		do {
			if (!directory_page(
				d, base, filter, attrs, &cookie, fn, ctx, &code, e))
				break;
			first = false;
			if (cookie == NULL)
				return true;
		} while (true);
		ber_bvfree(cookie);
		if (code == LDAP_SUCCESS)
			return false; /* the callback refused */
		directory_disconnect(d);
		if (!first || attempt > 0 ||
		    (code != LDAP_SERVER_DOWN && code != LDAP_UNAVAILABLE))
			return false;
	}
}

/* --- life --- */

struct directory *
directory_new(const struct directory_options *options)
{
	struct directory *d = XNEW(struct directory);

	d->url = xstrdup(options->url);
	d->bind_dn = xstrdup(options->bind_dn);
	d->password = secret_copy(options->password);
	d->ca_file = xstrdup(options->ca_file);
	d->start_tls = options->start_tls;
	d->timeout_s = options->timeout_s == 0 ? 15 : options->timeout_s;
	return d;
}

void
directory_free(struct directory **d)
{
	if (*d == NULL)
		return;
	directory_disconnect(*d);
	secret_free(&(*d)->password);
	free((*d)->url);
	free((*d)->bind_dn);
	free((*d)->ca_file);
	free((*d)->cos);
	free((*d)->domains);
	xfree(d);
}

bool
directory_escape(const char *text, char *out, size_t out_size)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (len + 4 > out_size)
			return false;
		if (*p >= 0x20 && *p < 0x7f && strchr("*()\\", *p) == NULL) {
			out[len++] = (char)*p;
			continue;
		}
		out[len++] = '\\';
		out[len++] = hex[*p >> 4];
		out[len++] = hex[*p & 15];
	}
	out[len] = '\0';
	return true;
}
