/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands one finished mail to one SMTP server, over libcurl, blocking: on the thread pool
 * only. Certificates are always checked; a password never goes over an open connection.
 */
#ifndef BASE_SMTP_CLIENT_H
#define BASE_SMTP_CLIENT_H

#include <stdatomic.h>
#include <stddef.h>

#include "proto/base/secret.h"

struct smtp_mail {
	const char *url;	/* smtp://host:port or smtps://host:port */
	bool start_tls;		/* smtp:// is turned into TLS, or nothing is sent */
	const char *ca_file;	/* NULL: the system's */
	const char *ca_setting; /* its name, for people */
	const char *user;	/* NULL: no login */
	const struct secret *password; /* NULL: no login */
	const char *from;	       /* bare addresses */
	const char *const *to;	       /* NULL-terminated, at least one */
	const void *message;	       /* header and body, lines end in CR LF */
	size_t message_len;
	unsigned timeout_ms;	      /* for all of it; 0: 60000 */
	const atomic_bool *cancelled; /* may be NULL */
};

/*
 * True: the server has taken it, for at least one of the recipients. ERR_RETRY: network,
 * timeout, a 4xx; ERR_REFUSED: a 5xx, the login, no TLS there; ERR_PEER: its certificate, or
 * no SMTP; ERR_CANCELLED. The text has the server's own words.
 */
#define SMTP_WORDS 160
/* remark_out: what it said of recipients whom it refused while it took the others; or "". */
MUST_USE bool
smtp_send(const struct smtp_mail *mail, char remark_out[SMTP_WORDS], struct err *e);

/* name@domain, and nothing that would end a header or a command. */
bool smtp_address_ok(const char *address);

#endif
