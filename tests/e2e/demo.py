#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make demo: a cluster played by the lab, mail arriving, people at work, one node evacuated, and an oracle."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Failed, Installation, NET_PREFIX, ROOT  # noqa: E402


def say(text):
    print(f"\n== {text}", flush=True)


def main():
    place = Installation(os.path.join(ROOT, "build", "demo"), net=NET_PREFIX + ".1")
    place.remove()
    place = Installation(os.path.join(ROOT, "build", "demo"), net=NET_PREFIX + ".1")
    try:
        say("A Zimbra cluster: one OpenLDAP, three mailbox nodes played by tests/lab (a stand-in, not Zimbra)")
        place.lab_up(mailboxes=30, scale="small", seed=7)
        before = place.path("before.json")
        place.lab("inventory", "--out", before)
        say("A controller and three agents, each proving itself by a certificate of the controller's CA")
        place.install().start()
        print(place.zmferry("status").stdout)
        say("Mail arrives all the time, and people work")
        storm = place.background("deliver", "deliver", "--rate", "5")
        people = place.background("act", "act", "--rate", "10")
        say("zmferry evacuate mbs1 --yes --wait")
        done = subprocess.run([place.program("zmferry"), "evacuate", "mbs1", "--yes", "--wait",
                               "--socket", place.socket], check=False)
        people.stop(60)
        storm.stop(120)
        moves = place.moves()
        if not moves:
            raise Failed("no move was made")
        say(f"One move, from its journal: zmferry explain {moves[0]['id']}")
        print(place.zmferry("explain", moves[0]["id"]).stdout)
        say("zmferry nodes")
        print(place.zmferry("nodes").stdout)
        say("The oracle: every mailbox against what was there, what was delivered and what people did")
        verdict = place.oracle(before)
        print(verdict.stdout)
        locks = sorted(m["lock_ms"] for m in moves if m["lock_ms"])
        clean = [m for m in moves if m.get("verdict") == "clean"]
        print(f"{len(moves)} mailboxes moved, {len(clean)} verdicts clean"
              + (f", locked for {locks[len(locks) // 2]} ms in the median and {locks[-1]} ms at most" if locks else ""))
        if done.returncode != 0 or verdict.returncode != 0:
            print("The demo did NOT end as it should.")
            return 1
        print("Nothing lost, nothing doubled, nothing came back from the dead.")
        return 0
    except Failed as e:
        print(f"demo: {e}", file=sys.stderr)
        print(place.controller.tail() if place.controller else "", file=sys.stderr)
        return 1
    finally:
        place.down()


sys.exit(main())
