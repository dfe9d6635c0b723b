# SPDX-License-Identifier: Apache-2.0
"""Large mailboxes: people are let in with their newest mail, the rest follows while they work."""
import contextlib
import http.client
import json
import os
import signal
import threading

from harness import wait_for
from zlab.zclient import MAIL, Fault, Zimbra, el, request
from nodes import entries
from steps import all_settled_clean, begin, finish, kill_process, killer, require, require_clean, worker_pids


def number(folder):
    """Of a folder; on behalf of its owner it is "zimbraId:NUMBER"."""
    return int(folder.get("id").rpartition(":")[2])


class Restless(threading.Thread):
    """Somebody who renames the folder with the most mail in it, again and again, and at last to what it was."""

    def __init__(self, place, name, host):
        super().__init__(daemon=True)
        self.zimbra = Zimbra.from_cluster(place.lab_dir + "/cluster.json")
        self.server = next(s for s in self.zimbra.servers if s.host == host)
        self.name_of, self.stop, self.renamed = name, threading.Event(), 0
        folders = [f for f in self.tree().iter("folder") if number(f) > 256 and not f.get("url")
                   and f.get("view") in (None, "message")]
        self.folder = max(folders, key=lambda f: int(f.get("n") or 0))
        self.names = sorted(f.get("absFolderPath") for f in self.tree().iter("folder"))

    def ask(self, body):
        return self.zimbra.call(self.server, body, account=self.name_of)

    def tree(self):
        return self.ask(request("GetFolderRequest", MAIL)).body

    def count(self):
        """Messages that are there; 0 when nobody answers."""
        try:
            return sum(int(f.get("n") or 0) for f in self.tree().iter("folder"))
        except (Fault, OSError, http.client.HTTPException):
            return 0

    def rename(self, name):
        self.ask(request("FolderActionRequest", MAIL, None, el(
            "action", {"id": number(self.folder), "op": "rename", "name": name})))

    def run(self):
        while not self.stop.wait(0.3):
            self.rename(f"Renamed {self.renamed}")
            self.renamed += 1
        self.rename(self.folder.get("name"))


def hot_first(place):
    """A mailbox of 8,400: people are in after seconds, rename folders while the rest comes; nothing is lost."""
    before = begin(place, 6, scale="mixed", costs=("import_item_ms=2",))
    storm = place.background("deliver", "deliver", "--rate", "3")
    people = place.background("act", "act", "--rate", "6")
    job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
    big = max(place.job(job)["moves"], key=lambda m: m["bytes"])

    def move():
        return next(m for m in place.job(job)["moves"] if m["id"] == big["id"])
    seen = wait_for("the largest mailbox to be backfilled", 180, lambda: (m := move())["state"] == "backfilling" and m)
    require(0 < seen["left"] < seen["items"], f"{seen['left']} of {seen['items']} are to follow")
    account = directory_values(place, big["account_id"])
    require(account["zimbraAccountStatus"] == ["active"] and account["zimbraMailQuota"] == ["0"], f"{account}")
    restless = Restless(place, big["account"], seen["target"])
    restless.start()
    wait_for("all of it to be in", 180, lambda: move()["state"] != "backfilling")
    restless.stop.set()
    restless.join()
    done = finish(place, job)
    people.stop(60)
    storm.stop(120)
    all_settled_clean(done)
    now = sorted(f.get("absFolderPath") for f in restless.tree().iter("folder"))
    require([n for n in now if n not in restless.names and "act " not in n] == [], f"astray: {now}")
    require(restless.renamed > 3, f"renamed {restless.renamed} times only")
    quota = directory_values(place, big["account_id"]).get("zimbraMailQuota")
    require(quota != ["0"], f"its quota stayed {quota}")
    took = (move()["lock_ms"] or 0) / 1000
    print(f"    locked for {took:.1f} s with {seen['items']} items; folder renamed {restless.renamed} times meanwhile")
    require_clean(place, before)


