/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: opens the journal, reads who its own administrator is, listens,
 * takes up what was under way, and serves until SIGTERM. What can go wrong at the
 * start ends the process with a sentence; afterwards nothing but a bug does.
 */
#include "controller/controller.h"
#include "controller/cordon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/api/operators.h"
#include "controller/api/serve.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/tls.h"
#include "proto/base/work.h"
#include "proto/base/xalloc.h"
#include "proto/version.h"
#include "controller/moves_copies.h"
#include "controller/policy_conf.h"
#include "controller/seeding_live.h"
#include "controller/watch_live.h"

#define POOL_THREADS 16
#define POKE_MS 2000
#define EXPIRES_SOON_S (14 * 24 * 3600)

char *
controller_identity_path(const struct controller_conf *conf)
{
	if (conf->identity_file != NULL)
		return xstrdup(conf->identity_file);
	return xasprintf("%s/controller.pem", conf->state_dir);
}

static void
on_fleet_change(void *ctx, const struct fleet_node *n)
{
	struct controller *c = ctx;
	char subject[WORLD_NAME + 8];
	char text[LIMIT_TEXT];

	snprintf(subject, sizeof(subject), "node:%s", n->name);
	if (!n->connected) {
		snprintf(text, sizeof(text), "node %.150s: %.300s", n->name, n->note);
		journal_event(c->journal, "warn", subject, text);
	}
	if (c->jobs != NULL)
		jobs_poke(c->jobs);
}

static void
on_lease_expired(void *ctx, const char *node, const char *move_id, const char *text)
{
	struct controller *c = ctx;

	log_warn(NULL, "move=%s: node %s: %s", move_id, node, text);
	moves_on_lease_expired(jobs_moves(c->jobs), node, move_id, text);
}

static void
on_looked(
    void *ctx, const char *observer, const char *node, bool serves, const char *text)
{
	struct controller *c = ctx;

	log_debug(NULL, "node %s, seen from %s: %s", node, observer, text);
	if (c->watch != NULL)
		watch_looked(c->watch, observer, node, serves);
}

static void
on_sessions(void *ctx, const char *node, const struct presence_page *page)
{
	struct controller *c = ctx;

	if (c->jobs != NULL)
		jobs_take_sessions(c->jobs, node, page);
}

static bool
ask_sessions(void *ctx, const char *node, uint64_t look, struct err *e)
{
	struct controller *c = ctx;

	return fleet_ask_sessions(c->fleet, node, look, e);
}

static void
on_survey(void *ctx, const struct plan_request *wanted, survey_done_fn done, void *owner,
    uint32_t number)
{
	struct controller *c = ctx;
	struct plan_request rq;

	plan_request_copy(&rq, wanted);
	if (rq.kind == PLAN_RESTORE)
		moves_left_from(jobs_moves(c->jobs), &rq);
	world_live_survey(c->world, &rq, done, owner, number);
	plan_request_fini(&rq);
}

/* That the disk is full is seen when something is written; that there is room, here. */
static void
controller_look_at_reserve(struct controller *c)
{
	journal_keep_reserve(c->journal);
	if (journal_is_short(c->journal))
		alert_raise(c->alerts, ALERT_JOURNAL_SHORT, "journal:reserve",
		    ALERT_FACTS("dir", c->conf->state_dir));
	else
		alert_clear(c->alerts, "journal:reserve");
}

static void
on_poke(uv_timer_t *timer)
{
	struct controller *c = timer->data;

	if (c->stopping)
		return;
	jobs_poke(c->jobs);
	controller_look_at_reserve(c);
	watch_tick(c->watch);
	alerts_tick(c->alerts);
	ways_tick(c->ways);
	certificate_look(c, false);
	operators_tick(c);
	if (!journal_is_read_only(c->journal))
		(void)retention_look(
		    &c->retention, c->jobs, clock_wall_ms(), clock_mono_ms());
}

/* What a crash left half done is made true. */
static void
on_cordons_resumed(void *owner, const json_t *report, const struct err *e)
{
	(void)owner;
	if (report == NULL)
		log_warn(NULL, "cordon: %s; make it true: zmferry cordon NODE", e->text);
}

