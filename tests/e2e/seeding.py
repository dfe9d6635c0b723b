# SPDX-License-Identifier: Apache-2.0
"""The target's mailbox is filled while people work, at the old ids; then the switch."""
import os
import random
import signal
import threading

from harness import Failed, wait_for
from cutover import users_of
from mailclients import Reader, compared, taken, told
from zlab.zclient import User, Zimbra, el
from steps import all_settled_clean, begin, evacuate, finish, require, require_clean, worker_pids

SEEDING = "seeding = yes"


def exact(place, done):
    """Messages of all moves, and of these with their old id and with their old UID."""
    sums = {"messages": 0, "ids_exact": 0, "uids_exact": 0}
    for move in done["moves"]:
        verdict = place.json("explain", move["id"])["move"].get("verdict_detail") or {}
        for key in sums:
            sums[key] += verdict.get(key, 0)
    return sums


def seeded(place):
    """24 mailboxes filled before their lock, under a delivery storm, with people at work: old ids are kept."""
    before = begin(place, 24, controller_extra=SEEDING)
    storm = place.background("deliver", "deliver", "--rate", "5")
    people = place.background("act", "act", "--rate", "10")
    done = finish(place, evacuate(place), 420)
    people.stop(60)
    storm.stop(120)
    all_settled_clean(done)
    require_clean(place, before)
    sums = exact(place, done)
    print(f"    {sums['ids_exact']} of {sums['messages']} messages have their old id, "
          f"{sums['uids_exact']} their old IMAP UID")
    require(sums["ids_exact"] >= 0.9 * sums["messages"], f"{sums}")


def seeded_histories(place):
    """Mailboxes of 400 and 2,000 items with hostile histories: old ids and UIDs, and no mail program sees another."""
    before = begin(place, 4, controller_extra=SEEDING, extra=("--histories", "400,2000"))
    names = [name for _, name in users_of(before, place.node("mbs1")["host"])]
    reader = Reader(place)
    copies = taken(reader, names)
    storm = place.background("deliver", "deliver", "--rate", "4")
    people = place.background("act", "act", "--rate", "8")
    done = finish(place, evacuate(place), 420)
    all_settled_clean(done)
    total, each = compared(reader, copies)
    told("moved", total, each)
    people.stop(60)
    storm.stop(120)
    require_clean(place, before)
    sums = exact(place, done)
    print(f"    {sums}")
    # The share of the hostile ones is 99 %; one account is over its quota and one full of odd mail.
    require(sums["ids_exact"] >= 0.98 * sums["messages"], f"{sums}")


FILLING = ("following", "catching_up", "steering")


class Blows(threading.Thread):
    """Strikes at random while a mailbox is being filled: workers and agents of the targets are killed."""

    def __init__(self, place, job):
        super().__init__(daemon=True)
        self.place, self.job, self.over, self.struck = place, job, threading.Event(), 0

    def workers(self):
        """Of the targets."""
        return [pid for name in ("mbs2", "mbs3") for pid in worker_pids(self.place.agents[name])]

    def strike(self):
        if self.struck % 4 == 3:
            agent = self.place.agents[random.choice(("mbs2", "mbs3"))]
            agent.kill()
            agent.start()
        else:
            for pid in self.workers():
                os.kill(pid, signal.SIGKILL)

    def run(self):
        while not self.over.wait(random.uniform(0.05, 0.6)):
            try:
                busy = [m for m in self.place.job(self.job)["moves"] if m["state"] in FILLING]
                if busy and (self.struck % 4 == 3 or self.workers()):
                    self.strike()
                    self.struck += 1
            except (Failed, ProcessLookupError):
                continue


def seeded_kills(place):
    """Workers and agents are killed again and again while mailboxes are filled; nothing is lost, doubled or stale."""
    before = begin(place, 8, controller_extra=SEEDING, costs=("add_message_ms=2",), extra=("--histories", "400"))
    storm = place.background("deliver", "deliver", "--rate", "4")
    people = place.background("act", "act", "--rate", "8")
    job = evacuate(place)
    blows = Blows(place, job)
    blows.start()
    try:
        wait_for("twelve blows", 150, lambda: blows.struck >= 12)
    finally:
        blows.over.set()
        blows.join()
    done = finish(place, job, 420)
    people.stop(60)
    storm.stop(120)
    all_settled_clean(done)
    require_clean(place, before)
    print(f"    struck {blows.struck} times; {exact(place, done)}")


