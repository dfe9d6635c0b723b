/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a message in which every field has a good value, walks over all of its fields
 * by the generated descriptors, and spoils them one at a time. So a new field without a
 * check fails the tests of check.c without anybody having thought of it.
 */
#ifndef TESTS_UNIT_PROTO_WALK_H
#define TESTS_UNIT_PROTO_WALK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/base/err.h"
#include "proto/base/xalloc.h"
#include "tests/unit/check.h"

/* One bad value of one number. seen: the walk came by. */
struct walk_number {
	const char *message; /* "Hello" */
	const char *field;
	uint64_t bad;
	bool seen;
};

/* A bytes field with rules of its own. */
struct walk_bytes {
	const char *message;
	const char *field;
	enum {
		WALK_NAME,
		WALK_ANY
	} kind; /* NAME: control characters pass; ANY: all bytes pass */
};

struct walk {
	const ProtobufCMessage *root;
	bool (*check)(const ProtobufCMessage *root, struct err *e);
	const struct walk_bytes *bytes;
	size_t byte_count;
	struct walk_number *numbers;
	size_t number_count;
	size_t spoiled; /* how many bad messages were tried */
};

static const char *
walk_short(const ProtobufCMessageDescriptor *d)
{
	const char *dot = strrchr(d->name, '.');

	return dot == NULL ? d->name : dot + 1;
}

/* --- good messages --- */

static ProtobufCBinaryData
walk_copy(const void *data, size_t len)
{
	ProtobufCBinaryData b = {len, malloc(len == 0 ? 1 : len)};

	memcpy(b.data, data, len);
	return b;
}

static ProtobufCBinaryData
walk_good_bytes(const ProtobufCFieldDescriptor *f)
{
	static const uint8_t ticket[32] = {1, 0, 0xff};

	return strcmp(f->name, "ticket") == 0 ? walk_copy(ticket, sizeof(ticket))
					      : walk_copy("m1", 2);
}

static uint64_t
walk_good_number(const ProtobufCFieldDescriptor *f)
{
	if (strcmp(f->name, "lease_ms") == 0 || strcmp(f->name, "heartbeat_ms") == 0)
		return 5000;
	return 1;
}

static ProtobufCMessage *walk_build(const ProtobufCMessageDescriptor *d);

static size_t
walk_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_INT64:
		return 8;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_ENUM:
		return 4;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_STRING:
		break;
	}
	fail_msg("messages.proto has a field type that the walk does not know");
	return 0;
}

/* One value at p; an enum keeps its 0. */
static void
walk_put_good(const ProtobufCFieldDescriptor *f, void *p)
{
	uint64_t number = walk_good_number(f);
	ProtobufCBinaryData b;
	ProtobufCMessage *m;

	if (f->type == PROTOBUF_C_TYPE_BYTES) {
		b = walk_good_bytes(f);
		memcpy(p, &b, sizeof(b));
	} else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		m = walk_build(f->descriptor);
		memcpy(p, &m, sizeof(m));
	} else if (f->type != PROTOBUF_C_TYPE_ENUM) {
		memcpy(p, &number, walk_size(f->type)); /* little-endian */
	}
}

static void *
walk_at(ProtobufCMessage *m, size_t offset)
{
	return (char *)m + offset;
}

/* Every field but oneofs, which walk_choose fills. */
static ProtobufCMessage *
walk_build(const ProtobufCMessageDescriptor *d)
{
	ProtobufCMessage *m = xcalloc(1, d->sizeof_message);

	protobuf_c_message_init(d, m);
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];

		if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
			continue;
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			void *list = xcalloc(1, walk_size(f->type));
			size_t one = 1;

			walk_put_good(f, list);
			memcpy(walk_at(m, f->offset), &list, sizeof(list));
			memcpy(walk_at(m, f->quantifier_offset), &one, sizeof(one));
		} else {
			walk_put_good(f, walk_at(m, f->offset));
		}
	}
	return m;
}

/* Member f of the oneof becomes the chosen one; the message in it. */
static ProtobufCMessage *
walk_choose(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	ProtobufCMessage *chosen = walk_build(f->descriptor);
	uint32_t id = f->id;

	memcpy(walk_at(m, f->offset), &chosen, sizeof(chosen));
	memcpy(walk_at(m, f->quantifier_offset), &id, sizeof(id));
	return chosen;
}

/* --- spoiling --- */

static void
walk_expect_refusal(
    struct walk *w, const ProtobufCMessage *in, const char *field, const char *how)
{
	struct err e = {ERR_NONE, ""};

	w->spoiled++;
	if (w->check(w->root, &e))
		fail_msg("%s.%s with %s passes the check", walk_short(in->descriptor),
		    field, how);
	CHECK_INT(e.kind, ERR_PEER);
	CHECK(e.text[0] != '\0');
}