static void
controller_resume_cordons(struct controller *c)
{
	struct cordons all;
	struct err e;

	if (journal_is_read_only(c->journal) ||
	    !journal_cordons_load(c->journal, &all, &e))
		return;
	if (all.count > 0 || all.pool_count > 0)
		cordon_start(c, "", true, "", on_cordons_resumed, c);
	cordons_fini(&all);
}

static bool
is_cordoned(void *ctx, const char *node)
{
	struct controller *c = ctx;
	struct cordons all;
	struct err e;
	bool has;

	if (!journal_cordons_load(c->journal, &all, &e)) {
		log_error(NULL, "%s", e.text);
		return true; /* nothing lands there on a guess */
	}
	has = cordons_has(&all, node);
	cordons_fini(&all);
	return has;
}

struct home_walk {
	home_fn fn;
	void *ctx;
};

static void
home_on_move(struct move *m, void *ctx)
{
	const struct home_walk *walk = ctx;

	if ((move_states[m->state].holds & ARRIVED) != 0 && !m->data.no_mailbox)
		walk->fn(walk->ctx, m->account_id, m->target, m->bytes);
}

static void
each_home(void *ctx, home_fn fn, void *fn_ctx)
{
	struct controller *c = ctx;

	moves_each(jobs_moves(c->jobs), home_on_move, &(struct home_walk){fn, fn_ctx});
}

static void
removal_ours(void *ctx, const char *node, struct removal_ours *out)
{
	struct controller *c = ctx;

	jobs_removal_ours(c->jobs, node, out);
}

static bool
is_connected(void *ctx, const char *node)
{
	struct controller *c = ctx;
	const struct fleet_node *n = fleet_find(c->fleet, node);

	return n != NULL && n->connected;
}

static bool
is_strained(void *ctx, const char *node, char *why, size_t size)
{
	struct controller *c = ctx;
	const struct fleet_node *n = fleet_find(c->fleet, node);

	if (n == NULL || !n->connected || n->strained[0] == '\0')
		return false;
	snprintf(why, size, "%s", n->strained);
	return true;
}

static int64_t
mailboxes_on(void *ctx, const char *node)
{
	struct controller *c = ctx;
	const struct fleet_node *n = fleet_find(c->fleet, node);

	return n != NULL && n->connected && n->has_inventory ? (int64_t)n->mailbox_count
							     : -1;
}

/* Taken out of the cluster. A cordon of a server that the directory does not know ends by itself. */
static void
on_forget(void *ctx, const char *node)
{
	struct controller *c = ctx;
	struct err e;

	if (!watch_forget(c->watch, node, &e))
		log_debug(NULL, "%s", e.text); /* it was never seen */
	fleet_forget(c->fleet, node);
	cordon_start(c, "", true, "", on_cordons_resumed, c);
}

/* Is that mailbox the copy that a move of ours left there, and nothing else? */
static bool
is_own_copy(void *ctx, const char *account_id, const char *node, uint64_t mailbox_id)
{
	struct controller *c = ctx;
	const struct move *m =
	    c->jobs == NULL ? NULL
			    : moves_left_copy(jobs_moves(c->jobs), account_id, node);

	return m != NULL && strcmp(m->data.verdict, "clean") == 0 &&
	       (uint32_t)m->data.row.mailbox_id == (uint32_t)mailbox_id;
}

static void
controller_stop(struct controller *c)
{
	if (c->stopping)
		return;
	c->stopping = true;
	log_info(NULL, "stopping; moves under way go on at the next start");
	jobs_stop(c->jobs);
	serve_stop(c);
	ways_stop(c->ways);
	world_live_stop(c->world);
	fleet_stop(&c->fleet);
	uv_close((uv_handle_t *)&c->poke, NULL);
	uv_close((uv_handle_t *)&c->sigterm, NULL);
	uv_close((uv_handle_t *)&c->sigint, NULL);
	uv_close((uv_handle_t *)&c->sighup, NULL);
}

static void
on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	controller_stop(handle->data);
}

static void
on_hangup(uv_signal_t *handle, int number)
{
	(void)number;
	certificate_look(handle->data, true);
}

static void
controller_warn_of_expiry(struct controller *c)
{
	int64_t left_s = tls_context_expires_s(c->tls) - clock_wall_ms() / 1000;
	char days[24];

	if (left_s > EXPIRES_SOON_S) {
		alert_clear(c->alerts, "certificate:controller");
		return;
	}
	snprintf(days, sizeof(days), "%lld", (long long)left_s / 86400);
	alert_raise(c->alerts, ALERT_CERTIFICATE_CONTROLLER, "certificate:controller",
	    ALERT_FACTS("days", days));
}

