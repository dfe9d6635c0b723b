/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's settings: one table, from which come parsing, sample and manual check. */
#ifndef AGENT_CONF_H
#define AGENT_CONF_H

#include <stdint.h>

#include "proto/base/conf.h"

#define AGENT_CONF_PATH "/etc/zmferry/agent.conf"

struct agent_conf {
	char *controller; /* "host:port" */
	char *identity_file;
	char *spool_dir;
	bool allow_ephemeral_spool;
	uint32_t fill_limit; /* percent */
	char *zimbra_home;
	char *localconfig;    /* NULL: zimbra_home/conf/localconfig.xml */
	char *zimbra_ca_file; /* NULL: the system's */
	char *mailbox_client; /* "rest" or "zmmailbox" */
	char *zmmailbox;
	char *cgroup_dir;
	char *listen_address;
	uint16_t mail_port;
	char *mail_address; /* NULL: listen_address, or where the link comes from */
	uint32_t workers;   /* at the same time */
	char **resolve;
	char *log_level;
};

extern const struct conf_def agent_conf_defs[];
extern const size_t agent_conf_def_count;

/* What the table cannot say. */
MUST_USE bool
agent_conf_check(const struct agent_conf *conf, const char *path, struct err *e);
bool agent_conf_uses_zmmailbox(const struct agent_conf *conf);

#endif
