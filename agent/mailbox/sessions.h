/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has a session at the local mailboxd, and when it was used last. Blocking. Zimbra's
 * Session.java: a session lingers when its owner has gone (ten minutes of SOAP, half an hour
 * of IMAP), so it is its last use that says something; POP, CalDAV and requests that ask for
 * no session have none, and IMAP has one only while a folder is selected.
 */
#ifndef AGENT_SESSIONS_H
#define AGENT_SESSIONS_H

#include "proto/limits.h"
#include "proto/messages.pb-c.h"
#include "proto/zimbra/soap.h"

struct session_row {
	char account_id[LIMIT_ID]; /* who signed in, also in another's mailbox */
	char kind[LIMIT_SESSION_KIND];
	uint64_t idle_ms; /* before wall_ms of sessions_list */
};

struct session_list {
	struct session_row *rows;
	size_t count;
};

/* One DumpSessions; one row an account, the session used last, by account. Administrators'
   sessions are left out. wall_ms: now. What is not whole is an error, never a short list. */
MUST_USE bool sessions_list(
    struct soap_client *c, int64_t wall_ms, struct session_list *out, struct err *e);
void sessions_free(struct session_list *list);

/* Pages for the link; an empty list has one page. Free with sessions_page_free. */
uint32_t sessions_page_count(const struct session_list *list);
void sessions_page(const struct session_list *list, uint64_t look, uint32_t page,
    Wire__SessionPage *out);
void sessions_page_free(Wire__SessionPage *page);

#endif
