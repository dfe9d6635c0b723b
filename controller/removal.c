/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a check, in the order in which a person meets them: first what would lose
 * mail, then what would break something, then what is only to be known.
 */
#include "controller/removal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/xalloc.h"

const char *const removal_level_names[REMOVAL_LEVEL_COUNT] = {
    [REMOVAL_BLOCKS] = "blocks",
    [REMOVAL_DOES] = "does",
    [REMOVAL_AFTER] = "after",
    [REMOVAL_NOTE] = "note",
};

struct judging {
	const char *check;
	const char *node;
	const struct server_standing *s;
	const struct removal_ours *ours;
	struct removal_report *out;
};

__attribute__((format(printf, 4, 5))) static void
find(const struct judging *j, enum removal_level level, const char *next,
    const char *format, ...)
{
	struct removal_report *r = j->out;
	struct removal_finding *f;
	va_list args;

	r->findings = xrealloc_array(r->findings, r->count + 1, sizeof(*r->findings));
	f = &r->findings[r->count++];
	memset(f, 0, sizeof(*f));
	f->check = j->check;
	f->level = level;
	snprintf(f->next, sizeof(f->next), "%s", next);
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
	r->by_level[level]++;
}

static void
check_last(const struct judging *j)
{
	if (j->s->found && j->s->others == 0)
		find(j, REMOVAL_BLOCKS, "zmferry add NODE",
		    "%.200s is the only mailbox server", j->node);
}

static void
check_accounts(const struct judging *j)
{
	char next[LIMIT_TEXT];

	if (j->ours->planned || j->s->accounts == 0)
		return;
	snprintf(next, sizeof(next), "zmferry plan evacuate %.200s", j->node);
	find(j, REMOVAL_BLOCKS, next, "%llu accounts live on it, one is %.200s",
	    (unsigned long long)j->s->accounts, j->s->account);
}

static void
check_stuck(const struct judging *j)
{
	if (j->ours->stuck > 0)
		find(j, REMOVAL_BLOCKS, "zmferry moves --failed",
		    "%llu moves from or to it are stuck: what they lack may be on it "
		    "only",
		    (unsigned long long)j->ours->stuck);
}

static void
check_tidying(const struct judging *j)
{
	if (j->ours->tidying > 0)
		find(j, REMOVAL_BLOCKS, "wait a little; zmferry moves shows them",
		    "%llu old copies on it are just being deleted",
		    (unsigned long long)j->ours->tidying);
}

static void
check_unclean(const struct judging *j)
{
	if (j->ours->unclean > 0)
		find(j, REMOVAL_BLOCKS,
		    "zmferry moves --failed; or, one by one: zmferry purge MOVE "
		    "--even-if-not-clean --confirm ACCOUNT",
		    "%llu mailboxes were moved off it with a verdict that is not clean: "
		    "its copies may hold what is nowhere else",
		    (unsigned long long)j->ours->unclean);
}

static void
check_copies(const struct judging *j)
{
	char next[LIMIT_TEXT];

	if (j->ours->kept_copies == 0)
		return;
	snprintf(next, sizeof(next), "zmferry purge node %.200s", j->node);
	if (j->ours->destroy_volumes)
		find(j, REMOVAL_BLOCKS, next,
		    "%llu old copies on it are the way back; its volumes are destroyed "
		    "only when they are purged",
		    (unsigned long long)j->ours->kept_copies);
	else
		find(j, REMOVAL_NOTE, "", "%llu old copies stay in its volumes",
		    (unsigned long long)j->ours->kept_copies);
}

static void
check_strange(const struct judging *j)
{
	if (j->ours->strange_copies == 0)
		return;
	if (j->ours->destroy_volumes)
		find(j, REMOVAL_BLOCKS,
		    "look at them (\"stale copy\" in docs/operations.md), or leave "
		    "--destroy-volumes away",
		    "%llu mailboxes on it belong to people who live elsewhere, and no "
		    "move left them",
		    (unsigned long long)j->ours->strange_copies);
	else
		find(j, REMOVAL_NOTE, "",
		    "%llu mailboxes on it belong to people who live elsewhere; they stay "
		    "in its volumes",
		    (unsigned long long)j->ours->strange_copies);
}

static void
check_contents(const struct judging *j)
{
	if (j->ours->destroy_volumes && j->ours->unknown)
		find(j, REMOVAL_BLOCKS,
		    "start its agent once more, or leave --destroy-volumes away",
		    "its agent is not connected: nobody tells what is on its volumes");
}

