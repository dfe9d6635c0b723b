/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is true in each state, and how one gets on. Read this first: the rest of the
 * controller serves these two tables. tests/unit/controller/test_move_table.c walks them.
 */
#include <assert.h>
#include <string.h>

#include "controller/move.h"

#define MINUTE 60
#define HOUR 3600

/* clang-format off */
const struct move_state_def move_states[MOVE_STATE_COUNT] = {
	/*                     name            what holds here                      give up       for people */
	[MOVE_PLANNED]     = { "planned",     MOVE_START | SOURCE_WRITES | MAY_CANCEL, 10 * MINUTE,
	                       "the source serves; nothing has been touched" },
	[MOVE_STAGING]     = { "staging",     SOURCE_WRITES | MAY_CANCEL,              24 * HOUR,
	                       "the source serves; the mailbox is being copied into the target's spool" },
	[MOVE_PREPARING]   = { "preparing",   SOURCE_WRITES | MAY_CANCEL,              10 * MINUTE,
	                       "the source serves" },
	[MOVE_PREPARE_LOCKING]   = { "prepare_locking",   LOCKED,                      2 * MINUTE,
	                       "nobody logs in for a moment; the target must make its mailbox early" },
	[MOVE_PREPARE_MAKING]    = { "prepare_making",    LOCKED,                      2 * MINUTE,
	                       "nobody logs in; the target makes an empty mailbox" },
	[MOVE_PREPARE_RETURNING] = { "prepare_returning", LOCKED,                      5 * MINUTE,
	                       "nobody logs in; the home is made the mailbox's own again" },
	[MOVE_PREPARE_OPENING]   = { "prepare_opening",   LOCKED,                      15 * MINUTE,
	                       "the account is being given back" },
	[MOVE_FOLLOWING]   = { "following",   SOURCE_WRITES | MAY_CANCEL,              24 * HOUR,
	                       "the source serves; the spool is kept in step until it is this mailbox's turn" },
	[MOVE_LOCKING]     = { "locking",     LOCKED | MAY_CANCEL,                     2 * MINUTE,
	                       "nobody logs in; mail waits in the queue" },
	[MOVE_CATCHING_UP] = { "catching_up", LOCKED | MAY_CANCEL,                     5 * MINUTE,
	                       "nobody logs in; mail waits in the queue" },
	[MOVE_FENCING]     = { "fencing",     LOCKED | MAY_CANCEL,                     2 * MINUTE,
	                       "nobody logs in; mail waits; the source is being closed" },
	[MOVE_SWITCHING]   = { "switching",   LOCKED,                                  2 * MINUTE,
	                       "nobody logs in; mail waits; the home is being switched" },
	[MOVE_SPOOL_LOCKING]   = { "spool_locking",   LOCKED | MAY_CANCEL,         10 * MINUTE,
	                       "the source is dead; nobody logs in, mail waits; the spool is to become the mailbox" },
	[MOVE_SPOOL_SWITCHING] = { "spool_switching", LOCKED,                      2 * MINUTE,
	                       "the source is dead; nobody logs in, mail waits; the home is being switched" },
	[MOVE_STEERING]    = { "steering",    LOCKED,                                  30 * MINUTE,
	                       "nobody logs in; mail waits; folders are made at their old ids" },
	[MOVE_OPENING]     = { "opening",     TARGET_WRITES | FORWARD_ONLY | LOCKED,   12 * HOUR,
	                       "mail arrives at the target; all but older mail goes in, then people log in" },
	[MOVE_BACKFILLING] = { "backfilling", TARGET_WRITES | FORWARD_ONLY,            12 * HOUR,
	                       "people work on the target; what is not in yet goes in" },
	[MOVE_MENDING]     = { "mending",     TARGET_WRITES | FORWARD_ONLY,            12 * HOUR,
	                       "people work on the target; what an import refused is put in by itself" },
	[MOVE_VERIFYING]   = { "verifying",   TARGET_WRITES | FORWARD_ONLY,            4 * HOUR,
	                       "people work on the target; every item is being compared" },
	[MOVE_SETTLED]     = { "settled",     TARGET_WRITES | FORWARD_ONLY | ARRIVED | MOVE_END, 0,
	                       "people work on the target; the old copy stays, locked out" },
	[MOVE_RELEASING]   = { "releasing",   TARGET_WRITES | FORWARD_ONLY | ARRIVED,  4 * HOUR,
	                       "people work on the target; what was withheld is being put in" },
	[MOVE_PURGING]     = { "purging",     TARGET_WRITES | FORWARD_ONLY | ARRIVED,  30 * MINUTE,
	                       "people work on the target; the old copy is being deleted" },
	[MOVE_PURGE_LOCKING]   = { "purge_locking",   LOCKED | FORWARD_ONLY | ARRIVED, 2 * MINUTE,
	                       "nobody logs in for a moment; the source must load the old copy to delete it" },
	[MOVE_PURGE_LOADING]   = { "purge_loading",   LOCKED | FORWARD_ONLY | ARRIVED, 2 * MINUTE,
	                       "nobody logs in; the source loads the old copy, locked out" },
	[MOVE_PURGE_RETURNING] = { "purge_returning", LOCKED | FORWARD_ONLY | ARRIVED, 5 * MINUTE,
	                       "nobody logs in; the home is made the mailbox's own again" },
	[MOVE_PURGE_DELETING]  = { "purge_deleting",  LOCKED | FORWARD_ONLY | ARRIVED, 2 * MINUTE,
	                       "nobody logs in; the old copy is being deleted" },
	[MOVE_PURGE_OPENING]   = { "purge_opening",   LOCKED | FORWARD_ONLY | ARRIVED, 15 * MINUTE,
	                       "the account is being given back" },
	[MOVE_DONE]        = { "done",        TARGET_WRITES | FORWARD_ONLY | ARRIVED | MOVE_END, 0,
	                       "people work on the target; nothing is left on the source" },
	[MOVE_REVERT_LOCKING]   = { "revert_locking",   LOCKED | FORWARD_ONLY | TURNS_BACK, 2 * MINUTE,
	                       "nobody logs in for a moment; what was left on the copy is being fetched" },
	[MOVE_REVERT_HOMING]    = { "revert_homing",    LOCKED | FORWARD_ONLY | TURNS_BACK, 2 * MINUTE,
	                       "nobody logs in; the copy must be loaded where it lies" },
	[MOVE_REVERT_FETCHING]  = { "revert_fetching",  LOCKED | FORWARD_ONLY | TURNS_BACK, 10 * MINUTE,
	                       "nobody logs in; what arrived since the switch is being copied back" },
	[MOVE_REVERT_FENCING]   = { "revert_fencing",   LOCKED | FORWARD_ONLY | TURNS_BACK, 2 * MINUTE,
	                       "nobody logs in; mail waits; the copy that is left is being closed" },
	[MOVE_REVERT_SWITCHING] = { "revert_switching", LOCKED | FORWARD_ONLY | TURNS_BACK, 2 * MINUTE,
	                       "nobody logs in; mail waits; the home is being set back" },
	[MOVE_REVERT_OPENING]   = { "revert_opening",   LOCKED | FORWARD_ONLY | TURNS_BACK, 15 * MINUTE,
	                       "the account is being given back where it came from" },
	[MOVE_REVERT_RETURNING] = { "revert_returning", LOCKED | FORWARD_ONLY | TURNS_BACK, 5 * MINUTE,
	                       "nobody logs in; the way back is being undone" },
	[MOVE_UNLOCKING]   = { "unlocking",   LOCKED,                                  15 * MINUTE,
	                       "the account is being given back to the source" },
	[MOVE_UNPREPARING] = { "unpreparing", SOURCE_WRITES,                           5 * MINUTE,
	                       "the source serves; what was made early is being deleted" },
	[MOVE_ABANDONED]   = { "abandoned",   SOURCE_WRITES | MOVE_END,                0,
	                       "the source serves; nothing is left of the attempt" },
	[MOVE_STUCK]       = { "stuck",       LOCKED,                                  0,
	                       "waits for a person" },
};

