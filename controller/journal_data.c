/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of fields serves both directions, so that none is written and not read.
 * A field that is not there was not known yet when the row was written: it is empty.
 */
#include "controller/journal_data.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum field_type { FIELD_BOOL, FIELD_U64, FIELD_I64, FIELD_U32, FIELD_TEXT, FIELD_OWNED };

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	size_t size; /* FIELD_TEXT */
};

#define AT(member) offsetof(struct move_data, member)
#define TEXT(name, member)                                                            \
	{                                                                             \
		name, FIELD_TEXT, AT(member), sizeof(((struct move_data *)0)->member) \
	}

/* clang-format off */
static const struct field fields[] = {
	{ "have_saved", FIELD_BOOL, AT(have_saved), 0 },
	TEXT("status", saved.status),
	TEXT("mail_status", saved.mail_status),
	TEXT("quota", saved.quota),
	TEXT("receive_over_quota", saved.receive_over_quota),
	{ "no_mailbox", FIELD_BOOL, AT(no_mailbox), 0 },
	{ "target_row_made", FIELD_BOOL, AT(target_row_made), 0 },
	{ "switched", FIELD_BOOL, AT(switched), 0 },
	{ "prepared", FIELD_BOOL, AT(prepared), 0 },
	{ "seeding", FIELD_BOOL, AT(seeding), 0 },
	TEXT("seeding_why", seeding_why),
	TEXT("source_version", source_version),
	TEXT("target_version", target_version),
	{ "seeded", FIELD_U64, AT(seeded), 0 },
	{ "seeded_exact", FIELD_U64, AT(seeded_exact), 0 },
	{ "tracking_imap", FIELD_BOOL, AT(tracking_imap), 0 },
	{ "contacts_begun", FIELD_BOOL, AT(contacts_begun), 0 },
	{ "contacts_done", FIELD_BOOL, AT(contacts_done), 0 },
	{ "restored", FIELD_BOOL, AT(restored), 0 },
	{ "quota_lifted", FIELD_BOOL, AT(quota_lifted), 0 },
	{ "spool_dropped", FIELD_BOOL, AT(spool_dropped), 0 },
	{ "gone", FIELD_BOOL, AT(gone), 0 },
	{ "cancelled", FIELD_BOOL, AT(cancelled), 0 },
	{ "purged", FIELD_BOOL, AT(purged), 0 },
	{ "detoured", FIELD_BOOL, AT(detoured), 0 },
	{ "revert_tried", FIELD_BOOL, AT(revert_tried), 0 },
	{ "copy_fenced", FIELD_BOOL, AT(copy_fenced), 0 },
	{ "revert_wanted", FIELD_BOOL, AT(revert_wanted), 0 },
	{ "reverted", FIELD_BOOL, AT(reverted), 0 },
	{ "left_behind", FIELD_BOOL, AT(left_behind), 0 },
	{ "again", FIELD_BOOL, AT(again), 0 },
	{ "from_spool", FIELD_BOOL, AT(from_spool), 0 },
	{ "spool_wanted", FIELD_BOOL, AT(spool_wanted), 0 },
	{ "in_step_ms", FIELD_I64, AT(in_step_ms), 0 },
	{ "left_row_present", FIELD_BOOL, AT(left_row.present), 0 },
	{ "left_row_mailbox_id", FIELD_U64, AT(left_row.mailbox_id), 0 },
	{ "left_row_item_id", FIELD_U64, AT(left_row.item_id), 0 },
	{ "left_row_change", FIELD_U64, AT(left_row.change), 0 },
	{ "left_row_size", FIELD_U64, AT(left_row.size_bytes), 0 },
	{ "left_row_new_messages", FIELD_U64, AT(left_row.new_messages), 0 },
	{ "left_row_contacts", FIELD_U64, AT(left_row.contacts), 0 },
	TEXT("home", home),
	{ "home_row_present", FIELD_BOOL, AT(home_row.present), 0 },
	{ "home_row_mailbox_id", FIELD_U64, AT(home_row.mailbox_id), 0 },
	TEXT("source_id", source_id),
	TEXT("target_id", target_id),
	TEXT("token", token),
	{ "row_present", FIELD_BOOL, AT(row.present), 0 },
	{ "row_mailbox_id", FIELD_U64, AT(row.mailbox_id), 0 },
	{ "row_item_id", FIELD_U64, AT(row.item_id), 0 },
	{ "row_change", FIELD_U64, AT(row.change), 0 },
	{ "row_size", FIELD_U64, AT(row.size_bytes), 0 },
	{ "row_new_messages", FIELD_U64, AT(row.new_messages), 0 },
	{ "row_contacts", FIELD_U64, AT(row.contacts), 0 },
	{ "last_item_id", FIELD_U64, AT(last_item_id), 0 },
	{ "change", FIELD_U64, AT(change), 0 },
	{ "listed", FIELD_U64, AT(listed), 0 },
	{ "staged", FIELD_U64, AT(staged), 0 },
	{ "sent_bytes", FIELD_U64, AT(sent_bytes), 0 },
	{ "applied", FIELD_U64, AT(applied), 0 },
	{ "left", FIELD_U64, AT(left), 0 },
	{ "withheld", FIELD_U64, AT(withheld), 0 },
	{ "switched_at_ms", FIELD_I64, AT(switched_at_ms), 0 },
	{ "locked_at_ms", FIELD_I64, AT(locked_at_ms), 0 },
	{ "lock_ms", FIELD_U64, AT(lock_ms), 0 },
	{ "fill_ms", FIELD_U64, AT(fill_ms), 0 },
	{ "lacking_count", FIELD_U64, AT(lacking_count), 0 },
	{ "passes", FIELD_U32, AT(passes), 0 },
	TEXT("verdict", verdict),
	{ "verdict_json", FIELD_OWNED, AT(verdict_json), 0 },
	{ "lacking_json", FIELD_OWNED, AT(lacking_json), 0 },
};
/* clang-format on */

