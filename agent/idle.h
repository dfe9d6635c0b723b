/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent lives beside a mailboxd that needs the memory. Much of what a start touches
 * (relocations, a dozen libraries' initialisers, the first TLS handshake) is not touched
 * again; this gives it back.
 */
#ifndef AGENT_IDLE_H
#define AGENT_IDLE_H

/* Free heap goes to the kernel; code and constants are unmapped and come back by themselves
   when they are used. Takes a millisecond; may run at any time, in any thread. */
void idle_trim(void);

#endif
