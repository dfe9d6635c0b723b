/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the policy: what each fault means, what each interlock says. */
#include <string.h>

#include "controller/policy.h"
#include "proto/base/xalloc.h"

/* clang-format off */
const struct policy_fault policy_faults[] = {
	/* probe       unreadable  evacuates  hinders  way out */
	{ "mailboxd",       true,  false,  true, "on the node, as zimbra: zmmailboxdctl restart" },
	{ "mariadb",        true,  false,  true, "on the node, as zimbra: mysql.server restart" },
	{ "lmtp",          false,   true,  true, "on the node, as zimbra: zmmailboxdctl restart" },
	{ "disk:store",    false,   true,  true, "free space on it, or replace the disk" },
	{ "disk:db",       false,   true,  true, "free space on it, or replace the disk" },
	{ "disk:index",    false,   true,  true, "free space on it, or replace the disk" },
	{ "disk:redolog",  false,   true,  true, "free space on it, or replace the disk" },
	{ "disk:spool",    false,  false,  true, "free space on it; nothing is imported there meanwhile" },
	{ "cgroup:",       false,   true,  true, "give the container more memory, or find who takes it" },
	/* What stands in a log others can write: it is for people, and moves nobody. */
	{ "log:",          false,  false,  true, "read the node's mailbox.log" },
	/* Switched off on purpose looks the same; that mailboxd is sick lmtp says. */
	{ "imap",          false,  false,  true, "on the node, as zimbra: zmmailboxdctl restart" },
	{ "pop",           false,  false,  true, "on the node, as zimbra: zmmailboxdctl restart" },
	{ "zmstat",        false,  false, false, "on the node, as zimbra: zmstatctl restart" },
	/* It may be the controller's that is wrong: then every node says so, and mail must move all the same. */
	{ "clock",         false,  false, false, "set the clock of the host that is wrong: chronyc makestep" },
	{ "certificate",   false,  false,  true, "zmferry enroll NODE" },
	{ "certificate:mailboxd", false, false, true, "on the node, as zimbra: zmcertmgr deploycrt, then zmmailboxdctl restart" },
};
/* clang-format on */
const size_t policy_fault_count = ARRAY_LEN(policy_faults);

/* A probe that this controller does not know. */
static const struct policy_fault unknown_fault = {"", false, false, true,
    "look at the node; an older controller may not know this fault"};

const struct policy_fault *
policy_fault_find(const char *probe)
{
	for (size_t i = 0; i < policy_fault_count; i++) {
		const char *name = policy_faults[i].probe;
		size_t len = strlen(name);

		if (name[len - 1] == ':' ? strncmp(name, probe, len) == 0
					 : strcmp(name, probe) == 0)
			return &policy_faults[i];
	}
	return &unknown_fault;
}

bool
policy_fault_is_known(const struct policy_fault *fault)
{
	return fault != &unknown_fault;
}

const char *const policy_mode_names[] = {"off", "ask", "auto"};
_Static_assert(ARRAY_LEN(policy_mode_names) == POLICY_MODE_COUNT, "name every mode");

bool
policy_mode_parse(const char *name, enum policy_mode *out)
{
	for (int i = 0; i < POLICY_MODE_COUNT; i++) {
		if (strcmp(policy_mode_names[i], name) == 0) {
			*out = (enum policy_mode)i;
			return true;
		}
	}
	return false;
}

const char *const policy_state_names[] = {
    [NODE_OK] = "ok",
    [NODE_SUSPECT] = "suspect",
    [NODE_FAILING] = "failing",
    [NODE_UNREACHABLE] = "unreachable",
    [NODE_DOWN] = "down",
    [NODE_DEAD] = "dead",
    [NODE_MAINTENANCE] = "maintenance",
    [NODE_EMPTY] = "empty",
};
_Static_assert(ARRAY_LEN(policy_state_names) == NODE_STATE_COUNT, "name every state");

const char *const policy_decision_names[] = {
    [DECIDE_NOTHING] = "nothing",
    [DECIDE_WAIT] = "wait",
    [DECIDE_ASK] = "ask",
    [DECIDE_DECLINE] = "decline",
    [DECIDE_PLAN] = "plan",
    [DECIDE_EVACUATE] = "evacuate",
};
_Static_assert(ARRAY_LEN(policy_decision_names) == DECISION_COUNT, "name every decision");

/* clang-format off */
const struct policy_reason_def policy_reasons[] = {
	[REASON_HOLD] =       { "hold",       "the fault has not stood for its hold time" },
	[REASON_STARTING] =   { "starting",   "the controller has just started and only looks" },
	[REASON_OFF] =        { "off",        "automatic evacuation is off for this" },
	[REASON_ASK] =        { "ask",        "a person is to decide" },
	[REASON_FAULT] =      { "fault",      "moving mailboxes away does not cure this fault" },
	[REASON_UNREADABLE] = { "unreadable", "the node does not serve, so nothing can be exported from it: "
	                                      "restart its services or its container first" },
	[REASON_FLAPPING] =   { "flapping",   "the fault comes and goes" },
	[REASON_CORDONED] =   { "cordoned",   "the node is cordoned: somebody has it in hand" },
	[REASON_READ_ONLY] =  { "read_only",  "the journal is read-only" },
	[REASON_PARTITION] =  { "partition",  "too few agents are heard: the controller itself may be cut off" },
	[REASON_OTHERS] =     { "others",     "other nodes are sick too, or were until just now: it may be something that they share" },
	[REASON_JOB] =        { "job",        "a job moves mail already" },
	[REASON_BUDGET] =     { "budget",     "as many evacuations as are allowed in a day began by themselves" },
	[REASON_PLAN] =       { "plan",       "no plan can be made" },
	[REASON_ROOM] =       { "room",       "the healthy nodes have no room for all of its mailboxes" },
};
/* clang-format on */
_Static_assert(
    ARRAY_LEN(policy_reasons) == REASON_COUNT, "every interlock has its words");
