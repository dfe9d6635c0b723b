/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs a person: raised, told, repeated, acknowledged, silenced, over. One alert per
 * subject ("m12", "node:mbs1", "journal"); another key on the same subject takes the place
 * of the first, as down takes the place of failing. Journaled, and kept in memory, so that
 * it is told even when the journal cannot be written. Loop thread only.
 */
#ifndef ALERT_ALERT_H
#define ALERT_ALERT_H

#include <jansson.h>

#include "controller/alert/message.h"
#include "controller/alert/schedule.h"

struct alerts;
struct journal;

#define ALERT_SUBJECT 300
#define ALERT_BY 80

/* As journaled; texts are owned, never NULL. */
struct alert {
	uint64_t number;
	enum alert_key key;
	char subject[ALERT_SUBJECT];
	char node[ALERT_SUBJECT]; /* whose administrators it concerns; "" = all of it */
	char *text, *meaning, *did, *next;
	struct alert_state state;
	char thread[64]; /* of the messages about it */
	uint32_t told_count;
	char acked_by[ALERT_BY]; /* "" = nobody */
	int64_t acked_ms;
	char silenced_by[ALERT_BY];
	json_t *sent; /* {way: {"at", "ok", "text"}}, the last message by each */

	/* below: in memory only */
	struct alert_told done; /* what has got out, as journaled */
};

void alert_free(struct alert **a);

/* Where alerts go. NULL functions: nowhere. */
struct alerts_outlet {
	void *ctx;
	/* Takes the message or not (full: it is offered again); owns it when taken. */
	bool (*send)(void *ctx, struct alert_message *take_message);
};

struct alerts_options {
	struct journal *journal;
	struct alert_schedule schedule;
	int64_t (*wall_ms)(void); /* NULL: the clock's */
};

/* Takes up what the journal knows. */
MUST_USE bool
alerts_new(const struct alerts_options *options, struct alerts **out, struct err *e);
void alerts_free(struct alerts **all);
void alerts_set_outlet(struct alerts *all, const struct alerts_outlet *outlet);

/*
 * Something needs a person. Raised already with this key: its texts become the new ones and
 * nobody is told anew. facts: ALERT_FACTS(...), see the row in table.c; "node" says whom it
 * concerns. Cannot fail: what cannot be journaled is logged, shown and told all the same.
 */
void alert_raise(struct alerts *all, enum alert_key key, const char *subject,
    const char *const *facts);
/* What the subject needed is over; nothing when there is none. */
void alert_clear(struct alerts *all, const char *subject);
/* Is it raised? For raisers that look often. */
bool alert_is_raised(const struct alerts *all, enum alert_key key, const char *subject);

/* Somebody has it in hand: no repeats. Refused when nothing is raised there. */
MUST_USE bool
alert_ack(struct alerts *all, const char *subject, const char *who, struct err *e);
/* Nothing is told of it for so long; 0 = silence ends. Its end is told all the same. */
MUST_USE bool alert_silence(struct alerts *all, const char *subject, uint32_t seconds,
    const char *who, struct err *e);
/* By subject or number ("7"); NULL = none is raised. Borrowed for the call. */
const struct alert *alert_find(const struct alerts *all, const char *name);

/* Tells what is due; every few seconds. Many at once are told in one message. */
void alerts_tick(struct alerts *all);
/* From the outlet: a message got out, or did not, by one way. */
void alerts_on_sent(struct alerts *all, const struct alert_message *message,
    const char *way, const struct err *why);

/* [{...}] of docs/openapi.json, raised ones, worst first, then oldest; new reference. */
json_t *alerts_view(const struct alerts *all);
json_t *alert_view(const struct alert *a);
void alerts_count(const struct alerts *all, uint64_t counts_out[ALERT_SEVERITY_COUNT]);

#endif
