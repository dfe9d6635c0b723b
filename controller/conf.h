/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's settings: one table, from which come parsing, sample and manual check. */
#ifndef CONTROLLER_CONF_H
#define CONTROLLER_CONF_H

#include <stdint.h>

#include "proto/base/conf.h"

#define CONTROLLER_CONF_PATH "/etc/zmferry/controller.conf"

struct controller_conf {
	char *state_dir;
	char *socket;
	char *socket_group; /* NULL: root only */
	char *listen_address;
	uint16_t listen_port;
	char *identity_file; /* NULL: state_dir/controller.pem */
	char *ldap_url;
	char *ldap_bind_dn;
	char *ldap_password_file;
	char *ldap_ca_file; /* NULL: the system's */
	bool ldap_start_tls;
	char *zimbra_admin;
	char *zimbra_admin_password_file;
	char *zimbra_ca_file; /* NULL: the system's */
	uint16_t zimbra_admin_port;
	uint32_t retention_days; /* 0: never by itself */
	char *purge_window;
	char *platform;		       /* none, docker, kubernetes */
	char *platform_template;       /* NULL: no container can be made */
	char **containers;	       /* "host=container" */
	char *platform_identity;       /* path in the container; NULL: not brought */
	char *platform_identity_owner; /* "uid:gid" */
	char *docker_socket;
	char *docker_url; /* NULL: the socket */
	char *docker_ca_file;
	char *docker_cert_file;
	char *docker_key_file;
	char *kubernetes_url;
	char *kubernetes_namespace; /* NULL: the service account's */
	char *kubernetes_ca_file;
	char *kubernetes_token_file;
	char **resolve;	     /* "host=address" */
	uint32_t fill_limit; /* percent */
	uint32_t moves_per_source;
	uint32_t moves_per_target;
	bool adaptive_lanes;
	uint32_t hot_time_s;
	uint32_t delivery_wait_s;
	uint32_t early_above_s;
	char *seeding; /* auto, yes, no */
	char *log_level;
	char *api_listen_address; /* NULL: no API over HTTPS */
	uint16_t api_port;
	char *api_certificate_file;
	char *api_key_file;
	char **api_origins; /* "https://console.example.org:7071" */
	uint32_t api_session_s;
	bool api_four_eyes;
	bool api_add_nodes; /* sessions over HTTPS may bring in nodes */
	bool api_delegated_tokens;
	char *api_metrics_token_file;	  /* NULL: metrics need a session or the socket */
	uint32_t alert_repeat_critical_s; /* 0 = told once */
	uint32_t alert_repeat_warning_s;
	uint32_t alert_repeat_info_s;
	char *automatic_evacuation; /* off, ask, auto */
	uint32_t fault_hold_s;
	uint32_t silence_hold_s;
	uint32_t dead_after_s;
	uint32_t automatic_start_s;
	uint32_t automatic_heard; /* percent */
	uint32_t automatic_nodes;
	uint32_t automatic_per_day;
	bool automatic_restart;
	uint32_t restart_after_s;
	struct conf_rows policy_node;	/* struct policy_rule_conf (policy_conf.h) */
	struct conf_rows policy_fault;	/* the same */
	struct conf_rows alert_mail;	/* struct alert_mail_conf (alert/conf.h) */
	struct conf_rows alert_webhook; /* struct alert_webhook_conf */
};

extern const struct conf_table controller_conf_table;

#endif
