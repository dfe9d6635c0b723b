/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/presence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/xalloc.h"

#define LOOK_EVERY_MS 60000 /* while nobody is about to be locked */
#define FRESH_MS 2000
#define ANSWER_MS 30000 /* the agent gives mailboxd 20 s */
#define ROWS_MAX 1000000u
#define KEEP_MS (24 * 3600 * 1000ull) /* the longest that somebody may be waited for */

struct presence_node {
	struct presence_node *next;
	char name[LIMIT_NAME + 1];
	uint64_t look; /* asked with last */
	uint64_t asked_ms;
	bool open;		   /* asked and not answered */
	uint64_t ended_ms;	   /* when the last one ended, well or not; 0: none did */
	char why_not[LIMIT_TEXT];  /* the last one told nothing; "" = it did */
	uint64_t list_ms;	   /* when the list came; 0: there is none */
	struct presence_row *rows; /* by account */
	size_t count;
	struct presence_row *fresh; /* being received */
	size_t fresh_count;
	uint32_t next_page;
};

struct presence {
	struct presence_host host;
	struct presence_node *nodes;
	uint64_t looks;
};

struct presence *
presence_new(const struct presence_host *host, uint64_t first_look)
{
	struct presence *p = XNEW(struct presence);

	p->host = *host;
	p->looks = first_look;
	return p;
}

void
presence_free(struct presence **p)
{
	if (*p == NULL)
		return;
	for (struct presence_node *n = (*p)->nodes, *next; n != NULL; n = next) {
		next = n->next;
		free(n->rows);
		free(n->fresh);
		free(n);
	}
	xfree(p);
}

static struct presence_node *
presence_node(struct presence *p, const char *name)
{
	struct presence_node *n = p->nodes;

	while (n != NULL && strcasecmp(n->name, name) != 0)
		n = n->next;
	if (n != NULL)
		return n;
	n = XNEW(struct presence_node);
	snprintf(n->name, sizeof(n->name), "%s", name);
	n->next = p->nodes;
	p->nodes = n;
	return n;
}

/* --- asking --- */

static void
node_drop_fresh(struct presence_node *n)
{
	xfree(&n->fresh);
	n->fresh_count = 0;
	n->next_page = 0;
}

static void
node_failed(struct presence_node *n, const char *why, uint64_t now_ms)
{
	snprintf(n->why_not, sizeof(n->why_not), "%s", why);
	n->open = false;
	n->ended_ms = now_ms;
	node_drop_fresh(n);
}

static void
node_ask(struct presence *p, struct presence_node *n, uint64_t now_ms)
{
	struct err e;

	if (n->open && now_ms - n->asked_ms >= ANSWER_MS)
		node_failed(n, "its agent did not answer in time", now_ms);
	if (n->open || (n->ended_ms != 0 && now_ms - n->ended_ms < FRESH_MS))
		return;
	node_drop_fresh(n);
	n->look = ++p->looks;
	n->asked_ms = now_ms;
	n->open = true;
	if (!p->host.ask(p->host.ctx, n->name, n->look, &e))
		node_failed(n, e.text, now_ms);
}

static int
compare_row(const void *left, const void *right)
{
	return strcasecmp(((const struct presence_row *)left)->account_id,
	    ((const struct presence_row *)right)->account_id);
}

/*
 * A session that is gone (signed out, swept after ten minutes, mailboxd started again) was
 * used all the same: who was seen stays seen.
 */
static void
node_keep_seen(struct presence_node *n, uint64_t now_ms)
{
	size_t told = n->fresh_count;

	if (n->count == 0)
		return;
	n->fresh = xrealloc_array(n->fresh, told + n->count + 1, sizeof(*n->fresh));
	for (size_t i = 0; i < n->count; i++) {
		struct presence_row old = n->rows[i];
		struct presence_row *row =
		    told == 0 ? NULL
			      : bsearch(&old, n->fresh, told, sizeof(old), compare_row);

		if (old.idle_ms >= KEEP_MS)
			continue;
		old.idle_ms += now_ms - n->list_ms;
		if (row == NULL && old.idle_ms < KEEP_MS)
			n->fresh[n->fresh_count++] = old;
		else if (row != NULL && row->idle_ms > old.idle_ms)
			*row = old;
	}
	if (n->fresh_count > told)
		qsort(n->fresh, n->fresh_count, sizeof(*n->fresh), compare_row);
}

