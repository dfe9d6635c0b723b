/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings of controller.conf. */
#include "controller/conf.h"

#include "controller/alert/conf.h"

#define AT(field) offsetof(struct controller_conf, field)

/* clang-format off */
static const struct conf_def defs[] = {
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
	{ "ldap_ca_file", CONF_FILE, AT(ldap_ca_file), "",
	  "certificates that may sign the LDAP server's; default: the system's", 0, 0 },
	{ "ldap_start_tls", CONF_BOOL, AT(ldap_start_tls), "no",
	  "turn an ldap:// connection into TLS before binding", 0, 0 },
	{ "zimbra_admin", CONF_STRING, AT(zimbra_admin), NULL,
	  "a Zimbra administrator of zmferry's own; it is never moved", 0, 0 },
	{ "zimbra_admin_password_file", CONF_SECRET, AT(zimbra_admin_password_file), NULL,
	  "file with that administrator's password, not readable by others", 0, 0 },
	{ "zimbra_ca_file", CONF_FILE, AT(zimbra_ca_file), "",
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
	{ "retention_days", CONF_UINT, AT(retention_days), "14",
	  "old copies whose verdict is clean are deleted after so many days; 0: never by itself", 0, 3650 },
	{ "purge_window", CONF_STRING, AT(purge_window), "01:00-05:00",
	  "when, by the controller's clock; empty: at any time", 0, 0 },
	{ "log_level", CONF_STRING, AT(log_level), "info",
	  "error, warn, info or debug", 0, 0 },
	{ "api_listen_address", CONF_STRING, AT(api_listen_address), "",
	  "address of the API over HTTPS, for the zimlet and the page at /; empty: off", 0, 0 },
	{ "api_port", CONF_PORT, AT(api_port), "7440",
	  "port of the API over HTTPS", 0, 0 },
	{ "api_certificate_file", CONF_FILE, AT(api_certificate_file), "",
	  "PEM, the server's certificate first; one that administrators' browsers trust", 0, 0 },
	{ "api_key_file", CONF_SECRET, AT(api_key_file), "",
	  "the certificate's private key in PEM, not readable by others", 0, 0 },
	{ "api_origins", CONF_LIST, AT(api_origins), "",
	  "admin consoles whose pages may use the API: { \"https://mbs1.example.org:7071\" }", 0, 0 },
	{ "api_session", CONF_DURATION, AT(api_session_s), "15m",
	  "how long a token exchanged by a browser is good for", 0, 0 },
	{ "api_four_eyes", CONF_BOOL, AT(api_four_eyes), "no",
	  "an evacuation asked for over HTTPS begins when a second administrator approves", 0, 0 },
	{ "api_delegated_tokens", CONF_BOOL, AT(api_delegated_tokens), "no",
	  "also take DelegateAuth tokens, which prove an administrator's mailbox only", 0, 0 },
	{ "api_metrics_token_file", CONF_SECRET, AT(api_metrics_token_file), "",
	  "file with the bearer token that may read /metrics, not readable by others", 0, 0 },
	{ "alert_repeat_critical", CONF_DURATION, AT(alert_repeat_critical_s), "4h",
	  "a critical alert that nobody acknowledged is told again after; 0s: never", 0, 0 },
	{ "alert_repeat_warning", CONF_DURATION, AT(alert_repeat_warning_s), "1d",
	  "the same for a warning", 0, 0 },
	{ "alert_repeat_info", CONF_DURATION, AT(alert_repeat_info_s), "0s",
	  "the same for an info", 0, 0 },
};
/* clang-format on */

static const struct conf_section *const sections[] = {
    &alert_mail_section,
    &alert_webhook_section,
};

const struct conf_table controller_conf_table = {
    .defs = defs,
    .def_count = ARRAY_LEN(defs),
    .sections = sections,
    .section_count = ARRAY_LEN(sections),
};
