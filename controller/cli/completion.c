/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The completion of bash, made from the tables of commands and options; zsh runs the same.
 * Names of nodes, jobs and moves are asked of the controller when they are wanted.
 */
#include <string.h>

#include "controller/cli/completion.h"
#include "proto/base/err.h"

/* Arguments whose values the controller knows: which command lists them, by which key. */
static const struct {
	const char *argument, *list, *pattern;
} lists[] = {
    {"NODE", "nodes",
	"\"name\": *\"\\([^\"]*[.][^\"]*\\)\""}, /* probes have names, too */
    {"ID", "jobs", "\"id\": *\"\\(j[0-9]*\\)\""},
    {"MOVE", "moves", "\"id\": *\"\\(m[0-9]*\\)\""},
};

static bool
takes(const struct command *c, const struct option_def *o)
{
	return o->bit == 0 || (o->bit & c->options) != 0;
}

static void
print_options(FILE *out, const struct command *c)
{
	for (size_t i = 0; i < option_count; i++) {
		if (takes(c, &option_defs[i]))
			fprintf(out, " %s", option_defs[i].name);
	}
}

/* "plan", "job": each once. */
static void
print_first_words(FILE *out)
{
	for (size_t i = 0; i < command_count; i++) {
		size_t length = strcspn(commands[i].words, " ");
		bool again = false;

		for (size_t k = 0; k < i && !again; k++)
			again =
			    strncmp(commands[k].words, commands[i].words, length) == 0 &&
			    (commands[k].words[length] == ' ' ||
				commands[k].words[length] == '\0');
		if (!again)
			fprintf(out, " %.*s", (int)length, commands[i].words);
	}
}

/* What may follow a first word: "evacuate", "restore" after "plan". */
static void
print_second_words(FILE *out)
{
	for (size_t i = 0; i < command_count; i++) {
		const char *words = commands[i].words;
		size_t length = strcspn(words, " ");

		if (words[length] == '\0' ||
		    (i > 0 && strncmp(commands[i - 1].words, words, length + 1) == 0))
			continue;
		fprintf(out, "\t\t%.*s) more=\"", (int)length, words);
		for (size_t k = i; k < command_count; k++) {
			if (strncmp(commands[k].words, words, length + 1) == 0)
				fprintf(out, " %s", commands[k].words + length + 1);
		}
		fputs("\" ;;\n", out);
	}
}

static const char *
list_of(const char *argument)
{
	for (size_t i = 0; argument != NULL && i < ARRAY_LEN(lists); i++) {
		if (strcmp(lists[i].argument, argument) == 0)
			return lists[i].list;
	}
	return "";
}

static void
print_commands(FILE *out)
{
	for (size_t i = 0; i < command_count; i++) {
		fprintf(out, "\t\t\"%s\"|\"%s \"*) options=\"", commands[i].words,
		    commands[i].words);
		print_options(out, &commands[i]);
		fprintf(out, "\"; [[ $said != \"%s\" ]] || list=\"%s\" ;;\n",
		    commands[i].words, list_of(commands[i].argument));
	}
}

static void
print_options_with_values(FILE *out)
{
	const char *bar = "";

	for (size_t i = 0; i < option_count; i++) {
		if (option_defs[i].value == NULL)
			continue;
		fprintf(out, "%s%s", bar, option_defs[i].name);
		bar = "|";
	}
}

static void
print_lists(FILE *out)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		fprintf(out,
		    "\t%s) zmferry %s --json 2>/dev/null | sed -n 's/.*%s.*/\\1/p' ;;\n",
		    lists[i].list, lists[i].list, lists[i].pattern);
}

void
print_completion(FILE *out, bool zsh)
{
	if (zsh)
		fputs(
		    "#compdef zmferry\nautoload -Uz bashcompinit && bashcompinit\n", out);
	fputs("# zmferry completion; made by: zmferry completion bash\n"
	      "_zmferry_list()\n{\n\tcase $1 in\n",
	    out);
	print_lists(out);
	fputs("\tesac\n}\n\n_zmferry()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tlocal said= i word more= options= list= skip=\n\n"
	      "\tCOMPREPLY=()\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tword=${COMP_WORDS[i]}\n"
	      "\t\tif [[ -n $skip ]]; then skip=; continue; fi\n"
	      "\t\tcase $word in\n\t\t",
	    out);
	print_options_with_values(out);
	fputs(") skip=1 ;;\n\t\t-*) ;;\n\t\t*) said+=\"${said:+ }$word\" ;;\n"
	      "\t\tesac\n\tdone\n"
	      "\tcase $prev in\n"
	      "\t--to|--confirm) COMPREPLY=($(compgen -W \"$(_zmferry_list nodes)\" -- "
	      "\"$cur\")); return ;;\n"
	      "\t--job) COMPREPLY=($(compgen -W \"$(_zmferry_list jobs)\" -- \"$cur\")); "
	      "return ;;\n"
	      "\t--cutover) COMPREPLY=($(compgen -W \"now go idle\" -- \"$cur\")); "
	      "return ;;\n"
	      "\t--out|--socket|--certificate|--server-ca) COMPREPLY=($(compgen -f -- "
	      "\"$cur\")); return ;;\n"
	      "\tesac\n\tcase $said in\n\t\"\") more=\"",
	    out);
	print_first_words(out);
	fputs("\" ;;\n\t*)\n\t\tcase $said in\n", out);
	print_second_words(out);
	fputs("\t\t*) ;;\n\t\tesac\n\t\tcase $said in\n", out);
	print_commands(out);
	fputs(
	    "\t\t*) [[ -n $more ]] || options=\"--json --socket --controller "
	    "--certificate --help\" ;;\n"
	    "\t\tesac ;;\n\tesac\n"
	    "\tif [[ $cur == -* ]]; then\n"
	    "\t\tCOMPREPLY=($(compgen -W \"$options --help\" -- \"$cur\"))\n"
	    "\telif [[ -n $list ]]; then\n"
	    "\t\tCOMPREPLY=($(compgen -W \"$(_zmferry_list $list) $more\" -- \"$cur\"))\n"
	    "\telse\n"
	    "\t\tCOMPREPLY=($(compgen -W \"$more\" -- \"$cur\"))\n"
	    "\tfi\n}\ncomplete -F _zmferry zmferry\n",
	    out);
}

int
run_completion(struct options *o)
{
	struct err e;

	if (strcmp(o->argument, "bash") == 0 || strcmp(o->argument, "zsh") == 0) {
		print_completion(stdout, o->argument[0] == 'z');
		return 0;
	}
	err_set(&e, ERR_REFUSED,
	    "shell \"%.40s\": there is a completion for bash and for zsh", o->argument);
	return command_fail(o, &e);
}
