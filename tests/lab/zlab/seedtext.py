# SPDX-License-Identifier: Apache-2.0
"""Raw messages, names and calendar texts for seeding; every byte follows from a random.Random."""

import base64
import time

DOMAINS = ("partner.test", "supplier.test", "university.test", "newsletter.test")
WORDS = ("the quarterly report plan meeting agenda budget offer contract delivery order invoice "
         "draft review garden window river letter answer question green early seven paper north "
         "train please find attached thank you kind regards as discussed yesterday tomorrow we "
         "should could not with without about from next week on Monday morning version two").split()
OTHER_WORDS = ("Größe", "Übersicht", "naïve", "café", "señor", "東京", "склад", "λόγος", "żółć")
MIXED_WORDS = WORDS * 5 + list(OTHER_WORDS)     # about one in thirty is not ASCII
# All names are legal in Zimbra; it refuses only : / and " in them.
ODD_FOLDERS = ("Kunden*", "Was nun?", "~home", "R&D & more", "Größe Ä Ö Ü ß", "trailing dot.",
               "a!b@c#d$e%f^g(h)+i=j", "  two  spaces", "100% <fertig>", "o'neil's", "[brackets]",
               "-dash", "Inbox", "ends with ~", "semi;colon, comma", "Straße\u2014lang",
               "a very long name " + "that goes on and on " * 5 + "until 120")
EPOCH = 1704067200          # 2024-01-01; the seeded year
YEAR_S = 365 * 86400


def words(rng, count):
    return " ".join(rng.choices(MIXED_WORDS, k=count))


def rfc_date(when):
    return time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(when))


def encoded(text):
    if text.isascii():
        return text
    return "=?utf-8?B?%s?=" % base64.b64encode(text.encode()).decode("ascii")


def body_lines(rng, size):
    """Text of about `size` bytes, with lines that a delivery might trip over."""
    lines, total = [], 0
    while total < size:
        line = words(rng, rng.randint(3, 13))
        kind = rng.random()
        if kind < 0.02:
            line = "From " + line
        elif kind < 0.04:
            line = "." + line
        elif kind < 0.10:
            line = ""
        elif kind < 0.15:
            line = "> " + line
        lines.append(line)
        total += len(line) + 2
    return "\r\n".join(lines) + "\r\n"


def mail(rng, to, subject, when, size, mid, refs=(), sender=None, attachment=0, extra="",
         eol="\r\n"):
    """A raw message. `refs`: Message-IDs of its thread, oldest first."""
    sender = sender or "writer%d@%s" % (rng.randint(1, 60), rng.choice(DOMAINS))
    head = ["From: <%s>" % sender, "To: <%s>" % to, "Date: " + rfc_date(when),
            "Message-ID: " + mid, "MIME-Version: 1.0"]
    if subject is not None:
        head.insert(2, "Subject: " + encoded(subject))
    if refs:
        head += ["In-Reply-To: " + refs[-1], "References: " + " ".join(refs[-8:])]
    if extra:
        head.append(extra)
    text = body_lines(rng, size)
    if attachment:
        boundary = "=_lab_%016x" % rng.getrandbits(64)
        head.append('Content-Type: multipart/mixed; boundary="%s"' % boundary)
        data = base64.encodebytes(rng.randbytes(attachment)).decode("ascii")
        text = ("--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                "Content-Transfer-Encoding: 8bit\r\n\r\n%s\r\n--%s\r\n"
                "Content-Type: application/octet-stream; name=\"file%d.bin\"\r\n"
                "Content-Transfer-Encoding: base64\r\n"
                "Content-Disposition: attachment; filename=\"file%d.bin\"\r\n\r\n%s--%s--\r\n"
                % (boundary, text, boundary, rng.randint(1, 99), rng.randint(1, 99),
                   data.replace("\n", "\r\n"), boundary))
    else:
        head += ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
    raw = "\r\n".join(head) + "\r\n\r\n" + text
    return (raw if eol == "\r\n" else raw.replace("\r\n", eol)).encode()


def headless(rng):
    """A message without a single header, as old archives hold them."""
    return ("\r\n" + body_lines(rng, 300)).encode()


def long_line(to, subject, when, mid):
    """A line of 12,000 bytes: LMTP and the archive import refuse it, AddMsg takes it."""
    return ("From: <machine@supplier.test>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\n"
            "Message-ID: %s\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n<p>%s</p>\r\n"
            % (to, subject, rfc_date(when), mid, "x" * 11993)).encode()


def ics_time(when):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(when))


def ics(uid, method, summary, start, minutes, organizer, attendees=(), rrule=None,
        recurrence_id=None, sequence=0, component="VEVENT", partstat="NEEDS-ACTION"):
    lines = ["BEGIN:VCALENDAR", "PRODID:lab", "VERSION:2.0", "METHOD:" + method,
             "BEGIN:" + component, "UID:" + uid, "SUMMARY:" + summary,
             "DTSTART:" + ics_time(start)]
    if component == "VEVENT":
        lines.append("DTEND:" + ics_time(start + minutes * 60))
    else:
        lines.append("DUE:" + ics_time(start + minutes * 60))
    lines.append("ORGANIZER:mailto:" + organizer)
    lines += ["ATTENDEE;PARTSTAT=%s;RSVP=TRUE:mailto:%s" % (partstat, a) for a in attendees]
    if rrule:
        lines.append("RRULE:" + rrule)
    if recurrence_id:
        lines.append("RECURRENCE-ID:" + ics_time(recurrence_id))
    lines += ["SEQUENCE:%d" % sequence, "DTSTAMP:" + ics_time(EPOCH), "END:" + component,
              "END:VCALENDAR", ""]
    return "\r\n".join(lines)


def invite_mail(rng, to, subject, when, mid, calendar_text, method):
    return ("From: <organizer@partner.test>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\n"
            "Message-ID: %s\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/alternative; boundary=\"=_lab_inv\"\r\n\r\n"
            "--=_lab_inv\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n"
            "--=_lab_inv\r\nContent-Type: text/calendar; charset=utf-8; method=%s\r\n\r\n%s\r\n"
            "--=_lab_inv--\r\n" % (to, encoded(subject), rfc_date(when), mid,
                                  words(rng, 20), method, calendar_text)).encode()
