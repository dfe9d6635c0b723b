/* SPDX-License-Identifier: Apache-2.0 */
/* The ways out of alerts as controller.conf names them, checked when it is read. */
#ifndef ALERT_CONF_H
#define ALERT_CONF_H

#include "proto/base/conf.h"

struct alert_mail_conf {
	char *name;
	char *url;
	bool start_tls;
	char *ca_file; /* NULL: the system's */
	char *user;    /* NULL: no login */
	char *password_file;
	char *from;
	char **to;
	char *least; /* severity */
	uint32_t timeout_s;
};

struct alert_webhook_conf {
	char *name;
	char *url;
	char *ca_file;
	char *secret_file; /* NULL: not signed */
	char *least;
	uint32_t timeout_s;
};

extern const struct conf_section alert_mail_section;
extern const struct conf_section alert_webhook_section;

#endif
