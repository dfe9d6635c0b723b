/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps that take a few calls: looking before, the fence, proxy routes, a row of
 * our own. Each looks first at what is already true, so that it may run twice.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/mailbox/account.h"
#include "agent/mailbox/items.h"
#include "agent/mailbox/seed.h"
#include "agent/mailbox/seed_index.h"
#include "agent/worker/worker.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"

#define FREE_WAIT_MS 5000
#define FREE_PAUSE_MS 50

extern char **environ;

static bool
short_preflight(struct worker *w, struct err *e)
{
	static Wire__PreflightFacts facts;
	static Wire__Row row;
	uint64_t total, free_bytes, reserved;

	wire__preflight_facts__init(&facts);
	if (!account_row(w->soap, w->account_id, &row, e) ||
	    !spool_disk(w->spool_dir, &total, &free_bytes, &reserved, e))
		return false;
	facts.row = &row;
	facts.row_is_seed = seed_row_is_filled(w->spool_dir, w->move_id, &row);
	facts.healthy = true; /* mailboxd and its database just answered */
	facts.spool_is_persistent =
	    w->job->allow_ephemeral_spool || spool_is_persistent(w->spool_dir);
	uint64_t used = total - free_bytes + reserved;
	uint64_t limit = total / 100 * w->job->fill_limit;

	/* What this very move holds already is its own. */
	facts.spool_free_bytes = used < limit ? limit - used : 0;
	if (spool_exists(w->spool_dir, w->move_id))
		facts.spool_free_bytes += (uint64_t)1 << 40;
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_PREFLIGHT;
	w->result->preflight = &facts;
	return true;
}

/* --- fence --- */

static bool
rows_equal(const Wire__Row *a, const Wire__Row *b)
{
	return a->present == b->present && a->mailbox_id == b->mailbox_id &&
	       a->item_id == b->item_id && a->change == b->change &&
	       a->size_bytes == b->size_bytes && a->new_messages == b->new_messages &&
	       a->contacts == b->contacts;
}

/* Has anything changed since the token? A folder or tag may, and the row not show it. */
static bool
fence_sync_is_quiet(struct worker *w, const char *token, bool *quiet_out, struct err *e)
{
	struct items_changes x;

	if (!items_changes(w->soap, w->account_id, token, &x, e))
		return false;
	*quiet_out = !x.must_resync && x.changed_count == 0 && x.deleted_count == 0 &&
		     x.folder_count == 0;
	items_changes_free(&x);
	return true;
}

static bool
fence_answer(struct worker *w, bool held, const Wire__Row *row, const char *what)
{
	static Wire__FenceFacts facts;

	wire__fence_facts__init(&facts);
	facts.held = held;
	facts.row = (Wire__Row *)(uintptr_t)row;
	facts.moved_what = frame_bytes(what);
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_FENCE;
	w->result->fence = &facts;
	return true;
}

/*
 * Row, Sync unchanged, lockout, row unchanged (facts: move-protocol 5). Under a lockout
 * Sync is refused, rows are not: a fence that is held already is lifted and taken anew.
 */
static bool
short_fence(struct worker *w, struct err *e)
{
	static Wire__Row before;
	static Wire__Row after;
	const Wire__OpFence *op = w->step->fence;
	char *token = frame_string(&op->token);
	bool quiet = true;
	bool ok = account_lift_lockout(w->soap, w->account_id, e) &&
		  account_row(w->soap, w->account_id, &before, e);

	if (ok && !op->row->present) { /* never logged in: it must stay so */
		free(token);
		return fence_answer(
		    w, !before.present, &before, "a mailbox was made meanwhile");
	}
	ok = ok && fence_sync_is_quiet(w, token, &quiet, e);
	free(token);
	if (!ok)
		return false;
	if (!quiet || before.item_id != op->row->item_id ||
	    before.size_bytes != op->row->size_bytes)
		return fence_answer(w, false, &before,
		    "something was delivered or changed after the last delta");
	if (!account_lockout(w->soap, w->account_id, e) ||
	    !account_row(w->soap, w->account_id, &after, e))
		return false;
	if (rows_equal(&before, &after))
		return fence_answer(w, true, &after, "");
	return account_lift_lockout(w->soap, w->account_id, e) &&
	       fence_answer(
		   w, false, &after, "something was delivered while the fence went up");
}

/* --- routes --- */

