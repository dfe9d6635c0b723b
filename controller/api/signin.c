/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one exchange: a token of Zimbra's, or a name and a password, against a session of our
 * own. What came in is sent to Zimbra once and wiped; it is never logged, never kept.
 */
#include <stdio.h>
#include <string.h>

#include "controller/api/changes.h"
#include "controller/api/gate.h"
#include "proto/base/log.h"

#define TOKEN_MAX 8192
#define PASSWORD_MAX 1024

static const char *
text_of(const struct api_request *rq, const char *key, size_t max)
{
	const char *text = json_string_value(json_object_get(rq->body, key));

	return text != NULL && text[0] != '\0' && strlen(text) <= max ? text : NULL;
}

/* It was copied for the question; here it must not stay. */
static void
forget(const char *secret)
{
	if (secret != NULL)
		secret_wipe((void *)(uintptr_t)secret, strlen(secret));
}

static void
on_exchanged(void *owner, const struct rights_person *person, const struct err *e)
{
	struct api_request *rq = owner;
	struct controller *c = rq->ctx;
	const char *origin = gate_origin(rq);
	char secret[SESSION_SECRET_TEXT];
	char text[LIMIT_TEXT];
	const struct session *s;
	json_t *view;

	if (person == NULL) {
		log_warn(NULL, "api: nobody signed in from %s: %s", rq->address, e->text);
		if (e->kind == ERR_REFUSED)
			api_problem(rq, 403, "refused", e->text,
			    "sign in as an administrator of this Zimbra");
		else
			api_problem(rq, 503, "retry", e->text,
			    "on the controller's machine the command works without "
			    "Zimbra: zmferry status");
		return;
	}
	s = sessions_add(
	    gate_sessions(c->gate), person, origin == NULL ? "?" : origin, secret);
	snprintf(text, sizeof(text), "%.255s signed in from %s%s%.80s", s->name,
	    rq->address, s->origin[0] == '\0' ? "" : " at ", s->origin);
	journal_event(c->journal, "audit", "api", text);
	view = session_view(s);
	json_object_set_new(view, "secret", json_string(secret));
	secret_wipe(secret, sizeof(secret));
	api_reply(rq, 201, json_pack("{so}", "session", view));
}

void
post_session(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const char *token = text_of(rq, "token", TOKEN_MAX);
	const char *kind = text_of(rq, "kind", 16);
	const char *name = text_of(rq, "name", 255);
	const char *password = text_of(rq, "password", PASSWORD_MAX);
	bool is_delegated = kind != NULL && strcmp(kind, "delegated") == 0;
	bool own_page =
	    !rq->local && gate_origin(rq) != NULL && gate_origin(rq)[0] == '\0';

	if (rq->local)
		api_problem(rq, 409, "refused", "the unix socket needs no session",
		    "send the request without one");
	else if (is_delegated && !c->conf->api_delegated_tokens)
		api_problem(rq, 403, "refused", "delegated tokens are not taken here",
		    "set api_delegated_tokens = yes in controller.conf");
	else if (token != NULL && name == NULL && password == NULL)
		rights_exchange(c,
		    is_delegated ? CREDENTIAL_DELEGATED_TOKEN : CREDENTIAL_ADMIN_TOKEN,
		    NULL, token, on_exchanged, rq);
	else if (token == NULL && name != NULL && password != NULL && own_page)
		rights_exchange(c, CREDENTIAL_PASSWORD, name, password, on_exchanged, rq);
	else
		api_problem(rq, 400, "refused",
		    "a session is given for a token, or, on the controller's own page, "
		    "for name and password",
		    "POST /v1/session with {\"token\": ...}");
	forget(token);
	forget(password);
}

void
get_session(struct api_request *rq)
{
	const struct session *s = gate_session(rq);

	if (s == NULL)
		api_reply(rq, 200,
		    json_pack("{s{ssss}}", "session", "id", "", "name", rq->who));
	else
		api_reply(rq, 200, json_pack("{so}", "session", session_view(s)));
}

void
delete_session(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const struct session *s = gate_session(rq);

	if (s != NULL)
		sessions_end(gate_sessions(c->gate), s);
	api_reply(rq, 200, json_object());
}
