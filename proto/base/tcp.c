/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking TCP connect with a deadline, for workers. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/tls.h"

static bool
tcp_try(const struct addrinfo *a, unsigned timeout_ms, int *fd_out)
{
	struct pollfd waiting = {.events = POLLOUT};
	socklen_t size = sizeof(int);
	int problem = 0;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
		waiting.fd = fd;
		if (errno != EINPROGRESS || poll(&waiting, 1, (int)timeout_ms) != 1 ||
		    getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0 ||
		    problem != 0) {
			if (problem == 0 && errno == EINPROGRESS)
				problem = ETIMEDOUT;
			close(fd);
			errno = problem == 0 ? errno : problem;
			return false;
		}
	}
	*fd_out = fd;
	return true;
}

bool
tls_tcp_connect(
    const char *host, uint16_t port, unsigned timeout_ms, int *fd_out, struct err *e)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	char service[8];
	int code;

	snprintf(service, sizeof(service), "%u", port);
	code = getaddrinfo(host, service, &hints, &list);
	if (code != 0)
		return err_set(e, ERR_RETRY, "%s: %s", host, gai_strerror(code));
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		if (tcp_try(a, timeout_ms, fd_out)) {
			freeaddrinfo(list);
			return true;
		}
	}
	err_errno(e, ERR_RETRY, errno, "%s port %u", host, port);
	freeaddrinfo(list);
	return false;
}
