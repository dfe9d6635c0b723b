/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of item ids: sorting, and looking one up. Pure. */
#ifndef AGENT_IDS_H
#define AGENT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ascending; NULL with count 0 is fine. */
void ids_sort(uint32_t *ids, size_t count);
/* The place of id in an ascending list; count when it is not in it. */
size_t ids_find(const uint32_t *sorted, size_t count, uint64_t id);
bool ids_have(const uint32_t *sorted, size_t count, uint64_t id);

#endif
