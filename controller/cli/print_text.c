/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and sentences for people; their layout may change, --json does not.
 * Everything that came from outside (account names, folder names) goes through
 * print_safe, so that a name cannot steer the terminal.
 */
#include "controller/cli/print.h"

#include <stdint.h>
#include <string.h>

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static double
number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static long long
integer_of(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

void
print_safe(FILE *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\x%02x", *p);
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			fprintf(out, "\\x%02x", *++p); /* C1 controls as UTF-8 */
		else
			fputc(*p, out);
	}
}

/* Left-aligned in width columns; counts characters, not bytes. */
static void
print_cell(FILE *out, const char *text, int width)
{
	int columns = 0;

	for (const char *p = text; *p != '\0'; p++)
		columns += ((unsigned char)*p & 0xc0) != 0x80;
	print_safe(out, text);
	for (; columns < width; columns++)
		fputc(' ', out);
	fputs("  ", out);
}

static int
column_width(const json_t *rows, const char *key, int least)
{
	size_t i;
	const json_t *row;
	int widest = least;

	json_array_foreach (rows, i, row) {
		int length = (int)strlen(text_of(row, key));

		if (length > widest)
			widest = length;
	}
	return widest > 48 ? 48 : widest;
}

const char *
print_bytes(double bytes, char *out, size_t size)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
	size_t unit = 0;

	while (bytes >= 1000 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, size, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
	return out;
}

const char *
print_seconds(double seconds, char *out, size_t size)
{
	uint64_t whole = seconds < 0 ? 0 : (uint64_t)(seconds + 0.5);

	if (whole < 60)
		snprintf(out, size, "%llu s", (unsigned long long)whole);
	else if (whole < 3600)
		snprintf(out, size, "%llu min %llu s", (unsigned long long)(whole / 60),
		    (unsigned long long)(whole % 60));
	else
		snprintf(out, size, "%llu h %llu min", (unsigned long long)(whole / 3600),
		    (unsigned long long)(whole % 3600 / 60));
	return out;
}

void
print_status(FILE *out, const json_t *answer)
{
	const json_t *controller = json_object_get(answer, "controller");
	const json_t *jobs = json_object_get(answer, "jobs");
	const json_t *alerts = json_object_get(answer, "alerts");
	char since[32];

	fprintf(out, "controller  %s, epoch %lld, up %s%s\n", text_of(controller, "version"),
	    integer_of(controller, "epoch"),
	    print_seconds(number_of(controller, "uptime_s"), since, sizeof(since)),
	    json_is_true(json_object_get(controller, "read_only"))
	        ? ", READ-ONLY: a restored journal, adopt it with: zmferry-controller --adopt"
	        : "");
	fputc('\n', out);
	print_nodes(out, answer);
	fputc('\n', out);
	if (json_array_size(jobs) == 0)
		fprintf(out, "no job is running\n");
	else
		print_jobs(out, answer);
	if (json_array_size(alerts) > 0) {
		fputc('\n', out);
		print_alerts(out, answer);
	}
}

void
print_nodes(FILE *out, const json_t *answer)
{
	const json_t *nodes = json_object_get(answer, "nodes");
	int width = column_width(nodes, "name", 4);
	const json_t *node;
	char used[24];
	char room[24];
	size_t i;

	print_cell(out, "NODE", width);
	fprintf(out, "%-12s  %9s  %10s  %10s  %s\n", "STATE", "MAILBOXES", "SIZE", "ROOM", "NOTE");
	json_array_foreach (nodes, i, node) {
		print_cell(out, text_of(node, "name"), width);
		fprintf(out, "%-12s  %9lld  %10s  %10s  ", text_of(node, "state"),
		    integer_of(node, "mailboxes"),
		    print_bytes(number_of(node, "bytes"), used, sizeof(used)),
		    print_bytes(number_of(node, "room_bytes"), room, sizeof(room)));
		print_safe(out, text_of(node, "note"));
		fputc('\n', out);
	}
}

static void
print_plan_moves(FILE *out, const json_t *plan)
{
	const json_t *moves = json_object_get(plan, "moves");
	int width = column_width(moves, "account", 7);
	const json_t *move;
	char size[24];
	size_t i;

	json_array_foreach (moves, i, move) {
		fputs("  ", out);
		print_cell(out, text_of(move, "account"), width);
		fprintf(out, "%10s  -> ", print_bytes(number_of(move, "bytes"), size, sizeof(size)));
		print_safe(out, text_of(move, "target"));
		fputc('\n', out);
	}
}