static void
check_services(const struct judging *j)
{
	char next[LIMIT_TEXT];

	if (j->s->services[0] == '\0')
		return;
	snprintf(next, sizeof(next),
	    "let another server do it, then for each: zmprov ms %.150s "
	    "-zimbraServiceEnabled SERVICE",
	    j->node);
	find(j, REMOVAL_BLOCKS, next, "it does more than hold mailboxes: %s",
	    j->s->services);
}

static void
check_provisions(const struct judging *j)
{
	char next[LIMIT_TEXT];

	if (!j->s->provisions)
		return;
	snprintf(next, sizeof(next),
	    "zmprov ms OTHER +zimbraAutoProvScheduledDomains DOMAIN, then zmprov ms "
	    "%.150s zimbraAutoProvScheduledDomains ''",
	    j->node);
	find(j, REMOVAL_BLOCKS, next,
	    "it makes accounts from an outside directory "
	    "(zimbraAutoProvScheduledDomains)");
}

static void
check_references(const struct judging *j)
{
	char next[LIMIT_TEXT];

	for (size_t i = 0; i < j->s->ref_count; i++) {
		const struct server_reference *r = &j->s->refs[i];
		bool global = r->owner[0] == '\0';
		const char *owner = global ? "the global configuration" : r->owner;

		if (r->cured) {
			find(j, REMOVAL_DOES, "", "%s of %.150s names it (%.200s): %s",
			    r->attr, owner, r->value,
			    r->others ? "taken out" : "another server takes its place");
			continue;
		}
		snprintf(next, sizeof(next), "zmprov %s%.150s %s ANOTHER",
		    global ? "mcf" : "ms ", global ? "" : r->owner, r->attr);
		find(j, REMOVAL_BLOCKS, next, "%s of %.150s is %.200s, and nothing else",
		    r->attr, owner, r->value);
	}
}

static void
check_groups(const struct judging *j)
{
	if (j->s->group_count > 0)
		find(j, REMOVAL_DOES, "",
		    "%zu distribution lists have it as their home, one is %.200s: they "
		    "get another",
		    j->s->group_count, j->s->groups[0].name);
}

static void
check_proxies(const struct judging *j)
{
	if (j->s->is_lookup_target)
		find(j, REMOVAL_AFTER, "on each proxy, as zimbra: zmproxyctl restart",
		    "proxies ask it where somebody lives; they learn at their next start "
		    "that it is gone");
}

static void
check_addresses(const struct judging *j)
{
	if (j->s->found)
		find(j, REMOVAL_AFTER,
		    "look through: zmprov gacf zimbraMtaMyNetworks zimbraMailTrustedIP "
		    "zimbraHttpThrottleSafeIPs, and those of each server",
		    "lists of addresses may still have the node's");
}

typedef void (*check_fn)(const struct judging *j);

/* clang-format off */
static const struct {
	const char *name;
	check_fn fn;
} checks[] = {
	{ "last_server", check_last },
	{ "accounts",    check_accounts },
	{ "stuck",       check_stuck },
	{ "purges",      check_tidying },
	{ "verdicts",    check_unclean },
	{ "old_copies",  check_copies },
	{ "strangers",   check_strange },
	{ "contents",    check_contents },
	{ "services",    check_services },
	{ "autoprov",    check_provisions },
	{ "references",  check_references },
	{ "groups",      check_groups },
	{ "proxies",     check_proxies },
	{ "addresses",   check_addresses },
};
/* clang-format on */

void
removal_judge(const char *node, const struct server_standing *s,
    const struct removal_ours *ours, struct removal_report *out)
{
	struct judging j = {.node = node, .s = s, .ours = ours, .out = out};

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		j.check = checks[i].name;
		checks[i].fn(&j);
	}
}

void
removal_report_fini(struct removal_report *r)
{
	xfree(&r->findings);
	memset(r, 0, sizeof(*r));
}

void
removal_blocks_text(const struct removal_report *r, char *out, size_t size)
{
	size_t length = 0;
	size_t told = 0;

	out[0] = '\0';
	for (size_t i = 0; i < r->count && length + 100 < size; i++) {
		const struct removal_finding *f = &r->findings[i];

		if (f->level != REMOVAL_BLOCKS)
			continue;
		length += (size_t)snprintf(out + length, size - length,
		    "%s%.200s (%.120s)", told++ == 0 ? "" : "; ", f->text, f->next);
	}
	if (told < r->by_level[REMOVAL_BLOCKS] && length + 30 < size)
		snprintf(out + length, size - length, "; and %zu more",
		    r->by_level[REMOVAL_BLOCKS] - told);
}
