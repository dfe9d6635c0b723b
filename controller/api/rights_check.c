/* SPDX-License-Identifier: Apache-2.0 */
/* May this be done, now? Asked of Zimbra, for each server that a plan of that kind touches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/rights_private.h"
#include "proto/base/xalloc.h"

/* "mbs1" is "mbs1.example.org" when only one begins so, as in plans. */
static const char *
rights_server(const struct rights_job *job, const char *name, struct err *e)
{
	const char *found = NULL;
	size_t length = strlen(name);

	for (size_t i = 0; i < job->hosts.count; i++) {
		const char *host = job->hosts.names[i];

		if (strcasecmp(host, name) == 0)
			return host;
		if (strncasecmp(host, name, length) != 0 || host[length] != '.')
			continue;
		if (found != NULL) {
			err_set(e, ERR_REFUSED, "node \"%.100s\" can be %.100s or %.100s",
			    name, found, host);
			return NULL;
		}
		found = host;
	}
	if (found == NULL)
		err_set(e, ERR_REFUSED,
		    "node \"%.150s\": the directory has no such mailbox server", name);
	return found;
}

static bool
rights_want(struct rights_job *job, struct soap_client *own, const char *server,
    const char *right, struct err *e)
{
	const struct rights_wish *w = &job->wish;
	bool allowed = false;

	if (!rights_may(own, w->admin_id, server, right, &allowed, e))
		return false;
	if (allowed)
		return true;
	snprintf(job->next, sizeof(job->next), "zmprov grr server %s usr %s %s", server,
	    w->admin_name, right);
	return err_set(
	    e, ERR_REFUSED, "%s has no right %s on %s", w->admin_name, right, server);
}

/* Every named target by its full name, into out. */
static bool
rights_targets(struct rights_job *job, char *out, size_t size, struct err *e)
{
	char *copy = xstrdup(job->wish.to);
	char *rest = copy;
	char *name;
	size_t length = 0;
	bool ok = true;

	out[0] = '\0';
	if (copy[0] == '\0') {
		free(copy);
		return true;
	}
	while (ok && (name = strsep(&rest, ",")) != NULL) {
		const char *host = rights_server(job, name, e);

		ok = host != NULL &&
		     (length + strlen(host) + 2 <= size ||
			 err_set(e, ERR_REFUSED, "too many targets are named"));
		if (ok)
			length += (size_t)snprintf(out + length, size - length, "%s%s",
			    length == 0 ? "" : ",", host);
	}
	free(copy);
	return ok;
}

/* The right on every server but one; "" = on all. */
static bool
rights_want_all(struct rights_job *job, struct soap_client *own, const char *but,
    const char *right, struct err *e)
{
	bool ok = true;

	for (size_t i = 0; ok && i < job->hosts.count; i++) {
		if (strcmp(job->hosts.names[i], but) != 0)
			ok = rights_want(job, own, job->hosts.names[i], right, e);
	}
	return ok;
}

/* On the named targets, or on all that are one. */
static bool
rights_want_targets(struct rights_job *job, struct soap_client *own, struct err *e)
{
	char *copy;
	char *rest;
	char *name;
	bool ok = true;

	if (job->wish.to[0] == '\0')
		return rights_want_all(job, own, job->wish.node, RIGHT_TO, e);
	copy = rest = xstrdup(job->wish.to);
	while (ok && (name = strsep(&rest, ",")) != NULL)
		ok = rights_want(job, own, name, RIGHT_TO, e);
	free(copy);
	return ok;
}

/* A node that comes in may be in the directory already: half way, or once before. NULL = no. */
static const char *
rights_known(const struct rights_job *job, const char *name)
{
	for (size_t i = 0; i < job->hosts.count; i++) {
		if (strcasecmp(job->hosts.names[i], name) == 0)
			return job->hosts.names[i];
	}
	return NULL;
}

