/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole pass, from a mailboxd that does what facts say it does (lists that stop at a
 * dead id, blobs that are missing or marked, revisions passed over), through the stream,
 * into a spool. What can be had is there, what cannot is named, and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mailbox/spool.h"
#include "proto/base/xalloc.h"
#include "tests/unit/agent/receiver.h"
#include "tests/unit/agent/tarball.h"
#include "tests/unit/proto/zimbra.h"

#define ACCOUNT "b1a3b7a2-0000-4000-8000-000000000001"
#define FIRST 300
#ifdef __SANITIZE_THREAD__ /* a pass takes a tenth of a second there */
#define FLIPS 30
#else
#define FLIPS 120
#endif
#define COUNT_MAX 4000

enum how {
	FINE,
	DEAD,	 /* in the list of record, but ends every list; Sync does not say why */
	DELETED, /* the same, and Sync says that it was deleted */
	MISSING, /* passed over in silence */
	MARKED,	 /* its blob does not match */
	HIDDEN,	 /* by id only, as \Deleted ones */
};

static struct {
	size_t count;
	enum how how[COUNT_MAX];
	uint32_t document;  /* its id; 0 = none */
	unsigned revisions; /* that it has */
	unsigned lost;	    /* bits: which of them the export passes over */
	size_t list_limit;  /* bytes of a URL; 0 = none */
	size_t stop_after;  /* items, then the archive ends well formed; 0 = never */
	bool no_mark;	    /* folders do not come by list= */
	bool marked_stale;  /* Sync since the token: item FIRST changed */
	bool must_resync;
	Wire__StagePass pass;
	bool locked_out;
	struct damage {
		enum { NO_DAMAGE, CUT, CUT_SHORT, FLIP } kind;
		size_t at; /* byte of the archive; the bit is the lowest ones' */
		bool
		    always; /* to every archive that is so long, not to the first alone */
		bool in_content; /* found out: neither in a header nor in padding */
	} damage;
	/* counted */
	unsigned exports, lists;
} box;

static bool
is_document(uint32_t id)
{
	return box.document != 0 && id == box.document;
}

/* --- SOAP --- */

static void
reply_sync(struct server_call *call)
{
	struct buf b;

	buf_init(&b, 0);
	if (strstr(call->body, "token=\"") != NULL && box.must_resync) {
		server_reply(call, 500, FAULT("mail.MUST_RESYNC"));
		return;
	}
	CHECK(buf_add_str(&b, "<Envelope><Body><SyncResponse token=\"77\">"));
	if (strstr(call->body, "token=\"") != NULL) {
		CHECK(buf_add_str(&b, "<deleted ids=\""));
		for (size_t i = 0, n = 0; i < box.count; i++) {
			if (box.how[i] == DELETED)
				CHECK(
				    buf_printf(&b, n++ == 0 ? "%zu" : ",%zu", FIRST + i));
		}
		CHECK(buf_add_str(&b, "\"/>"));
		if (box.marked_stale)
			CHECK(buf_printf(&b, "<m id=\"%d\"/>", FIRST));
	} else {
		CHECK(buf_add_str(&b, "<folder id=\"2\"><m ids=\""));
		for (size_t i = 0, n = 0; i < box.count; i++) {
			if (!is_document((uint32_t)(FIRST + i)))
				CHECK(
				    buf_printf(&b, n++ == 0 ? "%zu" : ",%zu", FIRST + i));
		}
		CHECK(buf_add_str(&b, "\"/></folder>"));
		if (box.document != 0)
			CHECK(
			    buf_printf(&b, "<folder id=\"16\"><doc ids=\"%u\"/></folder>",
				box.document));
	}
	CHECK(buf_add_str(&b, "</SyncResponse></Body></Envelope>"));
	server_reply(call, 200, buf_str(&b));
	buf_fini(&b);
}

static void
reply_revisions(struct server_call *call)
{
	struct buf b;

	buf_init(&b, 0);
	CHECK(buf_add_str(
	    &b, "<Envelope><Body><BatchResponse><ListDocumentRevisionsResponse>"));
	for (unsigned v = box.revisions; v >= 1; v--)
		CHECK(buf_printf(
		    &b, "<doc id=\"%u\" ver=\"%u\" s=\"%u\"/>", box.document, v, v));
	CHECK(buf_add_str(
	    &b, "</ListDocumentRevisionsResponse></BatchResponse></Body></Envelope>"));
	server_reply(call, 200, buf_str(&b));
	buf_fini(&b);
}

