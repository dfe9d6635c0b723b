/* SPDX-License-Identifier: Apache-2.0 */
/* Lengths come from the table of the Unicode standard (3-7: well-formed byte sequences). */
#include "proto/base/utf8.h"

#include <stdint.h>
#include <string.h>

/* How long a character is that begins so; 0 = none does. */
static size_t
utf8_announced(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

size_t
utf8_length(const void *bytes, size_t left)
{
	const uint8_t *p = bytes;
	size_t length = utf8_announced(p[0]);

	if (length > left)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return length;
}

/* Is what is left the beginning of a character, and nothing else? */
static bool
utf8_is_cut(const uint8_t *p, size_t left)
{
	if (utf8_announced(p[0]) <= left)
		return false;
	for (size_t i = 1; i < left; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
	}
	return true;
}

void
utf8_tidy(char *text)
{
	uint8_t *p = (uint8_t *)text;
	size_t left = strlen(text);

	while (left > 0) {
		size_t length = utf8_length(p, left);

		if (length == 0 && utf8_is_cut(p, left)) {
			p[0] = '\0';
			return;
		}
		if (length == 0) {
			p[0] = '?';
			length = 1;
		} else if (length == 1 && (p[0] < 0x20 || p[0] == 0x7f)) {
			p[0] = ' ';
		} else if (length == 2 && p[0] == 0xc2 &&
			   p[1] < 0xa0) { /* C1: terminals obey them */
			p[0] = ' ';
			p[1] = ' ';
		}
		p += length;
		left -= length;
	}
}
