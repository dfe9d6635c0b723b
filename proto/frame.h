/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: 4 bytes length, big-endian, then one protobuf message. Bytes in, checked
 * messages out; a message that fails its check never reaches a caller.
 */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/tls.h"
#include "proto/messages.pb-c.h"

/* Appends the framed message to out; ERR_REFUSED when the other side would refuse it. */
MUST_USE bool frame_put(struct buf *out, const Wire__Envelope *m, struct err *e);
MUST_USE bool frame_put_stream(struct buf *out, const Wire__Stream *m, struct err *e);

enum frame_status { FRAME_INCOMPLETE, FRAME_MESSAGE, FRAME_BAD };

/*
 * Takes one message from the front of in when it is whole. max: LIMIT_FRAME_NEW or
 * LIMIT_FRAME. FRAME_BAD (e set, ERR_PEER): too long, not protobuf, or a check failed.
 * The message belongs to the caller: wire__envelope__free_unpacked(m, NULL).
 */
MUST_USE enum frame_status
frame_take(struct buf *in, size_t max, Wire__Envelope **out, struct err *e);
MUST_USE enum frame_status
frame_take_stream(struct buf *in, size_t max, Wire__Stream **out, struct err *e);

/* Blocking, over a pipe or file (workers); false with ERR_RETRY at the end of the file. */
MUST_USE bool frame_read_fd(int fd, size_t max, Wire__Envelope **out, struct err *e);
MUST_USE bool frame_write_fd(int fd, const Wire__Envelope *m, struct err *e);
/* Blocking, over a mail stream. */
MUST_USE bool
frame_read_tls(struct tls_stream *s, size_t max, Wire__Stream **out, struct err *e);
MUST_USE bool frame_write_tls(struct tls_stream *s, const Wire__Stream *m, struct err *e);

/* bytes field from and to a C string (checked messages hold no NUL in names). */
ProtobufCBinaryData frame_bytes(const char *text); /* borrowed; NULL is empty */
char *frame_string(const ProtobufCBinaryData *b);  /* xmalloc'd copy */
bool frame_equal(const ProtobufCBinaryData *b, const char *text);
/* Copies into a fixed array, cutting never: false when it does not fit. */
MUST_USE bool frame_copy(const ProtobufCBinaryData *b, char *out, size_t out_size);

/*
 * May what ended so go well another time? Between two others, for want of room, or stopped
 * when nobody here asked for it: yes. The controller asks such a thing again, and the agent does it again
 * instead of repeating what it answered.
 */
bool frame_error_may_pass(Wire__ErrorKind kind);

#endif
