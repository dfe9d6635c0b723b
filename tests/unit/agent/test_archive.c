/* SPDX-License-Identifier: Apache-2.0 */
/* Zimbra's archives: what is whole comes out whole, what is not is never taken for it. */
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/mailbox/archive.h"
#include "proto/base/log.h"
#include "proto/base/xalloc.h"
#include "proto/limits.h"
#include "tests/unit/agent/tarball.h"
#include "tests/unit/scratch.h"

/* What a reading saw: "300 message 5 Subject.eml ok|..." */
struct seen {
	struct buf text;
	struct buf data; /* of the item under way */
	struct spool_item item;
	char *meta;
	char name[600];
	size_t good, bad;
	size_t stop_after; /* items; 0 = never */
	bool (*check)(const struct seen *s);
};

static bool
on_begin(void *ctx, const struct spool_item *item, const char *meta, const char *name,
    bool has_data, struct err *e)
{
	struct seen *s = ctx;

	if (s->stop_after != 0 && s->good == s->stop_after)
		return err_set(e, ERR_CANCELLED, "enough");
	s->item = *item;
	xfree(&s->meta);
	s->meta = xstrdup(meta);
	CHECK_INT(strlen(meta), item->meta_bytes);
	CHECK_INT(strlen(name), item->name_bytes);
	if (!has_data)
		CHECK_INT(item->data_bytes, 0);
	snprintf(s->name, sizeof(s->name), "%s", name);
	buf_clear(&s->data);
	return true;
}

static bool
on_data(void *ctx, const void *bytes, size_t len, struct err *e)
{
	struct seen *s = ctx;

	return buf_add(&s->data, bytes, len) || err_set(e, ERR_PEER, "too much");
}

static bool
on_end(void *ctx, bool bad, struct err *e)
{
	struct seen *s = ctx;

	(void)e;
	if (bad)
		s->bad++;
	else
		s->good++;
	if (!bad)
		CHECK_INT(s->data.len, s->item.data_bytes);
	CHECK(buf_printf(&s->text, "%u %s %zu %s %s|", s->item.id,
	    spool_type_name(s->item.type), s->data.len, s->name, bad ? "bad" : "ok"));
	if (!bad && s->check != NULL)
		CHECK(s->check(s));
	return true;
}

static bool
read_bytes(const void *bytes, size_t len, bool headers_only, struct seen *s, bool *whole)
{
	const struct archive_sink sink = {
	    .begin = on_begin, .data = on_data, .end = on_end, .ctx = s};
	int fd = memfd_create("archive", 0);
	struct err e;
	bool ok;

	CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len &&
	      lseek(fd, 0, SEEK_SET) == 0);
	ok = archive_read_fd(fd, headers_only, &sink, whole, &e);
	close(fd);
	return ok;
}

static void
seen_init(struct seen *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->text, 0);
	buf_init(&s->data, 0);
}

static void
seen_fini(struct seen *s)
{
	buf_fini(&s->text);
	buf_fini(&s->data);
	xfree(&s->meta);
}

static void
check_reads_as(const struct buf *tar, const char *expected, bool whole_expected)
{
	struct seen s;
	bool whole;

	seen_init(&s);
	CHECK(read_bytes(tar->data, tar->len, false, &s, &whole));
	CHECK_STR(buf_str(&s.text), expected);
	CHECK_INT(whole, whole_expected);
	seen_fini(&s);
}

#define MESSAGE(id, more)                                                               \
	"{\"id\":" #id ",\"type\":5,\"folder_id\":2,\"size\":5,\"blob_digest\":\"d" #id \
	"\"" more "}"
#define DOCUMENT(id)   \
	"{\"id\":" #id \
	",\"type\":8,\"folder_id\":16,\"flags\":4096,\"blob_digest\":\"d\"}"

