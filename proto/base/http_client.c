/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One libcurl easy handle per client, used again for every request so that connections
 * stay open. HTTP/1.1 only, no redirects, no proxies from the environment, certificates
 * always checked. What can go wrong is told apart by kind: the network (again later),
 * the other side's certificate or grammar (drop it), and being asked to stop.
 *
 * Not here: what an HTTP status means. A 404 is an answer.
 */
#include "proto/base/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

#define HTTP_CONNECT_MS 5000
#define HTTP_STALL_MS 60000
#define HTTP_ANSWER_MAX (16u * 1024 * 1024)
#define HTTP_BUFFER (64 * 1024L)
/* Shorter than the 60 s after which Zimbra's mail port closes an idle connection. */
#define HTTP_IDLE_S 30L

struct http_client {
	CURL *easy;
	char *ca_file;
	char *ca_pem;
	char *identity_pem;
	char *cert_file;
	char *key_file;
	char *unix_socket;
	const char *ca_setting;
	struct curl_slist *connect_to;
	unsigned connect_timeout_ms;
	bool no_verify_host;
	const atomic_bool *cancelled;
};

/* One request on its way. */
struct http_transfer {
	struct http_client *client;
	const struct http_request *request;
	struct http_answer *answer;
	uint64_t last_byte_ms;
	curl_off_t moved; /* bytes both ways when last_byte_ms was taken */
	unsigned attempts;
	bool was_cancelled;
	bool has_stalled;
	bool is_too_big;
	bool sink_refused;
	bool read_aborted;
	bool would_repeat;
};

static pthread_once_t http_once = PTHREAD_ONCE_INIT;

static void
http_global_init(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		BUG("libcurl does not start");
}

void
http_client_begin(void)
{
	pthread_once(&http_once, http_global_init);
}

/* "host=address" becomes curl's "host::address:", any port: name and certificate check
   stay those of the host. */
static struct curl_slist *
http_connect_to(const char *const *resolve)
{
	struct curl_slist *list = NULL;

	for (; resolve != NULL && *resolve != NULL; resolve++) {
		const char *equals = strchr(*resolve, '=');
		if (equals == NULL)
			continue;
		bool is_v6 = strchr(equals + 1, ':') != NULL && equals[1] != '[';
		char *entry = xasprintf("%.*s::%s%s%s:", (int)(equals - *resolve),
		    *resolve, is_v6 ? "[" : "", equals + 1, is_v6 ? "]" : "");
		list = curl_slist_append(list, entry);
		xfree(&entry);
	}
	return list;
}

struct http_client *
http_client_new(const struct http_client_options *options)
{
	struct http_client *c = XNEW(struct http_client);

	http_client_begin();
	c->easy = curl_easy_init();
	if (c->easy == NULL)
		BUG("libcurl gives no handle");
	c->ca_file = xstrdup(options->ca_file);
	c->ca_pem = xstrdup(options->ca_pem);
	c->identity_pem = xstrdup(options->identity_pem);
	c->cert_file = xstrdup(options->cert_file);
	c->key_file = xstrdup(options->key_file);
	c->unix_socket = xstrdup(options->unix_socket);
	c->ca_setting =
	    options->ca_setting == NULL ? "zimbra_ca_file" : options->ca_setting;
	c->connect_to = http_connect_to(options->resolve);
	c->connect_timeout_ms = options->connect_timeout_ms == 0
				    ? HTTP_CONNECT_MS
				    : options->connect_timeout_ms;
	c->no_verify_host = options->no_verify_host;
	c->cancelled = options->cancelled;
	return c;
}

void
http_client_free(struct http_client **c)
{
	if (*c == NULL)
		return;
	curl_easy_cleanup((*c)->easy);
	curl_slist_free_all((*c)->connect_to);
	xfree(&(*c)->ca_file);
	xfree(&(*c)->ca_pem);
	if ((*c)->identity_pem != NULL)
		explicit_bzero((*c)->identity_pem, strlen((*c)->identity_pem));
	xfree(&(*c)->identity_pem);
	xfree(&(*c)->cert_file);
	xfree(&(*c)->key_file);
	xfree(&(*c)->unix_socket);
	xfree(c);
}

void
http_client_set_cancelled(struct http_client *c, const atomic_bool *cancelled)
{
	c->cancelled = cancelled;
}

static void
http_touch(struct http_transfer *t)
{
	t->last_byte_ms = clock_mono_ms();
}

static size_t
http_on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct http_transfer *t = ctx;
	size_t len = size * count;
	long status = 0;

	curl_easy_getinfo(t->client->easy, CURLINFO_RESPONSE_CODE, &status);
	t->answer->bytes += len;
	bool is_good = status >= 200 && status < 300;
	if (is_good && t->request->sink_fn != NULL) {
		t->sink_refused = !t->request->sink_fn(data, len, t->request->sink_ctx);
		http_touch(t); /* waiting for our own sink is not a stall of theirs */
		return t->sink_refused ? 0 : len;
	}
	if (buf_add(&t->answer->body, data, len))
		return len;
	if (!is_good) { /* of an error page the beginning is enough */
		size_t room = t->answer->body.max - t->answer->body.len;
		if (room > 0 && !buf_add(&t->answer->body, data, room))
			BUG("a buffer refuses what fits");
		return len;
	}
	t->is_too_big = true;
	return 0;
}

