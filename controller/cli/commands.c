/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of commands and what each asks of the API. A command that changes
 * something shows its plan first and asks, unless --yes.
 */
#include "controller/cli/completion.h"
#include "controller/cli/commands.h"
#include "controller/cli/commands_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "controller/cli/print.h"
#include "controller/cli/wait.h"
#include "proto/base/buf.h"
#include "proto/base/http_client.h"

int
command_fail(const struct options *o, const struct err *e)
{
	if (o->json) {
		json_t *error = json_pack("{s{ssssss}}", "error", "kind",
		    err_kind_name(e->kind), "text", e->text, "next", o->api.next);

		print_json(stdout, error, 0);
		json_decref(error);
	}
	fputs("zmferry: ", stderr);
	print_safe(stderr, e->text);
	fputc('\n', stderr);
	if (o->api.next[0] != '\0') {
		fputs("next: ", stderr);
		print_safe(stderr, o->api.next);
		fputc('\n', stderr);
	}
	return err_exit_code(e->kind);
}

void
command_show(const struct options *o, const json_t *answer, print_fn print)
{
	if (!o->json) {
		print(stdout, answer);
		return;
	}
	print_json(stdout, answer, JSON_SORT_KEYS);
}

/* path with the argument as its last segment, percent-encoded */
char *
command_path(const char *prefix, const char *argument, const char *suffix)
{
	struct buf b;
	char *path;

	buf_init(&b, 4096);
	if (!buf_add_str(&b, prefix) || !http_escape(&b, argument) ||
	    !buf_add_str(&b, suffix))
		buf_clear(&b);
	path = strdup(buf_str(&b));
	buf_fini(&b);
	return path;
}

int
command_get(struct options *o, const char *path, print_fn print)
{
	struct err e;
	json_t *answer;

	if (!api_call(&o->api, "GET", path, NULL, &answer, &e))
		return command_fail(o, &e);
	command_show(o, answer, print);
	json_decref(answer);
	return 0;
}

static int
run_status(struct options *o)
{
	return command_get(o, "/v1/status", print_status);
}

static int
run_nodes(struct options *o)
{
	return command_get(o, "/v1/nodes", print_nodes);
}

static int
run_jobs(struct options *o)
{
	return command_get(o, "/v1/jobs", print_jobs);
}

static int
run_events(struct options *o)
{
	return command_get(o, "/v1/events", print_events);
}

/* Exit code 0: nothing fails. Warnings are for reading. */
static int
run_doctor(struct options *o)
{
	json_t *answer;
	struct err e;
	int code;

	if (!api_call(&o->api, "GET", "/v1/doctor", NULL, &answer, &e))
		return command_fail(o, &e);
	command_show(o, answer, print_doctor);
	code = json_integer_value(json_object_get(answer, "failures")) > 0 ? 1 : 0;
	json_decref(answer);
	/* On an installation that is not fit it would only find that again. */
	return code == 0 && o->rehearse ? rehearse(o) : code;
}

static int
run_moves(struct options *o)
{
	char *job = o->job == NULL ? strdup("") : command_path("&job=", o->job, "");
	char *path = NULL;
	int code;

	if (asprintf(&path, "/v1/moves?failed=%d%s", o->failed ? 1 : 0, job) < 0)
		BUG("out of memory");
	code = command_get(o, path, print_moves);
	free(path);
	free(job);
	return code;
}

static int
run_explain(struct options *o)
{
	char *path = command_path("/v1/moves/", o->argument, "");
	int code = command_get(o, path, print_explain);

	free(path);
	return code;
}

static int
run_job_show(struct options *o)
{
	char *path = command_path("/v1/jobs/", o->argument, "");
	int code = command_get(o, path, print_job);

	free(path);
	return code;
}

