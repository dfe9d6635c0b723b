/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: an ask for LDAP or SOAP becomes a work item with a connection
 * of its own for the time; its inputs were copied into the ask, its results come back
 * in it. What can go wrong: the pool is full (the ask fails with ERR_RETRY and its
 * owner tries again), the outside is away.
 */
#include "controller/world_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/world_private.h"
#include "controller/zimbra/admin.h"
#include "controller/zimbra/references.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "proto/zimbra/ports.h"

/* --- asks on the pool --- */

struct live_job {
	struct work work;
	struct world_live *w;
	struct ask *ask;
	struct directory *directory; /* for ASK_READ_ACCOUNT */
	struct soap_client *soap;    /* for SOAP's asks */
	uint64_t until_ms;	     /* done later than this it would be a surprise */
};

static bool
on_server(const struct server_facts *s, void *ctx)
{
	struct ask *a = ctx;

	if (strcasecmp(s->host, a->in.source) == 0) {
		snprintf(a->out.account.source_id, sizeof(a->out.account.source_id), "%s",
		    s->id);
		a->out.account.source_lmtp_permanent = s->lmtp_permanent_when_over_quota;
		a->out.account.source_lmtp_port = s->lmtp_port;
	}
	if (strcasecmp(s->host, a->in.target) == 0 && s->has_mailbox) {
		a->out.account.target_lmtp_permanent = s->lmtp_permanent_when_over_quota;
		snprintf(a->out.account.target_id, sizeof(a->out.account.target_id), "%s",
		    s->id);
	}
	return true;
}

void
live_account_facts(const struct account_facts *a, struct ask_account *out)
{
	memset(out, 0, sizeof(*out));
	out->found = true;
	snprintf(out->name, sizeof(out->name), "%s", a->name);
	snprintf(out->mail_host, sizeof(out->mail_host), "%s", a->mail_host);
	snprintf(out->transport, sizeof(out->transport), "%s", a->transport);
	snprintf(out->status, sizeof(out->status), "%s", a->status);
	snprintf(out->domain_status, sizeof(out->domain_status), "%s", a->domain_status);
	out->export_max_days = a->export_max_days;
	out->token_validity_enabled = a->token_validity_enabled;
	out->intercepted = a->intercepted;
}

void
live_address(const struct world_live *w, const char *host, char *out, size_t size)
{
	size_t length = strlen(host);

	snprintf(out, size, "%s", host);
	for (char **row = w->conf->resolve; row != NULL && *row != NULL; row++) {
		if (strncasecmp(*row, host, length) == 0 && (*row)[length] == '=')
			snprintf(out, size, "%s", *row + length + 1);
	}
}

static bool
live_read_account(struct live_job *job, struct err *e)
{
	struct ask *a = job->ask;
	struct ask_account *out = &a->out.account;
	struct account_facts facts;

	if (!directory_read_account(
		job->directory, a->account_id, &out->found, &facts, e))
		return false;
	if (!out->found)
		return true;
	live_account_facts(&facts, out);
	for (size_t i = 0; i < facts.alias_count && i < WORLD_ALIASES; i++)
		snprintf(
		    out->aliases[out->alias_count++], WORLD_NAME, "%s", facts.aliases[i]);
	account_facts_fini(&facts);
	out->source_lmtp_port = ZIMBRA_LMTP_PORT;
	return directory_list_servers(job->directory, on_server, a, e);
}

