/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a node to be evacuated without being asked? Pure: what was seen goes in, a state and a
 * decision with its reasons come out. Tables: which fault means what, what each interlock
 * says. Times are monotonic milliseconds unless they are called seconds.
 */
#ifndef CONTROLLER_POLICY_H
#define CONTROLLER_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "proto/limits.h"

enum policy_mode { POLICY_OFF, POLICY_ASK, POLICY_AUTO, POLICY_MODE_COUNT };
extern const char *const policy_mode_names[POLICY_MODE_COUNT];
bool policy_mode_parse(const char *name, enum policy_mode *out);

/* --- faults: the names of the agents' probes --- */

struct policy_fault {
	const char *probe; /* "disk:store"; "log:" = each that begins so */
	bool unreadable;   /* while it stands nothing can be exported */
	bool evacuates;	   /* moving the mailboxes away helps */
	bool hinders; /* nothing is moved to it meanwhile, and it counts as a sick node */
	const char *way_out;
};
extern const struct policy_fault policy_faults[];
extern const size_t policy_fault_count;
/* Never NULL: a probe of a newer agent is told, and nothing is done about it. */
const struct policy_fault *policy_fault_find(const char *probe);
bool policy_fault_is_known(const struct policy_fault *fault);

/* --- settings --- */

struct policy_rule { /* of a node, or of a fault; has_... false: the general one */
	const char *name;
	bool has_mode, has_hold;
	enum policy_mode mode;
	uint32_t hold_s;
};

struct policy_settings {
	enum policy_mode mode;
	uint32_t hold_s;	/* a fault must stand so long without a break */
	uint32_t silent_s;	/* an agent may be away so long */
	uint32_t dead_s;	/* a node that is down so long is called dead */
	uint32_t start_s;	/* after its own start the controller only looks */
	uint32_t heard_percent; /* of the known nodes' agents must be connected */
	uint32_t nodes_at_once; /* more sick nodes than that: something they share */
	uint32_t per_day;	/* evacuations that begin by themselves */
	bool restart;		/* the container of a node that is down, by itself */
	uint32_t restart_s;	/* when it is down so long */
	const struct policy_rule *node_rules, *fault_rules;
	size_t node_rule_count, fault_rule_count;
};
/* Of one fault on one node: the sterner mode, the longer hold of the two rules. */
enum policy_mode
policy_mode_of(const struct policy_settings *s, const char *node, const char *probe);
uint32_t
policy_hold_of(const struct policy_settings *s, const char *node, const char *probe);

/* --- what was seen of a node --- */

#define POLICY_STANDING 16   /* faults of one node at once; more are passed over */
#define POLICY_FLAPS 3	     /* that often in... */
#define POLICY_FLAP_S 1800   /* ...half an hour: it comes and goes */
#define POLICY_OBSERVERS 2   /* nodes that are asked to look */
#define POLICY_LOOK_OLD_S 45 /* what they saw counts so long */

struct policy_standing {
	char probe[32];
	char text[LIMIT_TEXT];
	bool stands;
	int64_t since_ms;
	int64_t began_ms[POLICY_FLAPS]; /* the last times, newest first; 0 = never */
};

struct policy_look {
	char observer[LIMIT_NAME + 1]; /* "" = nobody */
	bool serves;
	int64_t at_ms;
};

enum policy_state {
	NODE_OK,
	NODE_SUSPECT,	  /* a fault that has not stood long enough, or a short silence */
	NODE_FAILING,	  /* a fault that stands */
	NODE_UNREACHABLE, /* its agent is silent, the node itself may serve */
	NODE_DOWN,	  /* and other nodes see that it does not serve */
	NODE_DEAD,	  /* for long */
	NODE_MAINTENANCE, /* cordoned: a person has it in hand */
	NODE_EMPTY,	  /* evacuated and cordoned */
	NODE_STATE_COUNT
};
extern const char *const policy_state_names[NODE_STATE_COUNT];

struct policy_node {
	char name[LIMIT_NAME + 1];
	struct policy_standing *faults; /* owned; NULL until there was one */
	size_t fault_count;
	struct policy_look looks[POLICY_OBSERVERS];
	bool connected;
	int64_t silent_since_ms;
	bool cordoned, empty;
	enum policy_state state;
	int64_t state_since_ms;
	int64_t down_since_ms;	/* 0 = it is not */
	int64_t others_sick_ms; /* when too many others were sick last; 0 = never seen */
};
void policy_node_init(struct policy_node *n, const char *name, int64_t now_ms);
void policy_node_fini(struct policy_node *n);