static void
reply_soap(struct server_call *call)
{
	static const struct {
		const char *request, *answer;
	} rest[] = {
	    {"<GetFolderRequest",
		ENVELOPE("<GetFolderResponse><folder id=\"1\" name=\"R\">"
			 "<folder id=\"2\" name=\"Inbox\"/></folder>"
			 "</GetFolderResponse>")},
	    {"<GetTagRequest", ENVELOPE("<GetTagResponse/>")},
	    {"<GetMailboxMetadataRequest", ENVELOPE("<GetMailboxMetadataResponse><meta/>"
						    "</GetMailboxMetadataResponse>")},
	    {"<GetLastItemIdInMailboxRequest",
		ENVELOPE("<GetLastItemIdInMailboxResponse>"
			 "<id>9000</id>"
			 "</GetLastItemIdInMailboxResponse>")},
	    {"<GetInfoRequest", ENVELOPE("<GetInfoResponse/>")},
	    {"<GetAllMailboxesRequest",
		ENVELOPE("<GetAllMailboxesResponse more=\"0\"><mbox id=\"5\" "
			 "accountId=\"" ACCOUNT
			 "\" sizeCheckPoint=\"10\"/></GetAllMailboxesResponse>")},
	};

	if (strstr(call->body, "<SyncRequest") != NULL) {
		reply_sync(call);
		return;
	}
	if (strstr(call->body, "<ListDocumentRevisionsRequest") != NULL) {
		reply_revisions(call);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
		if (strstr(call->body, rest[i].request) != NULL) {
			server_reply(call, 200, rest[i].answer);
			return;
		}
	}
	server_reply(call, 500, FAULT("service.UNKNOWN_DOCUMENT"));
}

/* --- REST --- */

static void
put_message(struct buf *tar, uint32_t id)
{
	char name[60], meta[120], err[80], data[8];

	snprintf(data, sizeof(data), "%05u", id);
	snprintf(name, sizeof(name), "Inbox/%010u-x.eml", id);
	snprintf(meta, sizeof(meta),
	    "{\"id\":%u,\"type\":5,\"folder_id\":2,\"size\":5,\"blob_digest\":\"d\"}",
	    id);
	tarball_item(tar, name, meta, data, 5);
	snprintf(err, sizeof(err), "%s.err", name);
	if (box.how[id - FIRST] == MARKED)
		tarball_entry(tar, err, "", 0);
}

/* Revision v has v bytes. */
static void
put_document(struct buf *tar, uint32_t id)
{
	static const char bytes[] = "vvvvvvvvvv";

	for (unsigned v = 1; v <= box.revisions; v++) {
		char name[60], meta[120];

		if ((box.lost >> v & 1) != 0)
			continue;
		snprintf(name, sizeof(name), "Briefcase/n-%05u.txt", v);
		snprintf(meta, sizeof(meta),
		    "{\"id\":%u,\"type\":8,\"folder_id\":16,\"size\":%u,\"blob_digest\":"
		    "\"d%u\"}",
		    id, v, v);
		tarball_item(tar, name, meta, bytes, v);
	}
}

/* One of a list or a query; false: the archive ends here. */
static bool
put_one(struct buf *tar, uint32_t id, bool by_id, size_t *put)
{
	enum how how;

	if (id == 2) {
		if (!box.no_mark)
			tarball_item(tar, "Inbox", "{\"id\":2,\"type\":1}", NULL, 0);
		return true;
	}
	if (id < FIRST || id >= FIRST + box.count)
		return false;
	how = box.how[id - FIRST];
	if (how == DEAD || how == DELETED)
		return !by_id;
	if (how == MISSING || (how == HIDDEN && !by_id))
		return true;
	if (box.stop_after != 0 && *put == box.stop_after)
		return false;
	(*put)++;
	if (is_document(id))
		put_document(tar, id);
	else
		put_message(tar, id);
	return true;
}

