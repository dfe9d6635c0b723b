/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated world for the real controller: a directory, three nodes with mailboxdaemons
 * and agents, an MTA, people at work, administrators who interfere; a clock that only
 * moves when something happens; seeded, no sleeping. The controller's own code
 * (move.c, job.c, plan.c, journal.c on SQLite) runs unchanged against it.
 *
 * What it watches at every instant: at most one side of an account is writable, and it is
 * the side that the move's state names; nothing is done before it is journaled; nothing
 * is destroyed unverified. At the end: nothing lost, doubled or resurrected.
 */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include <setjmp.h>

#include "controller/job.h"
#include "controller/journal.h"
#include "controller/plan.h"
#include "controller/seeding.h"

#define SIM_NODES 3
#define SIM_ACCOUNTS 16
#define SIM_ITEMS 400
#define SIM_SOURCES 4
#define SIM_REMEMBERED 48

/* Sanitizers are slow: there the matrices look at every fifth effect, or fewer. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define SIM_STEP 17
#elif defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SIM_STEP 5
#else
#define SIM_STEP 1
#endif

#define MINUTE_MS (60 * 1000ull)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

struct sim;

/* --- what is modelled --- */

struct sim_item {
	uint32_t
	    serial; /* who it is, whatever its id on a server; equal serials are one mail */
	uint32_t rev;	 /* how often its flags were changed */
	uint32_t change; /* of the mailbox, when it was touched last */
	bool deleted;	 /* a tombstone */
	bool seed;	 /* put in while the account lived elsewhere */
};

struct sim_box { /* one account's mailbox on one node */
	bool present;
	bool lockout; /* in the memory of mailboxd */
	bool filled;  /* by a move, while the account lives elsewhere */
	bool loaded;  /* as well: a mailbox that is not is opened at its home only */
	uint32_t mailbox_id, item_id, change;
	struct sim_item items[SIM_ITEMS];
	size_t count;
	uint32_t opened_change; /* change counter when the target was opened to people */
};

struct sim_values { /* what a move borrows of an account */
	char status[32], mail_status[32], quota[24], receive[8];
	bool source_exists[SIM_SOURCES], source_on[SIM_SOURCES];
};

struct sim_cache { /* what a mailboxd believes of an account */
	bool known;
	int host;
	char status[32], quota[24];
	uint32_t validity;
};

struct sim_staged {
	uint32_t serial, rev;
	bool applied;
	bool withheld; /* counts as applied, and is not in the mailbox */
};

struct sim_spool { /* on the target's disk; survives everything */
	bool present;
	char move_id[LIMIT_ID];
	bool back; /* of a way back: no contacts in it */
	struct sim_staged items[SIM_ITEMS];
	size_t count;
	uint32_t lacking;
};

struct sim_lease { /* on the source's disk */
	bool armed, given_back, reported;
	uint64_t until_ms;
	char move_id[LIMIT_ID];
	struct freeze_saved saved;
};

struct sim_outcome { /* what an agent answers to the same request again */
	uint32_t move_number, step_no, effect_no;
	uint64_t epoch;
	enum ask_kind kind;
	struct ask *answer; /* owned copy */
};

struct sim_node {
	char name[32];
	char server_id[40];
	bool mailboxd;	/* answers SOAP, LMTP, people */
	uint32_t boots; /* a connection of an earlier one is broken */
	bool agent;	/* connected to the controller and able to work */
	uint64_t epoch;
	struct sim_box box[SIM_ACCOUNTS];
	struct sim_cache cache[SIM_ACCOUNTS];
	struct sim_spool spool[SIM_ACCOUNTS];
	struct sim_lease lease[SIM_ACCOUNTS];
	struct sim_outcome remembered[SIM_REMEMBERED];
	size_t remembered_next;
	int contact_imports; /* under way */
	int imports, exports, most_imports, most_exports;
};

struct sim_account {
	bool exists;
	char id[40];
	char name[64];
	int host;
	struct sim_values now, before; /* before: what it must have again at the end */
	uint32_t validity;
	char transport[96];
	int64_t export_max_days;
	bool intercepted;
	uint64_t bytes;
	uint32_t missing_blobs; /* so many of its items cannot be exported */
	bool
	    empties; /* its owner empties Trash while older mail goes in: some is withheld */
	bool
	    watched; /* sides are compared with the state; false: an admin or a dead node interferes */
	/* the truth, apart from every server: what was accepted and acknowledged */
	struct sim_item truth[SIM_ITEMS];
	size_t truth_count;
	/* one person at work */
	bool session;
	int session_host;
	uint32_t session_validity;
	uint64_t acted_ms; /* when he did something last; 0: never */
	/* what the MTA believes */
	int mta_host;
	uint64_t mta_asked_ms;
};

