/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: connect, TLS, login, MAIL, RCPT, DATA, QUIT. What can go wrong is told
 * apart by what would help: time (the network, a 4xx), a person (a 5xx, the login, TLS).
 * What the server said last is kept, because libcurl's errors do not have its words.
 */
#include "proto/base/smtp_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/http_client.h"
#include "proto/base/utf8.h"

#define SMTP_CONNECT_MS 10000L
#define SMTP_TOTAL_MS 60000u
#define SMTP_ANSWERS_MAX (64 * 1024) /* of all its lines together */

struct smtp_transfer {
	const struct smtp_mail *mail;
	size_t sent;
	size_t heard;
	bool was_cancelled;
	bool is_too_big;
	bool names_recipients;	  /* the last command was RCPT */
	char remark[SMTP_WORDS];  /* the last refusal of one */
	char refusal[SMTP_WORDS]; /* the last line that begins with 4 or 5 */
};

bool
smtp_address_ok(const char *address)
{
	const char *at = strrchr(address, '@');
	size_t length = strlen(address);

	if (at == NULL || at == address || at[1] == '\0' || length > 254)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)address[i];

		if (c <= 0x20 || c >= 0x7f || strchr("<>,;:\"\\()[]", c) != NULL)
			return false;
	}
	return strchr(address, '@') == at;
}

static size_t
smtp_on_read(char *data, size_t size, size_t count, void *ctx)
{
	struct smtp_transfer *t = ctx;
	size_t left = t->mail->message_len - t->sent;
	size_t length = size * count < left ? size * count : left;

	memcpy(data, (const char *)t->mail->message + t->sent, length);
	t->sent += length;
	return length;
}

/* Each line of the server. */
static size_t
smtp_on_line(char *data, size_t size, size_t count, void *ctx)
{
	struct smtp_transfer *t = ctx;
	size_t length = size * count;

	t->heard += length;
	t->is_too_big = t->heard > SMTP_ANSWERS_MAX;
	if (t->is_too_big)
		return 0;
	if (length > 3 && (data[0] == '4' || data[0] == '5')) {
		snprintf(t->refusal, sizeof(t->refusal), "%.*s",
		    (int)strcspn(data, "\r\n") < (int)length ? (int)strcspn(data, "\r\n")
							     : (int)length,
		    data);
		utf8_tidy(t->refusal);
		if (t->names_recipients)
			memcpy(t->remark, t->refusal, sizeof(t->remark));
	}
	return length;
}

/* Looks at our own commands, and keeps nothing of them: some are the login. */
static int
smtp_on_command(CURL *easy, curl_infotype type, char *data, size_t size, void *ctx)
{
	struct smtp_transfer *t = ctx;

	(void)easy;
	if (type == CURLINFO_HEADER_OUT)
		t->names_recipients = size > 4 && strncmp(data, "RCPT", 4) == 0;
	return 0;
}

static int
smtp_on_progress(
    void *ctx, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
	struct smtp_transfer *t = ctx;

	(void)down_all;
	(void)down;
	(void)up_all;
	(void)up;
	t->was_cancelled = t->mail->cancelled != NULL && atomic_load(t->mail->cancelled);
	return t->was_cancelled ? 1 : 0;
}

