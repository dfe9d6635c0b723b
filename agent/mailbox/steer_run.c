/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan, do, look, plan again, until there is nothing left to do: so a crash, a lost
 * answer or somebody else's id are all the same case. Then colours, grants and the like,
 * which only differ when they differ; then the counters; then the first Sync, which must
 * come after them, or an old client's token would be taken (facts: identity 3.1).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/mailbox/account.h"
#include "agent/mailbox/filters.h"
#include "agent/mailbox/first_sync.h"
#include "agent/mailbox/items.h"
#include "agent/mailbox/seed_index.h"
#include "agent/mailbox/steer_private.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define BURN_PART 50000 /* ids in one request: about 5 s (facts: identity 2) */
#define BATCH_PARTS 500
#define ROUNDS_MAX 200
#define WAIT_NS 500000000
#define WAITS_MAX 10 /* in all: the account is locked meanwhile; mend.c tries again */

static void
steer_because(struct steering *s, uint64_t id, const char *text)
{
	s->reasons = xrealloc_array(s->reasons, s->reason_count + 1, sizeof(*s->reasons));
	s->reasons[s->reason_count++] = (struct steer_reason){id, xstrdup(text)};
	log_warn(s->t->log, "folder %llu: %s", (unsigned long long)id, text);
}

void
steer_remember(struct steer_refused *list, uint64_t id)
{
	size_t at = steer_refused_place(list, id);

	if (at < list->count && list->ids[at] == id)
		return;
	list->ids = xrealloc_array(list->ids, list->count + 1, sizeof(*list->ids));
	memmove(
	    list->ids + at + 1, list->ids + at, (list->count - at) * sizeof(*list->ids));
	list->ids[at] = id;
	list->count++;
}

/* For the runs to come: what Zimbra itself refused would be refused of a fresh one too. */
static bool
steer_note_refused(struct steering *s, uint64_t id, struct err *e)
{
	char *text = spool_note_text(s->t->spool, NOTE_REFUSED);
	char *more =
	    xasprintf("%s%llu\n", text == NULL ? "" : text, (unsigned long long)id);
	bool ok = spool_note_write(s->t->spool, NOTE_REFUSED, more, e);

	free(text);
	free(more);
	return ok;
}

static void
steer_read_refused(struct steering *s, struct steer_refused *out)
{
	char *text = spool_note_text(s->t->spool, NOTE_REFUSED);

	*out = (struct steer_refused){0};
	for (char *p = text; p != NULL && *p >= '0' && *p <= '9'; p += strspn(p, "\n"))
		steer_remember(out, strtoull(p, &p, 10));
	free(text);
}

bool
steer_read_counter(struct steering *s, struct err *e)
{
	return items_last_id(s->t->soap, s->t->account_id, &s->last_id, &s->change, e);
}

/* --- one batch of steps --- */

/* A folder whose own name was refused is tried once more under one that cannot be. */
static const char *
steer_name(const struct steering *s, const struct steer_step *step, char temporary[40])
{
	steer_temporary_name(step->folder, temporary);
	return step->temporary || steer_times_refused(s, step->folder->id) > 0 ? temporary
									       : NULL;
}

static void
steer_put_step(
    const struct steering *s, struct soap_request *r, const struct steer_step *step)
{
	const struct target *t = s->t;
	const Wire__Folder *f = step->folder;
	char temporary[40];
	uint64_t parent = TREE_ROOT;

	if (step->op == STEER_BURN) {
		steer_put_burn(r, step->count);
		return;
	}
	if (!step->temporary && f->parent_id >= TREE_FIRST_USER) {
		const Wire__Folder *up = tree_find(&t->source, f->parent_id);

		/* One made in this very batch gets its old id, or the batch stops. */
		parent =
		    up == NULL ? TREE_ROOT : steer_counterpart(&t->source, &t->here, up);
		if (parent == 0)
			parent = f->parent_id;
	} else if (!step->temporary && f->parent_id != 0) {
		parent = f->parent_id;
	}
	steer_put_create(r, f, parent, steer_name(s, step, temporary));
}

/* A mountpoint's owner may be on the way to another server just now. */
static bool
steer_waits(struct steering *s, const struct soap_node *part)
{
	const struct timespec pause = {.tv_nsec = WAIT_NS};

	if (!target_part_may_pass(part) || s->waits == WAITS_MAX)
		return false;
	s->waits++;
	nanosleep(&pause, NULL);
	return true;
}

