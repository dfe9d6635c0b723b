/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts and the ways out, for people. See print_text.c. */
#include <stdint.h>

#include "controller/cli/print_private.h"

static void
print_field(FILE *out, const char *title, const char *text)
{
	if (text[0] == '\0')
		return;
	fprintf(out, "      %s: ", title);
	print_safe(out, text);
	fputc('\n', out);
}

static void
print_alert_state(FILE *out, const json_t *row)
{
	const char *by = text_of(row, "acked_by");
	const char *until = text_of(row, "silenced_until");
	const json_t *sent;
	size_t i;

	if (by[0] != '\0') {
		fputs("      acknowledged by ", out);
		print_safe(out, by);
		fprintf(out, " at %s\n", word_of(row, "acked_at"));
	}
	if (until[0] != '\0') {
		fprintf(
		    out, "      silenced until %s by ", word_of(row, "silenced_until"));
		print_safe(out, text_of(row, "silenced_by"));
		fputc('\n', out);
	}
	if (json_is_true(json_object_get(row, "comes_and_goes")))
		fputs("      it comes and goes: told once until it stays\n", out);
	json_array_foreach(json_object_get(row, "sent"), i, sent)
	{
		fputs("      by ", out);
		print_safe(out, text_of(sent, "way"));
		fprintf(out, " at %s: ", word_of(sent, "at"));
		fputs(json_is_true(json_object_get(sent, "ok")) ? "" : "FAILED: ", out);
		print_safe(out, text_of(sent, "text"));
		fputc('\n', out);
	}
}

static void
print_one(FILE *out, const json_t *row, bool whole)
{
	const char *severity = text_of(row, "severity");

	fprintf(out, "%s %s ", severity[0] == '\0' ? "ALERT" : word_of(row, "severity"),
	    word_of(row, "at"));
	if (text_of(row, "subject")[0] != '\0') {
		print_safe(out, text_of(row, "subject"));
		fputs(": ", out);
	}
	print_safe(out, text_of(row, "text"));
	fputc('\n', out);
	if (whole) {
		print_field(out, "means", text_of(row, "meaning"));
		print_field(out, "did", text_of(row, "did"));
	}
	fputs("      next: ", out);
	print_safe(out, text_of(row, "next"));
	fputc('\n', out);
	if (whole)
		print_alert_state(out, row);
	else if (text_of(row, "acked_by")[0] != '\0')
		print_field(out, "acknowledged by", text_of(row, "acked_by"));
}

void
print_alerts_some(FILE *out, const json_t *answer, size_t most)
{
	const json_t *alerts = json_object_get(answer, "alerts");
	const json_t *row;
	size_t i;

	json_array_foreach(alerts, i, row)
	{
		if (i == most) {
			fprintf(out, "and %zu more: zmferry alerts\n",
			    json_array_size(alerts) - i);
			break;
		}
		print_one(out, row, most == SIZE_MAX);
	}
	if (json_array_size(alerts) == 0 && most == SIZE_MAX)
		fputs("no alerts\n", out);
}

void
print_ways(FILE *out, const json_t *answer, bool only_bad)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(answer, "ways"), i, row)
	{
		bool ok = json_is_true(json_object_get(row, "ok"));

		if (ok && only_bad)
			continue;
		fputs("alerts by ", out);
		print_safe(out, text_of(row, "name"));
		fprintf(out, ": %s", ok ? "ok" : "NOT GETTING OUT: ");
		print_safe(out, text_of(row, "text"));
		if (text_of(row, "at")[0] != '\0')
			fprintf(out, ", last at %s", word_of(row, "at"));
		if (integer_of(row, "waiting") > 0)
			fprintf(out, ", %lld waiting", integer_of(row, "waiting"));
		fputs(ok ? "\n" : "\n      next: zmferry alerts test\n", out);
	}
}

void
print_alerts(FILE *out, const json_t *answer)
{
	const json_t *ways = json_object_get(answer, "ways");

	print_alerts_some(out, answer, SIZE_MAX);
	print_ways(out, answer, false);
	if (json_is_array(ways) && json_array_size(ways) == 0)
		fputs("alerts go to the log only: nobody is woken; see alert_mail and "
		      "alert_webhook in zmferry-controller.conf(5)\n",
		    out);
}

void
print_alert(FILE *out, const json_t *answer)
{
	print_one(out, json_object_get(answer, "alert"), true);
}

void
print_alerts_test(FILE *out, const json_t *answer)
{
	const json_t *ways = json_object_get(answer, "ways");
	const json_t *row;
	size_t i;

	json_array_foreach(ways, i, row)
	{
		fprintf(out, "%s ",
		    json_is_true(json_object_get(row, "ok")) ? "ok     " : "FAILED ");
		print_safe(out, text_of(row, "way"));
		fputs(": ", out);
		print_safe(out, text_of(row, "text"));
		fputc('\n', out);
	}
	if (json_array_size(ways) == 0)
		fputs(
		    "no way is configured: alerts go to the log only; see alert_mail and "
		    "alert_webhook in zmferry-controller.conf(5)\n",
		    out);
}