/* --- what goes wrong --- */

enum sim_death { DIE_NEVER, DIE_BEFORE, DIE_AFTER };

enum sim_fault_kind {
	FAULT_NONE,
	FAULT_ERROR, /* not done, answered with an error */
	FAULT_LOST,  /* done, but the answer is a time-out */
	FAULT_DEAF,  /* not done, and the answer is a time-out */
	FAULT_HALF,  /* done in part, then an error */
	FAULT_LATE,  /* a time-out, and done seconds later */
	FAULT_KIND_COUNT
};

struct sim_fault {
	enum sim_fault_kind kind;
	enum err_kind error; /* FAULT_ERROR, FAULT_HALF */
	uint32_t at_effect;  /* counted from 1 over the whole run */
	bool always;	     /* every ask of that kind in that state from then on */
	/* found out at at_effect */
	bool begun;
	enum ask_kind ask;
	enum move_state state;
	char host[WORLD_NAME];
};

/* Called when an ask leaves, before anything is done; and when it has been done. */
typedef void (*sim_hook_fn)(struct sim *s, const struct ask *a, enum move_state state);

struct sim_event;
struct sim_flight;

struct sim {
	/* clock and chance */
	uint64_t now_ms;
	int64_t wall_base_ms;
	uint64_t random;
	struct sim_event **heap;
	size_t heap_count, heap_capacity;
	uint64_t next_seq;
	/* world */
	struct world world;
	struct sim_flight *flights; /* asks under way */
	struct sim_node nodes[SIM_NODES];
	struct sim_account accounts[SIM_ACCOUNTS];
	int account_count;
	uint32_t next_serial;
	uint32_t next_validity;
	bool directory_down;
	uint32_t queued_mail; /* accepted by nobody yet */
	uint32_t asks_open;
	uint64_t mail_every_ms, act_every_ms; /* 0: none */
	bool world_quiet;		      /* no new mail, no new acts */
	/* controller */
	struct journal *journal;
	struct sqlite3_stmt *journaled_state; /* a question to it */
	struct jobs *jobs;
	struct alerts *alerts;
	struct jobs_limits limits;
	bool seeding; /* every move is seeded */
	struct seeding_host seeding_host;
	uint32_t life; /* which controller */
	uint64_t epoch;
	jmp_buf on_death;
	struct ask *answering; /* freed by us when the controller dies over it */
	struct plan *surveying;
	uint64_t ended_ms; /* when the last job ended */
	/* what goes wrong */
	uint32_t effects; /* asks so far */
	enum sim_death death;
	uint32_t death_at;
	uint64_t restart_after_ms;
	struct sim_fault fault;
	uint32_t fault_permille, death_permille; /* by chance, at any ask */
	uint32_t journal_fails_at;		 /* effect; 0: never */
	uint64_t journal_fails_for_ms;
	bool strained[SIM_NODES];  /* people there wait for answers */
	bool disk_full[SIM_NODES]; /* the spool's, and the lease's */
	bool earlier_agents;	   /* of a version that mends only when asked by itself */
	bool link_cut[SIM_NODES];  /* agent lives, but cannot reach the controller */
	uint32_t refuse[ASK_KIND_COUNT];  /* so many times more it is refused */
	uint64_t slow_ms[ASK_KIND_COUNT]; /* it takes so much longer */
	sim_hook_fn on_ask, on_done;
	uint32_t wishes;     /* of people, not fulfilled yet: the run goes on */
	uint32_t hook_count; /* for hooks */
	int hook_data;
	/* what came out */
	bool failed;
	char why[900];
	char doing[200]; /* of the matrix: where we are */
	uint32_t deaths;
	uint32_t drops, row_drops, purges;
	uint32_t routes_names;
	uint32_t jobs_begun;
	const char *cutover; /* of the jobs to come; NULL = at once */
	/* who has a session */
	uint64_t look[SIM_NODES]; /* asked with last */
	uint32_t looks;		  /* asked so far */
	const char *look_fails;	  /* why it cannot be told; NULL: it can */
};

/* --- clock (sim_clock.c) --- */
typedef void (*sim_fn)(struct sim *s, void *arg, uint32_t a, uint32_t b);
/* life 0: the world's own; otherwise it dies with that controller, and drop is called for its arg. */
void sim_at(struct sim *s, uint64_t delay_ms, uint32_t life, sim_fn fn, void *arg,
    uint32_t a, uint32_t b, void (*drop)(struct sim *s, void *arg));
