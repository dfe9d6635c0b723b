/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Deadlines and leases use the monotonic clock; only what people read uses the wall. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_mono_ms(void); /* CLOCK_BOOTTIME */
int64_t clock_wall_ms(void);  /* since 1970, UTC */
/* "2026-01-30T12:00:01.123Z"; out has at least 32 bytes. */
void clock_format(int64_t wall_ms, char *out, size_t out_size);

#endif
