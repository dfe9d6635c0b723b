/* SPDX-License-Identifier: Apache-2.0 */
/* zmferry: finds the command in the table, reads its options, runs it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/commands.h"
#include "proto/version.h"

#define EXIT_USAGE 2

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
	for (size_t i = 0; i < option_count; i++)
		fprintf(out, "  %-19s %-5s %s\n", option_defs[i].name,
		    option_defs[i].value == NULL ? "" : option_defs[i].value,
		    option_defs[i].help);
	fputs("\nexit codes: 0 done, 1 ran and did not succeed, 2 usage, 3 refused, "
	      "4 unreachable or try later, 5 records damaged\n",
	    out);
}

static int
usage_error(const char *what, const char *word)
{
	fprintf(stderr, "zmferry: %s%s; see: zmferry help\n", what, word);
	return EXIT_USAGE;
}

/* "usage: zmferry enroll NODE [--out FILE]" and what it does. */
static void
usage_of(FILE *out, const struct command *c)
{
	fprintf(out, "usage: zmferry %s%s%s", c->words, c->argument == NULL ? "" : " ",
	    c->argument == NULL ? "" : c->argument);
	for (size_t i = 0; i < option_count; i++) {
		if ((option_defs[i].bit & c->options) != 0)
			fprintf(out, " [%s%s%s]", option_defs[i].name,
			    option_defs[i].value == NULL ? "" : " ",
			    option_defs[i].value == NULL ? "" : option_defs[i].value);
	}
	fprintf(out, "\n       %s\n", c->help);
}

/* How many of the words are the command's own name; 0 = it is another one. */
static int
command_words(const struct command *c, char **words, int count)
{
	int need = strchr(c->words, ' ') == NULL ? 1 : 2;
	char said[128];

	if (count < need)
		return 0;
	snprintf(said, sizeof(said), need == 1 ? "%s" : "%s %s", words[0],
	    need == 1 ? "" : words[1]);
	return strcmp(said, c->words) == 0 ? need : 0;
}

/* Usage of the command that the words begin, or of all that begin so ("job"); false = none. */
static bool
usage_of_words(FILE *out, char **words, int count)
{
	bool found = false;

	for (size_t i = 0; i < command_count; i++) {
		if (command_words(&commands[i], words, count) > 0) {
			usage_of(out, &commands[i]);
			return true;
		}
	}
	for (size_t i = 0; count > 0 && i < command_count; i++) {
		size_t length = strlen(words[0]);

		if (strncmp(commands[i].words, words[0], length) != 0 ||
		    commands[i].words[length] != ' ')
			continue;
		usage_of(out, &commands[i]);
		found = true;
	}
	return found;
}

