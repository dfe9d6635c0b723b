/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes are looked at once. What Zimbra does to them is in the facts: an XML parser makes
 * LF of CR LF and AddMsg makes CR LF of LF; a header with raw 8-bit bytes is written anew.
 */
#include "agent/mailbox/seed_text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/mailbox/spool.h"
#include "proto/base/err.h"
#include "proto/base/utf8.h"

/* --- how it may travel --- */

void
seed_text_begin(struct seed_text *x)
{
	*x = (struct seed_text){.at_line_start = true};
}

static bool
text_is_xml(const uint8_t *p, size_t length)
{
	if (length == 1)
		return *p >= 0x20 || *p == '\t' || *p == '\n' || *p == '\r';
	/* U+FFFE and U+FFFF */
	return length != 3 || p[0] != 0xef || p[1] != 0xbf || p[2] < 0xbe;
}

/* One byte for the line ends and the header. */
static void
text_take_byte(struct seed_text *x, uint8_t c)
{
	if (c == '\n') {
		if (x->has_cr)
			x->crlf++;
		else
			x->lf++;
		/* An empty line ends the header; before any field there is none. */
		if (!x->in_body && x->at_line_start) {
			x->in_body = true;
			x->no_header = x->no_header || !x->has_colon;
		} else if (!x->in_body && !x->has_colon) {
			x->no_header = true; /* the first line is no field */
		}
		x->at_line_start = true;
		x->has_cr = false;
	} else {
		x->cr += x->has_cr;
		x->has_cr = c == '\r';
		if (c == ':' && !x->in_body && !x->at_line_start)
			x->has_colon = true;
		if (c >= 0x80 && !x->in_body)
			x->header_8bit = true;
		if (c != '\r')
			x->at_line_start = false;
	}
	x->bytes++;
}

static void
text_take_characters(struct seed_text *x, const uint8_t *p, size_t len)
{
	while (len > 0 && !x->not_xml) {
		size_t length = utf8_length(p, len);

		if (length == 0 && len < 4 && *p >= 0xc2) {
			memcpy(x->rest, p, len);
			x->rest_len = len;
			return;
		}
		if (length == 0 || !text_is_xml(p, length)) {
			x->not_xml = true;
			return;
		}
		p += length;
		len -= length;
	}
}

void
seed_text_feed(struct seed_text *x, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t at = 0;

	for (size_t i = 0; i < len; i++)
		text_take_byte(x, p[i]);
	/* What the piece before left of a character is completed byte by byte. */
	while (x->rest_len > 0 && at < len && !x->not_xml) {
		size_t have = x->rest_len;

		x->rest[x->rest_len++] = p[at++];
		if (utf8_length(x->rest, x->rest_len) == x->rest_len) {
			x->not_xml = !text_is_xml(x->rest, x->rest_len);
			x->rest_len = 0;
		} else if (have == 3) {
			x->not_xml = true;
		}
	}
	text_take_characters(x, p + at, len - at);
}

enum seed_way
seed_text_end(struct seed_text *x)
{
	x->cr += x->has_cr;
	if (x->rest_len > 0)
		x->not_xml = true;
	if (!x->has_colon || x->no_header || x->header_8bit)
		return SEED_LEAVE;
	/* Without any CR it gets one in each line, however it travels. */
	if (x->lf > 0 && x->crlf == 0 && x->cr == 0)
		return SEED_LEAVE;
	if (x->lf > 0 || x->cr > 0 || x->not_xml || x->bytes > SEED_INLINE_MAX)
		return SEED_UPLOAD;
	return SEED_INLINE;
}

/* --- what ties it to others --- */

static void
keys_add(struct seed_keys *k, const char *id, size_t len)
{
	uint64_t hash = spool_hash(id, len);

	for (size_t i = 0; i < k->count; i++) {
		if (k->ids[i] == hash)
			return;
	}
	if (k->count < SEED_KEYS_MAX)
		k->ids[k->count++] = hash;
}

/* "<a@b> <c@d>": each with its brackets. */
static bool
keys_add_ids(struct seed_keys *k, const char *at, const char *end)
{
	bool any = false;

	while (at < end) {
		const char *open = memchr(at, '<', (size_t)(end - at));
		const char *p = open == NULL ? end : open + 1;

		while (p < end && *p != '>' && *p != '<' && !isspace((unsigned char)*p))
			p++;
		if (open == NULL)
			break;
		if (p < end && *p == '>' && p > open + 1) {
			keys_add(k, open, (size_t)(p + 1 - open));
			any = true;
		}
		at = p < end && *p == '<' ? p : p + 1;
	}
	return any;
}

