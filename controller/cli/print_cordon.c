/* SPDX-License-Identifier: Apache-2.0 */
/* What a cordon changed. */
#include <string.h>

#include "controller/cli/print_private.h"

static void
print_names(FILE *out, const json_t *names)
{
	const json_t *name;
	size_t i;

	if (json_array_size(names) == 0)
		fputs("empty (any server)", out);
	json_array_foreach(names, i, name)
	{
		fputs(i == 0 ? "" : ", ", out);
		print_safe(out, json_string_value(name));
	}
}

void
print_cordon(FILE *out, const json_t *answer)
{
	const json_t *pools = json_object_get(answer, "pools");
	const json_t *p;
	size_t i;

	print_safe(out, text_of(answer, "node"));
	fputs(json_is_true(json_object_get(answer, "cordoned"))
		  ? " is cordoned: no new account lands on it\n"
		  : " is not cordoned\n",
	    out);
	json_array_foreach(pools, i, p)
	{
		fputs("  pool of COS ", out);
		print_safe(out, text_of(p, "cos"));
		fputs(": ", out);
		print_names(out, json_object_get(p, "before"));
		fputs(" -> ", out);
		print_names(out, json_object_get(p, "now"));
		if (json_is_true(json_object_get(p, "changed_by_others")))
			fputs("; somebody had changed it meanwhile, that counts", out);
		fputc('\n', out);
	}
	if (text_of(answer, "not_flushed")[0] != '\0') {
		fputs("  an old pool may be in use there for some minutes: ", out);
		print_safe(out, text_of(answer, "not_flushed"));
		fputc('\n', out);
	}
}

void
print_cordons(FILE *out, const json_t *answer)
{
	const json_t *rows = json_object_get(answer, "cordons");
	const json_t *row;
	size_t i;

	if (json_array_size(rows) == 0)
		fputs("no node is cordoned\n", out);
	json_array_foreach(rows, i, row)
	{
		print_safe(out, text_of(row, "node"));
		fputs(", by ", out);
		print_safe(out, text_of(row, "who"));
		fputc('\n', out);
	}
}