/* Of a server that is not there yet Zimbra has no rights to tell: who may all may this. */
bool
rights_judge_person(
    const struct rights_wish *w, bool is_global, char *next, size_t size, struct err *e)
{
	if (w->kind != PLAN_ADD || w->only_from || is_global)
		return true;
	snprintf(next, size,
	    "a global administrator asks for it; or on the controller's machine: zmferry "
	    "add %s",
	    w->node);
	return err_set(e, ERR_REFUSED,
	    "%s is no global administrator, and only those may add a node",
	    w->admin_name);
}

static bool
rights_check_at(struct rights_job *job, struct soap_client *own, struct err *e)
{
	const struct rights_wish *w = &job->wish;

	if (w->kind == PLAN_RESTORE)
		return rights_want_all(job, own, w->node, RIGHT_FROM, e) &&
		       (w->only_from || rights_want(job, own, w->node, RIGHT_TO, e));
	if (w->kind == PLAN_ADD)
		return rights_want_all(job, own, w->node, RIGHT_FROM, e) &&
		       (w->only_from || rights_known(job, w->node) == NULL ||
			   rights_want(job, own, w->node, RIGHT_TO, e));
	if (w->kind == PLAN_REBALANCE)
		return rights_want_all(job, own, "", RIGHT_FROM, e) &&
		       (w->only_from || rights_want_targets(job, own, e));
	return rights_want(job, own, w->node, RIGHT_FROM, e) &&
	       (w->only_from || ((w->kind != PLAN_REMOVE ||
				     rights_want(job, own, w->node, RIGHT_DELETE, e)) &&
				    rights_want_targets(job, own, e)));
}

static bool
rights_run_check(struct work *work)
{
	struct rights_job *job = (struct rights_job *)work;
	struct rights_wish *w = &job->wish;
	struct err *e = &work->err;
	char to[sizeof(w->to)];
	char name[256] = "";
	const char *node;
	bool is_global = false;
	bool asked = false;
	bool ok = false;

	if (!rights_hosts(job, e) ||
	    !rights_account(job, w->admin_id, name, sizeof(name), &is_global, e))
		return false;
	if (!rights_judge_person(w, is_global, job->next, sizeof(job->next), e))
		return false;
	if (w->kind == PLAN_ADD) {
		w->to[0] = '\0'; /* it is its own only target */
		node = rights_known(job, w->node);
		node = node == NULL ? w->node : node;
	} else {
		node = w->kind == PLAN_REBALANCE ? "" : rights_server(job, w->node, e);
	}
	if (node == NULL || !rights_targets(job, to, sizeof(to), e))
		return false;
	if (node != w->node)
		snprintf(w->node, sizeof(w->node), "%s", node);
	snprintf(w->to, sizeof(w->to), "%s", to);
	for (size_t i = 0; i < job->hosts.count && !asked; i++) {
		struct soap_client *own = rights_own_client(job, job->hosts.names[i]);

		ok = rights_check_at(job, own, e);
		asked = ok || e->kind == ERR_REFUSED;
		soap_client_free(&own);
	}
	if (!ok && e->kind != ERR_REFUSED)
		snprintf(job->next, sizeof(job->next),
		    "on the controller's machine the command works without Zimbra: "
		    "zmferry status");
	return ok;
}

static void
rights_check_done(struct work *work)
{
	struct rights_job *job = (struct rights_job *)work;

	if (!job->c->stopping)
		job->checked(
		    job->owner, &job->wish, work->ok ? NULL : &work->err, job->next);
	else
		free(job->owner);
	rights_job_free(job);
}

void
rights_check(struct controller *c, const struct rights_wish *wish, rights_check_fn done,
    void *owner)
{
	struct rights_job *job = rights_job_new(c, owner);

	job->wish = *wish;
	job->checked = done;
	job->work.run = rights_run_check;
	job->work.done = rights_check_done;
	rights_submit(job);
}