/* "ETag: "..."", one line; of the last answer when there were several. */
static size_t
http_on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct http_transfer *t = ctx;
	size_t len = size * count;
	size_t from = 5;

	if (len <= from || strncasecmp(data, "ETag:", from) != 0)
		return len;
	while (from < len && data[from] == ' ')
		from++;
	size_t end = from;
	while (end < len && data[end] != '\r' && data[end] != '\n')
		end++;
	if (end - from < sizeof(t->answer->etag)) {
		memcpy(t->answer->etag, data + from, end - from);
		t->answer->etag[end - from] = '\0';
	}
	return len;
}

static size_t
http_on_read(char *data, size_t size, size_t count, void *ctx)
{
	struct http_transfer *t = ctx;
	size_t n = t->request->read_fn(data, size * count, t->request->read_ctx);

	http_touch(t);
	if (n == (size_t)-1 || n > size * count) {
		t->read_aborted = true;
		return CURL_READFUNC_ABORT;
	}
	return n;
}

static unsigned
http_stall_ms(const struct http_request *r)
{
	return r->stall_timeout_ms == 0 ? HTTP_STALL_MS : r->stall_timeout_ms;
}

/* Called at least once a second. */
static int
http_on_progress(
    void *ctx, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
	struct http_transfer *t = ctx;
	unsigned stall_ms = http_stall_ms(t->request);

	(void)down_all;
	(void)up_all;
	if (t->client->cancelled != NULL && atomic_load(t->client->cancelled)) {
		t->was_cancelled = true;
		return 1;
	}
	if (down + up != t->moved) {
		t->moved = down + up;
		http_touch(t);
	}
	t->has_stalled = clock_mono_ms() - t->last_byte_ms > stall_ms;
	return t->has_stalled ? 1 : 0;
}

/* libcurl silently sends a request once more when a reused connection dies before the
   answer. The server may have done the work by then, so only reading may be repeated. A
   connection that is already closed is noticed before this point and costs nothing. */
static int
http_on_request(void *ctx, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
	struct http_transfer *t = ctx;
	bool only_reads = t->request->body == NULL && t->request->read_fn == NULL &&
			  (strcmp(t->request->method, "GET") == 0 ||
			      strcmp(t->request->method, "HEAD") == 0);

	(void)peer_ip;
	(void)own_ip;
	(void)peer_port;
	(void)own_port;
	http_touch(t);
	t->would_repeat = t->attempts++ > 0 && !only_reads;
	return t->would_repeat ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void
http_set_text(CURL *h, CURLoption option, char *text)
{
	struct curl_blob blob = {
	    .data = text, .len = strlen(text), .flags = CURL_BLOB_NOCOPY};

	curl_easy_setopt(h, option, &blob);
}

static void
http_set_certificates(struct http_client *c)
{
	CURL *h = c->easy;

	if (c->ca_file != NULL)
		curl_easy_setopt(h, CURLOPT_CAINFO, c->ca_file);
	if (c->ca_pem != NULL) {
		curl_easy_setopt(h, CURLOPT_CAINFO, NULL);
		http_set_text(h, CURLOPT_CAINFO_BLOB, c->ca_pem);
	}
	if (c->ca_file != NULL || c->ca_pem != NULL)
		curl_easy_setopt(
		    h, CURLOPT_CAPATH, NULL); /* only this CA, not the system's too */
	if (c->cert_file != NULL)
		curl_easy_setopt(h, CURLOPT_SSLCERT, c->cert_file);
	if (c->key_file != NULL)
		curl_easy_setopt(h, CURLOPT_SSLKEY, c->key_file);
	if (c->identity_pem != NULL) {
		http_set_text(h, CURLOPT_SSLCERT_BLOB, c->identity_pem);
		http_set_text(h, CURLOPT_SSLKEY_BLOB, c->identity_pem);
	}
}

static void
http_set_connection(struct http_client *c)
{
	CURL *h = c->easy;

	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(h, CURLOPT_MAXAGE_CONN, HTTP_IDLE_S);
	curl_easy_setopt(h, CURLOPT_MAXCONNECTS, 4L);
	curl_easy_setopt(h, CURLOPT_BUFFERSIZE, HTTP_BUFFER);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_timeout_ms);
	curl_easy_setopt(h, CURLOPT_USERAGENT, "zmferry");
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, c->no_verify_host ? 0L : 2L);
	curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	http_set_certificates(c);
	if (c->unix_socket != NULL)
		curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, c->unix_socket);
	if (c->connect_to != NULL)
		curl_easy_setopt(h, CURLOPT_CONNECT_TO, c->connect_to);
}

