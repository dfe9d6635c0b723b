/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts mean. One row a check; each says at least one thing, good or bad. */
#include "controller/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/xalloc.h"
#include "proto/version.h"

#define DAY_S 86400
#define EXPIRES_SOON_S (30 * DAY_S)

const char *const doctor_level_names[DOCTOR_LEVEL_COUNT] = {
    [DOCTOR_OK] = "ok",
    [DOCTOR_WARN] = "warn",
    [DOCTOR_FAIL] = "fail",
};

struct doctor_server *
doctor_add_server(struct doctor_facts *f, const char *host)
{
	struct doctor_server *s;

	f->servers = xrealloc_array(f->servers, f->server_count + 1, sizeof(*f->servers));
	s = &f->servers[f->server_count++];
	memset(s, 0, sizeof(*s));
	snprintf(s->host, sizeof(s->host), "%s", host);
	return s;
}

void
doctor_facts_free(struct doctor_facts *f)
{
	xfree(&f->servers);
	xfree(&f->strangers);
	f->server_count = 0;
	f->stranger_count = 0;
}

void
doctor_report_free(struct doctor_report *r)
{
	xfree(&r->findings);
	memset(r, 0, sizeof(*r));
}

/* --- saying --- */

struct doctor_check;

struct exam {
	const struct doctor_facts *f;
	struct doctor_report *report;
	const struct doctor_check *check;
};

struct doctor_check {
	const char *name;
	/* For the whole cluster, or (else) for each server. */
	void (*all)(struct exam *x);
	void (*each)(struct exam *x, const struct doctor_server *s);
};

static struct doctor_finding *say(struct exam *x, enum doctor_level level,
    const char *subject, const char *fmt, ...) PRINTF_LIKE(4, 5);

static struct doctor_finding *
say(struct exam *x, enum doctor_level level, const char *subject, const char *fmt, ...)
{
	struct doctor_report *r = x->report;
	struct doctor_finding *finding;
	va_list args;

	r->findings = xrealloc_array(r->findings, r->count + 1, sizeof(*r->findings));
	finding = &r->findings[r->count++];
	memset(finding, 0, sizeof(*finding));
	finding->check = x->check->name;
	finding->level = level;
	snprintf(finding->subject, sizeof(finding->subject), "%s", subject);
	va_start(args, fmt);
	vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
	r->by_level[level]++;
	return finding;
}

