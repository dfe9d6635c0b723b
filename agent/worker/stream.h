/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender's end of a mail stream: dialing the target's agent, and each message as a
 * function. The receiver's end is receive.c. Blocking. Small messages are gathered and
 * leave together; whatever waits for an answer sends them first. When the receiver
 * refuses, the next call fails with its sentence and kind.
 */
#ifndef AGENT_STREAM_H
#define AGENT_STREAM_H

#include "agent/mailbox/spool.h"
#include "agent/worker/worker.h"

/* An agent that would take a way back for a move refuses it by its version. */
#define STREAM_VERSION 1
#define STREAM_VERSION_ARRIVED 2 /* with passes that a version 1 does not know */
uint32_t stream_version(Wire__StagePass pass);

struct stream;

/* Connects to the target of the step (OpStage), proves both sides, shows the ticket. */
MUST_USE bool stream_dial(struct worker *w, struct stream **out, struct err *e);
void stream_free(struct stream **s);

/* Sync token that all the receiver holds is as new as; "" = it holds nothing. */
const char *stream_token(const struct stream *s);

MUST_USE bool
stream_send_tree(struct stream *s, const Wire__StreamTree *tree, struct err *e);
/* token: what is held from now on is as new as this. all_stale: everything held is to be
   fetched again, else the stale ids are. */
MUST_USE bool
stream_send_record(struct stream *s, const struct spool_record_list *r, const char *token,
    const uint32_t *stale, size_t stale_count, bool all_stale, struct err *e);
/* Ids that the receiver lacks, ascending; malloc'd. */
MUST_USE bool stream_receive_want(
    struct stream *s, uint32_t **ids_out, size_t *count_out, struct err *e);
MUST_USE bool stream_send_item(struct stream *s, const struct spool_item *item,
    const char *meta, const char *name, bool has_data, struct err *e);
MUST_USE bool
stream_send_data(struct stream *s, const void *data, size_t len, struct err *e);

enum stream_fate {
	STREAM_WHOLE,
	STREAM_BAD, /* the receiver drops the item */
	STREAM_WORN, /* whole, but not all earlier revisions are: the next pass wants it again */
	STREAM_REVISION, /* an earlier revision of a document; the next item is the next one */
};
/* What comes next begins anew, even if it is the document whose revisions came last. */
void stream_restart_revisions(struct stream *s);
MUST_USE bool
stream_send_item_end(struct stream *s, enum stream_fate fate, struct err *e);
/* No more now; UINT64_MAX: no more at all. The receiver makes all durable. */
MUST_USE bool stream_send_end(struct stream *s, uint64_t items, struct err *e);
MUST_USE bool stream_receive_done(
    struct stream *s, uint64_t *listed, uint64_t *staged, uint64_t *bytes, struct err *e);

#endif