/* Letters that differ; swapped neighbours count twice, which is good enough. */
static size_t
word_distance(const char *a, const char *b)
{
	size_t row[32];
	size_t length = strlen(b);

	if (length + 1 > ARRAY_LEN(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[length];
}

static int
no_such_command(char **words, int count)
{
	const char *near = NULL;
	size_t least = 3;

	if (usage_of_words(stderr, words, count))
		return EXIT_USAGE;
	for (size_t i = 0; count > 0 && i < command_count; i++) {
		size_t distance = word_distance(words[0], commands[i].words);

		if (distance < least) {
			least = distance;
			near = commands[i].words;
		}
	}
	fprintf(stderr, "zmferry: no such command: %s%s%s%s; see: zmferry help\n",
	    count == 0 ? "(none)" : words[0], near == NULL ? "" : "; did you mean \"",
	    near == NULL ? "" : near, near == NULL ? "" : "\"?");
	return EXIT_USAGE;
}

/* The words before the options must be exactly a command of the table plus its argument. */
static const struct command *
find_command(char **words, int count, struct options *o)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &commands[i];
		int need = command_words(c, words, count);

		if (need == 0)
			continue;
		if (count != need + (c->argument != NULL ? 1 : 0))
			return NULL;
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
	    {"--json", &o->json, NULL},
	    {"--socket", NULL, &o->api.socket_path},
	    {"--controller", NULL, &o->api.controller},
	    {"--certificate", NULL, &o->api.certificate},
	    {"--server-ca", NULL, &o->server_ca},
	    {"--to", NULL, &o->to},
	    {"--wait", &o->wait, NULL},
	    {"--yes", &o->yes, NULL},
	    {"--dry-run", &o->dry_run, NULL},
	    {"--failed", &o->failed, NULL},
	    {"--job", NULL, &o->job},
	    {"--out", NULL, &o->out_file},
	    {"--even-if-not-clean", &o->unclean, NULL},
	    {"--leave-mail", &o->leave_mail, NULL},
	    {"--from-spool", &o->from_spool, NULL},
	    {"--destroy-volumes", &o->destroy_volumes, NULL},
	    {"--rehearse", &o->rehearse, NULL},
	    {"--confirm", NULL, &o->confirm},
	    {"--cutover", NULL, &o->cutover},
	    {"--for", NULL, &o->for_time},
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

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			o->help = true;
			continue;
		}
		if (argv[i][0] != '-') {
			words_out[(*count_out)++] = argv[i];
			continue;
		}
		for (d = 0; d < option_count; d++) {
			if (strcmp(option_defs[d].name, argv[i]) == 0)
				break;
		}
		if (d == option_count)
			return usage_error("no such option: ", argv[i]);
		if (option_defs[d].value != NULL && i + 1 == argc)
			return usage_error("a value is missing behind ", argv[i]);
		*used_out |= option_defs[d].bit;
		set_option(o, argv[i], option_defs[d].value == NULL ? NULL : argv[i + 1]);
		i += option_defs[d].value != NULL;
	}
	return 0;
}

/* What was said goes before the environment, an address there before a socket there. */
static void
find_controller(struct api *api)
{
	const char *url = getenv("ZMFERRY_CONTROLLER");
	const char *file = getenv("ZMFERRY_CERTIFICATE");
	const char *path = getenv("ZMFERRY_SOCKET");

	if (api->certificate == NULL && file != NULL && file[0] != '\0')
		api->certificate = file;
	if (api->socket_path == NULL && api->controller == NULL && url != NULL &&
	    url[0] != '\0')
		api->controller = url;
	if (api->socket_path == NULL)
		api->socket_path = path != NULL ? path : API_SOCKET_DEFAULT;
}

int
main(int argc, char **argv)
{
	struct options o = {.json = false};
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
	if (argc < 2 || strcmp(argv[1], "help") == 0) {
		usage(argc < 2 ? stderr : stdout);
		free(words);
		return argc < 2 ? EXIT_USAGE : 0;
	}
	code = read_options(argc, argv, &o, words, &count, &used);
	if (code != 0)
		goto out;
	if (o.help) {
		if (!usage_of_words(stdout, words, count))
			usage(stdout);
		goto out;
	}
	c = find_command(words, count, &o);
	if (c == NULL) {
		code = no_such_command(words, count);
		goto out;
	}
	if ((used & ~c->options) != 0) {
		fprintf(stderr, "zmferry: an option does not belong to %s\n", c->words);
		usage_of(stderr, c);
		code = EXIT_USAGE;
		goto out;
	}
	if (o.api.socket_path != NULL && o.api.controller != NULL) {
		code = usage_error(
		    "--socket and --controller are two ways: ", "one of them");
		goto out;
	}
	if (o.api.certificate != NULL && o.api.controller == NULL &&
	    getenv("ZMFERRY_CONTROLLER") == NULL) {
		code =
		    usage_error("--certificate is for an address: ", "--controller URL");
		goto out;
	}
	find_controller(&o.api);
	code = c->run(&o);
	api_fini(&o.api);
out:
	free(words);
	return code;
}