bool sim_step(struct sim *s); /* the next event; false: there is none */
void sim_clear(struct sim *s);
uint32_t sim_random(struct sim *s, uint32_t below);

/* --- mailboxes, mail and people (sim_model.c) --- */
void sim_fail(struct sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
int sim_node_find(struct sim *s, const char *name);
int sim_account_find(struct sim *s, const char *id);
struct sim_cache *sim_cache(struct sim *s, int node, int account); /* loads it */
void sim_cache_load(struct sim *s, int node, int account);
struct sim_item *sim_box_find(struct sim_box *box, uint32_t serial);
void sim_box_add(struct sim *s, struct sim_box *box, uint32_t serial, uint32_t rev);
/* A mail is accepted at a node without more questions, as one whose RCPT passed earlier. */
void sim_sneak_mail(struct sim *s, int node, int account);
void sim_send_mail(struct sim *s, int account);
void sim_act(struct sim *s, int account); /* somebody does something, if he gets in */
void sim_begin_life(struct sim *s);	  /* mail and acts begin to come */
void sim_check_sides(struct sim *s);
void sim_check_end(
    struct sim *s, int account); /* home's content equals the truth, values are back */
void
sim_check_nothing_lost(struct sim *s, int account); /* every item is still somewhere */

/* --- what an ask does (sim_answer.c, sim_agent.c) --- */
bool sim_perform(struct sim *s, struct ask *a); /* sets a->ok, a->out, a->err */
bool sim_perform_agent(struct sim *s, struct ask *a, int node, int account);
bool sim_perform_half(struct sim *s, struct ask *a);
void sim_restore(struct sim *s, int node, int account, const struct freeze_saved *saved,
    bool keep_quota, char *kept, size_t kept_size);
void sim_leases_tick(struct sim *s);
void sim_set_home(struct sim *s, int executing_node, int account, int home);

/* --- the world as the controller sees it (sim_world.c) --- */
void sim_world_init(struct sim *s);

/* --- scenarios (sim_scenarios.c): a world in which something happens during the moves --- */
struct sim_scenario {
	const char *name;
	void (*setup)(struct sim *s); /* accounts and hooks; node 0 is emptied */
	enum move_state move_end; /* of the first account, when nothing else goes wrong */
	enum job_state job_end;
};
extern const struct sim_scenario sim_scenarios[];
extern const size_t sim_scenario_count;
/* Sets up, starts a controller and the job; death and fault are set before. */
struct sim *sim_scenario_new(const struct sim_scenario *x, uint64_t seed);
void sim_scenario_begin(struct sim *s);
/* An event that a person causes; jobs may be away just then. */
void sim_wish(struct sim *s, uint64_t delay_ms, enum job_event ev);

/* --- runs (sim_run.c) --- */
struct sim *sim_new(uint64_t seed);
void sim_free(struct sim **s);
/* Raises cmocka's failure unless the run went well so far. */
void sim_must_be_well(struct sim *s);
int sim_add_account(struct sim *s, const char *name, int node, size_t items);
void sim_crash_node(struct sim *s, int node); /* mailboxd and agent */
void sim_restart_node(struct sim *s, int node);
void sim_start(struct sim *s);			/* a controller */
void sim_stop(struct sim *s, bool gently);	/* gently: as at SIGTERM */
uint32_t sim_evacuate(struct sim *s, int node); /* the job's number */
uint32_t
sim_evacuate_to(struct sim *s, int node, const char *to); /* 0: it could not be */
void sim_run_for(struct sim *s, uint64_t ms);
/* Until every job has ended, every mail is in and nothing is under way. */
void sim_run(struct sim *s, uint64_t at_most_ms);
/* Runs until a move of the account is in that state; false: never. */
bool
sim_run_to_state(struct sim *s, int account, enum move_state state, uint64_t at_most_ms);
/* What the controller of this life takes up of alerts. */
struct alerts *sim_alerts(struct sim *s);
bool sim_has_alert(struct sim *s, const char *subject, const char *part);
struct move *sim_move_of(struct sim *s, int account); /* newest; NULL */
/* The closing checks; frees it. False: why says what was found. */
bool sim_finish(struct sim **s, char *why, size_t why_size);
void sim_done(struct sim *s); /* the same, and fails the test */
/* Whatever was broken works again, and a person tries again what failed; to its end. */
void sim_heal(struct sim *s, uint64_t at_most_ms);

#endif
