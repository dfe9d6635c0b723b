/* SPDX-License-Identifier: Apache-2.0 */
/* The policy's settings as controller.conf names them, checked when it is read. */
#ifndef CONTROLLER_POLICY_CONF_H
#define CONTROLLER_POLICY_CONF_H

#include "controller/policy.h"
#include "proto/base/conf.h"

struct controller_conf;

struct policy_rule_conf {
	char *name;
	char *mode; /* NULL: the general one */
	char *hold; /* NULL: the general one */
	/* of a node only */
	uint32_t weight; /* percent of what another node gets */
	bool target;	 /* may mailboxes be moved to it? */
};

extern const struct conf_section policy_node_section;
extern const struct conf_section policy_fault_section;

/* Names inside are borrowed from conf. */
MUST_USE bool policy_conf_settings(
    const struct controller_conf *conf, struct policy_settings *out, struct err *e);
/* The section of a node; NULL = it has none. */
const struct policy_rule_conf *
policy_conf_node(const struct controller_conf *conf, const char *name);
void policy_conf_free(struct policy_settings *s);

#endif
