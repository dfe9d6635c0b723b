/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is journaled of one move beside its state (journal_data.c has a row for each field).
 * A field that an older journal does not have is empty.
 */
#ifndef CONTROLLER_MOVE_DATA_H
#define CONTROLLER_MOVE_DATA_H

#include "controller/world.h"
#include "proto/zimbra/version.h"

#define SEEDING_WHY 320

/* Journaled with every change; everything a restart needs. */
struct move_data {
	struct freeze_saved saved;
	bool have_saved;
	bool no_mailbox;      /* never logged in: nothing to export */
	bool target_row_made; /* the target's row is this move's own work */
	bool switched;	      /* the target was the home, to stay */
	bool
	    prepared; /* it was made before the switch; from then on it is not tried again */
	bool seeding;	 /* and is filled while people work on the source */
	uint64_t seeded; /* messages in it, and of these at their old ids */
	uint64_t seeded_exact;
	char seeding_why[SEEDING_WHY];		  /* or why it is not */
	char source_version[ZIMBRA_VERSION_SIZE]; /* Zimbra's, as that was decided */
	char target_version[ZIMBRA_VERSION_SIZE];
	bool tracking_imap;
	bool contacts_begun; /* has the contact lane of its target */
	bool contacts_done;
	bool restored;
	bool quota_lifted; /* restored without its quota: content still goes in */
	bool spool_dropped;
	bool gone;	    /* the account was deleted meanwhile */
	bool cancelled;	    /* by a person: not tried again by itself */
	bool purged;	    /* the old copy on the source is gone */
	bool detoured;	    /* it had to be loaded first */
	bool revert_tried;  /* a way back was begun, whatever came of it */
	bool copy_fenced;   /* turned round: all that reached the copy is in the spool */
	bool revert_wanted; /* by a person; taken when the call under way has ended */
	bool
	    reverted; /* turned round: the source is what was the target, and the target is
			  where the mailbox was all along */
	bool left_behind; /* what reached the source since the switch is still there */
	bool
	    again; /* turned round and opened since: what was left behind is wanted, too */
	bool from_spool;   /* made from the spool because the source is dead: what it held
			    beyond that is not here */
	bool spool_wanted; /* by a person; taken when the call under way has ended */
	int64_t in_step_ms; /* wall clock: the spool was the source's mailbox; 0: never */
	struct row left_row;   /* turned round: the target's mailbox as it was fenced */
	char home[WORLD_NAME]; /* while purging: where the account lives */
	struct row home_row;   /* its mailbox there, before anything is deleted */
	char source_id
	    [LIMIT_ID]; /* zimbraIds of the servers, to act when one of them is dead */
	char target_id[LIMIT_ID];
	char token[64];
	struct row row;
	uint64_t last_item_id, change;
	uint64_t listed, staged, sent_bytes, applied;
	uint64_t left; /* messages for when people work already */
	uint64_t
	    withheld; /* messages of folders that their owner emptied meanwhile: in the spool */
	int64_t locked_at_ms;	/* wall clock */
	int64_t switched_at_ms; /* wall clock; 0: not known */
	uint64_t lock_ms;	/* lock to opened, 0 = not yet */
	uint64_t fill_ms;	/* lock to everything in */
	uint64_t lacking_count;
	uint32_t passes;
	char verdict[16];   /* "", "clean", "not clean" */
	char *verdict_json; /* owned; NULL = none */
	char *lacking_json; /* owned */
};

#endif
