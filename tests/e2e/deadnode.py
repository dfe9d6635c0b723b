# SPDX-License-Identifier: Apache-2.0
"""A node dies while its mailboxes wait to be moved: they live on with what had been copied."""
import json
import os

from harness import wait_for
from steps import begin, differences, require, statuses
from zlab.zclient import User, Zimbra, message

DEAD_SOON = "silence_hold = 2s\ndead_after = 5s\nautomatic_start = 1s\n"


def held(place, job):
    """Copied, in step, and waiting for a go."""
    moves = place.job(job)["moves"]
    return moves and all(m["state"] == "following" and "until you say so" in m["doing"] for m in moves) and moves


def settled(place, ids, seconds=120, **wanted):
    def are():
        moves = [m for m in place.moves() if m["id"] in ids]
        return all(m["state"] == "settled" and all(m[k] == v for k, v in wanted.items()) for m in moves) and moves
    return wait_for(f"all of them to be settled, {wanted}", seconds, are)


def refused(place, *args):
    said = place.zmferry(*args, check=False)
    require(said.returncode == 3, f"{args}: {said.returncode} {said.stdout}{said.stderr}")
    return said.stderr


def from_spool(place, extra=""):
    """A node dies with mailboxes in step: their people go on from the spool; when it is back, the rest is fetched."""
    before = begin(place, 9, controller_extra=DEAD_SOON + extra)
    was = statuses(place)
    dead = place.node("mbs1")["host"]
    job = place.json("evacuate", "mbs1", "--yes", "--cutover", "go")["job"]["id"]
    moves = wait_for("all of them to be copied", 120, lambda: held(place, job))
    never = [m for m in moves if not m["spool"]["as_of"]]
    moves = [m for m in moves if m["spool"]["as_of"]]
    ids, accounts = [m["id"] for m in moves], {m["account_id"] for m in moves}
    require("says that it is well" in refused(place, "move", ids[0], "--from-spool", "--yes"), "of a node that lives")
    # What comes now is in no spool.
    storm = place.background("deliver", "deliver", "--rate", "10")
    wait_for("mail behind the spool's back", 60, lambda: accepted(place) >= 40)
    work_behind_its_back(place, moves[0])
    place.lab("kill", "mbs1")
    place.agents["mbs1"].kill()
    alert = wait_for("mbs1 to be called dead", 90, lambda: [
        a for a in place.json("alerts")["alerts"] if a["key"] == "node_dead"])[0]
    require(f"{len(ids)} copied to other nodes' spools" in alert["text"], f"{alert}")
    require(f"zmferry rescue {dead}" in alert["next"], f"{alert}")

    for account in (moves[0]["account"], "maria@example.test"):
        require("wants a move" in refused(place, "move", account, "--from-spool"), account)
    require("do not go with it" in refused(place, "move", ids[0], "--from-spool", "--to", "mbs2"), "--to")
    require(len(never) == 1 and "zmprov -l ma" in refused(place, "move", never[0]["id"], "--from-spool", "--yes"),
            f"one of them has no mailbox: {never}")
    require("no such move" in refused(place, "move", "m9999", "--from-spool", "--yes"), "m9999")
    shown = place.zmferry("move", ids[0], "--from-spool", "--dry-run").stdout
    require(f"holds {moves[0]['items']} of {moves[0]['items']} items" in shown and dead in shown, shown)
    require(statuses(place) == was, "the dry run did something")
    place.json("move", ids[0], "--from-spool", "--yes")
    settled(place, ids[:1], from_spool=True)
    # The controller dies over the others.
    said = place.zmferry("rescue", "mbs1", "--dry-run")
    require(f"{ids[1]}  " in said.stdout and f"{ids[0]}  " not in said.stdout, f"{said.stdout}{said.stderr}")
    require(f"{never[0]['id']}  " not in said.stdout, said.stdout)
    require("no mailbox of it" in refused(place, "rescue", "mbs2", "--yes"), "of a node that nobody leaves")
    place.zmferry("rescue", "mbs1", "--yes")
    place.controller.kill()
    place.controller.start()
    wait_for("the controller", 60, lambda: place.zmferry("status", check=False).returncode == 0)
    moves = settled(place, ids, 240, from_spool=True)
    now = statuses(place)
    require(all(now[a][0] == was[a][0] and now[a][1] != dead for a in accounts), f"not let in, or not moved: {now}")
    require(all(m["verdict"] != "clean" and m["old_copy"] == "kept" for m in moves), f"{moves}")
    told = [a for a in place.json("alerts")["alerts"] if a["key"] == "move_from_spool"]
    require({a["subject"] for a in told} == set(ids), f"not everybody is told of: {told}")
    require(all(f"zmferry move fetch {a['subject']}" in a["next"] for a in told), f"{told}")
    require("not clean" in refused(place, "purge", ids[0], "--yes"), "what nobody has compared could be deleted")

    place.lab("start", "mbs1")
    place.agents["mbs1"].start()
    wait_for("mbs1 to be well again", 90, lambda: [n for n in place.json("nodes")["nodes"]
                                                   if n["name"] == dead and n["state"] == "ok"])
    place.json("move", "fetch", ids[0], "--yes")
    place.zmferry("fetch", "mbs1", "--yes")
    moves = settled(place, ids, 240, from_spool=False, verdict="clean")
    storm.stop(120)
    came_home(place, moves[0])
    require(not [a for a in place.json("alerts")["alerts"] if a["subject"] in ids], "an alert stays")
    require("has left something" in refused(place, "fetch", "mbs1", "--yes"), "a node fetched twice")
    require("nothing of it was left" in refused(place, "move", "fetch", ids[0], "--yes"), "fetched twice")
    now = statuses(place)
    require(all(now[a][0] == was[a][0] and now[a][1] != dead for a in accounts), f"{now}")
    for move in ids:
        place.json("purge", move, "--yes")
    wait_for("the old copies to be deleted", 180,
             lambda: all(m["state"] == "done" for m in place.moves() if m["id"] in ids))
    found = differences(place, before)
    more = found.pop(moves[0]["account"], [])
    require(not found and len(more) == 6 and all("left" in t.lower() for t in more),
            f"beside what was done on the dead node: {more} {found}")


