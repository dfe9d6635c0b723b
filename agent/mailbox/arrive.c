/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All goes well: everything posted is found among the ids that are new. What can go
 * wrong: the server is still working (wait until its counter rests), an item is marked
 * \Deleted and in no query (ask by id), the owner deleted it already (Sync tells) or saved
 * the draft anew (its place among the new ids tells).
 */
#include "agent/mailbox/arrive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/mailbox/items.h"
#include "agent/mailbox/manifest.h"
#include "proto/base/xalloc.h"

#define QUIET_LOOKS 5 /* seconds without a new id: the server is done with an archive */
#define QUIET_LOOKS_LOOSE 2 /* with one message */
#define QUIET_WAIT_MAX 300

void
arrivals_init(struct arrivals *a, struct target *t)
{
	*a = (struct arrivals){.t = t};
}

void
arrivals_fini(struct arrivals *a)
{
	free(a->ids);
	free(a->missing);
	*a = (struct arrivals){0};
}

static void
arrivals_add(struct arrivals *a, uint32_t id)
{
	if (a->count == a->cap) {
		a->cap = a->cap == 0 ? 256 : a->cap * 2;
		a->ids = xrealloc_array(a->ids, a->cap, sizeof(*a->ids));
	}
	a->ids[a->count++] = id;
}

/* --- the note: "LAST_ID CHANGE FOLDER LOOSE", then the ids --- */

static bool
arrivals_write(struct arrivals *a, struct err *e)
{
	struct buf text;
	bool ok;

	buf_init(&text, 0);
	ok = buf_printf(&text, "%llu %llu %u %d\n", (unsigned long long)a->last_id,
	    (unsigned long long)a->change, a->folder, (int)a->loose);
	for (size_t i = 0; i < a->count && ok; i++)
		ok = buf_printf(&text, "%u\n", a->ids[i]);
	ok = ok ? spool_note_write(a->t->spool, NOTE_POSTING, buf_str(&text), e)
		: err_set(e, ERR_REFUSED, "too many items in one request");
	buf_fini(&text);
	return ok;
}

static void
arrivals_parse(struct arrivals *a, const char *text)
{
	char *end;

	a->last_id = strtoull(text, &end, 10);
	a->change = strtoull(end, &end, 10);
	a->folder = (uint32_t)strtoul(end, &end, 10);
	a->loose = strtoul(end, &end, 10) != 0;
	for (;;) {
		unsigned long id = strtoul(end, &end, 10);

		if (id == 0)
			return;
		arrivals_add(a, (uint32_t)id);
	}
}

bool
arrivals_recover(struct arrivals *a, struct err *e)
{
	char *text = spool_note_text(a->t->spool, NOTE_POSTING);
	bool found = text != NULL && text[0] != '\0';

	if (found)
		arrivals_parse(a, text);
	free(text);
	if (!found || a->count == 0)
		return true;
	log_info(a->t->log, "%zu items were sent and their result is not known: looking",
	    a->count);
	a->unclear = true;
	return arrivals_settle(a, e);
}

bool
arrivals_note(struct arrivals *a, const uint32_t *ids, size_t count, struct err *e)
{
	if (a->count == 0 &&
	    !items_last_id(a->t->soap, a->t->account_id, &a->last_id, &a->change, e))
		return false;
	for (size_t i = 0; i < count; i++)
		arrivals_add(a, ids[i]);
	return arrivals_write(a, e);
}

/* --- waiting for a server whose answer was lost --- */

