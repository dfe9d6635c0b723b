/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exports stream out, imports stream in. An import's answer counts only when it is the
 * page of our own callback: HTTP 200 alone means nothing.
 */
#include "proto/zimbra/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"

#define CALLBACK "zmferry"
#define STALL_MS 300000 /* an import of many items answers nothing for long */

static bool
rest_headers(
    struct soap_client *c, char **cookie_out, const char *headers[4], struct err *e)
{
	const char *token;

	if (!soap_token(c, &token, e))
		return false;
	*cookie_out = xasprintf("Cookie: ZM_ADMIN_AUTH_TOKEN=%s", token);
	headers[0] = *cookie_out;
	headers[1] = "X-Zimbra-Hopcount: 3";
	headers[2] = NULL;
	headers[3] = NULL;
	return true;
}

static void
rest_wipe(char *cookie)
{
	if (cookie != NULL)
		secret_wipe(cookie, strlen(cookie));
	free(cookie);
}

static bool
rest_url(struct soap_client *c, const char *account_id, struct buf *url)
{
	return buf_printf(
		   url, "https://%s:%u/service/home/", soap_host(c), soap_port(c)) &&
	       http_escape(url, account_id) && buf_add_str(url, "/?fmt=tar");
}

static enum rest_status
rest_status_of(const struct http_answer *answer)
{
	if (answer->status == 200)
		return REST_OK;
	if (answer->status == 204)
		return REST_EMPTY;
	if (answer->status == 404)
		return REST_NOT_FOUND;
	if (answer->status == 414)
		return REST_TOO_LONG;
	if (strstr(buf_str(&answer->body), "TOO_MANY_HOPS") != NULL)
		return REST_NOT_LOCAL;
	return REST_OTHER;
}

static bool
rest_refusal(struct soap_client *c, enum rest_status status,
    const struct http_answer *answer, struct err *e)
{
	switch (status) {
	case REST_NOT_FOUND:
		return err_set(e, ERR_RETRY,
		    "%s: REST answered 404: the mailbox is locked out or in maintenance, "
		    "or cannot be opened",
		    soap_host(c));
	case REST_TOO_LONG:
		return err_set(e, ERR_REFUSED,
		    "%s: the list of ids is too long for one request", soap_host(c));
	case REST_NOT_LOCAL:
		return err_set(e, ERR_REFUSED,
		    "%s: the account is homed elsewhere; nothing was proxied",
		    soap_host(c));
	case REST_OK:
	case REST_EMPTY:
	case REST_OTHER:
		break;
	}
	if (answer->status == 401) {
		soap_forget_token(c);
		return err_set(e, ERR_RETRY,
		    "%s: the admin token ran out; the next try logs in anew",
		    soap_host(c));
	}
	return err_set(e, ERR_RETRY, "%s: HTTP %ld: %.120s", soap_host(c), answer->status,
	    buf_str(&answer->body));
}

bool
rest_export(struct soap_client *c, const struct rest_export *what, http_sink_fn sink,
    void *ctx, enum rest_status *status_out, struct err *e)
{
	const char *headers[4];
	char *cookie = NULL;
	struct http_answer answer = {0};
	struct buf url;
	bool ok;

	*status_out = REST_OTHER;
	buf_init(&url, 16384);
	ok = rest_headers(c, &cookie, headers, e);
	if (ok && (!rest_url(c, what->account_id, &url) ||
		      (what->query != NULL && (!buf_add_str(&url, "&query=") ||
						  !http_escape(&url, what->query))) ||
		      (what->list != NULL && (!buf_add_str(&url, "&list=") ||
						 !buf_add_str(&url, what->list))) ||
		      (what->headers_only && !buf_add_str(&url, "&body=0"))))
		ok = err_set(e, ERR_REFUSED,
		    "%s: the list of ids is too long for one request", soap_host(c));
	if (ok) {
		const struct http_request request = {
		    .method = "GET",
		    .url = buf_str(&url),
		    .headers = headers,
		    .sink_fn = sink,
		    .sink_ctx = ctx,
		    .answer_max = 65536,
		    .stall_timeout_ms = STALL_MS,
		};

		ok = http_client_do(soap_http(c), &request, &answer, e) ||
		     err_wrap(e, "%s: export", soap_host(c));
	}
	if (ok) {
		*status_out = rest_status_of(&answer);
		if (*status_out != REST_OK && *status_out != REST_EMPTY)
			ok = rest_refusal(c, *status_out, &answer, e);
	}
	http_answer_fini(&answer);
	buf_fini(&url);
	rest_wipe(cookie);
	return ok;
}

/* --- import --- */

/* One JSON string from p (behind its opening quote) into out, best effort: for people only.
   Returns what follows it. */
static const char *
rest_read_string(const char *p, char *out, size_t size)
{
	size_t len = 0;

	for (; *p != '\0' && *p != '"'; p++) {
		bool escaped = *p == '\\' && p[1] != '\0';

		p += escaped ? 1 : 0;
		if (len + 1 < size)
			out[len++] =
			    escaped && (*p == 'n' || *p == 't' || *p == 'r') ? ' ' : *p;
	}
	out[len] = '\0';
	utf8_tidy(out);
	return p;
}

