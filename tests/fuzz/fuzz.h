/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzzer needs: its entry, and a check that no build leaves out. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                              \
	do {                                                                         \
		if (!(condition)) {                                                  \
			fprintf(stderr, "%s:%d: %s is not so\n", __FILE__, __LINE__, \
			    #condition);                                             \
			abort();                                                     \
		}                                                                    \
	} while (0)

#endif
