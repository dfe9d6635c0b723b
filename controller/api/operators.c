/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a name gets a key and a certificate, once, in an answer that only the
 * unix socket gives; the journal keeps its fingerprint. What can go wrong with one that is
 * shown: it is over, of another authority, revoked, or replaced by a later one.
 */
#include "controller/api/operators.h"

#include <stdio.h>
#include <string.h>

#include "controller/alert/alert.h"
#include "controller/controller.h"
#include "controller/journal_operators.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

#define DAY_MS (24 * 3600 * 1000LL)
#define SOON_MS (14 * DAY_MS)
#define LOOK_MS 3600000u

static void
operator_add(const struct operator_row *row, void *ctx)
{
	char made[40];
	char ends[40];

	clock_format(row->made_ms, made, sizeof(made));
	clock_format(row->ends_ms, ends, sizeof(ends));
	json_array_append_new(ctx,
	    json_pack("{sssssssbss}", "name", row->name, "made", made, "ends", ends,
		"is_over", row->ends_ms <= clock_wall_ms(), "made_by", row->made_by));
}

void
get_operators(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	json_t *rows = json_array();
	struct err e;

	if (journal_operators_each(c->journal, operator_add, rows, &e)) {
		api_reply(rq, 200, json_pack("{so}", "operators", rows));
		return;
	}
	json_decref(rows);
	api_refuse(rq, &e, "zmferry status");
}

static bool
operator_name_is_one(const char *name)
{
	return name != NULL && name[0] != '\0' && strlen(name) < OPERATOR_NAME &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"
			    "89.-_@") == strlen(name);
}

static bool
operator_make(
    struct controller *c, struct operator_row *row, struct buf *bundle, struct err *e)
{
	char name[TLS_NAME_MAX];
	int64_t ends_s;

	snprintf(name, sizeof(name), TLS_OPERATOR "%s", row->name);
	if (!tls_ca_issue(c->conf->state_dir, name, TLS_OPERATOR_DAYS, bundle, e) ||
	    !tls_bundle_look(buf_str(bundle), row->fingerprint, &ends_s, e))
		return false;
	row->made_ms = clock_wall_ms();
	row->ends_ms = ends_s * 1000;
	return journal_operator_save(c->journal, row, e);
}

/* --- their ends --- */

static void
operator_subject(const char *name, char *out, size_t size)
{
	snprintf(out, size, "certificate:operator:%.60s", name);
}

/* What is over needs no word here: whoever shows it is told. */
static void
operator_tell(const struct operator_row *row, void *ctx)
{
	struct controller *c = ctx;
	int64_t left_ms = row->ends_ms - clock_wall_ms();
	char subject[100];
	char days[24];

	operator_subject(row->name, subject, sizeof(subject));
	snprintf(days, sizeof(days), "%lld", (long long)(left_ms / DAY_MS));
	if (left_ms > 0 && left_ms < SOON_MS)
		alert_raise(c->alerts, ALERT_CERTIFICATE_OPERATOR, subject,
		    ALERT_FACTS("name", row->name, "days", days));
	else
		alert_clear(c->alerts, subject);
}

void
operators_tick(struct controller *c)
{
	uint64_t now = clock_mono_ms();
	struct err e;

	if (c->operators_looked_ms != 0 && now - c->operators_looked_ms < LOOK_MS)
		return;
	c->operators_looked_ms = now;
	if (!journal_operators_each(c->journal, operator_tell, c, &e))
		log_error(NULL, "%s", e.text);
}

/* --- making and ending one --- */

