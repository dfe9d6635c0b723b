/* SPDX-License-Identifier: Apache-2.0 */
/* A small array; every secret is compared in constant time, and with every session. */
#include "controller/api/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "proto/base/clock.h"
#include "proto/base/xalloc.h"

struct sessions {
	struct session *rows[SESSIONS_MAX];
	size_t count;
	uint32_t life_s;
};

static void
session_free(struct session **s)
{
	secret_free(&(*s)->secret);
	json_decref((*s)->rights);
	xfree(s);
}

static void
sessions_drop(struct sessions *all, size_t at)
{
	session_free(&all->rows[at]);
	all->rows[at] = all->rows[--all->count];
	all->rows[all->count] = NULL;
}

struct sessions *
sessions_new(uint32_t life_s)
{
	struct sessions *all = XNEW(struct sessions);

	all->life_s = life_s;
	return all;
}

void
sessions_free(struct sessions **all)
{
	if (*all == NULL)
		return;
	while ((*all)->count > 0)
		sessions_drop(*all, 0);
	xfree(all);
}

static void
sessions_expire(struct sessions *all, uint64_t now_ms)
{
	for (size_t i = 0; i < all->count;) {
		if (all->rows[i]->ends_ms <= now_ms)
			sessions_drop(all, i);
		else
			i++;
	}
}

/* Makes room: the one of this person (NULL: of anybody) that ends first goes. */
static void
sessions_make_room(struct sessions *all, const char *id, size_t most)
{
	size_t count = 0;
	size_t oldest = 0;

	for (size_t i = 0; i < all->count; i++) {
		if (id != NULL && strcmp(all->rows[i]->id, id) != 0)
			continue;
		if (count++ == 0 || all->rows[i]->ends_ms < all->rows[oldest]->ends_ms)
			oldest = i;
	}
	if (count >= most)
		sessions_drop(all, oldest);
}

/* From the kernel, as hexadecimal digits. */
static void
session_secret_text(char out[SESSION_SECRET_TEXT])
{
	unsigned char bytes[SESSION_SECRET_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		BUG("the kernel has no random bytes");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	secret_wipe(bytes, sizeof(bytes));
}

const struct session *
sessions_add(struct sessions *all, const struct rights_person *person, const char *origin,
    char secret_out[SESSION_SECRET_TEXT])
{
	struct session *s = XNEW(struct session);

	sessions_expire(all, clock_mono_ms());
	sessions_make_room(all, person->id, SESSIONS_PER_PERSON);
	sessions_make_room(all, NULL, SESSIONS_MAX);
	snprintf(s->id, sizeof(s->id), "%s", person->id);
	snprintf(s->name, sizeof(s->name), "%s", person->name);
	snprintf(s->origin, sizeof(s->origin), "%s", origin);
	s->is_global = person->is_global;
	s->rights = json_incref(person->rights);
	s->ends_ms = clock_mono_ms() + (uint64_t)all->life_s * 1000;
	s->ends_wall_ms = clock_wall_ms() + (int64_t)all->life_s * 1000;
	session_secret_text(secret_out);
	s->secret = secret_new(secret_out, SESSION_SECRET_TEXT - 1);
	all->rows[all->count++] = s;
	return s;
}

const struct session *
sessions_find(
    struct sessions *all, const char *secret, const char *origin, uint64_t now_ms)
{
	const struct session *found = NULL;
	struct secret *given;

	sessions_expire(all, now_ms);
	if (strlen(secret) != SESSION_SECRET_TEXT - 1)
		return NULL;
	given = secret_new(secret, SESSION_SECRET_TEXT - 1);
	for (size_t i = 0; i < all->count; i++) {
		if (secret_equal(all->rows[i]->secret, given))
			found = all->rows[i];
	}
	secret_free(&given);
	return found != NULL && strcmp(found->origin, origin) == 0 ? found : NULL;
}

void
sessions_end(struct sessions *all, const struct session *s)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->rows[i] == s) {
			sessions_drop(all, i);
			return;
		}
	}
}

size_t
sessions_count(const struct sessions *all)
{
	return all->count;
}

json_t *
session_view(const struct session *s)
{
	char ends[40];
	json_t *name = json_string(s->name);

	clock_format(s->ends_wall_ms, ends, sizeof(ends));
	return json_pack("{sssosbsOss}", "id", s->id, "name",
	    name != NULL ? name : json_string("?"), "is_global", s->is_global, "rights",
	    s->rights, "ends", ends);
}