def box_of(place, move):
    zimbra = Zimbra.from_cluster(os.path.join(place.lab_dir, "cluster.json"))
    host = statuses(place)[move["account_id"]][1]
    return User(zimbra, move["account_id"], move["account"], next(s for s in zimbra.servers if s.host == host))


def work_behind_its_back(place, move):
    """Folders within folders with mail in them, an address book and a contact."""
    box = box_of(place, move)
    outer = box.create_folder("left outer", 1, view="message")
    inner = box.create_folder("left inner", outer, view="message")
    box.add(inner, message("left in a folder of a folder"))
    box.create_contact(box.create_folder("left people", 1, view="contact"), firstName="Left", lastName="Behind")
    box.create_contact(7, firstName="Left", lastName="Too")


def came_home(place, move):
    box = box_of(place, move)
    found = box.search("subject:\"left in a folder of a folder\" in:\"left outer/left inner\"")
    require(len(found) == 1, f"not in the folder that was made for it: {found}")


def accepted(place):
    """How many mails got 250 so far."""
    try:
        with open(os.path.join(place.lab_dir, "deliver.jsonl"), encoding="utf-8") as f:
            return sum(json.loads(line)["ev"] == "250" for line in f if line.endswith("\n"))
    except FileNotFoundError:
        return 0


def from_spool_seeded(place):
    """The same of mailboxes that were being filled on the target while they waited."""
    from_spool(place, "seeding = yes\n")


SCENARIOS = {
    "from_spool": from_spool,
    "from_spool_seeded": from_spool_seeded,
}
