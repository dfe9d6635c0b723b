/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a length, a message, a check. What can go wrong is all ERR_PEER:
 * the length is above the cap of the state, the bytes are no protobuf, a check fails.
 */
#include "proto/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/xalloc.h"
#include "proto/check.h"
#include "proto/limits.h"

#define HEADER 4

static void
frame_put_length(uint8_t out[HEADER], size_t length)
{
	out[0] = (uint8_t)(length >> 24);
	out[1] = (uint8_t)(length >> 16);
	out[2] = (uint8_t)(length >> 8);
	out[3] = (uint8_t)length;
}

static size_t
frame_get_length(const uint8_t in[HEADER])
{
	return (size_t)in[0] << 24 | (size_t)in[1] << 16 | (size_t)in[2] << 8 |
	       (size_t)in[3];
}

static bool
frame_pack(struct buf *out, const ProtobufCMessage *m, struct err *e)
{
	size_t length = protobuf_c_message_get_packed_size(m);
	uint8_t header[HEADER];
	uint8_t *bytes;
	bool ok;

	if (length > LIMIT_FRAME)
		return err_set(e, ERR_REFUSED,
		    "a message of %zu bytes is above the limit of %u", length,
		    LIMIT_FRAME);
	frame_put_length(header, length);
	bytes = xcalloc(1, length);
	protobuf_c_message_pack(m, bytes);
	ok = buf_add(out, header, HEADER) && buf_add(out, bytes, length);
	free(bytes);
	return ok || err_set(e, ERR_RETRY, "too much is waiting to be sent");
}

/* What the other side would drop us for is refused here, where it can be told why. */
static bool
frame_own_fault(struct err *e)
{
	e->kind = ERR_REFUSED;
	return err_wrap(e, "a message of our own is against the rules");
}

bool
frame_put(struct buf *out, const Wire__Envelope *m, struct err *e)
{
	if (!check_envelope(m, e))
		return frame_own_fault(e);
	return frame_pack(out, &m->base, e);
}

bool
frame_put_stream(struct buf *out, const Wire__Stream *m, struct err *e)
{
	if (!check_stream(m, e))
		return frame_own_fault(e);
	return frame_pack(out, &m->base, e);
}

static Wire__Envelope *
frame_unpack(const uint8_t *bytes, size_t length, struct err *e)
{
	Wire__Envelope *m = wire__envelope__unpack(NULL, length, bytes);

	if (m == NULL) {
		err_set(e, ERR_PEER, "%zu bytes that are no message of ours", length);
		return NULL;
	}
	if (check_envelope(m, e))
		return m;
	wire__envelope__free_unpacked(m, NULL);
	return NULL;
}

static Wire__Stream *
frame_unpack_stream(const uint8_t *bytes, size_t length, struct err *e)
{
	Wire__Stream *m = wire__stream__unpack(NULL, length, bytes);

	if (m == NULL) {
		err_set(e, ERR_PEER, "%zu bytes that are no message of ours", length);
		return NULL;
	}
	if (check_stream(m, e))
		return m;
	wire__stream__free_unpacked(m, NULL);
	return NULL;
}

/* Is a frame whole at the front of in, and how long is it without its header? */
static enum frame_status
frame_whole(const struct buf *in, size_t max, size_t *length_out, struct err *e)
{
	if (in->len < HEADER)
		return FRAME_INCOMPLETE;
	*length_out = frame_get_length(in->data);
	if (*length_out > max) {
		err_set(e, ERR_PEER, "a message of %zu bytes is above the limit of %zu",
		    *length_out, max);
		return FRAME_BAD;
	}
	return in->len - HEADER < *length_out ? FRAME_INCOMPLETE : FRAME_MESSAGE;
}

enum frame_status
frame_take(struct buf *in, size_t max, Wire__Envelope **out, struct err *e)
{
	size_t length;
	enum frame_status status = frame_whole(in, max, &length, e);

	if (status != FRAME_MESSAGE)
		return status;
	*out = frame_unpack(in->data + HEADER, length, e);
	buf_drop_front(in, HEADER + length);
	return *out == NULL ? FRAME_BAD : FRAME_MESSAGE;
}

