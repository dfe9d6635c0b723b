/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mail after RFC 5322 and 2045: ASCII in the header (others by RFC 2047), the body in
 * quoted-printable, so that any server takes it. All mails about one alert have one thread:
 * the first one's Message-ID is in References of the others. Auto-Submitted (RFC 3834) keeps
 * vacation answers away.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/alert/way.h"
#include "proto/base/utf8.h"

#define LINE_MAX_BYTES 72
#define SUBJECT_MAX 160 /* of text; the whole stands in the body */
#define WORD_BYTES 42	/* of an encoded word: 42 bytes are 56 letters of base64 */

static bool
is_plain(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			return false;
	}
	return true;
}

static bool
base64(struct buf *out, const unsigned char *in, size_t len)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	bool ok = true;

	for (size_t i = 0; i < len && ok; i += 3) {
		unsigned n = (unsigned)in[i] << 16;
		char four[4];

		n |= i + 1 < len ? (unsigned)in[i + 1] << 8 : 0;
		n |= i + 2 < len ? in[i + 2] : 0;
		four[0] = letters[n >> 18];
		four[1] = letters[n >> 12 & 63];
		four[2] = i + 1 < len ? letters[n >> 6 & 63] : '=';
		four[3] = i + 2 < len ? letters[n & 63] : '=';
		ok = buf_add(out, four, 4);
	}
	return ok;
}

/* "Subject: ..." folded, or as encoded words that end between characters. */
static bool
write_subject(struct buf *out, const char *text)
{
	char cut[SUBJECT_MAX + 1];
	bool ok = buf_add_str(out, "Subject: ");

	snprintf(cut, sizeof(cut), "%.*s", SUBJECT_MAX, text);
	utf8_tidy(cut); /* cut through a character: it goes */
	if (is_plain(cut))
		return ok && buf_printf(out, "%s\r\n", cut);
	for (const char *p = cut; *p != '\0' && ok;) {
		size_t len = 0;

		while (p[len] != '\0') {
			size_t more = utf8_length(p + len, strlen(p + len));

			if (more == 0 || len + more > WORD_BYTES)
				break;
			len += more;
		}
		ok = buf_add_str(out, p == cut ? "=?UTF-8?B?" : " =?UTF-8?B?") &&
		     base64(out, (const unsigned char *)p, len) &&
		     buf_add_str(out, "?=\r\n");
		p += len == 0 ? 1 : len;
	}
	return ok;
}

/* Quoted-printable, RFC 2045 6.7. */
static bool
write_body(struct buf *out, const char *text)
{
	size_t column = 0;
	bool ok = true;

	for (; *text != '\0' && ok; text++) {
		unsigned char c = (unsigned char)*text;
		bool at_end = text[1] == '\n' || text[1] == '\0';
		bool quote = c > 0x7e || c == '=' || (c < 0x20 && c != '\n') ||
			     (c == ' ' && at_end) || (c == '.' && column == 0);

		if (c == '\n') {
			ok = buf_add_str(out, "\r\n");
			column = 0;
			continue;
		}
		if (column + (quote ? 3 : 1) > LINE_MAX_BYTES) {
			ok = buf_add_str(out, "=\r\n");
			column = 0;
		}
		ok = ok && (quote ? buf_printf(out, "=%02X", c) : buf_add(out, text, 1));
		column += quote ? 3 : 1;
	}
	return ok;
}

/* In English whatever the locale, as the standard wants it. */
static bool
write_date(struct buf *out, int64_t now_ms)
{
	static const char *const days[] = {
	    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return buf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
	    tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool
write_thread(
    struct buf *out, const struct alert_mail_conf *conf, const struct alert_message *m)
{
	const char *domain = strrchr(conf->from, '@') + 1;
	bool ok =
	    buf_printf(out, "Message-ID: <%s.%u@%s>\r\n", m->thread, m->place, domain);

	if (m->place == 0)
		return ok;
	return ok &&
	       buf_printf(out, "In-Reply-To: <%s.0@%s>\r\nReferences: <%s.0@%s>\r\n",
		   m->thread, domain, m->thread, domain);
}

void
mail_write(
    const struct alert_mail_conf *conf, const struct alert_message *m, struct buf *out)
{
	char *line = alert_message_subject(m);
	char *body = alert_message_body(m);
	char subject[SUBJECT_MAX * 2];
	bool ok;

	snprintf(subject, sizeof(subject), "[zmferry] %s", line);
	ok = write_date(out, m->now_ms) &&
	     buf_printf(out, "From: zmferry <%s>\r\nTo: ", conf->from);
	for (char **to = conf->to; *to != NULL && ok; to++)
		ok = buf_printf(out, "%s%s", to == conf->to ? "" : ",\r\n ", *to);
	ok = ok && buf_add_str(out, "\r\n") && write_subject(out, subject) &&
	     write_thread(out, conf, m) &&
	     buf_printf(out,
		 "Auto-Submitted: auto-generated\r\n"
		 "X-Auto-Response-Suppress: All\r\n"
		 "X-Zmferry-Alert: %s\r\n"
		 "X-Zmferry-Event: %s\r\n"
		 "X-Zmferry-Severity: %s\r\n"
		 "%s"
		 "MIME-Version: 1.0\r\n"
		 "Content-Type: text/plain; charset=UTF-8\r\n"
		 "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
		 m->key, m->event, alert_severity_name(m->severity),
		 m->severity == ALERT_CRITICAL && strcmp(m->event, "over") != 0
		     ? "Importance: high\r\n"
		     : "") &&
	     write_body(out, body);
	if (!ok)
		BUG("a mail of %zu bytes does not fit", strlen(body));
	free(line);
	free(body);
}
