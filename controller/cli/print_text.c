/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and sentences for people; their layout may change, --json does not.
 * Everything that came from outside (account names, folder names) goes through
 * print_safe, so that a name cannot steer the terminal.
 */
#include "controller/cli/print_private.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/utf8.h"

#define STATUS_ALERTS 5 /* more are for zmferry alerts */
#define PLAN_MOVES 30	/* the largest; more are for --json */

const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

/* Tidied in place: nobody needs its control characters afterwards. */
const char *
word_of(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_string(value))
		return "";
	utf8_tidy((char *)(uintptr_t)json_string_value(value));
	return json_string_value(value);
}

double
number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

long long
integer_of(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static void
print_safe_len(FILE *out, const char *text, size_t length)
{
	const unsigned char *end = (const unsigned char *)text + length;

	for (const unsigned char *p = (const unsigned char *)text; p < end; p++) {
		if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\x%02x", *p);
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			fprintf(out, "\\x%02x", *++p); /* C1 controls as UTF-8 */
		else
			fputc(*p, out);
	}
}

/* jansson escapes what JSON must; DEL and C1, which terminals obey too, it does not. */
void
print_json(FILE *out, const json_t *answer, size_t flags)
{
	char *text = json_dumps(answer, JSON_INDENT(2) | flags);

	for (const unsigned char *p = (const unsigned char *)text;
	     p != NULL && *p != '\0'; p++) {
		if (*p == 0x7f)
			fputs("\\u007f", out);
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			fprintf(out, "\\u00%02x", *++p);
		else
			fputc(*p, out);
	}
	fputc('\n', out);
	free(text);
}

void
print_safe(FILE *out, const char *text)
{
	print_safe_len(out, text, strlen(text));
}

void
print_without_account(FILE *out, const char *text, const char *account)
{
	char prefix[320];
	const char *found;

	snprintf(prefix, sizeof(prefix), "account %.300s: ", account);
	found = strstr(text, prefix);
	if (found == NULL) {
		print_safe(out, text);
		return;
	}
	print_safe_len(out, text, (size_t)(found - text));
	print_safe(out, found + strlen(prefix));
}

/* Left-aligned in width columns; counts characters, not bytes. */
void
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

int
column_width(const json_t *rows, const char *key, int least)
{
	size_t i;
	const json_t *row;
	int widest = least;

	json_array_foreach(rows, i, row)
	{
		int length = (int)strlen(text_of(row, key));

		if (length > widest)
			widest = length;
	}
	return widest > 48 ? 48 : widest;
}

const char *
print_bytes(double bytes, char *out, size_t size)
{
	static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
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

/* The setting, and what is proven for it. */
static void
print_seeding(FILE *out, const json_t *seeding)
{
	const json_t *row;
	size_t i;

	fprintf(out, "seeding     %s", word_of(seeding, "setting"));
	if (json_array_size(json_object_get(seeding, "rehearsed")) == 0)
		fputs(", never rehearsed: zmferry doctor --rehearse", out);
	json_array_foreach(json_object_get(seeding, "rehearsed"), i, row)
	{
		fprintf(out, ", %s on ",
		    json_is_true(json_object_get(row, "proven")) ? "proven"
								 : "NOT PROVEN");
		print_safe(out, text_of(row, "version"));
	}
	fputc('\n', out);
}

void
print_status(FILE *out, const json_t *answer)
{
	const json_t *controller = json_object_get(answer, "controller");
	const json_t *jobs = json_object_get(answer, "jobs");
	const json_t *alerts = json_object_get(answer, "alerts");
	char since[32];

	fprintf(out, "controller  %s, epoch %lld, up %s%s\n",
	    word_of(controller, "version"), integer_of(controller, "epoch"),
	    print_seconds(number_of(controller, "uptime_s"), since, sizeof(since)),
	    json_is_true(json_object_get(controller, "read_only"))
		? ", READ-ONLY: a restored journal, adopt it with: zmferry-controller "
		  "--adopt"
		: "");
	if (text_of(json_object_get(answer, "seeding"), "setting")[0] != '\0')
		print_seeding(out, json_object_get(answer, "seeding"));
	fputc('\n', out);
	print_nodes(out, answer);
	fputc('\n', out);
	if (json_array_size(jobs) == 0)
		fputs("no job is running; earlier ones: zmferry jobs\n", out);
	else
		print_jobs(out, answer);
	if (json_array_size(alerts) > 0) {
		fputc('\n', out);
		print_alerts_some(out, answer, STATUS_ALERTS);
	}
	print_ways(out, answer, true);
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

	if (json_array_size(nodes) == 0) {
		fputs("no agent has called yet; for each node: zmferry enroll NODE, then "
		      "start "
		      "zmferry-agent there\n",
		    out);
		return;
	}
	print_cell(out, "NODE", width);
	fprintf(out, "%-5s  %9s  %9s  %9s  %s\n", "STATE", "MAILBOXES", "SIZE", "ROOM",
	    "NOTE");
	json_array_foreach(nodes, i, node)
	{
		print_cell(out, text_of(node, "name"), width);
		fprintf(out, "%-5s  %9lld  %9s  %9s  ", word_of(node, "state"),
		    integer_of(node, "mailboxes"),
		    print_bytes(number_of(node, "bytes"), used, sizeof(used)),
		    print_bytes(number_of(node, "room_bytes"), room, sizeof(room)));
		if (json_is_true(json_object_get(node, "cordoned")))
			fprintf(out, "cordoned%s",
			    text_of(node, "note")[0] == '\0' ? "" : "; ");
		print_safe(out, text_of(node, "note"));
		if (strcmp(text_of(node, "state"), "away") == 0)
			fputs("; look whether zmferry-agent runs there, its log says why "
			      "it cannot call",
			    out);
		else if (integer_of(node, "old_copies") > 0)
			fprintf(out, "%s%lld of them are old copies, locked out",
			    text_of(node, "note")[0] == '\0' &&
				    !json_is_true(json_object_get(node, "cordoned"))
				? ""
				: "; ",
			    integer_of(node, "old_copies"));
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

	json_array_foreach(moves, i, move)
	{
		if (i == PLAN_MOVES && json_array_size(moves) > PLAN_MOVES + 5) {
			fprintf(out, "  and %zu smaller ones; --json lists all\n",
			    json_array_size(moves) - i);
			break;
		}
		fputs("  ", out);
		print_cell(out, text_of(move, "account"), width);
		fprintf(out, "%10s  -> ",
		    print_bytes(number_of(move, "bytes"), size, sizeof(size)));
		print_safe(out, text_of(move, "target"));
		fputc('\n', out);
	}
}

static void
print_plan_targets(FILE *out, const json_t *plan)
{
	const json_t *targets = json_object_get(plan, "targets");
	int width = column_width(targets, "node", 4);
	const json_t *target;
	char before[24];
	char after[24];
	size_t i;

	json_array_foreach(targets, i, target)
	{
		fputs("  ", out);
		print_cell(out, text_of(target, "node"), width);
		fprintf(out, "%lld -> %lld mailboxes, %s -> %s\n",
		    integer_of(target, "count_before"), integer_of(target, "count_after"),
		    print_bytes(
			number_of(target, "bytes_before"), before, sizeof(before)),
		    print_bytes(number_of(target, "bytes_after"), after, sizeof(after)));
	}
}

/* One advice under all the rows that it is for. */
static void
print_plan_refused(FILE *out, const json_t *refused)
{
	const json_t *row;
	size_t i;

	fputs("\nNot moved\n", out);
	json_array_foreach(refused, i, row)
	{
		const char *next = text_of(row, "next");
		const char *after = text_of(json_array_get(refused, i + 1), "next");

		fputs("  ", out);
		print_safe(out, text_of(row, "account"));
		fputs(": ", out);
		print_without_account(out, text_of(row, "why"), text_of(row, "account"));
		fputc('\n', out);
		if (next[0] == '\0' || strcmp(next, after) == 0)
			continue;
		fputs("      next: ", out);
		print_safe(out, next);
		fputc('\n', out);
	}
}

static void
print_plan_expected(FILE *out, const json_t *expected)
{
	char whole[32];
	char median[32];
	char longest[32];

	if (expected == NULL)
		return;
	fprintf(out, "\nExpected, %s\n  about %s in all; a mailbox is locked about %s, ",
	    json_is_true(json_object_get(expected, "measured"))
		? "by what earlier moves took here"
		: "by what it took on a small machine; nothing was moved here yet",
	    print_seconds(number_of(expected, "seconds"), whole, sizeof(whole)),
	    print_seconds(
		number_of(expected, "lock_median_ms") / 1000, median, sizeof(median)));
	print_safe(out, text_of(expected, "longest"));
	fprintf(out, " longest: about %s\n",
	    print_seconds(
		number_of(expected, "lock_longest_ms") / 1000, longest, sizeof(longest)));
}

/* What speaks against taking the node out, what happens then, what is left to do. */
static void
print_plan_removal(FILE *out, const json_t *plan)
{
	static const struct {
		const char *level, *title;
	} parts[] = {
	    {"blocks", "Before it can be taken out"},
	    {"does", "When it is taken out, zmferry does this too"},
	    {"after", "When it is out"},
	    {"note", "And"},
	};
	const json_t *rows = json_object_get(plan, "removal");
	const json_t *row;
	size_t i;

	if (text_of(plan, "platform")[0] != '\0') {
		fputs("\nContainer\n  ", out);
		print_safe(out, text_of(plan, "platform"));
		fputc('\n', out);
	}
	for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
		bool first = true;

		json_array_foreach(rows, i, row)
		{
			if (strcmp(text_of(row, "level"), parts[part].level) != 0)
				continue;
			if (first)
				fprintf(out, "\n%s\n", parts[part].title);
			first = false;
			fputs("  - ", out);
			print_safe(out, text_of(row, "text"));
			fputc('\n', out);
			if (text_of(row, "next")[0] == '\0')
				continue;
			fputs("      next: ", out);
			print_safe(out, text_of(row, "next"));
			fputc('\n', out);
		}
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
	size_t i;

	fprintf(out, "Plan: %s ", word_of(plan, "kind"));
	print_safe(out, text_of(plan, "node"));
	fprintf(out, ": %lld mailboxes, %s", integer_of(plan, "mailboxes"),
	    print_bytes(number_of(plan, "bytes"), size, sizeof(size)));
	if (json_array_size(refused) > 0)
		fprintf(
		    out, "; %zu cannot go and stay, see below", json_array_size(refused));
	fputc('\n', out);
	if (integer_of(plan, "mailboxes") > 0) {
		fputs("\nMoves\n", out);
		print_plan_moves(out, plan);
		fputs("\nNodes afterwards\n", out);
		print_plan_targets(out, plan);
	}
	if (integer_of(plan, "mailboxes") > 0)
		print_plan_expected(out, json_object_get(plan, "expected"));
	if (json_array_size(refused) > 0)
		print_plan_refused(out, refused);
	print_plan_removal(out, plan);
	if (json_array_size(notes) > 0)
		fputs("\nGood to know\n", out);
	json_array_foreach(notes, i, row)
	{
		fputs("  - ", out);
		print_safe(out, json_string_value(row));
		fputc('\n', out);
	}
}
