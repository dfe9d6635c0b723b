/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command of the CLI, in one table: parsing, help and the manual's check come
 * from it. A command runs against the API and prints through print.h.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "controller/cli/api.h"

enum {
	OPT_TO = 1 << 0,
	OPT_WAIT = 1 << 1,
	OPT_YES = 1 << 2,
	OPT_DRY_RUN = 1 << 3,
	OPT_FAILED = 1 << 4,
	OPT_JOB = 1 << 5,
	OPT_OUT = 1 << 6,
	OPT_UNCLEAN = 1 << 7,
	OPT_CONFIRM = 1 << 8,
	OPT_FOR = 1 << 12,
	OPT_VOLUMES = 1 << 13,
	OPT_REHEARSE = 1 << 14,
	OPT_CUTOVER = 1 << 15,
	OPT_LEAVE_MAIL = 1 << 16,
	OPT_CA = 1 << 17,
	OPT_FROM_SPOOL = 1 << 18,
};

struct options {
	struct api api;
	bool json;
	bool wait;
	bool yes;
	bool dry_run;
	bool failed;
	bool help;	/* --help: say how this command is used */
	const char *to; /* "A,B" */
	const char *job;
	const char *out_file;
	bool unclean;
	bool leave_mail;
	bool from_spool;
	bool destroy_volumes;
	bool rehearse;
	const char *confirm;   /* a name, typed out */
	const char *cutover;   /* "go" */
	const char *for_time;  /* "2h" */
	const char *server_ca; /* a file */
	const char *argument;  /* the one word behind the verb, or NULL */
};

struct command {
	const char *words;    /* "job show" */
	const char *argument; /* "ID" or NULL */
	unsigned options;     /* OPT_..., besides --json and --socket */
	const char *help;
	int (*run)(struct options *o); /* exit code */
};

struct option_def {
	const char *name;  /* "--to" */
	unsigned bit;	   /* OPT_...; 0: every command takes it */
	const char *value; /* "A,B"; NULL: it takes none */
	const char *help;
};

extern const struct option_def option_defs[];
extern const size_t option_count;
extern const struct command commands[];
extern const size_t command_count;

/* Prints "zmferry: text" and the next step on stderr; returns the exit code. */
int command_fail(const struct options *o, const struct err *e);

#endif
