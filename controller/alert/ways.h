/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways out of alerts: mail, webhooks, and always the log. Each way has a bounded queue,
 * one call at a time on the pool, and tries again what may work later; that it does not get
 * through is an alert of its own, told by the other ways. Loop thread only.
 */
#ifndef ALERT_WAYS_H
#define ALERT_WAYS_H

#include <uv.h>

#include "controller/alert/alert.h"
#include "controller/conf.h"

struct ways;

/* Refuses what the sections of controller.conf cannot mean, and secrets it cannot read. */
MUST_USE bool ways_new(uv_loop_t *loop, const struct controller_conf *conf,
    struct alerts *alerts, struct ways **out, struct err *e);
/* Tests: the pause before the first new attempt. */
void ways_set_retry(struct ways *all, uint64_t first_ms);
/* Cancels what is under way; the loop runs it out. */
void ways_stop(struct ways *all);
void ways_free(struct ways **all);

struct alerts_outlet ways_outlet(struct ways *all);
/* Begins what is due; every few seconds. */
void ways_tick(struct ways *all);

/* [{"name","ok","at","text","waiting"}]; new reference. */
json_t *ways_view(const struct ways *all);

/* Sends a test by each way at once, without trying again; then done gets
   [{"way","ok","text"}] and owns it. Refused while another test is under way. */
typedef void (*ways_test_fn)(void *ctx, json_t *take_results);
MUST_USE bool
ways_test(struct ways *all, const char *who, ways_test_fn done, void *ctx, struct err *e);

#endif