static void
print_plan_targets(FILE *out, const json_t *plan)
{
	const json_t *targets = json_object_get(plan, "targets");
	const json_t *target;
	char before[24];
	char after[24];
	size_t i;

	json_array_foreach (targets, i, target) {
		fputs("  ", out);
		print_cell(out, text_of(target, "node"), 24);
		fprintf(out, "%lld -> %lld mailboxes, %s -> %s\n", integer_of(target, "count_before"),
		    integer_of(target, "count_after"),
		    print_bytes(number_of(target, "bytes_before"), before, sizeof(before)),
		    print_bytes(number_of(target, "bytes_after"), after, sizeof(after)));
	}
}

void
print_plan(FILE *out, const json_t *answer)
{
	const json_t *plan = json_object_get(answer, "plan");
	const json_t *refused = json_object_get(plan, "refused");
	const json_t *notes = json_object_get(plan, "notes");
	const json_t *row;
	char size[24];
	char time[32];
	size_t i;

	fprintf(out, "Plan: %s ", text_of(plan, "kind"));
	print_safe(out, text_of(plan, "node"));
	fprintf(out, ": %lld mailboxes, %s", integer_of(plan, "mailboxes"),
	    print_bytes(number_of(plan, "bytes"), size, sizeof(size)));
	if (number_of(plan, "expected_s") > 0)
		fprintf(out, ", about %s",
		    print_seconds(number_of(plan, "expected_s"), time, sizeof(time)));
	fputs("\n\nMoves\n", out);
	print_plan_moves(out, plan);
	fputs("\nNodes afterwards\n", out);
	print_plan_targets(out, plan);
	if (json_array_size(refused) > 0)
		fputs("\nNot moved\n", out);
	json_array_foreach (refused, i, row) {
		fputs("  ", out);
		print_safe(out, text_of(row, "account"));
		fputs(": ", out);
		print_safe(out, text_of(row, "why"));
		fputc('\n', out);
		if (text_of(row, "next")[0] != '\0') {
			fputs("      next: ", out);
			print_safe(out, text_of(row, "next"));
			fputc('\n', out);
		}
	}
	if (json_array_size(notes) > 0)
		fputs("\nGood to know\n", out);
	json_array_foreach (notes, i, row) {
		fputs("  - ", out);
		print_safe(out, json_string_value(row));
		fputc('\n', out);
	}
}

void
print_progress(FILE *out, const json_t *job)
{
	char done[24];
	char total[24];
	char eta[32];

	fprintf(out, "%s: %lld of %lld mailboxes, %s of %s, %.0f items/s", text_of(job, "state"),
	    integer_of(job, "moves_done"), integer_of(job, "moves_total"),
	    print_bytes(number_of(job, "bytes_done"), done, sizeof(done)),
	    print_bytes(number_of(job, "bytes_total"), total, sizeof(total)),
	    number_of(job, "items_per_s"));
	if (number_of(job, "eta_s") > 0)
		fprintf(out, ", %s left", print_seconds(number_of(job, "eta_s"), eta, sizeof(eta)));
	if (integer_of(job, "lock_p50_ms") > 0)
		fprintf(out, ", lock p50 %lld ms p99 %lld ms", integer_of(job, "lock_p50_ms"),
		    integer_of(job, "lock_p99_ms"));
	if (integer_of(job, "moves_set_aside") > 0)
		fprintf(out, ", %lld set aside", integer_of(job, "moves_set_aside"));
	if (text_of(job, "stall")[0] != '\0') {
		fputs(", waits: ", out);
		print_safe(out, text_of(job, "stall"));
	}
}

void
print_jobs(FILE *out, const json_t *answer)
{
	const json_t *jobs = json_object_get(answer, "jobs");
	const json_t *job;
	size_t i;

	json_array_foreach (jobs, i, job) {
		fprintf(out, "%s  %s ", text_of(job, "id"), text_of(job, "kind"));
		print_safe(out, text_of(job, "node"));
		fputs("  ", out);
		print_progress(out, job);
		fputc('\n', out);
	}
	if (json_array_size(jobs) == 0)
		fputs("no jobs\n", out);
}

void
print_job(FILE *out, const json_t *answer)
{
	const json_t *job = json_object_get(answer, "job");

	fprintf(out, "job      %s\n", text_of(job, "id"));
	fprintf(out, "what     %s ", text_of(job, "kind"));
	print_safe(out, text_of(job, "node"));
	fprintf(out, "\ncreated  %s by ", text_of(job, "created"));
	print_safe(out, text_of(job, "who"));
	fputs("\nstate    ", out);
	print_progress(out, job);
	fputc('\n', out);
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
	print_moves(out, answer);
}

