/* SPDX-License-Identifier: Apache-2.0 */
/* Between alert.c (what is so) and alert_tell.c (who hears of it). */
#ifndef ALERT_ALERT_PRIVATE_H
#define ALERT_ALERT_PRIVATE_H

#include "controller/alert/alert.h"

#define BUDGET 10 /* messages at once; then one a minute */

struct alerts {
	struct alerts_options options;
	struct alerts_outlet outlet;
	struct alert **rows;
	size_t count;
	uint64_t next_number;
	uint32_t budget;
	int64_t budget_ms;
	bool unsaved_said;
};

/* The tick's list of what is due. */
struct alert_due_row {
	struct alert *alert;
	enum alert_tell tell;
	struct alert_state before;
};

int64_t alerts_now(const struct alerts *all);
/* What cannot be journaled is in memory, and told: said once, not for each. */
void alerts_save(struct alerts *all, const struct alert *a);
/* qsort: worst first, then oldest. */
int alert_due_compare(const void *left, const void *right);

#endif
