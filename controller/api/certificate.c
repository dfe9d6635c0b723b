/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: a renewed certificate is shown some seconds after its files came to
 * rest. What can go wrong: one of the two is still the old one, cut off, or readable by
 * others; the certificate that is shown stays, an alert says why, and the next change of a
 * file is the next attempt. Not here: TLS (http_tls.c).
 */
#include "controller/api/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/alert/alert.h"
#include "controller/controller.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"

#define PEM_MAX (256 * 1024)
#define LOOK_MS 5000 /* two looks that see the same: nobody is writing any more */
#define SOON_S (14 * 24 * 3600)
#define SUBJECT_END "certificate:api"
#define SUBJECT_FILES "certificate:api:files"

char *
certificate_text(const char *path, bool is_secret, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = xcalloc(1, PEM_MAX + 1);
	size_t length = 0;
	ssize_t got = 0;
	struct stat st = {0};
	bool ok = false;

	while (fd >= 0 && length < PEM_MAX &&
	       (got = read(fd, text + length, PEM_MAX - length)) > 0)
		length += (size_t)got;
	if (fd < 0 || got < 0 || fstat(fd, &st) != 0)
		err_errno(e, ERR_REFUSED, errno, "%s", path);
	else if (is_secret && (st.st_mode & 07777 & ~(mode_t)0640) != 0)
		err_set(e, ERR_REFUSED,
		    "%s: holds a private key and others may read it; run: chmod 0400 %s",
		    path, path);
	else if (length == PEM_MAX || memchr(text, '\0', length) != NULL)
		err_set(e, ERR_REFUSED, "%s: this is no PEM file", path);
	else
		ok = true;
	if (fd >= 0)
		close(fd);
	if (!ok) {
		secret_wipe(text, PEM_MAX);
		xfree(&text);
	}
	return text;
}

bool
certificate_read(
    const struct controller_conf *conf, struct api_identity **out, struct err *e)
{
	char *certificate;
	char *key = NULL;
	bool ok = false;

	if (conf->api_certificate_file == NULL || conf->api_key_file == NULL)
		return err_set(e, ERR_REFUSED,
		    "api_listen_address is set, so api_certificate_file and api_key_file "
		    "must be");
	certificate = certificate_text(conf->api_certificate_file, false, e);
	if (certificate != NULL)
		key = certificate_text(conf->api_key_file, true, e);
	if (key != NULL) {
		ok = api_identity_new(certificate, key, out, e) ||
		     err_wrap(
			 e, "%s and %s", conf->api_certificate_file, conf->api_key_file);
		secret_wipe(key, strlen(key));
	}
	free(certificate);
	free(key);
	return ok;
}

static void
certificate_mark(const struct controller_conf *conf, struct certificate_mark *out)
{
	const char *const paths[] = {conf->api_certificate_file, conf->api_key_file};
	struct stat st;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		if (paths[i] == NULL || stat(paths[i], &st) != 0)
			continue;
		out->files[i].inode = st.st_ino;
		out->files[i].size = st.st_size;
		/* A mode that was mended is a change as well. */
		out->files[i].changed_ns =
		    (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
	}
}

static bool
mark_equal(const struct certificate_mark *a, const struct certificate_mark *b)
{
	for (size_t i = 0; i < ARRAY_LEN(a->files); i++) {
		if (a->files[i].inode != b->files[i].inode ||
		    a->files[i].size != b->files[i].size ||
		    a->files[i].changed_ns != b->files[i].changed_ns)
			return false;
	}
	return true;
}

/* Nearly over, or no more. */
static void
certificate_tell_end(struct controller *c)
{
	int64_t left_s = c->certificate.expires_s - clock_wall_ms() / 1000;
	char days[24];

	if (left_s > SOON_S) {
		alert_clear(c->alerts, SUBJECT_END);
		return;
	}
	snprintf(days, sizeof(days), "%lld", (long long)left_s / 86400);
	alert_raise(c->alerts, ALERT_CERTIFICATE_API, SUBJECT_END,
	    ALERT_FACTS("days", days, "file", c->conf->api_certificate_file));
}

bool
certificate_begin(struct controller *c, struct api_identity **out, struct err *e)
{
	struct certificate_watch *w = &c->certificate;

	/* Marked before it is read: what changes meanwhile is seen at the next look. */
	certificate_mark(c->conf, &w->tried);
	w->seen = w->tried;
	if (!certificate_read(c->conf, out, e))
		return false;
	w->expires_s = api_identity_expires_s(*out);
	w->looked_ms = clock_mono_ms();
	alert_clear(c->alerts, SUBJECT_FILES);
	certificate_tell_end(c);
	return true;
}

static void
certificate_try(struct controller *c)
{
	struct certificate_watch *w = &c->certificate;
	struct api_identity *fresh;
	char until[40];
	struct err e;

	clock_format(w->expires_s * 1000, until, sizeof(until));
	if (!certificate_read(c->conf, &fresh, &e)) {
		snprintf(w->error, sizeof(w->error), "%s", e.text);
		log_error(NULL,
		    "the API's certificate was not read anew: %s; the one before, good "
		    "until %s, "
		    "is still shown",
		    e.text, until);
		alert_raise(c->alerts, ALERT_CERTIFICATE_API_FILE, SUBJECT_FILES,
		    ALERT_FACTS("why", e.text, "until", until));
		return;
	}
	w->error[0] = '\0';
	w->expires_s = api_identity_expires_s(fresh);
	api_server_show(c->web, fresh);
	clock_format(w->expires_s * 1000, until, sizeof(until));
	log_info(NULL, "the API's certificate was read anew; it is good until %s", until);
	alert_clear(c->alerts, SUBJECT_FILES);
}

void
certificate_look(struct controller *c, bool asked)
{
	struct certificate_watch *w = &c->certificate;
	uint64_t now_ms = clock_mono_ms();
	struct certificate_mark now;

	if (c->web == NULL) {
		if (asked)
			log_info(
			    NULL, "nothing to read anew: there is no API over HTTPS");
		return;
	}
	if (!asked && now_ms - w->looked_ms < LOOK_MS)
		return;
	w->looked_ms = now_ms;
	certificate_mark(c->conf, &now);
	/* Two files are not written in one instant: they must have come to rest. */
	if (asked || (!mark_equal(&now, &w->tried) && mark_equal(&now, &w->seen))) {
		w->tried = now;
		certificate_try(c);
	}
	w->seen = now;
	certificate_tell_end(c);
}
