/* SPDX-License-Identifier: Apache-2.0 */
/* One alert as one mail to one server. The mail itself: mail_text.c. */
#include <stdio.h>

#include "controller/alert/way.h"
#include "proto/base/smtp_client.h"
#include "proto/limits.h"

#define MAIL_MAX (256 * 1024)

bool
mail_send(const struct way_target *target, const struct alert_message *m,
    const atomic_bool *cancelled, char *remark_out, struct err *e)
{
	const struct alert_mail_conf *conf = target->mail;
	char remark[SMTP_WORDS];
	struct smtp_mail mail = {
	    .url = conf->url,
	    .start_tls = conf->start_tls,
	    .ca_file = conf->ca_file,
	    .ca_setting = "ca_file of this alert_mail",
	    .user = conf->user,
	    .password = target->secret,
	    .from = conf->from,
	    .to = (const char *const *)conf->to,
	    .timeout_ms = conf->timeout_s * 1000,
	    .cancelled = cancelled,
	};
	struct buf text;
	bool ok;

	buf_init(&text, MAIL_MAX);
	mail_write(conf, m, &text);
	mail.message = text.data;
	mail.message_len = text.len;
	ok = smtp_send(&mail, remark, e);
	buf_fini(&text);
	if (ok && remark[0] != '\0')
		snprintf(remark_out, LIMIT_TEXT, "%.150s: not for all of \"to\": %s",
		    conf->url, remark);
	return ok;
}