class Bin:
    """A mailbox of 1,500 whose Trash holds one message of ten, old and new ones, on its way."""

    def __init__(self, place):
        begin(place, 6, scale="medium", costs=("import_item_ms=4",), controller_extra='hot_time = "1s"')
        planned = max(place.json("plan", "evacuate", "mbs1")["plan"]["moves"], key=lambda m: m["bytes"])
        self.place = place
        self.owner = Restless(place, planned["account"], place.node("mbs1")["host"])
        inbox = self.listed(2)[::5]
        self.act("move", inbox, l=3)
        self.total = len(self.listed(3))
        self.job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
        self.id = next(m["id"] for m in place.job(self.job)["moves"] if m["account_id"] == planned["account_id"])
        seen = wait_for("the largest mailbox to be backfilled", 180,
                        lambda: (m := self.move())["state"] == "backfilling" and m)
        self.owner.server = next(s for s in self.owner.zimbra.servers if s.host == seen["target"])

    def move(self):
        return next(m for m in self.place.job(self.job)["moves"] if m["id"] == self.id)

    def listed(self, wanted):
        folder = next(f for f in self.owner.ask(request("SyncRequest", MAIL)).body.iter("folder")
                      if number(f) == wanted)
        return [int(i.rpartition(":")[2]) for m in folder.findall("m") for i in (m.get("ids") or "").split(",") if i]

    def act(self, op, ids, **attrs):
        self.owner.ask(request("MsgActionRequest", MAIL, None, el(
            "action", {"id": ",".join(map(str, ids)), "op": op, **attrs})))


def emptied(place):
    """Trash is emptied while old mail still goes in: it stays so, the rest is kept, named, and comes by a release."""
    bin = Bin(place)
    seen = (0, 0)  # in Trash, and in all when that number came up

    def rests():
        """A whole request has come without anything for Trash: none is in the middle of it."""
        nonlocal seen
        now, all_of_it = len(bin.listed(3)), bin.owner.count()
        if now != seen[0]:
            seen = (now, all_of_it)
        return now > 20 and all_of_it > seen[1] + 205 and now
    had = wait_for("Trash to rest", 90, rests, 0.1)
    bin.owner.ask(request("FolderActionRequest", MAIL, None, el("action", {"id": 3, "op": "empty", "recursive": 0})))
    all_settled_clean(finish(place, bin.job))
    # The request under way at that instant may have brought some.
    left, withheld = len(bin.listed(3)), bin.move()["withheld"]
    count = place.zmferry("explain", bin.id).stdout.count("message): deleted [its owner changed it")
    print(f"    of {bin.total} {had} were emptied, {left} are there, {withheld} are kept")
    require(withheld > 20 and left + withheld + had == bin.total, "Trash is full again")
    require(count >= withheld, f"{count} are named, {withheld} are withheld")
    said = place.zmferry("release", bin.id).stdout
    require(str(withheld) in said, f"release says: {said}")
    wait_for("what was withheld to be there", 60, lambda: len(bin.listed(3)) == left + withheld)
    wait_for("the move to be settled again", 60, lambda: bin.move()["state"] == "settled")
    require(bin.move()["withheld"] == 0, "something is withheld still")
    again = place.zmferry("release", bin.id, check=False)
    require(again.returncode == 3 and "nothing" in again.stderr, f"again: {again.returncode} {again.stderr}")


def trash_picked(place):
    """Single messages are deleted from Trash while old mail still goes in: all the others are there at the end."""
    bin = Bin(place)
    picked = 0
    while bin.move()["state"] == "backfilling":
        there = sorted(bin.listed(3))
        if picked < 5 and len(there) > 3:
            bin.act("delete", there[:1])
            picked += 1
    all_settled_clean(finish(place, bin.job))
    left = len(bin.listed(3))
    print(f"    {picked} of {bin.total} were deleted one by one, {left} are there")
    require(picked >= 3 and left == bin.total - picked, f"{left} of {bin.total} are in Trash, {picked} were deleted")


def save_draft(owner, subject, draft=None):
    attrs = {"id": draft} if draft else {}
    saved = owner.ask(request("SaveDraftRequest", MAIL, None, el(
        "m", attrs, el("e", {"t": "t", "a": "someone@partner.test"}), el("su", None, subject),
        el("mp", {"ct": "text/plain"}, el("content", None, subject)))))
    return number(saved.find("m"))


def old_draft(owner, subject, day):
    text = f"From: a@example.test\r\nTo: someone@partner.test\r\nSubject: {subject}\r\n\r\nas it was\r\n"
    return owner.ask(request("AddMsgRequest", MAIL, None, el(
        "m", {"l": 6, "f": "d", "d": (1500000000 + day * 86400) * 1000}, el("content", None, text))))


def drafts_of(owner):
    """{number: subject} of what lies in Drafts."""
    folder = next(f for f in owner.ask(request("SyncRequest", MAIL)).body.iter("folder") if number(f) == 6)
    ids = [int(i.rpartition(":")[2]) for m in folder.findall("m") for i in (m.get("ids") or "").split(",") if i]
    return {i: owner.ask(request("GetMsgRequest", MAIL, None, el("m", {"id": i, "max": 1}))).find("m").findtext("su")
            for i in ids}


