/* SPDX-License-Identifier: Apache-2.0 */
/* What the directory and SOAP do. Changes run at the account's home, or where they are pinned. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"

static bool
answer_read_account(struct sim *s, struct ask *a, int account)
{
	const struct sim_account *x = &s->accounts[account];
	struct ask_account *out = &a->out.account;

	if (s->directory_down)
		return err_set(&a->err, ERR_RETRY, "LDAP: cannot connect");
	out->found = x->exists;
	if (!x->exists)
		return true;
	snprintf(out->name, sizeof(out->name), "%s", x->name);
	snprintf(out->mail_host, sizeof(out->mail_host), "%s", s->nodes[x->host].name);
	if (x->transport[0] != '\0')
		snprintf(out->transport, sizeof(out->transport), "%s", x->transport);
	else
		snprintf(out->transport, sizeof(out->transport), "lmtp:%s:7025",
		    s->nodes[x->host].name);
	snprintf(out->status, sizeof(out->status), "%.19s", x->now.status);
	out->export_max_days = x->export_max_days;
	out->intercepted = x->intercepted;
	out->token_validity_enabled = true;
	out->source_lmtp_port = 7025;
	snprintf(out->source_id, sizeof(out->source_id), "%s",
	    s->nodes[sim_node_find(s, a->in.source)].server_id);
	snprintf(out->target_id, sizeof(out->target_id), "%s",
	    s->nodes[sim_node_find(s, a->in.target)].server_id);
	out->alias_count = 1;
	snprintf(out->aliases[0], sizeof(out->aliases[0]), "alias.of.%s", x->name);
	return true;
}

static bool
answer_freeze_read(struct sim *s, struct ask *a, int account)
{
	const struct sim_values *v = &s->accounts[account].now;
	struct freeze_saved *out = &a->out.saved;

	if (strcmp(v->status, "maintenance") == 0)
		return err_set(&a->err, ERR_REFUSED, "the account is in maintenance");
	snprintf(out->status, sizeof(out->status), "%s",
	    strcmp(v->status, "lockout") == 0 ? "locked" : v->status);
	snprintf(out->mail_status, sizeof(out->mail_status), "%s", v->mail_status);
	snprintf(out->quota, sizeof(out->quota), "%s", v->quota);
	snprintf(
	    out->receive_over_quota, sizeof(out->receive_over_quota), "%s", v->receive);
	for (int i = 0; i < SIM_SOURCES; i++) {
		if (v->source_exists[i] && v->source_on[i])
			snprintf(out->source_ids[out->source_count++],
			    sizeof(out->source_ids[0]), "source-%d", i);
	}
	return true;
}

static void
set_sources(struct sim_values *v, const struct freeze_saved *saved, bool on)
{
	for (size_t i = 0; i < saved->source_count; i++) {
		int number = saved->source_ids[i][7] - '0';

		if (v->source_exists[number])
			v->source_on[number] = on;
	}
}

static void
set_text(char *at, size_t size, const char *value)
{
	snprintf(at, size, "%s", value);
}

static void
answer_lock(struct sim *s, const struct ask *a, int node, int account)
{
	struct sim_values *v = &s->accounts[account].now;

	set_sources(v, &a->in.saved, false);
	set_text(v->status, sizeof(v->status), "locked");
	set_text(v->mail_status, sizeof(v->mail_status), a->in.saved.mail_status);
	set_text(v->quota, sizeof(v->quota), "1");
	set_text(v->receive, sizeof(v->receive), "FALSE");
	sim_cache_load(s, node, account);
}

static void
keep(char *kept, size_t size, const char *name)
{
	size_t len = strlen(kept);

	snprintf(kept + len, size - len, "%s ", name);
}

/* As freeze_restore does it; tests/unit/controller/test_freeze.c shows that. */
static void
restore_quota(
    struct sim_values *v, const struct freeze_saved *saved, char *kept, size_t kept_size)
{
	if (strcmp(v->quota, "1") == 0 || strcmp(v->quota, "0") == 0)
		set_text(v->quota, sizeof(v->quota), saved->quota);
	else if (strcmp(v->quota, saved->quota) != 0)
		keep(kept, kept_size, "zimbraMailQuota");
}

