/* SPDX-License-Identifier: Apache-2.0 */
/* The controller asks who has a session here: one question for a whole node. */
#ifndef AGENT_SESSION_LOOK_H
#define AGENT_SESSION_LOOK_H

#include "agent/agent.h"

struct session_look;

struct session_look *session_look_new(struct agent *a);
void session_look_free(struct session_look **l); /* after the loop ran dry */
/* Asks mailboxd on the pool and answers with pages. While one is under way the next
   question takes its place: it gets the answer. */
void session_look_begin(struct session_look *l, const Wire__Sessions *wanted);

#endif