bool
presence_take(struct presence *p, const char *node, const struct presence_page *page,
    uint64_t now_ms)
{
	struct presence_node *n = presence_node(p, node);

	if (!n->open || page->look != n->look)
		return false;
	if (page->why_not != NULL || page->page != n->next_page ||
	    n->fresh_count + page->count > ROWS_MAX) {
		node_failed(n,
		    page->why_not != NULL ? page->why_not
					  : "its agent's answer is not whole",
		    now_ms);
		return true;
	}
	n->fresh =
	    xrealloc_array(n->fresh, n->fresh_count + page->count + 1, sizeof(*n->fresh));
	for (size_t i = 0; i < page->count; i++)
		n->fresh[n->fresh_count++] = page->rows[i];
	n->next_page++;
	if (!page->last)
		return false;
	qsort(n->fresh, n->fresh_count, sizeof(*n->fresh), compare_row);
	node_keep_seen(n, now_ms);
	free(n->rows);
	n->rows = n->fresh;
	n->count = n->fresh_count;
	n->fresh = NULL;
	node_drop_fresh(n);
	n->open = false;
	n->why_not[0] = '\0';
	n->list_ms = n->ended_ms = now_ms;
	return true;
}

/* --- judging --- */

static void
say_ago(uint64_t ms, char *out, size_t size)
{
	uint64_t s = ms / 1000;

	if (s < 120)
		snprintf(out, size, "%llu s", (unsigned long long)s);
	else
		snprintf(out, size, "%llu min", (unsigned long long)(s / 60));
}

/* NULL: no session of that account. */
static const struct presence_row *
node_row(const struct presence_node *n, const char *account_id)
{
	struct presence_row key;

	if (n->count == 0)
		return NULL;
	snprintf(key.account_id, sizeof(key.account_id), "%s", account_id);
	return bsearch(&key, n->rows, n->count, sizeof(key), compare_row);
}

/* Was a session of the account used within the time? */
static bool
node_has_seen(const struct presence_node *n, const struct presence_question *q, char *why,
    size_t size)
{
	const struct presence_row *row = node_row(n, q->account_id);
	uint64_t ago = q->now_ms - n->list_ms;
	char text[32];

	if (row == NULL || row->idle_ms >= q->idle_ms || ago + row->idle_ms >= q->idle_ms)
		return false;
	say_ago(ago + row->idle_ms, text, sizeof(text));
	snprintf(why, size, "last seen %s ago by %s", text, row->kind);
	return true;
}

static void
say_unknown(const struct presence_node *n, char *why, size_t size)
{
	if (n->why_not[0] == '\0')
		snprintf(why, size, "node %.150s is being asked who is there", n->name);
	else
		snprintf(why, size,
		    "whether that is so cannot be told: node %.150s: %.250s", n->name,
		    n->why_not);
}

bool
presence_is_away(
    struct presence *p, const struct presence_question *q, char *why, size_t size)
{
	struct presence_node *n = presence_node(p, q->node);
	uint64_t recent = q->idle_ms < LOOK_EVERY_MS ? q->idle_ms : LOOK_EVERY_MS;
	uint64_t age = n->list_ms == 0 ? UINT64_MAX : q->now_ms - n->list_ms;
	char text[32];

	if (age >= recent)
		node_ask(p, n, q->now_ms);
	if (n->list_ms != 0 && node_has_seen(n, q, why, size))
		return false;
	if (q->wrote_ms != 0 && q->now_ms - q->wrote_ms < q->idle_ms) {
		say_ago(q->now_ms - q->wrote_ms, text, sizeof(text));
		snprintf(why, size, "its mailbox has been seen at rest for %s", text);
		return false;
	}
	if (age < (q->age == PRESENCE_FRESH ? FRESH_MS : recent))
		return true;
	node_ask(p, n, q->now_ms);
	say_unknown(n, why, size);
	return false;
}
