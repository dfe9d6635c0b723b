/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by steer_run.c (the order of things), steer_soap.c (what is asked of Zimbra),
 * steer_tidy.c (what an early steering has to be rid of) and steer_report.c (what came of it).
 */
#ifndef AGENT_STEER_PRIVATE_H
#define AGENT_STEER_PRIVATE_H

#include "agent/mailbox/steer.h"

/* Why a folder is not as it was. */
struct steer_reason {
	uint64_t id;
	char *text;
};

struct steering {
	struct target *t;
	const struct steer_limits *limits;
	struct steer_refused refused; /* a second try, under a name of ours, failed too */
	struct steer_refused placed;  /* tried to put into their places */
	unsigned waits;
	struct steer_reason *reasons;
	size_t reason_count;
	uint64_t last_id, change;
	uint64_t last; /* the id that is passed in the end */
	bool is_done;  /* by a run before, with what it could not make */
};

/* Why the folder could not be had as it was. */
const char *steer_reason_of(const struct steering *s, uint64_t id, const char *otherwise);
size_t steer_times_refused(const struct steering *s, uint64_t id);
/* Judges every folder, and notes which one is which here. */
MUST_USE bool steer_report(struct steering *s, Wire__SteerFacts *facts, struct err *e);

/* Folders that data sources of the account name, ascending; free() them. */
MUST_USE bool
steer_read_feeds(struct target *t, uint32_t **ids_out, size_t *count_out, struct err *e);

/* --- for a seeding, which makes folders one stretch of ids after the other --- */

MUST_USE bool steer_read_counter(struct steering *s, struct err *e);
void steer_remember(struct steer_refused *list, uint64_t id);
/* Until there is nothing left to make up to s->last. */
MUST_USE bool steer_make_all(struct steering *s, struct err *e);
/* Colours, flags, and after the switch grants. */
MUST_USE bool steer_fix_all(struct steering *s, struct err *e);
/* Gives out so many ids to nobody, in requests of a bearable size. */
MUST_USE bool steer_burn(struct steering *s, uint64_t count, struct err *e);
void steering_fini(struct steering *s);

/* What is placed otherwise on the source by now waits at the root under a name of ours. */
MUST_USE bool steer_loosen(struct target *t, struct err *e);
/* Deletes what the source no longer has, up to its last id, where may says so. */
MUST_USE bool steer_delete_gone(struct target *t, uint64_t last,
    bool (*may)(void *ctx, const Wire__Folder *have), void *ctx, struct err *e);

/*
 * Folders that were made early and are gone or elsewhere on the source by now: those are
 * deleted, these get out of others' way. Only in a mailbox that holds nothing else.
 * last: the source's last id.
 */
MUST_USE bool steer_tidy(struct target *t, uint64_t last, struct err *e);

/* Opens the request of one step in a batch. parent: id here; 0 = the root. name: NULL =
   its own. */
void steer_put_burn(struct soap_request *r, uint64_t count);
void steer_put_create(
    struct soap_request *r, const Wire__Folder *f, uint64_t parent, const char *name);
void steer_put_move(struct soap_request *r, uint64_t id, uint64_t parent);
void steer_put_rename(
    struct soap_request *r, const Wire__Folder *f, uint64_t id, const char *name);
void steer_put_delete(struct soap_request *r, const Wire__Folder *f);
/* One attribute of a folder that is there. bit: one of STEER_*. */
void
steer_put_fix(struct soap_request *r, const Wire__Folder *f, uint64_t id, unsigned bit);
/* Id of what a Create...Response made. */
uint32_t steer_created_id(const struct soap_node *part);

/* --- counters and the first Sync --- */

/*
 * Raises the change counter above change; *passed_out false: more than limit would be needed.
 * keep_tag: what it takes for that stays, for the next time; it takes an id but once.
 */
MUST_USE bool steer_bump(struct target *t, uint64_t change, uint64_t limit, bool keep_tag,
    bool *passed_out, struct err *e);
/*
 * To exactly that number, when it is still to come and no further than limit; a tag that it takes
 * must be there. Nothing is said when it is not met: the counter tells.
 */
MUST_USE bool
steer_bump_to(struct target *t, uint64_t change, uint64_t limit, struct err *e);
/* The tag that it takes, made where an id would be burnt; is it that one? */
#define STEER_BUMP_TAG "zmferry-counter"
MUST_USE bool steer_make_bump_tag(struct target *t, uint32_t *id_out, struct err *e);
bool steer_is_bump_tag(const Wire__Folder *have);

#endif
