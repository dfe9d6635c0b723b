/* SPDX-License-Identifier: Apache-2.0 */
/* The account is made and deleted here; that it moves is a job like any other. */
#include "controller/api/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/controller.h"
#include "controller/json_values.h"
#include "controller/world_private.h"
#include "controller/zimbra/rehearsal.h"
#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

#define SOAP_MS 30000

struct rehearsal {
	struct work work;
	struct world_live *w;
	struct api_request *rq;
	struct directory *directory; /* of an end */
	char name[WORLD_NAME];
	char id[LIMIT_ID];
	char from[WORLD_NAME], to[WORLD_NAME];
};

/* --- which nodes --- */

struct choice {
	const struct fleet_node *first, *second; /* by room */
};

static void
on_node(const struct fleet_node *n, void *ctx)
{
	struct choice *c = ctx;

	if (!n->connected || !n->healthy || !n->has_inventory)
		return;
	if (c->first == NULL || n->spool_free_bytes > c->first->spool_free_bytes) {
		c->second = c->first;
		c->first = n;
	} else if (c->second == NULL ||
		   n->spool_free_bytes > c->second->spool_free_bytes) {
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

static bool
rehearsal_end_run(struct work *work)
{
	struct rehearsal *x = (struct rehearsal *)work;
	struct soap_client *c = live_soap(x->w, x->from, SOAP_MS, &work->cancelled);
	bool ok = rehearsal_end(c, x->directory, x->id, &work->err);

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
		api_refuse(x->rq, &e,
		    x->name[0] == '\0'
			? "zmprov da, if it is really to go"
			: "what is left of it: zmprov sa 'mail=zmferry-rehearsal-*'");
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
	struct choice choice = {NULL, NULL};
	struct rehearsal *x;

	fleet_each(c->fleet, on_node, &choice);
	if (choice.second == NULL) {
		err_set(e, ERR_REFUSED,
		    "a rehearsal needs two nodes that are well, with their agents");
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
	x->work.run = rehearsal_begin_run;
	rehearsal_submit(x);
}

void
post_rehearsal_end(struct api_request *rq)
{
	const char *id = json_string_value(json_object_get(rq->body, "account_id"));
	struct err e;
	struct rehearsal *x;

	if (id == NULL || id[0] == '\0' || strlen(id) >= LIMIT_ID) {
		err_set(&e, ERR_REFUSED, "the end of a rehearsal needs its account_id");
		api_refuse(rq, &e, "zmferry doctor --rehearse does all of it");
		return;
	}
	x = rehearsal_new(rq, &e);
	if (x == NULL) {
		api_refuse(rq, &e, "zmferry nodes");
		return;
	}
	snprintf(x->id, sizeof(x->id), "%s", id);
	snprintf(rq->deed, sizeof(rq->deed), "delete the scratch account %.60s", id);
	x->directory = live_take_directory(x->w);
	x->work.run = rehearsal_end_run;
	rehearsal_submit(x);
}
