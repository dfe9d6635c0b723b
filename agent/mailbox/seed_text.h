/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to be known of a message's own text before it is put in by itself: in which
 * form its bytes arrive as they are (AddMsg changes some: facts live-preseed 5), and what
 * ties it to a conversation. Pure.
 */
#ifndef AGENT_SEED_TEXT_H
#define AGENT_SEED_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEED_INLINE_MAX (256u * 1024) /* bytes; what is larger is uploaded */
#define SEED_HEADER_MAX (256u * 1024) /* what is behind is no header for us */
#define SEED_KEYS_MAX 200	      /* Message-IDs of one message */

enum seed_way {
	SEED_INLINE, /* in the request itself, line ends as LF */
	SEED_UPLOAD,
	SEED_LEAVE, /* neither arrives as it is: an archive import must do */
};

/* Fed the whole message, piece by piece. */
struct seed_text {
	uint64_t bytes;
	uint64_t crlf, lf, cr; /* lf, cr: bare ones */
	bool in_body, at_line_start, has_cr, has_colon;
	bool no_header, header_8bit;
	bool not_xml;	 /* characters that no XML takes, or no UTF-8 */
	uint8_t rest[4]; /* a character cut by a piece's end */
	size_t rest_len;
};
void seed_text_begin(struct seed_text *x);
void seed_text_feed(struct seed_text *x, const void *data, size_t len);
enum seed_way seed_text_end(struct seed_text *x);

/* What ties a message to others. Hashes are never 0. */
struct seed_keys {
	uint64_t ids[SEED_KEYS_MAX]; /* of Message-ID, In-Reply-To, References, Resent- */
	size_t count;
	uint64_t subject; /* without "Re:" and the like; 0 = none */
	bool is_reply;	  /* there was a "Re:" */
	bool in_reply_to; /* has such a header */
	bool refers;	  /* In-Reply-To or References name somebody */
	bool has_id;	  /* the first of ids is of its Message-ID */
};
/* head: the message's first bytes. subject: as decoded by Zimbra; NULL = none. */
void
seed_keys_read(const void *head, size_t len, const char *subject, struct seed_keys *out);
/* The first "<...>" of its Message-ID; false: there is none, or it does not fit. */
bool seed_message_id(const void *head, size_t len, char *out, size_t size);

#endif
