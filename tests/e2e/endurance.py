# SPDX-License-Identifier: Apache-2.0
"""Hundreds of moves to and fro in one installation: what it holds at the end is what it held after the first round."""
import contextlib
import random
import time

from harness import Failed, wait_for
from resources import cpu_parts, holdings
from steps import all_settled_clean, begin, evacuate, finish, require, require_clean
from storms import under_blows

RSS_GROWTH = 1.3        # and SLACK_KIB, and of the controller, which knows every move there ever was:
SLACK_KIB = 4096
RSS_KIB_A_MOVE = 12
JOURNAL_KIB_A_MOVE = 64
FILES_MORE = {"controller": 40}     # connections that it keeps between calls: 32 to mailboxd, 8 to LDAP


def spools_are_empty(place):
    return not any(names for names in holdings(place)["spools"].values())


def round_trip(place, dice=None):
    """Everybody leaves mbs1 and comes home; with dice under blows. How many moves that were."""
    count = 0
    for command in (lambda: evacuate(place), lambda: place.json("restore", "mbs1", "--yes")["job"]["id"]):
        wait_for("every agent to be connected", 60, lambda: all(n["connected"] for n in place.json("nodes")["nodes"]))
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
        most = first["files"][name] + FILES_MORE.get(name, 4)
        require(files <= most, f"{name}: {first['files'][name]} open files grew to {files}")
    grown = last["journal_kib"] - first["journal_kib"]
    require(grown <= moves * JOURNAL_KIB_A_MOVE, f"the journal grew by {grown} KiB in {moves} moves")


def held_at_last(place, first, moves):
    """What is held when it is no more than it may be: an agent just started gives back what starting took."""
    def as_before():
        with contextlib.suppress(Failed):
            last = holdings(place)
            require_as_before(first, last, moves)
            return last
        return None
    with contextlib.suppress(Failed):
        return wait_for("what is held to be as before", 60, as_before)
    return holdings(place)


def costs(place, first, last, cpu, spent, moves, seconds, figure):
    """What a thousand moves cost, from so many of them."""
    for part in ("controller", "agents", "workers"):
        figure(f"cpu_{part}_1000_moves_s", (spent[part] - cpu[part]) * 1000 / moves, "s")
    figure("rss_controller_kib", last["rss_kib"]["controller"], "KiB")
    figure("rss_agent_kib", max(last["rss_kib"][n] for n in place.agents), "KiB")
    figure("journal_a_move_kib", (last["journal_kib"] - first["journal_kib"]) / moves, "KiB")
    figure("moves_per_minute", moves * 60 / seconds, "moves/min")


def to_and_fro(place, seed=1, moves=500, mailboxes=60, dice=None, figure=None):
    """So many moves while mail arrives and people work, with dice under blows; nothing is lost, and nothing grows."""
    before = begin(place, mailboxes, seed=seed)
    storm = place.background("deliver", "deliver", "--rate", "3", "--seed", str(seed))
    people = place.background("act", "act", "--rate", "5", "--seed", str(seed))
    first_moves, counted = round_trip(place), 0
    first, cpu, begun = holdings(place), cpu_parts(place), time.monotonic()
    while first_moves + counted < moves:
        counted += round_trip(place, dice)
    spent, took = cpu_parts(place), time.monotonic() - begun
    last = held_at_last(place, first, counted)
    people.stop(60)
    storm.stop(120)
    if figure is not None:
        costs(place, first, last, cpu, spent, counted, took, figure)
    print(f"    {first_moves + counted} moves; held first {first}, at last {last}")
    require_as_before(first, last, counted)
    require_clean(place, before)


def to_and_fro_under_blows(place, seed=1, moves=120):
    """The same while processes are killed at random: descriptors, spools and journal are as before all the same."""
    to_and_fro(place, seed, moves, mailboxes=24, dice=random.Random(seed))