static bool
live_soap_ask(struct live_job *job, struct err *e)
{
	struct ask *a = job->ask;
	uint64_t now = clock_mono_ms();
	struct soap_client *c = job->soap;
	bool ok = false;

	/* A switch that stood in the pool's queue must not fall into the lease's end. */
	if (now >= job->until_ms)
		return err_set(e, ERR_RETRY, "%s: not begun: its time was over before",
		    ask_name(a->kind));
	live_limit_soap(c, job->until_ms - now, &job->work.cancelled);
	soap_client_pin(c, a->in.pin_id);
	switch (a->kind) {
	case ASK_FREEZE_READ:
		ok = freeze_read(c, a->account_id, &a->out.saved, e);
		break;
	case ASK_LOCK:
		ok = freeze_apply(c, a->account_id, &a->in.saved, e);
		break;
	case ASK_ALLOW_IMPORT:
		ok = freeze_allow_import(c, a->account_id, &a->in.saved, e);
		break;
	case ASK_RESTORE:
		ok = freeze_restore(c, a->account_id, &a->in.saved, a->in.keep_quota,
		    a->out.text, sizeof(a->out.text), e);
		break;
	case ASK_QUOTA:
		ok = freeze_restore_quota(
		    c, a->account_id, &a->in.saved, a->out.text, sizeof(a->out.text), e);
		break;
	case ASK_SET_HOME:
		ok = admin_set_home(c, a->account_id, a->in.new_home, e);
		break;
	case ASK_FLUSH:
		ok = admin_flush_account(c, a->account_id, e);
		break;
	case ASK_SESSIONS:
		ok = admin_end_sessions(c, a->account_id, e);
		break;
	case ASK_READ_ACCOUNT:
	case ASK_STANDING:
	case ASK_UNLIST:
	case ASK_PLATFORM:
	case ASK_PREFLIGHT:
	case ASK_RESERVE:
	case ASK_STAGE:
	case ASK_LEASE:
	case ASK_UNLEASE:
	case ASK_FENCE:
	case ASK_UNFENCE:
	case ASK_ROUTES:
	case ASK_MAKE:
	case ASK_STEER:
	case ASK_SEED:
	case ASK_IMPORT:
	case ASK_MEND:
	case ASK_VERIFY:
	case ASK_DROP:
	case ASK_DROP_ROW:
	case ASK_LOCKOUT:
	case ASK_PURGE:
	case ASK_KIND_COUNT:
		BUG("ask \"%s\" is not SOAP's", ask_name(a->kind));
	}
	return ok;
}

/* By a server that stays: in.target if the loop knew a healthy one, else any other. */
static bool
live_unlist(struct live_job *job, struct err *e)
{
	struct ask *a = job->ask;
	struct server_standing s;
	struct soap_client *c;
	bool ok;

	if (!directory_server_standing(job->directory, a->in.source, &s, e))
		return false;
	ok = directory_list_servers(job->directory, on_server, a, e);
	if (ok && a->out.account.target_id[0] == '\0') {
		snprintf(a->in.target, sizeof(a->in.target), "%s", s.other);
		snprintf(a->out.account.target_id, sizeof(a->out.account.target_id), "%s",
		    s.other_id);
	}
	if (ok && s.found && s.others == 0)
		ok = err_set(e, ERR_REFUSED, "it is the only mailbox server");
	if (ok && s.found) {
		c = live_soap(job->w, a->in.target, LIVE_SOAP_MS, &job->work.cancelled);
		ok = unlist_server(c, a->in.target, a->out.account.target_id, &s, e);
		soap_client_free(&c);
	}
	server_standing_fini(&s);
	return ok;
}

static bool
live_platform(struct live_job *job, struct err *e)
{
	struct ask *a = job->ask;

	return platform_do(job->w->platform, a->in.op, a->in.source,
	    a->in.destroy_volumes, &job->work.cancelled, &a->out.platform, e);
}

static bool
live_run(struct work *work)
{
	struct live_job *job = (struct live_job *)work;
	struct ask *a = job->ask;

	if (a->kind == ASK_READ_ACCOUNT)
		return live_read_account(job, &work->err);
	if (a->kind == ASK_UNLIST)
		return live_unlist(job, &work->err);
	if (a->kind == ASK_STANDING) {
		a->out.standing = XNEW(struct server_standing);
		return directory_server_standing(
			   job->directory, a->in.source, a->out.standing, &work->err) &&
		       live_platform(job, &work->err);
	}
	if (a->kind == ASK_PLATFORM)
		return live_platform(job, &work->err);
	return live_soap_ask(job, &work->err);
}

static void
live_done(struct work *work)
{
	struct live_job *job = (struct live_job *)work;
	struct ask *a = job->ask;

	if (job->directory != NULL)
		live_give_directory(job->w, job->directory);
	live_give_soap(job->w, job->soap, work->ok);
	a->ok = work->ok;
	a->err = work->err;
	free(job);
	a->done(a);
}

/* An answer that is known at once still comes later, as every other. */
struct live_late {
	uv_timer_t timer;
	struct ask *ask;
};

