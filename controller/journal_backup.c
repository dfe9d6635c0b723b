/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of the state directory that is whole, while the controller runs. It carries a mark:
 * a controller that starts with it changes nothing until a person says --adopt, since moves
 * may have gone on after the copy was made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/journal_private.h"
#include "proto/base/xalloc.h"

#define PAGES_AT_ONCE 256
#define BUSY_MS 10000

static bool
backup_err(sqlite3 *db, const char *path, struct err *e)
{
	return err_set(e, ERR_RETRY, "%s: %s", path, sqlite3_errmsg(db));
}

static bool
backup_pages(sqlite3 *from, sqlite3 *to, const char *path, struct err *e)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int code;

	if (b == NULL)
		return backup_err(to, path, e);
	do {
		code = sqlite3_backup_step(b, PAGES_AT_ONCE);
		if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
			sqlite3_sleep(20);
	} while (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED);
	sqlite3_backup_finish(b);
	if (code != SQLITE_DONE)
		return backup_err(to, path, e);
	return sqlite3_exec(to,
		   "INSERT OR REPLACE INTO meta (key, value) VALUES ('restored', '1')",
		   NULL, NULL, NULL) == SQLITE_OK ||
	       backup_err(to, path, e);
}

static bool
backup_database(const char *state_dir, const char *dest, struct err *e)
{
	char *from_path = xasprintf("%s/journal.db", state_dir);
	char *to_path = xasprintf("%s/journal.db", dest);
	sqlite3 *from = NULL;
	sqlite3 *to = NULL;
	bool ok;

	if (sqlite3_open_v2(from_path, &from, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		ok = backup_err(from, from_path, e);
	else if (sqlite3_open_v2(to_path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
		     NULL) != SQLITE_OK)
		ok = backup_err(to, to_path, e);
	else {
		sqlite3_busy_timeout(from, BUSY_MS);
		ok = backup_pages(from, to, to_path, e);
	}
	sqlite3_close(from);
	sqlite3_close(to);
	free(from_path);
	free(to_path);
	return ok;
}

/* A file that is not there was not made yet. */
static bool
backup_file(const char *state_dir, const char *dest, const char *name, struct err *e)
{
	char *from = xasprintf("%s/%s", state_dir, name);
	char *to = xasprintf("%s/%s", dest, name);
	char bytes[65536];
	bool ok = true;
	ssize_t n = 0;
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int out = -1;

	if (in < 0) {
		ok = errno == ENOENT || err_errno(e, ERR_REFUSED, errno, "%s", from);
	} else {
		out =
		    open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
		while (out >= 0 && (n = read(in, bytes, sizeof(bytes))) > 0 &&
		       write(out, bytes, (size_t)n) == n)
			continue;
		ok = (out >= 0 && n == 0 && fsync(out) == 0) ||
		     err_errno(e, ERR_RETRY, errno, "%s", to);
		if (out >= 0)
			close(out);
		close(in);
	}
	free(from);
	free(to);
	return ok;
}

bool
journal_backup(const char *state_dir, const char *dest, struct err *e)
{
	static const char *const files[] = {
	    "ca.key", "ca.pem", "controller.pem", "operators.key", "operators.pem"};
	bool ok;

	/* What is there may be the only good one. */
	if (mkdir(dest, 0700) != 0)
		return err_errno(e, ERR_REFUSED, errno,
		    errno == EEXIST ? "%s: is there already; name a folder that is not"
				    : "%s",
		    dest);
	ok = backup_database(state_dir, dest, e);
	for (size_t i = 0; ok && i < ARRAY_LEN(files); i++)
		ok = backup_file(state_dir, dest, files[i], e);
	return ok;
}
