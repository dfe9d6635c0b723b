/* SPDX-License-Identifier: Apache-2.0 */
/* zmferry: finds the command in the table, reads its options, runs it. */
#include <stdlib.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "proto/version.h"

#define EXIT_USAGE 2

static const struct {
	const char *name;
	unsigned bit; /* 0: every command takes it */
	const char *value;
	const char *help;
} option_defs[] = {
	{ "--json", 0, NULL, "print the answer as JSON" },
	{ "--socket", 0, "PATH", "the controller's socket (also ZMFERRY_SOCKET)" },
	{ "--to", OPT_TO, "A,B", "only to these nodes" },
	{ "--wait", OPT_WAIT, NULL, "follow to the end" },
	{ "--yes", OPT_YES, NULL, "do not ask" },
	{ "--dry-run", OPT_DRY_RUN, NULL, "show the plan and stop" },
	{ "--failed", OPT_FAILED, NULL, "only what did not go well" },
	{ "--job", OPT_JOB, "ID", "only of this job" },
	{ "--out", OPT_OUT, "FILE", "where to write" },
};

static void
usage(FILE *out)
{
	fputs("usage: zmferry COMMAND [ARGUMENT] [OPTIONS]\n\n", out);
	for (size_t i = 0; i < command_count; i++) {
		char left[64];

		snprintf(left, sizeof(left), "%s %s", commands[i].words,
		    commands[i].argument == NULL ? "" : commands[i].argument);
		fprintf(out, "  %-22s %s\n", left, commands[i].help);
	}
	fputs("\noptions\n", out);
	for (size_t i = 0; i < ARRAY_LEN(option_defs); i++)
		fprintf(out, "  %-10s %-5s %s\n", option_defs[i].name,
		    option_defs[i].value == NULL ? "" : option_defs[i].value, option_defs[i].help);
	fputs("\nexit codes: 0 done, 1 ran and did not succeed, 2 usage, 3 refused, "
	      "4 unreachable or try later, 5 records damaged\n", out);
}

static int
usage_error(const char *what, const char *word)
{
	fprintf(stderr, "zmferry: %s%s; see: zmferry help\n", what, word);
	return EXIT_USAGE;
}

/* The words before the options must be exactly a command of the table plus its argument. */
static const struct command *
find_command(char **words, int count, struct options *o)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &commands[i];
		char said[128];
		int need = strchr(c->words, ' ') == NULL ? 1 : 2;

		if (count < need)
			continue;
		snprintf(said, sizeof(said), need == 1 ? "%s" : "%s %s", words[0],
		    need == 1 ? "" : words[1]);
		if (strcmp(said, c->words) != 0)
			continue;
		if (count != need + (c->argument != NULL ? 1 : 0)) {
			fprintf(stderr, "zmferry: usage: zmferry %s %s\n", c->words,
			    c->argument == NULL ? "" : c->argument);
			exit(EXIT_USAGE);
		}
		o->argument = c->argument == NULL ? NULL : words[need];
		return c;
	}
	return NULL;
}

static void
set_option(struct options *o, const char *name, const char *value)
{
	const struct {
		const char *name;
		bool *flag;
		const char **text;
	} places[] = {
		{ "--json", &o->json, NULL },
		{ "--socket", NULL, &o->api.socket_path },
		{ "--to", NULL, &o->to },
		{ "--wait", &o->wait, NULL },
		{ "--yes", &o->yes, NULL },
		{ "--dry-run", &o->dry_run, NULL },
		{ "--failed", &o->failed, NULL },
		{ "--job", NULL, &o->job },
		{ "--out", NULL, &o->out_file },
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (strcmp(places[i].name, name) != 0)
			continue;
		if (places[i].flag != NULL)
			*places[i].flag = true;
		else
			*places[i].text = value;
	}
}

/* Takes options out of argv; words_out gets the rest. Returns an exit code, 0 = go on. */
static int
read_options(int argc, char **argv, struct options *o, char **words_out, int *count_out,
    unsigned *used_out)
{
	for (int i = 1; i < argc; i++) {
		size_t d;

		if (strncmp(argv[i], "--", 2) != 0) {
			words_out[(*count_out)++] = argv[i];
			continue;
		}
		for (d = 0; d < ARRAY_LEN(option_defs); d++) {
			if (strcmp(option_defs[d].name, argv[i]) == 0)
				break;
		}
		if (d == ARRAY_LEN(option_defs))
			return usage_error("no such option: ", argv[i]);
		if (option_defs[d].value != NULL && i + 1 == argc)
			return usage_error("a value is missing behind ", argv[i]);
		*used_out |= option_defs[d].bit;
		set_option(o, argv[i], option_defs[d].value == NULL ? NULL : argv[i + 1]);
		i += option_defs[d].value != NULL;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct options o = { .api = { .socket_path = getenv("ZMFERRY_SOCKET") } };
	char **words = calloc((size_t)argc + 1, sizeof(*words));
	const struct command *c;
	unsigned used = 0;
	int count = 0;
	int code;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("zmferry " ZMFERRY_VERSION);
		free(words);
		return 0;
	}
	if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
		usage(argc < 2 ? stderr : stdout);
		free(words);
		return argc < 2 ? EXIT_USAGE : 0;
	}
	code = read_options(argc, argv, &o, words, &count, &used);
	if (code != 0)
		goto out;
	c = find_command(words, count, &o);
	if (c == NULL) {
		code = usage_error("no such command: ", count == 0 ? "(none)" : words[0]);
		goto out;
	}
	if ((used & ~c->options) != 0) {
		code = usage_error("an option does not belong to ", c->words);
		goto out;
	}
	if (o.api.socket_path == NULL)
		o.api.socket_path = API_SOCKET_DEFAULT;
	code = c->run(&o);
out:
	free(words);
	return code;
}
