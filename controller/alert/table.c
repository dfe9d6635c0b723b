/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of every alert, and filling in its facts. What a row promises is what the code
 * does: whoever changes what zmferry does by itself changes "did" here.
 */
#include "controller/alert/table.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/utf8.h"
#include "proto/base/xalloc.h"

#define TEXT_MAX 4096
#define FACT_MAX 1000

/* clang-format off */
const struct alert_def alert_defs[ALERT_KEY_COUNT] = {
	[ALERT_MOVE_LOCKED] = { "move_locked", ALERT_CRITICAL, "account state step source why move",
	  "{account} is locked while {state}: {step}: {why}",
	  "Its owner cannot log in, and mail for it waits in the queue, until this step succeeds.",
	  "zmferry keeps trying; nothing is lost meanwhile.",
	  "mend that; the move goes on by itself: zmferry explain {move}; if that takes long and the home is switched already: zmferry move revert {move}; "
	  "if it is not, and {source} is dead: zmferry move {move} --from-spool" },
	[ALERT_MOVE_WAITS] = { "move_waits", ALERT_WARNING, "account state step why move",
	  "{account} does not get on while {state}: {step}: {why}",
	  "The mailbox works; this step can only be tried again, nothing else would be safe.",
	  "zmferry keeps trying.",
	  "mend that; the move goes on by itself: zmferry explain {move}" },
	[ALERT_MOVE_STUCK] = { "move_stuck", ALERT_CRITICAL, "account state source why move job",
	  "{account}: stuck while {state}: {why}",
	  "The move can go neither on nor back by itself; the account may be locked.",
	  "zmferry left both copies of the mailbox as they are.",
	  "zmferry explain {move}; when the cause is gone: zmferry job retry {job}; if {source} is dead, with what was copied: zmferry move {move} --from-spool" },
	[ALERT_MOVE_STUCK_LOCKED] = { "move_stuck_locked", ALERT_CRITICAL, "account state source target why move job",
	  "{account}: stuck while {state}: {why}",
	  "Its owner cannot log in. Mail arrives at {target}, and waits there.",
	  "zmferry left both copies of the mailbox as they are.",
	  "zmferry explain {move}; when the cause is gone: zmferry job retry {job}; if people cannot wait, back to {source}: zmferry move revert {move}" },
	[ALERT_MOVE_SET_ASIDE] = { "move_set_aside", ALERT_WARNING, "account source why move job",
	  "{account}: set aside, it stays on {source}: {why}",
	  "The mailbox works where it was; the node is not empty while it stays.",
	  "zmferry tried what may work later again, and then went on with the other mailboxes.",
	  "zmferry explain {move}; when the cause is gone: zmferry job retry {job}" },
	[ALERT_MOVE_GONE] = { "move_gone", ALERT_INFO, "account why move",
	  "{why}",
	  "{account} was deleted while it was to be moved; there is nothing left to move.",
	  "zmferry gave up this move.",
	  "nothing: the account is deleted; zmferry explain {move}" },
	[ALERT_MOVE_NOT_CLEAN] = { "move_not_clean", ALERT_WARNING, "account why move job source target",
	  "{account}: moved, but the verdict is not clean: {why}; the old copy is kept",
	  "The mailbox works on its new node; some of what was in it may be in the old copy only.",
	  "zmferry keeps the old copy on {source} and what was copied on {target}.",
	  "zmferry explain {move}; it compares once more with: zmferry job retry {job}; "
	  "the old copy is kept on {source}, the spool on {target}" },
	[ALERT_MOVE_COPY_STAYS] = { "move_copy_stays", ALERT_WARNING, "account source why move",
	  "{account}: the old copy on {source} stays: {why}",
	  "The mailbox works where it is; only what it left behind could not be deleted.",
	  "zmferry deleted nothing.",
	  "zmferry explain {move}; when the cause is gone: zmferry purge {move}" },
	[ALERT_MOVE_MAIL_ASIDE] = { "move_mail_aside", ALERT_CRITICAL, "account source target why move job",
	  "{account}: mail got into the copy on {target}, which its owner does not see: {why}",
	  "Somebody lifted the quota while the account was locked. The account works on {source}; that mail is on {target} only.",
	  "zmferry deleted nothing. A new attempt to the same node brings that mail into view.",
	  "zmferry explain {move}; then: zmferry job retry {job}" },
	[ALERT_MOVE_LEFT_BEHIND] = { "move_left_behind", ALERT_WARNING, "account source target why move",
	  "{account}: works on {target} again; what reached {source} between the switch and the way back is still there: {why}",
	  "Mail of that time is missing in the mailbox; it lies on {source} only.",
	  "zmferry took the mailbox back without it, as it was told to, and deletes nothing.",
	  "start {source} again, then: zmferry move revert {move}" },
	[ALERT_MOVE_FROM_SPOOL] = { "move_from_spool", ALERT_WARNING, "account source target why move",
	  "{account}: works on {target} with what had been copied: {why}",
	  "Mail and changes that {source} took after that are missing in the mailbox; they lie on {source} only.",
	  "zmferry made the mailbox from the spool, as it was told to, and deletes nothing on {source}.",
	  "bring {source} back, or at least its volume, then: zmferry move fetch {move} (all of them: zmferry fetch {source}); if it is gone for good nothing is left to do: zmferry explain {move}" },
	[ALERT_JOB_WAITS] = { "job_waits", ALERT_WARNING, "job kind node why",
	  "{job} ({kind} {node}) waits: {why}",
	  "Everybody's mail works; the job goes on when that is done.",
	  "zmferry did what came before and stopped there.",
	  "zmferry job show {job}; when it is done: zmferry job continue {job}" },
	[ALERT_MOVE_PURGE_STUCK] = { "move_purge_stuck", ALERT_CRITICAL, "account state why move",
	  "{account}: stuck while its old copy is deleted ({state}): {why}",
	  "The account may be locked.",
	  "zmferry deleted nothing that is needed, and waits.",
	  "zmferry explain {move}; when the cause is gone: zmferry purge {move}" },
	[ALERT_NODE_FAILING] = { "node_failing", ALERT_CRITICAL, "node why way",
	  "node {node} is failing: {why}",
	  "Its agent reports a fault that stands; people may notice it already, or soon.",
	  "zmferry watches it; on it nothing begins by itself.",
	  "look: zmferry policy explain {node}; {way}" },
	[ALERT_NODE_UNREACHABLE] = { "node_unreachable", ALERT_WARNING, "node why since",
	  "node {node}: its agent has not been heard since {since}: {why}",
	  "The node itself may be well: other nodes were asked about it, or could not be.",
	  "zmferry waits for the agent; moves from and to the node stand still.",
	  "look whether zmferry-agent runs there and what its log says, then: zmferry nodes" },
	[ALERT_NODE_DOWN] = { "node_down", ALERT_CRITICAL, "node why since",
	  "node {node} is down since {since}: {why}",
	  "Nobody reads mail that is on it; new mail waits in the queue.",
	  "zmferry moved nothing: what is on a node that is down cannot be read.",
	  "start the node's container and its services, then: zmferry nodes" },
	[ALERT_NODE_DEAD] = { "node_dead", ALERT_CRITICAL, "node why since holds",
	  "node {node} is dead since {since}: {why}; on it: {holds}",
	  "Its mailboxes cannot be moved, because they cannot be read; new mail waits in the queue.",
	  "zmferry evacuated nothing; it starts the container again only if automatic_restart says so.",
	  "in this order: zmferry restart {node}; attach its volume to a new one; restore "
	  "its backup; when it is back: zmferry nodes; who was being moved off it can live on with what was copied: zmferry rescue {node}; "
	  "if it is gone for good: zmferry forget {node}" },
	[ALERT_NODE_RESTARTED] = { "node_restarted", ALERT_WARNING, "node why",
	  "node {node}: was down, its container was started again: {why}",
	  "People on it were without mail until its services were up again; whatever made it die may do so again.",
	  "zmferry started the container again, once (automatic_restart).",
	  "zmferry policy explain {node}; if it does not stay up: zmferry evacuate {node}" },
	[ALERT_NODE_RESTART_FAILED] = { "node_restart_failed", ALERT_CRITICAL, "node why",
	  "node {node}: is down, and its container could not be started again: {why}",
	  "Nobody reads mail that is on it; new mail waits in the queue.",
	  "zmferry tried it once (automatic_restart).",
	  "mend that, then: zmferry restart {node}" },
	[ALERT_EVACUATION_BEGUN] = { "evacuation_begun", ALERT_WARNING, "node why job",
	  "the evacuation of node {node} has begun by itself: {why}",
	  "Its mailboxes move to the other nodes; each is locked for a moment.",
	  "zmferry began job {job}, as the policy allows.",
	  "follow it: zmferry job wait {job}; stop it: zmferry job cancel {job}" },
	[ALERT_EVACUATION_DECLINED] = { "evacuation_declined", ALERT_CRITICAL, "node why reasons way",
	  "node {node} should be evacuated ({why}), and is not: {reasons}",
	  "Its mailboxes stay on a node that may fail.",
	  "zmferry moved nothing: the policy forbids it in this situation.",
	  "look: zmferry policy explain {node}; {way}" },
	[ALERT_JOURNAL] = { "journal", ALERT_CRITICAL, "why",
	  "{why}",
	  "Without its journal the controller changes nothing: moves stand still where they are.",
	  "zmferry keeps trying to write it.",
	  "free space in the state directory, then look at: zmferry status" },
	[ALERT_JOURNAL_SHORT] = { "journal_short", ALERT_CRITICAL, "dir",
	  "{dir}: the disk is full; the journal lives on what was reserved for that",
	  "What is under way can be written to its end. When the reserve is used up too, everything stands still where it is.",
	  "zmferry gave up its reserve; it begins no move and locks nobody until there is room again.",
	  "free space in the state directory; it goes on by itself: zmferry status" },
	[ALERT_JOURNAL_RESTORED] = { "journal_restored", ALERT_CRITICAL, "dir",
	  "{dir}: this journal is a restored backup",
	  "Another controller may live, or moves may have gone on after the backup was made.",
	  "zmferry touches nothing.",
	  "when no other controller lives: zmferry-controller --adopt; then: zmferry status" },
	[ALERT_CERTIFICATE_CONTROLLER] = { "certificate_controller", ALERT_CRITICAL, "days",
	  "the controller's own certificate ends in {days} days",
	  "Then no agent can call any more, and nothing can be moved.",
	  "zmferry does not renew it by itself.",
	  "on the controller's machine move its identity file away, run zmferry-controller init, "
	  "start it anew, then: zmferry nodes" },
	[ALERT_CERTIFICATE_NODE] = { "certificate_node", ALERT_WARNING, "node days",
	  "the certificate of node {node}'s agent ends in {days} days",
	  "Then the agent cannot call any more, and nothing can be moved from or to the node.",
	  "zmferry does not renew it by itself.",
	  "zmferry enroll {node}; put the file into the node's container and start its agent anew" },
	[ALERT_CERTIFICATE_API] = { "certificate_api", ALERT_WARNING, "days file",
	  "the certificate of the API over HTTPS ends in {days} days",
	  "Then browsers refuse the zimlet and the controller's page, and the command from other machines stops; moves go on.",
	  "zmferry takes a renewed one by itself, without a restart, once it stands in its file.",
	  "renew it in {file}, with its key in api_key_file; then: zmferry doctor" },
	[ALERT_CERTIFICATE_API_FILE] = { "certificate_api_file", ALERT_WARNING, "why until",
	  "the API's new certificate is not taken: {why}",
	  "The certificate before it is still shown, and is good until {until}.",
	  "zmferry kept the one it had, and looks again whenever one of the files changes.",
	  "mend the files of api_certificate_file and api_key_file; then: zmferry doctor" },
	[ALERT_CERTIFICATE_OPERATOR] = { "certificate_operator", ALERT_INFO, "name days",
	  "the certificate of operator {name} ends in {days} days",
	  "Then what that person runs from another machine is refused; everything else goes on.",
	  "zmferry does not renew it by itself.",
	  "zmferry operator enroll {name}; when nobody needs it any more: zmferry operator revoke {name}" },
	[ALERT_DELIVERY] = { "delivery", ALERT_WARNING, "way why",
	  "alerts do not get out by {way}: {why}",
	  "Whoever is to be woken that way is not.",
	  "zmferry uses the other ways, and tries this one again where that may help.",
	  "mend that, then: zmferry alerts test" },
	[ALERT_TEST] = { "test", ALERT_INFO, "who",
	  "a test, asked for by {who}",
	  "Nothing is wrong: whoever gets this would get alerts.",
	  "zmferry sent this by every configured way.",
	  "nothing; what there really is: zmferry alerts" },
	[ALERT_EARLIER] = { "earlier", ALERT_WARNING, "",
	  "an alert of an earlier version",
	  "An earlier version of zmferry raised this and did not say what it means.",
	  "zmferry keeps it until what it is about gets on.",
	  "zmferry status" },
};
/* clang-format on */
_Static_assert(ARRAY_LEN(alert_defs) == ALERT_KEY_COUNT, "describe every alert");