/* zmproxypurge by argv; no shell. */
static bool
routes_purge(const char *program, char *name, struct err *e)
{
	char *argv[] = {(char *)(uintptr_t)program, "-a", name, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status = 0;
	int code;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
	posix_spawn_file_actions_addclose(&actions, WORKER_RESULT_FD);
	code = posix_spawn(&pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (code != 0)
		return err_errno(e, ERR_RETRY, code, "%s", program);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
	       err_set(e, ERR_RETRY,
		   "%s -a %s ended with %d; old routes last up to an hour", program, name,
		   status);
}

static bool
short_routes(struct worker *w, struct err *e)
{
	char *program = xasprintf("%.*s/libexec/zmproxypurge",
	    (int)w->job->zimbra_home.len, w->job->zimbra_home.data);
	bool ok = true;

	for (size_t i = 0; ok && i < w->step->routes->n_names; i++) {
		char *name = frame_string(&w->step->routes->names[i]);

		/* A name that looks like an option is no account's. */
		ok = name[0] == '-' ? err_set(e, ERR_REFUSED, "account name \"%s\"", name)
				    : routes_purge(program, name, e);
		free(name);
	}
	free(program);
	return ok;
}

/* --- making the mailbox --- */

/* By asking for it at its home. What is there already must be as good as new. */
/* It was empty: what it holds later came by itself, or we put it in (seed_may_begin). */
static void
note_made(struct worker *w, const Wire__Row *row)
{
	struct spool *s = NULL;
	char text[24];
	struct err e;

	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)row->mailbox_id);
	if (!spool_open(w->spool_dir, w->move_id, true, &s, &e) ||
	    !spool_note_write(s, NOTE_MADE, text, &e))
		log_info(&w->log, "%s", e.text);
	spool_close(&s);
}

static bool
short_make(struct worker *w, struct err *e)
{
	struct soap_request *r;
	struct soap_answer *answer = NULL;
	char home[256];
	Wire__Row row;
	bool ok;

	if (!account_home(w->soap, w->account_id, home, sizeof(home), e))
		return false;
	if (strcasecmp(home, w->zimbra.host) != 0)
		return err_set(e, ERR_RETRY, "the account's home is %s and not %s", home,
		    w->zimbra.host);
	r = soap_request_new(SOAP_ADMIN, "GetMailboxRequest");
	soap_open(r, "mbox");
	soap_attr(r, "id", w->account_id);
	soap_close(r);
	ok = worker_pin(w, e) && soap_call(w->soap, r, &answer, e);
	soap_answer_free(&answer);
	soap_request_free(&r);
	if (!ok || !account_row(w->soap, w->account_id, &row, e))
		return false;
	if (!row.present)
		return err_set(e, ERR_RETRY, "%s did not make the mailbox", home);
	if (row.size_bytes > 0 || row.new_messages > 0 || row.contacts > 0)
		return err_set(
		    e, ERR_REFUSED, "the mailbox on %s holds something already", home);
	note_made(w, &row);
	return true;
}

/* --- deleting a mailbox that lives elsewhere --- */

/*
 * Pinned to this very server: unpinned it would destroy the mailbox at its home. Zimbra
 * deletes only a mailbox that it has loaded when the home is elsewhere.
 */