/* What came of the batch; stops at the first part that is not as planned. */
static void
steer_take_parts(struct steering *s, const struct steer_step *steps, size_t count,
    const struct soap_answer *answer)
{
	const struct soap_node *part = soap_child(soap_body(answer), NULL);
	struct err ignored;
	char fault[300];

	for (size_t i = 0; i < count && part != NULL; i++, part = soap_next(part, NULL)) {
		const Wire__Folder *f = steps[i].folder;

		if (target_part_fault(part, fault, sizeof(fault)) != NULL) {
			if (f == NULL || steer_waits(s, part))
				return;
			if (steer_times_refused(s, f->id) > 0)
				steer_remember(&s->refused, f->id);
			else if (!steer_note_refused(s, f->id, &ignored))
				log_warn(s->t->log, "%s", ignored.text);
			steer_because(s, f->id, fault);
			return;
		}
		if (f != NULL && !steps[i].late && steer_created_id(part) != f->id)
			return; /* somebody took an id: the next plan sees it */
	}
}

/* A late one's parent may be late itself: its id is known after a look only. */
static bool
steer_is_ready(const struct steering *s, const struct steer_step *step)
{
	const Wire__Folder *up;

	if (!step->late || step->temporary || step->folder->parent_id < TREE_FIRST_USER)
		return true;
	up = tree_find(&s->t->source, step->folder->parent_id);
	return up == NULL || steer_counterpart(&s->t->source, &s->t->here, up) != 0;
}

static size_t
steer_batch_size(const struct steering *s, const struct steer_step *steps, size_t count)
{
	uint64_t burnt = 0;
	size_t n = 0;

	while (n < count && n < BATCH_PARTS && steps[n].op != STEER_PLACE) {
		burnt += steps[n].op == STEER_BURN ? steps[n].count : 0;
		if (n > 0 && (burnt > BURN_PART || !steer_is_ready(s, &steps[n])))
			break;
		n++;
	}
	return n;
}

static bool
steer_send_batch(
    struct steering *s, const struct steer_step *steps, size_t count, struct err *e)
{
	struct soap_request *r = target_batch(s->t, true);
	struct soap_answer *answer = NULL;
	bool ok;

	for (size_t i = 0; i < count; i++)
		steer_put_step(s, r, &steps[i]);
	ok = target_send(s->t, r, &answer, e);
	if (ok)
		steer_take_parts(s, steps, count, answer);
	soap_answer_free(&answer);
	return ok;
}

bool
steer_burn(struct steering *s, uint64_t count, struct err *e)
{
	while (count > 0) {
		struct steer_step part = {
		    .op = STEER_BURN, .count = count > BURN_PART ? BURN_PART : count};

		if (s->t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (!steer_send_batch(s, &part, 1, e))
			return err_wrap(e, "raising the item counter");
		count -= part.count;
		s->t->progress(s->t->ctx, 0, count, 0, "raising the item counter");
	}
	return true;
}

/* --- places --- */

static bool
steer_place(struct steering *s, const Wire__Folder *f, struct err *e)
{
	struct target *t = s->t;
	uint64_t id = steer_counterpart(&t->source, &t->here, f);
	const Wire__Folder *have = tree_find(&t->here, id);
	struct soap_request *r = target_batch(t, true);
	struct soap_answer *answer = NULL;
	const Wire__Folder *up = tree_find(&t->source, f->parent_id);
	uint64_t parent = up == NULL || tree_is_system(up)
			      ? f->parent_id
			      : steer_counterpart(&t->source, &t->here, up);
	char fault[300];
	bool ok = true, may = false;

	if (have != NULL && (parent != 0 || tree_kind_of(f) == TREE_TAG))
		ok = filters_may_change(t, have, &may, e);
	if (!may) {
		soap_request_free(&r);
		return ok;
	}
	if (tree_kind_of(f) != TREE_TAG && have->parent_id != parent)
		steer_put_move(r, id, parent);
	if (!tree_bytes_equal(&have->name, &f->name))
		steer_put_rename(r, f, id, NULL);
	ok = target_send(t, r, &answer, e);
	for (const struct soap_node *part = ok ? soap_child(soap_body(answer), NULL)
					       : NULL;
	     part != NULL; part = soap_next(part, NULL)) {
		if (target_part_fault(part, fault, sizeof(fault)) != NULL)
			steer_because(s, f->id, fault);
	}
	soap_answer_free(&answer);
	return ok;
}

/* --- the counter --- */

static bool
steer_is_bare(const struct steering *s)
{
	for (size_t i = 0; i < s->t->here.count; i++) {
		if (!tree_is_system(s->t->here.nodes[i]))
			return false;
	}
	return true;
}

/* Has this steering ended here before? What it could not make stays so. */
static bool
steer_look_back(struct steering *s, struct err *e)
{
	uint64_t last_id, change;

	if (!steer_read_counter(s, e))
		return false;
	/* The note may be of an attempt before, whose mailbox is gone. */
	if (s->last_id <= STEER_FRESH &&
	    !spool_note_write(s->t->spool, NOTE_STEERED, "", e))
		return false;
	s->is_done = !steer_is_bare(s) &&
		     target_read_numbers(s->t, NOTE_STEERED, &last_id, &change) &&
		     last_id == s->limits->last_item_id;
	return true;
}

/*
 * A mailbox that is loaded anew has its counter rounded up, perhaps past folders not made
 * yet (facts: live-preseed 7). As long as nothing is in it, a fresh one is better than
 * folders at other ids: the move goes back. With mail in it there is no way back.
 */
static bool
steer_check_counter(struct steering *s, struct err *e)
{
	struct steer_refused refused;
	const Wire__Folder *f;
	Wire__Row row;

	steer_read_refused(s, &refused);
	f = steer_passed(&s->t->source, &s->t->here, s->last_id, &refused);
	free(refused.ids);

	if (f == NULL || s->is_done || s->reason_count > 0 || s->waits > 0)
		return true;
	if (!account_row(s->t->soap, s->t->account_id, &row, e))
		return false;
	if ((row.size_bytes > 0 || row.new_messages > 0 || row.contacts > 0) &&
	    !seed_row_is_ours(s->t->spool_dir, s->t->move_id, &row))
		return true;
	return err_set(e, ERR_REFUSED,
	    "the new mailbox was loaded anew (was mailboxd started again?): its id "
	    "counter stands at %llu, past folder %llu that is not made yet; nothing is "
	    "in it but copies, so the move goes back and begins with a fresh one",
	    (unsigned long long)s->last_id, (unsigned long long)f->id);
}

/* --- rounds --- */

static bool
steer_do(struct steering *s, const struct steer_plan *plan, struct err *e)
{
	const struct steer_step *steps = plan->steps;

	/* One batch, then a look: what it did decides about the rest. */
	if (steps[0].op == STEER_BURN && steps[0].count > BURN_PART)
		return steer_burn(s, steps[0].count, e);
	if (steps[0].op != STEER_PLACE)
		return steer_send_batch(
		    s, steps, steer_batch_size(s, steps, plan->count), e);
	for (size_t i = 0; i < plan->count && steps[i].op == STEER_PLACE; i++) {
		steer_remember(&s->placed, steps[i].folder->id);
		if (!steer_place(s, steps[i].folder, e))
			return false;
	}
	return true;
}

/* Has a place that did not work out been tried already? Then it is a miss. */
static bool
steer_is_settled(const struct steering *s, const struct steer_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->steps[i].op != STEER_PLACE ||
		    !steer_is_refused(&s->placed, plan->steps[i].folder->id))
			return false;
	}
	return true;
}