/* Each fault is {"Reason":{"Text":"..."},"Detail":{"Error":{"Code":"mail.X",...}}}. */
static void
rest_read_faults(const char *page, struct rest_import_answer *out)
{
	static const char code_key[] = "\"Code\":\"";
	static const char text_key[] = "\"Text\":\"";
	char code[80];
	char text[160] = "";

	for (const char *p = page; *p != '\0'; p++) {
		if (strncmp(p, text_key, strlen(text_key)) == 0) {
			p = rest_read_string(p + strlen(text_key), text, sizeof(text));
		} else if (strncmp(p, code_key, strlen(code_key)) == 0) {
			p = rest_read_string(p + strlen(code_key), code, sizeof(code));
			if (out->fault_count < ARRAY_LEN(out->first_faults))
				snprintf(out->first_faults[out->fault_count],
				    sizeof(out->first_faults[0]), "%s%s%.110s", code,
				    text[0] == '\0' ? "" : ": ", text);
			out->fault_count++;
			text[0] = '\0';
		}
		if (*p == '\0')
			return;
	}
}

bool
rest_parse_import(const char *page, struct rest_import_answer *out, struct err *e)
{
	static const char opening[] = "window.parent." CALLBACK "(";
	static const struct {
		const char *word;
		enum rest_import_result result;
	} words[] = {
	    {"success", REST_IMPORT_SUCCESS},
	    {"warn", REST_IMPORT_WARN},
	    {"fail", REST_IMPORT_FAIL},
	};
	const char *call = strstr(page, opening);

	memset(out, 0, sizeof(*out));
	if (call == NULL)
		return err_set(e, ERR_RETRY,
		    "import: HTTP 200 without the result; what happened is unclear");
	call += strlen(opening);
	call += strspn(call, " \t\r\n");
	if (strstr(call, "</script>") == NULL)
		return err_set(e, ERR_RETRY,
		    "import: the result was cut short; what happened is unclear");
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t length = strlen(words[i].word);

		if ((call[0] == '\'' || call[0] == '"') &&
		    strncmp(call + 1, words[i].word, length) == 0 &&
		    call[length + 1] == call[0]) {
			out->result = words[i].result;
			rest_read_faults(call, out);
			return true;
		}
	}
	return err_set(e, ERR_RETRY, "import: a result nobody knows: %.40s", call);
}

bool
rest_import(struct soap_client *c, const char *account_id, http_read_fn read, void *ctx,
    struct rest_import_answer *answer_out, struct err *e)
{
	const char *headers[4];
	char *cookie = NULL;
	struct http_answer answer = {0};
	struct buf url;
	bool ok;

	buf_init(&url, 16384);
	ok = rest_headers(c, &cookie, headers, e);
	if (ok && (!rest_url(c, account_id, &url) ||
		      !buf_add_str(&url, "&resolve=skip&callback=" CALLBACK)))
		BUG("an account id that does not fit");
	if (ok) {
		headers[2] = "Content-Type: application/x-tar";
		const struct http_request request = {
		    .method = "POST",
		    .url = buf_str(&url),
		    .headers = headers,
		    .read_fn = read,
		    .read_ctx = ctx,
		    .answer_max = 4 * 1024 * 1024,
		    .stall_timeout_ms = STALL_MS,
		};

		ok = http_client_do(soap_http(c), &request, &answer, e) ||
		     err_wrap(e, "%s: import", soap_host(c));
	}
	if (ok && answer.status != 200)
		ok = rest_refusal(c, rest_status_of(&answer), &answer, e);
	ok = ok && rest_parse_import(buf_str(&answer.body), answer_out, e);
	http_answer_fini(&answer);
	buf_fini(&url);
	rest_wipe(cookie);
	return ok;
}

/* --- upload --- */

/* 200,'null','the id' */
static bool
rest_parse_upload(const char *page, char *id_out, size_t id_size)
{
	const char *p = page + strspn(page, " \r\n\t");
	size_t length;

	if (strncmp(p, "200", 3) != 0)
		return false;
	for (int comma = 0; comma < 2; comma++) {
		p = strchr(p, ',');
		if (p == NULL)
			return false;
		p++;
	}
	p += strspn(p, " \t'\"");
	length = strcspn(p, "'\"\r\n");
	if (length == 0 || length >= id_size)
		return false;
	memcpy(id_out, p, length);
	id_out[length] = '\0';
	return true;
}

bool
rest_upload(struct soap_client *c, http_read_fn read, void *ctx, char *id_out,
    size_t id_size, struct err *e)
{
	const char *headers[6] = {NULL};
	char *cookie = NULL;
	struct http_answer answer = {0};
	char url[400];
	bool ok = rest_headers(c, &cookie, headers, e);

	snprintf(url, sizeof(url), "https://%.300s:%u/service/upload?fmt=raw",
	    soap_host(c), soap_port(c));
	if (ok) {
		headers[2] = "Content-Type: message/rfc822";
		headers[3] = "Content-Disposition: attachment; filename=\"message.eml\"";
		const struct http_request request = {
		    .method = "POST",
		    .url = url,
		    .headers = headers,
		    .read_fn = read,
		    .read_ctx = ctx,
		    .answer_max = 65536,
		    .stall_timeout_ms = STALL_MS,
		};

		ok = http_client_do(soap_http(c), &request, &answer, e) ||
		     err_wrap(e, "%s: upload", soap_host(c));
	}
	if (ok && (answer.status != 200 ||
		      !rest_parse_upload(buf_str(&answer.body), id_out, id_size)))
		ok = err_set(e,
		    answer.status == 413 || strncmp(buf_str(&answer.body), "413", 3) == 0
			? ERR_REFUSED
			: ERR_RETRY,
		    "%s: upload: HTTP %ld: %.120s", soap_host(c), answer.status,
		    buf_str(&answer.body));
	http_answer_fini(&answer);
	rest_wipe(cookie);
	return ok;
}
