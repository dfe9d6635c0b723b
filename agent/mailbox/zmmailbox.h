/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One zmmailbox process, kept for as long as a worker works on one mailbox, for those who
 * want Zimbra's own tool to do the exports and imports. Started at its first use, told its
 * commands on standard input. Blocking; one thread at a time. Its exit code and what it
 * prints say little: callers compare what came with what should be there.
 */
#ifndef AGENT_ZMMAILBOX_H
#define AGENT_ZMMAILBOX_H

#include "proto/base/log.h"
#include "proto/zimbra/rest.h"

struct zmmailbox;

struct zmmailbox_options { /* copied */
	const char *program;
	const char *account_id;
	const char *account_name; /* for people */
	const char *host;	  /* the local mailboxd */
	uint16_t admin_port;
	const char *work_dir;  /* where its named pipes lie while it runs */
	bool (*stopped)(void); /* may be NULL */
	const struct log *log;
	unsigned start_ms; /* until its first answer; 0: 120000 */
	unsigned stall_ms; /* neither bytes nor an answer for so long; 0: 330000 */
};

/* Starts nothing. */
struct zmmailbox *zmmailbox_new(const struct zmmailbox_options *options);
/* Ends the process, and whatever it is at. */
void zmmailbox_free(struct zmmailbox **z);

/*
 * It runs and has opened the mailbox. False: ERR_REFUSED, it cannot be run at all;
 * ERR_RETRY, it ended, hung or refused; the texts name program, account and way out.
 */
MUST_USE bool zmmailbox_ready(struct zmmailbox *z, struct err *e);
/* getRestURL; as rest_export. */
MUST_USE bool zmmailbox_export(struct zmmailbox *z, const struct rest_export *what,
    http_sink_fn sink, void *ctx, enum rest_status *status_out, struct err *e);
/* postRestURL of a tar, resolve=skip. True: the server has read it and answered 200; what
   it thought of the items the tool throws away. */
MUST_USE bool
zmmailbox_import(struct zmmailbox *z, http_read_fn read, void *ctx, struct err *e);

/* One word for its command line, quotes and all. Pure. */
MUST_USE bool zmmailbox_quote(struct buf *out, const char *text);

#endif
