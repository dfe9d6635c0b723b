/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mailbox that was made early and is not loaded any more (mailboxd was started again, or
 * its memory was short) is brought back by a keeper. The keeper's name is noted in the
 * spool before the account is made: a worker that dies leaves it to the next one.
 */
#include <string.h>

#include "agent/mailbox/keeper.h"
#include "agent/worker/worker.h"

#define BRINGS_MAX 8 /* of one worker: memory that is so short is no place to fill */

static struct keeper
keeper_of(const struct worker *w)
{
	return (struct keeper){.soap = w->soap,
	    .account_id = w->account_id,
	    .host = w->zimbra.host,
	    .move_id = w->move_id};
}

/* What is noted stays until the account is gone. */
static void
keeper_end(const struct worker *w, struct spool *s, const char *name)
{
	const struct keeper k = keeper_of(w);
	struct err e;

	if (!keeper_remove(&k, name, &e) ||
	    (s != NULL && !spool_note_write(s, NOTE_KEEPER, "", &e)))
		log_warn(&w->log, "account %s is still to be deleted: %s", name, e.text);
}

bool
worker_open_early(struct worker *w, struct target *t, struct err *e)
{
	char name[KEEPER_NAME_SIZE];

	t->lives_elsewhere = true;
	if (!worker_pin(w, e) || !target_open(t, e))
		return false;
	if (spool_note_read(t->spool, NOTE_KEEPER, name, sizeof(name)) && name[0] != '\0')
		keeper_end(w, t->spool, name);
	return true;
}

static bool
keeper_serve(const struct worker *w, struct err *e)
{
	const struct keeper k = keeper_of(w);
	struct spool *s = NULL;
	char name[KEEPER_NAME_SIZE];
	bool has_spool = spool_exists(w->spool_dir, w->move_id);
	bool ok = keeper_name(&k, name, e) &&
		  (!has_spool || (spool_open(w->spool_dir, w->move_id, false, &s, e) &&
				     spool_note_write(s, NOTE_KEEPER, name, e)));

	if (ok) {
		ok = keeper_load(&k, name, e);
		keeper_end(w, s, name);
	}
	spool_close(&s);
	return ok;
}

bool
worker_bring_back(struct worker *w, struct err *why)
{
	const struct keeper k = keeper_of(w);
	struct err e;

	if (worker_is_stopped() || !keeper_is_wanted(&k))
		return false;
	if (w->brought == BRINGS_MAX)
		return err_set(why, ERR_RETRY,
		    "%s drops the mailbox from its memory again and again (%u times)",
		    w->zimbra.host, w->brought);
	w->brought++;
	log_info(&w->log, "the mailbox is not loaded any more: it is brought back");
	if (keeper_serve(w, &e) &&
	    (!keeper_is_wanted(&k) ||
		err_set(&e, ERR_REFUSED, "its owner's search did not load it")))
		return true;
	log_info(&w->log, "it could not be brought back: %s", e.text);
	if (e.kind != ERR_RETRY)
		why->kind = ERR_REFUSED; /* nor will it be another time */
	return err_wrap(why, "it could not be loaded again (%s)", e.text);
}
