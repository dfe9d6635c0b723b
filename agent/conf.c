/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings of agent.conf. */
#include "agent/conf.h"

#include <string.h>
#include <unistd.h>

#include "proto/base/log.h"

#define AT(field) offsetof(struct agent_conf, field)

/* clang-format off */
const struct conf_def agent_conf_defs[] = {
	{ "controller", CONF_HOSTPORT, AT(controller), NULL,
	  "where the controller listens: host:7443", 0, 0 },
	{ "identity_file", CONF_PATH, AT(identity_file), "/etc/zmferry/identity.pem",
	  "what zmferry enroll wrote for this node, mode 0400", 0, 0 },
	{ "spool_dir", CONF_PATH, AT(spool_dir), "/opt/zimbra/store/zmferry",
	  "where mailboxes on their way are kept; must lie on a volume that outlives the container", 0, 0 },
	{ "allow_ephemeral_spool", CONF_BOOL, AT(allow_ephemeral_spool), "no",
	  "accept a spool that is lost with the container; for tests only", 0, 0 },
	{ "fill_limit", CONF_PERCENT, AT(fill_limit), "85%",
	  "the spool's disk is not filled above this", 0, 0 },
	{ "zimbra_home", CONF_PATH, AT(zimbra_home), "/opt/zimbra",
	  "where Zimbra is installed", 0, 0 },
	{ "localconfig", CONF_STRING, AT(localconfig), "",
	  "Zimbra's local configuration; default: conf/localconfig.xml in zimbra_home", 0, 0 },
	{ "zimbra_ca_file", CONF_FILE, AT(zimbra_ca_file), "",
	  "certificates that may sign the local mailboxd's; default: the system's", 0, 0 },
	{ "mailbox_client", CONF_STRING, AT(mailbox_client), "rest",
	  "what exports and imports mail: rest, or zmmailbox, which is slower and sees less", 0, 0 },
	{ "zmmailbox", CONF_PATH, AT(zmmailbox), "/opt/zimbra/bin/zmmailbox",
	  "Zimbra's tool, for mailbox_client = zmmailbox", 0, 0 },
	{ "cgroup_dir", CONF_PATH, AT(cgroup_dir), "/sys/fs/cgroup",
	  "where the kernel shows this container's cgroup", 0, 0 },
	{ "listen_address", CONF_STRING, AT(listen_address), "0.0.0.0",
	  "address on which other agents' mail is awaited", 0, 0 },
	{ "mail_port", CONF_PORT, AT(mail_port), "7444",
	  "port on which other agents' mail is awaited", 0, 0 },
	{ "mail_address", CONF_STRING, AT(mail_address), "",
	  "address under which other agents reach mail_port, where it is not listen_address", 0, 0 },
	{ "workers", CONF_UINT, AT(workers), "8",
	  "worker processes at the same time", 1, 64 },
	{ "resolve", CONF_LIST, AT(resolve), "",
	  "addresses that go before DNS: { \"mbs1.example.org=10.0.0.5\" }", 0, 0 },
	{ "log_level", CONF_STRING, AT(log_level), "info",
	  "error, warn, info or debug", 0, 0 },
};
/* clang-format on */
const size_t agent_conf_def_count = ARRAY_LEN(agent_conf_defs);

bool
agent_conf_uses_zmmailbox(const struct agent_conf *conf)
{
	return conf->mailbox_client != NULL &&
	       strcmp(conf->mailbox_client, "zmmailbox") == 0;
}

bool
agent_conf_check(const struct agent_conf *conf, const char *path, struct err *e)
{
	enum log_level level;

	if (!log_level_parse(conf->log_level, &level))
		return err_set(e, ERR_REFUSED,
		    "%s: log_level \"%s\" is none of error, warn, info, debug", path,
		    conf->log_level);
	if (strcmp(conf->mailbox_client, "rest") != 0 && !agent_conf_uses_zmmailbox(conf))
		return err_set(e, ERR_REFUSED,
		    "%s: mailbox_client \"%s\" is none of rest, zmmailbox", path,
		    conf->mailbox_client);
	if (agent_conf_uses_zmmailbox(conf) && access(conf->zmmailbox, X_OK) != 0)
		return err_set(e, ERR_REFUSED,
		    "%s: zmmailbox %s cannot be run; correct its path, or set "
		    "mailbox_client = rest",
		    path, conf->zmmailbox);
	return true;
}
