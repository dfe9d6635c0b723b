/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zimbra's tar archives, streaming both ways. The only user of libarchive. Layout: each
 * item's metadata entry "NAME.meta", then its data entry "NAME"; earlier revisions of a
 * document first; "NAME.err" behind an item whose blob does not match (facts 1.5, 1.6).
 */
#ifndef AGENT_ARCHIVE_H
#define AGENT_ARCHIVE_H

#include "agent/mailbox/client.h"
#include "agent/mailbox/spool.h"

/* One item as it comes: begin, data..., end. False aborts the reading. */
struct archive_sink {
	/* item has everything but offsets; meta is JSON, NUL-terminated; name the data entry's base name. */
	bool (*begin)(void *ctx, const struct spool_item *item, const char *meta,
	    const char *name, bool has_data, struct err *e);
	bool (*data)(void *ctx, const void *bytes, size_t len, struct err *e);
	/* bad: Zimbra marked the blob as not matching its metadata (".err"), or the data was cut. */
	bool (*end)(void *ctx, bool bad, struct err *e);
	void *ctx;
};

/*
 * Exports from the mailboxd the client is for, and hands the items to the sink. True with
 * *whole_out false: it ended early, by an error inside Zimbra or by a dead id in the list;
 * what came was handed on whole. Earlier revisions of a document come first, with the
 * same id. headers_only: the data entries hold headers only and are skipped. False: the
 * sink said so, or no clear answer came (what came by then was handed on whole).
 */
MUST_USE bool archive_export(const struct client *c, const struct rest_export *what,
    const struct archive_sink *sink, enum rest_status *status_out, bool *whole_out,
    struct err *e);

/* Reads a tar or tgz from a descriptor (tests, fuzzing). */
MUST_USE bool archive_read_fd(int fd, bool headers_only, const struct archive_sink *sink,
    bool *whole_out, struct err *e);

/* Fills what a metadata entry says; false: it is not Zimbra's. Pure. */
MUST_USE bool archive_parse_meta(const char *meta, struct spool_item *out, struct err *e);

/* --- writing: an import's body --- */

/* The next item to write, or none: path is the folder's, without leading or trailing
   slash ("Inbox", "Projects/Ä"); meta replaces the spooled metadata when not NULL (taken). */
struct archive_entry_in {
	struct spool_item item;
	const char *folder_path;
	char *take_meta;
};
typedef bool (*archive_next_fn)(
    void *ctx, struct archive_entry_in *out); /* false: the end */

/*
 * Builds the tar from the spool and posts it with resolve=skip. The items' data is read
 * from s while it goes out; memory stays bounded.
 */
MUST_USE bool archive_import(const struct client *c, const char *account_id,
    struct spool *s, archive_next_fn next, void *ctx,
    struct rest_import_answer *answer_out, struct err *e);
/* The same tar into a descriptor (tests). */
MUST_USE bool
archive_write_fd(int fd, struct spool *s, archive_next_fn next, void *ctx, struct err *e);

#endif
