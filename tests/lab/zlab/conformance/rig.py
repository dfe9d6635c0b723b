# SPDX-License-Identifier: Apache-2.0
"""What the checks stand on: the table, scratch accounts, and words for what was expected."""

import contextlib
import random
import time
import traceback

from ..zclient import Fault, el, message
from . import tarball

CHECKS = []

# The grantees of public and of all internal users.
PUB, ALL = "99999999-9999-9999-9999-999999999999", "00000000-0000-0000-0000-000000000000"


class Check:
    def __init__(self, name, fact, function, hosts, lab_only):
        self.name, self.fact, self.function = name, fact, function
        self.hosts, self.lab_only = hosts, lab_only


class Failed(Exception):
    """The server does otherwise than the fact says."""


class Skip(Exception):
    """The check cannot run here, and why."""


def check(name, fact, hosts=1, lab_only=False):
    """Enters a function into the table. `fact` names the page and section of the facts."""
    def enter(function):
        CHECKS.append(Check(name, fact, function, hosts, lab_only))
        return function
    return enter


def expect(condition, text, *values):
    if not condition:
        raise Failed(text % values if values else text)


def equal(got, wanted, what):
    if got != wanted:
        raise Failed("%s: %r, should be %r" % (what, got, wanted))


def one_of(got, wanted, what):
    if got not in wanted:
        raise Failed("%s: %r, should be one of %r" % (what, got, wanted))


@contextlib.contextmanager
def faults(*codes, what="the call"):
    """The block must raise a Fault with one of the codes (any code when none is given)."""
    try:
        yield
    except Fault as fault:
        if codes and fault.code not in codes:
            raise Failed("%s: %s (%s), should be %s"
                         % (what, fault.code, fault.reason, " or ".join(codes)))
        return
    raise Failed("%s went through, should be %s" % (what, " or ".join(codes) or "a fault"))


def until(probe, what, seconds=10):
    """Waits for a true answer of probe() and returns it."""
    end = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed("not within %d s: %s" % (seconds, what))
        time.sleep(0.05)


class Rig:
    """The cluster, as one check sees it."""

    def __init__(self, zimbra):
        self.z, self.users = zimbra, []
        self.source = zimbra.servers[0]
        self.target = zimbra.servers[1] if len(zimbra.servers) > 1 else None
        self.lab = zimbra.cluster

    def user(self, home=None, **attrs):
        """A scratch account homed on `home` (the first server), its mailbox created."""
        user = self.bare_user(home, **attrs)
        self.z.admin(user.home, "GetMailboxRequest", None, mbox(user))
        return user

    def bare_user(self, home=None, **attrs):
        """The same without a mailbox."""
        name = "zmferry-check-%012x@%s" % (random.getrandbits(48), self.z.domain)
        user = self.z.create_account(name, home or self.source, **attrs)
        self.users.append(user)
        return user

    def switch(self, user, home):
        """Makes `home` the account's home the plain way: ModifyAccount, caches flushed."""
        self.z.modify(user, zimbraMailHost=home.host)
        user.home = home
        self.z.flush(user)

    def export(self, user, **params):
        """The entries of an export that must succeed."""
        status, data = user.export(**params)
        one_of(status, (200, 204), "export status")
        return tarball.read(data)

    def clean(self):
        """Removes every scratch account and every copy of its mailbox."""
        for user in self.users:
            for server in self.z.servers:
                with contextlib.suppress(Fault):
                    self._remove_copy(user, server)
            try:
                self.z.delete_account(user)
            except Fault as fault:
                print("# %s is left over: %s" % (user.name, fault))
        self.users.clear()

    def _remove_copy(self, user, server):
        with contextlib.suppress(Fault):
            self.z.lockout(server, user, "end")
        if server is user.home or not self.z.row(server, user):
            return
        try:
            self.z.delete_mailbox(server, user, target=server)
        except Fault:
            # Not cached there: it must be home to be opened at all.
            home = user.home
            self.switch(user, server)
            self.z.delete_mailbox(server, user, target=server)
            self.switch(user, home)


def mbox(user):
    return el("mbox", {"id": user.id})


def grant(zid, perm="r", kind="usr"):
    return el("grant", {"gt": kind, "zid": zid, "perm": perm})


def save_document(user, name, data, item=None, version=None):
    """A new document in Briefcase, or a new revision of `item`. Returns the id."""
    upload = el("upload", {"id": user.upload(data, content_type="text/plain")})
    attrs = {"name": name, "l": 16, "id": item, "ver": version}
    answer = user.call("SaveDocumentRequest", None, el("doc", attrs, upload))
    return int(answer.find("doc").get("id"))


def texts(count, stem="m"):
    return [message("%s%03d" % (stem, n)) for n in range(count)]


def run(zimbra, checks, say):
    """Runs the checks, TAP on `say`. Returns (passed, failed, skipped)."""
    counts = {"ok": 0, "not ok": 0, "skip": 0}
    say("1..%d" % len(checks))
    for number, item in enumerate(checks, 1):
        result, notes, rig, start = "ok", [], Rig(zimbra), time.monotonic()
        try:
            if item.lab_only and not zimbra.cluster:
                raise Skip("lab only")
            if item.hosts > len(zimbra.servers):
                raise Skip("needs %d servers" % item.hosts)
            item.function(rig)
        except Skip as reason:
            result, notes = "skip", [str(reason)]
        except Failed as failure:
            result, notes = "not ok", [str(failure)]
        except Exception as error:
            where = [f for f in traceback.extract_tb(error.__traceback__)
                     if "/conformance/" in f.filename]
            result = "not ok"
            notes = ["%s: %s" % (type(error).__name__, error)]
            notes += ["line %d of %s: %s" % (f.lineno, f.filename.rpartition("/")[2], f.line)
                      for f in where[1:][-2:]]
        finally:
            rig.clean()
        counts[result] += 1
        took = " # %.2f s" % (time.monotonic() - start)
        tail = " # SKIP " + notes[0] if result == "skip" else took
        say("%s %d - %s (%s)%s" % ("ok" if result == "skip" else result, number, item.name,
                                   item.fact, tail))
        for note in notes if result == "not ok" else []:
            say("#   " + note.replace("\n", "\n#   "))
    return counts["ok"], counts["not ok"], counts["skip"]
