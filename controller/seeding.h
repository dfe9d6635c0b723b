/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a move seeded (docs/decisions/0010)? By setting; or, left to itself, where a rehearsal
 * has proven on the Zimbra of both its servers that it works. Pure: facts in, an answer with
 * its reason out. What rehearsals said is in the journal (journal_seeding.c).
 */
#ifndef CONTROLLER_SEEDING_H
#define CONTROLLER_SEEDING_H

#include "controller/move.h"

enum seeding_mode { SEEDING_NO, SEEDING_YES, SEEDING_AUTO, SEEDING_MODE_COUNT };
extern const char *const seeding_mode_names[SEEDING_MODE_COUNT];
/* As in controller.conf. False with e: it is none of them. */
MUST_USE bool seeding_mode_parse(const char *text, enum seeding_mode *out, struct err *e);

/* What the last rehearsal on a version of Zimbra said. */
struct seeding_proof {
	char version[ZIMBRA_VERSION_SIZE];
	bool holds;
	int64_t at_ms; /* wall clock */
	char source[WORLD_NAME], target[WORLD_NAME];
	char text[SEEDING_WHY]; /* what was seen */
};
#define SEEDING_PROOFS_MAX 16 /* versions of Zimbra; the oldest is forgotten first */

struct seeding_proofs {
	struct seeding_proof rows[SEEDING_PROOFS_MAX];
	size_t count;
};
/* NULL: nothing was ever rehearsed on it. */
const struct seeding_proof *
seeding_proof_find(const struct seeding_proofs *all, const char *version);
/* "2026-11-30", UTC. */
#define SEEDING_DATE 16
void seeding_date(int64_t at_ms, char out[SEEDING_DATE]);

struct seeding_case {
	enum seeding_mode mode;
	bool is_rehearsal;
	const char *source, *target;
	const char *source_version, *target_version; /* Zimbra's; "" = not known */
	const struct seeding_proofs *proofs;
};
/* why: always said, for people, SEEDING_WHY bytes. */
bool seeding_decide(const struct seeding_case *x, char *why);

/* The names of rehearsals' accounts (move.h). */
bool seeding_is_rehearsal(const struct move *m);

/*
 * What a rehearsal's move teaches as it comes from the state before into its present one. Of
 * every other move nothing. text: what was seen, SEEDING_WHY bytes.
 */
enum seeding_lesson { SEEDING_LEARNT_NOTHING, SEEDING_PROVEN, SEEDING_DISPROVEN };
enum seeding_lesson
seeding_judge(const struct move *m, enum move_state before, char *text);

struct seeding_decision {
	bool seeds;
	char source_version[ZIMBRA_VERSION_SIZE], target_version[ZIMBRA_VERSION_SIZE];
	char why[SEEDING_WHY];
};

/* What moves ask of those above them. Loop thread. */
struct seeding_host {
	void *ctx;
	void (*decide)(void *ctx, const struct move *m, struct seeding_decision *out);
	/* A move's state changed. */
	void (*changed)(void *ctx, const struct move *m, enum move_state before);
};

#endif