static bool
arrivals_wait_quiet(struct arrivals *a, struct err *e)
{
	const struct timespec second = {.tv_sec = 1};
	uint64_t before = 0, now, change;
	int quiet = 0;

	for (int waited = 0; waited < QUIET_WAIT_MAX; waited++) {
		if (a->t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		if (!items_last_id(a->t->soap, a->t->account_id, &now, &change, e))
			return false;
		quiet = now == before ? quiet + 1 : 0;
		before = now;
		if (quiet >= (a->loose ? QUIET_LOOKS_LOOSE : QUIET_LOOKS))
			return true;
		nanosleep(&second, NULL);
	}
	return err_set(e, ERR_RETRY,
	    "an import whose answer was lost is still going on after %d s",
	    QUIET_WAIT_MAX);
}

/* --- looking --- */

struct looking {
	struct arrivals *a;
	struct manifest seen;
	struct match_item *wanted; /* by index in a->ids */
	uint32_t *here;		   /* new ids; 0 = not found */
	bool *is_draft;
	size_t found;
	bool opened;
};

static bool
looking_describe(struct looking *l, struct err *e)
{
	struct arrivals *a = l->a;

	for (size_t i = 0; i < a->count; i++) {
		struct spool_item item;
		uint32_t folder;

		if (!spool_find(a->t->spool, a->ids[i], &item))
			return err_set(e, ERR_CORRUPT,
			    "item %u was sent and is not in the spool", a->ids[i]);
		folder = a->folder != 0 ? a->folder : target_place(a->t, item.folder_id);
		if (!manifest_wanted(a->t->spool, &item, folder, &l->wanted[i], e))
			return false;
		l->is_draft[i] = match_is_draft(&l->wanted[i]);
		/* One that is known to have arrived stays so. */
		if (item.state != SPOOL_STAGED)
			l->here[i] = item.target_id;
		l->found += l->here[i] != 0;
	}
	return true;
}

static void
looking_claim(struct looking *l)
{
	/* Before the opening nobody moves anything: elsewhere is somebody else's. */
	int last = l->opened ? MATCH_ANYWHERE : MATCH_IN_FOLDER;

	for (int grade = MATCH_SAME; grade <= last; grade++) {
		for (size_t i = 0; i < l->a->count; i++) {
			struct match_item *have;

			if (l->here[i] != 0)
				continue;
			have = match_claim(
			    &l->seen.set, &l->wanted[i], (enum match_grade)grade);
			if (have == NULL)
				continue;
			l->here[i] = have->id;
			l->found++;
		}
	}
}

/* A message whose bytes AddMsg changed: nobody else's new one has its folder and date. */
static void
looking_claim_loose(struct looking *l)
{
	for (size_t i = 0; i < l->a->count; i++) {
		for (size_t k = 0; k < l->seen.set.count && l->here[i] == 0; k++) {
			struct match_item *have = &l->seen.set.items[k];

			if (have->claimed || have->type != l->wanted[i].type ||
			    have->folder_id != l->wanted[i].folder_id ||
			    have->date_s != l->wanted[i].date_s)
				continue;
			have->claimed = true;
			l->here[i] = have->id;
			l->found++;
		}
	}
}

/* What changed since, by Sync, and no query showed. */
static bool
looking_unseen(struct looking *l, const struct manifest_wish *wish, struct err *e)
{
	struct target *t = l->a->t;
	struct items_changes x;
	char token[32];
	size_t count = 0;
	bool ok;

	/* A token is the change counter's value; tracking is on since the steering. */
	snprintf(token, sizeof(token), "%llu", (unsigned long long)l->a->change);
	if (!items_changes(t->soap, t->account_id, token, &x, e))
		return false;
	for (size_t i = 0; i < x.changed_count; i++) {
		if (x.changed[i] > wish->after_id &&
		    match_by_id(&l->seen.set, x.changed[i]) == NULL)
			x.changed[count++] = x.changed[i];
	}
	ok = count == 0 || manifest_read_ids(t, x.changed, count, wish, &l->seen, e);
	items_changes_free(&x);
	return ok;
}

static int
compare_gone(const void *a, const void *b)
{
	const struct arrivals_gone *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* What was deleted, and what nobody claimed and is a draft, ascending. */
static struct arrivals_gone *
looking_list_gone(
    const struct looking *l, const struct items_changes *x, size_t *count_out)
{
	const struct match_set *set = &l->seen.set;
	struct arrivals_gone *gone =
	    xcalloc(x->deleted_count + set->count + 1, sizeof(*gone));
	size_t count = 0;

	for (size_t i = 0; i < x->deleted_count; i++)
		gone[count++] = (struct arrivals_gone){x->deleted[i], false};
	for (size_t i = 0; i < set->count; i++) {
		if (!set->items[i].claimed && match_is_draft(&set->items[i]))
			gone[count++] = (struct arrivals_gone){set->items[i].id, true};
	}
	qsort(gone, count, sizeof(*gone), compare_gone);
	*count_out = count;
	return gone;
}

/* What its owner deleted or saved anew since it came. */
static bool
looking_gone(struct looking *l, struct err *e)
{
	struct target *t = l->a->t;
	struct items_changes x;
	struct arrivals_gone *gone;
	char token[64];
	size_t count;

	if (!l->opened || !spool_note_read(t->spool, NOTE_OPENED, token, sizeof(token)))
		return true;
	if (!items_changes(t->soap, t->account_id, token, &x, e))
		return false;
	gone = looking_list_gone(l, &x, &count);
	arrivals_find_gone(l->here, l->is_draft, l->a->count, (uint32_t)l->a->last_id,
	    gone, count, !l->a->unclear);
	free(gone);
	items_changes_free(&x);
	return true;
}

static bool
looking_mark(struct looking *l, struct err *e)
{
	struct arrivals *a = l->a;

	a->missing_count = 0;
	a->missing = xrealloc_array(a->missing, a->count + 1, sizeof(*a->missing));
	for (size_t i = 0; i < a->count; i++) {
		if (l->here[i] == 0)
			a->missing[a->missing_count++] = a->ids[i];
		else if (!spool_set_state(
			     a->t->spool, a->ids[i], SPOOL_APPLIED, l->here[i], e))
			return false;
	}
	/* On disk before the note goes: until then the next worker would look again. */
	return spool_sync(a->t->spool, e) &&
	       spool_note_write(a->t->spool, NOTE_POSTING, "", e);
}

static bool
looking_find(struct looking *l, struct err *e)
{
	struct arrivals *a = l->a;
	const struct manifest_wish wish = {.since_change = a->change,
	    .after_id = (uint32_t)a->last_id,
	    .in_folder = a->folder};

	if (!looking_describe(l, e) || !manifest_read(a->t, &wish, &l->seen, e))
		return false;
	looking_claim(l);
	if (l->found < a->count) {
		if (!looking_unseen(l, &wish, e))
			return false;
		looking_claim(l);
	}
	if (a->loose)
		looking_claim_loose(l);
	return true;
}

/* Later somebody may have worked on it: then the verdict names it. */
static bool
looking_drop_partial(struct looking *l, struct err *e)
{
	struct target *t = l->a->t;

	for (size_t i = 0; i < l->a->count && !l->opened; i++) {
		struct spool_item item;
		uint32_t id = 0;

		if (l->here[i] != 0 || !spool_find(t->spool, l->a->ids[i], &item))
			continue;
		if (!arrivals_find_partial(
			t->spool, &item, l->wanted[i].folder_id, &l->seen.set, &id, e))
			return false;
		if (id == 0)
			continue;
		log_info(t->log,
		    "document %u came with its first revisions only, as %u: it goes, and "
		    "is "
		    "sent once more",
		    item.id, id);
		if (!target_action(t, "delete", &id, 1, NULL, NULL, e))
			return false;
	}
	return true;
}

static bool
looking_run(struct looking *l, struct err *e)
{
	struct arrivals *a = l->a;

	if (!looking_find(l, e))
		return false;
	if (l->found < a->count &&
	    (!looking_gone(l, e) || (a->unclear && !looking_drop_partial(l, e))))
		return false;
	return looking_mark(l, e);
}

static void
looking_init(struct looking *l, struct arrivals *a, bool opened)
{
	*l = (struct looking){.a = a, .opened = opened};
	l->wanted = xcalloc(a->count, sizeof(*l->wanted));
	l->here = xcalloc(a->count, sizeof(*l->here));
	l->is_draft = xcalloc(a->count, sizeof(*l->is_draft));
	manifest_init(&l->seen);
}

static void
looking_fini(struct looking *l)
{
	manifest_fini(&l->seen);
	free(l->wanted);
	free(l->here);
	free(l->is_draft);
}

/*
 * Where people work and mail arrives the counter never rests: there it is the number of those
 * that arrived that must.
 */
static bool
arrivals_wait_no_more(struct arrivals *a, struct err *e)
{
	const struct timespec second = {.tv_sec = 1};
	size_t before = SIZE_MAX;
	int quiet = 0;

	while (quiet < (a->loose ? QUIET_LOOKS_LOOSE : QUIET_LOOKS)) {
		struct looking l;
		bool ok;

		if (a->t->stopped())
			return err_set(e, ERR_CANCELLED, "stopped");
		looking_init(&l, a, true);
		ok = looking_find(&l, e);
		quiet = l.found == before ? quiet + 1 : 0;
		before = l.found;
		looking_fini(&l);
		if (!ok || before == a->count)
			return ok;
		nanosleep(&second, NULL);
	}
	return true;
}

bool
arrivals_settle(struct arrivals *a, struct err *e)
{
	char text[64];
	bool opened = spool_note_read(a->t->spool, NOTE_MENDED, text, sizeof(text));
	struct looking l;
	bool ok = true;

	a->missing_count = 0;
	if (a->count == 0)
		return true;
	if (a->unclear)
		ok = opened ? arrivals_wait_no_more(a, e) : arrivals_wait_quiet(a, e);
	if (!ok)
		return false;
	looking_init(&l, a, opened);
	ok = looking_run(&l, e);
	looking_fini(&l);
	if (ok) {
		a->count = 0;
		a->folder = 0;
		a->loose = false;
		a->unclear = false;
	}
	return ok;
}

/* --- deleted or saved anew by the owner --- */

static size_t
first_above(const struct arrivals_gone *sorted, size_t count, uint32_t id)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (sorted[mid].id <= id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Ids below after that the missing ones may have had. */
static size_t
count_gone(const bool *is_draft, size_t count, const struct arrivals_gone *gone,
    size_t gone_count, uint32_t after)
{
	bool drafts = false;
	size_t there = 0;

	for (size_t i = 0; i < count; i++)
		drafts = drafts || is_draft[i];
	for (size_t i = 0; i < gone_count && gone[i].id < after; i++)
		there += drafts || !gone[i].saved_anew;
	return there;
}

/* Each missing item the next id that it may have had; false: one is left without. */
static bool
pair_gone(uint32_t *here, const bool *is_draft, size_t count,
    const struct arrivals_gone *gone, size_t gone_count, uint32_t after)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		while (at < gone_count && gone[at].saved_anew && !is_draft[i])
			at++;
		if (at == gone_count || gone[at].id >= after)
			return false;
		here[i] = gone[at++].id;
	}
	return true;
}

void
arrivals_find_gone(uint32_t *here, const bool *is_draft, size_t count, uint32_t first_id,
    const struct arrivals_gone *gone, size_t gone_count, bool all_sent)
{
	uint32_t before = first_id;

	for (size_t i = 0; i < count;) {
		size_t run = i, from, there;
		uint32_t after = UINT32_MAX;
		bool certain;

		if (here[i] != 0) {
			before = here[i] > before ? here[i] : before;
			i++;
			continue;
		}
		while (run < count && here[run] == 0)
			run++;
		if (run < count)
			after = here[run];
		from = first_above(gone, gone_count, before);
		there = count_gone(
		    is_draft + i, run - i, gone + from, gone_count - from, after);
		/* Between two that are there all or none is certain. At the end others' mail
		   may have come and gone, too: there it must be known that all came. */
		certain = run < count ? there == run - i : all_sent && there >= run - i;
		if (!certain || !pair_gone(here + i, is_draft + i, run - i, gone + from,
				    gone_count - from, after))
			memset(here + i, 0, (run - i) * sizeof(*here));
		i = run;
	}
}