static bool
controller_open(struct controller *c, bool adopt, struct err *e)
{
	char *identity = controller_identity_path(c->conf);
	bool ok = journal_open(c->conf->state_dir, adopt, &c->journal, e) &&
		  tls_context_load(identity, &c->tls, e) &&
		  world_live_new(&c->loop, c->conf, &c->world, e);

	if (!ok && c->tls == NULL && c->journal != NULL)
		err_wrap(e, "no usable identity (run: zmferry-controller init)");
	free(identity);
	return ok &&
	       world_live_check(c->world, c->own_admin_id, sizeof(c->own_admin_id), e);
}

static bool
controller_open_alerts(struct controller *c, struct err *e)
{
	const struct alerts_options options = {
	    .journal = c->journal,
	    .schedule.repeat_s = {[ALERT_INFO] = c->conf->alert_repeat_info_s,
		[ALERT_WARNING] = c->conf->alert_repeat_warning_s,
		[ALERT_CRITICAL] = c->conf->alert_repeat_critical_s},
	};
	struct alerts_outlet outlet;

	if (!alerts_new(&options, &c->alerts, e) ||
	    !ways_new(&c->loop, c->conf, c->alerts, &c->ways, e))
		return false;
	outlet = ways_outlet(c->ways);
	alerts_set_outlet(c->alerts, &outlet);
	return true;
}

static bool
controller_listen(struct controller *c, struct err *e)
{
	const struct fleet_options fleet = {
	    .loop = &c->loop,
	    .tls = c->tls,
	    .listen_address = c->conf->listen_address,
	    .listen_port = c->conf->listen_port,
	    .controller_id = journal_controller_id(c->journal),
	    .epoch = journal_epoch(c->journal),
	    .ctx = c,
	    .on_change = on_fleet_change,
	    .on_lease_expired = on_lease_expired,
	    .on_looked = on_looked,
	    .on_sessions = on_sessions,
	};

	if (!fleet_start(&fleet, &c->fleet, e))
		return false;
	world_live_set_fleet(c->world, c->fleet);
	world_live_set_copies(c->world, is_own_copy, c);
	world_live_set_homes(c->world, each_home, c);
	world_live_set_ours(c->world, removal_ours, c);
	world_live_set_cordons(c->world, is_cordoned, c);
	return serve_start(c, e);
}

static bool
controller_begin(struct controller *c, struct err *e)
{
	const struct jobs_limits limits = {
	    .moves_per_source = c->conf->moves_per_source,
	    .moves_per_target = c->conf->moves_per_target,
	    .adaptive = c->conf->adaptive_lanes,
	    .moves = {.hot_ms = c->conf->hot_time_s * 1000,
		.delivery_ms = c->conf->delivery_wait_s * 1000,
		.early_ms = c->conf->early_above_s * 1000},
	};
	const struct jobs_host host = {
	    .ctx = c,
	    .survey = on_survey,
	    .begun = controller_job_begun,
	    .forget = on_forget,
	    .is_connected = is_connected,
	    .is_strained = is_strained,
	    .ask_sessions = ask_sessions,
	    .mailboxes_on = mailboxes_on,
	    .own_admin_id = c->own_admin_id,
	    .seeding = &c->seeding_host,
	    .alerts = c->alerts,
	};

	if (!seeding_live_start(c, e))
		return false;
	c->retention.days = c->conf->retention_days;
	if (!retention_window(
		c->conf->purge_window, &c->retention.from_m, &c->retention.until_m, e))
		return err_wrap(e, "purge_window");
	c->jobs = jobs_new(c->journal, world_live_world(c->world), &limits, &host);
	if (!jobs_load(c->jobs, e) || !watch_live_start(c, e))
		return false;
	if (journal_is_read_only(c->journal)) {
		alert_raise(c->alerts, ALERT_JOURNAL_RESTORED, "journal",
		    ALERT_FACTS("dir", c->conf->state_dir));
		return true;
	}
	alert_clear(c->alerts, "journal"); /* of the life before: it opened */
	jobs_recover(c->jobs);
	controller_resume_cordons(c);
	return true;
}

