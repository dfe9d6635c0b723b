/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the sections alert_mail and alert_webhook, and what makes them wrong. */
#include "controller/alert/conf.h"

#include <string.h>

#include "controller/alert/table.h"
#include "controller/conf.h"
#include "proto/base/smtp_client.h"

#define MAIL(field) offsetof(struct alert_mail_conf, field)
#define HOOK(field) offsetof(struct alert_webhook_conf, field)

/* clang-format off */
static const struct conf_def mail_defs[] = {
	{ "url", CONF_STRING, MAIL(url), NULL,
	  "smtp://mail.example.org:587 or smtps://mail.example.org:465; best not the Zimbra that may be sick", 0, 0 },
	{ "start_tls", CONF_BOOL, MAIL(start_tls), "yes",
	  "smtp:// is turned into TLS first, or nothing is sent", 0, 0 },
	{ "ca_file", CONF_FILE, MAIL(ca_file), "",
	  "certificates that may sign the server's; default: the system's", 0, 0 },
	{ "user", CONF_STRING, MAIL(user), "",
	  "who logs in; empty: nobody", 0, 0 },
	{ "password_file", CONF_SECRET, MAIL(password_file), "",
	  "file with the password of user, not readable by others", 0, 0 },
	{ "from", CONF_STRING, MAIL(from), NULL,
	  "the sender: a bare address", 0, 0 },
	{ "to", CONF_LIST, MAIL(to), "",
	  "who is told: { \"oncall@example.org\" }", 0, 0 },
	{ "least", CONF_STRING, MAIL(least), "warning",
	  "the lowest severity that goes this way: info, warning or critical", 0, 0 },
	{ "timeout", CONF_DURATION, MAIL(timeout_s), "60s",
	  "one mail may take so long", 0, 0 },
};

static const struct conf_def webhook_defs[] = {
	{ "url", CONF_STRING, HOOK(url), NULL,
	  "https://alerts.example.org/zmferry; http:// to this machine only", 0, 0 },
	{ "ca_file", CONF_FILE, HOOK(ca_file), "",
	  "certificates that may sign the server's; default: the system's", 0, 0 },
	{ "secret_file", CONF_SECRET, HOOK(secret_file), "",
	  "file with the key of the header X-Zmferry-Signature, not readable by others", 0, 0 },
	{ "least", CONF_STRING, HOOK(least), "warning",
	  "the lowest severity that goes this way: info, warning or critical", 0, 0 },
	{ "timeout", CONF_DURATION, HOOK(timeout_s), "30s",
	  "one call may take so long", 0, 0 },
};
/* clang-format on */

static bool
least_check(const char *least, struct err *e)
{
	enum alert_severity severity;

	return alert_severity_parse(least, &severity) ||
	       err_set(e, ERR_REFUSED,
		   "least: \"%.60s\" is none of info, warning, critical", least);
}

static bool
text_is_plain(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text <= 0x20 || (unsigned char)*text == 0x7f)
			return false;
	}
	return true;
}

static bool
mail_addresses_check(const struct alert_mail_conf *conf, struct err *e)
{
	if (!smtp_address_ok(conf->from))
		return err_set(e, ERR_REFUSED,
		    "from: \"%.100s\" is not a bare address (try zmferry@example.org)",
		    conf->from);
	if (conf->to == NULL || conf->to[0] == NULL)
		return err_set(
		    e, ERR_REFUSED, "to: names nobody (try { \"oncall@example.org\" })");
	for (char **to = conf->to; *to != NULL; to++) {
		if (!smtp_address_ok(*to))
			return err_set(e, ERR_REFUSED,
			    "to: \"%.100s\" is not a bare address (try "
			    "oncall@example.org)",
			    *to);
	}
	return true;
}

static bool
alert_mail_check(const void *row, struct err *e)
{
	const struct alert_mail_conf *conf = row;
	bool is_smtps = strncmp(conf->url, "smtps://", 8) == 0;

	if ((!is_smtps && strncmp(conf->url, "smtp://", 7) != 0) ||
	    !text_is_plain(conf->url) || strchr(conf->url, '@') != NULL)
		return err_set(e, ERR_REFUSED,
		    "url: \"%.100s\" is no mail server (try smtp://mail.example.org:587; "
		    "the login is user and password_file)",
		    conf->url);
	if ((conf->user == NULL) != (conf->password_file == NULL))
		return err_set(e, ERR_REFUSED,
		    "user and password_file go together: set both or none");
	if (conf->user != NULL && !is_smtps && !conf->start_tls)
		return err_set(e, ERR_REFUSED,
		    "start_tls: a password does not go over an open connection; set "
		    "start_tls = yes, or no user");
	return mail_addresses_check(conf, e) && least_check(conf->least, e);
}

static bool
alert_webhook_check(const void *row, struct err *e)
{
	const struct alert_webhook_conf *conf = row;
	static const char *const here[] = {"127.", "localhost", "[::1]"};
	const char *url = conf->url;
	bool ok = strncmp(url, "https://", 8) == 0;

	for (size_t i = 0; i < ARRAY_LEN(here) && !ok; i++)
		ok = strncmp(url, "http://", 7) == 0 &&
		     strncmp(url + 7, here[i], strlen(here[i])) == 0;
	if (!ok || !text_is_plain(url) || strchr(url, '@') != NULL)
		return err_set(e, ERR_REFUSED,
		    "url: \"%.100s\" is not https:// (http:// to this machine only, no "
		    "user in it)",
		    url);
	return least_check(conf->least, e);
}

const struct conf_section alert_mail_section = {
    .word = "alert_mail",
    .defs = mail_defs,
    .def_count = ARRAY_LEN(mail_defs),
    .row_size = sizeof(struct alert_mail_conf),
    .offset = offsetof(struct controller_conf, alert_mail),
    .help = "alerts by mail; any number of these, each with a name of its own",
    .sample_name = "oncall",
    .check = alert_mail_check,
};

const struct conf_section alert_webhook_section = {
    .word = "alert_webhook",
    .defs = webhook_defs,
    .def_count = ARRAY_LEN(webhook_defs),
    .row_size = sizeof(struct alert_webhook_conf),
    .offset = offsetof(struct controller_conf, alert_webhook),
    .help = "alerts as JSON by POST; any number of these, each with a name of its own",
    .sample_name = "pager",
    .check = alert_webhook_check,
};
