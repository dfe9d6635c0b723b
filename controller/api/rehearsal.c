/* SPDX-License-Identifier: Apache-2.0 */
/* The account is made and deleted here; that it moves is a job like any other. */
#include "controller/api/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/controller.h"
#include "controller/json_values.h"
#include "controller/policy_conf.h"
#include "controller/seeding_live.h"
#include "controller/world_private.h"
#include "controller/zimbra/rehearsal.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

#define SOAP_MS 30000

struct rehearsal {
	struct work work;
	struct world_live *w;
	struct api_request *rq;
	struct directory *directory; /* to find the account; NULL: it is made */
	char name[WORLD_NAME];
	char id[LIMIT_ID];
	char from[WORLD_NAME], to[WORLD_NAME];
	const char *way_out;
};

/* --- which nodes --- */

struct choice {
	struct controller *controller;
	const struct fleet_node *first, *second;
};

/* First those on whose Zimbra seeding is not proven, then by room. */
static bool
choice_prefers(struct choice *c, const struct fleet_node *n, const struct fleet_node *to)
{
	bool news, old;

	if (to == NULL)
		return true;
	news = seeding_live_is_unproven(c->controller, n->zimbra_version);
	old = seeding_live_is_unproven(c->controller, to->zimbra_version);
	return news != old ? news : n->spool_free_bytes > to->spool_free_bytes;
}

/* It goes there and back, so both must be able to take it. */
static bool
choice_may_be(const struct choice *c, const struct fleet_node *n)
{
	const struct world_live *w = c->controller->world;
	const struct policy_rule_conf *rule =
	    policy_conf_node(c->controller->conf, n->name);

	return n->connected && n->healthy && n->has_inventory &&
	       (rule == NULL || rule->target) && !w->cordoned(w->cordoned_ctx, n->name);
}

static void
on_node(const struct fleet_node *n, void *ctx)
{
	struct choice *c = ctx;

	if (!choice_may_be(c, n))
		return;
	if (choice_prefers(c, n, c->first)) {
		c->second = c->first;
		c->first = n;
	} else if (choice_prefers(c, n, c->second)) {
		c->second = n;
	}
}

/* --- on the pool --- */

static bool
rehearsal_begin_run(struct work *work)
{
	struct rehearsal *x = (struct rehearsal *)work;
	struct soap_client *c = live_soap(x->w, x->from, SOAP_MS, &work->cancelled);
	bool ok = rehearsal_make(c, x->name, x->from, x->id, sizeof(x->id), &work->err);

	soap_client_free(&c);
	return ok;
}

/* A client of the server where it lives now; *out NULL: it is gone. */
static bool
rehearsal_meet(struct rehearsal *x, struct soap_client **out)
{
	*out = NULL;
	if (!rehearsal_find(x->directory, x->id, x->from, sizeof(x->from), &x->work.err))
		return false;
	if (x->from[0] != '\0')
		*out = live_soap(x->w, x->from, SOAP_MS, &x->work.cancelled);
	return true;
}

static bool
rehearsal_work_run(struct work *work)
{
	struct rehearsal *x = (struct rehearsal *)work;
	struct soap_client *c;
	bool ok;

	if (!rehearsal_meet(x, &c))
		return false;
	ok = c == NULL ? err_set(&work->err, ERR_REFUSED, "account %s: is gone", x->id)
		       : rehearsal_work_in(c, x->id, &work->err);
	soap_client_free(&c);
	return ok;
}

static bool
rehearsal_end_run(struct work *work)
{
	struct rehearsal *x = (struct rehearsal *)work;
	struct soap_client *c;
	bool ok;

	if (!rehearsal_meet(x, &c))
		return false;
	ok = c == NULL || rehearsal_end(c, x->directory, x->id, &work->err);
	soap_client_free(&c);
	return ok;
}

/* --- on the loop --- */

static void
rehearsal_done(struct work *work)
{
	struct rehearsal *x = (struct rehearsal *)work;
	struct err e = work->err;

	if (x->directory != NULL)
		live_give_directory(x->w, x->directory);
	if (work->ok)
		api_reply(x->rq, 200,
		    json_pack("{sosssoso}", "account", json_text(x->name), "account_id",
			x->id, "from", json_text(x->from), "to", json_text(x->to)));
	else
		api_refuse(x->rq, &e, x->way_out);
	free(x);
}

static void
rehearsal_submit(struct rehearsal *x)
{
	struct err e;

	x->work.done = rehearsal_done;
	if (work_submit(x->w->loop, &x->work, &e))
		return;
	if (x->directory != NULL)
		live_give_directory(x->w, x->directory);
	api_refuse(x->rq, &e, "in a few seconds, once more");
	free(x);
}

static struct rehearsal *
rehearsal_new(struct api_request *rq, struct err *e)
{
	struct controller *c = rq->ctx;
	struct choice choice = {.controller = c};
	struct rehearsal *x;

	fleet_each(c->fleet, on_node, &choice);
	if (choice.second == NULL) {
		err_set(e, ERR_REFUSED,
		    "a rehearsal needs two nodes that are well, with their agents, and "
		    "may take mailboxes (a cordoned one may not)");
		return NULL;
	}
	x = XNEW(struct rehearsal);
	x->w = c->world;
	x->rq = rq;
	snprintf(x->from, sizeof(x->from), "%s", choice.first->name);
	snprintf(x->to, sizeof(x->to), "%s", choice.second->name);
	return x;
}

void
post_rehearsal(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	const char *domain = strchr(c->conf->zimbra_admin, '@');
	struct err e;
	struct rehearsal *x = rehearsal_new(rq, &e);

	if (x == NULL || domain == NULL) {
		free(x);
		if (domain == NULL)
			err_set(&e, ERR_REFUSED, "zimbra_admin has no domain");
		api_refuse(rq, &e, "zmferry nodes");
		return;
	}
	snprintf(x->name, sizeof(x->name), REHEARSAL_PREFIX "%llx%.150s",
	    (unsigned long long)clock_wall_ms(), domain);
	snprintf(rq->deed, sizeof(rq->deed), "make the scratch account %.100s", x->name);
	x->way_out = "what is left of it: zmprov sa 'mail=zmferry-rehearsal-*'";
	x->work.run = rehearsal_begin_run;
	rehearsal_submit(x);
}

/* Something is done in the account that is named. */
static void
rehearsal_post(struct api_request *rq, const char *deed, const char *way_out,
    bool (*run)(struct work *work))
{
	const char *id = json_string_value(json_object_get(rq->body, "account_id"));
	struct controller *c = rq->ctx;
	struct err e;
	struct rehearsal *x;

	if (id == NULL || id[0] == '\0' || strlen(id) >= LIMIT_ID) {
		err_set(&e, ERR_REFUSED, "to %s its account_id is needed", deed);
		api_refuse(rq, &e, "zmferry doctor --rehearse does all of it");
		return;
	}
	x = XNEW(struct rehearsal);
	x->w = c->world;
	x->rq = rq;
	snprintf(x->id, sizeof(x->id), "%s", id);
	snprintf(rq->deed, sizeof(rq->deed), "%s %.60s", deed, id);
	x->way_out = way_out;
	x->directory = live_take_directory(x->w);
	x->work.run = run;
	rehearsal_submit(x);
}

void
post_rehearsal_work(struct api_request *rq)
{
	rehearsal_post(rq, "work in the scratch account",
	    "zmferry doctor --rehearse does all of it", rehearsal_work_run);
}

void
post_rehearsal_end(struct api_request *rq)
{
	rehearsal_post(rq, "delete the scratch account",
	    "zmprov da, if it is really to go", rehearsal_end_run);
}