def redrafted(place):
    """Drafts are saved anew as soon as they have come over, while older mail still goes in: no old text comes back."""
    begin(place, 6, scale="medium", costs=("import_item_ms=4",), controller_extra='hot_time = "1s"')
    planned = max(place.json("plan", "evacuate", "mbs1")["plan"]["moves"], key=lambda m: m["bytes"])
    owner = Restless(place, planned["account"], place.node("mbs1")["host"])
    for day in range(10):
        old_draft(owner, f"draft {day} as it was", day * 100)
    job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
    big = next(m["id"] for m in place.job(job)["moves"] if m["account_id"] == planned["account_id"])

    def move():
        return next(m for m in place.job(job)["moves"] if m["id"] == big)
    seen = wait_for("the largest mailbox to be backfilled", 180, lambda: (m := move())["state"] == "backfilling" and m)
    owner.server = next(s for s in owner.zimbra.servers if s.host == seen["target"])
    anew = set()
    while move()["state"] == "backfilling":
        for draft, subject in drafts_of(owner).items():
            if subject.endswith("as it was"):
                save_draft(owner, subject.replace("as it was", "as it is now"), draft)
                anew.add(subject)
    all_settled_clean(finish(place, job))
    now = list(drafts_of(owner).values())
    print(f"    {len(anew)} of 10 old drafts were saved anew while mail went in")
    require(len(anew) >= 3, "too few were saved anew")
    require([s for s in now if s in anew] == [], f"an old text is back: {now}")
    require(len([s for s in now if s.startswith("draft ")]) == 10, f"Drafts: {now}")


