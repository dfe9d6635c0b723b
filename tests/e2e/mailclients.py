# SPDX-License-Identifier: Apache-2.0
"""Mail programs whose owners are moved: their copies by IMAP and POP3 before and after.

`Reader` lets them in wherever the home is, `taken` and `compared` are for any scenario:

    copies = taken(Reader(place), names)
    ...                                     # moves
    total, each = compared(reader, copies)  # total.wrong, total.missed, total.share; each[name].now
"""
import imaplib
import json
import os
import threading

from harness import wait_for
from zlab.mailcache import ImapCache, Outcome, PopCache
from zlab.mailclient import Imap, Pop, Refused
from zlab.zclient import Zimbra
from cutover import users_of
from steps import all_settled_clean, begin, evacuate, finish, require, require_clean


class Reader:
    """Comes in as any user, at the server where he was last, and where that one refers him to."""

    def __init__(self, place):
        self.zimbra = Zimbra.from_cluster(os.path.join(place.lab_dir, "cluster.json"))
        self.password = place.cluster["users"]["password"]
        self.servers = {s.host: s for s in self.zimbra.servers}
        self.places = {}

    def server(self, name):
        return self.places.get(name) or self.zimbra.servers[0]

    def imap(self, name):
        try:
            return Imap(self.server(name), self.zimbra.tls, name, self.password)
        except Refused as refused:
            if refused.host not in self.servers:
                raise
            self.places[name] = self.servers[refused.host]
            return Imap(self.places[name], self.zimbra.tls, name, self.password)

    def pop(self, name):
        """At the place that IMAP found: a loaded old copy would let him in as well."""
        return Pop(self.server(name), self.zimbra.tls, name, self.password)


class Copy:
    """What one user's two programs have."""

    def __init__(self, imap, pop):
        self.imap, self.pop = imap, pop


def taken(reader, names):
    """{name: Copy}"""
    copies = {}
    for name in names:
        with reader.imap(name) as session:
            imap = ImapCache.take(session)
        with reader.pop(name) as session:
            copies[name] = Copy(imap, PopCache.take(session))
    return copies


def compared(reader, copies):
    """(Outcome of all, {name: (Outcome, PopOutcome)}): what the programs make of it now."""
    total, each = Outcome(), {}
    for name, copy in copies.items():
        with reader.imap(name) as session:
            outcome = copy.imap.compare(session)
        with reader.pop(name) as session:
            each[name] = outcome, copy.pop.compare(session)
        total.add(outcome)
    return total, each


class AlwaysOn(threading.Thread):
    """A program that looks for what is new again and again, through the move as well."""

    def __init__(self, reader, name, copy):
        super().__init__(daemon=True)
        self.reader, self.name_of, self.cache = reader, name, copy.imap
        self.stop, self.total, self.looks, self.refused = threading.Event(), Outcome(), 0, 0

    def run(self):
        while not self.stop.wait(0.3):
            try:
                with self.reader.imap(self.name_of) as session:
                    outcome = self.cache.compare(session)
            except (Refused, OSError, imaplib.IMAP4.error):
                self.refused += 1
                continue
            self.cache, self.looks = outcome.now, self.looks + 1
            self.total.add(outcome)

    def end(self):
        self.stop.set()
        self.join()
        require_right(f"{self.name_of}, looking {self.looks} times", self.total)


def require_right(who, outcome):
    require(outcome.wrong == 0 and outcome.missed == 0,
            f"{who}: {outcome}\n    " + "\n    ".join(outcome.examples))


def require_pop_right(name, outcome):
    require(outcome.wrong == 0, f"{name} by POP3: {outcome}")


def told(when, total, each):
    """Requires that no copy shows anything wrong, and prints what the programs had to do."""
    for name, (imap, pop) in each.items():
        require_right(name, imap)
        require_pop_right(name, pop)
    pops = [pop for _, pop in each.values()]
    print(f"    {when}: {total}; by POP3 {sum(p.kept for p in pops)} kept, {sum(p.twice for p in pops)} "
          f"downloaded twice, {sum(p.missing for p in pops)} gone")


def acts(place):
    """Operations of the people at work that were acknowledged so far."""
    try:
        with open(os.path.join(place.lab_dir, "act.jsonl"), encoding="utf-8") as f:
            return sum(bool(json.loads(line).get("ack")) for line in f if line.endswith("\n"))
    except FileNotFoundError:
        return 0


def mail_clients(place):
    """Mail programs with copies of everything, some always on: moved there and back, none shows a wrong message."""
    before = begin(place, 12, scale="medium", costs=("import_item_ms=4",), controller_extra='hot_time = "1s"',
                   extra=("--aged",))
    names = [name for _, name in users_of(before, place.node("mbs1")["host"])]
    reader = Reader(place)
    copies = taken(reader, names)
    storm = place.background("deliver", "deliver", "--rate", "5")
    people = place.background("act", "act", "--rate", "12")
    wait_for("people to have worked after the copies were made", 60, lambda: acts(place) > 100)
    programs = [AlwaysOn(Reader(place), name, copies[name]) for name in names[1:3]]
    for program in programs:
        program.start()
    done = finish(place, evacuate(place))
    all_settled_clean(done)
    require(set(names) <= {m["account"] for m in done["moves"]}, f"not all of {names} were moved")
    total, each = compared(reader, copies)
    told("moved", total, each)
    there = {name: Copy(imap.now, pop.now) for name, (imap, pop) in each.items()}
    all_settled_clean(finish(place, place.json("restore", "mbs1", "--yes")["job"]["id"]))
    told("back again, copies from there", *compared(reader, there))
    told("back again, copies from before", *compared(reader, copies))
    for program in programs:
        program.end()
    people.stop(60)
    storm.stop(120)
    looks, refused = sum(p.looks for p in programs), sum(p.refused for p in programs)
    print(f"    always on: {looks} looks, {refused} times not let in; {sum(len(c.imap) for c in copies.values())} "
          f"messages of {len(names)} users")
    require(looks >= 10, f"the programs that are always on looked {looks} times only")
    require_clean(place, before)


SCENARIOS = {
    "mail_clients": mail_clients,
}
