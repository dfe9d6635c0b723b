# SPDX-License-Identifier: Apache-2.0
"""Real faults under moves: disks that are full where mail is kept on its way."""
import contextlib
import json
import os
import random
import re
import signal

from disks import Disk, own_mounts
from harness import Failed, wait_for
from steps import all_settled_clean, evacuate, finish, kill_process, require, require_clean, statuses
from storms import job_has_ended, progress


FULL = re.compile("No space left|would (fill|be filled)|has room for")
RESERVE_BYTES = 4 * 1024 * 1024
LOCKED = ("locking", "catching_up", "fencing", "switching")


def alerts_of(place, key):
    return [a for a in place.json("alerts")["alerts"] if a["key"] == key]


def moves_of(place, job):
    done = place.zmferry("job", "show", job, "--json", check=False)
    return json.loads(done.stdout)["moves"] if done.returncode == 0 else []


def waits_for_room(place, job, states):
    """The moves that stand in one of these states for want of room."""
    return [m for m in moves_of(place, job) if m["state"] in states and FULL.search(m["doing"])]


def went_back_for_room(place, move):
    return [h for h in place.json("explain", move)["journal"]
            if h["from"] in LOCKED and h["to"] == "unlocking" and FULL.search(h["detail"])]


@contextlib.contextmanager
def is_stopped(process):
    """Stands still while this holds, with its workers."""
    os.kill(process.child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.child.pid, signal.SIGCONT)


def full_target(place):
    """The target's disk is full: before the lock moves pause and say so, under it accounts are given back at once."""
    own_mounts()
    place.lab_up(mailboxes=12, seed=1, costs=("tar_export_mb_s=0.05", "import_item_ms=2"))
    before = place.path("before.json")
    place.lab("inventory", "--out", before)
    place.install()
    disk = Disk(place.path("spool-mbs2"), megabytes=200)
    place.start()
    was = statuses(place)
    storm = place.background("deliver", "deliver", "--rate", "4")
    job = place.json("evacuate", "mbs1", "--to", "mbs2", "--yes", "--cutover", "go")["job"]["id"]
    wait_for("a move that stages", 30, lambda: [m for m in moves_of(place, job) if m["state"] == "staging"], 0.01)
    disk.fill()  # what was reserved is no help when somebody else fills the disk
    wait_for("a move that pauses", 60, lambda: waits_for_room(place, job, ("planned", "staging")))
    told = wait_for("the alert", 60, lambda: alerts_of(place, "move_waits"))[0]
    require(FULL.search(told["text"]) and "zmferry explain" in told["next"], f"the alert: {told}")
    said = place.zmferry("policy", "explain", "mbs2").stdout
    require("100 % full" in said, f"the node's own words: {said}")
    require(statuses(place) == was, "somebody was locked for want of room")
    disk.make_room()
    place.lab("cost", "mbs1", "tar_export_mb_s=0")
    held = ("following",)
    wait_for("all of them to be in step", 60, lambda: all(m["state"] in held for m in moves_of(place, job)))
    require(not alerts_of(place, "move_waits"), "the alert is not over")

    place.json("job", "continue", job)
    wait_for("a lock", 60, lambda: [m for m in moves_of(place, job) if m["state"] in LOCKED], 0.01)
    with is_stopped(place.agents["mbs2"]):
        disk.fill()
    home = place.node("mbs1")["host"]

    def given_back():
        moves = moves_of(place, job)
        now = statuses(place)
        return not [m for m in moves if m["state"] in (*LOCKED, "unlocking")] and \
            not [i for i, (status, host) in now.items() if host == home and status != was[i][0]]
    wait_for("every account that was locked to be given back", 30, given_back)
    back = [m["id"] for m in moves_of(place, job) if went_back_for_room(place, m["id"])]
    require(back, "nobody was locked when the disk was full")
    wait_for("moves that wait for room", 60, lambda: waits_for_room(place, job, ("planned", "staging", "following")))
    require(given_back(), "somebody was locked again though there is no room")
    disk.make_room()
    all_settled_clean(finish(place, job))
    storm.stop(120)
    print(f"    went back from under the lock: {back}")
    require_clean(place, before)


def full_source(place):
    """The source's disk is full, which is why it is emptied: all leave, though its agent is killed meanwhile."""
    own_mounts()
    place.lab_up(mailboxes=9, seed=3)
    before = place.path("before.json")
    place.lab("inventory", "--out", before)
    place.install()
    disk = Disk(place.path("spool-mbs1"), megabytes=64)
    place.start()
    storm = place.background("deliver", "deliver", "--rate", "4")
    disk.fill()
    job = evacuate(place)
    leases = wait_for("leases", 60, lambda: [
        name for name in os.listdir(place.path("spool-mbs1", "leases")) if "." not in name], 0.001)
    kill_process(place.agents["mbs1"])()
    all_settled_clean(finish(place, job))
    print(f"    leases when its agent was killed: {len(leases)}")
    storm.stop(120)
    require_clean(place, before)


