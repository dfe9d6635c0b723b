/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zmferry doctor --rehearse: a scratch account is made, moved to another node and back, its old
 * copies are deleted, and so is it. Each time it waits for its lock, and somebody works in it
 * meanwhile: what is filled early must follow. When all goes well: this Zimbra behaves; what that
 * says of seeding the controller remembers. When not, the account stays for looking at, and it
 * is said where it stopped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/cli/commands_private.h"
#include "controller/cli/print.h"
#include "controller/cli/print_private.h"
#include "controller/cli/wait.h"

#define PURGE_POLLS 600 /* two a second */
#define AWAY_POLLS 240	/* of the controller, one after the other */

struct rehearsing {
	struct options *o;
	json_t *made; /* the account and its nodes */
	long long lock_ms[2];
	long long items;
};

static void
pause_half_a_second(void)
{
	struct timespec pause = {.tv_nsec = 500000000L};

	nanosleep(&pause, NULL);
}

/* Copied, and filled if it is to be; or over. */
static bool
is_copied(const json_t *answer)
{
	const json_t *move = json_array_get(json_object_get(answer, "moves"), 0);

	return text_of(json_object_get(answer, "job"), "ended")[0] != '\0' ||
	       (strcmp(text_of(move, "state"), "following") == 0 &&
		   json_is_true(json_object_get(move, "waiting")));
}

/* Until the move waits for its lock, or its job has ended. */
static void
wait_until_copied(struct rehearsing *x, const char *job)
{
	char *path = command_path("/v1/jobs/", job, "");
	int away = 0;
	bool waits = false;

	while (!waits && away < AWAY_POLLS) {
		json_t *answer = NULL;
		struct err e;

		pause_half_a_second();
		away++;
		if (!api_call(&x->o->api, "GET", path, NULL, &answer, &e))
			continue; /* wait_for_job says it if it lasts */
		away = 0;
		waits = is_copied(answer);
		json_decref(answer);
	}
	free(path);
}

/* What its owner might do meanwhile; then it may be locked. */
static bool
work_and_go_on(struct rehearsing *x, const char *job, struct err *e)
{
	json_t *body = json_pack("{ss}", "account_id", text_of(x->made, "account_id"));
	json_t *answer = NULL;
	char *path = command_path("/v1/jobs/", job, "/continue");
	bool worked =
	    api_call(&x->o->api, "POST", "/v1/rehearsal/work", body, &answer, e);
	struct err over;

	json_decref(body);
	json_decref(answer);
	answer = NULL;
	/* Refused when it has ended: its end says why. */
	(void)!api_call(&x->o->api, "POST", path, NULL, &answer, &over);
	json_decref(answer);
	free(path);
	return worked;
}

/* A job of one move, to its end; its verdict must be clean. */
static bool
move_to(struct rehearsing *x, const char *node, int leg, char *job_out, size_t size,
    struct err *e)
{
	json_t *body = json_pack("{sssss[s]ss}", "kind", "move", "node", node, "accounts",
	    text_of(x->made, "account"), "cutover", "go");
	json_t *answer = NULL;
	json_t *move;
	char *path;
	bool worked;
	bool ok = api_call(&x->o->api, "POST", "/v1/jobs", body, &answer, e);

	json_decref(body);
	if (!ok)
		return false;
	snprintf(job_out, size, "%s", text_of(json_object_get(answer, "job"), "id"));
	json_decref(answer);
	printf("%s -> ", leg == 0 ? "there" : "back");
	print_safe(stdout, node);
	printf(", job %s\n", job_out);
	wait_until_copied(x, job_out);
	worked = work_and_go_on(x, job_out, e);
	if (wait_for_job(x->o, job_out) != 0)
		return err_set(e, ERR_REFUSED, "job %s did not go well", job_out);
	if (!worked)
		return false;
	path = command_path("/v1/jobs/", job_out, "");
	ok = api_call(&x->o->api, "GET", path, NULL, &answer, e);
	free(path);
	if (!ok)
		return false;
	move = json_array_get(json_object_get(answer, "moves"), 0);
	x->lock_ms[leg] = integer_of(move, "lock_ms");
	x->items = integer_of(move, "items");
	ok = strcmp(text_of(move, "verdict"), "clean") == 0 ||
	     err_set(e, ERR_REFUSED, "move %s: the verdict is \"%s\"",
		 text_of(move, "id"), text_of(move, "verdict"));
	json_decref(answer);
	return ok;
}

