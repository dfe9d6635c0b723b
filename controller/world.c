/* SPDX-License-Identifier: Apache-2.0 */
/* Names and memory of asks. */
#include "controller/world.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/base/xalloc.h"

static const char *const ask_names[] = {
    [ASK_READ_ACCOUNT] = "read account",
    [ASK_STANDING] = "look who names the server",
    [ASK_FREEZE_READ] = "read values to give back",
    [ASK_LOCK] = "lock",
    [ASK_ALLOW_IMPORT] = "allow import",
    [ASK_RESTORE] = "give account back",
    [ASK_QUOTA] = "give quota back",
    [ASK_SET_HOME] = "set home",
    [ASK_FLUSH] = "flush cache",
    [ASK_SESSIONS] = "end sessions",
    [ASK_UNLIST] = "take the server out of the directory",
    [ASK_PLATFORM] = "platform",
    [ASK_PREFLIGHT] = "pre-flight",
    [ASK_RESERVE] = "reserve spool",
    [ASK_STAGE] = "stage",
    [ASK_LEASE] = "lease",
    [ASK_UNLEASE] = "end lease",
    [ASK_FENCE] = "fence",
    [ASK_UNFENCE] = "lift fence",
    [ASK_ROUTES] = "purge proxy routes",
    [ASK_MAKE] = "make mailbox",
    [ASK_STEER] = "steer",
    [ASK_SEED] = "seed",
    [ASK_IMPORT] = "import",
    [ASK_MEND] = "mend",
    [ASK_VERIFY] = "verify",
    [ASK_DROP] = "drop spool",
    [ASK_DROP_ROW] = "drop own row",
    [ASK_LOCKOUT] = "lock out",
    [ASK_PURGE] = "delete old copy",
};
static_assert(ARRAY_LEN(ask_names) == ASK_KIND_COUNT, "name every ask");

struct ask *
ask_new(enum ask_kind kind)
{
	struct ask *a = XNEW(struct ask);

	a->kind = kind;
	return a;
}

void
ask_free(struct ask **a)
{
	if (*a == NULL)
		return;
	free((*a)->out.stage.lacking_json);
	free((*a)->out.verdict.json);
	if ((*a)->out.standing != NULL)
		server_standing_fini((*a)->out.standing);
	free((*a)->out.standing);
	xfree(a);
}

const char *
ask_name(enum ask_kind kind)
{
	return ask_names[kind];
}

bool
ask_is_agents(enum ask_kind kind)
{
	return kind >= ASK_PREFLIGHT;
}
