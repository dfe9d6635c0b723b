/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate that the API shows over HTTPS: read at the start, and anew by SIGHUP or
 * when its files have changed. A pair that cannot be used is told of; the one before stays.
 * Loop thread only.
 */
#ifndef API_CERTIFICATE_H
#define API_CERTIFICATE_H

#include <sys/types.h>

#include "controller/conf.h"
#include "proto/base/err.h"

struct controller;
struct api_identity;

/* Which files these were; all zero: not there. */
struct certificate_mark {
	struct {
		ino_t inode;
		off_t size;
		int64_t changed_ns;
	} files[2];
};

struct certificate_watch {
	struct certificate_mark tried; /* read last, well or not */
	struct certificate_mark seen;  /* at the last look */
	uint64_t looked_ms;
	int64_t expires_s; /* of the one that is shown */
	char error[480];   /* why the files' is not the one that is shown; "" = it is */
};

/* A PEM file's text; free() it, wiped when it is a key. is_secret: refused when others may
   read it. NULL with e. */
char *certificate_text(const char *path, bool is_secret, struct err *e);
/* Reads both files. */
MUST_USE bool certificate_read(
    const struct controller_conf *conf, struct api_identity **out, struct err *e);
/* The first time: from now on its files are watched. */
MUST_USE bool
certificate_begin(struct controller *c, struct api_identity **out, struct err *e);
/* Every few seconds; asked: now, whether they changed or not. Nothing without HTTPS. */
void certificate_look(struct controller *c, bool asked);

#endif
