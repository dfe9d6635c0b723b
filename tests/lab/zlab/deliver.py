# SPDX-License-Identifier: Apache-2.0
"""A delivery storm that behaves like an MTA.

Every mail is unique (Message-ID and subject) and goes through a queue: the recipient's
transport is looked up in LDAP as Postfix does (facts 6.3) and then used for a while though it
may have changed; LMTP, one recipient a transaction; 4xx and broken connections are retried
with a short backoff until the answer is 250 or 5xx. Some transactions linger between RCPT and
DATA, as a slow MTA does.

LABDIR/deliver.jsonl, one object a line, appended as things happen:
  {"ev":"250", "rcpt", "account", "mid", "subject", "body", "size", "node", "reply", "time",
   "queued", "attempts", "unclear"}   body = SHA-256 of the body (after the first empty line)
  {"ev":"4xx", "rcpt", "mid", "node", "reply", "time"}
  {"ev":"5xx", ...}                    bounced: the sender got it back
  {"ev":"unclear", ...}                sent in full, the answer was lost; sent again later
  {"ev":"waiting", ...}                still in the queue when the storm ended
  {"ev":"deferred", "rcpt", "first", "last", "seconds", "count"}   one period of 4xx
  {"ev":"summary", ...}
"""

import fnmatch
import hashlib
import heapq
import json
import os
import random
import signal
import socket
import threading
import time

from zlab.hosts import Addresses
from zlab.ldapclient import LdapError, escape

WORKERS = 12
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.15, 2.0
# Two refusals further apart than this belong to two periods of deferral.
PERIOD_GAP_S = 6.0
REPLY_TIMEOUT_S = 30
LINGER_SHARE, LINGER_MAX_S = 0.04, 2.0
WORDS = ("report meeting offer invoice plan garden window river number letter answer question "
         "green early seven paper north train Größe später naïve café 東京 склад").split()


class Mail:
    """One message to one recipient, and what happened to it so far."""

    def __init__(self, rcpt, account_id, mid, subject, data, now):
        self.rcpt, self.account_id, self.mid, self.subject = rcpt, account_id, mid, subject
        self.data, self.queued, self.due = data, now, now
        self.attempts = self.unclear = 0

    def __lt__(self, other):
        return self.due < other.due


class Bounced(Exception):
    pass


class Deferred(Exception):
    pass


class Unclear(Exception):
    pass