static void next(struct doctor_finding *finding, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
next(struct doctor_finding *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(finding->next, sizeof(finding->next), fmt, args);
	va_end(args);
}

/* --- checks of the whole --- */

static void
check_directory(struct exam *x)
{
	if (x->f->directory_error[0] != '\0') {
		next(say(x, DOCTOR_FAIL, "", "the directory cannot be read: %s",
			 x->f->directory_error),
		    "on the LDAP master, as zimbra: ldap status; then ldap_url, "
		    "ldap_bind_dn and "
		    "ldap_password_file in controller.conf");
	} else {
		say(x, DOCTOR_OK, "",
		    "the directory is read; it names %zu mailbox servers",
		    x->f->server_count);
	}
}

static void
check_servers(struct exam *x)
{
	if (x->f->directory_error[0] != '\0' || x->f->server_count > 1)
		return;
	next(say(x, DOCTOR_FAIL, "", "there is %s mailbox server: nothing can be moved",
		 x->f->server_count == 0 ? "no" : "only one"),
	    "install a second mailbox server into the cluster; zmferry moves mailboxes "
	    "between "
	    "them");
}

static void
check_admin(struct exam *x)
{
	if (x->f->directory_error[0] != '\0')
		return;
	if (!x->f->admin_found)
		next(
		    say(x, DOCTOR_FAIL, "", "zimbra_admin %s is no account", x->f->admin),
		    "zmprov ca %s PASSWORD zimbraIsAdminAccount TRUE, and its password "
		    "into "
		    "zimbra_admin_password_file",
		    x->f->admin);
	else if (!x->f->admin_is_global)
		next(say(x, DOCTOR_FAIL, "",
			 "zimbra_admin %s is no global administrator: locking "
			 "and switching would be refused",
			 x->f->admin),
		    "zmprov ma %s zimbraIsAdminAccount TRUE", x->f->admin);
	else
		say(x, DOCTOR_OK, "", "%s is a global administrator", x->f->admin);
}

static void
check_journal(struct exam *x)
{
	if (x->f->journal_read_only)
		next(say(x, DOCTOR_FAIL, "",
			 "the journal is a restored backup and read only"),
		    "if no other controller lives: stop this one, then "
		    "zmferry-controller --adopt");
	else
		say(x, DOCTOR_OK, "", "the journal is written");
}

static void
check_identity(struct exam *x)
{
	int64_t left = x->f->identity_expires_s - x->f->now_s;

	if (left < EXPIRES_SOON_S)
		next(say(x, left < 0 ? DOCTOR_FAIL : DOCTOR_WARN, "",
			 "the controller's certificate %s %" PRId64 " days%s",
			 left < 0 ? "ran out" : "runs out in",
			 (left < 0 ? -left : left) / DAY_S, left < 0 ? " ago" : ""),
		    "move controller.pem in state_dir away, then zmferry-controller "
		    "init, and restart "
		    "the controller");
	else
		say(x, DOCTOR_OK, "",
		    "the controller's certificate is good for %" PRId64 " days",
		    left / DAY_S);
}

static void
check_https(struct exam *x)
{
	int64_t left = x->f->https_expires_s - x->f->now_s;

	if (!x->f->has_https)
		return;
	if (x->f->https_error[0] != '\0')
		next(say(x, DOCTOR_WARN, "",
			 "the API's new certificate is not taken: %.300s; the one before "
			 "is still shown",
			 x->f->https_error),
		    "mend the files of api_certificate_file and api_key_file; they are "
		    "read again when they change");
	if (left < EXPIRES_SOON_S)
		next(say(x, left < 0 ? DOCTOR_FAIL : DOCTOR_WARN, "",
			 "the API's certificate %s %" PRId64 " days%s",
			 left < 0 ? "ran out" : "runs out in",
			 (left < 0 ? -left : left) / DAY_S, left < 0 ? " ago" : ""),
		    "put a renewed one into the files of api_certificate_file and "
		    "api_key_file; it is taken without a restart");
	else if (x->f->https_error[0] == '\0')
		say(x, DOCTOR_OK, "",
		    "the API's certificate is good for %" PRId64 " days", left / DAY_S);
}

static void
check_strangers(struct exam *x)
{
	for (size_t i = 0; i < x->f->stranger_count; i++)
		next(say(x, DOCTOR_WARN, x->f->strangers[i],
			 "an agent calls itself so, but the directory has no mailbox "
			 "server of that "
			 "name"),
		    "enroll it by its zimbraServiceHostname (zmprov gas mailbox lists "
		    "them)");
}

/* More than one version works; behaviour was proven on each by itself only. */
static void
check_versions(struct exam *x)
{
	const char *first = "";

	for (size_t i = 0; i < x->f->server_count; i++) {
		const struct doctor_server *s = &x->f->servers[i];

		if (s->version[0] == '\0')
			continue;
		if (first[0] == '\0')
			first = s->version;
		if (strcmp(s->version, first) != 0)
			next(say(x, DOCTOR_WARN, s->host, "Zimbra %s, another has %s",
				 s->version, first),
			    "move mailboxes only from the older to the newer version; "
			    "upgrade the "
			    "rest soon");
	}
}

static void
say_seeding(struct exam *x, const char *version)
{
	const struct seeding_proof *p = seeding_proof_find(&x->f->rehearsed, version);
	const char *mode = seeding_mode_names[x->f->seeding];
	char date[SEEDING_DATE] = "";

	if (p != NULL)
		seeding_date(p->at_ms, date);
	if (p != NULL && p->holds)
		say(x, DOCTOR_OK, "", "seeding: %s; proven on %s on %s, %.150s to %.150s",
		    mode, version, date, p->source, p->target);
	else if (x->f->seeding == SEEDING_YES && p == NULL)
		next(say(x, DOCTOR_WARN, "",
			 "seeding: yes, by setting; nobody has tried on %s whether it "
			 "keeps what it promises",
			 version),
		    "zmferry doctor --rehearse");
	else if (x->f->seeding == SEEDING_YES)
		next(say(x, DOCTOR_WARN, "",
			 "seeding: yes, by setting, though the rehearsal of %s on %s did "
			 "not prove it: %.300s",
			 date, version, p->text),
		    "seeding = auto in controller.conf and restart the controller; "
		    "zmferry "
		    "doctor --rehearse tries again");
	else if (p == NULL)
		next(
		    say(x, DOCTOR_WARN, "",
			"seeding: auto, not yet proven on %s: messages get new ids until "
			"`zmferry doctor --rehearse` has run",
			version),
		    "zmferry doctor --rehearse; or seeding = no in controller.conf, if "
		    "that is what is wanted");
	else
		next(say(x, DOCTOR_WARN, "",
			 "seeding: auto, and the rehearsal of %s on %s did not prove it: "
			 "%.300s; messages get new ids",
			 date, version, p->text),
		    "zmferry explain MOVE of its moves says why; zmferry doctor "
		    "--rehearse tries again");
}

/* Once for each version of Zimbra. */
static void
check_seeding(struct exam *x)
{
	if (x->f->seeding == SEEDING_NO) {
		say(x, DOCTOR_OK, "",
		    "seeding: no, by setting: messages get new ids when they move");
		return;
	}
	for (size_t i = 0; i < x->f->server_count; i++) {
		const char *version = x->f->servers[i].version;
		bool said = version[0] == '\0';

		for (size_t k = 0; k < i && !said; k++)
			said = strcmp(x->f->servers[k].version, version) == 0;
		if (!said)
			say_seeding(x, version);
	}
}

/* Can the fullest be emptied into what the others have free? */
static void
check_room(struct exam *x)
{
	const struct doctor_server *largest = NULL;
	uint64_t room = 0;

	for (size_t i = 0; i < x->f->server_count; i++) {
		const struct doctor_server *s = &x->f->servers[i];

		if (largest == NULL || s->mailbox_bytes > largest->mailbox_bytes)
			largest = s;
		room += s->room_bytes;
	}
	if (largest == NULL || x->f->server_count < 2)
		return;
	room -= largest->room_bytes;
	if (room < largest->mailbox_bytes * 2)
		next(say(x, DOCTOR_WARN, largest->host,
			 "its mailboxes hold %" PRIu64
			 " MB; moving them takes about twice that, the "
			 "others have %" PRIu64 " MB below their fill limit of %u %%",
			 largest->mailbox_bytes / 1000000, room / 1000000,
			 x->f->fill_limit),
		    "larger disks on the others, a further mailbox server, or a higher "
		    "fill_limit in "
		    "controller.conf");
	else
		say(x, DOCTOR_OK, "",
		    "the others have room for every mailbox of any one server");
}

/* --- checks of a server --- */

static void
check_soap(struct exam *x, const struct doctor_server *s)
{
	if (s->soap_error[0] != '\0')
		next(say(x, DOCTOR_FAIL, s->host, "its admin SOAP does not answer us: %s",
			 s->soap_error),
		    "on it, as zimbra: zmmailboxdctl status; is its port open to the "
		    "controller, "
		    "zimbra_ca_file right?");
	else
		say(x, DOCTOR_OK, s->host, "admin SOAP answers, Zimbra %s", s->version);
}

static void
check_lmtp(struct exam *x, const struct doctor_server *s)
{
	if (s->lmtp_error[0] != '\0')
		next(say(x, DOCTOR_WARN, s->host, "its LMTP port does not greet us: %s",
			 s->lmtp_error),
		    "on it, as zimbra: zmmailboxdctl status. If a firewall keeps the "
		    "controller out "
		    "that is no harm: no mail goes that way");
	else
		say(x, DOCTOR_OK, s->host, "LMTP greets");
}

static void
check_quota_answer(struct exam *x, const struct doctor_server *s)
{
	if (s->lmtp_permanent_when_over_quota)
		next(say(x, DOCTOR_FAIL, s->host,
			 "refuses mail for ever when a mailbox is over quota: mail that "
			 "comes while "
			 "one is locked would bounce"),
		    "zmprov ms %.200s zimbraLmtpPermanentFailureWhenOverQuota FALSE",
		    s->host);
}

static void
check_agent(struct exam *x, const struct doctor_server *s)
{
	if (!s->has_agent)
		next(say(x, DOCTOR_FAIL, s->host,
			 "no agent of it is connected: it can neither be "
			 "emptied nor take mailboxes"),
		    "start zmferry-agent there; new node: zmferry enroll %.200s",
		    s->host);
	else if (!s->healthy)
		next(say(x, DOCTOR_FAIL, s->host, "its agent says: %s", s->note),
		    "mend that, then: zmferry nodes");
	else if (strcmp(s->agent_version, ZMFERRY_VERSION) != 0)
		next(say(x, DOCTOR_WARN, s->host,
			 "its agent is version %s, the controller %s", s->agent_version,
			 ZMFERRY_VERSION),
		    "install the same version on both; moves under way go on after a "
		    "restart");
	else
		say(x, DOCTOR_OK, s->host, "its agent is connected and well");
}

static void
check_spool(struct exam *x, const struct doctor_server *s)
{
	if (s->has_agent && !s->spool_is_persistent)
		next(say(x, DOCTOR_FAIL, s->host,
			 "spool_dir lies on the container's own layer: it is lost with "
			 "the container"),
		    "set spool_dir in its agent.conf to a folder on the store's volume");
}

static void
check_accounts(struct exam *x, const struct doctor_server *s)
{
	if (s->refused > 0)
		next(say(x, DOCTOR_WARN, s->host,
			 "%" PRIu64 " of %" PRIu64
			 " accounts would be refused, such as: %s",
			 s->refused, s->accounts, s->refused_example),
		    "all of them with their reasons: zmferry plan evacuate %.200s",
		    s->host);
	else if (x->f->directory_error[0] == '\0')
		say(x, DOCTOR_OK, s->host, "%" PRIu64 " accounts, none would be refused",
		    s->accounts);
}

/* A controller that is lost with its journal may have left some in the middle of a move. */
static void
check_frozen(struct exam *x, const struct doctor_server *s)
{
	if (s->frozen > 0)
		next(say(x, DOCTOR_FAIL, s->host,
			 "%" PRIu64
			 " accounts are locked as for a move, and no move here holds "
			 "them, such as: %.200s",
			 s->frozen, s->frozen_example),
		    "was a controller lost with its journal? see docs/operations.md, \"A "
		    "lost "
		    "controller\"");
	else if (x->f->directory_error[0] == '\0')
		say(x, DOCTOR_OK, s->host, "nobody is left locked by a move");
}

static const struct doctor_check doctor_checks[] = {
    {"directory", check_directory, NULL},
    {"mailbox servers", check_servers, NULL},
    {"administrator", check_admin, NULL},
    {"journal", check_journal, NULL},
    {"certificate", check_identity, NULL},
    {"HTTPS certificate", check_https, NULL},
    {"admin SOAP", NULL, check_soap},
    {"LMTP", NULL, check_lmtp},
    {"over quota", NULL, check_quota_answer},
    {"agent", NULL, check_agent},
    {"spool", NULL, check_spool},
    {"accounts", NULL, check_accounts},
    {"left frozen", NULL, check_frozen},
    {"unknown agent", check_strangers, NULL},
    {"versions", check_versions, NULL},
    {"room", check_room, NULL},
    {"seeding", check_seeding, NULL},
};

void
doctor_judge(const struct doctor_facts *f, struct doctor_report *out)
{
	struct exam x = {.f = f, .report = out};

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ARRAY_LEN(doctor_checks); i++) {
		x.check = &doctor_checks[i];
		if (x.check->all != NULL)
			x.check->all(&x);
		for (size_t k = 0; x.check->each != NULL && k < f->server_count; k++)
			x.check->each(&x, &f->servers[k]);
	}
}
