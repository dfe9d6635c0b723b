/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of administrators in browsers: an opaque secret, given once, bound to a person
 * and to the origin of the page it was given to, for some minutes. In memory only: after
 * a restart everybody exchanges anew. Loop thread only.
 */
#ifndef API_SESSION_H
#define API_SESSION_H

#include "controller/api/rights.h"

#define SESSION_SECRET_BYTES 32
#define SESSION_SECRET_TEXT (2 * SESSION_SECRET_BYTES + 1)
#define SESSIONS_MAX 256
#define SESSIONS_PER_PERSON 16

struct session {
	char id[40]; /* the person's zimbraId */
	char name[256];
	bool is_global;
	json_t *rights;	  /* as in rights.h */
	char origin[300]; /* of the page; "" = the controller's own */
	uint64_t ends_ms; /* monotonic */
	int64_t ends_wall_ms;
	struct secret *secret;
};

struct sessions;

struct sessions *sessions_new(uint32_t life_s);
void sessions_free(struct sessions **all);
/* The oldest of the person's, or of all, makes room. secret_out is for the answer only. */
const struct session *
sessions_add(struct sessions *all, const struct rights_person *person, const char *origin,
    char secret_out[SESSION_SECRET_TEXT]);
/* NULL = unknown, over, or of another origin. now_ms is monotonic. */
const struct session *sessions_find(
    struct sessions *all, const char *secret, const char *origin, uint64_t now_ms);
void sessions_end(struct sessions *all, const struct session *s);
size_t sessions_count(const struct sessions *all);
/* For the answer: who, which rights, until when. New reference. */
json_t *session_view(const struct session *s);

#endif
