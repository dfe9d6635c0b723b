/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: the directory names the mailbox servers, the first of them that
 * answers is asked, by the person's own token (who am I, what may I) or by the
 * controller's own session (may this person). What can go wrong: LDAP or all of Zimbra
 * away, a token that ran out, a right that is missing. Not here: sessions (session.c).
 */
#include "controller/api/rights_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"

#define ASK_TIMEOUT_MS 8000

/* --- who can be asked --- */

static bool
on_server(const struct server_facts *s, void *ctx)
{
	struct host_list *list = ctx;

	if (!s->has_mailbox)
		return true;
	list->names = xrealloc_array(list->names, list->count + 1, sizeof(*list->names));
	snprintf(list->names[list->count++], WORLD_NAME, "%s", s->host);
	return true;
}

bool
rights_hosts(struct rights_job *job, struct err *e)
{
	if (!directory_list_servers(job->directory, on_server, &job->hosts, e))
		return err_wrap(e, "the directory cannot be asked");
	return job->hosts.count > 0 ||
	       err_set(e, ERR_RETRY, "the directory has no mailbox server to ask");
}

static struct soap_client *
rights_client(const struct rights_job *job, const char *host, const char *name,
    const struct secret *password, const struct secret *token)
{
	const struct controller_conf *conf = job->c->conf;
	const struct soap_options options = {
	    .host = host,
	    .admin_port = conf->zimbra_admin_port,
	    .admin_name = name,
	    .admin_password = password,
	    .token = token,
	    .ca_file = conf->zimbra_ca_file,
	    .resolve = (const char *const *)conf->resolve,
	    .timeout_ms = ASK_TIMEOUT_MS,
	    .cancelled = &job->work.cancelled,
	};

	return soap_client_new(&options);
}

/* The controller's own session at one server. */
struct soap_client *
rights_own_client(const struct rights_job *job, const char *host)
{
	return rights_client(
	    job, host, job->c->conf->zimbra_admin, job->c->world->admin_password, NULL);
}

/* --- the person's own token --- */

static void
rights_target(struct soap_request *r, const char *server)
{
	soap_open(r, "target");
	soap_attr(r, "type", "server");
	soap_attr(r, "by", "name");
	soap_text(r, server);
	soap_close(r);
}

/* "me" and my rights on one server. Never a grantee named by the client. */
static bool
rights_effective(
    struct soap_client *c, const char *server, struct rights_person *p, struct err *e)
{
	struct soap_request *r =
	    soap_request_new(SOAP_ADMIN, "GetEffectiveRightsRequest");
	struct soap_answer *answer = NULL;
	json_t *found = json_array();
	bool ok;

