# SPDX-License-Identifier: Apache-2.0
"""Copied now, locked later."""
import fnmatch
import json

from harness import wait_for
from steps import all_settled_clean, begin, finish, require, require_clean, statuses


def cutover(place):
    """Everything is copied and kept in step while people work, the controller dies; locked when a person says so."""
    before = begin(place, 16)
    storm = place.background("deliver", "deliver", "--rate", "4")
    people = place.background("act", "act", "--rate", "8")
    said = place.zmferry("evacuate", "mbs1", "--yes", "--cutover", "tonight", check=False)
    require(said.returncode == 3 and "22:00-05:00" in said.stderr, f"tonight: {said.returncode} {said.stderr}")
    job = place.json("evacuate", "mbs1", "--yes", "--cutover", "go")["job"]["id"]

    def waiting():
        done = place.zmferry("job", "show", job, "--json", check=False)
        moves = json.loads(done.stdout)["moves"] if done.returncode == 0 else []
        return moves and all(m["state"] == "following" and "until you say so" in m["doing"] for m in moves) and moves
    moves = wait_for("all of them to be copied", 120, waiting)
    require(len(moves) > 4, f"only {len(moves)}: no more than the lanes hold")
    locked = [m["account"] for m in moves if m["lock_ms"]]
    require(not locked, f"locked before: {locked}")
    shown = place.zmferry("job", "show", job).stdout
    require(f"zmferry job continue {job}" in shown, f"it does not say how to go on:\n{shown}")
    place.controller.kill()
    place.controller.start()
    wait_for("them to wait again", 60, waiting)
    now = statuses(place)
    require({now[m["account_id"]][1] for m in moves} == {place.node("mbs1")["host"]}, "somebody has moved")
    place.json("job", "continue", job)
    done = finish(place, job)
    again = place.zmferry("job", "continue", job, check=False)
    require(again.returncode == 3, f"continued twice: {again.returncode} {again.stderr}")
    people.stop(60)
    storm.stop(120)
    all_settled_clean(done)
    require_clean(place, before)


def users_of(before, host):
    """Who lives there: [(zimbraId, address)]."""
    with open(before, encoding="utf-8") as f:
        accounts = json.load(f)["accounts"]
    return [(i, a["name"]) for i, a in sorted(accounts.items(), key=lambda row: row[1]["name"])
            if a["host"] == host and a["status"] == "active" and fnmatch.fnmatch(a["name"], "user0*")]


def idle_owner(place):
    """Nobody is locked while who works there cannot be told; then all but one who works, until he stops."""
    before = begin(place, 9)
    users = users_of(before, place.node("mbs1")["host"])
    who, name = users[0]
    storm = place.background("deliver", "deliver", "--rate", "4")
    person = place.background("act", "act", "--rate", "6", "--only", name)
    place.lab("habit", "mbs1", "session_list_is_short=true")
    what = ("move", ",".join(address for _, address in users), "--to", "mbs2", "--yes", "--cutover")
    said = place.zmferry(*what, "idle:never", check=False)
    require(said.returncode == 3 and "idle:15m" in said.stderr, f"never: {said.returncode} {said.stderr}")
    job = place.json(*what, "idle:3s")["job"]["id"]

    def moves():
        done = place.zmferry("job", "show", job, "--json", check=False)
        return json.loads(done.stdout)["moves"] if done.returncode == 0 else []

    def his():
        return next((m for m in moves() if m["account_id"] == who), {"state": "", "doing": ""})

    def all_wait():
        now = moves()
        return len(now) == len(users) and all("until its owner is idle" in m["doing"] for m in now) \
            and any("cannot be told" in m["doing"] and "are listed of" in m["doing"] for m in now) and now
    now = wait_for("all of them to wait, and to say why", 60, all_wait)
    require(not [m["account"] for m in now if m["lock_ms"]], "somebody was locked on a guess")
    place.lab("habit", "mbs1", "session_list_is_short=false")

    def others_settled():
        return all(m["state"] == "settled" for m in moves() if m["account_id"] != who)
    wait_for("everybody else to be moved", 60, others_settled)
    require(his()["state"] == "following" and not his()["lock_ms"], f"who works was locked: {his()}")
    wait_for("it to say that he works", 20, lambda: "ago by soap" in his()["doing"])
    shown = place.zmferry("job", "show", job).stdout
    require(f"zmferry job continue {job}" in shown, f"it does not say how to go on:\n{shown}")
    person.stop(60)
    done = finish(place, job)
    storm.stop(120)
    all_settled_clean(done)
    require_clean(place, before)


SCENARIOS = {
    "cutover": cutover,
    "idle_owner": idle_owner,
}
