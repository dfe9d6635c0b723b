/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/seeding.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define REHEARSED_LEAST 10 /* messages, or it says nothing */
#define EXACT_PERCENT 90   /* of messages must have their old id, and their old UID */

const char *const seeding_mode_names[SEEDING_MODE_COUNT] = {
    [SEEDING_NO] = "no",
    [SEEDING_YES] = "yes",
    [SEEDING_AUTO] = "auto",
};

bool
seeding_mode_parse(const char *text, enum seeding_mode *out, struct err *e)
{
	/* It was a switch once: what a switch may be called stays good. */
	static const struct {
		const char *name;
		enum seeding_mode mode;
	} names[] = {
	    {"auto", SEEDING_AUTO},
	    {"yes", SEEDING_YES},
	    {"no", SEEDING_NO},
	    {"true", SEEDING_YES},
	    {"false", SEEDING_NO},
	    {"on", SEEDING_YES},
	    {"off", SEEDING_NO},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(text, names[i].name) != 0)
			continue;
		*out = names[i].mode;
		return true;
	}
	return err_set(e, ERR_REFUSED,
	    "seeding: \"%.60s\" is none of auto (where zmferry doctor --rehearse has "
	    "proven "
	    "it), yes, no",
	    text);
}

const struct seeding_proof *
seeding_proof_find(const struct seeding_proofs *all, const char *version)
{
	for (size_t i = 0; i < all->count; i++) {
		if (strcmp(all->rows[i].version, version) == 0)
			return &all->rows[i];
	}
	return NULL;
}

void
seeding_date(int64_t at_ms, char out[SEEDING_DATE])
{
	time_t at = (time_t)(at_ms / 1000);
	struct tm parts;

	out[0] = '\0';
	if (gmtime_r(&at, &parts) != NULL)
		strftime(out, SEEDING_DATE, "%Y-%m-%d", &parts);
}

bool
seeding_is_rehearsal(const struct move *m)
{
	return strncmp(m->account_name, REHEARSAL_PREFIX, strlen(REHEARSAL_PREFIX)) == 0;
}

/* Does the proof of this server's version hold? why: if not. */
static bool
seeding_server_is_proven(
    const struct seeding_proofs *proofs, const char *node, const char *version, char *why)
{
	const struct seeding_proof *p = seeding_proof_find(proofs, version);
	char date[SEEDING_DATE];

	if (version[0] == '\0') {
		snprintf(why, SEEDING_WHY,
		    "auto: which Zimbra %.150s runs is not known yet: its agent does not "
		    "say",
		    node);
		return false;
	}
	if (p == NULL) {
		snprintf(why, SEEDING_WHY,
		    "auto: not proven yet on %.63s, which %.120s runs; zmferry doctor "
		    "--rehearse",
		    version, node);
		return false;
	}
	if (!p->holds) {
		seeding_date(p->at_ms, date);
		snprintf(why, SEEDING_WHY,
		    "auto: the rehearsal of %s on %.63s, which %.100s runs, did not "
		    "prove "
		    "it: zmferry doctor",
		    date, version, node);
	}
	return p->holds;
}

bool
seeding_decide(const struct seeding_case *x, char *why)
{
	const struct seeding_proof *p;
	char date[SEEDING_DATE];

	if (x->mode != SEEDING_AUTO) {
		snprintf(why, SEEDING_WHY, "seeding = %s in controller.conf",
		    seeding_mode_names[x->mode]);
		return x->mode == SEEDING_YES;
	}
	if (x->is_rehearsal) {
		snprintf(why, SEEDING_WHY, "auto: a rehearsal tries it");
		return true;
	}
	if (!seeding_server_is_proven(x->proofs, x->source, x->source_version, why) ||
	    !seeding_server_is_proven(x->proofs, x->target, x->target_version, why))
		return false;
	p = seeding_proof_find(x->proofs, x->target_version);
	seeding_date(p->at_ms, date);
	snprintf(
	    why, SEEDING_WHY, "auto: proven on %.63s on %s", x->target_version, date);
	return true;
}

/* --- what a rehearsal teaches --- */

static bool
seeding_kept_its_promise(const struct move *m, char *text)
{
	json_t *verdict = m->data.verdict_json == NULL
			      ? NULL
			      : json_loads(m->data.verdict_json, 0, NULL);
	json_int_t messages = json_integer_value(json_object_get(verdict, "messages"));
	json_int_t ids = json_integer_value(json_object_get(verdict, "ids_exact"));
	json_int_t uids = json_integer_value(json_object_get(verdict, "uids_exact"));

	json_decref(verdict);
	snprintf(text, SEEDING_WHY,
	    "verdict %s; of %lld messages %llu were put in before the lock, %lld have "
	    "their old id, %lld their old IMAP UID",
	    m->data.verdict, (long long)messages, (unsigned long long)m->data.seeded,
	    (long long)ids, (long long)uids);
	return strcmp(m->data.verdict, "clean") == 0 && messages >= REHEARSED_LEAST &&
	       m->data.seeded > 0 && ids * 100 >= messages * EXACT_PERCENT &&
	       uids * 100 >= messages * EXACT_PERCENT;
}

enum seeding_lesson
seeding_judge(const struct move *m, enum move_state before, char *text)
{
	text[0] = '\0';
	if (!seeding_is_rehearsal(m) || !m->data.seeding || m->data.gone ||
	    m->data.revert_tried || m->data.reverted)
		return SEEDING_LEARNT_NOTHING;
	if (m->state == MOVE_SETTLED && before == MOVE_VERIFYING)
		return seeding_kept_its_promise(m, text) ? SEEDING_PROVEN
							 : SEEDING_DISPROVEN;
	/* What fails behind the verdict is about old copies. */
	if ((m->state == MOVE_STUCK && m->data.verdict[0] == '\0') ||
	    (m->state == MOVE_ABANDONED && !m->data.cancelled)) {
		snprintf(text, SEEDING_WHY, "its move was given up while %s: %.200s",
		    move_states[before].name, m->error);
		return SEEDING_DISPROVEN;
	}
	return SEEDING_LEARNT_NOTHING;
}
