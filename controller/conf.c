/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings of controller.conf. */
#include "controller/conf.h"

#define AT(field) offsetof(struct controller_conf, field)

/* clang-format off */
const struct conf_def controller_conf_defs[] = {
	{ "state_dir", CONF_PATH, AT(state_dir), "/var/lib/zmferry",
	  "journal, certificate authority and identity; back this up", 0, 0 },
	{ "socket", CONF_PATH, AT(socket), "/run/zmferry/controller.sock",
	  "where the command line tool finds the controller", 0, 0 },
	{ "socket_group", CONF_STRING, AT(socket_group), "",
	  "group that may use the socket besides root", 0, 0 },
	{ "listen_address", CONF_STRING, AT(listen_address), "0.0.0.0",
	  "address on which agents are awaited", 0, 0 },
	{ "listen_port", CONF_PORT, AT(listen_port), "7443",
	  "port on which agents are awaited", 0, 0 },
	{ "identity_file", CONF_PATH, AT(identity_file), "",
	  "the controller's own certificate; default: controller.pem in state_dir", 0, 0 },
	{ "ldap_url", CONF_STRING, AT(ldap_url), NULL,
	  "the LDAP master, never a replica: ldaps://ldap.example.org or ldap://...", 0, 0 },
	{ "ldap_bind_dn", CONF_STRING, AT(ldap_bind_dn), "uid=zimbra,cn=admins,cn=zimbra",
	  "who reads the directory", 0, 0 },
	{ "ldap_password_file", CONF_SECRET, AT(ldap_password_file), NULL,
	  "file with the password of ldap_bind_dn, not readable by others", 0, 0 },
	{ "ldap_ca_file", CONF_STRING, AT(ldap_ca_file), "",
	  "certificates that may sign the LDAP server's; default: the system's", 0, 0 },
	{ "ldap_start_tls", CONF_BOOL, AT(ldap_start_tls), "no",
	  "turn an ldap:// connection into TLS before binding", 0, 0 },
	{ "zimbra_admin", CONF_STRING, AT(zimbra_admin), NULL,
	  "a Zimbra administrator of zmferry's own; it is never moved", 0, 0 },
	{ "zimbra_admin_password_file", CONF_SECRET, AT(zimbra_admin_password_file), NULL,
	  "file with that administrator's password, not readable by others", 0, 0 },
	{ "zimbra_ca_file", CONF_STRING, AT(zimbra_ca_file), "",
	  "certificates that may sign the mailbox servers'; default: the system's", 0, 0 },
	{ "zimbra_admin_port", CONF_PORT, AT(zimbra_admin_port), "7071",
	  "port of Zimbra's admin SOAP", 0, 0 },
	{ "resolve", CONF_LIST, AT(resolve), "",
	  "addresses that go before DNS: { \"mbs1.example.org=10.0.0.5\" }", 0, 0 },
	{ "fill_limit", CONF_PERCENT, AT(fill_limit), "85%",
	  "no target's disk is filled above this", 0, 0 },
	{ "moves_per_source", CONF_UINT, AT(moves_per_source), "4",
	  "mailboxes exported at the same time from one node", 1, 64 },
	{ "moves_per_target", CONF_UINT, AT(moves_per_target), "4",
	  "mailboxes imported at the same time into one node", 1, 64 },
	{ "log_level", CONF_STRING, AT(log_level), "info",
	  "error, warn, info or debug", 0, 0 },
};
/* clang-format on */
const size_t controller_conf_def_count = ARRAY_LEN(controller_conf_defs);
