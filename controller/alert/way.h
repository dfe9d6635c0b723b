/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each kind of way implements: one message, once, blocking, on a pool thread. It sees
 * only the target, which does not change, and the message, which does not either.
 */
#ifndef ALERT_WAY_H
#define ALERT_WAY_H

#include <stdatomic.h>

#include "controller/alert/conf.h"
#include "controller/alert/message.h"
#include "proto/base/buf.h"
#include "proto/base/secret.h"

struct way_target {
	const struct alert_mail_conf *mail;	  /* or ... */
	const struct alert_webhook_conf *webhook; /* ... this */
	struct secret *secret;			  /* password or key; NULL = none */
};

/*
 * True: it got out; remark_out (LIMIT_TEXT bytes) says what was not perfect, or "".
 * ERR_RETRY and ERR_PEER: again later; ERR_REFUSED: not again, a person must look.
 */
typedef bool (*way_send_fn)(const struct way_target *target,
    const struct alert_message *m, const atomic_bool *cancelled, char *remark_out,
    struct err *e);

bool mail_send(const struct way_target *target, const struct alert_message *m,
    const atomic_bool *cancelled, char *remark_out, struct err *e);
bool webhook_send(const struct way_target *target, const struct alert_message *m,
    const atomic_bool *cancelled, char *remark_out, struct err *e);

/* The whole mail, header and body, lines ended by CR LF. */
void mail_write(
    const struct alert_mail_conf *conf, const struct alert_message *m, struct buf *out);

#endif
