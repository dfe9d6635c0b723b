/* SPDX-License-Identifier: Apache-2.0 */
/* A growing buffer: doubles until its ceiling, always NUL-terminated. */
#include "proto/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"

#define BUF_MAX_DEFAULT (64u * 1024 * 1024)

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max == 0 ? BUF_MAX_DEFAULT : max;
}

void
buf_wipe(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_fini(b);
}

void
buf_fini(struct buf *b)
{
	size_t max = b->max;

	free(b->data);
	buf_init(b, max);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

static bool
buf_reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap == 0 ? 256 : b->cap;

	if (b->max == 0)
		b->max = BUF_MAX_DEFAULT;
	if (more > b->max || b->len > b->max - more)
		return false;
	while (cap < b->len + more + 1)
		cap *= 2;
	if (cap != b->cap) {
		b->data = xrealloc_array(b->data, cap, 1);
		b->cap = cap;
	}
	return true;
}

bool
buf_add(struct buf *b, const void *data, size_t len)
{
	if (!buf_reserve(b, len))
		return false;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return true;
}

bool
buf_add_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

bool
buf_printf(struct buf *b, const char *fmt, ...)
{
	char small[256];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (len < 0)
		return false;
	if ((size_t)len < sizeof(small))
		return buf_add(b, small, (size_t)len);
	if (!buf_reserve(b, (size_t)len))
		return false;
	va_start(args, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, args);
	va_end(args);
	b->len += (size_t)len;
	return true;
}

void
buf_drop_front(struct buf *b, size_t len)
{
	if (len > b->len)
		BUG("dropping %zu of %zu bytes", len, b->len);
	if (len == 0)
		return;
	memmove(b->data, b->data + len, b->len - len + 1);
	b->len -= len;
}

const char *
buf_str(const struct buf *b)
{
	return b->data == NULL ? "" : (const char *)b->data;
}
