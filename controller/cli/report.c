/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job on one page, to be kept: who was moved, what the comparison of every item came to,
 * and what is left to do. Put together from the job's and each move's own answer.
 */
#include <stdlib.h>
#include <string.h>

#include "controller/cli/commands_private.h"
#include "controller/cli/print.h"
#include "controller/cli/print_private.h"

static const char *const counted[] = {
    "listed", "equal", "explained", "missing", "differing", "not_carried_count"};

static long long
counted_of(const json_t *move, const char *key)
{
	return integer_of(json_object_get(move, "verdict_detail"), key);
}

static void
print_totals(FILE *out, const json_t *job, const json_t *moves)
{
	long long sums[ARRAY_LEN(counted)] = {0};
	const json_t *m;
	char size[24];
	size_t i;

	json_array_foreach(moves, i, m)
	{
		for (size_t k = 0; k < ARRAY_LEN(counted); k++)
			sums[k] += counted_of(m, counted[k]);
	}
	fprintf(out,
	    "%lld mailboxes, %s: %lld done, %lld with a clean verdict, %lld set aside\n"
	    "%lld items compared: %lld equal, %lld explained, %lld missing, %lld "
	    "differing, "
	    "%lld not carried\n"
	    "locked for %.1f s, the half of them; %.1f s, all but one of a hundred\n\n",
	    integer_of(job, "moves_total"),
	    print_bytes(number_of(job, "bytes_total"), size, sizeof(size)),
	    integer_of(job, "moves_done"), integer_of(job, "moves_clean"),
	    integer_of(job, "moves_set_aside"), sums[0], sums[1], sums[2], sums[3],
	    sums[4], sums[5], number_of(job, "lock_p50_ms") / 1000,
	    number_of(job, "lock_p99_ms") / 1000);
}

static void
print_row(FILE *out, const json_t *m, int account_width, int target_width)
{
	print_cell(out, text_of(m, "account"), account_width);
	print_cell(out, text_of(m, "target"), target_width);
	fprintf(out, "%8lld %8lld %9lld %7lld %6lld %6.1f  ", counted_of(m, "listed"),
	    counted_of(m, "equal"), counted_of(m, "explained"),
	    counted_of(m, "missing") + counted_of(m, "not_carried_count"),
	    counted_of(m, "differing"), number_of(m, "lock_ms") / 1000);
	print_safe(out, text_of(m, "verdict")[0] != '\0' ? text_of(m, "verdict")
							 : text_of(m, "state"));
	fputc('\n', out);
}

static bool
is_whole(const json_t *m)
{
	return strcmp(text_of(m, "verdict"), "clean") == 0 &&
	       text_of(m, "error")[0] == '\0' && integer_of(m, "withheld") == 0;
}

/* Each in the words of explain, without its history. */
static void
print_open(FILE *out, const json_t *moves)
{
	const json_t *m;
	size_t open = 0;
	size_t i;

	json_array_foreach(moves, i, m)
	{
		json_t *answer;

		if (is_whole(m))
			continue;
		fputs(open++ == 0 ? "\nWhat is left\n\n" : "\n", out);
		answer = json_pack("{sOs[]}", "move", m, "journal");
		print_explain(out, answer);
		json_decref(answer);
	}
	if (open == 0)
		fputs("\nNothing is left to do.\n", out);
}

void
print_report(FILE *out, const json_t *answer)
{
	const json_t *job = json_object_get(answer, "job");
	const json_t *moves = json_object_get(answer, "moves");
	int account_width = column_width(moves, "account", 7);
	int target_width = column_width(moves, "target", 6);
	const json_t *m;
	size_t i;

	fprintf(out, "zmferry %s: %s ", word_of(job, "id"), word_of(job, "kind"));
	print_safe(out, text_of(job, "node"));
	fputs(", asked for by ", out);
	print_safe(out, text_of(job, "who"));
	fprintf(out, "\nfrom %s to %s: %s", word_of(job, "created"),
	    text_of(job, "ended")[0] == '\0' ? "(it goes on)" : word_of(job, "ended"),
	    word_of(job, "state"));
	if (text_of(job, "reason")[0] != '\0') {
		fputs(", ", out);
		print_safe(out, text_of(job, "reason"));
	}
	fputs("\n", out);
	print_totals(out, job, moves);
	print_cell(out, "ACCOUNT", account_width);
	print_cell(out, "TARGET", target_width);
	fprintf(out, "%8s %8s %9s %7s %6s %6s  %s\n", "ITEMS", "EQUAL", "EXPLAINED",
	    "MISSING", "DIFFER", "LOCK", "VERDICT");
	json_array_foreach(moves, i, m) print_row(out, m, account_width, target_width);
	print_open(out, moves);
}

/* Each move as explain has it, with its verdict. */
static bool
report_moves(struct options *o, json_t *report, struct err *e)
{
	json_t *moves = json_object_get(report, "moves");
	bool ok = true;

	for (size_t i = 0; ok && i < json_array_size(moves); i++) {
		char *path = command_path(
		    "/v1/moves/", text_of(json_array_get(moves, i), "id"), "");
		json_t *answer = NULL;

		ok = api_call(&o->api, "GET", path, NULL, &answer, e);
		if (ok)
			json_array_set(moves, i, json_object_get(answer, "move"));
		json_decref(answer);
		free(path);
	}
	return ok;
}

int
run_report(struct options *o)
{
	char *path = command_path("/v1/jobs/", o->argument, "");
	json_t *report = NULL;
	struct err e;
	int code = 0;

	if (!api_call(&o->api, "GET", path, NULL, &report, &e) ||
	    !report_moves(o, report, &e))
		code = command_fail(o, &e);
	else
		command_show(o, report, print_report);
	json_decref(report);
	free(path);
	return code;
}
