/* SPDX-License-Identifier: Apache-2.0 */
/* Values as answers show them. New references, never NULL. */
#ifndef CONTROLLER_JSON_VALUES_H
#define CONTROLLER_JSON_VALUES_H

#include <jansson.h>
#include <stdint.h>

/* "?" when it is not UTF-8, instead of breaking the answer. */
json_t *json_text(const char *text);
/* Wall clock, milliseconds; 0 = never, "". */
json_t *json_time(int64_t wall_ms);

json_t *json_uint(uint64_t n);

#endif
