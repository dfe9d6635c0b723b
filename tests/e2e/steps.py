# SPDX-License-Identifier: Apache-2.0
"""What every scenario does: set up, evacuate, wait for an end, ask the oracle."""
import json
import os
import time

from harness import Failed, Installation, ROOT


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


def begin(place, mailboxes, seed=1, habits=(), costs=(), scale="small", controller_extra="", extra=()):
    place.lab_up(mailboxes=mailboxes, scale=scale, seed=seed, habits=habits, costs=costs, extra=extra)
    before = place.path("before.json")
    place.lab("inventory", "--out", before)
    place.install(controller_extra).start()
    return before


def evacuate(place, node="mbs1"):
    return place.json("evacuate", node, "--yes")["job"]["id"]


def all_settled_clean(done):
    for move in done["moves"]:
        require(move["state"] == "settled" or move["old_copy"] in ("being deleted", "deleted"),
                f"{move['account']}: {move['state']}: {move.get('error')}")
        require(move["verdict"] == "clean", f"{move['account']}: verdict {move['verdict']}: {move.get('error')}")


def statuses(place):
    """{zimbraId: (status, home)} as the directory has it now."""
    path = place.path("now.json")
    place.lab("inventory", "--out", path)
    with open(path, encoding="utf-8") as f:
        return {i: (a["status"], a["host"]) for i, a in json.load(f)["accounts"].items()}


def finish(place, job, seconds=300, tries=4):
    """The job's last answer; what failed on the way is tried again, as a person would."""
    done = place.wait_job(job, seconds)
    for _ in range(tries):
        if done["job"]["state"] == "done":
            break
        place.zmferry("job", "retry", job)
        done = place.wait_job(job, seconds)
    require(done["job"]["state"] == "done",
            f"the job ended {done['job']['state']}: {done['job'].get('reason')}")
    return done


def differences(place, before):
    """{account: [texts]} of the oracle."""
    found = {}
    for row in json.loads(place.oracle(before, "--json").stdout)["differences"]:
        found.setdefault(row["account"], []).append(row["text"])
    return found


def kill_process(process):
    """A function that kills it with -9 and starts it again."""
    def strike():
        process.kill()
        process.start()
    return strike


def worker_pids(agent):
    """The agent's children."""
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


def killer(place, job, victim, states, stop, log):
    """Kills the victim once in every state that some move is seen in, and starts it again."""
    seen = set()
    while not stop.is_set():
        try:
            moves = place.json("job", "show", job)["moves"] if job else place.moves()
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
