/* SPDX-License-Identifier: Apache-2.0 */
/* People who use zmferry from other machines: their certificates, made and ended. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/cli/commands_private.h"
#include "controller/cli/print.h"
#include "controller/cli/print_private.h"
#include "proto/base/buf.h"
#include "proto/base/xalloc.h"

#define SERVER_CA_MAX 131072

static void
print_operators(FILE *out, const json_t *answer)
{
	const json_t *rows = json_object_get(answer, "operators");
	const json_t *row;
	size_t i;

	if (json_array_size(rows) == 0) {
		fputs("nobody has a certificate; one for you: zmferry operator enroll "
		      "NAME\n",
		    out);
		return;
	}
	json_array_foreach(rows, i, row)
	{
		print_safe(out, text_of(row, "name"));
		fputs(json_is_true(json_object_get(row, "is_over")) ? ": over since "
								    : ": until ",
		    out);
		print_safe(out, text_of(row, "ends"));
		fputs(", made by ", out);
		print_safe(out, text_of(row, "made_by"));
		fputc('\n', out);
	}
}

int
run_operators(struct options *o)
{
	return command_get(o, "/v1/operators", print_operators);
}

/* Read before anything is made: a file that is none costs no certificate. */
static bool
read_server_ca(const char *path, struct buf *out, struct err *e)
{
	char chunk[4096];
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool fits = true;

	while (fd >= 0 && fits && (got = read(fd, chunk, sizeof(chunk))) > 0)
		fits = buf_add(out, chunk, (size_t)got);
	if (fd < 0 || got < 0)
		err_errno(e, ERR_REFUSED, errno, "--server-ca %s", path);
	if (fd >= 0)
		close(fd);
	if (fd < 0 || got < 0)
		return false;
	return (fits && strstr(buf_str(out), "-----BEGIN CERTIFICATE-----") != NULL &&
		   strstr(buf_str(out), "PRIVATE KEY-----") == NULL) ||
	       err_set(e, ERR_REFUSED,
		   "--server-ca %s: is no file of certificates in PEM (and only of "
		   "those)",
		   path);
}

static void
say_enrolled(const struct options *o, const json_t *answer, const char *path)
{
	const char *name = text_of(answer, "name");
	const char *ends = text_of(answer, "ends");

	if (o->json) {
		json_t *said =
		    json_pack("{ssssss}", "name", name, "ends", ends, "file", path);

		print_json(stdout, said, JSON_SORT_KEYS);
		json_decref(said);
		return;
	}
	printf("%s: certificate of operator ", path);
	print_safe(stdout, name);
	fputs(", good until ", stdout);
	print_safe(stdout, ends);
	printf(
	    " (it holds a private key)\nbring it to that person's machine, mode 0400; "
	    "there: zmferry status --controller https://HOST:%lld --certificate FILE\n",
	    (long long)json_integer_value(json_object_get(answer, "port")));
}

int
run_operator_enroll(struct options *o)
{
	json_t *body = json_pack("{ss}", "name", o->argument);
	json_t *answer = NULL;
	char *whole = NULL;
	char *path = NULL;
	struct buf ca;
	struct err e;
	int code = 0;

	buf_init(&ca, SERVER_CA_MAX);
	path =
	    o->out_file != NULL ? xstrdup(o->out_file) : xasprintf("%s.pem", o->argument);
	if (strchr(path, '/') != NULL && o->out_file == NULL)
		err_set(&e, ERR_REFUSED, "\"%s\" is no operator's name", o->argument);
	else if (access(path, F_OK) == 0) /* the one before would end for nothing */
		err_set(&e, ERR_REFUSED,
		    "%s: is there already (move it away, or choose another with --out "
		    "FILE)",
		    path);
	else if ((o->server_ca == NULL || read_server_ca(o->server_ca, &ca, &e)) &&
		 api_call(&o->api, "POST", "/v1/operators", body, &answer, &e)) {
		whole = xasprintf("%s%s", text_of(answer, "bundle"), buf_str(&ca));
		if (command_write_new(path, whole, &e)) {
			say_enrolled(o, answer, path);
			goto out;
		}
	}
	code = command_fail(o, &e);
out:
	if (whole != NULL)
		explicit_bzero(whole, strlen(whole));
	free(whole);
	free(path);
	buf_fini(&ca);
	json_decref(answer);
	json_decref(body);
	return code;
}

int
run_operator_revoke(struct options *o)
{
	char *path = command_path("/v1/operators/", o->argument, "/revoke");
	json_t *answer;
	struct err e;
	bool ok = api_call(&o->api, "POST", path, NULL, &answer, &e);

	free(path);
	if (!ok)
		return command_fail(o, &e);
	if (o->json) {
		print_json(stdout, answer, JSON_SORT_KEYS);
	} else {
		print_safe(stdout, text_of(answer, "name"));
		fputs(": the certificate is good for nothing from now on\n", stdout);
	}
	json_decref(answer);
	return 0;
}
