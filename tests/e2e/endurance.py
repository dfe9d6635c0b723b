# SPDX-License-Identifier: Apache-2.0
"""Hundreds of moves to and fro in one installation: what it holds at the end is what it held after the first round."""
import random
import time

from harness import wait_for
from resources import cpu_parts, holdings
from steps import all_settled_clean, begin, evacuate, finish, require, require_clean
from storms import under_blows

MAILBOXES = 60
RSS_GROWTH = 1.3        # and SLACK_KIB, and of the controller, which knows every move there ever was:
SLACK_KIB = 4096
RSS_KIB_A_MOVE = 12
JOURNAL_KIB_A_MOVE = 64


def spools_are_empty(place):
    return not any(names for names in holdings(place)["spools"].values())


def round_trip(place, dice=None):
    """Everybody leaves mbs1 and comes home; with dice under blows. How many moves that were."""
    count = 0
    for command in (lambda: evacuate(place), lambda: place.json("restore", "mbs1", "--yes")["job"]["id"]):
        job = command()
        if dice is not None:
            under_blows(place, dice, job)
        done = finish(place, job, 420)
        all_settled_clean(done)
        count += len(done["moves"])
    for move in place.moves():      # who emptied Trash meanwhile has a spool until he wants that mail, or the copy goes
        if move["withheld"]:
            place.zmferry("release", move["id"])
    wait_for("every spool to be gone", 60, lambda: spools_are_empty(place))
    return count


def require_as_before(first, last, moves):
    """After so many moves: no memory, descriptor or spool more than in the beginning; a journal that grows little."""
    for name, kib in last["rss_kib"].items():
        most = first["rss_kib"][name] * RSS_GROWTH + SLACK_KIB + (moves * RSS_KIB_A_MOVE if name == "controller" else 0)
        require(kib <= most, f"{name}: {first['rss_kib'][name]} KiB grew to {kib}, more than {most:.0f}")
    for name, files in last["files"].items():
        require(files <= first["files"][name] + 4, f"{name}: {first['files'][name]} open files grew to {files}")
    grown = last["journal_kib"] - first["journal_kib"]
    require(grown <= moves * JOURNAL_KIB_A_MOVE, f"the journal grew by {grown} KiB in {moves} moves")


def to_and_fro(place, seed=1, moves=500, figure=None):
    """So many moves while mail arrives and people work; nothing is lost, and nothing grows."""
    before = begin(place, MAILBOXES, seed=seed)
    storm = place.background("deliver", "deliver", "--rate", "3", "--seed", str(seed))
    people = place.background("act", "act", "--rate", "5", "--seed", str(seed))
    first_moves = done = round_trip(place)
    first, cpu, begun = holdings(place), cpu_parts(place), time.monotonic()
    while done < moves:
        done += round_trip(place)
    last, spent, took = holdings(place), cpu_parts(place), time.monotonic() - begun
    people.stop(60)
    storm.stop(120)
    counted = done - first_moves
    if figure is not None:
        for part in ("controller", "agents", "workers"):
            figure(f"cpu_{part}_1000_moves_s", (spent[part] - cpu[part]) * 1000 / counted, "s")
        figure("rss_controller_kib", last["rss_kib"]["controller"], "KiB")
        figure("rss_agent_kib", max(last["rss_kib"][n] for n in place.agents), "KiB")
        figure("journal_a_move_kib", (last["journal_kib"] - first["journal_kib"]) / counted, "KiB")
        figure("moves_per_minute", counted * 60 / took, "moves/min")
    print(f"    {done} moves; held first {first}, at last {last}")
    require_as_before(first, last, counted)
    require_clean(place, before)


def to_and_fro_under_blows(place, seed=1, moves=120):
    """The same while processes are killed at random: descriptors, spools and journal are as before all the same."""
    dice = random.Random(seed)
    before = begin(place, 24, seed=seed)
    storm = place.background("deliver", "deliver", "--rate", "3", "--seed", str(seed))
    people = place.background("act", "act", "--rate", "5", "--seed", str(seed))
    done = round_trip(place)
    first, counted = holdings(place), 0
    while done + counted < moves:
        counted += round_trip(place, dice)
    people.stop(60)
    storm.stop(120)
    last = holdings(place)
    print(f"    {done + counted} moves; held first {first}, at last {last}")
    require_as_before(first, last, counted)
    require_clean(place, before)