static void
smtp_set(CURL *h, struct smtp_transfer *t, struct curl_slist *to)
{
	const struct smtp_mail *m = t->mail;

	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(h, CURLOPT_URL, m->url);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, SMTP_CONNECT_MS);
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS,
	    (long)(m->timeout_ms == 0 ? SMTP_TOTAL_MS : m->timeout_ms));
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(
	    h, CURLOPT_USE_SSL, (long)(m->start_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	if (m->ca_file != NULL) {
		curl_easy_setopt(h, CURLOPT_CAINFO, m->ca_file);
		curl_easy_setopt(h, CURLOPT_CAPATH, NULL);
	}
	if (m->user != NULL && m->password != NULL) {
		curl_easy_setopt(h, CURLOPT_USERNAME, m->user);
		curl_easy_setopt(h, CURLOPT_PASSWORD, secret_reveal(m->password));
	}
	curl_easy_setopt(h, CURLOPT_MAIL_FROM, m->from);
	curl_easy_setopt(h, CURLOPT_MAIL_RCPT, to);
	/* One address that is gone must not keep the others asleep. */
	curl_easy_setopt(h, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
	curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(h, CURLOPT_READFUNCTION, smtp_on_read);
	curl_easy_setopt(h, CURLOPT_READDATA, t);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, smtp_on_line);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(h, CURLOPT_DEBUGFUNCTION, smtp_on_command);
	curl_easy_setopt(h, CURLOPT_DEBUGDATA, t);
	curl_easy_setopt(h, CURLOPT_VERBOSE, 1L); /* else it is not called */
	curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, smtp_on_progress);
	curl_easy_setopt(h, CURLOPT_XFERINFODATA, t);
}

static bool
smtp_err(struct err *e, const struct smtp_transfer *t, CURLcode code, const char *detail)
{
	const struct smtp_mail *m = t->mail;
	const char *words = detail[0] == '\0' ? curl_easy_strerror(code) : detail;

	if (t->was_cancelled)
		return err_set(e, ERR_CANCELLED, "%.150s: stopped as asked", m->url);
	if (t->is_too_big)
		return err_set(e, ERR_PEER, "%.150s: answers without end", m->url);
	/* A CA made anew under its old name is not even told apart from a bad handshake. */
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR)
		return err_set(e, ERR_PEER,
		    "%.150s: %.150s; %s must name the certificates that sign this "
		    "server's",
		    m->url, words, m->ca_setting);
	if (code == CURLE_SSL_CACERT_BADFILE)
		return err_set(e, ERR_REFUSED,
		    "%.150s: %.150s: no certificates can be read from it", m->url,
		    m->ca_file == NULL ? "the system's CA file" : m->ca_file);
	if (code == CURLE_USE_SSL_FAILED)
		return err_set(e, ERR_REFUSED,
		    "%.150s: offers no STARTTLS, so nothing was sent; set start_tls = "
		    "no, "
		    "or ask another server",
		    m->url);
	if (code == CURLE_LOGIN_DENIED)
		return err_set(e, ERR_REFUSED,
		    "%.150s: the login as %.60s is refused: %s", m->url,
		    m->user == NULL ? "nobody" : m->user,
		    t->refusal[0] == '\0' ? words : t->refusal);
	if (t->refusal[0] != '\0' && code != CURLE_OPERATION_TIMEDOUT)
		return err_set(e, t->refusal[0] == '5' ? ERR_REFUSED : ERR_RETRY,
		    "%.150s: %s", m->url, t->refusal);
	return err_set(e,
	    code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL ||
		    code == CURLE_URL_MALFORMAT
		? ERR_PEER
		: ERR_RETRY,
	    "%.150s: %s", m->url, words);
}

bool
smtp_send(const struct smtp_mail *mail, char remark_out[SMTP_WORDS], struct err *e)
{
	struct smtp_transfer t = {.mail = mail};
	char detail[CURL_ERROR_SIZE] = "";
	struct curl_slist *to = NULL;
	CURL *easy;
	CURLcode code;

	http_client_begin();
	easy = curl_easy_init();
	if (easy == NULL)
		BUG("libcurl gives no handle");
	for (const char *const *one = mail->to; *one != NULL; one++)
		to = curl_slist_append(to, *one);
	smtp_set(easy, &t, to);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
	code = curl_easy_perform(easy);
	curl_easy_cleanup(easy);
	curl_slist_free_all(to);
	memcpy(remark_out, t.remark, SMTP_WORDS);
	return code == CURLE_OK || smtp_err(e, &t, code, detail);
}
