/* SPDX-License-Identifier: Apache-2.0 */
/* "90s", "15m", "6h", "2d": in the files and on the command line, which has no libConfuse. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/conf.h"

bool
conf_duration_parse(const char *text, uint32_t *seconds_out)
{
	static const struct {
		const char *unit;
		uint32_t seconds;
	} units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	unsigned long long number;
	char *rest;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	number = strtoull(text, &rest, 10);
	if (errno != 0 || number > UINT32_MAX)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(units[i].unit, rest) != 0 ||
		    number * units[i].seconds > UINT32_MAX)
			continue;
		*seconds_out = (uint32_t)(number * units[i].seconds);
		return true;
	}
	return false;
}
