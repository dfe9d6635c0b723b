# SPDX-License-Identifier: Apache-2.0
"""The target's mailbox is filled while people work, at the old ids; then the switch."""
from cutover import users_of
from mailclients import Reader, compared, taken, told
from steps import all_settled_clean, begin, evacuate, finish, require, require_clean

SEEDING = "seeding = yes"


def exact(place, done):
    """Messages of all moves, and of these with their old id and with their old UID."""
    sums = {"messages": 0, "ids_exact": 0, "uids_exact": 0}
    for move in done["moves"]:
        verdict = place.json("explain", move["id"])["move"].get("verdict_detail") or {}
        for key in sums:
            sums[key] += verdict.get(key, 0)
    return sums


def seeded(place):
    """24 mailboxes filled before their lock, under a delivery storm, with people at work: old ids are kept."""
    before = begin(place, 24, controller_extra=SEEDING)
    storm = place.background("deliver", "deliver", "--rate", "5")
    people = place.background("act", "act", "--rate", "10")
    done = finish(place, evacuate(place), 420)
    people.stop(60)
    storm.stop(120)
    all_settled_clean(done)
    require_clean(place, before)
    sums = exact(place, done)
    print(f"    {sums['ids_exact']} of {sums['messages']} messages have their old id, "
          f"{sums['uids_exact']} their old IMAP UID")
    require(sums["ids_exact"] >= 0.9 * sums["messages"], f"{sums}")


def seeded_histories(place):
    """Mailboxes of 400 and 2,000 items with hostile histories: old ids and UIDs, and no mail program sees another."""
    before = begin(place, 4, controller_extra=SEEDING, extra=("--histories", "400,2000"))
    names = [name for _, name in users_of(before, place.node("mbs1")["host"])]
    reader = Reader(place)
    copies = taken(reader, names)
    storm = place.background("deliver", "deliver", "--rate", "4")
    people = place.background("act", "act", "--rate", "8")
    done = finish(place, evacuate(place), 420)
    all_settled_clean(done)
    total, each = compared(reader, copies)
    told("moved", total, each)
    people.stop(60)
    storm.stop(120)
    require_clean(place, before)
    sums = exact(place, done)
    print(f"    {sums}")
    require(sums["ids_exact"] >= 0.99 * sums["messages"], f"{sums}")


SCENARIOS = {"seeded": seeded, "seeded_histories": seeded_histories}
