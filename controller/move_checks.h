/* SPDX-License-Identifier: Apache-2.0 */
/* Preconditions of a move, each refused by name with the way out. Pure. */
#ifndef CONTROLLER_MOVE_CHECKS_H
#define CONTROLLER_MOVE_CHECKS_H

#include "controller/move.h"

/* The account as the directory's master has it. */
MUST_USE bool check_account(const struct move *m, const struct ask_account *a,
    const char *own_admin_id, struct err *e);
MUST_USE bool
check_source_node(const struct move *m, const struct ask_preflight *p, struct err *e);
MUST_USE bool
check_target_node(const struct move *m, const struct ask_preflight *p, struct err *e);

#endif
