/* SPDX-License-Identifier: Apache-2.0 */
/* What the examination found: what is wrong first, each with its way out. */
#include <string.h>

#include "controller/cli/print_private.h"

static void
print_level(FILE *out, const json_t *findings, const char *level)
{
	size_t i;
	const json_t *f;

	json_array_foreach(findings, i, f)
	{
		const char *subject = text_of(f, "subject");

		if (strcmp(text_of(f, "level"), level) != 0)
			continue;
		fprintf(out, "%-5s",
		    strcmp(level, "ok") == 0	 ? "ok"
		    : strcmp(level, "warn") == 0 ? "warn"
						 : "FAIL");
		print_safe(out, text_of(f, "check"));
		if (subject[0] != '\0') {
			fputs(", ", out);
			print_safe(out, subject);
		}
		fputs(": ", out);
		print_safe(out, text_of(f, "text"));
		fputc('\n', out);
		if (text_of(f, "next")[0] != '\0') {
			fputs("     -> ", out);
			print_safe(out, text_of(f, "next"));
			fputc('\n', out);
		}
	}
}

void
print_doctor(FILE *out, const json_t *answer)
{
	const json_t *findings = json_object_get(answer, "findings");

	print_level(out, findings, "fail");
	print_level(out, findings, "warn");
	print_level(out, findings, "ok");
	fprintf(out, "%lld checks in order, %lld warnings, %lld failures\n",
	    integer_of(answer, "ok"), integer_of(answer, "warnings"),
	    integer_of(answer, "failures"));
}