static void
on_late_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
on_late(uv_timer_t *timer)
{
	struct live_late *late = timer->data;

	uv_close((uv_handle_t *)timer, on_late_closed);
	late->ask->done(late->ask);
}

static void
live_fail_later(struct world_live *w, struct ask *a)
{
	struct live_late *late = XNEW(struct live_late);

	a->ok = false;
	late->ask = a;
	late->timer.data = late;
	uv_timer_init(w->loop, &late->timer);
	uv_timer_start(&late->timer, on_late, 0, 0);
}

/* A server that answers, for work that any could do. */
static void
live_pick(const struct fleet_node *n, void *ctx)
{
	struct ask *a = ctx;

	if (n->connected && n->healthy && strcasecmp(n->name, a->in.source) != 0)
		snprintf(a->in.target, sizeof(a->in.target), "%s", n->name);
}

static void
live_ask(void *ctx, struct ask *a)
{
	struct world_live *w = ctx;
	struct live_job *job;

	if (w->stopping) {
		err_set(&a->err, ERR_CANCELLED, "the controller is shutting down");
		live_fail_later(w, a);
		return;
	}
	if (ask_is_agents(a->kind)) {
		fleet_ask(w->fleet, a);
		return;
	}
	job = XNEW(struct live_job);
	job->w = w;
	job->ask = a;
	job->until_ms = clock_mono_ms() + (uint64_t)a->deadline_s * 1000;
	job->work.run = live_run;
	job->work.done = live_done;
	if (a->kind == ASK_UNLIST && a->in.target[0] == '\0')
		fleet_each(w->fleet, live_pick, a);
	if (a->kind == ASK_READ_ACCOUNT || a->kind == ASK_STANDING ||
	    a->kind == ASK_UNLIST)
		job->directory = live_take_directory(w);
	else if (a->kind != ASK_PLATFORM)
		job->soap = live_take_soap(w, a->in.host);
	if (work_submit(w->loop, &job->work, &a->err))
		return;
	if (job->directory != NULL)
		live_give_directory(w, job->directory);
	live_give_soap(w, job->soap, false);
	free(job);
	live_fail_later(w, a);
}

/* --- time --- */

static uint64_t
live_mono_ms(void *ctx)
{
	(void)ctx;
	return clock_mono_ms();
}

static int64_t
live_wall_ms(void *ctx)
{
	(void)ctx;
	return clock_wall_ms();
}

struct live_timer {
	uv_timer_t timer;
	struct world_live *w;
	void (*fn)(void *owner, uint32_t number, uint32_t step_no);
	void *owner;
	uint32_t number, step_no;
};

static void
on_after(uv_timer_t *timer)
{
	struct live_timer *t = timer->data;

	uv_close((uv_handle_t *)timer, on_late_closed);
	if (!t->w->stopping)
		t->fn(t->owner, t->number, t->step_no);
}

static void
live_after(void *ctx, uint64_t ms,
    void (*fn)(void *owner, uint32_t number, uint32_t step_no), void *owner,
    uint32_t number, uint32_t step_no)
{
	struct world_live *w = ctx;
	struct live_timer *t;

	if (w->stopping)
		return;
	t = XNEW(struct live_timer);
	t->w = w;
	t->fn = fn;
	t->owner = owner;
	t->number = number;
	t->step_no = step_no;
	t->timer.data = t;
	uv_timer_init(w->loop, &t->timer);
	uv_timer_start(&t->timer, on_after, ms, 0);
	uv_unref((uv_handle_t *)&t->timer); /* a shutdown does not wait for it */
}

static void
live_renew(void *ctx, const char *host, const char *move_id)
{
	struct world_live *w = ctx;

	if (!w->stopping)
		fleet_renew(w->fleet, host, move_id);
}

static void
live_stop(void *ctx, const char *source, const char *target, const char *move_id,
    uint32_t step_no)
{
	struct world_live *w = ctx;

	if (w->stopping)
		return;
	fleet_cancel(w->fleet, source, move_id, step_no);
	fleet_cancel(w->fleet, target, move_id, step_no);
}

static void
live_let_go(void *ctx, const char *host, const char *move_id)
{
	struct world_live *w = ctx;

	if (!w->stopping)
		fleet_let_go(w->fleet, host, move_id);
}