	rights_target(r, server);
	ok = soap_call(c, r, &answer, e);
	if (ok) {
		const struct soap_node *me = soap_child(soap_body(answer), "grantee");
		const struct soap_node *target = soap_child(soap_body(answer), "target");
		const char *id = me == NULL ? NULL : soap_get(me, "id");
		const char *name = me == NULL ? NULL : soap_get(me, "name");

		if (id == NULL || name == NULL || target == NULL ||
		    strlen(id) >= sizeof(p->id) ||
		    (p->id[0] != '\0' && strcmp(p->id, id) != 0))
			ok = err_set(
			    e, ERR_PEER, "Zimbra's answer about rights names nobody");
		if (ok) {
			snprintf(p->id, sizeof(p->id), "%s", id);
			snprintf(p->name, sizeof(p->name), "%s", name);
		}
		for (const struct soap_node *n = ok ? soap_child(target, "right") : NULL;
		     n != NULL; n = soap_next(n, "right")) {
			const char *right = soap_get(n, "n");

			if (right != NULL && json_array_size(found) < 400)
				json_array_append_new(found, json_string(right));
		}
	}
	if (ok && json_array_size(found) > 0)
		json_object_set(p->rights, server, found);
	json_decref(found);
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

/* What a refusal of Zimbra's means to the person who wants in. */
static bool
rights_refusal(const struct rights_job *job, const char *fault, struct err *e)
{
	if (strcmp(fault, "account.AUTH_FAILED") == 0)
		return err_set(
		    e, ERR_REFUSED, "Zimbra does not know this name with this password");
	if (strcmp(fault, "service.AUTH_EXPIRED") == 0 ||
	    strcmp(fault, "service.AUTH_REQUIRED") == 0)
		return err_set(e, ERR_REFUSED,
		    job->kind == CREDENTIAL_PASSWORD
			? "Zimbra let the login expire at once"
			: "Zimbra does not accept this token any more; sign in at the "
			  "console again");
	if (strcmp(fault, "service.PERM_DENIED") == 0)
		return err_set(
		    e, ERR_REFUSED, "Zimbra says that this is no administrator");
	if (e->kind != ERR_RETRY)
		e->kind = ERR_REFUSED;
	return err_wrap(e, "Zimbra refuses");
}

/* Rights on every server, asked at this one. */
static bool
rights_of_token(struct rights_job *job, struct soap_client *c, struct err *e)
{
	for (size_t i = 0; i < job->hosts.count; i++) {
		if (!rights_effective(c, job->hosts.names[i], &job->person, e))
			return false;
	}
	return true;
}

/* --- a delegated token: proves an account, nothing more --- */

/* The id in it, not yet to be trusted: "..._HEX_HEX of id=36:UUID;..." */
static bool
rights_claimed_id(const char *token, char *out, size_t size, struct err *e)
{
	const char *hex = strrchr(token, '_');
	char text[400] = "";
	size_t length = 0;
	const char *id;

	for (hex = hex == NULL ? "" : hex + 1; hex[0] != '\0' && hex[1] != '\0';
	     hex += 2) {
		unsigned byte;

		if (length + 1 >= sizeof(text) || sscanf(hex, "%2x", &byte) != 1)
			break;
		text[length++] = (char)byte;
	}
	id = strstr(text, "id=36:");
	if (id == NULL || strlen(id) < 42 || size < 37)
		return err_set(e, ERR_REFUSED, "this is no token of Zimbra's");
	memcpy(out, id + 6, 36);
	out[36] = '\0';
	return strspn(out, "0123456789abcdefABCDEF-") == 36 ||
	       err_set(e, ERR_REFUSED, "this is no token of Zimbra's");
}

static bool
rights_prove(struct soap_client *own, const char *token, const char *id, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ACCOUNT, "AuthRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	soap_open(r, "account");
	soap_attr(r, "by", "id");
	soap_text(r, id);
	soap_close(r);
	soap_open(r, "authToken");
	soap_attr(r, "verifyAccount", "1");
	soap_text(r, token);
	soap_close(r);
	ok = soap_call(own, r, &answer, e);
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

bool
rights_may(struct soap_client *own, const char *admin_id, const char *server,
    const char *right, bool *allowed_out, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "CheckRightRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	rights_target(r, server);
	soap_open(r, "grantee");
	soap_attr(r, "type", "usr");
	soap_attr(r, "by", "id");
	soap_text(r, admin_id);
	soap_close(r);
	soap_open(r, "right");
	soap_text(r, right);
	soap_close(r);
	ok = soap_call(own, r, &answer, e);
	if (ok) {
		const char *allow = soap_get(soap_body(answer), "allow");

		*allowed_out = allow != NULL &&
			       (strcmp(allow, "1") == 0 || strcmp(allow, "true") == 0);
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

static bool
rights_of_delegated(struct rights_job *job, struct soap_client *own, struct err *e)
{
	const char *token = secret_reveal(job->secret);
	struct rights_person *p = &job->person;

	if (!rights_claimed_id(token, p->id, sizeof(p->id), e) ||
	    !rights_prove(own, token, p->id, e))
		return false;
	for (size_t i = 0; i < job->hosts.count; i++) {
		json_t *found = json_array();
		bool from = false;
		bool to = false;
		bool ok =
		    rights_may(own, p->id, job->hosts.names[i], RIGHT_FROM, &from, e) &&
		    rights_may(own, p->id, job->hosts.names[i], RIGHT_TO, &to, e);

		if (from)
			json_array_append_new(found, json_string(RIGHT_FROM));
		if (to)
			json_array_append_new(found, json_string(RIGHT_TO));
		if (from || to)
			json_object_set(p->rights, job->hosts.names[i], found);
		json_decref(found);
		if (!ok)
			return false;
	}
	return true;
}

/* --- exchange --- */

/* The account as the directory has it: there, active, and who it is. */
bool
rights_account(struct rights_job *job, const char *id, char *name, size_t size,
    bool *is_global, struct err *e)
{
	struct account_facts facts = {0};
	bool found = false;
	bool ok;

	if (!directory_read_account(job->directory, id, &found, &facts, e))
		return err_wrap(e, "the directory cannot be asked");
	ok = found && strcmp(facts.status, "active") == 0 &&
	     (facts.domain_status[0] == '\0' ||
		 strcmp(facts.domain_status, "active") == 0);
	if (found) {
		snprintf(name, size, "%s", facts.name);
		*is_global = facts.is_admin;
	}
	account_facts_fini(&facts);
	return ok || err_set(e, ERR_REFUSED,
			 "this administrator's account is not active any more");
}

static bool
rights_exchange_at(struct rights_job *job, struct soap_client *c, struct err *e)
{
	json_object_clear(job->person.rights);
	if (job->kind == CREDENTIAL_DELEGATED_TOKEN)
		return rights_of_delegated(job, c, e);
	return rights_of_token(job, c, e);
}

static bool
rights_run_exchange(struct work *work)
{
	struct rights_job *job = (struct rights_job *)work;
	struct err *e = &work->err;
	bool asked = false;
	bool ok = false;

	if (!rights_hosts(job, e))
		return false;
	for (size_t i = 0; i < job->hosts.count && !asked; i++) {
		const char *host = job->hosts.names[i];
		struct soap_client *c =
		    job->kind == CREDENTIAL_PASSWORD
			? rights_client(job, host, job->name, job->secret, NULL)
		    : job->kind == CREDENTIAL_ADMIN_TOKEN
			? rights_client(job, host, NULL, NULL, job->secret)
			: rights_own_client(job, host);

		ok = rights_exchange_at(job, c, e);
		if (!ok && soap_fault(c)[0] != '\0')
			rights_refusal(job, soap_fault(c), e);
		asked = ok ||
			e->kind == ERR_REFUSED; /* else the next server may know better */
		soap_client_free(&c);
	}
	if (!ok)
		return false;
	if (!rights_account(job, job->person.id, job->person.name,
		sizeof(job->person.name), &job->person.is_global, e))
		return false;
	return json_object_size(job->person.rights) > 0 ||
	       err_set(e, ERR_REFUSED,
		   "%.200s has no right on any mailbox server; give "
		   "moveMailboxFromServer with zmprov grr",
		   job->person.name);
}

void
rights_job_free(struct rights_job *job)
{
	live_give_directory(job->c->world, job->directory);
	free(job->hosts.names);
	free(job->name);
	secret_free(&job->secret);
	json_decref(job->person.rights);
	free(job);
}

static void
rights_exchange_done(struct work *work)
{
	struct rights_job *job = (struct rights_job *)work;

	if (!job->c->stopping)
		job->exchanged(job->owner, work->ok ? &job->person : NULL, &work->err);
	rights_job_free(job);
}

struct rights_job *
rights_job_new(struct controller *c, void *owner)
{
	struct rights_job *job = XNEW(struct rights_job);

	job->c = c;
	job->owner = owner;
	job->directory = live_take_directory(c->world);
	return job;
}

void
rights_submit(struct rights_job *job)
{
	if (work_submit(&job->c->loop, &job->work, &job->work.err))
		return;
	job->work.ok = false;
	job->work.done(&job->work);
}

void
rights_exchange(struct controller *c, enum credential_kind kind, const char *name,
    const char *secret, rights_exchange_fn done, void *owner)
{
	struct rights_job *job = rights_job_new(c, owner);

	job->kind = kind;
	job->name = xstrdup(name);
	job->secret = secret_new(secret, strlen(secret));
	job->person.rights = json_object();
	job->exchanged = done;
	job->work.run = rights_run_exchange;
	job->work.done = rights_exchange_done;
	rights_submit(job);
}