/* How many old copies of the account are left; -1 with e. Each that is kept is asked to go. */
static int
purge_copies(struct rehearsing *x, struct err *e)
{
	json_t *answer = NULL;
	json_t *moves;
	json_t *m;
	size_t i;
	int left = 0;

	if (!api_call(&x->o->api, "GET", "/v1/moves?failed=0", NULL, &answer, e))
		return -1;
	moves = json_object_get(answer, "moves");
	json_array_foreach(moves, i, m)
	{
		json_t *purged = NULL;
		json_t *body;
		char *path;
		struct err busy;

		if (strcmp(text_of(m, "account_id"), text_of(x->made, "account_id")) != 0)
			continue;
		left += strcmp(text_of(m, "old_copy"), "kept") == 0 ||
			strcmp(text_of(m, "old_copy"), "being deleted") == 0;
		if (strcmp(text_of(m, "old_copy"), "kept") != 0)
			continue;
		path = command_path("/v1/moves/", text_of(m, "id"), "/purge");
		body = json_pack("{sbss}", "unclean", false, "confirm", "");
		(void)!api_call(&x->o->api, "POST", path, body, &purged, &busy);
		json_decref(purged);
		json_decref(body);
		free(path);
	}
	json_decref(answer);
	return left;
}

static bool
tidy(struct rehearsing *x, struct err *e)
{
	int left = 1;

	for (int i = 0; i < PURGE_POLLS && left > 0; i++) {
		left = purge_copies(x, e);
		if (left > 0)
			pause_half_a_second();
	}
	if (left > 0)
		return err_set(e, ERR_REFUSED,
		    "%d old copies of it could not be deleted: zmferry moves --failed",
		    left);
	return left == 0;
}

static bool
end_it(struct rehearsing *x, struct err *e)
{
	json_t *body = json_pack("{ss}", "account_id", text_of(x->made, "account_id"));
	json_t *answer = NULL;
	bool ok = api_call(&x->o->api, "POST", "/v1/rehearsal/end", body, &answer, e);

	json_decref(body);
	json_decref(answer);
	return ok;
}

static bool
rehearse_all(struct rehearsing *x, struct err *e)
{
	char job[64];

	return move_to(x, text_of(x->made, "to"), 0, job, sizeof(job), e) &&
	       move_to(x, text_of(x->made, "from"), 1, job, sizeof(job), e) &&
	       tidy(x, e) && end_it(x, e);
}

static const char *
zimbra_of(const json_t *status, const char *node)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(status, "nodes"), i, row)
	{
		if (strcmp(text_of(row, "name"), node) == 0)
			return text_of(row, "zimbra_version");
	}
	return "";
}

/* The last word on the version of a node; false: there is none. */
static bool
tell_proof(const json_t *status, const char *version)
{
	const json_t *row;
	size_t i;

	json_array_foreach(
	    json_object_get(json_object_get(status, "seeding"), "rehearsed"), i, row)
	{
		if (strcmp(text_of(row, "version"), version) != 0)
			continue;
		printf("seeding: %s on Zimbra ",
		    json_is_true(json_object_get(row, "proven")) ? "proven"
								 : "NOT PROVEN");
		print_safe(stdout, version);
		fputs(": ", stdout);
		print_safe(stdout, text_of(row, "text"));
		putchar('\n');
		return true;
	}
	return false;
}

/* What the controller knows of seeding now, of the Zimbra of both nodes. */
static void
tell_seeding(struct rehearsing *x)
{
	json_t *status = NULL;
	const char *from;
	const char *to;
	struct err e;

	if (!api_call(&x->o->api, "GET", "/v1/status", NULL, &status, &e))
		return;
	from = zimbra_of(status, text_of(x->made, "from"));
	to = zimbra_of(status, text_of(x->made, "to"));
	if (strcmp(text_of(json_object_get(status, "seeding"), "setting"), "no") == 0)
		puts("seeding: no, by setting: it was not tried");
	else if (!tell_proof(status, from) ||
		 (strcmp(from, to) != 0 && !tell_proof(status, to)))
		puts("seeding: nothing was learnt of it; why: zmferry events, zmferry "
		     "explain of these moves");
	json_decref(status);
}

int
rehearse(struct options *o)
{
	struct rehearsing x = {.o = o};
	struct err e;
	int code = 0;

	if (!api_call(&o->api, "POST", "/v1/rehearsal", NULL, &x.made, &e))
		return command_fail(o, &e);
	printf("\nRehearsal with ");
	print_safe(stdout, text_of(x.made, "account"));
	printf(" on ");
	print_safe(stdout, text_of(x.made, "from"));
	putchar('\n');
	if (rehearse_all(&x, &e)) {
		printf("this Zimbra behaves: %lld items went there and back, every "
		       "verdict is "
		       "clean, nothing is left; locked %.1f s and %.1f s\n",
		    x.items, (double)x.lock_ms[0] / 1000, (double)x.lock_ms[1] / 1000);
		tell_seeding(&x);
	} else {
		fputs("this Zimbra does not behave as zmferry needs it; the scratch "
		      "account is "
		      "left for looking: ",
		    stdout);
		print_safe(stdout, text_of(x.made, "account"));
		fputs("; delete it: zmprov da ", stdout);
		print_safe(stdout, text_of(x.made, "account"));
		putchar('\n');
		tell_seeding(&x);
		code = command_fail(o, &e);
	}
	json_decref(x.made);
	return code;
}