static void
test_plain(void **state)
{
	struct buf tar;

	(void)state;
	buf_init(&tar, 0);
	tarball_item(&tar, "Inbox", "{\"id\":2,\"type\":1,\"name\":\"Inbox\"}", NULL, 0);
	tarball_item(&tar, "Inbox/0000000300-Hello.eml", MESSAGE(300, ""), "hello", 5);
	tarball_item(&tar, "Contacts/Lee, Ann", "{\"id\":301,\"type\":6,\"folder_id\":7}",
	    NULL, 0);
	tarball_item(
	    &tar, "Inbox!1/0000000302-Ärger & Öl.eml", MESSAGE(302, ""), "12345", 5);
	tarball_item(&tar, "work", "{\"id\":64,\"type\":3}", NULL, 0);
	tarball_item(&tar, "Briefcase/note-00001.txt", DOCUMENT(303), "one", 3);
	tarball_item(&tar, "Briefcase/note-00002.txt", DOCUMENT(303), "two two", 7);
	tarball_item(&tar, "Calendar/0000000304-x.appt",
	    "{\"id\":304,\"type\":11,\"blob_digest\":\"d\"}", "BEGIN", 5);
	tarball_end(&tar);
	check_reads_as(&tar,
	    "300 message 5 0000000300-Hello.eml ok|301 contact 0  ok|"
	    "302 message 5 0000000302-Ärger & Öl.eml ok|303 document 3 note-00001.txt ok|"
	    "303 document 7 note-00002.txt ok|304 appointment 5 0000000304-x.appt ok|",
	    true);
	buf_fini(&tar);
}

static void
test_marked_and_missing(void **state)
{
	struct buf tar;

	(void)state;
	buf_init(&tar, 0);
	tarball_item(&tar, "Inbox/1.eml", MESSAGE(300, ""), "hello", 5);
	tarball_entry(&tar, "Inbox/1.eml.err", "", 0);
	tarball_item(&tar, "Inbox/2.eml", MESSAGE(301, ""), "hello", 5);
	tarball_item(
	    &tar, "Inbox/3.eml", MESSAGE(302, ""), NULL, 0); /* its data never comes */
	tarball_item(&tar, "Inbox/4.eml", MESSAGE(303, ""), NULL, 0);
	tarball_entry(&tar, "Inbox/other.eml", "hello", 5); /* belongs to nobody */
	tarball_item(&tar, "Inbox/5.eml", "{\"id\":304,\"type\":99}", "hello", 5);
	tarball_item(&tar, "Inbox/6.eml", "no JSON at all", "hello", 5);
	tarball_item(&tar, "Inbox/7.eml", MESSAGE(307, ""), "hello", 5);
	tarball_end(&tar);
	check_reads_as(&tar,
	    "300 message 5 1.eml bad|301 message 5 2.eml ok|302 message 0  bad|303 "
	    "message 0  bad|"
	    "307 message 5 7.eml ok|",
	    true);
	buf_fini(&tar);
}

/* A document may be called what it likes. */
static void
test_names_that_mislead(void **state)
{
	struct buf tar;
	char deep[900];

	(void)state;
	buf_init(&tar, 0);
	tarball_item(&tar, "Briefcase/x.meta", DOCUMENT(300), "data", 4);
	tarball_item(&tar, "Briefcase/report", DOCUMENT(301), "abc", 3);
	tarball_item(&tar, "Briefcase/report.err", DOCUMENT(302), "def", 3);
	tarball_entry(&tar, "Briefcase/report.err.err", "", 0);
	snprintf(deep, sizeof(deep), "%0400d/%0240d/0000000303-%0121d.eml", 1, 2, 3);
	tarball_item(&tar, deep, MESSAGE(303, ""), "hello", 5);
	tarball_end(&tar);
	snprintf(deep, sizeof(deep),
	    "300 document 4 x.meta ok|301 document 3 report ok|302 document 3 report.err "
	    "bad|"
	    "303 message 5 0000000303-%0121d.eml ok|",
	    3);
	check_reads_as(&tar, deep, true);
	buf_fini(&tar);
}

/* --- entries that nobody asked for --- */

/* The header at that place says another size or kind; its checksum is right. */
static void
forge_header(struct buf *tar, size_t at, const void *size_field, char kind)
{
	uint8_t *h = tar->data + at;
	char sum_field[8];
	unsigned sum = 0;

	memcpy(h + 124, size_field, 12);
	h[156] = (uint8_t)kind;
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += h[i];
	snprintf(sum_field, sizeof(sum_field), "%06o", sum);
	memcpy(h + 148, sum_field, 7);
}

