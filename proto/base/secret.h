/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that must not be printed, logged or compared with memcmp. Nothing here
 * yields a char pointer but secret_reveal, whose callers banned.sh lists.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

struct secret; /* opaque; locked memory where the limits allow it */

struct secret *secret_new(const void *bytes, size_t len);
struct secret *secret_copy(const struct secret *s); /* NULL stays NULL */
struct secret *secret_random(size_t len);	    /* from the kernel */
void secret_free(struct secret **s);		    /* wipes */
/* Reads a file of at most 4 KiB, one trailing newline cut; refuses mode bits for others. */
MUST_USE bool secret_load(const char *path, struct secret **out, struct err *e);
/* The same without looking at the mode: a container engine mounts tokens readable by all. */
MUST_USE bool secret_load_mounted(const char *path, struct secret **out, struct err *e);
bool secret_equal(const struct secret *a, const struct secret *b); /* constant time */
size_t secret_len(const struct secret *s);
/* For handing to a library call only. NUL-terminated. Lives as long as s. */
const char *secret_reveal(const struct secret *s);
/* HMAC-SHA256 of data under the secret. */
#define SECRET_HMAC_BYTES 32
void secret_hmac(
    const struct secret *s, const void *data, size_t len, uint8_t out[SECRET_HMAC_BYTES]);
void secret_wipe(void *p, size_t len);

#endif