/* Is that byte part of what an entry holds? Its checksum does not cover it. */
static bool
is_content(const struct buf *tar, size_t at)
{
	size_t header = 0;

	while (header + 512 <= tar->len && tar->data[header] != '\0') {
		size_t size = strtoul((const char *)tar->data + header + 124, NULL, 8);

		if (at < header + 512 + size)
			return at >= header + 512;
		header += 512 + (size + 511) / 512 * 512;
	}
	return false;
}

/* The bytes that are sent; what the answer's head says of them is another matter. */
static size_t
spoil(struct buf *tar)
{
	struct damage *d = &box.damage;
	enum { HERE, NOT_HERE } where = d->at < tar->len ? HERE : NOT_HERE;

	if (d->kind == NO_DAMAGE || where == NOT_HERE ||
	    (!d->always && box.exports + box.lists > 1))
		return tar->len;
	if (d->kind != FLIP)
		return d->at;
	d->in_content = is_content(tar, d->at);
	tar->data[d->at] ^= (uint8_t)(1 << d->at % 8);
	return tar->len;
}

static void
reply_rest(struct server_call *call)
{
	const char *list = strstr(call->request, "&list=");
	const char *end = strstr(call->request, " HTTP/1.1");
	size_t put = 0, send;
	struct buf tar;
	char head[100];

	if (box.locked_out) {
		server_reply(call, 404, "no");
		return;
	}
	if (list != NULL && box.list_limit != 0 &&
	    (size_t)(end - list) > box.list_limit) {
		server_reply(call, 414, "too long");
		return;
	}
	buf_init(&tar, 0);
	box.exports += list == NULL;
	box.lists += list != NULL;
	if (list == NULL) {
		for (size_t i = 0; i < box.count; i++) {
			if (!put_one(&tar, (uint32_t)(FIRST + i), false, &put))
				break;
		}
	} else {
		for (const char *p = list + 6; p < end;) {
			char *next;
			uint32_t id = (uint32_t)strtoul(p, &next, 10);

			if (!put_one(&tar, id, true, &put))
				break;
			p = *next == ',' ? next + 1 : end;
		}
	}
	if (tar.len == 0) {
		server_send(call, "HTTP/1.1 204 No Content\r\n\r\n", 27);
	} else {
		tarball_end(&tar);
		send = spoil(&tar);
		/* Before the answer is out: then the box is the test's again. */
		call->end = box.damage.kind == CUT_SHORT && send < tar.len;
		snprintf(head, sizeof(head),
		    "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
		    box.damage.kind == CUT_SHORT ? tar.len : send);
		server_send(call, head, strlen(head));
		server_send(call, tar.data, send);
	}
	buf_fini(&tar);
}

static void
answer(struct server_call *call)
{
	if (strncmp(call->request, "GET ", 4) == 0)
		reply_rest(call);
	else
		reply_soap(call);
}

/* --- a pass --- */

static Wire__StepResult result;

static int
begin(void **state)
{
	memset(&box, 0, sizeof(box));
	zimbra_begin(answer);
	return set_up(state);
}

static int
end(void **state)
{
	(void)state;
	zimbra_end();
	return 0;
}

static bool
run(struct err *e)
{
	struct receiver r = {0};
	struct sender sender;
	bool ok;

	receiver_start(&r);
	sender_init(&sender, r.port);
	sender.op.pass = box.pass;
	sender.op.above = FIRST + box.count;
	sender.w.soap = zimbra.client;
	sender.w.client.soap = zimbra.client;
	snprintf(sender.w.account_id, sizeof(sender.w.account_id), ACCOUNT);
	wire__step_result__init(&result);
	sender.w.result = &result;
	box.exports = box.lists = 0;
	ok = worker_export(&sender.w, e);
	receiver_end(&r);
	return ok;
}

static void
must_run(size_t listed, size_t staged, size_t lacking)
{
	struct err e;

	if (!run(&e))
		fail_msg("%s", e.text);
	CHECK_INT(result.facts_case, WIRE__STEP_RESULT__FACTS_STAGE);
	CHECK_INT(result.stage->listed, listed);
	CHECK_INT(result.stage->staged, staged);
	CHECK_INT(result.stage->lacking_count, lacking);
	CHECK_INT(result.stage->n_lacking, lacking < 100 ? lacking : 100);
	CHECK(frame_equal(&result.stage->token, "77"));
}