class Storm:
    def __init__(self, lab, rate, seconds, only, stale, drain, seed):
        self.lab, self.rate, self.seconds, self.stale, self.drain = lab, rate, seconds, stale, drain
        self.only = only
        self.random = random.Random(seed)
        self.ldap = lab.ldap()
        self.addresses = Addresses(lab.path)
        self.log_path = os.path.join(lab.dir, "deliver.jsonl")
        self.log = open(self.log_path, "a", encoding="utf-8")
        self.lock = threading.Condition()
        self.queue, self.busy = [], 0
        self.producing = self.running = True
        self.routes = {}    # recipient -> (transport, good until)
        self.periods = {}   # recipient -> [first, last, count]
        self.longest = []   # seconds of all ended periods
        self.counts = {"sent": 0, "250": 0, "4xx": 0, "5xx": 0, "unclear": 0}
        self.max_wait = 0.0
        self.run_id = "%x" % int(time.time() * 1000)

    # -- the log --

    def note(self, ev, mail=None, **more):
        row = {"ev": ev, "time": time.time()}
        if mail is not None:
            row.update(rcpt=mail.rcpt, account=mail.account_id, mid=mail.mid)
        row.update(more)
        with self.lock:
            self.log.write(json.dumps(row, ensure_ascii=False) + "\n")
            self.log.flush()

    # -- making mail --

    def recipients(self):
        rows = self.ldap.search(
            "", "sub", "(&(objectClass=zimbraAccount)(zimbraMailStatus=enabled)"
            "(zimbraMailTransport=lmtp:*))", ["zimbraId", "zimbraMailDeliveryAddress"])
        return sorted((a["zimbraMailDeliveryAddress"][0], a["zimbraId"][0]) for _, a in rows
                      if fnmatch.fnmatch(a.get("zimbraMailDeliveryAddress", [""])[0], self.only))

    def make(self, rcpt, account_id, serial):
        rng, now = self.random, time.time()
        mid = "<storm.%s.%06d@mta1.%s>" % (self.run_id, serial, self.lab.config["domain"])
        subject = "storm %s %06d %s" % (self.run_id, serial, rng.choice(WORDS))
        lines = []
        for _ in range(rng.choice((3, 8, 20, 60, 250))):
            lines.append(" ".join(rng.choice(WORDS) for _ in range(rng.randint(0, 12))))
        lines.append(".")   # must be stuffed and come out as it was
        body = "\r\n".join(lines) + "\r\n"
        head = ("From: sender%d@partner.test\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\n"
                "Message-ID: %s\r\nMIME-Version: 1.0\r\n"
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
                % (rng.randint(1, 40), rcpt, _header(subject),
                   time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(now)), mid))
        return Mail(rcpt, account_id, mid, subject, (head + "\r\n" + body).encode(), now)

    def produce(self):
        people = self.recipients()
        if not people:
            raise RuntimeError("no recipient matches --only %s" % self.only)
        end = None if self.seconds is None else time.monotonic() + self.seconds
        serial, next_at = 0, time.monotonic()
        while self.producing and (end is None or time.monotonic() < end):
            delay = next_at - time.monotonic()
            if delay > 0:
                time.sleep(min(delay, 0.2))
                continue
            serial += 1
            mail = self.make(*self.random.choice(people), serial)
            with self.lock:
                self.counts["sent"] += 1
                heapq.heappush(self.queue, mail)
                self.lock.notify()
            next_at += self.random.expovariate(self.rate)
        self.producing = False

    # -- delivering it --

    def work(self):
        while True:
            with self.lock:
                while self.running and (not self.queue or self.queue[0].due > time.time()):
                    wait = self.queue[0].due - time.time() if self.queue else 0.5
                    self.lock.wait(max(0.01, min(wait, 0.5)))
                if not self.running:
                    return
                mail = heapq.heappop(self.queue)
                self.busy += 1
                linger = (self.random.uniform(0, LINGER_MAX_S)
                          if self.random.random() < LINGER_SHARE else 0)
            again = True
            try:
                again = self.attempt(mail, linger)
            finally:
                with self.lock:
                    self.busy -= 1
                    if again:
                        mail.due = time.time() + self.backoff(mail)
                        heapq.heappush(self.queue, mail)
                    self.lock.notify_all()

    def backoff(self, mail):
        return min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 1.5 ** min(mail.attempts, 12)) \
            * self.random.uniform(0.7, 1.3)

    def attempt(self, mail, linger):
        """True: again later."""
        mail.attempts += 1
        host = "-"
        try:
            host, port = self.route(mail.rcpt)
            reply = _lmtp(self.addresses.get(host, host), port, mail, linger)
        except Bounced as e:
            self.count("5xx")
            self.note("5xx", mail, node=host, reply=str(e), subject=mail.subject)
            return False
        except Unclear as e:
            mail.unclear += 1
            self.count("unclear")
            self.note("unclear", mail, node=host, reply=str(e), subject=mail.subject)
            return True
        except (Deferred, OSError, LdapError) as e:
            self.count("4xx")
            self.defer(mail.rcpt)
            self.note("4xx", mail, node=host, reply=str(e))
            return True
        now = time.time()
        self.count("250")
        self.max_wait = max(self.max_wait, now - mail.queued)
        body = mail.data.split(b"\r\n\r\n", 1)[1]
        self.note("250", mail, subject=mail.subject, body=hashlib.sha256(body).hexdigest(),
                  size=len(mail.data), node=host, reply=reply, queued=mail.queued,
                  attempts=mail.attempts, unclear=mail.unclear)
        return False

    def route(self, rcpt):
        """(host, port) by the transport map, up to `stale` seconds old."""
        now = time.monotonic()
        with self.lock:
            transport, until = self.routes.get(rcpt, (None, 0))
        if now >= until:
            rows = self.ldap.search(
                "", "sub", "(&(|(zimbraMailDeliveryAddress=%s)(zimbraDomainName=%s))"
                "(zimbraMailStatus=enabled))" % (escape(rcpt), escape(rcpt)),
                ["zimbraMailTransport"])
            values = [v for _, a in rows for v in a.get("zimbraMailTransport", [])]
            if not values:
                raise Bounced("550 5.1.1 %s: unknown recipient (no enabled transport)" % rcpt)
            transport = values[0]
            with self.lock:
                self.routes[rcpt] = (transport, now + self.random.uniform(0, self.stale))
        kind, _, rest = transport.partition(":")
        if kind == "retry":
            raise Deferred("4.0.0 transport %s" % transport)
        host, _, port = rest.partition(":")
        if kind != "lmtp" or not host:
            raise Bounced("5.4.6 transport %s is not ours" % transport)
        return host, int(port or 24)

    def count(self, name):
        with self.lock:
            self.counts[name] += 1

    def defer(self, rcpt):
        now, ended = time.time(), None
        with self.lock:
            period = self.periods.get(rcpt)
            if period is not None and now - period[1] > PERIOD_GAP_S:
                ended, period = period, None
            if period is None:
                period = self.periods[rcpt] = [now, now, 0]
            period[1] = now
            period[2] += 1
        if ended:
            self.note_period(rcpt, ended)

    def note_period(self, rcpt, period):
        seconds = period[1] - period[0]
        self.longest.append(seconds)
        self.note("deferred", rcpt=rcpt, first=period[0], last=period[1],
                  seconds=round(seconds, 3), count=period[2])

    # -- all of it --

    def stop(self, *_):
        self.producing = False

    def run(self):
        threads = [threading.Thread(target=self.work, daemon=True) for _ in range(WORKERS)]
        for t in threads:
            t.start()
        self.produce()
        deadline = time.monotonic() + self.drain
        while time.monotonic() < deadline:
            with self.lock:
                if not self.queue and not self.busy:
                    break
            time.sleep(0.05)
        with self.lock:
            self.running = False
            self.lock.notify_all()
        for t in threads:
            t.join(REPLY_TIMEOUT_S + LINGER_MAX_S)
        return self.summary()

    def summary(self):
        for mail in self.queue:
            self.note("waiting", mail, subject=mail.subject, attempts=mail.attempts,
                      unclear=mail.unclear)
        for rcpt, period in sorted(self.periods.items()):
            self.note_period(rcpt, period)
        result = dict(self.counts, waiting=len(self.queue),
                      max_wait_s=round(self.max_wait, 3), deferrals=len(self.longest),
                      longest_deferral_s=round(max(self.longest, default=0.0), 3))
        self.note("summary", **result)
        self.log.close()
        return result


