/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may send what over HTTPS. Every request passes here before its handler: the rate
 * of its client, its origin, its session or certificate, and what its route asks for. The
 * routes' rights:
 *
 *   "open"    anybody: the page's files, /healthz, signing in
 *   "read"    a session, or an operator
 *   "change"  a session; the handler asks Zimbra afresh (gate_may), and all is audited; or
 *             an operator, of whom Zimbra is not asked
 *   "metrics" a session, an operator, or the token of api_metrics_token_file
 *   "local"   the unix socket only
 *
 * Over the unix socket, which only root and the socket's group can open, all is allowed. An
 * operator is whoever comes with a certificate that was made there (operators.h).
 */
#ifndef API_GATE_H
#define API_GATE_H

#include "controller/api/http.h"
#include "controller/api/session.h"
#include "controller/plan.h"

struct gate;
struct idempotency;
struct approvals;

/* Refuses an origin that is none, and a metrics token that cannot be read. */
MUST_USE bool gate_new(struct controller *c, struct gate **out, struct err *e);
void gate_free(struct gate **g);
struct sessions *gate_sessions(struct gate *g);
struct idempotency *gate_idempotency(struct gate *g);
struct approvals *gate_approvals(struct gate *g);
/* Requests answered since the start, and of these refused at the gate. */
void gate_counts(const struct gate *g, uint64_t *answered_out, uint64_t *refused_out);

/* api_options.gate */
bool gate_pass(struct api_request *rq);
/* The session of a request that passed; NULL over the unix socket. */
const struct session *gate_session(const struct api_request *rq);
/* Did the command send it, over the unix socket or with an operator's certificate? Then it
   may what is no page's business, and Zimbra is not asked. */
bool gate_is_command(const struct api_request *rq);
/* Is bringing in a node offered to the one who sent this? On the machine it is; over HTTPS
   to sessions only, and with api_add_nodes: it makes a container, and an agent's key. False:
   e says why, *next_out what to do (static). */
MUST_USE bool
gate_offers_add(const struct api_request *rq, struct err *e, const char **next_out);
/* "" for the controller's own page, else the origin of the list; NULL = not allowed. */
const char *gate_origin(const struct api_request *rq);

/*
 * Asks Zimbra now whether the one who sent this may empty node and fill to, then calls
 * go(rq, node, to) with the directory's names; else the request has been refused. Of the
 * command nothing is asked and the names are as they came.
 */
typedef void (*gate_go_fn)(struct api_request *rq, const char *node, const char *to);
/* The same for what a plan of that kind means; gate_may is PLAN_EVACUATE's. */
void gate_may_plan(struct api_request *rq, enum plan_kind kind, const char *node,
    const char *to, bool only_from, gate_go_fn go);
void gate_may(struct api_request *rq, const char *node, const char *to, bool only_from,
    gate_go_fn go);

#endif
