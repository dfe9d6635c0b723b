/* SPDX-License-Identifier: Apache-2.0 */
/* Texts and times as JSON. */
#include "controller/json_values.h"

#include "proto/base/clock.h"

json_t *
json_text(const char *text)
{
	json_t *value = json_string(text);

	return value != NULL ? value : json_string("?");
}

json_t *
json_time(int64_t wall_ms)
{
	char out[40] = "";

	if (wall_ms != 0)
		clock_format(wall_ms, out, sizeof(out));
	return json_string(out);
}

json_t *
json_uint(uint64_t n)
{
	return json_integer((json_int_t)n);
}