static const char *const severity_names[] = {"info", "warning", "critical"};
_Static_assert(ARRAY_LEN(severity_names) == ALERT_SEVERITY_COUNT, "name every severity");

const char *
alert_severity_name(enum alert_severity severity)
{
	return severity_names[severity];
}

bool
alert_severity_parse(const char *name, enum alert_severity *out)
{
	for (int i = 0; i < ALERT_SEVERITY_COUNT; i++) {
		if (strcmp(severity_names[i], name) == 0) {
			*out = (enum alert_severity)i;
			return true;
		}
	}
	return false;
}

bool
alert_key_parse(const char *name, enum alert_key *out)
{
	for (int i = 0; i < ALERT_KEY_COUNT; i++) {
		if (strcmp(alert_defs[i].name, name) == 0) {
			*out = (enum alert_key)i;
			return true;
		}
	}
	return false;
}

static const char *
fact_find(const char *const *facts, const char *name, size_t length)
{
	for (; facts != NULL && facts[0] != NULL && facts[1] != NULL; facts += 2) {
		if (strlen(facts[0]) == length && strncmp(facts[0], name, length) == 0)
			return facts[1];
	}
	return "?";
}

char *
alert_render(const char *text, const char *const *facts)
{
	struct buf out;
	char *line;
	bool ok = true;

	buf_init(&out, TEXT_MAX);
	while (*text != '\0' && ok) {
		size_t plain = strcspn(text, "{");
		const char *end = text[plain] == '{' ? strchr(text + plain, '}') : NULL;

		ok = buf_add(&out, text, plain);
		text += plain;
		if (end == NULL) { /* no fact: a brace, or the text is over */
			(void)(ok && buf_add_str(&out, text));
			break;
		}
		const char *value = fact_find(facts, text + 1, (size_t)(end - text) - 1);

		ok = ok && buf_add(&out, value, strnlen(value, FACT_MAX));
		text = end + 1;
	}
	line = xstrdup(buf_str(&out));
	utf8_tidy(line);
	buf_fini(&out);
	return line;
}
