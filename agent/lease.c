/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: armed, renewed, ended. What can go wrong: nobody renews. Then, on
 * the pool: flush the account, read its home; still ours: lift the lockout, give the old
 * values back where they are still as frozen; moved on: nothing. Tried until it works.
 */
#include "agent/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lease_spare.h"
#include "agent/mailbox/account.h"
#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/work.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "proto/zimbra/freeze.h"

#define TRY_AGAIN_MS 5000
#define FILE_MAX 65536

struct lease {
	struct lease *next;
	char move_id[LIMIT_ID];
	Wire__StepRequest *step; /* as received: account and frozen values */
	uint64_t until_ms;	 /* since boot */
	bool expired;		 /* ran out; given back or on the way */
	bool given_back;
	bool working;
	char text[LIMIT_TEXT]; /* how giving back went */
};

struct leases {
	struct agent *agent;
	struct lease *first;
	char dir[512];
	char boot[64]; /* of this boot of the machine */
};

struct give_back {
	struct work work;
	struct leases *leases;
	char move_id[LIMIT_ID];
	char account_id[LIMIT_ID];
	struct freeze_saved saved;
	struct soap_client *soap;
	char host[256];
	char text[LIMIT_TEXT];
};

/* --- files: "BOOT UNTIL EXPIRED GIVEN_BACK SIZE\n", the packed request, perhaps zeros --- */

static void
lease_path(const struct leases *l, const char *move_id, const char *suffix, char *out,
    size_t size)
{
	snprintf(out, size, "%s/%s%s", l->dir, move_id, suffix);
}

static bool
lease_write_anew(const char *path, const char *fresh, const struct buf *text)
{
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n;
	int code;

	if (fd < 0)
		return false;
	n = write(fd, text->data, text->len);
	if (n != (ssize_t)text->len)
		code = n < 0 ? errno : ENOSPC; /* a part of it went in */
	else
		code = fsync(fd) == 0 ? 0 : errno;
	close(fd);
	if (code == 0 && rename(fresh, path) != 0)
		code = errno;
	if (code != 0)
		(void)unlink(fresh);
	errno = code;
	return code == 0;
}

static bool
lease_write(const struct leases *l, const struct lease *lease, struct err *e)
{
	size_t size = wire__step_request__get_packed_size(lease->step);
	uint8_t *bytes = xcalloc(1, size);
	char path[600];
	char fresh[600];
	struct buf text;
	bool ok;

	buf_init(&text, 0);
	lease_path(l, lease->move_id, "", path, sizeof(path));
	lease_path(l, lease->move_id, ".new", fresh, sizeof(fresh));
	wire__step_request__pack(lease->step, bytes);
	errno = 0;
	ok = buf_printf(&text, "%s %llu %d %d %zu\n", l->boot,
		 (unsigned long long)lease->until_ms, (int)lease->expired,
		 (int)lease->given_back, size) &&
	     buf_add(&text, bytes, size) &&
	     (lease_write_anew(path, fresh, &text) ||
		 ((errno == ENOSPC || errno == EDQUOT) &&
		     lease_spare_write(l->dir, path, text.data, text.len)));
	if (!ok)
		err_errno(e, ERR_RETRY, errno, "%s", path);
	buf_fini(&text);
	free(bytes);
	return ok;
}

static struct lease *
lease_read(const struct leases *l, const char *move_id)
{
	char path[600];
	char head[160];
	char boot[64];
	uint8_t bytes[FILE_MAX];
	unsigned long long until;
	int expired;
	int given;
	int fields = 0;
	size_t size, said = 0;
	struct lease *lease;
	Wire__StepRequest *step;
	FILE *f;

	lease_path(l, move_id, "", path, sizeof(path));
	f = fopen(path, "re");
	if (f == NULL)
		return NULL;
	if (fgets(head, sizeof(head), f) != NULL)
		fields = sscanf(
		    head, "%63s %llu %d %d %zu", boot, &until, &expired, &given, &said);
	size = fields < 4 ? 0 : fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	if (fields < 4 || (fields == 5 && said > size))
		return NULL;
	if (fields == 5) /* one of an earlier version ends with its file */
		size = said;
	step = wire__step_request__unpack(NULL, size, bytes);
	if (step == NULL || step->op_case != WIRE__STEP_REQUEST__OP_LEASE ||
	    step->lease->frozen == NULL)
		return NULL;
	lease = XNEW(struct lease);
	snprintf(lease->move_id, sizeof(lease->move_id), "%s", move_id);
	lease->step = step;
	lease->expired = expired != 0;
	lease->given_back = given != 0;
	/* Another boot of the machine: its clock began anew, the lease counts as over. */
	lease->until_ms = strcmp(boot, l->boot) == 0 ? until : 0;
	return lease;
}

static struct lease *
lease_find(const struct leases *l, const char *move_id)
{
	struct lease *lease = l->first;

	while (lease != NULL && strcmp(lease->move_id, move_id) != 0)
		lease = lease->next;
	return lease;
}