bool
command_confirm(const struct options *o, const char *question, struct err *e)
{
	char line[16];

	if (o->yes)
		return true;
	if (!isatty(STDIN_FILENO))
		return err_set(e, ERR_REFUSED,
		    "not a terminal, nobody to ask: add --yes to start it");
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(line, sizeof(line), stdin) != NULL &&
	    (line[0] == 'y' || line[0] == 'Y'))
		return true;
	return err_set(e, ERR_CANCELLED, "not started");
}

int
command_post_node(struct options *o, const char *path, print_fn print)
{
	json_t *body = json_pack("{ss}", "node", o->argument);
	json_t *answer;
	struct err e;
	bool ok = api_call(&o->api, "POST", path, body, &answer, &e);

	json_decref(body);
	if (!ok)
		return command_fail(o, &e);
	command_show(o, answer, print);
	json_decref(answer);
	return 0;
}

int
command_move(struct options *o, const char *question, const char *back, json_t *take_body)
{
	char *path = command_path("/v1/moves/", o->argument, back);
	json_t *answer = NULL;
	struct err e;
	int code = 0;

	if (!command_confirm(o, question, &e) ||
	    !api_call(&o->api, "POST", path, take_body, &answer, &e))
		code = command_fail(o, &e);
	else if (o->json)
		print_json(stdout, answer, JSON_SORT_KEYS);
	else
		printf("begun; follow it: zmferry explain %s\n", o->argument);
	json_decref(answer);
	json_decref(take_body);
	free(path);
	return code;
}

bool
command_node_is(const char *host, const char *wanted)
{
	size_t length = strlen(wanted);

	return strncasecmp(host, wanted, length) == 0 &&
	       (host[length] == '\0' || host[length] == '.');
}

static int
run_cordon(struct options *o)
{
	return command_post_node(o, "/v1/cordon", print_cordon);
}

static int
run_uncordon(struct options *o)
{
	return command_post_node(o, "/v1/uncordon", print_cordon);
}

static int
run_cordons(struct options *o)
{
	return command_get(o, "/v1/cordons", print_cordons);
}

bool
command_write_new(const char *path, const char *bundle, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t len = strlen(bundle);
	bool ok;

	if (fd < 0)
		return err_errno(e, ERR_REFUSED, errno,
		    errno == EEXIST
			? "%s (move it away, or choose another with --out FILE)"
			: "%s (choose another with --out FILE)",
		    path);
	ok = write(fd, bundle, len) == (ssize_t)len && fsync(fd) == 0;
	if (close(fd) != 0 || !ok)
		return err_errno(e, ERR_RETRY, errno, "%s", path);
	return true;
}

static int
run_enroll(struct options *o)
{
	json_t *body = json_pack("{ss}", "node", o->argument);
	json_t *answer = NULL;
	struct err e;
	int code = 0;

	if (!api_call(&o->api, "POST", "/v1/enroll", body, &answer, &e)) {
		code = command_fail(o, &e);
		goto out;
	}
	const char *node = json_string_value(json_object_get(answer, "node"));
	const char *bundle = json_string_value(json_object_get(answer, "bundle"));
	char path[512];

	snprintf(path, sizeof(path), "%s", o->out_file == NULL ? "" : o->out_file);
	if (path[0] == '\0')
		snprintf(path, sizeof(path), "%s.pem", node);
	if (!command_write_new(path, bundle, &e)) {
		code = command_fail(o, &e);
		goto out;
	}
	if (o->json)
		printf("{\"node\": \"%s\", \"file\": \"%s\"}\n", node, path);
	else
		printf("%s: identity of node %s (it holds a private key)\n"
		       "put it into that node's container as /etc/zmferry/identity.pem, "
		       "owner zimbra, "
		       "mode 0400,\nand start zmferry-agent there\n",
		    path, node);
out:
	json_decref(answer);
	json_decref(body);
	return code;
}