/* What is not as it was is bad, or is not there. */
static bool
is_hello(const struct seen *s)
{
	return s->data.len == 5 && memcmp(s->data.data, "hello", 5) == 0;
}

/* One message behind a good one, its data entry (or its metadata's) forged. */
static void
check_forged(const void *size_field, char kind, bool of_meta)
{
	struct seen s;
	struct buf tar;
	bool whole;
	size_t at;

	buf_init(&tar, 0);
	tarball_item(&tar, "Inbox/1.eml", MESSAGE(300, ""), "hello", 5);
	at = tar.len + (of_meta ? 0 : 1024);
	tarball_item(&tar, "Inbox/2.eml", MESSAGE(301, ""), "hello", 5);
	tarball_item(&tar, "Inbox/3.eml", MESSAGE(302, ""), "hello", 5);
	tarball_end(&tar);
	forge_header(&tar, at, size_field, kind);
	seen_init(&s);
	s.check = is_hello;
	CHECK(read_bytes(tar.data, tar.len, false, &s, &whole));
	CHECK(strstr(buf_str(&s.text), "300 message 5 1.eml ") != NULL);
	seen_fini(&s);
	buf_fini(&tar);
}

static void
test_hostile_sizes_and_kinds(void **state)
{
	static const char *const sizes[] = {
	    "77777777777",				  /* 8 GB */
	    "00000100000",				  /* into the entries behind it */
	    "-0000000005", "0000000000x", "           ",  /* no number */
	    "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", /* base 256: 2^63 - 1 */
	    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb", /* -5 */
	};
	static const char kinds[] = "123456gLKxSVMNZ\x01";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		check_forged(sizes[i], '0', false);
		check_forged(sizes[i], '0', true);
	}
	for (const char *kind = kinds; *kind != '\0'; kind++)
		check_forged("00000000005", *kind, false);
}

/* A name leads nowhere: what is handed on is its last part. */
static void
test_hostile_names(void **state)
{
	static const char *const names[] = {"../../../etc/passwd", "/etc/passwd", "..",
	    ".", "//", "Inbox/\x1b[2J\n\r.eml", "Inbox/\xff\xfe", "CON", "a\\..\\b",
	    "%s%n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct seen s;
		struct buf tar;
		bool whole;

		buf_init(&tar, 0);
		tarball_item(&tar, names[i], MESSAGE(300, ""), "hello", 5);
		tarball_entry(&tar, ".meta", MESSAGE(301, ""), strlen(MESSAGE(301, "")));
		tarball_entry(&tar, "", "hello", 5);
		tarball_entry(&tar, ".err", "", 0);
		tarball_item(&tar, "Inbox/2.eml", MESSAGE(302, ""), "hello", 5);
		tarball_end(&tar);
		seen_init(&s);
		CHECK(read_bytes(tar.data, tar.len, false, &s, &whole));
		CHECK(strchr(s.name, '/') == NULL);
		/* One that ends as a folder's does is none, and the archive ends there. */
		CHECK(whole || strcmp(names[i], "//") == 0);
		CHECK(!whole ||
		      strstr(buf_str(&s.text), "302 message 5 2.eml ok|") != NULL);
		seen_fini(&s);
		buf_fini(&tar);
	}
}

/* --- damage --- */

static struct buf sample;

static void
make_sample(void)
{
	char big[3000];

	memset(big, 'b', sizeof(big));
	buf_init(&sample, 0);
	tarball_item(&sample, "Inbox/1.eml", MESSAGE(300, ""), "hello", 5);
	tarball_item(&sample, "Inbox/2.eml", MESSAGE(301, ""), big, sizeof(big));
	tarball_item(&sample, "Contacts/c", "{\"id\":302,\"type\":6}", NULL, 0);
	tarball_item(&sample, "Inbox/3.eml", MESSAGE(303, ""), "12345", 5);
	tarball_end(&sample);
}

static bool
is_as_made(const struct seen *s)
{
	size_t expected = s->item.id == 301 ? 3000 : s->item.id == 302 ? 0 : 5;
	unsigned char first = s->item.id == 301 ? 'b' : s->item.id == 303 ? '1' : 'h';

	return s->data.len == expected && (expected == 0 || s->data.data[0] == first);
}