void
post_operator(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const char *name = json_string_value(json_object_get(rq->body, "name"));
	struct operator_row row = {.name = ""};
	struct buf bundle;
	char ends[40];
	struct err e;

	if (!operator_name_is_one(name)) {
		err_set(&e, ERR_REFUSED,
		    "an operator needs a name of at most %d letters, digits and . - _ @",
		    OPERATOR_NAME - 1);
		api_refuse(rq, &e, "zmferry operator enroll alice@example.org");
		return;
	}
	snprintf(rq->deed, sizeof(rq->deed), "a certificate for operator %s", name);
	if (c->web == NULL) {
		err_set(&e, ERR_REFUSED,
		    "there is no API over HTTPS that a certificate could be shown to");
		api_refuse(rq, &e,
		    "set api_listen_address in controller.conf, restart the controller");
		return;
	}
	snprintf(row.name, sizeof(row.name), "%s", name);
	snprintf(row.made_by, sizeof(row.made_by), "%s", rq->who);
	buf_init(&bundle, 1024 * 1024);
	if (operator_make(c, &row, &bundle, &e)) {
		operator_tell(&row, c);
		clock_format(row.ends_ms, ends, sizeof(ends));
		api_reply(rq, 201,
		    json_pack("{sssssssi}", "name", row.name, "ends", ends, "bundle",
			buf_str(&bundle), "port", (int)c->conf->api_port));
	} else {
		api_refuse(rq, &e, "zmferry doctor");
	}
	buf_wipe(&bundle);
}

void
post_operator_revoke(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	struct operator_row row;
	char subject[100];
	struct err e;

	snprintf(rq->deed, sizeof(rq->deed), "revoke operator %.60s", rq->id);
	if (!journal_operator_find(c->journal, rq->id, &row)) {
		err_set(&e, ERR_REFUSED, "operator %.60s: there is none of that name",
		    rq->id);
		api_refuse(rq, &e, "zmferry operators");
	} else if (!journal_operator_forget(c->journal, row.name, &e)) {
		api_refuse(rq, &e, "zmferry status");
	} else {
		operator_subject(row.name, subject, sizeof(subject));
		alert_clear(c->alerts, subject);
		api_reply(rq, 200, json_pack("{ss}", "name", row.name));
	}
}

/* --- what a request comes with --- */

/* A certificate is the command's. What comes from a page is a browser's, which would show it
   for whatever page asks it to. */
static bool
is_of_a_page(const struct api_request *rq)
{
	return api_header(rq, "Origin") != NULL || api_header(rq, "Referer") != NULL ||
	       api_header(rq, "Sec-Fetch-Site") != NULL ||
	       api_header(rq, "Authorization") != NULL;
}

static void
operator_journaled(const struct api_request *rq, const struct api_certificate *shown,
    struct operator_answer *out)
{
	const struct controller *c = rq->ctx;
	const char *name = shown->name + sizeof(TLS_OPERATOR) - 1;
	struct operator_row row;

	snprintf(out->next, sizeof(out->next),
	    "on the controller's machine: zmferry operator enroll %.60s", name);
	if (!journal_operator_find(c->journal, name, &row))
		snprintf(out->text, sizeof(out->text),
		    "the certificate of operator %.60s was revoked, or this controller "
		    "did not "
		    "make it",
		    name);
	else if (strcmp(row.fingerprint, shown->fingerprint) != 0)
		snprintf(out->text, sizeof(out->text),
		    "this certificate of operator %.60s was replaced by a later one",
		    name);
	else
		snprintf(out->name, sizeof(out->name), "%s", shown->name);
}

void
operators_look(const struct api_request *rq, struct operator_answer *out)
{
	struct api_certificate shown;
	enum api_shown what;

	memset(out, 0, sizeof(*out));
	if (rq->local || is_of_a_page(rq))
		return;
	what = api_certificate_of(rq, &shown);
	if (what == API_SHOWN_NOTHING)
		return;
	if (what != API_SHOWN_FOREIGN &&
	    strncmp(shown.name, TLS_OPERATOR, sizeof(TLS_OPERATOR) - 1) != 0)
		what = API_SHOWN_FOREIGN;
	if (what == API_SHOWN_GOOD) {
		operator_journaled(rq, &shown, out);
		return;
	}
	if (what == API_SHOWN_ENDED)
		snprintf(out->text, sizeof(out->text),
		    "the certificate of operator %.60s is over, or not valid yet",
		    shown.name + sizeof(TLS_OPERATOR) - 1);
	else
		snprintf(out->text, sizeof(out->text),
		    "this is no operator's certificate of this controller");
	snprintf(out->next, sizeof(out->next),
	    "on the controller's machine: zmferry operator enroll NAME");
}