def _header(text):
    import base64
    if text.isascii():
        return text
    return "=?utf-8?B?%s?=" % base64.b64encode(text.encode()).decode("ascii")


def _lmtp(address, port, mail, linger):
    """Delivers one mail; the final reply. Raises Deferred, Bounced, Unclear or OSError."""
    with socket.create_connection((address, port), 5) as sock:
        sock.settimeout(REPLY_TIMEOUT_S)
        replies = sock.makefile("rb")

        def expect(line, good):
            if line is not None:
                sock.sendall(line.encode() + b"\r\n")
            code, text = _reply(replies)
            if code == good:
                return text
            raise (Bounced if code >= 500 else Deferred)(text)

        expect(None, 220)
        expect("LHLO mta1", 250)
        expect("MAIL FROM:<sender@partner.test>", 250)
        expect("RCPT TO:<%s>" % mail.rcpt, 250)
        if linger:
            time.sleep(linger)
        expect("DATA", 354)
        sock.sendall(b"".join((b"." + line if line.startswith(b".") else line)
                              for line in mail.data.splitlines(keepends=True)))
        sock.sendall(b".\r\n")
        try:
            code, text = _reply(replies)
        except OSError as e:
            raise Unclear("no answer after the mail was sent: %s" % e) from e
        if code != 250:
            raise (Bounced if code >= 500 else Deferred)(text)
        try:
            sock.sendall(b"QUIT\r\n")
        except OSError:
            pass
        return text


def _reply(replies):
    lines = []
    while True:
        raw = replies.readline(4096)
        if not raw.endswith(b"\n"):
            raise ConnectionError("connection closed by the LMTP server")
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        lines.append(line)
        if line[3:4] != "-":
            if not line[:3].isdigit():
                raise ConnectionError("not LMTP: %r" % line[:80])
            return int(line[:3]), " ".join(lines)


def main(lab, args):
    storm = Storm(lab, args.rate, args.seconds, args.only, args.stale, args.drain, args.seed)
    signal.signal(signal.SIGTERM, storm.stop)
    signal.signal(signal.SIGINT, storm.stop)
    result = storm.run()
    print("storm: " + ", ".join("%s %s" % pair for pair in result.items()), flush=True)
    return 0 if not result["5xx"] and not result["waiting"] else 1