/* Exactly the fine ones are held. */
static void
check_held(void)
{
	struct spool_item item;
	struct spool *s;
	struct err e;

	CHECK(spool_open(spool_dir, MOVE, true, &s, &e));
	for (size_t i = 0; i < box.count; i++) {
		bool there = spool_find(s, (uint32_t)(FIRST + i), &item);

		if (is_document((uint32_t)(FIRST + i)))
			continue;
		if (there != (box.how[i] == FINE || box.how[i] == HIDDEN))
			fail_msg("item %zu", FIRST + i);
	}
	spool_close(&s);
}

static void
check_lacking(size_t at, uint32_t id, const char *part)
{
	char *why = frame_string(&result.stage->lacking[at]->why);

	CHECK_INT(result.stage->lacking[at]->item_id, id);
	CHECK_HAS(why, part);
	free(why);
}

static void
test_small(void **state)
{
	(void)state;
	box.count = 50;
	must_run(50, 50, 0);
	CHECK(box.exports == 0 && box.lists == 1);
	CHECK_INT(result.stage->sent, 50);
	CHECK_INT(result.stage->last_item_id, 9000);
	CHECK(result.stage->row->present);
	check_held();
	CHECK(result.stage->wrote); /* who knows what was before */
	CHECK(result.stage->wrote_ago_ms < 60000);
	must_run(50, 50, 0); /* nothing new: nothing is asked */
	CHECK(box.exports == 0 && box.lists == 0);
	CHECK(!result.stage->wrote);
	box.marked_stale = true;
	must_run(50, 50, 0);
	CHECK_INT(result.stage->sent, 1);
	CHECK(result.stage->wrote);
	box.must_resync = true;
	must_run(50, 50, 0);
	CHECK_INT(result.stage->sent, 50);
	CHECK(result.stage->wrote);
}

/* A node that was dead: what is held is in a mailbox, so what changed is named, each time. */
static void
test_what_a_dead_node_left(void **state)
{
	(void)state;
	box.count = 50;
	must_run(50, 50, 0);
	box.pass = WIRE__STAGE_PASS__PASS_LEFT;
	box.marked_stale = true;
	box.count = 53;
	for (int i = 0; i < 2; i++) {
		must_run(53, 53, 1);
		CHECK_INT(result.stage->sent, i == 0 ? 3 : 0);
		check_lacking(0, FIRST, "changed or deleted");
	}
	/* Who cannot say what changed does not say that nothing did. */
	box.must_resync = true;
	must_run(53, 53, 1);
	CHECK_INT(result.stage->sent, 0);
	check_lacking(0, 0, "cannot say");
}

static void
test_large(void **state)
{
	(void)state;
	box.count = 3000;
	for (size_t i = 7; i < box.count; i += 500)
		box.how[i] = HIDDEN;
	must_run(3000, 3000, 0);
	CHECK(box.exports == 1 && box.lists == 1);
	check_held();
	memset(box.how, 0, sizeof(box.how));
	box.count = 3700; /* few of many: no export of everything */
	must_run(3700, 3700, 0);
	CHECK(box.exports == 0 && box.lists == 1);
	check_held();
}

static void
test_dead_and_deleted(void **state)
{
	(void)state;
	box.count = 120;
	box.how[3] = DELETED;
	for (size_t i = 20; i < 60; i++)
		box.how[i] = DELETED; /* a folder emptied between Sync and export */
	box.how[70] = DEAD;
	box.how[119] = DEAD;
	must_run(120, 77, 2); /* what was deleted is nobody's lack */
	check_lacking(0, FIRST + 70, "its export fails");
	check_lacking(1, FIRST + 119, "its export fails");
	CHECK(box.lists < 12);
	check_held();
}

static void
test_blobs(void **state)
{
	(void)state;
	box.count = 60;
	box.how[0] = box.how[59] = MISSING;
	box.how[10] = MARKED;
	must_run(60, 57, 3);
	check_lacking(0, FIRST, "zmblobchk");
	check_lacking(1, FIRST + 10, "does not match");
	check_lacking(2, FIRST + 59, "probably missing");
	CHECK_INT(box.lists, 1); /* the mark says that there is no more */
	check_held();
	box.how[0] = FINE; /* repaired: the next pass brings it */
	must_run(60, 58, 2);
	CHECK_INT(result.stage->sent, 1);
	check_held();
}