bool
steer_make_all(struct steering *s, struct err *e)
{
	for (int round = 0; round < ROUNDS_MAX + (int)(s->t->source.count / 10);
	     round++) {
		struct steer_plan plan;
		bool done;
		bool ok = true;

		if (s->t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (!steer_read_counter(s, e) || !steer_check_counter(s, e))
			return false;
		steer_plan_make(
		    &s->t->source, &s->t->here, s->last_id, s->last, &s->refused, &plan);
		done = steer_is_settled(s, &plan);
		if (!done)
			ok = steer_do(s, &plan, e) && target_read_here(s->t, e);
		s->t->progress(s->t->ctx, s->t->source.count - plan.count,
		    s->t->source.count, 0, "making folders");
		steer_plan_free(&plan);
		if (done || !ok)
			return ok;
	}
	return err_set(e, ERR_RETRY,
	    "folders: after %d rounds there is still something to make", ROUNDS_MAX);
}

/* --- colours, flags, grants, policies --- */

struct steer_fix {
	const Wire__Folder *folder;
	unsigned bit;
};

static bool
steer_send_fixes(
    struct steering *s, const struct steer_fix *fixes, size_t count, struct err *e)
{
	struct target *t = s->t;
	struct soap_request *r = target_batch(t, false);
	struct soap_answer *answer = NULL;
	const struct soap_node *part;
	char fault[300];
	bool ok;

	for (size_t i = 0; i < count; i++)
		steer_put_fix(r, fixes[i].folder,
		    steer_counterpart(&t->source, &t->here, fixes[i].folder),
		    fixes[i].bit);
	ok = target_send(t, r, &answer, e);
	part = ok ? soap_child(soap_body(answer), NULL) : NULL;
	for (size_t i = 0; i < count && part != NULL; i++, part = soap_next(part, NULL)) {
		if (target_part_fault(part, fault, sizeof(fault)) != NULL)
			steer_because(s, fixes[i].folder->id, fault);
	}
	soap_answer_free(&answer);
	return ok;
}

bool
steer_fix_all(struct steering *s, struct err *e)
{
	struct target *t = s->t;
	struct steer_fix fixes[BATCH_PARTS];
	size_t count = 0;
	bool any = false;

	for (size_t i = 0; i < t->source.count; i++) {
		const Wire__Folder *f = t->source.nodes[i];
		const Wire__Folder *have =
		    tree_find(&t->here, steer_counterpart(&t->source, &t->here, f));
		unsigned bits =
		    have == NULL ? 0 : steer_unlike(&t->source, &t->here, f, have);

		/* A grant made here would overwrite what the home wrote of others (7). */
		if (s->limits->early)
			bits &= ~(unsigned)STEER_GRANTS;
		for (unsigned bit = STEER_COLOR; bit <= STEER_ACTIVESYNC; bit <<= 1) {
			if ((bits & bit) == 0)
				continue;
			fixes[count++] = (struct steer_fix){f, bit};
			any = true;
			if (count < ARRAY_LEN(fixes))
				continue;
			if (!steer_send_fixes(s, fixes, count, e))
				return false;
			count = 0;
		}
	}
	if (count > 0 && !steer_send_fixes(s, fixes, count, e))
		return false;
	return !any || target_read_here(t, e);
}

/* --- all of it --- */

/* The first Sync of this mailbox, and its token; not again once the person is there. */
static bool
steer_first_sync(struct steering *s, struct err *e)
{
	char text[128];

	return spool_note_read(s->t->spool, NOTE_MENDED, text, sizeof(text)) ||
	       first_sync_take(s->t, e);
}

static bool
steer_counters(struct steering *s, Wire__SteerFacts *facts, struct err *e)
{
	bool passed = false;
	char text[64];

	if (!steer_bump(
		s->t, s->limits->change, s->limits->change_limit, false, &passed, e) ||
	    !steer_read_counter(s, e))
		return false;
	if (!passed)
		log_warn(s->t->log,
		    "the change counter stays at %llu, below the source's %llu: mail "
		    "clients that keep a token may miss changes until they fetch anew",
		    (unsigned long long)s->change, (unsigned long long)s->limits->change);
	facts->change_passed = passed;
	facts->last_item_id = s->last_id;
	facts->change = s->change;
	snprintf(text, sizeof(text), "%llu %llu",
	    (unsigned long long)s->limits->last_item_id,
	    passed ? (unsigned long long)s->limits->change : 0ull);
	return spool_note_write(s->t->spool, NOTE_STEERED, text, e);
}

static bool
steer_all(struct steering *s, Wire__SteerFacts *facts, struct err *e)
{
	s->last = s->limits->last_item_id;
	if (!steer_look_back(s, e) || (!s->is_done && !steer_tidy(s->t, s->last, e)) ||
	    !steer_make_all(s, e) || !steer_fix_all(s, e) || !steer_report(s, facts, e) ||
	    !steer_counters(s, facts, e) || !steer_first_sync(s, e))
		return false;
	return s->last_id >= s->last ||
	       err_set(e, ERR_RETRY,
		   "the item counter is %llu and not past the source's %llu",
		   (unsigned long long)s->last_id, (unsigned long long)s->last);
}

/*
 * While the account lives on the source: what takes long is done, the rest is left for the
 * lock. A Sync would make old clients' tokens good (facts: identity 3.1), so none is made.
 */
static bool
steer_before(struct steering *s, Wire__SteerFacts *facts, struct err *e)
{
	struct target *t = s->t;
	bool passed = false;
	uint32_t *fed;
	size_t fed_count;

	/* A note of an attempt before, whose mailbox is gone, says nothing of this one. */
	if (!spool_note_write(t->spool, NOTE_STEERED, "", e) ||
	    !steer_read_counter(s, e) || !steer_check_counter(s, e))
		return false;
	if (!steer_read_feeds(t, &fed, &fed_count, e))
		return false;
	s->last = steer_early_last(&t->source, s->limits->last_item_id, fed, fed_count);
	free(fed);
	for (size_t i = 0; i < t->source.count; i++) {
		if (t->source.nodes[i]->id > s->last)
			steer_remember(&s->refused, t->source.nodes[i]->id);
	}
	if (s->last > s->last_id && (!steer_make_all(s, e) || !steer_fix_all(s, e)))
		return false;
	if (!steer_bump(
		t, s->limits->change, s->limits->change_limit, true, &passed, e) ||
	    !steer_read_counter(s, e))
		return false;
	facts->change_passed = passed;
	facts->last_item_id = s->last_id;
	facts->change = s->change;
	return true;
}

void
steering_fini(struct steering *s)
{
	for (size_t i = 0; i < s->reason_count; i++)
		free(s->reasons[i].text);
	free(s->reasons);
	free(s->refused.ids);
	free(s->placed.ids);
	*s = (struct steering){0};
}

bool
steer_run(struct target *t, const struct steer_limits *limits, Wire__SteerFacts *facts,
    struct err *e)
{
	struct steering s = {.t = t, .limits = limits};
	bool ok = limits->early ? steer_before(&s, facts, e) : steer_all(&s, facts, e);

	steering_fini(&s);
	return ok;
}
