/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every alert there is, in one table: how bad it is, what happened, what that means, what
 * zmferry did about it, and what to run next. Nothing else wakes a person. A new alert is a
 * key here and a row in table.c; tests/unit/controller/test_alert_table.c walks the rows.
 */
#ifndef ALERT_TABLE_H
#define ALERT_TABLE_H

#include "proto/base/err.h"

enum alert_severity { ALERT_INFO, ALERT_WARNING, ALERT_CRITICAL, ALERT_SEVERITY_COUNT };

enum alert_key {
	/* moves */
	ALERT_MOVE_LOCKED,
	ALERT_MOVE_WAITS,
	ALERT_MOVE_STUCK,
	ALERT_MOVE_STUCK_LOCKED,
	ALERT_MOVE_SET_ASIDE,
	ALERT_MOVE_GONE,
	ALERT_MOVE_NOT_CLEAN,
	ALERT_MOVE_COPY_STAYS,
	ALERT_MOVE_MAIL_ASIDE,
	ALERT_MOVE_LEFT_BEHIND,
	ALERT_MOVE_FROM_SPOOL,
	ALERT_JOB_WAITS,
	ALERT_MOVE_PURGE_STUCK,
	/* nodes and the policy over them */
	ALERT_NODE_FAILING,
	ALERT_NODE_UNREACHABLE,
	ALERT_NODE_DOWN,
	ALERT_NODE_DEAD,
	ALERT_NODE_RESTARTED,
	ALERT_NODE_RESTART_FAILED,
	ALERT_EVACUATION_BEGUN,
	ALERT_EVACUATION_DECLINED,
	/* the controller itself */
	ALERT_JOURNAL,
	ALERT_JOURNAL_SHORT,
	ALERT_JOURNAL_RESTORED,
	ALERT_CERTIFICATE_CONTROLLER,
	ALERT_CERTIFICATE_NODE,
	ALERT_CERTIFICATE_API,
	ALERT_CERTIFICATE_API_FILE,
	ALERT_CERTIFICATE_OPERATOR,
	ALERT_DELIVERY,
	ALERT_TEST,
	/* a row of a journal that an earlier version wrote */
	ALERT_EARLIER,
	ALERT_KEY_COUNT
};

/* In the texts {name} stands for a fact; facts lists their names, divided by spaces. */
struct alert_def {
	const char *name; /* stored and shown; golden/state-names.txt pins it */
	enum alert_severity severity;
	const char *facts;
	const char *what;    /* happened */
	const char *meaning; /* for people and mail */
	const char *did;     /* zmferry, by itself */
	const char *next;    /* for a person; names a command */
};

extern const struct alert_def alert_defs[ALERT_KEY_COUNT];

/* Facts: names and values in turn, then NULL: ALERT_FACTS("node", name, "why", text). */
#define ALERT_FACTS(...) ((const char *const[]){__VA_ARGS__, NULL})

const char *alert_severity_name(enum alert_severity severity);
bool alert_severity_parse(const char *name, enum alert_severity *out);
bool alert_key_parse(const char *name, enum alert_key *out);

/*
 * The text with its facts filled in: one line, valid UTF-8, without control characters, of
 * bounded length; free() it. A fact that was not given shows as "?".
 */
char *alert_render(const char *text, const char *const *facts);

#endif