static void
walk_spoil_bytes(struct walk *w, const ProtobufCMessage *in,
    const ProtobufCFieldDescriptor *f, ProtobufCBinaryData *b)
{
	static uint8_t huge[300 * 1024];
	ProtobufCBinaryData good = *b;
	int kind = -1;

	for (size_t i = 0; i < w->byte_count; i++) {
		if (strcmp(w->bytes[i].message, walk_short(in->descriptor)) == 0 &&
		    strcmp(w->bytes[i].field, f->name) == 0)
			kind = (int)w->bytes[i].kind;
	}
	memset(huge, 'a', sizeof(huge));
	*b = (ProtobufCBinaryData){sizeof(huge), huge};
	walk_expect_refusal(w, in, f->name, "300 KiB");
	if (kind != WALK_ANY) {
		*b = (ProtobufCBinaryData){3, (uint8_t *)(uintptr_t) "m\0a"};
		walk_expect_refusal(w, in, f->name, "a NUL");
		*b = (ProtobufCBinaryData){2, (uint8_t *)(uintptr_t) "m\xff"};
		walk_expect_refusal(w, in, f->name, "foreign bytes");
		*b = (ProtobufCBinaryData){1, (uint8_t *)(uintptr_t) "\xc3"};
		walk_expect_refusal(w, in, f->name, "a character cut in two");
	}
	if (kind != WALK_ANY && kind != WALK_NAME) {
		*b = (ProtobufCBinaryData){2, (uint8_t *)(uintptr_t) "m\n"};
		walk_expect_refusal(w, in, f->name, "a line break");
	}
	*b = good;
}

static void
walk_spoil_number(struct walk *w, const ProtobufCMessage *in,
    const ProtobufCFieldDescriptor *f, void *p)
{
	char good[8];
	char how[40];

	memcpy(good, p, walk_size(f->type));
	for (size_t i = 0; i < w->number_count; i++) {
		struct walk_number *n = &w->numbers[i];

		if (strcmp(n->message, walk_short(in->descriptor)) != 0 ||
		    strcmp(n->field, f->name) != 0)
			continue;
		memcpy(p, &n->bad, walk_size(f->type));
		snprintf(how, sizeof(how), "%llu", (unsigned long long)n->bad);
		walk_expect_refusal(w, in, f->name, how);
		n->seen = true;
	}
	memcpy(p, good, walk_size(f->type));
}

static void
walk_spoil_enum(struct walk *w, const ProtobufCMessage *in,
    const ProtobufCFieldDescriptor *f, void *p)
{
	static const int bad[] = {99, -1, INT32_MIN};
	int good;

	memcpy(&good, p, sizeof(good));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memcpy(p, &bad[i], sizeof(bad[i]));
		walk_expect_refusal(w, in, f->name, "a value that does not exist");
	}
	memcpy(p, &good, sizeof(good));
}

/* The same element so often that no list may be so long. */
static void
walk_spoil_list(struct walk *w, ProtobufCMessage *in, const ProtobufCFieldDescriptor *f)
{
	size_t size = walk_size(f->type);
	size_t count = 30000;
	size_t one = 1;
	char *list = malloc(count * size);
	void *good;

	memcpy(&good, walk_at(in, f->offset), sizeof(good));
	for (size_t i = 0; i < count; i++)
		memcpy(list + i * size, good, size);
	memcpy(walk_at(in, f->offset), &list, sizeof(list));
	memcpy(walk_at(in, f->quantifier_offset), &count, sizeof(count));
	walk_expect_refusal(w, in, f->name, "30000 entries");
	memcpy(walk_at(in, f->offset), &good, sizeof(good));
	memcpy(walk_at(in, f->quantifier_offset), &one, sizeof(one));
	free(list);
}

static void walk_spoil(struct walk *w, ProtobufCMessage *m);

static void
walk_spoil_value(
    struct walk *w, ProtobufCMessage *in, const ProtobufCFieldDescriptor *f, void *p)
{
	ProtobufCMessage *inner;

	if (f->type == PROTOBUF_C_TYPE_BYTES) {
		walk_spoil_bytes(w, in, f, p);
	} else if (f->type == PROTOBUF_C_TYPE_ENUM) {
		walk_spoil_enum(w, in, f, p);
	} else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		memcpy(&inner, p, sizeof(inner));
		walk_spoil(w, inner);
	} else {
		walk_spoil_number(w, in, f, p);
	}
}

/* Spoils every field of m, which is w->root or inside of it; leaves it good. */
static void
walk_spoil(struct walk *w, ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		uint32_t chosen;
		void *list;

		if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
			memcpy(&chosen, walk_at(m, f->quantifier_offset), sizeof(chosen));
			if (chosen != f->id)
				continue;
		}
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			memcpy(&list, walk_at(m, f->offset), sizeof(list));
			walk_spoil_value(w, m, f, list);
			walk_spoil_list(w, m, f);
		} else {
			walk_spoil_value(w, m, f, walk_at(m, f->offset));
		}
	}
}

/* The good message passes, every spoiled one does not. */
static void
walk_try(struct walk *w, ProtobufCMessage *root, const char *name)
{
	struct err e = {ERR_NONE, ""};

	w->root = root;
	if (!w->check(root, &e))
		fail_msg("a good %s is refused: %s", name, e.text);
	walk_spoil(w, root);
	if (!w->check(root, &e))
		fail_msg("the walk left %s spoiled: %s", name, e.text);
}

static void
walk_check_numbers_seen(const struct walk *w)
{
	for (size_t i = 0; i < w->number_count; i++) {
		if (!w->numbers[i].seen)
			fail_msg("no message has %s.%s", w->numbers[i].message,
			    w->numbers[i].field);
	}
}

#endif