void
sim_restore(struct sim *s, int node, int account, const struct freeze_saved *saved,
    bool keep_quota, char *kept, size_t kept_size)
{
	struct sim_values *v = &s->accounts[account].now;

	kept[0] = '\0';
	if (!keep_quota)
		restore_quota(v, saved, kept, kept_size);
	if (strcmp(v->receive, "FALSE") == 0)
		set_text(v->receive, sizeof(v->receive), saved->receive_over_quota);
	if (strcmp(v->status, "locked") == 0) {
		set_text(v->status, sizeof(v->status), saved->status);
		set_text(v->mail_status, sizeof(v->mail_status), saved->mail_status);
	} else if (strcmp(v->status, saved->status) != 0) {
		keep(kept, kept_size, "zimbraAccountStatus");
	}
	set_sources(v, saved, true);
	sim_cache_load(s, node, account);
}

void
sim_set_home(struct sim *s, int executing_node, int account, int home)
{
	s->accounts[account].host = home;
	sim_cache_load(s, executing_node, account);
}

/* Where a change of the account runs when it is sent to node; -1 with an error: nowhere. */
static int
executing_node(struct sim *s, struct ask *a, int node, int account)
{
	int home = sim_cache(s, node, account)->host;

	if (a->in.pin_id[0] != '\0') {
		if (strcmp(a->in.pin_id, s->nodes[node].server_id) != 0)
			sim_fail(s, "a change is pinned to %s but sent to %s",
			    a->in.pin_id, a->in.host);
		return node;
	}
	if (home == node || s->nodes[home].mailboxd)
		return home;
	err_set(&a->err, ERR_RETRY, "%s: proxy error: %s does not answer", a->in.host,
	    s->nodes[home].name);
	return -1;
}

static bool
answer_change(struct sim *s, struct ask *a, int node, int account)
{
	struct sim_account *x = &s->accounts[account];
	int at = executing_node(s, a, node, account);

	if (at < 0)
		return false;
	if (a->kind == ASK_LOCK)
		answer_lock(s, a, at, account);
	else if (a->kind == ASK_ALLOW_IMPORT && strcmp(x->now.quota, "1") == 0)
		set_text(x->now.quota, sizeof(x->now.quota), "0");
	else if (a->kind == ASK_RESTORE)
		sim_restore(s, at, account, &a->in.saved, a->in.keep_quota, a->out.text,
		    sizeof(a->out.text));
	else if (a->kind == ASK_QUOTA)
		restore_quota(&x->now, &a->in.saved, a->out.text, sizeof(a->out.text));
	else if (a->kind == ASK_SET_HOME)
		sim_set_home(s, at, account, sim_node_find(s, a->in.new_home));
	else if (a->kind == ASK_SESSIONS)
		x->validity = ++s->next_validity;
	sim_cache_load(s, at, account);
	return true;
}

bool
sim_perform(struct sim *s, struct ask *a)
{
	int account = sim_account_find(s, a->account_id);
	int node;

	if (s->refuse[a->kind] > 0) {
		s->refuse[a->kind]--;
		return err_set(&a->err, ERR_REFUSED, "refused by the scenario");
	}
	if (a->kind == ASK_READ_ACCOUNT)
		return answer_read_account(s, a, account);
	node = sim_node_find(s, a->in.host);
	if (!ask_is_agents(a->kind) && !s->nodes[node].mailboxd)
		return err_set(&a->err, ERR_RETRY, "%s: cannot connect", a->in.host);
	if (a->kind == ASK_FLUSH) {
		s->nodes[node].cache[account].known = false;
		return true;
	}
	if (ask_is_agents(a->kind))
		return sim_perform_agent(s, a, node, account);
	if (!s->accounts[account].exists)
		return err_set(&a->err, ERR_REFUSED, "account.NO_SUCH_ACCOUNT");
	if (a->kind == ASK_FREEZE_READ)
		return answer_freeze_read(s, a, account);
	return answer_change(s, a, node, account);
}
