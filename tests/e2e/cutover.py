# SPDX-License-Identifier: Apache-2.0
"""Copied now, locked later."""
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


SCENARIOS = {
    "cutover": cutover,
}