/* Cut at any byte: what is handed on as good is as it was, whole is only the whole. */
static void
test_cut_anywhere(void **state)
{
	(void)state;
	make_sample();
	for (size_t cut = 0; cut <= sample.len; cut++) {
		struct seen s;
		bool whole;

		seen_init(&s);
		s.check = is_as_made;
		CHECK(read_bytes(sample.data, cut, false, &s, &whole));
		CHECK_INT(whole, cut == 0 || cut >= sample.len - 512);
		CHECK(cut != sample.len - 1025 || s.good == 3);
		if (whole && cut > 0)
			CHECK_INT(s.good, 4);
		else /* the last that began is not trusted: its .err may be cut off */
			CHECK(s.good < 4);
		seen_fini(&s);
	}
	buf_fini(&sample);
}

static void
test_flipped_anywhere(void **state)
{
	(void)state;
	make_sample();
	for (size_t at = 0; at < sample.len; at += 3) {
		for (int bit = 0; bit < 8; bit += 3) {
			struct seen s;
			bool whole;

			seen_init(&s);
			sample.data[at] ^= (uint8_t)(1 << bit);
			CHECK(read_bytes(sample.data, sample.len, false, &s, &whole));
			sample.data[at] ^= (uint8_t)(1 << bit);
			seen_fini(&s);
		}
	}
	buf_fini(&sample);
}

static void
test_garbage(void **state)
{
	uint64_t x = 88172645463325252u;
	uint8_t noise[5000];

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct seen s;
		bool whole;

		for (size_t i = 0; i < sizeof(noise); i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			noise[i] = (uint8_t)x;
		}
		if (round % 3 == 0)
			memcpy(noise + 257, "ustar  ", 8);
		seen_init(&s);
		CHECK(read_bytes(
		    noise, sizeof(noise) - (size_t)round * 7, false, &s, &whole));
		CHECK(!whole);
		CHECK_INT(s.good, 0);
		seen_fini(&s);
	}
}

static void
test_empty(void **state)
{
	struct buf tar;

	(void)state;
	buf_init(&tar, 0);
	check_reads_as(&tar, "", true); /* HTTP 204 */
	tarball_end(&tar);
	check_reads_as(&tar, "", true);
	buf_fini(&tar);
}

static void
test_metadata_too_large(void **state)
{
	struct buf tar;
	char *meta = xcalloc(1, LIMIT_ITEM_META + 100);

	(void)state;
	memset(meta, ' ', LIMIT_ITEM_META + 10);
	memcpy(meta, MESSAGE(300, ""), strlen(MESSAGE(300, "")));
	buf_init(&tar, 0);
	tarball_item(&tar, "Inbox/1.eml", meta, "hello", 5);
	tarball_item(&tar, "Inbox/2.eml", MESSAGE(301, ""), "hello", 5);
	tarball_end(&tar);
	check_reads_as(&tar, "301 message 5 2.eml ok|", true);
	buf_fini(&tar);
	free(meta);
}

static void
test_sink_that_stops(void **state)
{
	struct seen s;
	bool whole;

	(void)state;
	make_sample();
	seen_init(&s);
	s.stop_after = 1;
	CHECK(!read_bytes(sample.data, sample.len, false, &s, &whole));
	CHECK_INT(s.good, 1);
	CHECK(!whole);
	seen_fini(&s);
	buf_fini(&sample);
}

static void
test_headers_only(void **state)
{
	struct seen s;
	bool whole;

	(void)state;
	make_sample();
	seen_init(&s);
	CHECK(read_bytes(sample.data, sample.len, true, &s, &whole));
	CHECK(whole);
	CHECK_STR(buf_str(&s.text), "300 message 0 1.eml ok|301 message 0 2.eml ok|302 "
				    "contact 0  ok|303 message 0 3.eml ok|");
	seen_fini(&s);
	buf_fini(&sample);
}

