/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every run does the same: what is unclear is looked up, what is gone goes, folders and
 * messages come in the order of their ids, what changed is changed, and the change counter
 * is raised. What can go wrong: the mailbox is no longer loaded at the target
 * (service.WRONG_HOST), then nothing is done; and a crash anywhere, which the next run
 * takes up by the index.
 */
#include "agent/mailbox/seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/account.h"
#include "agent/mailbox/items.h"
#include "agent/mailbox/mend.h"
#include "agent/mailbox/seed_private.h"
#include "agent/mailbox/seed_validity.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define FLAG_UNREAD (1u << 9)

uint32_t
seed_flags(const struct spool_item *item)
{
	return item->flags | (item->unread ? FLAG_UNREAD : 0);
}

uint32_t
seed_place(const struct target *t, uint32_t source_folder)
{
	const Wire__Folder *f = tree_find(&t->source, source_folder);
	uint64_t id = f == NULL ? 0 : steer_counterpart(&t->source, &t->here, f);
	const Wire__Folder *have = id == 0 ? NULL : tree_find(&t->here, id);

	return have == NULL || tree_kind_of(have) != TREE_FOLDER ? 0 : (uint32_t)id;
}

bool
seed_read_counter(struct seeding *s, struct err *e)
{
	uint64_t change;

	return items_last_id(s->t->soap, s->t->account_id, &s->counter, &change, e);
}

/* --- attributes --- */

/* One escaped name, "q1\\,2"; its length in the list. */
static size_t
tag_length(const char *tags)
{
	size_t length = 0;

	while (tags[length] != '\0' && tags[length] != ',')
		length += tags[length] == '\\' && tags[length + 1] != '\0' ? 2 : 1;
	return length;
}

static bool
tag_is_here(const struct target *t, const char *escaped, size_t len)
{
	char *name = xcalloc(1, len + 1);
	ProtobufCBinaryData bytes = {0, (uint8_t *)name};
	bool found;

	for (size_t i = 0; i < len; i++) {
		if (escaped[i] == '\\' && i + 1 < len)
			i++;
		name[bytes.len++] = escaped[i];
	}
	found = tree_find_name(&t->here, TREE_TAGS_ROOT, TREE_TAG, &bytes) != NULL;
	free(name);
	return found;
}

/* A tag that is not there would be made, and take an id. */
static bool
tags_keep_known(
    const struct target *t, const char *tags, struct buf *out, bool *whole_out)
{
	bool ok = true;

	*whole_out = true;
	while (*tags != '\0' && ok) {
		size_t length = tag_length(tags);

		if (!tag_is_here(t, tags, length))
			*whole_out = false;
		else
			ok = (out->len == 0 || buf_add_str(out, ",")) &&
			     buf_add(out, tags, length);
		tags += length + (tags[length] == ',');
	}
	return ok;
}

bool
seed_attributes(struct target *t, const struct spool_item *item, struct buf *flags_out,
    struct buf *tags_out, bool *whole_out, struct err *e)
{
	struct mend_attributes a;
	char *meta = NULL;
	bool ok;

	if (!spool_read_meta(t->spool, item, &meta, e))
		return false;
	ok = (mend_read_meta(meta, &a) && buf_add_str(flags_out, buf_str(&a.flags)) &&
		 tags_keep_known(t, buf_str(&a.tags), tags_out, whole_out)) ||
	     err_set(e, ERR_CORRUPT, "item %u: its metadata cannot be read", item->id);
	mend_attributes_fini(&a);
	free(meta);
	return ok;
}

/* --- the run --- */

/* 0: it is not known. */
static uint64_t
made_number(struct target *t)
{
	char text[24];

	return spool_note_read(t->spool, NOTE_MADE, text, sizeof(text))
		   ? strtoull(text, NULL, 10)
		   : 0;
}

/*
 * A mailbox with something in it when it is seen first is not this move's to fill. Later a
 * mail may come whose recipient was accepted when the account lived here for an instant.
 */
static bool
seeding_open(struct seeding *s, struct err *e)
{
	struct target *t = s->t;
	bool is_after = s->options->when == SEED_AFTER;
	Wire__Row row;

	s->index.fd = -1;
	if (is_after && !seed_was_begun(t))
		return true;
	if (!account_row(t->soap, t->account_id, &row, e))
		return false;
	if (!row.present)
		return is_after ||
		       err_set(e, ERR_REFUSED, "there is no mailbox of the account on %s",
			   t->host);
	if (!seed_index_open(
		t->spool_dir, t->move_id, row.mailbox_id, true, &s->index, e))
		return false;
	s->is_ours = !is_after || !s->index.is_new;
	if (!s->is_ours)
		return true;
	if (!spool_record_read(t->spool, &s->record, e))
		return false;
	if (!seed_may_begin(&row, s->index.is_new, made_number(t)))
		return err_set(e, ERR_REFUSED,
		    "the mailbox on %s holds %llu bytes that this move did not put in; "
		    "it "
		    "is not filled",
		    t->host, (unsigned long long)row.size_bytes);
	s->row_bytes = row.size_bytes;
	if (!seed_index_begin(&s->index, e))
		return false;
	for (size_t i = 0; i < s->record.count; i++)
		s->total += s->record.types[i] == SPOOL_MESSAGE;
	return true;
}