static void
lease_free(struct lease *lease)
{
	wire__step_request__free_unpacked(lease->step, NULL);
	free(lease);
}

static Wire__StepRequest *
step_copy(const Wire__StepRequest *step)
{
	size_t size = wire__step_request__get_packed_size(step);
	uint8_t *bytes = xcalloc(1, size);
	Wire__StepRequest *copy;

	wire__step_request__pack(step, bytes);
	copy = wire__step_request__unpack(NULL, size, bytes);
	free(bytes);
	return copy;
}

/* --- arming --- */

/*
 * The controller moves an account once at a time: what another move still holds here was
 * armed by a request that came late, and would give back the lock of this one.
 */
static bool
leases_make_room(struct leases *l, const Wire__StepRequest *step, struct err *e)
{
	for (struct lease *other = l->first; other != NULL;) {
		struct lease *next = other->next;
		const ProtobufCBinaryData *id = &other->step->account_id;

		if (id->len == step->account_id.len &&
		    memcmp(id->data, step->account_id.data, id->len) == 0) {
			log_warn(NULL,
			    "move=%s lease ends: %.*s arms one for the same account",
			    other->move_id, (int)step->move_id.len, step->move_id.data);
			if (!leases_end(l, other->move_id, e))
				return false;
		}
		other = next;
	}
	return true;
}

bool
leases_arm(struct leases *l, const Wire__StepRequest *step, struct err *e)
{
	char move_id[LIMIT_ID];
	struct lease *lease;

	if (!frame_copy(&step->move_id, move_id, sizeof(move_id)))
		return err_set(e, ERR_PEER, "the move's id is too long");
	lease = lease_find(l, move_id);
	if (lease != NULL && lease->expired)
		return err_set(e, ERR_REFUSED,
		    "the lease ran out before and the account was given back; the move "
		    "must begin its lock anew");
	if (lease == NULL) {
		if (!leases_make_room(l, step, e))
			return false;
		lease = XNEW(struct lease);
		snprintf(lease->move_id, sizeof(lease->move_id), "%s", move_id);
		lease->next = l->first;
		l->first = lease;
	} else {
		wire__step_request__free_unpacked(lease->step, NULL);
	}
	lease->step = step_copy(step);
	lease->until_ms = clock_mono_ms() + step->lease->lease_ms;
	return lease_write(l, lease, e);
}

void
leases_renew(struct leases *l, const char *move_id, uint32_t lease_ms)
{
	struct lease *lease = lease_find(l, move_id);

	/* Not written: after a restart of the agent the older, shorter end counts. */
	if (lease != NULL && !lease->expired)
		lease->until_ms = clock_mono_ms() + lease_ms;
}

bool
leases_end(struct leases *l, const char *move_id, struct err *e)
{
	struct lease **at = &l->first;
	struct lease *lease;
	char path[600];

	while (*at != NULL && strcmp((*at)->move_id, move_id) != 0)
		at = &(*at)->next;
	lease = *at;
	if (lease == NULL)
		return true;
	if (lease->working)
		return err_set(e, ERR_RETRY, "the account is being given back just now");
	lease_path(l, move_id, "", path, sizeof(path));
	if (!lease_spare_unlink(l->dir, path) && errno != ENOENT)
		return err_errno(e, ERR_RETRY, errno, "%s", path);
	lease_spares_make(l->dir);
	*at = lease->next;
	lease_free(lease);
	return true;
}

bool
leases_has(const struct leases *l, const char *move_id)
{
	return lease_find(l, move_id) != NULL;
}

/* --- running out --- */

static void
lease_report(struct leases *l, const struct lease *lease)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__LeaseExpired x = WIRE__LEASE_EXPIRED__INIT;

	x.move_id = frame_bytes(lease->move_id);
	x.account_id = lease->step->account_id;
	x.text = frame_bytes(
	    lease->text[0] == '\0' ? "the account was given back" : lease->text);
	m.body_case = WIRE__ENVELOPE__BODY_LEASE_EXPIRED;
	m.lease_expired = &x;
	agent_send(l->agent, &m);
}

void
leases_report(struct leases *l)
{
	for (const struct lease *lease = l->first; lease != NULL; lease = lease->next) {
		if (lease->given_back)
			lease_report(l, lease);
	}
}

static bool
give_back_run(struct work *work)
{
	struct give_back *g = (struct give_back *)work;
	struct err *e = &work->err;
	char home[256];
	char kept[200] = "";

	if (!account_home(g->soap, g->account_id, home, sizeof(home), e))
		return false;
	if (strcasecmp(home, g->host) != 0) {
		snprintf(g->text, sizeof(g->text),
		    "the lease ran out; the home is %.200s by now, nothing was changed",
		    home);
		return true;
	}
	if (!account_lift_lockout(g->soap, g->account_id, e) ||
	    !freeze_restore(
		g->soap, g->account_id, &g->saved, false, kept, sizeof(kept), e))
		return false;
	snprintf(g->text, sizeof(g->text),
	    "no word from the controller for too long: the account was given back%s%s",
	    kept[0] == '\0' ? "" : "; left as an administrator set it: ", kept);
	return true;
}