enum frame_status
frame_take_stream(struct buf *in, size_t max, Wire__Stream **out, struct err *e)
{
	size_t length;
	enum frame_status status = frame_whole(in, max, &length, e);

	if (status != FRAME_MESSAGE)
		return status;
	*out = frame_unpack_stream(in->data + HEADER, length, e);
	buf_drop_front(in, HEADER + length);
	return *out == NULL ? FRAME_BAD : FRAME_MESSAGE;
}

/* --- blocking --- */

static bool
fd_read_all(int fd, uint8_t *data, size_t length, struct err *e)
{
	for (size_t got = 0; got < length;) {
		ssize_t n = read(fd, data + got, length - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, ERR_RETRY, errno, "reading a message");
		if (n == 0)
			return err_set(e, ERR_RETRY, "the other side ended");
		got += (size_t)n;
	}
	return true;
}

bool
frame_read_fd(int fd, size_t max, Wire__Envelope **out, struct err *e)
{
	uint8_t header[HEADER];
	uint8_t *bytes;
	size_t length;
	bool ok;

	if (!fd_read_all(fd, header, HEADER, e))
		return false;
	length = frame_get_length(header);
	if (length > max)
		return err_set(e, ERR_PEER,
		    "a message of %zu bytes is above the limit of %zu", length, max);
	bytes = xcalloc(1, length);
	ok = fd_read_all(fd, bytes, length, e) &&
	     (*out = frame_unpack(bytes, length, e)) != NULL;
	free(bytes);
	return ok;
}

bool
frame_write_fd(int fd, const Wire__Envelope *m, struct err *e)
{
	struct buf b;
	bool ok;

	buf_init(&b, LIMIT_FRAME + HEADER);
	ok = frame_put(&b, m, e);
	for (size_t sent = 0; ok && sent < b.len;) {
		ssize_t n = write(fd, b.data + sent, b.len - sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ok = err_errno(e, ERR_RETRY, errno, "writing a message");
		else
			sent += (size_t)n;
	}
	buf_fini(&b);
	return ok;
}

bool
frame_read_tls(struct tls_stream *s, size_t max, Wire__Stream **out, struct err *e)
{
	uint8_t header[HEADER];
	uint8_t *bytes;
	size_t length;
	bool ok;

	if (!tls_stream_read(s, header, HEADER, e))
		return false;
	length = frame_get_length(header);
	if (length > max)
		return err_set(e, ERR_PEER,
		    "a message of %zu bytes is above the limit of %zu", length, max);
	bytes = xcalloc(1, length);
	ok = tls_stream_read(s, bytes, length, e) &&
	     (*out = frame_unpack_stream(bytes, length, e)) != NULL;
	free(bytes);
	return ok;
}

bool
frame_write_tls(struct tls_stream *s, const Wire__Stream *m, struct err *e)
{
	struct buf b;
	bool ok;

	buf_init(&b, LIMIT_FRAME + HEADER);
	ok = frame_put_stream(&b, m, e) && tls_stream_write(s, b.data, b.len, e);
	buf_fini(&b);
	return ok;
}

/* --- bytes fields --- */

ProtobufCBinaryData
frame_bytes(const char *text)
{
	ProtobufCBinaryData b = {
	    .len = text == NULL ? 0 : strlen(text), .data = (uint8_t *)(uintptr_t)text};

	return b;
}

char *
frame_string(const ProtobufCBinaryData *b)
{
	return xstrndup(b->len == 0 ? "" : (const char *)b->data, b->len);
}

bool
frame_equal(const ProtobufCBinaryData *b, const char *text)
{
	return b->len == strlen(text) &&
	       (b->len == 0 || memcmp(b->data, text, b->len) == 0);
}

bool
frame_copy(const ProtobufCBinaryData *b, char *out, size_t out_size)
{
	if (b->len >= out_size)
		return false;
	if (b->len > 0)
		memcpy(out, b->data, b->len);
	out[b->len] = '\0';
	return true;
}

bool
frame_error_may_pass(Wire__ErrorKind kind)
{
	return kind == WIRE__ERROR_KIND__ERROR_RETRY ||
	       kind == WIRE__ERROR_KIND__ERROR_PEER ||
	       kind == WIRE__ERROR_KIND__ERROR_CANCELLED ||
	       kind == WIRE__ERROR_KIND__ERROR_FULL;
}
