/* SPDX-License-Identifier: Apache-2.0 */
/* Does an LMTP server greet? Connections are made anew each time, as the MTA does. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/health/lmtp.h"
#include "agent/health/probes.h"
#include "proto/base/clock.h"
#include "proto/base/tls.h"
#include "proto/zimbra/ports.h"

#define CONNECT_MS 3000 /* within one host, or one cluster */

/* Reads one line; false: silence, or an end before it. */
static bool
lmtp_read_line(
    int fd, uint64_t until_ms, const atomic_bool *cancelled, char *out, size_t size)
{
	size_t len = 0;

	while (len + 1 < size) {
		ssize_t n;

		if (!probe_wait(fd, until_ms, cancelled))
			return false;
		n = read(fd, out + len, size - 1 - len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return false;
		len += (size_t)n;
		out[len] = '\0';
		if (strchr(out, '\n') != NULL) {
			out[strcspn(out, "\r\n")] = '\0';
			return true;
		}
	}
	return true;
}

bool
lmtp_greets(const char *host, uint16_t port, unsigned limit_ms,
    const atomic_bool *cancelled, struct err *e)
{
	uint64_t until_ms;
	char line[256] = "";
	bool heard;
	int fd;

	if (!tls_tcp_connect(host, port, CONNECT_MS, &fd, e))
		return false;
	until_ms = clock_mono_ms() + limit_ms;
	heard = lmtp_read_line(fd, until_ms, cancelled, line, sizeof(line));
	(void)!send(fd, "QUIT\r\n", 6, MSG_NOSIGNAL);
	close(fd);
	if (!heard)
		return err_set(
		    e, ERR_RETRY, "LMTP on %s port %u does not greet", host, port);
	return strncmp(line, "220", 3) == 0 ||
	       err_set(e, ERR_PEER, "LMTP on %s port %u greets with \"%.200s\"", host,
		   port, line);
}

void
probe_lmtp(struct probe_run *r)
{
	const char *host = agent_resolve(r->agent->conf, r->agent->zimbra.host);
	struct err e;

	if (!lmtp_greets(
		host, ZIMBRA_LMTP_PORT, r->def->fail_ms, &r->agent->cancelled, &e))
		probe_found(
		    r, SEVERITY_FAIL, "%.350s; no mail can be delivered here", e.text);
}
