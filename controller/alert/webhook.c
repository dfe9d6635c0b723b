/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One alert as JSON, POSTed. Signed over the body, in which the time of sending stands; the
 * same message sent again has the same X-Zmferry-Delivery, so that it can be taken once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/alert/way.h"
#include "proto/base/http_client.h"
#include "proto/base/utf8.h"
#include "proto/limits.h"

#define ANSWER_MAX 4096

static void
sign(const struct secret *key, const char *body, char *out, size_t size)
{
	uint8_t mac[SECRET_HMAC_BYTES];
	size_t at = (size_t)snprintf(out, size, "X-Zmferry-Signature: sha256=");

	secret_hmac(key, body, strlen(body), mac);
	for (size_t i = 0; i < sizeof(mac); i++)
		at += (size_t)snprintf(out + at, size - at, "%02x", mac[i]);
}

/* What an HTTP status means for a message. */
static bool
webhook_status(const char *url, const struct http_answer *answer, struct err *e)
{
	char words[160];
	long status = answer->status;
	bool later = status == 408 || status == 425 || status == 429 || status >= 500;

	if (status >= 200 && status <= 299)
		return true;
	snprintf(words, sizeof(words), "%.150s", buf_str(&answer->body));
	utf8_tidy(words);
	return err_set(e, later ? ERR_RETRY : ERR_REFUSED, "%.150s: HTTP %ld%s%s", url,
	    status, words[0] == '\0' ? "" : ": ", words);
}

bool
webhook_send(const struct way_target *target, const struct alert_message *m,
    const atomic_bool *cancelled, char *remark_out, struct err *e)
{
	const struct alert_webhook_conf *conf = target->webhook;
	const struct http_client_options options = {
	    .ca_file = conf->ca_file,
	    .ca_setting = "ca_file of this alert_webhook",
	    .cancelled = cancelled,
	};
	char signature[128] = "";
	char event[80];
	char delivery[120];
	const char *const headers[] = {"Content-Type: application/json", event, delivery,
	    target->secret == NULL ? NULL : signature, NULL};
	json_t *root = alert_message_json(m);
	char *body = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
	struct http_client *client = http_client_new(&options);
	struct http_answer answer;
	bool ok;

	(void)remark_out;
	if (body == NULL)
		BUG("an alert that is no JSON");
	snprintf(event, sizeof(event), "X-Zmferry-Event: %s", m->event);
	snprintf(
	    delivery, sizeof(delivery), "X-Zmferry-Delivery: %s.%u", m->thread, m->place);
	if (target->secret != NULL)
		sign(target->secret, body, signature, sizeof(signature));
	const struct http_request request = {
	    .method = "POST",
	    .url = conf->url,
	    .headers = headers,
	    .body = body,
	    .body_len = strlen(body),
	    .answer_max = ANSWER_MAX,
	    .total_timeout_ms = conf->timeout_s * 1000,
	};
	ok = http_client_do(client, &request, &answer, e);
	/* It was taken, whatever else it had to say. */
	if (!ok && answer.status >= 200 && answer.status <= 299 && e->kind == ERR_PEER &&
	    answer.bytes > ANSWER_MAX)
		ok = true;
	else
		ok = ok && webhook_status(conf->url, &answer, e);
	http_answer_fini(&answer);
	http_client_free(&client);
	free(body);
	json_decref(root);
	return ok;
}