static void
test_tgz(void **state)
{
	struct archive *z = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	struct buf packed;
	size_t used = 0;

	(void)state;
	make_sample();
	buf_init(&packed, 0);
	packed.data = xcalloc(1, 65536);
	packed.cap = 65536;
	archive_write_set_format_raw(z);
	archive_write_add_filter_gzip(z);
	CHECK(archive_write_open_memory(z, packed.data, packed.cap, &used) == ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	CHECK(archive_write_header(z, entry) == ARCHIVE_OK);
	CHECK(archive_write_data(z, sample.data, sample.len) == (la_ssize_t)sample.len);
	CHECK(archive_write_close(z) == ARCHIVE_OK);
	archive_write_free(z);
	archive_entry_free(entry);
	packed.len = used;
	check_reads_as(&packed,
	    "300 message 5 1.eml ok|301 message 3000 2.eml ok|302 contact 0  ok|303 "
	    "message 5 3.eml ok|",
	    true);
	for (size_t cut = 1; cut < used - 8; cut++) {
		struct seen s;
		bool whole;

		seen_init(&s);
		s.check = is_as_made;
		CHECK(read_bytes(packed.data, cut, false, &s, &whole));
		CHECK(s.good < 4 || whole);
		seen_fini(&s);
	}
	buf_fini(&packed);
	buf_fini(&sample);
}

/* --- metadata entries --- */

static void
test_meta_fields(void **state)
{
	struct spool_item a, b;
	struct err e;

	(void)state;
	CHECK(archive_parse_meta(
	    "{\"id\":300,\"uuid\":\"u\",\"type\":5,\"parent_id\":-1,"
	    "\"folder_id\":2,\"imap_id\":301,\"date\":1600000000,\"size\":99,"
	    "\"blob_digest\":\"abc\",\"unread\":1,\"flags\":8,"
	    "\"subject\":\"a\\u0000b\",\"mod_metadata\":77,\"mod_content\":76,"
	    "\"ExtraStr\":\"calendar=305\",\"TagNames\":\"b:a\\\\:x\",\"Ver\":10}",
	    &a, &e));
	CHECK_INT(a.id, 300);
	CHECK_INT(a.type, SPOOL_MESSAGE);
	CHECK_INT(a.folder_id, 2);
	CHECK_INT(a.imap_id, 301);
	CHECK_INT(a.date_s, 1600000000);
	CHECK_INT(a.size, 99);
	CHECK(a.unread && a.has_calendar_link);
	CHECK_INT(a.flags, 8);
	CHECK_INT(a.mod_metadata, 77);
	CHECK_INT(a.mod_content, 76);
	CHECK(a.digest_hash == spool_hash("abc", 3));
	CHECK(a.tags_hash != 0);
	/* Order of tags does not matter, their names do. */
	CHECK(archive_parse_meta(
	    "{\"id\":1,\"type\":5,\"TagNames\":\"a\\\\:x:b\"}", &b, &e));
	CHECK(a.tags_hash == b.tags_hash);
	CHECK(archive_parse_meta("{\"id\":1,\"type\":5,\"TagNames\":\"a:x:b\"}", &b, &e));
	CHECK(a.tags_hash != b.tags_hash);
	CHECK(archive_parse_meta("{\"id\":1,\"type\":5,\"TagNames\":\"ab\"}", &b, &e));
	CHECK(a.tags_hash != b.tags_hash);
	CHECK(archive_parse_meta(
	    "{\"id\":1,\"type\":5,\"TagNames\":\"\",\"blob_digest\":\"\"}", &b, &e));
	CHECK_INT(b.tags_hash, 0);
	CHECK_INT(b.digest_hash, 0);
	CHECK(archive_parse_meta("{\"id\":1,\"type\":6,\"flags\":-2147483640}", &b, &e));
	CHECK_INT(b.flags, 0x80000008u); /* a Java int */
}

static void
test_meta_refused(void **state)
{
	static const char *const wrong[] = {"", "{", "[]", "{}", "null", "{\"id\":300}",
	    "{\"id\":0,\"type\":5}", "{\"id\":-1,\"type\":5}",
	    "{\"id\":2147483648,\"type\":5}", "{\"id\":300,\"type\":4}",
	    "{\"id\":\"300\",\"type\":5}", "{\"id\":300,\"type\":5",
	    "{\"id\":2,\"type\":1}"};
	struct spool_item item;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (archive_parse_meta(wrong[i], &item, &e))
			fail_msg("taken for Zimbra's: %s", wrong[i]);
		CHECK_INT(e.kind, ERR_REFUSED);
	}
}

