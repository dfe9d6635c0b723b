/* SPDX-License-Identifier: Apache-2.0 */
/* Every message of the mail link: one good, and every field of it spoiled in turn. */
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/limits.h"
#include "tests/unit/proto/walk.h"

static const struct walk_bytes bytes[] = {
    {"Grant", "display", WALK_NAME},
    {"Grant", "password", WALK_NAME},
    {"Folder", "name", WALK_NAME},
    {"Folder", "url", WALK_NAME},
    {"Folder", "query", WALK_NAME},
    {"Pair", "name", WALK_NAME},
    {"Pair", "value", WALK_NAME},
    {"StreamItem", "name", WALK_NAME},
    {"StreamData", "data", WALK_ANY},
};

static struct walk_number numbers[] = {
    {"StreamHello", "version", 0, false},
    {"Folder", "id", 0, false},
    {"Folder", "id", (uint64_t)1 << 31, false},
    {"Folder", "parent_id", (uint64_t)1 << 31, false},
    {"StreamRecord", "ids", 0, false},
    {"StreamRecord", "ids", (uint64_t)1 << 31, false},
    {"StreamRecord", "folder_ids", 0, false},
    {"StreamRecord", "stale_ids", UINT64_MAX, false},
    {"StreamWant", "ids", 0, false},
    {"StreamWant", "ids", (uint64_t)1 << 31, false},
    {"StreamItem", "id", 0, false},
    {"StreamItem", "id", (uint64_t)1 << 31, false},
    {"StreamItem", "folder_id", 0, false},
    {"StreamItem", "meta_bytes", 0, false},
    {"StreamItem", "meta_bytes", LIMIT_ITEM_META + 1, false},
    {"StreamItem", "data_bytes", LIMIT_ITEM_DATA + 1, false},
    {"StreamItem", "has_data", 0, false}, /* but it has bytes */
    {"StreamData", "raw_bytes", LIMIT_STREAM_CHUNK + 1, false},
};

static bool
check_root(const ProtobufCMessage *root, struct err *e)
{
	return check_stream((const Wire__Stream *)root, e);
}

static void
test_check_stream_every_message_every_field(void **state)
{
	const ProtobufCMessageDescriptor *d = &wire__stream__descriptor;
	struct walk w = {
	    .check = check_root,
	    .bytes = bytes,
	    .byte_count = ARRAY_LEN(bytes),
	    .numbers = numbers,
	    .number_count = ARRAY_LEN(numbers),
	};

	(void)state;
	for (unsigned i = 0; i < d->n_fields; i++) {
		ProtobufCMessage *root = walk_build(d);

		walk_choose(root, &d->fields[i]);
		walk_try(&w, root, d->fields[i].name);
		protobuf_c_message_free_unpacked(root, NULL);
	}
	walk_check_numbers_seen(&w);
	CHECK(w.spoiled > 80);
}

static Wire__Stream *
good(const char *body)
{
	ProtobufCMessage *root = walk_build(&wire__stream__descriptor);

	walk_choose(root, protobuf_c_message_descriptor_get_field_by_name(
			      &wire__stream__descriptor, body));
	return (Wire__Stream *)root;
}

/* The refusal's text; NULL when it passes. Frees m. */
static const char *
refusal(Wire__Stream *m)
{
	static struct err e;
	bool ok = check_stream(m, &e);

	wire__stream__free_unpacked(m, NULL);
	return ok ? NULL : e.text;
}

static void
set_bytes(ProtobufCBinaryData *b, const char *text, size_t len)
{
	free(b->data);
	*b = walk_copy(text, len);
}

static void
test_check_stream_empty_and_unknown_are_refused(void **state)
{
	Wire__Stream empty = WIRE__STREAM__INIT;
	struct err e;

	(void)state;
	CHECK(!check_stream(&empty, &e));
	CHECK_STR(e.text, "an empty message");
	empty.body_case = (Wire__Stream__BodyCase)999;
	CHECK(!check_stream(&empty, &e));
	CHECK_STR(e.text, "a message nobody knows");
}

static void
test_check_stream_every_id_has_a_folder(void **state)
{
	Wire__Stream *m = good("record");

	(void)state;
	m->record->n_folder_ids = 0;
	CHECK_STR(refusal(m), "1 ids with 0 folders");
}

static void
test_check_stream_an_item_name_cannot_leave_its_folder(void **state)
{
	Wire__Stream *m = good("item");

	(void)state;
	set_bytes(&m->item->name, "../a.eml", 8);
	CHECK_STR(refusal(m), "the name of an item holds a slash");
}

/* People name folders oddly; that must not stop a mailbox. */
static void
test_check_stream_odd_folder_names_pass(void **state)
{
	static const char *const names[] = {
	    "", "a\tb", "\x01", "../..", "\xf0\x9f\x98\x80", "a:b\"\\"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		Wire__Stream *m = good("tree");
		const char *text;

		set_bytes(&m->tree->folders[0]->name, names[i], strlen(names[i]));
		text = refusal(m);
		if (text != NULL)
			fail_msg("\"%s\": %s", names[i], text);
	}
}

static void
test_check_stream_data_is_any_bytes_but_not_none(void **state)
{
	Wire__Stream *m = good("data");

	(void)state;
	set_bytes(&m->data->data, "\0\xff\n", 3);
	CHECK(refusal(m) == NULL);
	m = good("data");
	set_bytes(&m->data->data, "", 0);
	CHECK_HAS(refusal(m), "data has 0 bytes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_check_stream_every_message_every_field),
	    TEST(test_check_stream_empty_and_unknown_are_refused),
	    TEST(test_check_stream_every_id_has_a_folder),
	    TEST(test_check_stream_an_item_name_cannot_leave_its_folder),
	    TEST(test_check_stream_odd_folder_names_pass),
	    TEST(test_check_stream_data_is_any_bytes_but_not_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