/* What stands behind a feed that cannot be made yet is for the lock. */
static bool
seeding_set_last(struct seeding *s, struct err *e)
{
	uint32_t *fed;
	size_t fed_count;

	if (!steer_read_feeds(s->t, &fed, &fed_count, e))
		return false;
	s->last =
	    steer_feed_last(&s->t->source, s->options->last_item_id, fed, fed_count);
	free(fed);
	return true;
}

/* Under the lock: folders whose ids were passed, feeds, and the ids up to the last. */
static bool
seeding_make_rest(struct seeding *s, struct err *e)
{
	if (s->options->when != SEED_AFTER)
		return true;
	s->steer.refused.count = 0;
	s->steer.last = s->options->last_item_id;
	if (!steer_make_all(&s->steer, e))
		return false;
	s->counter = s->steer.last_id; /* its last look */
	return true;
}

static bool
seeding_fix(struct seeding *s, struct err *e)
{
	return s->options->when == SEED_AFTER || steer_fix_all(&s->steer, e);
}

static bool
seeding_counters(struct seeding *s, Wire__SeedFacts *facts, struct err *e)
{
	bool passed = false, told = false;

	if (!validity_mend(s, e) || !steer_bump(s->t, s->options->change,
					s->options->change_limit, true, &passed, e))
		return false;
	if (!steer_read_counter(&s->steer, e))
		return false;
	/* Changed below the source's counter nobody would be told. */
	if (passed &&
	    (!seed_tell(s, &told, e) || (told && !steer_read_counter(&s->steer, e))))
		return false;
	facts->change_passed = passed;
	facts->change = s->steer.change;
	facts->last_item_id = s->steer.last_id;
	return true;
}

static void
seeding_count(const struct seeding *s, Wire__SeedFacts *facts)
{
	facts->listed = s->total;
	for (size_t i = 0; i < s->index.count; i++) {
		const struct seed_entry *n = &s->index.entries[i];

		facts->here += n->state == SEED_HERE;
		facts->exact += n->state == SEED_HERE && n->here == n->id;
	}
	facts->bytes = s->index.bytes;
	facts->added = s->added;
	facts->unforeseen = s->unforeseen;
	log_info(s->t->log,
	    "seeded: %llu of %llu messages, %llu at their old ids; %llu added, %llu "
	    "times "
	    "the counter was not as foretold; ids up to %llu",
	    (unsigned long long)facts->here, (unsigned long long)facts->listed,
	    (unsigned long long)facts->exact, (unsigned long long)s->added,
	    (unsigned long long)s->unforeseen, (unsigned long long)s->last);
}

/* Behind the recovery: until then nobody knows what was sent and is there. */
static bool
seeding_look_for_strangers(struct seeding *s)
{
	s->has_strangers = s->row_bytes > s->index.bytes;
	if (s->has_strangers)
		log_info(s->t->log,
		    "mail came into the mailbox on %s by itself (%llu bytes, of which "
		    "%llu "
		    "were put in): it stays there, and is seen after the switch",
		    s->t->host, (unsigned long long)s->row_bytes,
		    (unsigned long long)s->index.bytes);
	return true;
}

static bool
seeding_all(struct seeding *s, Wire__SeedFacts *facts, struct err *e)
{
	return seeding_set_last(s, e) && seed_read_counter(s, e) && seed_recover(s, e) &&
	       seeding_look_for_strangers(s) && seed_delete_gone(s, e) &&
	       steer_loosen(s->t, e) && seed_add_all(s, e) && seeding_make_rest(s, e) &&
	       seeding_fix(s, e) && seed_update(s, e) && seed_delete_folders(s, e) &&
	       seeding_counters(s, facts, e) && seed_index_sync(&s->index, e);
}

bool
seed_run(struct target *t, const struct seed_options *options, Wire__SeedFacts *facts,
    struct err *e)
{
	struct seeding s = {
	    .t = t, .options = options, .bump_tag_made = options->when == SEED_AFTER};
	bool ok;

	s.limits = (struct steer_limits){.last_item_id = options->last_item_id,
	    .change = options->change,
	    .change_limit = options->change_limit,
	    .early = options->when != SEED_AFTER};
	s.steer = (struct steering){.t = t, .limits = &s.limits};
	ok = seeding_open(&s, e) && (!s.is_ours || seeding_all(&s, facts, e));
	if (ok && s.is_ours)
		seeding_count(&s, facts);
	else if (!ok && strcmp(soap_fault(t->soap), "service.WRONG_HOST") == 0)
		err_set(e, ERR_RETRY,
		    "the mailbox made early is no longer loaded on %.60s (was mailboxd "
		    "started again?): what is not in it yet goes in after the switch",
		    t->host);
	seed_index_close(&s.index);
	steering_fini(&s.steer);
	spool_record_free(&s.record);
	return ok;
}

bool
seed_take_up(struct target *t, struct err *e)
{
	const struct seed_options options = {.when = SEED_EARLY};
	struct seeding s = {.t = t, .options = &options};
	bool ok = seeding_open(&s, e) && seed_read_counter(&s, e) && seed_recover(&s, e);

	seed_index_close(&s.index);
	spool_record_free(&s.record);
	return ok;
}
