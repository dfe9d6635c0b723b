/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a ceiling. The bytes are always followed by a NUL
 * that is not counted, so text buffers can be read as C strings.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

struct buf {
	uint8_t *data; /* NULL when empty */
	size_t len;
	size_t cap;
	size_t max; /* bytes; 0 = 64 MiB. buf_add fails above it */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
void buf_wipe(struct buf *b);  /* overwrites what it held, then frees it */
void buf_clear(struct buf *b); /* keeps the memory */
MUST_USE bool buf_add(struct buf *b, const void *data, size_t len); /* false: above max */
MUST_USE bool buf_add_str(struct buf *b, const char *s);
MUST_USE bool buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_drop_front(struct buf *b, size_t len);
const char *buf_str(const struct buf *b); /* never NULL */

#endif