const struct move_edge move_edges[] = {
	{ MOVE_PLANNED,     EV_OK,     MOVE_STAGING,     "both servers and the account are as a move needs them" },
	{ MOVE_PLANNED,     EV_FAILED, MOVE_ABANDONED,   "a precondition is false" },
	{ MOVE_PLANNED,     EV_CANCEL, MOVE_ABANDONED,   "cancelled before anything was touched" },
	{ MOVE_STAGING,     EV_OK,     MOVE_PREPARING,   "everything the source would give is in the spool" },
	{ MOVE_STAGING,     EV_FAILED, MOVE_ABANDONED,   "the mailbox could not be staged" },
	{ MOVE_STAGING,     EV_CANCEL, MOVE_ABANDONED,   "cancelled while the source served" },
	{ MOVE_PREPARING,   EV_OK,     MOVE_FOLLOWING,   "nothing is to be made early" },
	{ MOVE_PREPARING,   EV_AGAIN,  MOVE_PREPARE_LOCKING, "its counters would take long under the lock: the target makes its mailbox early" },
	{ MOVE_PREPARING,   EV_FAILED, MOVE_FOLLOWING,   "nothing can be made early" },
	{ MOVE_PREPARING,   EV_CANCEL, MOVE_UNPREPARING, "cancelled while the source served" },
	{ MOVE_PREPARE_LOCKING,   EV_OK,     MOVE_PREPARE_MAKING,    "locked for a moment: nobody logs in, mail waits" },
	{ MOVE_PREPARE_LOCKING,   EV_FAILED, MOVE_PREPARE_OPENING,   "the account could not be locked" },
	{ MOVE_PREPARE_MAKING,    EV_OK,     MOVE_PREPARE_RETURNING, "the target has a mailbox for it" },
	{ MOVE_PREPARE_MAKING,    EV_FAILED, MOVE_PREPARE_RETURNING, "the target could not make it" },
	{ MOVE_PREPARE_RETURNING, EV_OK,     MOVE_PREPARE_OPENING,   "the home is the mailbox's own again" },
	{ MOVE_PREPARE_RETURNING, EV_AGAIN,  MOVE_PREPARE_RETURNING, "the home changed late; once more" },
	{ MOVE_PREPARE_RETURNING, EV_FAILED, MOVE_STUCK,             "the home could not be set back" },
	{ MOVE_PREPARE_OPENING,   EV_OK,     MOVE_FOLLOWING,         "the account is given back; the source serves" },
	{ MOVE_PREPARE_OPENING,   EV_AGAIN,  MOVE_PREPARE_RETURNING, "the home changed late; back once more" },
	{ MOVE_PREPARE_OPENING,   EV_FAILED, MOVE_STUCK,             "the account could not be given back" },
	{ MOVE_FOLLOWING,   EV_OK,     MOVE_LOCKING,     "the spool is in step and it is this mailbox's turn" },
	{ MOVE_FOLLOWING,   EV_AGAIN,  MOVE_FOLLOWING,   "much had changed, or it had waited long: once more" },
	{ MOVE_FOLLOWING,   EV_FAILED, MOVE_UNPREPARING, "the spool could not be kept in step" },
	{ MOVE_FOLLOWING,   EV_CANCEL, MOVE_UNPREPARING, "cancelled while the source served" },
	{ MOVE_UNPREPARING, EV_OK,     MOVE_ABANDONED,   "the source serves, nothing is on the target" },
	{ MOVE_UNPREPARING, EV_FAILED, MOVE_ABANDONED,   "the source serves; an empty mailbox is left on the target" },
	{ MOVE_LOCKING,     EV_OK,     MOVE_CATCHING_UP, "locked: nobody logs in, mail waits" },
	{ MOVE_LOCKING,     EV_FAILED, MOVE_UNLOCKING,   "the account could not be locked" },
	{ MOVE_LOCKING,     EV_CANCEL, MOVE_UNLOCKING,   "cancelled before the switch" },
	{ MOVE_CATCHING_UP, EV_OK,     MOVE_FENCING,     "the spool is exactly the list of record" },
	{ MOVE_CATCHING_UP, EV_FAILED, MOVE_UNLOCKING,   "the last changes could not be fetched" },
	{ MOVE_CATCHING_UP, EV_CANCEL, MOVE_UNLOCKING,   "cancelled before the switch" },
	{ MOVE_FENCING,     EV_OK,     MOVE_SWITCHING,   "nothing moved, and nothing can any more" },
	{ MOVE_FENCING,     EV_AGAIN,  MOVE_CATCHING_UP, "something came in before the fence; fetching it" },
	{ MOVE_FENCING,     EV_FAILED, MOVE_UNLOCKING,   "the source could not be fenced" },
	{ MOVE_FENCING,     EV_CANCEL, MOVE_UNLOCKING,   "cancelled before the switch" },
	{ MOVE_SWITCHING,   EV_OK,     MOVE_STEERING,    "the directory names the target" },
	{ MOVE_SWITCHING,   EV_FAILED, MOVE_UNLOCKING,   "the home was not switched; nothing is on the target, so back" },
	/* The source is dead, and a person wants what is in the spool. */
	{ MOVE_PLANNED,     EV_FROM_SPOOL, MOVE_SPOOL_LOCKING, "its node is dead; a person wants what the spool holds" },
	{ MOVE_STAGING,     EV_FROM_SPOOL, MOVE_SPOOL_LOCKING, "its node is dead; a person wants what the spool holds" },
	{ MOVE_PREPARE_RETURNING, EV_FROM_SPOOL, MOVE_SPOOL_LOCKING, "its node is dead; a person wants what the spool holds" },
	{ MOVE_PREPARE_OPENING,   EV_FROM_SPOOL, MOVE_SPOOL_LOCKING, "its node is dead; a person wants what the spool holds" },
	{ MOVE_FOLLOWING,   EV_FROM_SPOOL, MOVE_SPOOL_LOCKING, "its node is dead; a person wants what the spool holds" },
	{ MOVE_UNLOCKING,   EV_FROM_SPOOL, MOVE_SPOOL_LOCKING, "its node is dead; a person wants what the spool holds" },
	{ MOVE_ABANDONED,   EV_FROM_SPOOL, MOVE_SPOOL_LOCKING, "its node is dead; a person wants what the spool holds" },
	{ MOVE_STUCK,       EV_FROM_SPOOL, MOVE_SPOOL_LOCKING, "its node is dead; a person wants what the spool holds" },
	{ MOVE_SPOOL_LOCKING,   EV_OK,     MOVE_SPOOL_SWITCHING, "locked by the target; nobody answers where it lived" },
	{ MOVE_SPOOL_LOCKING,   EV_AGAIN,  MOVE_UNPREPARING,     "its node answers; nothing was locked" },
	{ MOVE_SPOOL_LOCKING,   EV_FAILED, MOVE_UNLOCKING,       "it could not be locked, or its node answers" },
	{ MOVE_SPOOL_LOCKING,   EV_CANCEL, MOVE_UNLOCKING,       "cancelled before the switch" },
	{ MOVE_SPOOL_SWITCHING, EV_OK,     MOVE_STEERING,        "the directory names the target" },
	{ MOVE_SPOOL_SWITCHING, EV_FAILED, MOVE_UNLOCKING,       "the home was not switched; nothing is on the target, so back" },
	{ MOVE_STEERING,    EV_OK,     MOVE_OPENING,     "folders have their ids, counters are past the source's" },
	{ MOVE_STEERING,    EV_FAILED, MOVE_UNLOCKING,   "the target could not be prepared; nothing is on it, so back" },
	{ MOVE_OPENING,     EV_OK,     MOVE_BACKFILLING, "all but older mail is in and the account is given back" },
	{ MOVE_OPENING,     EV_FAILED, MOVE_STUCK,       "the content could not be put in" },
	{ MOVE_BACKFILLING, EV_OK,     MOVE_MENDING,     "nothing is left to import" },
	{ MOVE_BACKFILLING, EV_FAILED, MOVE_STUCK,       "the rest could not be imported" },
	{ MOVE_MENDING,     EV_OK,     MOVE_VERIFYING,   "what an import refuses was put in by itself" },
	{ MOVE_MENDING,     EV_FAILED, MOVE_STUCK,       "what an import refused could not be put in" },
	{ MOVE_VERIFYING,   EV_OK,     MOVE_SETTLED,     "every item was compared" },
	{ MOVE_VERIFYING,   EV_FAILED, MOVE_STUCK,       "the mailboxes could not be compared" },
	{ MOVE_SETTLED,     EV_PURGE,  MOVE_PURGING,     "the old copy is not needed any more" },
	{ MOVE_SETTLED,     EV_RELEASE, MOVE_RELEASING,  "what was withheld is wanted back" },
	{ MOVE_RELEASING,   EV_OK,     MOVE_SETTLED,     "what was withheld is in" },
	{ MOVE_RELEASING,   EV_FAILED, MOVE_SETTLED,     "what was withheld could not be put in; it is kept" },
	{ MOVE_SETTLED,     EV_NODE_GONE, MOVE_DONE,     "its old node was taken out of the cluster, the old copy with it" },
	{ MOVE_PURGING,     EV_OK,     MOVE_DONE,        "the old copy is gone, the mailbox is whole" },
	{ MOVE_PURGING,     EV_AGAIN,  MOVE_PURGE_LOCKING, "the source was started again and has to load the copy first" },
	{ MOVE_PURGING,     EV_FAILED, MOVE_SETTLED,     "the old copy stays" },
	{ MOVE_PURGE_LOCKING,   EV_OK,     MOVE_PURGE_LOADING,   "locked for a moment: nobody logs in, mail waits" },
	{ MOVE_PURGE_LOCKING,   EV_FAILED, MOVE_PURGE_OPENING,   "the account could not be locked" },
	{ MOVE_PURGE_LOADING,   EV_OK,     MOVE_PURGE_RETURNING, "the old copy is loaded and locked out" },
	{ MOVE_PURGE_LOADING,   EV_FAILED, MOVE_PURGE_RETURNING, "the old copy could not be loaded" },
	{ MOVE_PURGE_RETURNING, EV_OK,     MOVE_PURGE_DELETING,  "the home is the mailbox's own again" },
	{ MOVE_PURGE_RETURNING, EV_AGAIN,  MOVE_PURGE_RETURNING, "the home changed late; once more" },
	{ MOVE_PURGE_RETURNING, EV_FAILED, MOVE_STUCK,           "the home could not be set back" },
	{ MOVE_PURGE_DELETING,  EV_OK,     MOVE_PURGE_OPENING,   "asked to delete the old copy" },
	{ MOVE_PURGE_DELETING,  EV_FAILED, MOVE_PURGE_OPENING,   "the old copy could not be deleted" },
	{ MOVE_PURGE_OPENING,   EV_OK,     MOVE_PURGING,         "the account is given back; looking what is left" },
	{ MOVE_PURGE_OPENING,   EV_AGAIN,  MOVE_PURGE_RETURNING, "the home changed late; back once more" },
	{ MOVE_PURGE_OPENING,   EV_FAILED, MOVE_STUCK,           "the account could not be given back" },
	/* Back after the switch. Source and target are exchanged from here on. */
	{ MOVE_OPENING,     EV_REVERT, MOVE_REVERT_FETCHING, "a person wants it back where it came from" },
	{ MOVE_STUCK,       EV_REVERT, MOVE_REVERT_FETCHING, "a person wants it back where it came from" },
	{ MOVE_SETTLED,     EV_REVERT, MOVE_REVERT_LOCKING,  "what was left on the copy is wanted, too" },
	{ MOVE_REVERT_LOCKING,   EV_OK,     MOVE_REVERT_HOMING,    "locked for a moment: nobody logs in, mail waits" },
	{ MOVE_REVERT_LOCKING,   EV_FAILED, MOVE_REVERT_OPENING,   "the account could not be locked" },
	{ MOVE_REVERT_HOMING,    EV_OK,     MOVE_REVERT_FETCHING,  "the copy can be loaded" },
	{ MOVE_REVERT_HOMING,    EV_FAILED, MOVE_REVERT_RETURNING, "the copy cannot be loaded" },
	{ MOVE_REVERT_FETCHING,  EV_OK,     MOVE_REVERT_FENCING,   "what is to come back is in the spool" },
	{ MOVE_REVERT_FETCHING,  EV_REVERT, MOVE_REVERT_FETCHING,  "a person wants it back without what arrived" },
	{ MOVE_REVERT_FENCING,   EV_REVERT, MOVE_REVERT_FETCHING,  "a person wants it back without what arrived" },
	{ MOVE_REVERT_FETCHING,  EV_FAILED, MOVE_REVERT_RETURNING, "what arrived since the switch could not be copied" },
	{ MOVE_REVERT_FENCING,   EV_OK,     MOVE_REVERT_SWITCHING, "the copy is closed, or done without" },
	{ MOVE_REVERT_FENCING,   EV_AGAIN,  MOVE_REVERT_FETCHING,  "something came in before the fence; fetching it" },
	{ MOVE_REVERT_FENCING,   EV_FAILED, MOVE_REVERT_RETURNING, "the copy could not be fenced" },
	{ MOVE_REVERT_SWITCHING, EV_OK,     MOVE_REVERT_OPENING,   "the directory names where it came from" },
	{ MOVE_REVERT_SWITCHING, EV_FAILED, MOVE_REVERT_RETURNING, "the home could not be set back" },
	{ MOVE_REVERT_OPENING,   EV_OK,     MOVE_BACKFILLING,      "the account is given back; what arrived meanwhile goes in" },
	{ MOVE_REVERT_OPENING,   EV_FAILED, MOVE_STUCK,            "the account could not be given back" },
	{ MOVE_REVERT_RETURNING, EV_OK,     MOVE_STUCK,            "everything is as it was before the way back" },
	{ MOVE_REVERT_RETURNING, EV_AGAIN,  MOVE_REVERT_SWITCHING, "the home goes back all the same" },
	{ MOVE_REVERT_RETURNING, EV_FAILED, MOVE_STUCK,            "everything is as it was before the way back" },
	{ MOVE_UNLOCKING,   EV_OK,     MOVE_ABANDONED,   "the account is given back to the source" },
	{ MOVE_UNLOCKING,   EV_AGAIN,  MOVE_UNLOCKING,   "the switch took effect late; back once more" },
	{ MOVE_UNLOCKING,   EV_FAILED, MOVE_STUCK,       "the account could not be given back" },
	/* A person says: once more. The row that leads to where it got stuck is taken. */
	{ MOVE_STUCK,       EV_RETRY,  MOVE_OPENING,     "tried again" },
	{ MOVE_STUCK,       EV_RETRY,  MOVE_BACKFILLING, "tried again" },
	{ MOVE_STUCK,       EV_RETRY,  MOVE_MENDING,     "tried again" },
	{ MOVE_STUCK,       EV_RETRY,  MOVE_VERIFYING,   "tried again" },
	{ MOVE_STUCK,       EV_RETRY,  MOVE_UNLOCKING,   "tried again" },
	{ MOVE_STUCK,       EV_RETRY,  MOVE_PREPARE_RETURNING, "tried again" },
	{ MOVE_STUCK,       EV_RETRY,  MOVE_PREPARE_OPENING, "tried again" },
	{ MOVE_STUCK,       EV_RETRY,  MOVE_PURGE_RETURNING, "tried again" },
	{ MOVE_STUCK,       EV_RETRY,  MOVE_PURGE_OPENING, "tried again" },
	{ MOVE_STUCK,       EV_RETRY,  MOVE_REVERT_OPENING, "tried again" },
	/* A new attempt from the beginning; the spool's items are not sent again. */
	{ MOVE_ABANDONED,   EV_RETRY,  MOVE_PLANNED,     "a new attempt" },
	{ MOVE_SETTLED,     EV_RETRY,  MOVE_MENDING,     "mended and compared once more" },
};
/* clang-format on */
const size_t move_edge_count = ARRAY_LEN(move_edges);

