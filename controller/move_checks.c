/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true before a mailbox is touched, looked at twice: before anything is
 * copied and once more before the lock. A false one is a refusal, never a guess.
 */
#include "controller/move_checks.h"

#include <stdio.h>
#include <string.h>

static bool
check_status(const struct move *m, const struct ask_account *a, struct err *e)
{
	if (strcmp(a->status, "maintenance") == 0)
		return err_set(e, ERR_REFUSED,
		    "account %s: is in maintenance, nobody can export it; run: zmprov ma "
		    "%s zimbraAccountStatus active",
		    m->account_name, m->account_name);
	if (a->domain_status[0] != '\0' && strcmp(a->domain_status, "active") != 0)
		return err_set(e, ERR_REFUSED,
		    "account %s: its domain is %s, which overrides the account; set "
		    "zimbraDomainStatus active first",
		    m->account_name, a->domain_status);
	return true;
}

static bool
check_limits(const struct move *m, const struct ask_account *a, struct err *e)
{
	if (a->export_max_days > 0)
		return err_set(e, ERR_REFUSED,
		    "account %s: exports are limited to %lld days, a full one would "
		    "fail; run: zmprov ma %s zimbraExportMaxDays 0",
		    m->account_name, (long long)a->export_max_days, m->account_name);
	if (a->intercepted)
		return err_set(e, ERR_REFUSED,
		    "account %s: is intercepted, each imported message would be sent "
		    "once more; clear zimbraInterceptAddress for the move",
		    m->account_name);
	if (!a->token_validity_enabled)
		return err_set(e, ERR_REFUSED,
		    "account %s: zimbraAuthTokenValidityValueEnabled is FALSE, old "
		    "sessions could not be ended and would hit wrong items; set it TRUE",
		    m->account_name);
	if (a->source_lmtp_permanent || a->target_lmtp_permanent)
		return err_set(e, ERR_REFUSED,
		    "account %s: %s refuses mail for ever when over quota, mail would "
		    "bounce during the move; run: zmprov ms %s "
		    "zimbraLmtpPermanentFailureWhenOverQuota FALSE",
		    m->account_name, a->source_lmtp_permanent ? m->source : m->target,
		    a->source_lmtp_permanent ? m->source : m->target);
	return true;
}

bool
check_account(const struct move *m, const struct ask_account *a, const char *own_admin_id,
    struct err *e)
{
	char transport[WORLD_NAME + 96];

	if (!a->found)
		return err_set(e, ERR_REFUSED, "account %s: does not exist any more",
		    m->account_name);
	if (own_admin_id != NULL && strcmp(m->account_id, own_admin_id) == 0)
		return err_set(e, ERR_REFUSED,
		    "account %s: is zmferry's own administrator and is never moved; give "
		    "zmferry another one (zimbra_admin) to move it",
		    m->account_name);
	if (strcasecmp(a->mail_host, m->source) != 0)
		return err_set(e, ERR_REFUSED,
		    "account %s: lives on %s now, not on %s; plan again", m->account_name,
		    a->mail_host, m->source);
	if (a->target_id[0] == '\0')
		return err_set(e, ERR_REFUSED,
		    "node %s: the directory has no mailbox server of that name",
		    m->target);
	if (!check_status(m, a, e))
		return false;
	snprintf(
	    transport, sizeof(transport), "lmtp:%s:%u", m->source, a->source_lmtp_port);
	if (a->transport[0] != '\0' && strcasecmp(a->transport, transport) != 0)
		return err_set(e, ERR_REFUSED,
		    "account %s: has a transport of its own (%.100s), Zimbra refuses to "
		    "switch it; run: zmprov ma %s zimbraMailTransport %s",
		    m->account_name, a->transport, m->account_name, transport);
	return check_limits(m, a, e);
}

bool
check_source_node(const struct move *m, const struct ask_preflight *p, struct err *e)
{
	if (!p->healthy)
		return err_set(
		    e, ERR_RETRY, "node %s: %.300s", m->source, p->why_unhealthy);
	return true;
}

bool
check_target_node(const struct move *m, const struct ask_preflight *p, struct err *e)
{
	if (!p->healthy)
		return err_set(
		    e, ERR_RETRY, "node %s: %.300s", m->target, p->why_unhealthy);
	if (p->row.present && !m->data.target_row_made)
		return err_set(e, ERR_REFUSED,
		    "account %s: node %s still holds an old copy of this mailbox, "
		    "importing would bring deleted mail back; "
		    "delete it there first: see docs/operations.md, \"stale copy\"",
		    m->account_name, m->target);
	if (p->row.present && !p->row_is_seed &&
	    (p->row.size_bytes > 0 || p->row.new_messages > 0 || p->row.contacts > 0))
		return err_set(e, ERR_REFUSED,
		    "account %s: the copy on node %s that an attempt before made holds "
		    "mail by now, which is nowhere else; see docs/operations.md, \"stale "
		    "copy\"",
		    m->account_name, m->target);
	if (!p->spool_is_persistent)
		return err_set(e, ERR_REFUSED,
		    "node %s: its spool lies on the container's own layer and would be "
		    "lost with it; put spool_dir on a volume",
		    m->target);
	if (p->spool_free_bytes < m->bytes)
		return err_set(e, ERR_FULL,
		    "node %s: has room for %llu KB below its fill limit, the mailbox "
		    "needs %llu KB",
		    m->target, (unsigned long long)(p->spool_free_bytes >> 10),
		    (unsigned long long)(m->bytes >> 10));
	return true;
}
