/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MariaDB by its socket: it greets whoever connects, before any login. The socket is the
 * one that conf/my.cnf names; a node without that file has no database of its own.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/health/probes.h"
#include "proto/base/clock.h"

#define GREETING_MAX 512
#define PROTOCOL 10
#define IS_ERROR 0xff

/* The first "socket = PATH" of my.cnf, as Zimbra writes it. */
static bool
mariadb_socket(const char *zimbra_home, char *out, size_t size)
{
	char path[600];
	char line[700];
	FILE *f;
	bool found = false;

	snprintf(path, sizeof(path), "%.500s/conf/my.cnf", zimbra_home);
	f = fopen(path, "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		const char *p = line + strspn(line, " \t");

		if (strncmp(p, "socket", 6) != 0)
			continue;
		p += 6 + strspn(p + 6, " \t");
		if (*p != '=')
			continue;
		p += 1 + strspn(p + 1, " \t");
		found = strcspn(p, " \t\r\n") > 0 &&
			snprintf(out, size, "%.*s", (int)strcspn(p, " \t\r\n"), p) <
			    (int)size;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

static bool
mariadb_connect(const char *path, int *fd_out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	/* A full backlog answers EAGAIN at once on a unix socket. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return false;
	}
	*fd_out = fd;
	return true;
}

/* Packet: 3 bytes length, number, then protocol 10 and the version, or 0xff, code, text. */
static void
mariadb_judge(struct probe_run *r, const uint8_t *packet, size_t len)
{
	if (len > 5 && packet[4] == PROTOCOL)
		return;
	if (len > 7 && packet[4] == IS_ERROR)
		probe_found(r, SEVERITY_FAIL,
		    "MariaDB refuses connections: error %u: %.*s",
		    (unsigned)packet[5] | (unsigned)packet[6] << 8, (int)(len - 7),
		    (const char *)packet + 7);
	else
		probe_found(r, SEVERITY_FAIL,
		    "MariaDB's socket %s answers with something else than its greeting",
		    r->path);
}

void
probe_mariadb(struct probe_run *r)
{
	uint8_t greeting[GREETING_MAX];
	ssize_t len = 0;
	int fd;

	if (!mariadb_socket(r->agent->conf->zimbra_home, r->path, sizeof(r->path))) {
		r->absent = true;
		return;
	}
	if (!mariadb_connect(r->path, &fd)) {
		probe_found(r, SEVERITY_FAIL,
		    "MariaDB: %s: %s; look at: zmcontrol status", r->path,
		    strerror(errno));
		return;
	}
	if (probe_wait(fd, clock_mono_ms() + r->def->fail_ms, &r->agent->cancelled))
		len = read(fd, greeting, sizeof(greeting));
	if (len <= 0)
		probe_found(r, SEVERITY_FAIL,
		    "MariaDB takes connections on %s but does not greet", r->path);
	else
		mariadb_judge(r, greeting, (size_t)len);
	close(fd);
}