static const char *const event_names[] = {
    [EV_OK] = "ok",
    [EV_FAILED] = "failed",
    [EV_AGAIN] = "again",
    [EV_CANCEL] = "cancel",
    [EV_RETRY] = "retry",
    [EV_PURGE] = "purge",
    [EV_RELEASE] = "release",
    [EV_NODE_GONE] = "node_gone",
    [EV_REVERT] = "revert",
    [EV_FROM_SPOOL] = "from_spool",
};
static_assert(ARRAY_LEN(event_names) == MOVE_EVENT_COUNT, "name every event");

const char *
move_event_name(enum move_event ev)
{
	return event_names[ev];
}

bool
move_state_parse(const char *name, enum move_state *out)
{
	for (int s = 0; s < MOVE_STATE_COUNT; s++) {
		if (strcmp(move_states[s].name, name) == 0) {
			*out = (enum move_state)s;
			return true;
		}
	}
	return false;
}

const struct move_edge *
move_edge_find(enum move_state from, enum move_event ev, enum move_state stuck_from)
{
	for (size_t i = 0; i < move_edge_count; i++) {
		const struct move_edge *edge = &move_edges[i];

		if (edge->from == from && edge->event == ev &&
		    (from != MOVE_STUCK || ev != EV_RETRY || edge->to == stuck_from))
			return edge;
	}
	return NULL;
}
