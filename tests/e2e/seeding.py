# SPDX-License-Identifier: Apache-2.0
"""The target's mailbox is filled while people work, at the old ids; then the switch."""
import json
import os
import random
import signal
import threading

from harness import Failed, run, wait_for
from cutover import users_of
from mailclients import Reader, compared, taken, told
from zlab.ldapclient import Ldap
from zlab.zclient import User, Zimbra, el
from steps import all_settled_clean, begin, evacuate, finish, require, require_clean, worker_pids

SEEDING = "seeding = yes"
VERSION = "10.1.0_GA_4655"  # the lab's
UPGRADED = "10.1.9_GA_5000"


def exact(place, done):
    """Messages of all moves, and of these with their old id and with their old UID."""
    sums = {"messages": 0, "ids_exact": 0, "uids_exact": 0, "validities": 0, "validities_exact": 0}
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
          f"{sums['uids_exact']} their old IMAP UID; of {sums['validities']} folders {sums['validities_exact']} have "
          "their old UIDVALIDITY")
    require(sums["ids_exact"] >= 0.9 * sums["messages"], f"{sums}")
    require(sums["validities_exact"] >= 0.7 * sums["validities"] > 0, f"{sums}")


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


def restart_while_filling(place):
    """The mailboxd of a target is killed while a mailbox is filled there: what was made early is loaded no more."""
    before = begin(place, 6, controller_extra=SEEDING, costs=("add_message_ms=8",), extra=("--histories", "2000"))
    storm = place.background("deliver", "deliver", "--rate", "3")
    people = place.background("act", "act", "--rate", "6")
    job = evacuate(place)
    filling = wait_for("a mailbox to be filled", 60, lambda: next(
        (m for m in place.job(job)["moves"] if m["state"] == "following" and m["items"] > 1000
         and "fill" in m["doing"]), None))
    name = filling["target"].partition(".")[0]
    place.lab("kill", name)
    yield name
    place.lab("start", name)
    done = finish(place, job, 420)
    people.stop(60)
    storm.stop(120)
    all_settled_clean(done)
    require_clean(place, before)
    require(not keepers(place), f"accounts were left: {keepers(place)}")
    sums = exact(place, done)
    print(f"    {sums}")
    yield sums


def keepers(place):
    """The accounts that were made to load a mailbox; each is deleted after it."""
    c = place.cluster["ldap"]
    directory = Ldap(c["uri"], c["bind_dn"], c["password"])
    found = directory.search("", "sub", "(mail=zmferry-keeper-*)", ["mail"])
    directory.close()
    return [attrs["mail"][0] for _, attrs in found]


def seeded_evicted(place):
    """The targets' mailboxd is killed while mailboxes are filled: they are loaded again, and filled at the old ids."""
    steps = restart_while_filling(place)
    name = next(steps)
    sums = next(steps)
    with open(place.agents[name].log, encoding="utf-8", errors="replace") as f:
        require("it is brought back" in f.read(), f"{name} brought nothing back")
    require(sums["ids_exact"] >= 0.98 * sums["messages"], f"{sums}")


def seeded_not_loaded(place):
    """The same on a Zimbra where a search loads nothing: the rest goes in after the switch."""
    steps = restart_while_filling(place)
    place.lab("habit", next(steps), "search_loads_own_mailbox=false")
    sums = next(steps)
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


def findings(place):
    """What the doctor says of seeding."""
    rows = json.loads(place.zmferry("doctor", "--json", check=False).stdout)["findings"]
    return [r for r in rows if r["check"] == "seeding"]


def finding(place):
    """(level, text), where all nodes are of one version."""
    rows = findings(place)
    require(len(rows) == 1, f"of one version of Zimbra one sentence: {rows}")
    return rows[0]["level"], rows[0]["text"]


def notes(place, *what):
    """The plan's sentences about seeding."""
    plan = place.json("plan", *what)["plan"]
    return [note for note, key in zip(plan["notes"], plan["note_keys"]) if key.startswith(("seeded", "unseeded"))]


def upgrade(place, name):
    """The node's Zimbra is another version from now on; until its agent says so."""
    place.lab("kill", name)
    where, host = place.cluster["ldap"], place.node(name)["host"]
    done = run(["ldapmodify", "-x", "-H", where["uri"], "-D", where["bind_dn"], "-w", where["password"]], check=False,
               input=f"dn: cn={host},cn=servers,cn=zimbra\nchangetype: modify\nreplace: zimbraServerVersion\n"
                     f"zimbraServerVersion: {UPGRADED}\n")
    require(done.returncode == 0, f"{done}")
    place.lab("start", name)
    wait_for(f"{name} to be {UPGRADED}", 90, lambda: [
        n for n in place.json("nodes")["nodes"]
        if n["name"] == host and n["state"] == "ok" and n["zimbra_version"] == UPGRADED])