def full_journal(place):
    """The controller's disk is full under locks: they end with the reserve, nothing else begins until there is room."""
    own_mounts()
    place.lab_up(mailboxes=24, seed=2, costs=("import_item_ms=4",))
    before = place.path("before.json")
    place.lab("inventory", "--out", before)
    disk = Disk(place.path("state"), megabytes=24)
    place.install().start()
    reserve = place.path("state", "reserve")
    require(os.path.getsize(reserve) == RESERVE_BYTES, "there is no reserve")
    was = statuses(place)
    storm = place.background("deliver", "deliver", "--rate", "4")
    job = evacuate(place)
    wait_for("a lock", 60, lambda: [m for m in moves_of(place, job) if m["state"] in LOCKED], 0.01)
    disk.fill()
    told = wait_for("the alert", 30, lambda: alerts_of(place, "journal_short"))[0]
    require("zmferry status" in told["next"] and place.path("state") in told["text"], f"{told}")
    require(not os.path.exists(reserve), "the reserve is still held")

    def at_rest():
        moves = moves_of(place, job)
        waiting = [m for m in moves if m["state"] in ("planned", "staging", "following")]
        return waiting if all(m in waiting or m["state"] == "settled" for m in moves) else None
    left = wait_for("every lock to end", 60, at_rest)
    ended = len(moves_of(place, job)) - len(left)
    require(left and ended, f"{ended} ended, {len(left)} wait")
    wait_for("one that says what it waits for", 30,
             lambda: [m for m in moves_of(place, job) if "nobody is locked now" in m["doing"]])
    stall = place.job(job)["job"].get("stall", "")
    require("free space in state_dir" in stall, f"the job does not say why: {place.job(job)['job']}")
    said = place.zmferry("evacuate", "mbs3", "--yes", check=False)
    require(said.returncode == 4 and "free space in state_dir" in said.stderr, f"{said.returncode} {said.stderr}")
    require(all(status == was[i][0] for i, (status, _) in statuses(place).items()), "somebody is locked")
    place.controller.kill()
    place.controller.start()
    place.wait_ready()
    require(alerts_of(place, "journal_short") and at_rest(), "a new controller goes on as if there were room")
    disk.make_room()
    wait_for("the reserve to be made anew", 30, lambda: os.path.exists(reserve))
    wait_for("that it is over", 30, lambda: not alerts_of(place, "journal_short"))
    all_settled_clean(finish(place, job))
    storm.stop(120)
    print(f"    {ended} ended while the disk was full, {len(left)} waited")
    require_clean(place, before)


def full_anywhere(place, seed=1, mailboxes=12):
    """Disks of every agent and of the controller run full at random, under a storm and people at work."""
    own_mounts()
    dice = random.Random(seed)
    place.lab_up(mailboxes=mailboxes, seed=seed, costs=("import_item_ms=2",))
    before = place.path("before.json")
    place.lab("inventory", "--out", before)
    disks = {"controller": Disk(place.path("state"), megabytes=24)}
    place.install()
    for node in place.agents:
        disks[node] = Disk(place.path(f"spool-{node}"), megabytes=200)
    place.start()
    storm = place.background("deliver", "deliver", "--rate", "4", "--seed", str(seed))
    people = place.background("act", "act", "--rate", "8", "--seed", str(seed))
    job, struck = evacuate(place), []
    for _ in range(14):
        if job_has_ended(place, job):
            break
        what = dice.choice(sorted(disks))
        struck.append(what)
        disks[what].fill()
        seconds, seen = dice.uniform(0.2, 6), progress(place)
        with contextlib.suppress(Failed):
            wait_for("some move to go on", seconds, lambda seen=seen: progress(place) not in (None, seen))
        if dice.random() < 0.3:
            kill_process(place.controller if what == "controller" else place.agents[what])()
        disks[what].make_room()
        if not place.controller.alive():  # it had no room to start; who runs it starts it again
            place.controller.start()
        seen = progress(place)
        with contextlib.suppress(Failed):
            wait_for("some move to go on", dice.uniform(0.5, 4), lambda seen=seen: progress(place) not in (None, seen))
    done = finish(place, job, 420)
    people.stop(60)
    storm.stop(120)
    print(f"    full: {', '.join(struck)}")
    all_settled_clean(done)
    require_clean(place, before)


SCENARIOS = {
    "full_anywhere": full_anywhere,
    "full_journal": full_journal,
    "full_target": full_target,
    "full_source": full_source,
}
