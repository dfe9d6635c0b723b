/* SPDX-License-Identifier: Apache-2.0 */
/* Zimbra's archives, made by hand as facts 1.6 says: no code shared with the reader. */
#ifndef TESTS_UNIT_TARBALL_H
#define TESTS_UNIT_TARBALL_H

#include <string.h>

#include "proto/base/buf.h"
#include "tests/unit/check.h"

static inline void
tarball_add(struct buf *out, const void *data, size_t len)
{
	CHECK(buf_add(out, data, len));
}

static inline void
tarball_pad(struct buf *out)
{
	static const char zeros[512];

	tarball_add(out, zeros, (512 - out->len % 512) % 512);
}

static inline void
tarball_header(struct buf *out, const char *name, size_t size, char type, unsigned mode)
{
	char h[512] = "";
	unsigned sum = 0;

	memcpy(h, name, strlen(name) > 99 ? 99 : strlen(name));
	snprintf(h + 100, 8, "%07o", mode);
	snprintf(h + 108, 8, "%07o", 0u);
	snprintf(h + 116, 8, "%07o", 0u);
	snprintf(h + 124, 12, "%011o", (unsigned)(size & 0x3fffffff));
	snprintf(h + 136, 12, "%011o", 1600000000u);
	memset(h + 148, ' ', 8);
	h[156] = type;
	memcpy(h + 257, "ustar  ", 8);
	memcpy(h + 297, "message", 7);
	snprintf(h + 329, 8, "%07o", 5u); /* devmajor: the item type */
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	h[155] = ' ';
	tarball_add(out, h, sizeof(h));
}

/* One entry, with GNU's long name when it must be. */
static inline void
tarball_entry(struct buf *out, const char *name, const void *data, size_t len)
{
	if (strlen(name) >= 100) {
		tarball_header(out, "././@LongLink", strlen(name) + 1, 'L', 0644);
		tarball_add(out, name, strlen(name) + 1);
		tarball_pad(out);
	}
	tarball_header(out, name, len, '0', 0644);
	tarball_add(out, data, len);
	tarball_pad(out);
}

/* ".meta" and data; data NULL: the metadata alone. */
static inline void
tarball_item(
    struct buf *out, const char *name, const char *meta, const void *data, size_t len)
{
	char meta_name[1200];

	snprintf(meta_name, sizeof(meta_name), "%s.meta", name);
	tarball_entry(out, meta_name, meta, strlen(meta));
	if (data != NULL)
		tarball_entry(out, name, data, len);
}

static inline void
tarball_end(struct buf *out)
{
	static const char zeros[1024];

	tarball_add(out, zeros, sizeof(zeros));
}

#endif
