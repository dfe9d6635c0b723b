/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout is "%d %-5p [%t] [%z] %c{1} - %m" (facts: zimbra 11): date, level, thread,
 * context, category, message. A stack trace follows on lines of its own. Each look reads what
 * was added, at most a few megabytes: behind a flood it is the flood that counts.
 */
#include "agent/health/logwatch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

#define READ_MAX (4 << 20)
#define LINE_MAX_BYTES 4096

enum where { MESSAGE_HAS, TRACE_BEGINS };

static const struct sign {
	const char *level; /* NULL: any */
	enum where where;
	const char *text;
	unsigned warn, fail; /* in ten minutes */
	const char *sentence;
} signs[] = {
    {"FATAL", MESSAGE_HAS, "", 1, 1, "mailboxd logged a fatal error"},
    {NULL, TRACE_BEGINS, "java.lang.OutOfMemoryError", 1, 1, "mailboxd is out of memory"},
    {NULL, TRACE_BEGINS,
	"com.zimbra.common.service.ServiceException: system failure: getting "
	"database connection",
	1, 50, "mailboxd gets no connection to its database"},
    {NULL, TRACE_BEGINS, "com.zimbra.cs.mailbox.MailboxLock$LockFailedException", 5, 200,
	"mailboxes are locked for too long"},
    {NULL, TRACE_BEGINS, "java.io.IOException: Input/output error", 1, 5,
	"a disk gives I/O errors"},
};
_Static_assert(ARRAY_LEN(signs) == LOGWATCH_SIGNS, "a row of counts for every sign");

struct logwatch *
logwatch_new(void)
{
	return XNEW(struct logwatch);
}

void
logwatch_free(struct logwatch **w)
{
	if (*w == NULL)
		return;
	if ((*w)->f != NULL)
		fclose((*w)->f);
	xfree(w);
}

/* --- lines --- */

/* "2026-01-30 12:00:01,123 ERROR [...": where the level begins; NULL: it begins no entry. */
static const char *
line_level(const char *line)
{
	static const char shape[] = "dddd-dd-dd dd:dd:dd,ddd ";

	for (size_t i = 0; shape[i] != '\0'; i++) {
		if (shape[i] == 'd' ? line[i] < '0' || line[i] > '9'
				    : line[i] != shape[i])
			return NULL;
	}
	return line + sizeof(shape) - 1;
}

int
logwatch_sign_of(const char *line)
{
	const char *level = line_level(line);

	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		const struct sign *s = &signs[i];

		if (s->where == TRACE_BEGINS) {
			if (level == NULL && strncmp(line, s->text, strlen(s->text)) == 0)
				return (int)i;
			continue;
		}
		if (level != NULL && strncmp(level, s->level, strlen(s->level)) == 0 &&
		    strstr(level, s->text) != NULL)
			return (int)i;
	}
	return -1;
}

static void
logwatch_turn(struct logwatch *w, uint64_t minute)
{
	for (uint64_t passed = 0; w->minute < minute && passed < LOGWATCH_SLOTS;
	     passed++) {
		w->minute++;
		for (size_t i = 0; i < LOGWATCH_SIGNS; i++)
			w->counts[i][w->minute % LOGWATCH_SLOTS] = 0;
	}
	w->minute = minute;
}

static void
logwatch_take(struct logwatch *w, const char *line)
{
	int sign = logwatch_sign_of(line);

	if (sign >= 0)
		w->counts[sign][w->minute % LOGWATCH_SLOTS]++;
}

/* --- the file --- */

static bool
logwatch_open(struct logwatch *w, const char *path, bool from_the_end)
{
	struct stat st;

	if (w->f != NULL)
		fclose(w->f);
	w->partial = false;
	w->f = fopen(path, "re");
	if (w->f == NULL || fstat(fileno(w->f), &st) != 0)
		return false;
	w->inode = (uint64_t)st.st_ino;
	return !from_the_end || fseeko(w->f, 0, SEEK_END) == 0;
}

static void
logwatch_read_new(struct logwatch *w)
{
	char line[LINE_MAX_BYTES];
	size_t total = 0;

	clearerr(w->f);
	while (total < READ_MAX && fgets(line, sizeof(line), w->f) != NULL) {
		size_t length = strlen(line);
		bool whole = length > 0 && line[length - 1] == '\n';

		total += length;
		if (whole)
			line[length - 1] = '\0';
		if (!w->partial)
			logwatch_take(w, line);
		w->partial = !whole;
	}
	if (total >= READ_MAX && fseeko(w->f, 0, SEEK_END) == 0)
		w->partial = false;
}

bool
logwatch_read(struct logwatch *w, const char *path, uint64_t now_ms)
{
	struct stat st;
	bool there = stat(path, &st) == 0;
	bool first = w->f == NULL && w->inode == 0;

	logwatch_turn(w, now_ms / 60000);
	if (!there)
		return false;
	if (w->f == NULL && !logwatch_open(w, path, first))
		return false;
	logwatch_read_new(w);
	/* Rotated: what was written into the old one is read by now. */
	if (w->inode != (uint64_t)st.st_ino || ftello(w->f) > st.st_size) {
		if (!logwatch_open(w, path, false))
			return false;
		logwatch_read_new(w);
	}
	return true;
}

/* --- judging --- */

void
logwatch_judge(struct probe_run *r, const struct logwatch *w, const char *path)
{
	for (size_t i = 0; i < LOGWATCH_SIGNS; i++) {
		const struct sign *s = &signs[i];
		unsigned count = 0;

		for (size_t slot = 0; slot < LOGWATCH_SLOTS; slot++)
			count += w->counts[i][slot];
		if (count >= s->warn)
			probe_found(r, count >= s->fail ? SEVERITY_FAIL : SEVERITY_WARN,
			    "%s (%u times in ten minutes); read %s", s->sentence, count,
			    path);
	}
}

void
probe_log(struct probe_run *r)
{
	snprintf(r->path, sizeof(r->path), "%.400s/log/mailbox.log",
	    r->agent->conf->zimbra_home);
	if (r->log == NULL)
		r->log = logwatch_new();
	r->absent = !logwatch_read(r->log, r->path, clock_mono_ms());
	if (!r->absent)
		logwatch_judge(r, r->log, r->path);
}