static void
test_a_volume_is_gone(void **state)
{
	(void)state;
	box.count = 2500;
	for (size_t i = 0; i < 2400; i++)
		box.how[i] = MISSING;
	must_run(2500, 100, 2400);
	CHECK(box.exports == 1 && box.lists == 3);
	check_held();
}

static void
test_everything_at_once(void **state)
{
	(void)state;
	box.count = 400;
	for (size_t i = 0; i < box.count; i++)
		box.how[i] = (enum how)(i * 7 % 61 % 6 == 0 ? i % 6 : FINE);
	for (size_t i = 0; i < box.count; i++)
		if (box.how[i] == DEAD && i % 3 != 0)
			box.how[i] = FINE;
	size_t fine = 0, lacking = 0;

	for (size_t i = 0; i < box.count; i++) {
		fine += box.how[i] == FINE || box.how[i] == HIDDEN;
		lacking +=
		    box.how[i] == DEAD || box.how[i] == MISSING || box.how[i] == MARKED;
	}
	CHECK(fine > 300 && lacking > 10);
	must_run(400, fine, lacking);
	check_held();
}

/* A server that never lets the mark through is slower, not wrong. */
static void
test_without_mark(void **state)
{
	(void)state;
	box.count = 30;
	box.no_mark = true;
	box.how[5] = MISSING;
	box.how[9] = DEAD;
	must_run(30, 28, 2);
	check_held();
}

static void
test_server_that_stops(void **state)
{
	(void)state;
	box.count = 40;
	for (size_t stop = 1; stop < 10; stop += 4) {
		set_up(NULL);
		box.stop_after = stop;
		must_run(40, 40, 0);
		check_held();
	}
}

static void
test_url_too_long(void **state)
{
	(void)state;
	box.count = 150;
	box.list_limit = 100;
	must_run(150, 150, 0);
	check_held();
	CHECK(box.lists >= 6);
}

static void
test_locked_out(void **state)
{
	struct err e;

	(void)state;
	box.count = 5;
	box.locked_out = true;
	CHECK(!run(&e));
	CHECK_INT(e.kind, ERR_RETRY);
	CHECK_HAS(e.text, "locked out");
	CHECK_INT(result.facts_case, WIRE__STEP_RESULT__FACTS__NOT_SET);
	box.locked_out = false;
	must_run(5, 5, 0);
}

static void
check_document(unsigned current, unsigned earlier)
{
	struct spool_item item, before;
	struct spool *s;
	struct err e;
	bool there;

	CHECK(spool_open(spool_dir, MOVE, true, &s, &e));
	there = spool_find(s, box.document, &item);
	CHECK_INT(there, current != 0);
	if (there) {
		CHECK_INT(item.data_bytes, current);
		for (; spool_revision(s, &item, &before); item = before)
			earlier--;
		CHECK_INT(earlier, 0);
	}
	spool_close(&s);
}

static void
test_documents(void **state)
{
	(void)state;
	box.count = 10;
	box.document = FIRST + 4;
	box.revisions = 3;
	must_run(10, 10, 0);
	check_document(3, 2);
	/* An earlier one is gone: the rest is carried, and it is said, by every pass. */
	set_up(NULL);
	box.lost = 1 << 2;
	for (int i = 0; i < 2; i++) {
		must_run(10, 10, 1);
		check_lacking(0, box.document, "earlier revision");
		check_document(3, 1);
	}
	/* The current one is gone: an older one is not the document. */
	set_up(NULL);
	box.lost = 1 << 3;
	for (int i = 0; i < 2; i++) {
		must_run(10, 9, 1);
		check_lacking(0, box.document, "probably missing");
		check_document(0, 0);
	}
	box.lost = 0;
	must_run(10, 10, 0);
	check_document(3, 2);
	/* The archive ends behind it, or in it: not trusted, asked again. */
	set_up(NULL);
	box.count = 5;
	box.no_mark = true;
	must_run(5, 4, 1);
}