static void
give_back_done(struct work *work)
{
	struct give_back *g = (struct give_back *)work;
	struct lease *lease = lease_find(g->leases, g->move_id);
	struct err e;

	if (lease != NULL) {
		lease->working = false;
		if (work->ok) {
			lease->given_back = true;
			snprintf(lease->text, sizeof(lease->text), "%s", g->text);
			log_warn(NULL, "move=%s lease ran out: %s", lease->move_id,
			    lease->text);
			if (!lease_write(g->leases, lease, &e))
				log_error(NULL, "%s", e.text);
			lease_report(g->leases, lease);
		} else {
			log_error(NULL,
			    "move=%s the lease ran out and the account cannot be given "
			    "back yet: %s; trying again",
			    lease->move_id, work->err.text);
			lease->until_ms = clock_mono_ms() + TRY_AGAIN_MS;
		}
	}
	soap_client_free(&g->soap);
	free(g);
}

void
frozen_to_saved(const Wire__Frozen *f, struct freeze_saved *out)
{
	memset(out, 0, sizeof(*out));
	if (!frame_copy(&f->status, out->status, sizeof(out->status)) ||
	    !frame_copy(&f->mail_status, out->mail_status, sizeof(out->mail_status)) ||
	    !frame_copy(&f->quota, out->quota, sizeof(out->quota)) ||
	    !frame_copy(&f->receive_over_quota, out->receive_over_quota,
		sizeof(out->receive_over_quota)))
		BUG("a checked message with too long values");
	for (size_t i = 0; i < f->n_data_sources && i < FREEZE_SOURCES_MAX; i++) {
		if (frame_copy(&f->data_sources[i], out->source_ids[out->source_count],
			sizeof(out->source_ids[0])))
			out->source_count++;
	}
}

static void
lease_give_back(struct leases *l, struct lease *lease)
{
	struct give_back *g = XNEW(struct give_back);
	struct err e;

	g->leases = l;
	g->work.run = give_back_run;
	g->work.done = give_back_done;
	snprintf(g->move_id, sizeof(g->move_id), "%s", lease->move_id);
	snprintf(g->host, sizeof(g->host), "%s", l->agent->zimbra.host);
	snprintf(g->account_id, sizeof(g->account_id), "%.*s",
	    (int)lease->step->account_id.len, lease->step->account_id.data);
	frozen_to_saved(lease->step->lease->frozen, &g->saved);
	g->soap = agent_soap(l->agent);
	lease->working = true;
	if (!lease->expired) {
		lease->expired =
		    true; /* on disk first: from now on it cannot be renewed */
		if (!lease_write(l, lease, &e))
			log_error(NULL, "%s", e.text);
	}
	if (work_submit(&l->agent->loop, &g->work, &e))
		return;
	lease->working = false;
	lease->until_ms = clock_mono_ms() + TRY_AGAIN_MS;
	soap_client_free(&g->soap);
	free(g);
}

void
leases_tick(struct leases *l)
{
	uint64_t now = clock_mono_ms();

	for (struct lease *lease = l->first; lease != NULL; lease = lease->next) {
		if (!lease->given_back && !lease->working && now >= lease->until_ms)
			lease_give_back(l, lease);
	}
}

/* --- life --- */

static void
leases_read_boot(struct leases *l)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	snprintf(l->boot, sizeof(l->boot), "unknown");
	if (f == NULL)
		return;
	if (fgets(l->boot, sizeof(l->boot), f) != NULL)
		l->boot[strcspn(l->boot, "\n")] = '\0';
	fclose(f);
}

bool
leases_open(struct agent *a, struct leases **out, struct err *e)
{
	struct leases *l = XNEW(struct leases);
	struct dirent *entry;
	DIR *dir;

	l->agent = a;
	*out = l;
	leases_read_boot(l);
	snprintf(l->dir, sizeof(l->dir), "%s/leases", a->conf->spool_dir);
	if (mkdir(l->dir, 0700) != 0 && errno != EEXIST)
		return err_errno(e, ERR_REFUSED, errno, "%s", l->dir);
	dir = opendir(l->dir);
	if (dir == NULL)
		return err_errno(e, ERR_REFUSED, errno, "%s", l->dir);
	while ((entry = readdir(dir)) != NULL) {
		struct lease *lease;

		if (strchr(entry->d_name, '.') != NULL)
			continue;
		lease = lease_read(l, entry->d_name);
		if (lease == NULL) {
			log_error(NULL,
			    "%s/%s: not readable; look whether its account is still "
			    "locked: zmferry moves",
			    l->dir, entry->d_name);
			continue;
		}
		lease->next = l->first;
		l->first = lease;
	}
	closedir(dir);
	lease_spares_make(l->dir);
	return true;
}

void
leases_free(struct leases **l)
{
	if (*l == NULL)
		return;
	while ((*l)->first != NULL) {
		struct lease *lease = (*l)->first;

		(*l)->first = lease->next;
		lease_free(lease);
	}
	xfree(l);
}