static void
controller_report_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	log_error(NULL, "left open at the end: a %s", uv_handle_type_name(handle->type));
}

static int
controller_end(struct controller *c)
{
	int left;

	uv_run(&c->loop, UV_RUN_DEFAULT);
	watch_live_end(c);
	jobs_free(&c->jobs);
	serve_free(c);
	ways_free(&c->ways);
	alerts_free(&c->alerts);
	world_live_free(&c->world);
	/* Timers of moves that will never fire hold no loop alive; close what is left. */
	left = uv_loop_close(&c->loop);
	if (left != 0)
		uv_walk(&c->loop, controller_report_handle, NULL);
	tls_context_free(&c->tls);
	journal_close(&c->journal);
	return left == 0 ? 0 : 1;
}

static void
close_timer(uv_handle_t *handle, void *arg)
{
	(void)arg;
	/* Only world_live's own timers are left: their data frees itself. */
	if (handle->type == UV_TIMER && !uv_is_closing(handle)) {
		uv_timer_start(
		    (uv_timer_t *)handle, ((uv_timer_t *)handle)->timer_cb, 0, 0);
		uv_ref(handle);
	}
}

static bool
certificate_check(const struct controller_conf *conf, struct err *e)
{
	struct api_identity *identity = NULL;
	bool ok =
	    conf->api_listen_address == NULL || certificate_read(conf, &identity, e);

	api_identity_free(&identity);
	return ok;
}

bool
controller_check(const struct controller_conf *conf, struct err *e)
{
	char *identity = controller_identity_path(conf);
	struct tls_context *tls = NULL;
	struct world_live *world = NULL;
	char own_admin_id[LIMIT_ID];
	uv_loop_t loop;
	int from_m, until_m;
	struct policy_settings policy;
	enum seeding_mode seeding;
	bool ok;

	uv_loop_init(&loop);
	ok = policy_conf_settings(conf, &policy, e) &&
	     seeding_mode_parse(conf->seeding, &seeding, e) &&
	     (retention_window(conf->purge_window, &from_m, &until_m, e) ||
		 err_wrap(e, "purge_window")) &&
	     certificate_check(conf, e) && world_live_new(&loop, conf, &world, e) &&
	     world_live_check(world, own_admin_id, sizeof(own_admin_id), e) &&
	     world_live_check_admin(world, e);
	if (ok && access(identity, F_OK) != 0)
		puts("no identity yet: zmferry-controller init");
	else
		ok = ok && tls_context_load(identity, &tls, e);
	policy_conf_free(&policy);
	tls_context_free(&tls);
	world_live_free(&world);
	uv_loop_close(&loop);
	free(identity);
	return ok;
}

int
controller_run(const struct controller_conf *conf, bool adopt)
{
	struct controller c = {.conf = conf, .started_ms = clock_mono_ms()};
	struct err e;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* until the loop takes it: a reload ends no start */
	work_set_threads(POOL_THREADS);
	uv_loop_init(&c.loop);
	if (!controller_open(&c, adopt, &e) || !controller_open_alerts(&c, &e) ||
	    !controller_listen(&c, &e) || !controller_begin(&c, &e)) {
		log_error(NULL, "%s", e.text);
		return err_exit_code(e.kind) == 0 ? 1 : err_exit_code(e.kind);
	}
	uv_timer_init(&c.loop, &c.poke);
	uv_signal_init(&c.loop, &c.sigterm);
	uv_signal_init(&c.loop, &c.sigint);
	uv_signal_init(&c.loop, &c.sighup);
	c.poke.data = c.sigterm.data = c.sigint.data = c.sighup.data = &c;
	uv_timer_start(&c.poke, on_poke, POKE_MS, POKE_MS);
	uv_signal_start(&c.sigterm, on_signal, SIGTERM);
	uv_signal_start(&c.sigint, on_signal, SIGINT);
	uv_signal_start(&c.sighup, on_hangup, SIGHUP);
	controller_warn_of_expiry(&c);
	log_info(NULL, "zmferry-controller %s, epoch %llu, agents awaited on %s port %u",
	    ZMFERRY_VERSION, (unsigned long long)journal_epoch(c.journal),
	    conf->listen_address, conf->listen_port);
	uv_run(&c.loop, UV_RUN_DEFAULT);
	uv_walk(&c.loop, close_timer, NULL);
	return controller_end(&c);
}