/* clang-format off */
const struct command commands[] = {
	/* words          argument   options                                     help, function */
	{ "status",        NULL,     0,
	  "nodes, running jobs and alerts on one screen", run_status },
	{ "nodes",         NULL,     0,
	  "every mailbox node: agent, mailboxes, room", run_nodes },
	{ "plan evacuate", "NODE",   OPT_TO,
	  "show who would go where, and what would not work; changes nothing", run_plan_evacuate },
	{ "plan restore",  "NODE",   0,
	  "show who would come back to a node that was emptied; changes nothing", run_plan_restore },
	{ "plan move",     "ACCOUNT", OPT_TO,
	  "show what moving one account (or A,B) to a node means; changes nothing", run_plan_move },
	{ "plan rebalance", NULL,    OPT_TO,
	  "show who would move so that the nodes become even; changes nothing", run_plan_rebalance },
	{ "plan remove",   "NODE",   OPT_TO | OPT_VOLUMES,
	  "show what taking a node out of the cluster means; changes nothing", run_plan_remove },
	{ "plan add",      "NODE",   0,
	  "show what bringing a new node in means; changes nothing", run_plan_add },
	{ "evacuate",      "NODE",   OPT_TO | OPT_CUTOVER | OPT_WAIT | OPT_YES | OPT_DRY_RUN,
	  "move every mailbox off a node, evenly over the others", run_evacuate },
	{ "cordon",        "NODE",   0,
	  "no new account lands on a node: out of every COS's pool", run_cordon },
	{ "uncordon",      "NODE",   0,
	  "end that: the pools become what they were", run_uncordon },
	{ "cordons",       NULL,     0,
	  "which nodes are cordoned", run_cordons },
	{ "restore",       "NODE",   OPT_WAIT | OPT_CUTOVER | OPT_YES | OPT_DRY_RUN,
	  "bring back to a node whoever was moved away from it", run_restore },
	{ "move revert",   "MOVE",   OPT_LEAVE_MAIL | OPT_YES,
	  "back where it came from, while its owner is locked out; with what arrived meanwhile", run_move_revert },
	{ "rescue",        "NODE",   OPT_YES | OPT_DRY_RUN,
	  "a node is dead: whoever was being moved off it lives on with what had been copied", run_rescue },
	{ "fetch",         "NODE",   OPT_YES | OPT_DRY_RUN,
	  "the dead node is back: put in what it holds beyond what had been copied", run_fetch },
	{ "move fetch",    "MOVE",   OPT_YES,
	  "its dead node is back: put in what it holds beyond what had been copied", run_move_fetch },
	{ "move",          "ACCOUNT", OPT_TO | OPT_CUTOVER | OPT_WAIT | OPT_YES | OPT_DRY_RUN | OPT_FROM_SPOOL,
	  "move one account (or A,B) to the node that --to names; or a MOVE on, --from-spool", run_move },
	{ "rebalance",     NULL,     OPT_TO | OPT_CUTOVER | OPT_WAIT | OPT_YES | OPT_DRY_RUN,
	  "make the nodes even: from the fuller ones to the emptier ones (or those of --to)", run_rebalance },
	{ "remove",        "NODE",   OPT_TO | OPT_CUTOVER | OPT_VOLUMES | OPT_CONFIRM | OPT_WAIT | OPT_YES | OPT_DRY_RUN,
	  "empty a node, then take it out of Zimbra and its container away", run_remove },
	{ "add",           "NODE",   OPT_WAIT | OPT_YES | OPT_DRY_RUN,
	  "make a new node's container, wait until it has joined, give it its share", run_add },
	{ "container",     "NODE",   0,
	  "what is there of a node's container", run_container },
	{ "start",         "NODE",   0,
	  "start a node's container", run_start },
	{ "stop",          "NODE",   OPT_YES,
	  "stop a node's container", run_stop },
	{ "restart",       "NODE",   OPT_YES,
	  "stop and start a node's container", run_restart },
	{ "jobs",          NULL,     0,
	  "all jobs, newest first", run_jobs },
	{ "job show",      "ID",     0,
	  "one job with its moves", run_job_show },
	{ "job wait",      "ID",     0,
	  "follow a job to its end", run_job_wait },
	{ "job pause",     "ID",     0,
	  "start no further move; what is locked is finished", run_job_pause },
	{ "job resume",    "ID",     OPT_WAIT,
	  "go on with a paused job", run_job_resume },
	{ "job cancel",    "ID",     OPT_WAIT,
	  "end a job: moves before their switch go back, the others finish", run_job_cancel },
	{ "job retry",     "ID",     OPT_WAIT,
	  "try the mailboxes again that were set aside or are stuck", run_job_retry },
	{ "job continue",  "ID",     OPT_WAIT,
	  "you did what the job waits for: it goes on", run_job_continue },
	{ "approvals",     NULL,     0,
	  "what was asked for over HTTPS and waits for a second person", run_approvals },
	{ "approve",       "ID",     OPT_WAIT | OPT_YES,
	  "show what another person asked for, and begin it", run_approve },
	{ "refuse",        "ID",     0,
	  "what another person asked for is not begun", run_refuse },
	{ "purge job",     "ID",     OPT_YES | OPT_DRY_RUN,
	  "delete the old copies of a job's mailboxes, as far as verdicts are clean", run_purge_job },
	{ "purge node",    "NODE",   OPT_YES | OPT_DRY_RUN,
	  "delete every old copy on a node, as far as verdicts are clean", run_purge_node },
	{ "purge",         "MOVE",   OPT_YES | OPT_UNCLEAN | OPT_CONFIRM,
	  "delete the old copy that one move left behind", run_purge },
	{ "report",        "ID",     0,
	  "a job on one page: who was moved, what was compared, what is left", run_report },
	{ "release",       "MOVE",   0,
	  "put in mail that was withheld because its owner emptied the folder", run_release },
	{ "moves",         NULL,     OPT_FAILED | OPT_JOB,
	  "every mailbox move and where it stands", run_moves },
	{ "explain",       "MOVE",   0,
	  "the whole history of one move, in sentences, with its verdict", run_explain },
	{ "policy explain", "NODE",  0,
	  "one node: its faults, who looked at it, what is decided and why", run_policy_explain },
	{ "policy replay", "FILE",   0,
	  "play a history through the policy: what would it have done?", run_policy_replay },
	{ "policy",        NULL,     0,
	  "every node's state, and what is decided about it", run_policy },
	{ "forget",        "NODE",   0,
	  "a node is gone for good: nothing is expected of it any more", run_forget },
	{ "events",        NULL,     0,
	  "what happened lately", run_events },
	{ "alerts test",   NULL,     0,
	  "send a test by every configured way, and say how it went", run_alerts_test },
	{ "alert ack",     "SUBJECT", 0,
	  "you have it in hand: it is not told again", run_alert_ack },
	{ "alert silence", "SUBJECT", OPT_FOR,
	  "nothing is told of it for a while, but its end", run_alert_silence },
	{ "alerts",        NULL,     0,
	  "what needs a person, with the command to run", run_alerts },
	{ "doctor",        NULL,     OPT_REHEARSE,
	  "examine the installation; each finding with its way out", run_doctor },
	{ "enroll",        "NODE",   OPT_OUT,
	  "write the identity file of a node's agent", run_enroll },
	{ "operators",     NULL,     0,
	  "who may use zmferry from another machine, and until when", run_operators },
	{ "operator enroll", "NAME", OPT_OUT | OPT_CA,
	  "write a person's certificate for --controller; the one before ends", run_operator_enroll },
	{ "operator revoke", "NAME", 0,
	  "a person's certificate is good for nothing any more", run_operator_revoke },
	{ "completion",    "SHELL",  0,
	  "print what bash or zsh needs to complete commands", run_completion },
};
/* clang-format on */
const size_t command_count = ARRAY_LEN(commands);