struct policy_probe { /* that fails now */
	const char *name;
	const char *text;
};
struct policy_seen {
	bool connected;
	bool cordoned, empty;
	const struct policy_probe *failing; /* of no meaning while it is not connected */
	size_t failing_count;
};
/* Takes what is seen now. True: its state is another one. */
bool policy_see(struct policy_node *n, const struct policy_settings *s,
    const struct policy_seen *seen, int64_t now_ms);
/* What another node saw of it. */
void
policy_looked(struct policy_node *n, const char *observer, bool serves, int64_t now_ms);
/* Unreachable, down, dead, or failing by a fault that hinders, and nobody has it in hand. */
bool policy_is_sick(const struct policy_node *n);
/* So many others are sick now; before each decision, so that it knows who was until just now. */
void policy_see_others(struct policy_node *n, const struct policy_settings *s,
    uint32_t others_sick, int64_t now_ms);
/* Should other nodes be asked to look? While it is silent, or cannot be read. */
bool policy_wants_looks(const struct policy_node *n);
/* The fault that counts: of those that stand one that evacuates, longest first; or NULL. */
const struct policy_standing *policy_worst(const struct policy_node *n);
/* What the state rests on, one sentence. */
void policy_why(const struct policy_node *n, int64_t now_ms, char *out, size_t size);

/* --- deciding --- */

enum policy_reason { /* interlocks; each alone holds an evacuation back */
	REASON_HOLD,
	REASON_STARTING,
	REASON_OFF,
	REASON_ASK,
	REASON_FAULT,
	REASON_UNREADABLE,
	REASON_FLAPPING,
	REASON_CORDONED,
	REASON_READ_ONLY,
	REASON_PARTITION,
	REASON_OTHERS,
	REASON_JOB,
	REASON_BUDGET,
	REASON_PLAN,
	REASON_ROOM,
	REASON_COUNT
};
struct policy_reason_def {
	const char *name;
	const char *text;
};
extern const struct policy_reason_def policy_reasons[REASON_COUNT];

enum policy_decision {
	DECIDE_NOTHING, /* nothing is wrong, or nothing could be done about it */
	DECIDE_WAIT,	/* not yet: time alone will tell */
	DECIDE_ASK,	/* a person is asked */
	DECIDE_DECLINE, /* it should be, and is not, for reasons */
	DECIDE_PLAN,	/* all is well but the plan is not made yet */
	DECIDE_EVACUATE,
	DECISION_COUNT
};
extern const char *const policy_decision_names[DECISION_COUNT];

/* The rest of the cluster, and zmferry itself. */
struct policy_cluster {
	int64_t started_ms;
	uint32_t known, heard; /* nodes that are not empty */
	uint32_t others_sick;  /* failing, unreachable, down or dead, but this one */
	uint32_t begun_today;  /* evacuations by itself in the last 24 hours */
	bool job_open;
	bool read_only;
};
struct policy_plan {   /* what a plan made just now says */
	bool possible; /* false: why says why not */
	char why[LIMIT_TEXT];
	uint64_t without_room; /* mailboxes that fit nowhere */
};
struct policy_verdict {
	enum policy_decision decision;
	uint32_t reasons; /* bits of enum policy_reason */
	char plan_why[LIMIT_TEXT];
};
/* plan NULL: none was made. */
struct policy_verdict
policy_decide(const struct policy_node *n, const struct policy_settings *s,
    const struct policy_cluster *c, const struct policy_plan *plan, int64_t now_ms);
/* May the container of a node that other nodes see to be down be started again, once? last_ms:
   when it was last; 0 = never. */
#define POLICY_RESTART_AGAIN_S (6 * 3600)
bool policy_restart_due(const struct policy_node *n, const struct policy_settings *s,
    const struct policy_cluster *c, int64_t last_ms, int64_t now_ms);
/* What that interlock says of it; false: it does not hold it back. */
bool policy_reason_text(
    const struct policy_verdict *v, enum policy_reason reason, char *out, size_t size);
/* All that do: "a; b; c", cut at the end of out. */
void policy_reasons_text(const struct policy_verdict *v, char *out, size_t size);

#endif
