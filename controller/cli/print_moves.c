/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs, moves, the story of one, events and alerts, for people. See print_text.c. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/print_private.h"

#define JOB_MOVES 40 /* with more, those that went well are counted only */

static void
print_lock(FILE *out, long long ms)
{
	if (ms <= 0)
		fprintf(out, "%7s  ", "-");
	else
		fprintf(out, "%5.1f s  ", (double)ms / 1000.0);
}

static void
print_figures(FILE *out, const json_t *job)
{
	char done[24];
	char total[24];
	char eta[32];

	fprintf(out, "%s: %lld of %lld mailboxes, %s of %s, %.0f items/s",
	    word_of(job, "state"), integer_of(job, "moves_done"),
	    integer_of(job, "moves_total"),
	    print_bytes(number_of(job, "bytes_done"), done, sizeof(done)),
	    print_bytes(number_of(job, "bytes_total"), total, sizeof(total)),
	    number_of(job, "items_per_s"));
	if (number_of(job, "eta_s") > 0 && text_of(job, "stall")[0] == '\0')
		fprintf(out, ", %s left",
		    print_seconds(number_of(job, "eta_s"), eta, sizeof(eta)));
	if (integer_of(job, "lock_p50_ms") > 0)
		fprintf(out, ", locked %.1f s (p99 %.1f s)",
		    number_of(job, "lock_p50_ms") / 1000.0,
		    number_of(job, "lock_p99_ms") / 1000.0);
	if (integer_of(job, "moves_set_aside") > 0)
		fprintf(out, ", %lld set aside", integer_of(job, "moves_set_aside"));
}

void
print_progress(FILE *out, const json_t *job)
{
	print_figures(out, job);
	if (text_of(job, "stall")[0] != '\0') {
		fputs("; ", out);
		print_safe(out, text_of(job, "stall"));
	}
}

/* The same with what it waits for on a line of its own. */
static void
print_progress_wrapped(FILE *out, const json_t *job, const char *indent)
{
	print_figures(out, job);
	fputc('\n', out);
	if (text_of(job, "stall")[0] != '\0') {
		fputs(indent, out);
		print_safe(out, text_of(job, "stall"));
		fputc('\n', out);
	}
}

void
print_jobs(FILE *out, const json_t *answer)
{
	const json_t *jobs = json_object_get(answer, "jobs");
	const json_t *job;
	size_t i;

	json_array_foreach(jobs, i, job)
	{
		fprintf(out, "%s  %s ", word_of(job, "id"), word_of(job, "kind"));
		print_safe(out, text_of(job, "node"));
		fputs("  ", out);
		print_progress_wrapped(out, job, "      ");
	}
	if (json_array_size(jobs) == 0)
		fputs("no jobs\n", out);
}

static bool
move_went_well(const json_t *move)
{
	return strcmp(text_of(move, "state"), "settled") == 0 &&
	       strcmp(text_of(move, "verdict"), "clean") == 0;
}

static void
print_job_moves(FILE *out, const json_t *answer, const char *id)
{
	const json_t *moves = json_object_get(answer, "moves");
	json_t *rest;
	json_t *shown;
	json_t *move;
	size_t i;

	if (json_array_size(moves) <= JOB_MOVES) {
		print_moves(out, answer);
		return;
	}
	rest = json_array();
	json_array_foreach(moves, i, move)
	{
		if (!move_went_well(move))
			json_array_append(rest, move);
	}
	shown = json_pack("{so}", "moves", rest);
	if (json_array_size(rest) > 0)
		print_moves(out, shown);
	fprintf(out,
	    "%zu that went well are not shown; all of them: zmferry moves --job %s\n",
	    json_array_size(moves) - json_array_size(rest), id);
	json_decref(shown);
}

void
print_job(FILE *out, const json_t *answer)
{
	const json_t *job = json_object_get(answer, "job");

	fprintf(out, "job      %s\n", word_of(job, "id"));
	fprintf(out, "what     %s ", word_of(job, "kind"));
	print_safe(out, text_of(job, "node"));
	fprintf(out, "\ncreated  %s by ", word_of(job, "created"));
	print_safe(out, text_of(job, "who"));
	fputs("\nstate    ", out);
	print_progress_wrapped(out, job, "waits    ");
	if (text_of(job, "reason")[0] != '\0') {
		fputs("reason   ", out);
		print_safe(out, text_of(job, "reason"));
		fputc('\n', out);
	}
	if (text_of(job, "next")[0] != '\0') {
		fputs("next     ", out);
		print_safe(out, text_of(job, "next"));
		fputc('\n', out);
	}
	fputc('\n', out);
	print_job_moves(out, answer, text_of(job, "id"));
}