def seeding_proven(place):
    """Left to itself nothing is seeded until a rehearsal proves it; no restart forgets it, another version ends it."""
    before = begin(place, 9, controller_extra="seeding = auto")
    require(finding(place)[0] == "warn" and f"not yet proven on {VERSION}" in finding(place)[1], f"{finding(place)}")
    told = notes(place, "evacuate", "mbs1")
    require(len(told) == 1 and "not seeded" in told[0] and "doctor --rehearse" in told[0], f"{told}")
    done = finish(place, evacuate(place))
    all_settled_clean(done)
    sums = exact(place, done)
    require(sums["messages"] > 20 and sums["ids_exact"] < 0.1 * sums["messages"], f"seeded, and not proven: {sums}")
    require(not [m for m in done["moves"] if m["seeding"] or m["seeded"]], f"{done['moves']}")
    said = place.zmferry("explain", next(m["id"] for m in done["moves"] if m["items"])).stdout
    require(f"not seeded (auto: not proven yet on {VERSION}" in said, said)

    said = place.zmferry("doctor", "--rehearse", timeout=240).stdout
    require("this Zimbra behaves: " in said and f"seeding: proven on Zimbra {VERSION}: " in said, said)
    print(f"    {next(line for line in said.splitlines() if line.startswith('seeding: '))}")
    moves = [m for m in place.moves() if m["account"].startswith("zmferry-rehearsal-")]
    require([(m["seeding"], m["seeded"] > 20) for m in moves] == [(True, True)] * 2, f"{moves}")
    place.controller.kill()
    place.controller.start()
    place.wait_ready()
    require(finding(place)[0] == "ok" and f"seeding: auto; proven on {VERSION} on 20" in finding(place)[1],
            f"{finding(place)}")
    told = notes(place, "restore", "mbs1")
    require(len(told) == 1 and told[0].startswith("seeded: every mailbox"), f"{told}")
    done = finish(place, place.json("restore", "mbs1", "--yes")["job"]["id"])
    all_settled_clean(done)
    sums = exact(place, done)
    print(f"    {sums}")
    require(sums["messages"] > 20 and sums["ids_exact"] >= 0.9 * sums["messages"], f"proven, and not seeded: {sums}")
    said = place.zmferry("explain", next(m["id"] for m in done["moves"] if m["seeded"])).stdout
    require(f"at their old ids (auto: proven on {VERSION} on 20" in said, said)
    require_clean(place, before)

    upgrade(place, "mbs3")
    told = notes(place, "move", users_of(before, place.node("mbs1")["host"])[0][1], "--to", "mbs3")
    require(len(told) == 1 and f"not proven yet on {UPGRADED}, which mbs3" in told[0], f"{told}")
    said = place.zmferry("doctor", "--rehearse", timeout=240).stdout
    require(f"seeding: proven on Zimbra {UPGRADED}: " in said, said)
    said = place.zmferry("status").stdout
    require("NOT PROVEN" not in said and f"proven on {UPGRADED}" in said and f"proven on {VERSION}" in said, said)

    for node in place.cluster["nodes"]:
        place.lab("habit", node["name"], "loaded_mailbox_skips_host_check=false")
    said = place.zmferry("doctor", "--rehearse", check=False, timeout=240)
    require(said.returncode != 0 and f"seeding: NOT PROVEN on Zimbra {VERSION}: " in said.stdout, f"{said}")
    # Those two nodes were of that version; what was proven on the other one stands.
    rows = {r["level"]: r["text"] for r in findings(place)}
    require(f"on {VERSION} did not prove it" in rows["warn"] and f"proven on {UPGRADED}" in rows["ok"], f"{rows}")
    told = notes(place, "evacuate", "mbs1")
    require(len(told) == 1 and "not seeded" in told[0] and "did not prove it" in told[0], f"{told}")
    with open(place.controller_conf, encoding="utf-8") as f:
        place.write(place.path("bad.conf"), f.read().replace("seeding = auto", "seeding = perhaps"))
    said = run([place.program("zmferry-controller"), "-c", place.path("bad.conf"), "-n"], check=False)
    require(said.returncode == 3 and 'seeding: "perhaps" is none of auto' in said.stderr, f"{said}")


SCENARIOS = {
    "seeded_filters": seeded_filters,
    "seeding_proven": seeding_proven,
    "seeded": seeded,
    "seeded_histories": seeded_histories,
    "seeded_kills": seeded_kills,
    "seeded_evicted": seeded_evicted,
    "seeded_not_loaded": seeded_not_loaded,
    "seeded_and_cancelled": seeded_and_cancelled,
}
