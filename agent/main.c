/* SPDX-License-Identifier: Apache-2.0 */
/* zmferry-agent: options, then the daemon; or one of its children. */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/worker/worker.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "proto/version.h"

#define FILES_MAX 4096 /* a stream costs a handful; a leak must not cost the machine */
#define ARENAS 2       /* of malloc; sixteen mostly idle threads need no more */

static void
usage(FILE *out)
{
	fputs("usage: zmferry-agent [-c FILE] [-n | --print-config | --sample-config]\n\n"
	      "  -c FILE          configuration (" AGENT_CONF_PATH ")\n"
	      "  -n               check configuration, identity, Zimbra's files and "
	      "spool; change nothing\n"
	      "  --print-config   show what is in force and where it came from\n"
	      "  --sample-config  print a configuration to fill in\n"
	      "  --version        print the version\n"
	      "  --help           print this\n\n"
	      "Runs in every mailbox container, as user zimbra, until SIGTERM.\n",
	    out);
}

static int
fail(const struct err *e)
{
	fprintf(stderr, "zmferry-agent: %s\n", e->text);
	return err_exit_code(e->kind);
}

struct arguments {
	const char *conf_path;
	bool check;
	bool print;
};

/* -1: go on; otherwise the exit code. */
static int
parse_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option longs[] = {
	    {"print-config", no_argument, NULL, 'p'},
	    {"sample-config", no_argument, NULL, 's'},
	    {"version", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:nh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			a->conf_path = optarg;
			break;
		case 'n':
			a->check = true;
			break;
		case 'p':
			a->print = true;
			break;
		case 's':
			conf_print_sample(stdout, agent_conf_defs, agent_conf_def_count);
			return 0;
		case 'v':
			puts("zmferry-agent " ZMFERRY_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	return -1;
}

static bool
load(const char *path, struct agent_conf *conf, struct err *e)
{
	enum log_level level;
	struct buf errors;
	bool ok;

	buf_init(&errors, 256 * 1024);
	ok = conf_load(
	    conf, sizeof(*conf), agent_conf_defs, agent_conf_def_count, path, &errors, e);
	fputs(buf_str(&errors), stderr);
	buf_fini(&errors);
	if (!ok)
		return false;
	if (!agent_conf_check(conf, path, e))
		return false;
	if (log_level_parse(conf->log_level, &level))
		log_set_level(level);
	if (conf->localconfig == NULL)
		conf->localconfig =
		    xasprintf("%s/conf/localconfig.xml", conf->zimbra_home);
	return true;
}

/* No new rights, no memory for debuggers or core files, files for us alone. */
static void
confine(void)
{
	struct rlimit none = {0, 0};
	struct rlimit files;

	umask(077);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int
run(const struct arguments *a, const struct agent_conf *conf)
{
	char program[4096];
	size_t size = sizeof(program);
	struct err e;

	if (a->print) {
		conf_print(stdout, conf, agent_conf_defs, agent_conf_def_count);
		return 0;
	}
	if (a->check) {
		if (!agent_check(conf, &e))
			return fail(&e);
		puts("configuration OK");
		return 0;
	}
	if (uv_exepath(program, &size) != 0) {
		err_set(&e, ERR_REFUSED,
		    "cannot find out which program this is; is /proc mounted?");
		return fail(&e);
	}
	if (geteuid() == 0)
		log_warn(NULL, "running as root, which this agent neither needs nor "
			       "should have; start it as user zimbra");
	return agent_run(conf, program);
}

int
main(int argc, char **argv)
{
	struct arguments a = {.conf_path = AGENT_CONF_PATH};
	struct agent_conf conf;
	struct err e;
	int code;

	confine();
	if (argc > 1 && strcmp(argv[1], "worker") == 0)
		return worker_main(argc, argv);
	code = parse_arguments(argc, argv, &a);
	if (code >= 0)
		return code;
	mallopt(M_ARENA_MAX, ARENAS);
	if (!load(a.conf_path, &conf, &e))
		return fail(&e);
	code = run(&a, &conf);
	conf_free(&conf, agent_conf_defs, agent_conf_def_count);
	return code;
}