static void
http_set_request(CURL *h, struct http_transfer *t)
{
	const struct http_request *r = t->request;
	bool is_get = strcmp(r->method, "GET") == 0;

	curl_easy_setopt(h, CURLOPT_URL, r->url);
	if (r->read_fn != NULL) {
		curl_easy_setopt(h, CURLOPT_POST, 1L);
		curl_easy_setopt(h, CURLOPT_READFUNCTION, http_on_read);
		curl_easy_setopt(h, CURLOPT_READDATA, t);
		/* A stream cannot be rewound, so it never starts on an old connection. */
		curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L);
	} else if (r->body != NULL || strcmp(r->method, "POST") == 0) {
		curl_easy_setopt(h, CURLOPT_POST, 1L);
		curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
		curl_easy_setopt(h, CURLOPT_POSTFIELDS, r->body == NULL ? "" : r->body);
	} else if (strcmp(r->method, "HEAD") == 0) {
		curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
	} else {
		curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
	}
	if (!is_get || r->body != NULL || r->read_fn != NULL)
		curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, r->method);
	if (r->total_timeout_ms != 0)
		curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)r->total_timeout_ms);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, http_on_body);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, http_on_header);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, http_on_progress);
	curl_easy_setopt(h, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, http_on_request);
	curl_easy_setopt(h, CURLOPT_PREREQDATA, t);
}

static struct curl_slist *
http_headers(const struct http_request *r)
{
	/* No "Expect: 100-continue": it costs a second with servers that ignore it. */
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	if (r->read_fn != NULL)
		list = curl_slist_append(list, "Transfer-Encoding: chunked");
	for (const char *const *h = r->headers; h != NULL && *h != NULL; h++)
		list = curl_slist_append(list, *h);
	return list;
}

/* Without the query: it may be kilobytes of item ids. */
static int
http_url_len(const char *url)
{
	size_t len = strcspn(url, "?");

	return len > 160 ? 160 : (int)len;
}

static enum err_kind
http_kind(CURLcode code)
{
	/* CURLcode has a hundred values: these are not the network's fault. */
	if (code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS ||
	    code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL ||
	    code == CURLE_URL_MALFORMAT || code == CURLE_BAD_CONTENT_ENCODING)
		return ERR_PEER;
	return ERR_RETRY;
}

static bool
http_err(struct err *e, const struct http_transfer *t, CURLcode code, const char *detail)
{
	unsigned stall_ms = http_stall_ms(t->request);
	const char *url = t->request->url;
	int len = http_url_len(url);

	if (t->was_cancelled)
		return err_set(e, ERR_CANCELLED, "%.*s: stopped as asked", len, url);
	if (t->has_stalled)
		return err_set(e, ERR_RETRY, "%.*s: no byte for %u%s", len, url,
		    stall_ms < 1000 ? stall_ms : stall_ms / 1000,
		    stall_ms < 1000 ? " ms" : " s");
	if (t->is_too_big)
		return err_set(e, ERR_PEER, "%.*s: answer above %zu bytes", len, url,
		    t->answer->body.max);
	if (t->sink_refused)
		return err_set(
		    e, ERR_RETRY, "%.*s: our side could not take more", len, url);
	if (t->read_aborted)
		return err_set(e, ERR_RETRY, "%.*s: our side stopped sending", len, url);
	if (t->would_repeat)
		return err_set(e, ERR_RETRY,
		    "%.*s: connection closed before the answer, the request may have "
		    "been carried out",
		    len, url);
	if (detail[0] == '\0')
		detail = curl_easy_strerror(code);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(e, ERR_PEER,
		    "%.*s: %s; %s must name the certificates that sign this server's",
		    len, url, detail, t->client->ca_setting);
	if (code == CURLE_SSL_CACERT_BADFILE)
		return err_set(e, ERR_REFUSED,
		    "%.*s: %s: no certificates can be read from it", len, url,
		    t->client->ca_file == NULL ? "the system's CA file"
					       : t->client->ca_file);
	return err_set(e, http_kind(code), "%.*s: %s", len, url, detail);
}

bool
http_client_do(struct http_client *c, const struct http_request *request,
    struct http_answer *answer, struct err *e)
{
	struct http_transfer t = {.client = c, .request = request, .answer = answer};
	char detail[CURL_ERROR_SIZE] = "";

	*answer = (struct http_answer){0};
	buf_init(&answer->body,
	    request->answer_max == 0 ? HTTP_ANSWER_MAX : request->answer_max);
	struct curl_slist *headers = http_headers(request);
	curl_easy_reset(c->easy); /* keeps the connections */
	http_set_connection(c);
	http_set_request(c->easy, &t);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, detail);
	http_touch(&t);

	CURLcode code = curl_easy_perform(c->easy);
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &answer->status);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (code != CURLE_OK)
		return http_err(e, &t, code, detail);
	return true;
}

void
http_answer_fini(struct http_answer *answer)
{
	buf_fini(&answer->body);
}

bool
http_escape(struct buf *out, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";

	for (; *text != '\0'; text++) {
		bool is_plain = strchr(plain, *text) != NULL;
		if (is_plain ? !buf_add(out, text, 1)
			     : !buf_printf(out, "%%%02X", (unsigned char)*text))
			return false;
	}
	return true;
}