/* --- writing --- */

static char dir[64];

static void
spool_put_text(struct spool *s, uint32_t id, enum spool_type type, uint16_t revision,
    const char *name, const char *data)
{
	char meta[120];
	struct err e;

	snprintf(meta, sizeof(meta), "{\"id\":%u,\"type\":%d%s}", id,
	    type == SPOOL_DOCUMENT  ? 8
	    : type == SPOOL_CONTACT ? 6
				    : 5,
	    data[0] == '\0' ? "" : ",\"blob_digest\":\"d\"");
	const struct spool_item item = {.id = id,
	    .type = type,
	    .mode = 0444,
	    .mtime_s = 1600000000,
	    .meta_bytes = (uint32_t)strlen(meta),
	    .name_bytes = (uint32_t)strlen(name),
	    .data_bytes = strlen(data)};

	CHECK(spool_put_begin(s, &item, meta, name, &e));
	CHECK(spool_put_data(s, data, strlen(data), &e));
	if (revision != 0)
		spool_put_revision(s, revision);
	CHECK(spool_put_end(s, &e));
}

struct plan {
	struct spool *s;
	const uint32_t *ids;
	size_t count, at;
	const char *folder;
	const char *meta; /* instead of the spooled one; NULL = that */
};

static bool
on_next(void *ctx, struct archive_entry_in *out)
{
	struct plan *p = ctx;

	if (p->at == p->count)
		return false;
	CHECK(spool_find(p->s, p->ids[p->at++], &out->item));
	out->folder_path = p->folder;
	out->take_meta = xstrdup(p->meta);
	return true;
}

static bool
write_plan(struct plan *p, struct buf *out, struct err *e)
{
	int fd = memfd_create("archive", 0);
	bool ok = archive_write_fd(fd, p->s, on_next, p, e);
	char chunk[4096];
	ssize_t n;

	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	buf_init(out, 0);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		CHECK(buf_add(out, chunk, (size_t)n));
	close(fd);
	return ok;
}

static void
check_paths(const struct buf *tar, const char *expected)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	struct buf paths;

	buf_init(&paths, 0);
	archive_read_support_format_tar(a);
	CHECK(archive_read_open_memory(a, tar->data, tar->len) == ARCHIVE_OK);
	while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
		CHECK(buf_printf(&paths, "%s %o|", archive_entry_pathname(entry),
		    archive_entry_perm(entry)));
		CHECK_INT(archive_entry_mtime(entry), 1600000000);
	}
	CHECK_STR(buf_str(&paths), expected);
	archive_read_free(a);
	buf_fini(&paths);
}

static void
test_write_and_read_back(void **state)
{
	static const uint32_t ids[] = {300, 301, 302, 303, 304};
	static const char *const locales[] = {"C", "C.UTF-8"};
	struct buf tar;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(locales); i++) {
		struct plan p = {
		    .ids = ids, .count = ARRAY_LEN(ids), .folder = "Projekte/Ä & Ö"};

		setlocale(LC_ALL, locales[i]);
		scratch_make(dir, sizeof(dir));
		CHECK(spool_open(dir, "m", true, &p.s, &e));
		spool_put_text(
		    p.s, 300, SPOOL_MESSAGE, 0, "0000000300-Grüße 日本.eml", "hello");
		spool_put_text(p.s, 301, SPOOL_DOCUMENT, 1, "n-00001.txt", "one");
		spool_put_text(p.s, 301, SPOOL_DOCUMENT, 2, "n-00002.txt", "two two");
		spool_put_text(p.s, 301, SPOOL_DOCUMENT, 0, "n-00003.txt", "three");
		spool_put_text(p.s, 302, SPOOL_CONTACT, 0, "", "");
		spool_put_text(p.s, 303, SPOOL_DOCUMENT, 0, "x.meta", "data");
		spool_put_text(p.s, 304, SPOOL_DOCUMENT, 0, "x.err", "data");
		CHECK(write_plan(&p, &tar, &e));
		check_reads_as(&tar,
		    "300 message 5 0000000300-Grüße 日本.eml ok|301 document 3 "
		    "n-00001.txt ok|"
		    "301 document 7 n-00002.txt ok|301 document 5 n-00003.txt ok|302 "
		    "contact 0  ok|"
		    "303 document 4 0000000303-00000 ok|304 document 4 0000000304-00000 "
		    "ok|",
		    true);
		buf_fini(&tar);
		p = (struct plan){.s = p.s, .ids = ids, .count = 2, .folder = "Ä & Ö"};
		CHECK(write_plan(&p, &tar, &e));
		check_paths(&tar, "Ä & Ö/0000000300-Grüße 日本.eml.meta 444|Ä & "
				  "Ö/0000000300-Grüße 日本.eml 444|"
				  "Ä & Ö/n-00001.txt.meta 444|Ä & Ö/n-00001.txt 444|Ä & "
				  "Ö/n-00002.txt.meta 444|"
				  "Ä & Ö/n-00002.txt 444|Ä & Ö/n-00003.txt.meta 444|Ä & "
				  "Ö/n-00003.txt 444|");
		buf_fini(&tar);
		spool_close(&p.s);
		scratch_remove(dir);
	}
	setlocale(LC_ALL, "C");
}

