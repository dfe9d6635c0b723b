/* SPDX-License-Identifier: Apache-2.0 */
/* The sections node and fault, and the settings put together. */
#include "controller/policy_conf.h"

#include <stdlib.h>
#include <string.h>

#include "controller/conf.h"
#include "proto/base/xalloc.h"

#define RULE(field) offsetof(struct policy_rule_conf, field)

/* clang-format off */
#define RULE_DEFS \
	{ "automatic_evacuation", CONF_STRING, RULE(mode), "", \
	  "off, ask or auto; of node and fault the one that does less counts; default: the general one", 0, 0 }, \
	{ "fault_hold", CONF_STRING, RULE(hold), "", \
	  "how long a fault must stand (10m); of both the longer counts; default: the general one", 0, 0 }

static const struct conf_def fault_defs[] = {
	RULE_DEFS,
};
static const struct conf_def node_defs[] = {
	RULE_DEFS,
	{ "weight", CONF_UINT, RULE(weight), "100",
	  "percent of what another node gets of mailboxes: 200 for one twice as large", 1, 10000 },
	{ "target", CONF_BOOL, RULE(target), "yes",
	  "may mailboxes be moved to it? no: it is left alone by evacuations and rebalancing", 0, 0 },
};
/* clang-format on */

static bool
mode_check(const char *text, enum policy_mode *out, struct err *e)
{
	return policy_mode_parse(text, out) ||
	       err_set(e, ERR_REFUSED,
		   "automatic_evacuation: \"%.60s\" is none of off, ask, auto", text);
}

static bool
hold_check(const char *text, uint32_t *out, struct err *e)
{
	return conf_duration_parse(text, out) ||
	       err_set(e, ERR_REFUSED,
		   "fault_hold: \"%.60s\" is no length of time (try 10m)", text);
}

static bool
rule_read(const struct policy_rule_conf *conf, struct policy_rule *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	out->name = conf->name;
	out->has_mode = conf->mode != NULL;
	out->has_hold = conf->hold != NULL;
	return (conf->mode == NULL || mode_check(conf->mode, &out->mode, e)) &&
	       (conf->hold == NULL || hold_check(conf->hold, &out->hold_s, e));
}

static bool
rule_check(const void *row, struct err *e)
{
	struct policy_rule rule;

	return rule_read(row, &rule, e);
}

static bool
fault_check(const void *row, struct err *e)
{
	const struct policy_rule_conf *conf = row;

	if (policy_fault_is_known(policy_fault_find(conf->name)))
		return rule_check(row, e);
	return err_set(e, ERR_REFUSED,
	    "automatic_evacuation: \"%.60s\" is no fault that agents report (mailboxd, "
	    "lmtp, mariadb, disk:store, ...; the manual has them all)",
	    conf->name);
}

const struct conf_section policy_node_section = {
    .word = "node",
    .defs = node_defs,
    .def_count = ARRAY_LEN(node_defs),
    .row_size = sizeof(struct policy_rule_conf),
    .offset = offsetof(struct controller_conf, policy_node),
    .help = "how one node is treated; the name is its zimbraServiceHostname",
    .sample_name = "mbs1.example.org",
    .check = rule_check,
};

const struct conf_section policy_fault_section = {
    .word = "fault",
    .defs = fault_defs,
    .def_count = ARRAY_LEN(fault_defs),
    .row_size = sizeof(struct policy_rule_conf),
    .offset = offsetof(struct controller_conf, policy_fault),
    .help = "how one fault is treated, on whatever node",
    .sample_name = "disk:store",
    .check = fault_check,
};

static bool
rules_read(const struct conf_rows *rows, const struct conf_section *kind,
    const struct policy_rule **out, size_t *count_out, struct err *e)
{
	struct policy_rule *rules = xcalloc(rows->count + 1, sizeof(*rules));

	*out = rules;
	*count_out = rows->count;
	for (size_t i = 0; i < rows->count; i++) {
		if (!rule_read(conf_row(rows, kind, i), &rules[i], e))
			return false;
	}
	return true;
}

bool
policy_conf_settings(
    const struct controller_conf *conf, struct policy_settings *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	out->hold_s = conf->fault_hold_s;
	out->silent_s = conf->silence_hold_s;
	out->dead_s = conf->dead_after_s;
	out->start_s = conf->automatic_start_s;
	out->heard_percent = conf->automatic_heard;
	out->nodes_at_once = conf->automatic_nodes;
	out->per_day = conf->automatic_per_day;
	out->restart = conf->automatic_restart;
	out->restart_s = conf->restart_after_s;
	return mode_check(conf->automatic_evacuation, &out->mode, e) &&
	       rules_read(&conf->policy_node, &policy_node_section, &out->node_rules,
		   &out->node_rule_count, e) &&
	       rules_read(&conf->policy_fault, &policy_fault_section, &out->fault_rules,
		   &out->fault_rule_count, e);
}

void
policy_conf_free(struct policy_settings *s)
{
	free((void *)s->node_rules);
	free((void *)s->fault_rules);
	memset(s, 0, sizeof(*s));
}

const struct policy_rule_conf *
policy_conf_node(const struct controller_conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->policy_node.count; i++) {
		const struct policy_rule_conf *row =
		    conf_row(&conf->policy_node, &policy_node_section, i);

		if (strcasecmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}