static json_t *
field_write(const struct field *f, const void *at)
{
	switch (f->type) {
	case FIELD_BOOL:
		return json_boolean(*(const bool *)at);
	case FIELD_U64:
		return json_integer((json_int_t) * (const uint64_t *)at);
	case FIELD_I64:
		return json_integer(*(const int64_t *)at);
	case FIELD_U32:
		return json_integer(*(const uint32_t *)at);
	case FIELD_TEXT:
		return json_string(at);
	case FIELD_OWNED:
		return *(char *const *)at == NULL ? json_null()
						  : json_string(*(char *const *)at);
	}
	BUG("field type %d", (int)f->type);
}

static bool
field_read(const struct field *f, const json_t *value, void *at)
{
	switch (f->type) {
	case FIELD_BOOL:
		*(bool *)at = json_is_true(value);
		return json_is_boolean(value);
	case FIELD_U64:
		*(uint64_t *)at = (uint64_t)json_integer_value(value);
		return json_is_integer(value);
	case FIELD_I64:
		*(int64_t *)at = json_integer_value(value);
		return json_is_integer(value);
	case FIELD_U32:
		*(uint32_t *)at = (uint32_t)json_integer_value(value);
		return json_is_integer(value);
	case FIELD_TEXT:
		if (!json_is_string(value) || json_string_length(value) >= f->size)
			return false;
		memcpy(at, json_string_value(value), json_string_length(value) + 1);
		return true;
	case FIELD_OWNED:
		*(char **)at =
		    json_is_string(value) ? strdup(json_string_value(value)) : NULL;
		return json_is_string(value) || json_is_null(value);
	}
	BUG("field type %d", (int)f->type);
}

char *
move_data_write(const struct move_data *d)
{
	json_t *root = json_object();
	json_t *sources = json_array();
	char *text;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		json_object_set_new(root, fields[i].name,
		    field_write(&fields[i], (const char *)d + fields[i].offset));
	for (size_t i = 0; i < d->saved.source_count; i++)
		json_array_append_new(sources, json_string(d->saved.source_ids[i]));
	json_object_set_new(root, "data_sources", sources);
	text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (text == NULL)
		BUG("move data is not UTF-8");
	return text;
}

bool
move_data_read(const char *text, struct move_data *out, struct err *e)
{
	json_t *root = json_loads(text, 0, NULL);
	const json_t *sources = json_object_get(root, "data_sources");
	const char *bad = json_is_object(root) ? NULL : "JSON";

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ARRAY_LEN(fields) && bad == NULL; i++) {
		const json_t *value = json_object_get(root, fields[i].name);

		if (value != NULL &&
		    !field_read(&fields[i], value, (char *)out + fields[i].offset))
			bad = fields[i].name;
	}
	if (json_array_size(sources) > FREEZE_SOURCES_MAX)
		bad = "data_sources";
	for (size_t i = 0; bad == NULL && i < json_array_size(sources); i++) {
		const char *id = json_string_value(json_array_get(sources, i));

		if (id == NULL || strlen(id) >= sizeof(out->saved.source_ids[0]))
			bad = "data_sources";
		else
			memcpy(out->saved.source_ids[out->saved.source_count++], id,
			    strlen(id) + 1);
	}
	json_decref(root);
	if (bad == NULL)
		return true;
	free(out->verdict_json);
	free(out->lacking_json);
	out->verdict_json = out->lacking_json = NULL;
	return err_set(e, ERR_CORRUPT, "journal: a move's data has no valid \"%s\"", bad);
}