static void
test_write_other_metadata(void **state)
{
	static const uint32_t ids[] = {300};
	struct plan p = {.ids = ids, .count = 1, .folder = "", .meta = MESSAGE(777, "")};
	struct buf tar;
	struct err e;

	(void)state;
	scratch_make(dir, sizeof(dir));
	CHECK(spool_open(dir, "m", true, &p.s, &e));
	spool_put_text(p.s, 300, SPOOL_MESSAGE, 0, "a.eml", "hello");
	CHECK(write_plan(&p, &tar, &e));
	check_reads_as(&tar, "777 message 5 a.eml ok|", true);
	buf_fini(&tar);
	spool_close(&p.s);
	scratch_remove(dir);
}

/* Zimbra would believe the digest: damage must not get that far. */
static void
test_write_damaged(void **state)
{
	static const uint32_t ids[] = {300, 301};
	struct spool_item item;
	char live[80];
	struct err e;
	struct spool *s;

	(void)state;
	scratch_make(dir, sizeof(dir));
	scratch_path(live, sizeof(live), dir, "m");
	CHECK(spool_open(dir, "m", true, &s, &e));
	spool_put_text(s, 300, SPOOL_MESSAGE, 0, "a.eml", "hello");
	spool_put_text(s, 301, SPOOL_MESSAGE, 0, "b.eml", "hello");
	CHECK(spool_find(s, 301, &item));
	for (uint64_t at = item.meta_offset; at < item.data_offset + item.data_bytes;
	     at++) {
		struct plan p = {.s = s, .ids = ids, .count = 2, .folder = "Inbox"};
		struct seen seen;
		struct buf tar;
		bool whole;

		scratch_flip(live, "items", (off_t)at);
		CHECK(!write_plan(&p, &tar, &e));
		scratch_flip(live, "items", (off_t)at);
		CHECK_INT(e.kind, ERR_CORRUPT);
		CHECK_HAS(e.text, "item 301");
		seen_init(&seen);
		CHECK(read_bytes(tar.data, tar.len, false, &seen, &whole));
		CHECK(!whole || tar.len == 0);
		CHECK(seen.good <= 1);
		seen_fini(&seen);
		buf_fini(&tar);
	}
	spool_close(&s);
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_plain),
	    TEST(test_marked_and_missing),
	    TEST(test_names_that_mislead),
	    TEST(test_hostile_sizes_and_kinds),
	    TEST(test_hostile_names),
	    TEST(test_cut_anywhere),
	    TEST(test_flipped_anywhere),
	    TEST(test_garbage),
	    TEST(test_empty),
	    TEST(test_metadata_too_large),
	    TEST(test_sink_that_stops),
	    TEST(test_headers_only),
	    TEST(test_tgz),
	    TEST(test_meta_fields),
	    TEST(test_meta_refused),
	    TEST(test_write_and_read_back),
	    TEST(test_write_other_metadata),
	    TEST(test_write_damaged),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