/* Where the field that begins here ends: before the line end that no blank follows. */
static const char *
field_end(const char *at, const char *end)
{
	while (at < end) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));

		if (feed == NULL)
			return end;
		if (feed + 1 >= end || (feed[1] != ' ' && feed[1] != '\t'))
			return feed;
		at = feed + 1;
	}
	return end;
}

static const char *const id_fields[] = {
    "Message-ID", "In-Reply-To", "References", "Resent-Message-ID"};

static void
keys_take_field(struct seed_keys *k, const char *at, const char *end, size_t which)
{
	size_t length = strlen(id_fields[which]);
	const char *colon = memchr(at, ':', (size_t)(end - at));
	const char *name_end = colon;

	if (colon == NULL)
		return;
	while (name_end > at && (name_end[-1] == ' ' || name_end[-1] == '\t'))
		name_end--;
	if ((size_t)(name_end - at) != length ||
	    strncasecmp(at, id_fields[which], length) != 0)
		return;
	if (keys_add_ids(k, colon + 1, end) && (which == 1 || which == 2))
		k->refers = true;
	if (which == 1)
		k->in_reply_to = true;
}

/* The length of one "Re:", "AW[2]:" and what follows it; 0: there is none. */
static size_t
reply_mark(const char *s)
{
	static const char *const marks[] = {"re", "aw", "fwd", "fw", "wg"};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		size_t n = strlen(marks[i]);

		if (strncasecmp(s, marks[i], n) != 0)
			continue;
		if (s[n] == '[') {
			size_t digits = strspn(s + n + 1, "0123456789");

			if (digits > 0 && s[n + 1 + digits] == ']')
				n += digits + 2;
		}
		if (s[n] != ':')
			continue;
		n++;
		return n + strspn(s + n, " \t\r\n");
	}
	return 0;
}

static void
keys_take_subject(struct seed_keys *k, const char *subject)
{
	char lower[256];
	size_t length = 0;
	size_t mark;

	while (*subject == ' ' || *subject == '\t')
		subject++;
	while ((mark = reply_mark(subject)) > 0) {
		k->is_reply = true;
		subject += mark;
	}
	for (; subject[length] != '\0' && length < sizeof(lower) - 1; length++)
		lower[length] = (char)tolower((unsigned char)subject[length]);
	while (length > 0 && isspace((unsigned char)lower[length - 1]))
		length--;
	/* Apart from every Message-ID, which begins with '<'. */
	if (length > 0)
		k->subject = spool_hash(lower, length) ^ 0x5355424au;
}

void
seed_keys_read(const void *head, size_t len, const char *subject, struct seed_keys *out)
{
	const char *begin = head;
	const char *end = begin + len;

	memset(out, 0, sizeof(*out));
	for (size_t which = 0; which < ARRAY_LEN(id_fields); which++) {
		bool found = false;

		/* The first of each name counts, and they count in this order. */
		for (const char *at = begin; at < end && !found;) {
			const char *stop = field_end(at, end);
			size_t before = out->count;
			bool was = out->in_reply_to;

			if (stop == at || (stop == at + 1 && *at == '\r'))
				break;
			keys_take_field(out, at, stop, which);
			found = out->count > before || out->in_reply_to != was;
			out->has_id = out->has_id || (which == 0 && found);
			at = stop + 1;
		}
	}
	if (subject != NULL)
		keys_take_subject(out, subject);
}

bool
seed_message_id(const void *head, size_t len, char *out, size_t size)
{
	const char *end = (const char *)head + len;

	for (const char *at = head; at < end;) {
		const char *stop = field_end(at, end);
		const char *open, *close;

		if (stop == at || (stop == at + 1 && *at == '\r'))
			return false;
		open = strncasecmp(at, "Message-ID", strlen("Message-ID")) == 0
			   ? memchr(at, '<', (size_t)(stop - at))
			   : NULL;
		close = open == NULL ? NULL : memchr(open, '>', (size_t)(stop - open));
		if (close != NULL && (size_t)(close + 2 - open) <= size) {
			memcpy(out, open, (size_t)(close + 1 - open));
			out[close + 1 - open] = '\0';
			return true;
		}
		at = stop + 1;
	}
	return false;
}