/* What is wrong stands under its move; said once where many have the same. */
static void
print_move_error(FILE *out, const json_t *move, char *last, size_t last_size)
{
	char *text = NULL;
	size_t size = 0;
	FILE *memory;

	if (text_of(move, "error")[0] == '\0')
		return;
	memory = open_memstream(&text, &size);
	if (memory == NULL)
		return;
	print_without_account(memory, text_of(move, "error"), text_of(move, "account"));
	fclose(memory);
	fprintf(out, "      %s\n", strcmp(text, last) == 0 ? "the same" : text);
	snprintf(last, last_size, "%s", text);
	free(text);
}

void
print_moves(FILE *out, const json_t *answer)
{
	const json_t *moves = json_object_get(answer, "moves");
	int width = column_width(moves, "account", 7);
	int id_width = column_width(moves, "id", 4);
	char last[1024] = "";
	const json_t *move;
	size_t i;

	if (json_array_size(moves) == 0) {
		fputs("no moves\n", out);
		return;
	}
	print_cell(out, "MOVE", id_width);
	print_cell(out, "ACCOUNT", width);
	fprintf(out, "%-11s  %7s  %s\n", "STATE", "LOCKED", "FROM -> TO");
	json_array_foreach(moves, i, move)
	{
		print_cell(out, text_of(move, "id"), id_width);
		print_cell(out, text_of(move, "account"), width);
		fprintf(out, "%-11s  ", word_of(move, "state"));
		print_lock(out, integer_of(move, "lock_ms"));
		print_safe(out, text_of(move, "source"));
		fputs(" -> ", out);
		print_safe(out, text_of(move, "target"));
		if (text_of(move, "verdict")[0] != '\0')
			fprintf(out, ", verdict %s", word_of(move, "verdict"));
		fputc('\n', out);
		print_move_error(out, move, last, sizeof(last));
	}
}

static void
print_count(FILE *out, const json_t *verdict, const char *key, const char *words)
{
	if (integer_of(verdict, key) > 0)
		fprintf(out, ", %lld %s", integer_of(verdict, key), words);
}

static void
print_verdict(FILE *out, const json_t *verdict)
{
	const json_t *row;
	char size[24];
	size_t i;

	fprintf(out, "\nVerdict: %s. %lld items, %s: %lld equal",
	    json_is_true(json_object_get(verdict, "clean")) ? "clean" : "NOT CLEAN",
	    integer_of(verdict, "listed"),
	    print_bytes(number_of(verdict, "bytes"), size, sizeof(size)),
	    integer_of(verdict, "equal"));
	print_count(out, verdict, "explained", "explained");
	print_count(out, verdict, "missing", "MISSING");
	print_count(out, verdict, "differing", "DIFFERING");
	print_count(out, verdict, "extra", "new on the target");
	fprintf(out, "; %lld of %lld folders exact\n",
	    integer_of(verdict, "folders_exact"), integer_of(verdict, "folders"));
	if (integer_of(verdict, "ids_exact") > 0)
		fprintf(out,
		    "  of %lld messages %lld have their old id, %lld their old IMAP "
		    "UID\n",
		    integer_of(verdict, "messages"), integer_of(verdict, "ids_exact"),
		    integer_of(verdict, "uids_exact"));
	if (integer_of(verdict, "ids_exact") > 0 && integer_of(verdict, "validities") > 0)
		fprintf(out,
		    "  of %lld folders that mail programs see %lld have their old "
		    "UIDVALIDITY\n",
		    integer_of(verdict, "validities"),
		    integer_of(verdict, "validities_exact"));
	json_array_foreach(json_object_get(verdict, "differences"), i, row)
	{
		fprintf(out, "  item %lld (%s): ", integer_of(row, "item"),
		    word_of(row, "type"));
		print_safe(out, text_of(row, "what"));
		if (text_of(row, "known")[0] != '\0') {
			fputs(" [", out);
			print_safe(out, text_of(row, "known"));
			fputc(']', out);
		}
		fputc('\n', out);
	}
	json_array_foreach(json_object_get(verdict, "not_carried"), i, row)
	{
		fprintf(out, "  not carried: item %lld (%s): ", integer_of(row, "item"),
		    word_of(row, "type"));
		print_safe(out, text_of(row, "why"));
		fputc('\n', out);
	}
}