void
print_moves(FILE *out, const json_t *answer)
{
	const json_t *moves = json_object_get(answer, "moves");
	int width = column_width(moves, "account", 7);
	int id_width = column_width(moves, "id", 4);
	const json_t *move;
	size_t i;

	if (json_array_size(moves) == 0) {
		fputs("no moves\n", out);
		return;
	}
	print_cell(out, "MOVE", id_width);
	print_cell(out, "ACCOUNT", width);
	fprintf(out, "%-12s  %8s  %s\n", "STATE", "LOCK ms", "NOTE");
	json_array_foreach (moves, i, move) {
		print_cell(out, text_of(move, "id"), id_width);
		print_cell(out, text_of(move, "account"), width);
		fprintf(out, "%-12s  %8lld  ", text_of(move, "state"), integer_of(move, "lock_ms"));
		print_safe(out, text_of(move, "source"));
		fputs(" -> ", out);
		print_safe(out, text_of(move, "target"));
		if (text_of(move, "verdict")[0] != '\0')
			fprintf(out, ", verdict %s", text_of(move, "verdict"));
		if (text_of(move, "error")[0] != '\0') {
			fputs(": ", out);
			print_safe(out, text_of(move, "error"));
		}
		fputc('\n', out);
	}
}

static void
print_verdict(FILE *out, const json_t *verdict)
{
	const json_t *row;
	char size[24];
	size_t i;

	fprintf(out,
	    "\nVerdict: %s. %lld items listed, %lld equal, %lld explained, %lld missing, "
	    "%lld differing, %lld new on the target; %lld of %lld folders exact; %s\n",
	    json_is_true(json_object_get(verdict, "clean")) ? "clean" : "NOT CLEAN",
	    integer_of(verdict, "listed"), integer_of(verdict, "equal"),
	    integer_of(verdict, "explained"), integer_of(verdict, "missing"),
	    integer_of(verdict, "differing"), integer_of(verdict, "extra"),
	    integer_of(verdict, "folders_exact"), integer_of(verdict, "folders"),
	    print_bytes(number_of(verdict, "bytes"), size, sizeof(size)));
	json_array_foreach (json_object_get(verdict, "differences"), i, row) {
		fprintf(out, "  item %lld (%s): ", integer_of(row, "item"), text_of(row, "type"));
		print_safe(out, text_of(row, "what"));
		if (text_of(row, "known")[0] != '\0') {
			fputs(" [", out);
			print_safe(out, text_of(row, "known"));
			fputc(']', out);
		}
		fputc('\n', out);
	}
	json_array_foreach (json_object_get(verdict, "not_carried"), i, row) {
		fprintf(out, "  not carried: item %lld (%s): ", integer_of(row, "item"),
		    text_of(row, "type"));
		print_safe(out, text_of(row, "why"));
		fputc('\n', out);
	}
}

void
print_explain(FILE *out, const json_t *answer)
{
	const json_t *move = json_object_get(answer, "move");
	const json_t *verdict = json_object_get(move, "verdict_detail");
	const json_t *row;
	size_t i;

	fprintf(out, "Move %s: ", text_of(move, "id"));
	print_safe(out, text_of(move, "account"));
	fputs(", ", out);
	print_safe(out, text_of(move, "source"));
	fputs(" -> ", out);
	print_safe(out, text_of(move, "target"));
	fprintf(out, ", is %s: %s\n", text_of(move, "state"), text_of(move, "holds"));
	json_array_foreach (json_object_get(answer, "journal"), i, row) {
		fprintf(out, "%s  ", text_of(row, "at"));
		if (text_of(row, "to")[0] != '\0')
			fprintf(out, "%s -> %s: ", text_of(row, "from"), text_of(row, "to"));
		print_safe(out, text_of(row, "why"));
		if (text_of(row, "detail")[0] != '\0') {
			fputs(" (", out);
			print_safe(out, text_of(row, "detail"));
			fputc(')', out);
		}
		fputc('\n', out);
	}
	if (json_is_object(verdict))
		print_verdict(out, verdict);
	if (text_of(move, "error")[0] != '\0') {
		fputs("Error: ", out);
		print_safe(out, text_of(move, "error"));
		fputc('\n', out);
	}
	if (text_of(move, "next")[0] != '\0') {
		fputs("Next: ", out);
		print_safe(out, text_of(move, "next"));
		fputc('\n', out);
	}
}

void
print_events(FILE *out, const json_t *answer)
{
	const json_t *row;
	size_t i;

	json_array_foreach (json_object_get(answer, "events"), i, row) {
		fprintf(out, "%s %s ", text_of(row, "at"), text_of(row, "level"));
		print_safe(out, text_of(row, "subject"));
		fputs(": ", out);
		print_safe(out, text_of(row, "text"));
		fputc('\n', out);
	}
}

void
print_alerts(FILE *out, const json_t *answer)
{
	const json_t *row;
	size_t i;

	json_array_foreach (json_object_get(answer, "alerts"), i, row) {
		fprintf(out, "ALERT %s ", text_of(row, "at"));
		print_safe(out, text_of(row, "text"));
		fputs("\n      next: ", out);
		print_safe(out, text_of(row, "next"));
		fputc('\n', out);
	}
	if (json_array_size(json_object_get(answer, "alerts")) == 0)
		fputs("no alerts\n", out);
}