def seeded_evicted(place):
    """The targets' mailboxd is killed while mailboxes are filled: the rest goes in after the switch."""
    before = begin(place, 6, controller_extra=SEEDING, costs=("add_message_ms=8",), extra=("--histories", "2000"))
    storm = place.background("deliver", "deliver", "--rate", "3")
    people = place.background("act", "act", "--rate", "6")
    job = evacuate(place)
    filling = wait_for("a mailbox to be filled", 60, lambda: next(
        (m for m in place.job(job)["moves"] if m["state"] == "following" and m["items"] > 1000
         and "fill" in m["doing"]), None))
    name = filling["target"].partition(".")[0]
    place.lab("kill", name)
    place.lab("start", name)
    done = finish(place, job, 420)
    people.stop(60)
    storm.stop(120)
    all_settled_clean(done)
    require_clean(place, before)
    sums = exact(place, done)
    print(f"    {sums}")
    require(sums["ids_exact"] < sums["messages"], f"it was filled all the same: {sums}")


def seeded_and_cancelled(place):
    """A move is cancelled while its mailbox is filled: it goes from the target; the next move fills it anew."""
    before = begin(place, 6, controller_extra=SEEDING, costs=("add_message_ms=8",), extra=("--histories", "2000"))
    job = evacuate(place)
    filling = wait_for("a mailbox to be filled", 60, lambda: next(
        (m for m in place.job(job)["moves"] if m["state"] == "following" and m["items"] > 1000
         and "fill" in m["doing"]), None))
    place.zmferry("job", "cancel", job)
    place.wait_job(job, 120)
    again = finish(place, evacuate(place), 420)
    all_settled_clean(again)
    require_clean(place, before)
    sums = exact(place, again)
    print(f"    {sums}")
    require(filling["account"] in {m["account"] for m in again["moves"]}, f"{filling['account']} was moved already")
    require(sums["ids_exact"] >= 0.9 * sums["messages"], f"{sums}")


def folder_of(user, name):
    """The id of a folder made for him."""
    return user.call("CreateFolderRequest", None, el("folder", {"name": name, "l": "1"})).find("folder").get("id")


def rules_of(place, zimbra, user):
    zimbra.flush(user)
    return zimbra.attributes(user, "zimbraMailSieveScript")["zimbraMailSieveScript"][0]


def seeded_filters(place):
    """Folders that mail filters name are renamed and deleted while the copy is kept in step: no filter is touched."""
    before = begin(place, 3, controller_extra=SEEDING)
    zimbra = Zimbra.from_cluster(os.path.join(place.lab_dir, "cluster.json"))
    home = next(s for s in zimbra.servers if s.host == place.node("mbs1")["host"])
    user = User(zimbra, *users_of(before, home.host)[0], home)
    work, old = folder_of(user, "Work"), folder_of(user, "Old")
    red = user.call("CreateTagRequest", None, el("tag", {"name": "rules"})).find("tag").get("id")
    job = place.json("move", user.name, "--to", "mbs2", "--yes", "--cutover", "go")["job"]["id"]

    def held():
        move = place.job(job)["moves"][0]
        return move["state"] == "following" and move["seeded"] > 0 and "until you say so" in move["doing"]
    wait_for("it to be filled", 120, held)
    # On the source nothing names them when they go; then there are others of these names.
    user.call("FolderActionRequest", None, el("action", {"id": work, "op": "rename", "name": "Jobs"}))
    user.call("FolderActionRequest", None, el("action", {"id": old, "op": "delete"}))
    user.call("TagActionRequest", None, el("action", {"id": red, "op": "delete"}))
    folder_of(user, "Work"), folder_of(user, "Old"), folder_of(user, "Workshop")
    user.call("CreateTagRequest", None, el("tag", {"name": "rules"}))
    rules = "".join(f'if anyof (header :contains "subject" "{n}") {{\n    {what};\n    stop;\n}}\n'
                    for n, what in enumerate(('fileinto "/Work"', 'fileinto "/Workshop"', 'fileinto "Old"',
                                              'tag "rules"')))
    zimbra.modify(user, zimbraMailSieveScript=rules)
    place.lab("inventory", "--out", before)
    place.json("job", "continue", job)
    all_settled_clean(finish(place, job))
    require(rules_of(place, zimbra, user) == rules, f"filters were changed:\n{rules_of(place, zimbra, user)}")
    require_clean(place, before)


SCENARIOS = {
    "seeded_filters": seeded_filters,
    "seeded": seeded,
    "seeded_histories": seeded_histories,
    "seeded_kills": seeded_kills,
    "seeded_evicted": seeded_evicted,
    "seeded_and_cancelled": seeded_and_cancelled,
}