/* --- life --- */

bool
world_live_new(uv_loop_t *loop, const struct controller_conf *conf,
    struct world_live **out, struct err *e)
{
	struct world_live *w = XNEW(struct world_live);

	w->loop = loop;
	w->conf = conf;
	w->world = (struct world){
	    .ctx = w,
	    .ask = live_ask,
	    .mono_ms = live_mono_ms,
	    .wall_ms = live_wall_ms,
	    .after = live_after,
	    .renew = live_renew,
	    .stop = live_stop,
	    .let_go = live_let_go,
	};
	if (!secret_load(conf->ldap_password_file, &w->ldap_password, e) ||
	    !secret_load(conf->zimbra_admin_password_file, &w->admin_password, e) ||
	    !platform_new(conf, &w->platform, e)) {
		world_live_free(&w);
		return false;
	}
	*out = w;
	return true;
}

void
world_live_set_copies(struct world_live *w, own_copy_fn fn, void *ctx)
{
	w->own_copy = fn;
	w->own_copy_ctx = ctx;
}

void
world_live_set_homes(struct world_live *w, each_home_fn fn, void *ctx)
{
	w->each_home = fn;
	w->each_home_ctx = ctx;
}

void
world_live_set_ours(struct world_live *w, removal_ours_fn fn, void *ctx)
{
	w->ours = fn;
	w->ours_ctx = ctx;
}

void
world_live_set_cordons(struct world_live *w, cordoned_fn fn, void *ctx)
{
	w->cordoned = fn;
	w->cordoned_ctx = ctx;
}

void
world_live_set_fleet(struct world_live *w, struct fleet *fleet)
{
	w->fleet = fleet;
}

void
world_live_stop(struct world_live *w)
{
	w->stopping = true;
}

void
world_live_free(struct world_live **w)
{
	if (*w == NULL)
		return;
	live_close_idle(*w);
	secret_free(&(*w)->ldap_password);
	secret_free(&(*w)->admin_password);
	platform_free(&(*w)->platform);
	xfree(w);
}

const struct world *
world_live_world(struct world_live *w)
{
	return &w->world;
}

bool
world_live_check(struct world_live *w, char *own_admin_id, size_t size, struct err *e)
{
	struct directory *d = live_take_directory(w);
	struct account_facts facts = {0};
	bool found = false;
	bool ok = directory_find_account(d, w->conf->zimbra_admin, &found, &facts, e);

	if (ok && (!found || strlen(facts.id) >= size))
		ok = err_set(e, ERR_REFUSED,
		    "zimbra_admin \"%s\": LDAP has no such account",
		    w->conf->zimbra_admin);
	else if (!ok && e->kind == ERR_RETRY)
		err_wrap(e, "cannot start while the LDAP master does not answer");
	if (ok)
		memcpy(own_admin_id, facts.id, strlen(facts.id) + 1);
	snprintf(w->own_admin_id, sizeof(w->own_admin_id), "%s", facts.id);
	account_facts_fini(&facts);
	live_give_directory(w, d);
	return ok;
}

static bool
on_first_server(const struct server_facts *s, void *ctx)
{
	struct server_facts *first = ctx;

	if (s->has_mailbox && first->host[0] == '\0')
		*first = *s;
	return true;
}

bool
world_live_check_admin(struct world_live *w, struct err *e)
{
	struct directory *d = live_take_directory(w);
	struct server_facts first = {0};
	struct soap_client *c = NULL;
	char id[LIMIT_ID];
	bool ok = directory_list_servers(d, on_first_server, &first, e);

	live_give_directory(w, d);
	if (ok && first.host[0] == '\0')
		ok = err_set(e, ERR_REFUSED,
		    "ldap_url \"%s\": no mailbox server is in that directory",
		    w->conf->ldap_url);
	if (!ok)
		return false;
	c = live_soap(w, first.host, LIVE_SOAP_MS, NULL);
	ok = admin_own_id(c, w->conf->zimbra_admin, id, sizeof(id), e);
	soap_client_free(&c);
	return ok || err_wrap(e, "zimbra_admin \"%s\" at %s", w->conf->zimbra_admin,
			 first.host);
}
