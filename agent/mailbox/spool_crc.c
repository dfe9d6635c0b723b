/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C: by the processor's own instruction where it has one, by tables elsewhere. */
#include <endian.h>
#include <pthread.h>
#include <string.h>

#include "agent/mailbox/spool_private.h"

/* Eight bytes a step: table k has the CRC of a byte with k zero bytes behind it. */
static uint32_t crc_table[8][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void
crc_make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = (c & 1) != 0 ? 0x82f63b78u ^ (c >> 1) : c >> 1;
		crc_table[0][i] = c;
	}
	for (size_t k = 1; k < 8; k++) {
		for (size_t i = 0; i < 256; i++) {
			uint32_t before = crc_table[k - 1][i];

			crc_table[k][i] = crc_table[0][before & 0xff] ^ (before >> 8);
		}
	}
}

uint32_t
spool_crc_by_table(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	pthread_once(&crc_once, crc_make_table);
	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8) {
		uint32_t low, high;

		memcpy(&low, p, 4);
		memcpy(&high, p + 4, 4);
		low = le32toh(low) ^ crc;
		high = le32toh(high);
		crc = crc_table[7][low & 0xff] ^ crc_table[6][low >> 8 & 0xff] ^
		      crc_table[5][low >> 16 & 0xff] ^ crc_table[4][low >> 24] ^
		      crc_table[3][high & 0xff] ^ crc_table[2][high >> 8 & 0xff] ^
		      crc_table[1][high >> 16 & 0xff] ^ crc_table[0][high >> 24];
	}
	for (size_t i = 0; i < len; i++)
		crc = crc_table[0][(crc ^ p[i]) & 0xff] ^ (crc >> 8);
	return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t
crc_by_instruction(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t c = ~crc;

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t bytes;

		memcpy(&bytes, p, 8);
		c = __builtin_ia32_crc32di(c, bytes);
	}
	for (size_t i = 0; i < len; i++)
		c = __builtin_ia32_crc32qi((uint32_t)c, p[i]);
	return ~(uint32_t)c;
}

uint32_t
spool_crc(uint32_t crc, const void *data, size_t len)
{
	return __builtin_cpu_supports("sse4.2") ? crc_by_instruction(crc, data, len)
						: spool_crc_by_table(crc, data, len);
}
#else
uint32_t
spool_crc(uint32_t crc, const void *data, size_t len)
{
	return spool_crc_by_table(crc, data, len);
}
#endif