/* The advice without "zmferry explain m1; ", which is what is being read. */
static const char *
next_of(const json_t *move)
{
	const char *next = text_of(move, "next");
	char self[64];

	snprintf(self, sizeof(self), "zmferry explain %s; ", word_of(move, "id"));
	return strncmp(next, self, strlen(self)) == 0 ? next + strlen(self) : next;
}

/* Was the target filled before the lock, and why? Not decided: nothing. */
static void
print_seeding(FILE *out, const json_t *move)
{
	if (text_of(move, "seeding_why")[0] == '\0')
		return;
	if (!json_is_true(json_object_get(move, "seeding")))
		fputs("\nnot seeded", out);
	else if (integer_of(move, "seeded") > 0)
		fprintf(out, "\nseeded, %lld messages of which %lld at their old ids",
		    integer_of(move, "seeded"), integer_of(move, "seeded_exact"));
	else if (text_of(move, "verdict")[0] != '\0')
		fputs("\nto be seeded, and nothing was put in before the lock", out);
	else
		fputs("\nto be seeded", out);
	fputs(" (", out);
	print_safe(out, text_of(move, "seeding_why"));
	fputc(')', out);
}

void
print_explain(FILE *out, const json_t *answer)
{
	const json_t *move = json_object_get(answer, "move");
	const json_t *verdict = json_object_get(move, "verdict_detail");
	const json_t *row;
	size_t i;

	fprintf(out, "%s  ", word_of(move, "id"));
	print_safe(out, text_of(move, "account"));
	fputs(": ", out);
	print_safe(out, text_of(move, "source"));
	fputs(" -> ", out);
	print_safe(out, text_of(move, "target"));
	if (json_is_true(json_object_get(move, "taken_back")))
		fputs(" (taken back)", out);
	fprintf(out, "\n%s: %s", word_of(move, "state"), word_of(move, "holds"));
	if (integer_of(move, "lock_ms") > 0)
		fprintf(out, "; it was locked for %.1f s",
		    number_of(move, "lock_ms") / 1000.0);
	if (integer_of(move, "left") > 0)
		fprintf(out, "; %lld older messages still go in",
		    (long long)integer_of(move, "left"));
	if (integer_of(move, "withheld") > 0)
		fprintf(out,
		    "; %lld messages are kept aside, because their owner had emptied "
		    "the folder: zmferry release %s",
		    (long long)integer_of(move, "withheld"), word_of(move, "id"));
	print_seeding(out, move);
	fputs("\n\n", out);
	json_array_foreach(json_object_get(answer, "journal"), i, row)
	{
		fprintf(out, "%s  %-17s  ", word_of(row, "at"), word_of(row, "to"));
		print_safe(out, text_of(row, "why"));
		if (text_of(row, "detail")[0] != '\0') {
			fputs(" (", out);
			print_without_account(
			    out, text_of(row, "detail"), text_of(move, "account"));
			fputc(')', out);
		}
		fputc('\n', out);
	}
	if (json_is_object(verdict))
		print_verdict(out, verdict);
	if (text_of(move, "error")[0] != '\0') {
		fputs("\nerror: ", out);
		print_safe(out, text_of(move, "error"));
		fputc('\n', out);
	}
	if (next_of(move)[0] != '\0') {
		fputs("next: ", out);
		print_safe(out, next_of(move));
		fputc('\n', out);
	}
}

void
print_events(FILE *out, const json_t *answer)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(answer, "events"), i, row)
	{
		fprintf(out, "%s  %-5s  ", word_of(row, "at"), word_of(row, "level"));
		print_safe(out, text_of(row, "subject"));
		fputs(": ", out);
		print_safe(out, text_of(row, "text"));
		fputc('\n', out);
	}
	if (json_array_size(json_object_get(answer, "events")) == 0)
		fputs("no events\n", out);
}
