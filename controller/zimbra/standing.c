/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/zimbra/standing.h"

#include "proto/base/xalloc.h"

void
server_standing_fini(struct server_standing *s)
{
	xfree(&s->refs);
	xfree(&s->groups);
	s->ref_count = s->group_count = 0;
}
