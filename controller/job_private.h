/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by job.c, job_gate.c (asking whether a node is empty) and job_progress.c. */
#ifndef CONTROLLER_JOB_PRIVATE_H
#define CONTROLLER_JOB_PRIVATE_H

#include "controller/job.h"
#include "controller/lane_limits.h"
#include "controller/plan.h"

#define FULL_TARGETS 64 /* lanes are counted once, not for each move */

struct jobs {
	struct journal *journal;
	const struct world *world;
	struct jobs_limits limits;
	struct jobs_host host;
	struct moves *moves;
	struct job **rows;
	size_t count;
	uint32_t starting; /* in this look */
	bool gate_asked;
	bool stopping;
	struct presence *presence;
	struct lane_limits *lane_limits;
	/* Of one round of wakes: thousands may wait for the same lanes. */
	bool waking;
	const char *full_targets[FULL_TARGETS];
	size_t full_count;
};
struct removal_ours;

struct job *jobs_at(struct jobs *all, uint32_t number);
/* An event of the job; when it cannot be journaled it is looked at again with the next poke. */
void job_event(struct jobs *all, struct job *job, enum job_event ev, const char *reason);
/* Later, not from inside: the caller is in the middle of its own step. */
void jobs_wake_soon(struct jobs *all);

/* A move for each account of the plan that has none in this job yet. Inside a batch of the
   journal: when it fails the caller drops what was added. */
MUST_USE bool job_add_moves(struct jobs *all, const struct job *job,
    const struct plan *plan, uint32_t *added_out, struct err *e);
/* The survey asked for at the gate is there; plan NULL: it could not be made, because. */
void jobs_on_survey(
    void *owner, uint32_t job_number, const struct plan *plan, const struct err *why);

/* Lanes (job_lanes.c): what other moves do at a move's source and target. */
struct lane_count {
	struct jobs *all;
	const char *source;
	const char *target;
	uint32_t at_source;
	uint32_t at_target;
	uint32_t locked_at_target;
	uint32_t contacts_at_target; /* other moves that have the contact lane */
	uint32_t number;
};
struct lane_count lane_count(struct jobs *all, const struct move *m);
/* Have its source and its target a lane for it to begin in? It says when the target has few. */
void
lane_look(struct jobs *all, struct move *m, bool *source_full_out, bool *target_full_out);
/* Mailboxes that may go into the target at once, now; why (not NULL) "": as many as the settings say. */
uint32_t lane_limit(struct jobs *all, const char *target, char *why, size_t size);
/* moves_host: may it be locked now, may its contacts go in now? */
bool jobs_take_turn(void *ctx, const struct move *m, char *why, size_t size);
/* Those that wait look once more whether they may go on. */
void jobs_wake_moves(struct jobs *all);
/* A person says: lock now. False with *done_out: it does not wait for that. */
MUST_USE bool
job_cut_over(struct jobs *all, struct job *job, bool *done_out, struct err *e);
bool jobs_take_contact_lane(void *ctx, const struct move *m);

/* Plans for the job; done comes later. */
void job_survey(struct jobs *all, struct job *job, enum plan_kind kind, const char *node,
    const char *to,
    void (*done)(
	void *owner, uint32_t job_number, const struct plan *plan, const struct err *e));
enum plan_kind job_kind(const struct job *job);
/* Does it fill its node, and not empty it? Then nothing is asked at its gate. */
bool job_fills(const struct job *job);
void job_take_arrival(struct jobs *all, struct job *job);
/* Whose turn it is to move mail, or who comes before; NULL = nobody's. asks NULL: a new one. */
const struct job *jobs_turn_of(const struct jobs *all, const struct job *asks);
bool job_has_moves(struct jobs *all, const struct job *job);
/* A node that comes in or goes (job_node.c): asks what its state asks. */
bool job_is_about_a_node(const struct job *job);
void job_node_look(struct jobs *all, struct job *job);
/* A person says: go on. Refused when what he was to do is not done. */
MUST_USE bool job_node_continue(struct jobs *all, struct job *job, struct err *e);
void job_tell_waits(struct jobs *all, const struct job *job);
/* Old copies (job_copies.c). Is there one on the target that has to go first? Then it is asked to. */
bool job_copy_is_in_the_way(struct jobs *all, struct move *m);

#endif