/* --- damaged archives --- */

/* How many of the held messages are not what they should be. */
static size_t
count_wrong(void)
{
	struct spool_item item;
	struct spool *s;
	struct err e;
	size_t wrong = 0, held = 0;

	CHECK(spool_open(spool_dir, MOVE, true, &s, &e));
	for (uint32_t id = FIRST; id < FIRST + box.count; id++) {
		char data[8] = "", right[8];
		size_t got;

		if (!spool_find(s, id, &item))
			continue;
		held++;
		if (is_document(id)) {
			wrong += item.data_bytes != box.revisions;
			continue;
		}
		snprintf(right, sizeof(right), "%05u", id);
		CHECK(spool_read_data(s, &item, 0, data, 5, &got, &e));
		wrong +=
		    item.data_bytes != 5 || item.size != 5 || memcmp(data, right, 5) != 0;
	}
	CHECK_INT(spool_count(s), held); /* and nothing that nobody listed */
	spool_close(&s);
	return wrong;
}

/*
 * A pass over archives that are damaged so: it ends in a named failure, or everything that
 * was listed is there, or is named with the reason. Bytes that no checksum covers may make
 * one item wrong, and no other.
 */
static void
pass_over(struct damage damage)
{
	struct err e = {.kind = ERR_NONE};
	size_t wrong;

	set_up(NULL);
	box.damage = damage;
	if (!run(&e)) {
		CHECK_INT(damage.kind, CUT_SHORT); /* a whole answer is gone on with */
		CHECK(e.kind != ERR_NONE && e.text[0] != '\0');
	} else {
		CHECK_INT(result.stage->listed, box.count);
		/* A document that is there and has lost an earlier revision counts twice. */
		CHECK(result.stage->staged <= box.count);
		CHECK(result.stage->staged + result.stage->lacking_count >= box.count);
		for (size_t i = 0; i < result.stage->n_lacking; i++)
			CHECK(result.stage->lacking[i]->why.len > 0);
		if (!damage.always && !box.damage.in_content)
			CHECK_INT(result.stage->lacking_count, 0);
	}
	wrong = count_wrong();
	if (wrong > (box.damage.in_content ? 1 : 0))
		fail_msg("damage %d at %zu: %zu items are wrong", damage.kind, damage.at,
		    wrong);
	/* The next pass, undamaged, mends what lacked. */
	box.damage.kind = NO_DAMAGE;
	must_run(box.count, box.count, 0);
}

static void
make_damaged_box(void)
{
	box.count = 5;
	box.document = FIRST + 2;
	box.revisions = 2;
}

#define ARCHIVE_BYTES (4 * 2048 + 2 * 2048 + 1024 + 1024) /* with its mark and its end */

static void
test_cut_at_every_block(void **state)
{
	(void)state;
	make_damaged_box();
	for (size_t at = 0; at < ARCHIVE_BYTES; at += 512) {
		pass_over((struct damage){CUT, at, false, false});
		pass_over((struct damage){CUT, at, true, false});
		pass_over((struct damage){CUT_SHORT, at, false, false});
		pass_over((struct damage){CUT_SHORT, at, true, false});
	}
}

static void
test_bits_are_flipped(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	make_damaged_box();
	for (int i = 0; i < FLIPS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		pass_over((struct damage){FLIP, x % ARCHIVE_BYTES, i % 2 == 0, false});
	}
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

static int
set_up_group(void **state)
{
	return set_up_all(state) != 0 || zimbra_make_dir(state) != 0;
}

static int
tear_down_group(void **state)
{
	return zimbra_remove_dir(state) != 0 || tear_down_all(state) != 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_small),
	    CASE(test_what_a_dead_node_left),
	    CASE(test_large),
	    CASE(test_dead_and_deleted),
	    CASE(test_blobs),
	    CASE(test_a_volume_is_gone),
	    CASE(test_everything_at_once),
	    CASE(test_without_mark),
	    CASE(test_server_that_stops),
	    CASE(test_url_too_long),
	    CASE(test_locked_out),
	    CASE(test_documents),
	    CASE(test_cut_at_every_block),
	    CASE(test_bits_are_flipped),
	};

	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
