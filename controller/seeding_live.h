/* SPDX-License-Identifier: Apache-2.0 */
/* Seeding with what the fleet says of each node's Zimbra and the journal of rehearsals. Loop thread. */
#ifndef CONTROLLER_SEEDING_LIVE_H
#define CONTROLLER_SEEDING_LIVE_H

#include <jansson.h>

#include "controller/plan.h"
#include "controller/seeding.h"

struct controller;

/* Decides c->seeding by the setting, and lets plans tell. False with e: the setting is none. */
MUST_USE bool seeding_live_start(struct controller *c, struct err *e);
/* What holds now, for answers: the setting and what rehearsals said. New reference. */
json_t *seeding_live_view(struct controller *c);
/* Is a node's Zimbra one on which nothing is proven? Rehearsals prefer these. */
bool seeding_live_is_unproven(struct controller *c, const char *zimbra_version);

#endif
