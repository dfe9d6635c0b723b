/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender's end of a mail stream: dialing the target's agent, and each message as a
 * function. The receiver's end is receive.c. Blocking.
 */
#ifndef AGENT_STREAM_H
#define AGENT_STREAM_H

#include "agent/mailbox/spool.h"
#include "agent/worker/worker.h"

struct stream;

/* Connects to the target of the step (OpStage), proves both sides, shows the ticket. */
MUST_USE bool stream_dial(struct worker *w, struct stream **out, struct err *e);
void stream_free(struct stream **s);

MUST_USE bool stream_send_tree(struct stream *s, const Wire__StreamTree *tree, struct err *e);
/* all_stale: everything held is to be fetched again. */
MUST_USE bool stream_send_record(struct stream *s, const struct spool_record_list *r,
    const uint32_t *stale, size_t stale_count, bool all_stale, struct err *e);
/* Ids that the receiver lacks, ascending; malloc'd. */
MUST_USE bool stream_receive_want(struct stream *s, uint32_t **ids_out, size_t *count_out,
    struct err *e);
MUST_USE bool stream_send_item(struct stream *s, const struct spool_item *item, const char *meta,
    const char *name, bool has_data, struct err *e);
MUST_USE bool stream_send_data(struct stream *s, const void *data, size_t len, struct err *e);
/* bad: the receiver drops the item. */
MUST_USE bool stream_send_item_end(struct stream *s, bool bad, struct err *e);
/* No more now; UINT64_MAX: no more at all, the receiver makes all durable. */
MUST_USE bool stream_send_end(struct stream *s, uint64_t items, struct err *e);
MUST_USE bool stream_receive_done(struct stream *s, uint64_t *listed, uint64_t *staged,
    uint64_t *bytes, struct err *e);

#endif