def hot_kills(place):
    """kill -9 of controller, target's agent, its workers and its mailboxd while older mail goes in under a storm."""
    before = begin(place, 6, scale="mixed", costs=("import_item_ms=2",), controller_extra='hot_time = "1s"')
    storm = place.background("deliver", "deliver", "--rate", "3")
    people = place.background("act", "act", "--rate", "6")
    job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
    big = max(place.job(job)["moves"], key=lambda m: m["bytes"])["id"]

    def move():
        done = place.zmferry("job", "show", job, "--json", check=False)
        return next(m for m in json.loads(done.stdout)["moves"] if m["id"] == big) if done.returncode == 0 else {}
    seen = wait_for("the largest mailbox to be backfilled", 180,
                    lambda: (m := move()).get("state") == "backfilling" and m)
    node = seen["target"].split(".")[0]
    owner = Restless(place, seen["account"], seen["target"])

    def kill_mailboxd():
        place.lab("kill", node)
        place.lab("start", node)

    def kill_a_worker():
        for pid in worker_pids(place.agents[node]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    strikes = [kill_process(place.controller), kill_process(place.agents[node]), kill_a_worker, kill_mailboxd]
    struck = 0
    for strike in strikes + strikes[::-1]:
        if move().get("state", "backfilling") != "backfilling":
            break
        had = owner.count()
        strike()
        struck += 1
        wait_for("the import to go on", 60, lambda had=had: owner.count() > had
                 or move().get("state", "backfilling") != "backfilling")
    done = finish(place, job)
    people.stop(60)
    storm.stop(120)
    print(f"    struck {struck} times while it was backfilled")
    require(struck >= 4, f"struck {struck} times only")
    all_settled_clean(done)
    require_clean(place, before)


def prepared(place):
    """Mailboxes of long use: made early, counters raised while people rename, delete and make folders; short locks."""
    # One at a time: while the first is moved the others wait, prepared, and people work on them.
    before = begin(place, 9, scale="mixed", seed=4, extra=("--aged",),
                   controller_extra="moves_per_source = 3\nmoves_per_target = 1")
    storm = place.background("deliver", "deliver", "--rate", "3")
    people = place.background("act", "act", "--rate", "12")
    job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
    done = finish(place, job)
    people.stop(60)
    storm.stop(120)
    all_settled_clean(done)
    early = [m for m in done["moves"] if EARLY in place.zmferry("explain", m["id"]).stdout]
    locks = sorted(m["lock_ms"] for m in early) or [0]
    print(f"    {len(early)} of {len(done['moves'])} were made early; locked for {locks[-1] / 1000:.1f} s at most")
    require(len(early) >= 2, f"made early: {len(early)} of {len(done['moves'])}")
    require_clean(place, before)


EARLY = "the target makes its mailbox early"
PREPARES = ("prepare_locking", "prepare_making", "prepare_returning", "prepare_opening")


def prepare_breaks(place):
    """A target dies with the home in its hands, answers get lost, the controller is killed: nobody stays out."""
    before = begin(place, 9, scale="mixed", seed=4, extra=("--aged",))
    place.lab("fault", "mbs2", "soap:GetMailboxRequest", "--count", "1", "--action", "kill", "--when", "after")
    place.lab("fault", "mbs3", "soap:GetMailboxRequest", "--count", "2", "--action", "close", "--when", "after")
    storm = place.background("deliver", "deliver", "--rate", "3")
    people = place.background("act", "act", "--rate", "6")
    job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
    stop, log = threading.Event(), []
    thread = threading.Thread(target=killer, args=(place, job, kill_process(place.controller), PREPARES, stop, log))
    thread.start()
    try:
        wait_for("mbs2's mailboxd to die", 60, lambda: "DOWN" in place.lab("status", check=False).stdout)
        place.lab("start", "mbs2")
        done = finish(place, job)
    finally:
        stop.set()
        thread.join()
    people.stop(60)
    storm.stop(120)
    print(f"    controller killed in: {', '.join(log)}")
    require(log, "the controller was never killed while preparing")
    all_settled_clean(done)
    told = [place.zmferry("explain", m["id"]).stdout for m in done["moves"]]
    require(sum("prepare_opening" in t for t in told) >= 3, "too few were made early")
    require_clean(place, before)


def early_folders(place):
    """Between early steering and lock folders change places, go and come: the target has them as they are."""
    place.lab_up(mailboxes=6, scale="mixed", seed=4, extra=("--aged",))
    place.install().start()
    job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
    big = max(place.job(job)["moves"], key=lambda m: m["bytes"])
    wait_for("it to be copied", 60, lambda: "staging" in [m["state"] for m in place.job(job)["moves"]
                                                          if m["id"] == big["id"]])
    place.json("job", "pause", job)
    wait_for("it to wait for its turn", 120, lambda: [m for m in place.job(job)["moves"] if m["id"] == big["id"]
                                                      and m["state"] == "following" and "turn" in m["doing"]])
    require(EARLY in place.zmferry("explain", big["id"]).stdout, "it was not made early")
    owner = Restless(place, big["account"], big["source"])

    def act(folder, op, **attrs):
        owner.ask(request("FolderActionRequest", MAIL, None, el("action", {"id": folder, "op": op, **attrs})))

    def make(name, parent=1):
        made = owner.ask(request("CreateFolderRequest", MAIL, None, el("folder", {"name": name, "l": parent})))
        return number(made.find("folder"))

    def tree():
        return {number(f): (f.get("name"), f.get("l"), f.get("color"), f.get("f")) for f in owner.tree().iter("folder")
                if number(f) > 256}
    plain = sorted((number(f) for f in owner.tree().iter("folder") if number(f) > 256 and not f.get("url")
                    and f.get("view") in (None, "message") and f.find("acl/grant") is None))
    one, other, third, gone = plain[:4]
    names = {number(f): f.get("name") for f in owner.tree().iter("folder")}
    # Two change names, one goes into another, one is gone and its name comes back on another.
    act(one, "rename", name="for a moment")
    act(other, "rename", name=names[one])
    act(one, "rename", name=names[other])
    act(third, "move", l=one)
    act(third, "color", color=5)
    act(gone, "delete")
    make("below", make(names[gone]))
    wanted = tree()
    place.json("job", "resume", job)
    done = finish(place, job)
    all_settled_clean(done)
    move = next(m for m in done["moves"] if m["id"] == big["id"])
    owner.server = next(s for s in owner.zimbra.servers if s.host == move["target"])
    now = tree()
    strip = {i: (n, p.rpartition(":")[2], *more) for i, (n, p, *more) in wanted.items()}
    have = {i: (n, p.rpartition(":")[2], *more) for i, (n, p, *more) in now.items()}
    require(strip == have, f"unlike: {sorted(set(strip.items()) ^ set(have.items()), key=str)}")
    print(f"    {len(have)} folders as they were; locked for {move['lock_ms'] / 1000:.1f} s")


def directory_values(place, account_id):
    return entries(place, "", f"(zimbraId={account_id})", ["zimbraAccountStatus", "zimbraMailQuota"])[0][1]


SCENARIOS = {
    "hot_first": hot_first,
    "emptied": emptied,
    "trash_picked": trash_picked,
    "redrafted": redrafted,
    "hot_kills": hot_kills,
    "prepared": prepared,
    "early_folders": early_folders,
    "prepare_breaks": prepare_breaks,
}
