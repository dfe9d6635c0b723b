/* SPDX-License-Identifier: Apache-2.0 */
/* zmferry-controller: options, then the daemon or one of its small commands. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/controller.h"
#include "proto/base/log.h"
#include "proto/base/tls.h"
#include "proto/base/xalloc.h"
#include "proto/version.h"

#define IDENTITY_DAYS 365
#define FILES_MAX 8192 /* a link costs one; out of them, nothing is answered any more */

static void
usage(FILE *out)
{
	fputs("usage: zmferry-controller [-c FILE] [-n | --print-config | "
	      "--sample-config | --adopt]\n"
	      "       zmferry-controller [-c FILE] init\n"
	      "       zmferry-controller [-c FILE] enroll NODE FILE\n"
	      "       zmferry-controller [-c FILE] backup FOLDER\n\n"
	      "  -c FILE          configuration (" CONTROLLER_CONF_PATH ")\n"
	      "  -n               check the configuration, LDAP and Zimbra's "
	      "administrator; change nothing\n"
	      "  --print-config   show what is in force and where it came from\n"
	      "  --sample-config  print a configuration to fill in\n"
	      "  --adopt          go on with a journal restored from a backup\n"
	      "  init             make the certificate authority, if there is none, and "
	      "the controller's identity\n"
	      "  enroll           write the identity file of a node's agent\n"
	      "  backup           copy journal, certificate authority and identity into "
	      "a new "
	      "folder; it may run meanwhile\n"
	      "  --version        print the version\n"
	      "  --help           print this\n",
	    out);
}

static int
fail(const struct err *e)
{
	fprintf(stderr, "zmferry-controller: %s\n", e->text);
	return err_exit_code(e->kind);
}

static bool
write_new_file(const char *path, const struct buf *content, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	bool ok;

	if (fd < 0)
		return err_errno(e, ERR_REFUSED, errno,
		    errno == EEXIST ? "%s: is not overwritten; move it away first" : "%s",
		    path);
	ok = write(fd, content->data, content->len) == (ssize_t)content->len &&
	     fsync(fd) == 0;
	if (close(fd) != 0 || !ok)
		return err_errno(e, ERR_RETRY, errno, "%s", path);
	return true;
}

static bool
has_ca(const char *state_dir)
{
	char *path = xasprintf("%s/ca.key", state_dir);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static int
run_init(const struct controller_conf *conf)
{
	char *identity = controller_identity_path(conf);
	struct buf bundle;
	struct err e;
	bool ok;

	buf_init(&bundle, 1024 * 1024);
	if (mkdir(conf->state_dir, 0700) != 0 && errno != EEXIST) {
		err_errno(&e, ERR_REFUSED, errno, "%s", conf->state_dir);
		free(identity);
		return fail(&e);
	}
	/* With a CA there already, only the identity is made: that is how it is renewed. */
	ok =
	    (has_ca(conf->state_dir) ||
		tls_ca_create(conf->state_dir, TLS_CA_DAYS, &e)) &&
	    tls_ca_issue(conf->state_dir, "controller", IDENTITY_DAYS * 2, &bundle, &e) &&
	    write_new_file(identity, &bundle, &e);
	if (ok)
		printf(
		    "%s: certificate authority and identity made; back this folder up\n"
		    "next: start zmferry-controller, then for each mailbox node: zmferry "
		    "enroll NODE --out "
		    "FILE\n",
		    conf->state_dir);
	free(identity);
	buf_fini(&bundle);
	return ok ? 0 : fail(&e);
}

static int
run_enroll(const struct controller_conf *conf, const char *node, const char *path)
{
	char name[TLS_NAME_MAX];
	struct buf bundle;
	struct err e;
	bool ok;

	buf_init(&bundle, 1024 * 1024);
	if (snprintf(name, sizeof(name), "node:%s", node) >= (int)sizeof(name)) {
		err_set(&e, ERR_REFUSED, "node \"%.60s...\": the name is too long", node);
		return fail(&e);
	}
	ok = tls_ca_issue(conf->state_dir, name, IDENTITY_DAYS, &bundle, &e) &&
	     write_new_file(path, &bundle, &e);
	buf_fini(&bundle);
	return ok ? 0 : fail(&e);
}

static int
run_backup(const struct controller_conf *conf, const char *dest)
{
	struct err e;

	if (!journal_backup(conf->state_dir, dest, &e))
		return fail(&e);
	printf(
	    "%s: journal, certificate authority and identity of %s; keep it as secret as "
	    "that folder\n"
	    "to go on with it: put it in that folder's place, then docs/operations.md, "
	    "\"restored backup\"\n",
	    dest, conf->state_dir);
	return 0;
}

struct arguments {
	const char *conf_path;
	bool check;
	bool print;
	bool adopt;
};

/* -1: go on; otherwise the exit code. */
static int
parse_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option longs[] = {
	    {"print-config", no_argument, NULL, 'p'},
	    {"sample-config", no_argument, NULL, 's'},
	    {"adopt", no_argument, NULL, 'a'},
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
		case 'a':
			a->adopt = true;
			break;
		case 's':
			conf_table_print_sample(stdout, &controller_conf_table);
			return 0;
		case 'v':
			puts("zmferry-controller " ZMFERRY_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	return -1;
}

static int
run(int argc, char **argv, const struct arguments *a, const struct controller_conf *conf)
{
	int words = argc - optind;

	if (a->print) {
		conf_table_print(stdout, conf, &controller_conf_table);
		return 0;
	}
	if (a->check) {
		struct err e;

		if (!controller_check(conf, &e))
			return fail(&e);
		puts("configuration OK");
		return 0;
	}
	if (words == 1 && strcmp(argv[optind], "init") == 0)
		return run_init(conf);
	if (words == 3 && strcmp(argv[optind], "enroll") == 0)
		return run_enroll(conf, argv[optind + 1], argv[optind + 2]);
	if (words == 2 && strcmp(argv[optind], "backup") == 0)
		return run_backup(conf, argv[optind + 1]);
	if (words != 0) {
		usage(stderr);
		return 2;
	}
	return controller_run(conf, a->adopt);
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
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_MAX) {
		files.rlim_cur = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int
main(int argc, char **argv)
{
	struct arguments a = {.conf_path = CONTROLLER_CONF_PATH};
	struct controller_conf conf;
	enum log_level level;
	struct buf errors;
	struct err e;
	int code = parse_arguments(argc, argv, &a);

	if (code >= 0)
		return code;
	confine();
	buf_init(&errors, 256 * 1024);
	if (!conf_table_load(
		&conf, sizeof(conf), &controller_conf_table, a.conf_path, &errors, &e)) {
		fputs(buf_str(&errors), stderr);
		buf_fini(&errors);
		return fail(&e);
	}
	buf_fini(&errors);
	if (!log_level_parse(conf.log_level, &level)) {
		err_set(&e, ERR_REFUSED,
		    "%s: log_level \"%s\" is none of error, warn, info, debug",
		    a.conf_path, conf.log_level);
		return fail(&e);
	}
	log_set_level(level);
	code = run(argc, argv, &a, &conf);
	conf_table_free(&conf, &controller_conf_table);
	return code;
}