static bool
delete_here(struct worker *w, bool *not_loaded_out, struct err *e)
{
	struct soap_request *r;
	struct soap_answer *answer = NULL;
	bool ok;

	*not_loaded_out = false;
	if (!worker_pin(w, e))
		return false;
	r = soap_request_new(SOAP_ADMIN, "DeleteMailboxRequest");
	soap_open(r, "mbox");
	soap_attr(r, "id", w->account_id);
	soap_close(r);
	ok = soap_call(w->soap, r, &answer, e);
	if (!ok && strcmp(soap_fault(w->soap), "service.WRONG_HOST") == 0)
		*not_loaded_out = true;
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

static bool
lives_elsewhere(struct worker *w, struct err *e)
{
	char home[256];

	if (!account_home(w->soap, w->account_id, home, sizeof(home), e))
		return false;
	return strcasecmp(home, w->zimbra.host) != 0 ||
	       err_set(e, ERR_REFUSED,
		   "%s is the account's home; its mailbox is not deleted", home);
}

/* The worker that filled it may be at its end just now: a cancel stops it and asks at once. */
static bool
open_when_free(struct target *t, struct err *e)
{
	const struct timespec pause = {.tv_nsec = FREE_PAUSE_MS * 1000000L};

	for (int waited_ms = 0; !target_open(t, e); waited_ms += FREE_PAUSE_MS) {
		target_close(t);
		if (e->kind != ERR_RETRY || waited_ms >= FREE_WAIT_MS ||
		    worker_is_stopped())
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* A worker that was stopped while it filled the mailbox left something unclear. */
static bool
holds_only_ours(struct worker *w, Wire__Row *row)
{
	struct target t;
	struct err e;

	if (!seed_row_is_filled(w->spool_dir, w->move_id, row))
		return false;
	worker_target(w, &t);
	t.lives_elsewhere = true;
	if (!open_when_free(&t, &e) || !seed_take_up(&t, &e) ||
	    !account_row(w->soap, w->account_id, row, &e))
		log_info(&w->log, "%s", e.text);
	target_close(&t);
	return seed_row_is_ours(w->spool_dir, w->move_id, row);
}

/* What is not loaded is not deleted either. Where that fails the deletion says so. */
static void
load_if_dropped(struct worker *w)
{
	struct err why;

	err_set(&why, ERR_RETRY, "it is to be deleted");
	(void)worker_bring_back(w, &why);
}

static bool
short_drop_row(struct worker *w, struct err *e)
{
	bool not_loaded;
	Wire__Row row;

	if (!account_row(w->soap, w->account_id, &row, e))
		return false;
	if (!row.present)
		return true;
	if (!lives_elsewhere(w, e) || !worker_pin(w, e))
		return false;
	load_if_dropped(w);
	/* Folders and tags have no size; mail that got in has, and is nowhere else. */
	if (w->step->drop_row->only_if_empty && !holds_only_ours(w, &row) &&
	    (row.size_bytes > 0 || row.new_messages > 0 || row.contacts > 0))
		return err_set(e, ERR_REFUSED,
		    "the copy that this move made on %s holds mail by now (%llu bytes), "
		    "which is nowhere else; it "
		    "is not deleted; see docs/operations.md, \"stale copy\"",
		    w->zimbra.host, (unsigned long long)row.size_bytes);
	if (delete_here(w, &not_loaded, e))
		return true;
	/* It is empty, and can be deleted once it was home anew. */
	if (not_loaded)
		e->kind = ERR_RETRY;
	return err_wrap(e, "deleting the attempt's own copy");
}

/* --- the old copy --- */

static bool
purge_answer(struct worker *w, bool gone)
{
	static Wire__PurgeFacts facts;

	wire__purge_facts__init(&facts);
	facts.gone = gone;
	w->result->facts_case = WIRE__STEP_RESULT__FACTS_PURGE;
	w->result->purge = &facts;
	return true;
}

/*
 * Only the mailbox that was fenced, and only when nothing came in behind the fence: age
 * may have taken something out of it, that is no harm. The lockout ends first; under it
 * nothing is deleted (facts: move-protocol 2.8).
 */
static bool
short_purge(struct worker *w, struct err *e)
{
	const Wire__Row *fenced = w->step->purge->row;
	bool not_loaded;
	Wire__Row row;

	if (!account_row(w->soap, w->account_id, &row, e))
		return false;
	if (!row.present)
		return purge_answer(w, true);
	if (!lives_elsewhere(w, e))
		return false;
	if (!fenced->present || row.mailbox_id != fenced->mailbox_id)
		return err_set(e, ERR_REFUSED,
		    "the mailbox on %s is number %llu, not number %llu that was moved "
		    "away; it "
		    "is not deleted",
		    w->zimbra.host, (unsigned long long)row.mailbox_id,
		    (unsigned long long)fenced->mailbox_id);
	if (row.item_id > fenced->item_id || row.size_bytes > fenced->size_bytes)
		return err_set(e, ERR_REFUSED,
		    "the old copy on %s has grown since it was moved away (%llu bytes, "
		    "then "
		    "%llu): something in it may be nowhere else; it is not deleted",
		    w->zimbra.host, (unsigned long long)row.size_bytes,
		    (unsigned long long)fenced->size_bytes);
	if (!account_lift_lockout(w->soap, w->account_id, e) || !worker_pin(w, e))
		return false;
	load_if_dropped(w);
	if (!delete_here(w, &not_loaded, e))
		return not_loaded ? purge_answer(w, false)
				  : err_wrap(e, "deleting the old copy");
	if (!account_row(w->soap, w->account_id, &row, e))
		return false;
	return !row.present
		   ? purge_answer(w, true)
		   : err_set(e, ERR_RETRY, "%s still lists the old copy", w->zimbra.host);
}

bool
worker_short(struct worker *w, struct err *e)
{
	switch (w->step->op_case) {
	case WIRE__STEP_REQUEST__OP_PREFLIGHT:
		return short_preflight(w, e);
	case WIRE__STEP_REQUEST__OP_FENCE:
		return short_fence(w, e);
	case WIRE__STEP_REQUEST__OP_UNFENCE:
		return account_lift_lockout(w->soap, w->account_id, e);
	case WIRE__STEP_REQUEST__OP_ROUTES:
		return short_routes(w, e);
	case WIRE__STEP_REQUEST__OP_DROP_ROW:
		return short_drop_row(w, e);
	case WIRE__STEP_REQUEST__OP_LOCKOUT:
		return account_lockout(w->soap, w->account_id, e);
	case WIRE__STEP_REQUEST__OP_MAKE:
		return short_make(w, e);
	case WIRE__STEP_REQUEST__OP_PURGE:
		return short_purge(w, e);
	case WIRE__STEP_REQUEST__OP__NOT_SET:
	case WIRE__STEP_REQUEST__OP_RESERVE:
	case WIRE__STEP_REQUEST__OP_STAGE:
	case WIRE__STEP_REQUEST__OP_LEASE:
	case WIRE__STEP_REQUEST__OP_UNLEASE:
	case WIRE__STEP_REQUEST__OP_STEER:
	case WIRE__STEP_REQUEST__OP_SEED:
	case WIRE__STEP_REQUEST__OP_IMPORT:
	case WIRE__STEP_REQUEST__OP_MEND:
	case WIRE__STEP_REQUEST__OP_VERIFY:
	case WIRE__STEP_REQUEST__OP_DROP:
	case WIRE__STEP_REQUEST__OP_PROBE:
		break;
	}
	return err_set(e, ERR_PEER, "this operation is no short one");
}
