/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mailbox move: its state, what is journaled of it, and the engine that walks the
 * tables of move_table.c. Loop thread only. Moves are owned by struct moves, named by number.
 */
#ifndef CONTROLLER_MOVE_H
#define CONTROLLER_MOVE_H

#include "controller/move_data.h"
#include "controller/move_table.h"
#include "controller/world.h"

/* The scratch accounts of doctor --rehearse: nobody sends them mail. */
#define REHEARSAL_PREFIX "zmferry-rehearsal-"

struct alerts;
struct journal;
struct moves;

struct move {
	uint32_t number;
	char id[LIMIT_ID]; /* "m" number */
	uint32_t job_number;
	char account_id[LIMIT_ID];
	char account_name[WORLD_NAME];
	char source[WORLD_NAME];
	char target[WORLD_NAME];
	uint64_t bytes; /* expected, for plan and progress */
	uint64_t items;
	enum move_state state;
	enum move_state stuck_from;
	uint32_t step_no;
	uint32_t tries;	  /* how often it was abandoned and begun anew */
	int64_t since_ms; /* wall clock, of this state */
	uint8_t ticket[LIMIT_TICKET];
	struct move_data data;
	char error[LIMIT_TEXT]; /* why it went the wrong way last; "" = it did not */

	/* below: in memory only */
	uint32_t effect_no; /* place in the table */
	uint32_t ask_no; /* of asks in this step: an answered one is never asked again */
	uint32_t attempts; /* of the effect under way */
	bool asking;	   /* an ask is under way */
	bool started;	   /* out of planned's queue */
	bool copy_asked;   /* while planned: to delete the old copy on the target */
	enum move_event
	    wish; /* taken when the ask under way has ended; MOVE_EVENT_COUNT: none */
	uint64_t deadline_ms; /* monotonic, of the state */
	uint64_t lease_asked_ms;
	uint64_t lease_until_ms; /* the agent's own end of it comes later */
	uint32_t fence_rounds;
	bool home_is_target; /* while unlocking: the home must go back */
	bool home_is_source; /* while purging, after the detour: the home must go forth */
	bool home_is_elsewhere; /* while unlocking: somebody moved it meanwhile */
	bool has_turn;		/* to be locked */
	uint32_t passes_in_row; /* while following, since it waited last */
	bool mended;	   /* while opening: the import did what imports refuse as well */
	uint64_t wrote_ms; /* monotonic: the last change seen that may be its owner's */
	bool waiting;	   /* for its turn, or for the contact lane */
	uint64_t waiting_since_ms;
	bool alerted; /* that an effect does not get on */
	char *names;  /* owned; account and aliases, one a line; NULL = not read */
	char doing[LIMIT_TEXT]; /* what it does or why it waits, for people */
};

/* An effect failed: what then? */
enum effect_class {
	EFFECT_MUST, /* retried while it may work later, then FAILED */
	EFFECT_SOFT, /* tried twice, while following for two minutes; then noted, and the move goes on */
	EFFECT_STAY, /* retried for ever with an alert: nothing else would be safe */
};

struct move_effect {
	enum move_state state;
	const char *name;
	enum ask_kind kind;
	enum effect_class on_failure;
	/* Is there anything to do? NULL: always. */
	bool (*wanted)(const struct move *m);
	/* Fills the inputs; false with e: it must not be done now. */
	bool (*build)(struct moves *all, struct move *m, struct ask *a, struct err *e);
	/* Takes the outputs; may set *ev_out (default: go on). False with e = failed. */
	bool (*take)(struct moves *all, struct move *m, const struct ask *a,
	    enum move_event *ev_out, struct err *e);
};

extern const struct move_effect move_effects[];
extern const size_t move_effect_count;

/* How a move goes about it, by configuration. */
struct move_limits {
	uint32_t
	    delivery_ms; /* a delivery that began before the switch may take so long */
	uint32_t hot_ms; /* a lock should last about so long; 0: until everything is in */
	uint32_t
	    early_ms; /* counters that take longer are raised before the lock; 0: never */
};

/* What moves need of the jobs above them. */
struct moves_host {
	void *ctx;
	/* May this move be locked now? Asked once more of one that has its turn, after a last
	   pass. False: it waits, why says for what; moves_wake is called later. */
	bool (*take_turn)(void *ctx, const struct move *m, char *why, size_t size);
	/* May it import contacts into its target now? False: as above. */
	bool (*take_contact_lane)(void *ctx, const struct move *m);
	/* The contact lane of its target is free again. */
	void (*give_turn)(void *ctx, const struct move *m);
	/* Its state changed. */
	void (*changed)(void *ctx, const struct move *m, enum move_state before);
	struct alerts *alerts; /* alert/alert.h */
	const char *own_admin_id;
	const struct seeding_host *seeding; /* seeding.h; NULL: nobody is seeded */
	struct move_limits limits;
};

struct moves *moves_new(
    struct journal *journal, const struct world *world, const struct moves_host *host);
void moves_free(struct moves **all);
/* Loads the journal and enters every unfinished move: the only recovery there is. */
MUST_USE bool moves_load(struct moves *all, struct err *e);
void moves_recover(struct moves *all);

/* A new move in state planned, journaled; it starts with moves_start. */
MUST_USE bool moves_add(
    struct moves *all, const struct move *fields, uint32_t *number_out, struct err *e);
void moves_start(struct moves *all, uint32_t number);
/* The number of the next move; and forgetting those from there on, whose journaling failed. */
uint32_t moves_next_number(const struct moves *all);
void moves_drop_from(struct moves *all, uint32_t number);

/* The process ends: answers still to come change nothing, the moves go on at its next start. */
void moves_stop(struct moves *all);
struct move *moves_find(struct moves *all, uint32_t number); /* borrowed for the call */
typedef void (*moves_each_fn)(struct move *m, void *ctx);
void moves_each(struct moves *all, moves_each_fn fn, void *ctx);

/* The only function that changes a move's state. */
MUST_USE bool move_apply(struct moves *all, struct move *m, enum move_event ev,
    const char *detail, struct err *e);
/* A person's or a job's wish. Under the lock it is taken when the call under way has ended. */
MUST_USE bool moves_cancel(struct moves *all, uint32_t number, struct err *e);
MUST_USE bool moves_retry(struct moves *all, uint32_t number, struct err *e);
void moves_wake(struct moves *all); /* those that wait for a lane try again */
/* An agent gave an account back because nobody renewed its lease; node: whose agent says so. */
void moves_on_lease_expired(
    struct moves *all, const char *node, const char *move_id, const char *text);

/* Whose agent holds the lease of this move's lock. */
const char *move_lease_host(const struct move *m);
/* The command for a person, for this state of the move; "" = none. */
void move_next_step(const struct move *m, char *out, size_t size);
/* Raises what a person should know of it in this state, if anything. */
void move_alert(struct alerts *alerts, const struct move *m);

const struct world *moves_world(struct moves *all);
const struct moves_host *moves_host(struct moves *all);
struct journal *moves_journal(struct moves *all);

#endif
