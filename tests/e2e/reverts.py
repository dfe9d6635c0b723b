# SPDX-License-Identifier: Apache-2.0
"""Taken back after the switch, from a target that takes nothing and from a dead one, while mail arrives."""
import json
import threading

from harness import wait_for
from steps import begin, kill_process, killer, require, require_clean, statuses

REVERTS = ("revert_fetching", "revert_fencing", "revert_switching", "revert_opening", "backfilling", "verifying",
           "revert_locking", "revert_homing")
ENDS = ("settled", "abandoned", "stuck")


def in_opening(place):
    return [m for m in place.moves() if m["state"] == "opening"]


def locked_at(place, node, count):
    """An evacuation of mbs1 to that node gets so many mailboxes into opening, and no further. Their moves."""
    for number in range(12):  # of some what was sent is in, and nobody says so
        place.lab("fault", node, "rest:import", "--count", "1", "--action", "hang", "--when",
                  "before" if number % 2 else "after")
    job = place.json("evacuate", "mbs1", "--to", node, "--yes")["job"]["id"]
    wait_for(f"{count} mailboxes to be in opening", 120, lambda: len(in_opening(place)) >= count)
    place.json("job", "cancel", job)
    wait_for("the others to be back", 120, lambda: all(m["state"] in ENDS or m["state"] == "opening"
                                                       for m in place.job(job)["moves"]))
    return [m for m in place.job(job)["moves"] if m["state"] == "opening"]


def messages_on(place, node, ids):
    """How many items these accounts have there."""
    place.lab("inventory", "--out", place.path("look.json"))
    with open(place.path("look.json"), encoding="utf-8") as f:
        boxes = json.load(f)["nodes"][node]["mailboxes"]
    return {i: len(boxes[i]["items"]) for i in ids if i in boxes}


def settled_again(place, ids, seconds=120):
    def are():
        said = place.zmferry("moves", "--json", check=False)   # the controller may be dead just now
        return said.returncode == 0 and all(m["state"] == "settled" for m in json.loads(said.stdout)["moves"]
                                            if m["id"] in ids)
    wait_for("all of them to be settled", seconds, are)
    return [m for m in place.moves() if m["id"] in ids]


def reverted(place):
    """Three mailboxes are taken back with what reached the target, while controller and agents are killed."""
    before = begin(place, 8)
    was = statuses(place)
    storm = place.background("deliver", "deliver", "--rate", "8")
    moves = locked_at(place, "mbs2", 3)
    ids, accounts = [m["id"] for m in moves], [m["account_id"] for m in moves]
    at_first = messages_on(place, "mbs2", accounts)

    def arrived():
        return {a for a, n in messages_on(place, "mbs2", accounts).items() if n > at_first.get(a, 0)}
    wait_for("mail to arrive there", 60, lambda: len(arrived()) >= 2)
    with_mail = arrived()
    said = place.zmferry("move", "revert", "m9999", "--yes", check=False)
    require(said.returncode == 3 and "no such move" in said.stderr, f"unknown: {said.returncode} {said.stderr}")
    stop, log = threading.Event(), []
    strikes = [kill_process(place.controller), kill_process(place.agents["mbs2"]), kill_process(place.agents["mbs1"])]

    def strike():
        strikes.append(strikes.pop(0))
        strikes[-1]()
    thread = threading.Thread(target=killer, args=(place, None, strike, REVERTS, stop, log))
    thread.start()
    try:
        for move in ids:
            wait_for("the wish to be taken", 60,
                     lambda m=move: place.zmferry("move", "revert", m, "--yes", check=False).returncode == 0)
        done = settled_again(place, ids)
    finally:
        stop.set()
        thread.join()
    print(f"    killed in: {', '.join(log)}")
    place.lab("fault", "mbs2", "clear")
    require(len(log) >= 2, f"met only {log}")
    require(all(m["verdict"] == "clean" and m["target"].startswith("mbs1") for m in done), f"{done}")
    require(all(m["items"] > 0 for m in done if m["account_id"] in with_mail), f"nothing came back with them: {done}")
    require(statuses(place) == was, "an account is not as it was")
    said = place.zmferry("move", "revert", ids[0], "--yes", check=False)
    require(said.returncode == 3 and "back on mbs1" in said.stderr, f"twice: {said.returncode} {said.stderr}")
    # And off it goes again, over the copies that are left there.
    job = place.json("evacuate", "mbs1", "--to", "mbs2", "--yes")["job"]["id"]
    done = place.wait_job(job, 300)
    storm.stop(120)
    require(all(m["verdict"] == "clean" for m in done["moves"]), f"{done['job']}")
    require_clean(place, before)


def left_behind(place):
    """The target dies with mail in it that nobody has seen: people work without, and it is fetched later."""
    before = begin(place, 6)
    was = statuses(place)
    storm = place.background("deliver", "deliver", "--rate", "8")
    moves = locked_at(place, "mbs3", 2)
    accounts = [m["account_id"] for m in moves]
    at_first = messages_on(place, "mbs3", accounts)

    def grown():  # not everybody gets mail
        now = messages_on(place, "mbs3", accounts)
        return [m for m in moves if now.get(m["account_id"], 0) > at_first.get(m["account_id"], 0)]
    move = wait_for("mail to arrive there", 60, grown)[0]
    others = [m["id"] for m in in_opening(place) if m["id"] != move["id"]]
    place.lab("kill", "mbs3")
    place.agents["mbs3"].kill()
    for m in [move["id"], *others]:
        place.json("move", "revert", m, "--leave-mail", "--yes")
    wait_for("everybody to be let in again", 60, lambda: statuses(place) == was)
    settled_again(place, [move["id"], *others], 60)
    said = place.zmferry("alerts").stdout
    require(f"zmferry move revert {move['id']}" in said and "is still there" in said, f"alerts say: {said}")
    said = place.zmferry("purge", move["id"], "--yes", check=False)
    require(said.returncode == 3, f"what is left behind could be deleted: {said.stdout}")
    place.lab("start", "mbs3")
    place.lab("fault", "mbs3", "clear")
    place.agents["mbs3"].start()
    wait_for("mbs3 to be well again", 60, lambda: [n for n in place.json("nodes")["nodes"]
                                                   if n["name"].startswith("mbs3") and n["state"] == "ok"])
    for m in [move["id"], *others]:
        place.json("move", "revert", m, "--yes")
        done = wait_for("it to be fetched", 120, lambda m=m: [x for x in place.moves() if x["id"] == m and
                                                              x["state"] == "settled" and x["verdict"] == "clean"])
    storm.stop(120)
    require(done[0]["verdict"] == "clean", f"{done}")
    require("is still there" not in place.zmferry("alerts").stdout, "the alert stays")
    require(statuses(place) == was, "an account is not as it was")
    require_clean(place, before)


SCENARIOS = {
    "reverted": reverted,
    "left_behind": left_behind,
}
