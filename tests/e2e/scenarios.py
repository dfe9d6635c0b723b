#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make check-e2e: whole evacuations on the lab, with processes killed and a lab made worse.

Each scenario is a function in the table at the end; it ends in an oracle or an
assertion about what a person is told. `scenarios.py NAME...` runs some of them.
"""
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Failed, Installation, ROOT, wait_for  # noqa: E402

FROZEN = ("locking", "catching_up", "fencing", "switching", "steering", "opening")
BEFORE_SWITCH = ("staging", "following", "locking", "catching_up", "fencing")
ENDS = ("settled", "abandoned", "stuck")


def place_for(name, net):
    place = Installation(os.path.join(ROOT, "build", "e2e", name), net=net)
    place.remove()
    return Installation(os.path.join(ROOT, "build", "e2e", name), net=net)


def require(condition, text):
    if not condition:
        raise Failed(text)


def require_clean(place, before):
    verdict = place.oracle(before)
    require(verdict.returncode == 0, f"the oracle is not content:\n{verdict.stdout[-4000:]}{verdict.stderr[-1000:]}")
    closing = verdict.stdout.strip().splitlines()[-1]
    print(f"    oracle: {closing}")


def begin(place, mailboxes, seed=1, habits=(), costs=()):
    place.lab_up(mailboxes=mailboxes, scale="small", seed=seed, habits=habits, costs=costs)
    before = place.path("before.json")
    place.lab("inventory", "--out", before)
    place.install().start()
    return before


def evacuate(place, node="mbs1"):
    return place.json("evacuate", node, "--yes")["job"]["id"]


def all_settled_clean(done):
    for move in done["moves"]:
        require(move["state"] == "settled", f"{move['account']}: {move['state']}: {move.get('error')}")
        require(move["verdict"] == "clean", f"{move['account']}: verdict {move['verdict']}: {move.get('error')}")


def evacuation(place):
    """60 mailboxes, a delivery storm, people at work."""
    before = begin(place, 60)
    storm = place.background("deliver", "deliver", "--rate", "5")
    people = place.background("act", "act", "--rate", "10")
    done = place.wait_job(evacuate(place), 420)
    people.stop(60)
    storm.stop(120)
    require(done["job"]["state"] == "done", f"the job ended {done['job']['state']}: {done['job'].get('reason')}")
    all_settled_clean(done)
    require_clean(place, before)


def killer(place, job, victim, states, stop, log):
    """Kills the victim once in every state that some move is seen in, and starts it again."""
    seen = set()
    while not stop.is_set():
        try:
            moves = place.json("job", "show", job)["moves"]
        except Failed:
            time.sleep(0.05)
            continue
        now = {m["state"] for m in moves}
        fresh = [s for s in states if s in now and s not in seen]
        if fresh:
            seen.add(fresh[0])
            log.append(fresh[0])
            victim()
        time.sleep(0.01)


def kill_process(process):
    def strike():
        process.kill()
        process.start()
    return strike


def with_kills(place, victim_of, states, mailboxes=16, seconds=420):
    # Imports cost a little, so that every state lasts long enough to be met.
    before = begin(place, mailboxes, costs=("import_item_ms=2",))
    storm = place.background("deliver", "deliver", "--rate", "3")
    job = evacuate(place)
    stop, log = threading.Event(), []
    thread = threading.Thread(target=killer, args=(place, job, victim_of(place), states, stop, log))
    thread.start()
    try:
        done = place.wait_job(job, seconds)
        for _ in range(3):
            if done["job"]["state"] == "done":
                break
            place.zmferry("job", "retry", job)
            done = place.wait_job(job, seconds)
    finally:
        stop.set()
        thread.join()
    storm.stop(120)
    print(f"    killed in: {', '.join(log)}")
    require(len(log) >= 3, f"met only {log}")
    require(done["job"]["state"] == "done", f"the job ended {done['job']['state']}: {done['job'].get('reason')}")
    all_settled_clean(done)
    require_clean(place, before)


ALL_STATES = ("staging", "following", "locking", "catching_up", "fencing", "switching", "steering", "opening",
              "mending", "verifying")


def kill_controller(place):
    """kill -9 of the controller in every state."""
    with_kills(place, lambda p: kill_process(p.controller), ALL_STATES)


def kill_source_agent(place):
    """kill -9 of the source's agent in every state."""
    with_kills(place, lambda p: kill_process(p.agents["mbs1"]), ALL_STATES)


