/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node-wide operation: a plan turned into moves, started lane by lane, with a gate at
 * the end. Loop thread only.
 */
#ifndef CONTROLLER_JOB_H
#define CONTROLLER_JOB_H

#include "controller/move.h"
#include "controller/plan.h"
#include "controller/presence.h"

struct jobs;

enum job_state {
	JOB_QUEUED,   /* another job is not over */
	JOB_PLANNING, /* its turn has come: who goes is looked at anew */
	JOB_MOVING,
	JOB_PAUSED,
	JOB_CANCELLING,
	JOB_GATE, /* all moves ended: is the node really empty? */
	/* a node that comes in */
	JOB_PROVISIONING, /* its container is made */
	JOB_JOINING,	  /* is it a healthy mailbox server with an agent yet? */
	JOB_ADD_HELD,	  /* waits for a person: the container cannot be made */
	/* a node that goes */
	JOB_SAFETY,	 /* what speaks against taking it out? */
	JOB_REMOVE_HELD, /* waits for a person: something does */
	JOB_UNLISTING,	 /* out of Zimbra's directory */
	JOB_DISMANTLING, /* its container is taken away */
	JOB_BY_HAND,	 /* waits for a person who takes it away */
	JOB_DONE,
	JOB_DONE_WITH_FAILURES,
	JOB_CANCELLED,
	JOB_STATE_COUNT
};

enum job_event {
	JOB_EV_ALL_ENDED,
	JOB_EV_CLEAN,
	JOB_EV_LEFT,
	JOB_EV_MORE,
	JOB_EV_PAUSE,
	JOB_EV_RESUME,
	JOB_EV_CANCEL,
	JOB_EV_RETRY,
	JOB_EV_TURN,	/* no job before it is open */
	JOB_EV_OK,	/* the step is done */
	JOB_EV_EMPTY,	/* nobody is on the node any more, and it is to go */
	JOB_EV_HOLD,	/* only a person can get on from here */
	JOB_EV_BY_HAND, /* the platform is a person */
	JOB_EV_CONTINUE,
	JOB_EVENT_COUNT
};

struct job {
	uint32_t number;
	char id[LIMIT_ID]; /* "j" number */
	char kind[16];	   /* "evacuate" */
	char node[WORLD_NAME];
	char to[1024];		    /* node names, comma-separated; "" = all others */
	char who[64];		    /* "uid 0", "zimbra admin ..." */
	bool destroy_volumes;	    /* with the container; kind "remove" */
	char cutover[CUTOVER_TEXT]; /* when mailboxes may be locked; "" = at once */
	char *accounts;		    /* kind "move": names, comma-separated; owned */
	enum job_state state;
	int64_t created_ms; /* wall clock */
	int64_t ended_ms;
	char reason[LIMIT_TEXT]; /* why it ended as it did, or why it stands */
	/* in memory only */
	bool asked;	   /* its step has a question open */
	uint32_t attempts; /* of its step */
	uint32_t step_no;  /* a late answer is recognised by it */
};

struct job_state_def {
	const char *name;
	bool is_end;
	bool starts_moves;
	bool waits;	 /* for a person */
	bool holds_turn; /* it moves mail, or is about to: others are queued */
};

struct job_edge {
	enum job_state from;
	enum job_event event;
	enum job_state to;
	const char *why;
};

extern const struct job_state_def job_states[JOB_STATE_COUNT];
extern const struct job_edge job_edges[];
extern const size_t job_edge_count;
const struct job_edge *job_edge_find(enum job_state from, enum job_event ev);
const char *job_event_name(enum job_event ev);
bool job_state_parse(const char *name, enum job_state *out);

struct job_progress {
	uint32_t total, done, clean, set_aside, stuck, running, waiting;
	uint64_t bytes_total, bytes_done, items_done;
	double items_per_s;
	double eta_s;
	uint64_t lock_p50_ms, lock_p99_ms;
	char stall[LIMIT_TEXT];
};

struct jobs_limits {
	uint32_t moves_per_source;
	uint32_t moves_per_target;
	bool adaptive; /* fewer while people on the target wait for answers */
	struct move_limits moves;
};

/* What jobs need of the controller. */
struct jobs_host {
	void *ctx;
	/* Plans the node again; done(owner, job number, plan or NULL, err) comes later. */
	void (*survey)(void *ctx, const struct plan_request *rq,
	    void (*done)(void *owner, uint32_t job_number, const struct plan *plan,
		const struct err *e),
	    void *owner, uint32_t job_number);
	/* A job begins to work: at once, or when its turn has come. */
	void (*begun)(void *ctx, const struct job *job);
	/* The node is out: nothing is expected of it any more. Repeatable. */
	void (*forget)(void *ctx, const char *node);
	/* Mailboxes on it by its inventory; -1 = its agent is away. */
	int64_t (*mailboxes_on)(void *ctx, const char *node);
	bool (*is_connected)(void *ctx, const char *node); /* its agent */
	/* Do people on that node wait for answers? why: by what, for people. NULL: never. */
	bool (*is_strained)(void *ctx, const char *node, char *why, size_t size);
	/* Asks its agent who has a session there; the answer goes to jobs_take_sessions. */
	bool (*ask_sessions)(void *ctx, const char *node, uint64_t look, struct err *e);
	const char *own_admin_id;
	const struct seeding_host *seeding; /* moves_host's */
	struct alerts *alerts;		    /* alert/alert.h */
};

struct jobs *jobs_new(struct journal *journal, const struct world *world,
    const struct jobs_limits *limits, const struct jobs_host *host);
void jobs_free(struct jobs **all);
/* Journal first, then every unfinished move and job goes on. */
MUST_USE bool jobs_load(struct jobs *all, struct err *e);
void jobs_recover(struct jobs *all);
struct moves *jobs_moves(struct jobs *all);
/* The process ends: nothing is begun or taken any more; all goes on at its next start. */
void jobs_stop(struct jobs *all);

/* Makes the job and its moves, and starts; or queues it behind those that are open. */
MUST_USE bool jobs_create(struct jobs *all, const struct plan *plan, const char *who,
    uint32_t *number_out, struct err *e);
MUST_USE bool
jobs_change(struct jobs *all, uint32_t number, enum job_event ev, struct err *e);
const struct job *jobs_find(struct jobs *all, uint32_t number);
typedef void (*jobs_each_fn)(const struct job *job, void *ctx);
void jobs_each(struct jobs *all, jobs_each_fn fn, void *ctx);
void jobs_progress(struct jobs *all, uint32_t number, struct job_progress *out);
/* What the journal knows of a node that is to be taken out (removal.h); the wishes stay. */
struct removal_ours;
void jobs_removal_ours(struct jobs *all, const char *node, struct removal_ours *out);
/* Who has a session at a node: an agent's answer. */
void
jobs_take_sessions(struct jobs *all, const char *node, const struct presence_page *page);
/* Nodes went or came, time passed: look whether something can start. */
void jobs_poke(struct jobs *all);

#endif
