/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: lines come and are given out one at a time. What can go wrong: silence,
 * an end, a line without one. A connection is made anew each time, as clients do.
 */
#include "agent/health/dialogue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/health/probes.h"
#include "proto/base/clock.h"
#include "proto/base/tls.h"

#define CONNECT_MS 3000 /* within one host, or one cluster */

bool
dialogue_open(struct dialogue *d, const char *host, uint16_t port, unsigned limit_ms,
    const atomic_bool *cancelled, struct err *e)
{
	memset(d, 0, sizeof(*d));
	d->fd = -1;
	d->cancelled = cancelled;
	if (!tls_tcp_connect(host, port, CONNECT_MS, &d->fd, e))
		return false;
	d->until_ms = clock_mono_ms() + limit_ms;
	return true;
}

/* A line that is longer than all there is room for counts as one. */
static bool
dialogue_take_line(struct dialogue *d)
{
	const char *end = memchr(d->heard, '\n', d->length);
	size_t length = end == NULL ? d->length : (size_t)(end - d->heard) + 1;

	if (end == NULL && d->length < sizeof(d->heard))
		return false;
	snprintf(d->line, sizeof(d->line), "%.*s", (int)length, d->heard);
	d->line[strcspn(d->line, "\r\n")] = '\0';
	d->length -= length;
	memmove(d->heard, d->heard + length, d->length);
	return true;
}

bool
dialogue_hear(struct dialogue *d)
{
	while (!dialogue_take_line(d)) {
		ssize_t n;

		if (!probe_wait(d->fd, d->until_ms, d->cancelled))
			return false;
		n = read(d->fd, d->heard + d->length, sizeof(d->heard) - d->length);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return false;
		d->length += (size_t)n;
	}
	return true;
}

bool
dialogue_ask(struct dialogue *d, const char *text)
{
	size_t length = strlen(text);

	/* So little always fits into a socket that is read at all. */
	if (send(d->fd, text, length, MSG_NOSIGNAL) != (ssize_t)length)
		return false;
	do {
		if (!dialogue_hear(d))
			return false;
	} while (strlen(d->line) > 3 && d->line[3] == '-');
	return true;
}

void
dialogue_close(struct dialogue *d, const char *farewell)
{
	if (d->fd < 0)
		return;
	(void)!send(d->fd, farewell, strlen(farewell), MSG_NOSIGNAL);
	close(d->fd);
	d->fd = -1;
}
