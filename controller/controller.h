/* SPDX-License-Identifier: Apache-2.0 */
/* The controller as one object: journal, world, fleet, jobs and API on one loop. */
#ifndef CONTROLLER_CONTROLLER_H
#define CONTROLLER_CONTROLLER_H

#include <uv.h>

#include "controller/alert/ways.h"
#include "controller/api/certificate.h"
#include "controller/api/http.h"
#include "controller/conf.h"
#include "controller/fleet.h"
#include "controller/job.h"
#include "controller/journal.h"
#include "controller/retention.h"
#include "controller/seeding.h"
#include "controller/watch.h"
#include "controller/world_live.h"

struct controller {
	uv_loop_t loop;
	const struct controller_conf *conf;
	struct journal *journal;
	struct tls_context *tls;
	struct world_live *world;
	struct alerts *alerts;
	struct ways *ways;
	struct fleet *fleet;
	struct jobs *jobs;
	struct retention retention;
	enum seeding_mode seeding;
	struct seeding_host seeding_host;
	struct policy_settings policy;
	struct watch *watch;
	struct api_server *api;		      /* unix socket */
	struct api_server *web;		      /* HTTPS; NULL = off */
	struct certificate_watch certificate; /* of web */
	uint64_t operators_looked_ms;
	struct waits *waits; /* requests that wait for a change (api/waits.h) */
	struct gate *gate;   /* who may do what over HTTPS (api/gate.h) */
	uv_signal_t sigterm;
	uv_signal_t sigint;
	uv_signal_t sighup;
	uv_timer_t poke; /* looks after jobs even when nothing else happens */
	uint64_t started_ms;
	char own_admin_id[40];
	bool cordoning; /* pools are being changed */
	bool examining; /* GET /v1/doctor is under way */
	bool stopping;
};

/* Reads LDAP and logs in to Zimbra once; changes nothing. */
MUST_USE bool controller_check(const struct controller_conf *conf, struct err *e);
/* Runs until SIGTERM; the process exit code. */
int controller_run(const struct controller_conf *conf, bool adopt);

/* state_dir/controller.pem unless the configuration says otherwise; free() it. */
char *controller_identity_path(const struct controller_conf *conf);

/* jobs_host.begun: cordons what it empties, or ends the cordon of what it fills. */
void controller_job_begun(void *ctx, const struct job *job);
/* Makes the job, or queues it. */
MUST_USE bool controller_begin_job(struct controller *c, const struct plan *plan,
    const char *who, uint32_t *number_out, struct err *e);

/* The API's table (api/routes.c). */
extern const struct api_route controller_routes[];
extern const size_t controller_route_count;

#endif