def kill_target_agent(place):
    """kill -9 of a target's agent in every state."""
    with_kills(place, lambda p: kill_process(p.agents["mbs2"]), ALL_STATES)


def worker_pids(agent):
    pids = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if agent.child is not None and parent == agent.child.pid:
            pids.append(int(entry))
    return pids


def kill_workers(place):
    """kill -9 of the workers of every agent, again and again."""
    def victim(p):
        def strike():
            for agent in p.agents.values():
                for pid in worker_pids(agent):
                    try:
                        os.kill(pid, 9)
                    except ProcessLookupError:
                        pass
        return strike
    with_kills(place, victim, ALL_STATES)


def kill_lab_node(place):
    """kill -9 of a target's mailboxd while moves go into it, and of the source's."""
    def victim(p):
        names = ["mbs2", "mbs1"]

        def strike():
            name = names[0]
            names.reverse()
            p.lab("kill", name)
            p.lab("start", name)
        return strike
    with_kills(place, victim, ("staging", "opening", "verifying", "following"))


def lease(place):
    """The controller dies for good under the lock: the source's agent gives the account back by itself."""
    before = begin(place, 6, costs=("import_item_ms=2",))
    place.lab("fault", "mbs1", "soap:LockoutMailboxRequest", "--count", "1", "--action", "hang")
    evacuate(place)
    wait_for("a move in fencing", 60, lambda: [m for m in place.moves() if m["state"] == "fencing"])
    place.controller.kill()
    name = "lease"
    wait_for("the lease to be given back by the agent", 120,
             lambda: "given back" in place.agents["mbs1"].tail(400))
    place.controller.start()
    place.wait_ready(60)
    require(before and name, "")


def refusals(place):
    """What cannot work is refused in the plan, by name, before anything is touched."""
    begin(place, 6)
    said = place.zmferry("plan", "evacuate", "nosuch", check=False)
    require(said.returncode == 3 and "nosuch" in said.stderr, f"unknown node: {said.returncode} {said.stderr}")
    place.agents["mbs3"].kill()
    wait_for("mbs3 to be noticed as away", 30,
             lambda: not [n for n in place.json("nodes")["nodes"] if n["name"].startswith("mbs3")][0]["connected"])
    said = place.zmferry("plan", "evacuate", "mbs1", "--to", "mbs3", check=False)
    require(said.returncode == 3 and "mbs3" in said.stderr and "agent" in said.stderr,
            f"target without agent: {said.returncode} {said.stderr}")
    said = place.zmferry("plan", "evacuate", "mbs3", check=False)
    require(said.returncode == 3 and "mbs3" in said.stderr, f"node without agent: {said.returncode} {said.stderr}")
    plan = place.json("plan", "evacuate", "mbs1")["plan"]
    require(all(m["target"].startswith("mbs2") for m in plan["moves"]), "a node without agent was made a target")
    for row in plan["refused"]:
        require(row["why"] and row["next"], f"a refusal without reason or next step: {row}")


def deceptive(place):
    """The lab lies: a blob is missing, a long line, an export that ends early. The verdict names it."""
    begin(place, 8, habits=("export_truncates_after=20",))
    done = place.wait_job(evacuate(place), 300)
    for move in done["moves"]:
        if move["state"] == "settled" and move["verdict"] == "clean":
            continue
        require(move.get("error") or move["verdict"] != "clean", f"{move['account']}: neither done nor explained")
        require(place.json("explain", move["id"])["move"].get("next"), f"{move['account']}: no next step")


SCENARIOS = {
    "refusals": refusals,
    "evacuation": evacuation,
    "kill_controller": kill_controller,
    "kill_source_agent": kill_source_agent,
    "kill_target_agent": kill_target_agent,
    "kill_workers": kill_workers,
    "kill_lab_node": kill_lab_node,
    "lease": lease,
    "deceptive": deceptive,
}


def main():
    wanted = sys.argv[1:] or list(SCENARIOS)
    passed = failed = 0
    random.seed(1)
    for number, name in enumerate(wanted):
        place = place_for(name, f"127.0.{40 + number}")
        begun = time.monotonic()
        try:
            SCENARIOS[name](place)
            passed += 1
            print(f"ok   {name}: {SCENARIOS[name].__doc__.splitlines()[0]} ({time.monotonic() - begun:.0f} s)", flush=True)
            place.down()
        except (Failed, KeyError, json.JSONDecodeError) as e:
            failed += 1
            print(f"FAIL {name}: {e!r}"[:6000], flush=True)
            print(place.controller.tail(60) if place.controller else "", flush=True)
            place.down()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
