# SPDX-License-Identifier: Apache-2.0
"""Blows at random: processes killed, networks cut, servers that stand still, while mail arrives and people work.

Each takes a seed; `make soak` runs them with many.
"""
import contextlib
import json
import os
import random
import signal
import time

from harness import Failed, wait_for
from steps import all_settled_clean, begin, evacuate, finish, kill_process, require, require_clean
from wires import wired


def job_has_ended(place, job):
    done = place.zmferry("job", "show", job, "--json", check=False)
    return done.returncode == 0 and json.loads(done.stdout)["job"]["state"] not in ("moving", "gate")


def under_blows(place, dice, job):
    """Until the job has ended, random processes are killed and started again. Their names."""
    struck = []

    def strike():
        name = dice.choice(["controller", "mbs1", "mbs2", "mbs3", "node mbs1", "node mbs2", "node mbs3"])
        struck.append(name)
        if name.startswith("node "):
            place.lab("kill", name[5:])
            place.lab("start", name[5:])
        else:
            kill_process(place.controller if name == "controller" else place.agents[name])()

    for _ in range(12):
        if job_has_ended(place, job):
            break
        strike()
        # The next blow falls when some move has gone on, or after a while when none can.
        seen = progress(place)
        with contextlib.suppress(Failed):
            wait_for("some move to go on", dice.uniform(0.5, 6), lambda: progress(place) not in (None, seen))
    return struck


def evacuated_under_blows(place, before, seed, mails, acts):
    """mbs1 is emptied while mail arrives and people work, so many a second; nothing is lost."""
    storm = place.background("deliver", "deliver", "--rate", mails, "--seed", str(seed))
    people = place.background("act", "act", "--rate", acts, "--seed", str(seed))
    job = evacuate(place)
    struck = under_blows(place, random.Random(seed), job)
    done = finish(place, job, 420)
    people.stop(60)
    storm.stop(120)
    print(f"    killed: {', '.join(struck)}")
    all_settled_clean(done)
    require_clean(place, before)


def chaos(place, seed=1, mailboxes=16):
    """Random processes are killed at random moments under a storm and people at work, until the node is empty."""
    before = begin(place, mailboxes, seed=seed, costs=("import_item_ms=2",))
    evacuated_under_blows(place, before, seed, mails="5", acts="10")


def chaos_home(place, seed=1, mailboxes=12):
    """The same while everybody comes home over old copies, and while those are deleted."""
    dice = random.Random(seed)
    before = begin(place, mailboxes, seed=seed, costs=("import_item_ms=2",))
    storm = place.background("deliver", "deliver", "--rate", "4", "--seed", str(seed))
    people = place.background("act", "act", "--rate", "8", "--seed", str(seed))
    all_settled_clean(finish(place, evacuate(place)))
    job = place.json("restore", "mbs1", "--yes")["job"]["id"]
    struck = under_blows(place, dice, job)
    done = finish(place, job, 420)
    print(f"    killed: {', '.join(struck)}")
    all_settled_clean(done)
    require(len(done["moves"]) > 5, "nobody came home")
    people.stop(60)
    storm.stop(120)

    def copies():
        return [m for m in place.moves() if m["old_copy"] in ("kept", "being deleted")]
    for _ in range(20):
        if not copies():
            break
        for node in ("mbs1", "mbs2", "mbs3"):
            place.zmferry("purge", "node", node, "--yes", check=False)
        kill_process(dice.choice([place.controller, *place.agents.values()]))()
        place.wait_ready(60)
        seen = len(copies())
        with contextlib.suppress(Failed):
            wait_for("some copy to be gone", 6, lambda: len(copies()) < seen)
    require(not copies(), f"old copies stay: {[(m['id'], m['state'], m['error']) for m in copies()]}")
    require_clean(place, before)


def progress(place):
    done = place.zmferry("moves", "--json", check=False)
    return sorted((m["id"], m["state"]) for m in json.loads(done.stdout)["moves"]) if done.returncode == 0 else None


def chaos_hot(place, seed=1, mailboxes=8):
    """Random processes are killed while most of the mail goes in behind people who work on what is there."""
    before = begin(place, mailboxes, seed=seed, scale="medium", costs=("import_item_ms=4",),
                   controller_extra='hot_time = "1s"', extra=("--aged",) if seed % 2 else ())
    evacuated_under_blows(place, before, seed, mails="4", acts="25")


def pid_in(path):
    with open(path, encoding="ascii") as f:
        return int(f.read())


def stands_still(pid_path, seconds):
    """A process that answers nobody for a while."""
    pid = pid_in(pid_path)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def links(place, seed=1, mailboxes=12):
    """Networks are cut or swallow packets, LDAP and mailboxds stand still, under a storm and people at work."""
    dice = random.Random(seed)
    place.lab_up(mailboxes=mailboxes, seed=seed, costs=("import_item_ms=2",))
    before = place.path("before.json")
    place.lab("inventory", "--out", before)
    controller, agents, wires = wired(place)
    place.install(controller_set=controller, agent_set=agents).start()
    storm = place.background("deliver", "deliver", "--rate", "4", "--seed", str(seed))
    people = place.background("act", "act", "--rate", "8", "--seed", str(seed))
    still = {"LDAP": os.path.join(place.lab_dir, "ldap", "slapd.pid"),
             **{f"mailboxd of {n['name']}": os.path.join(n["dir"], "node.pid") for n in place.cluster["nodes"]}}
    job, struck = evacuate(place), []

    def strike():
        seconds = dice.uniform(0.2, 8)
        what = dice.choice([*wires, *sorted(still)])
        if what in still:
            struck.append(f"{what} stands still")
            stands_still(still[what], seconds)
            return
        how = dice.choice(("cut", "mute", "drop"))
        struck.append(f"{what.name} {how}")
        getattr(what, how)()
        time.sleep(0 if how == "drop" else seconds)
        what.heal()
    try:
        for _ in range(14):
            if job_has_ended(place, job):
                break
            strike()
            seen = progress(place)
            with contextlib.suppress(Failed):
                wait_for("some move to go on", dice.uniform(0.5, 4),
                         lambda seen=seen: progress(place) not in (None, seen))
        done = finish(place, job, 420)
    finally:
        people.stop(60)
        storm.stop(120)
        for wire in wires:
            wire.end()
    print(f"    {', '.join(struck)}")
    all_settled_clean(done)
    require_clean(place, before)


SCENARIOS = {
    "chaos": chaos,
    "chaos_home": chaos_home,
    "chaos_hot": chaos_hot,
    "links": links,
}
