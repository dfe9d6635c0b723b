# SPDX-License-Identifier: Apache-2.0
"""Archives through zmmailbox instead of our own REST calls."""
import glob
import os
import statistics
import time

from steps import all_settled_clean, evacuate, require, require_clean

START_S = 0.3   # a real one takes three to fifteen seconds

# Counts its calls, keeps their arguments, and dies in two ways now and then.
WRAPPER = """#!/bin/sh
echo "$@" >> "{calls}"
case $(wc -l < "{calls}") in
    3) echo 'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space' >&2; exit 1 ;;
    5) exec timeout -s KILL 1 "{real}" "$@" ;;
esac
exec "{real}" "$@"
"""


def wrap(place, node):
    tool = os.path.join(node["dir"], "bin", "zmmailbox")
    calls = place.path(f"zmmailbox-{node['name']}.calls")
    os.rename(tool, tool + ".real")
    place.write(tool, WRAPPER.format(calls=calls, real=tool + ".real"), 0o755)
    return calls


def evacuated(place, node):
    """(the job's last answer, seconds for a mailbox, median seconds locked)."""
    begun = time.monotonic()
    done = place.wait_job(evacuate(place, node))    # of the others, some are refused by the plan
    took = time.monotonic() - begun
    all_settled_clean(done)
    locks = [m["lock_ms"] / 1000 for m in done["moves"]]
    return done, took / len(locks), statistics.median(locks)


def zmmailbox(place):
    """Everything goes through zmmailbox, which dies now and then; then by REST, for the time it takes."""
    place.client = "zmmailbox"
    place.lab_up(mailboxes=9, extra=("--plain",), costs=(f"cli_start_s={START_S}",))
    before = place.path("before.json")
    place.lab("inventory", "--out", before)
    calls = [wrap(place, node) for node in place.cluster["nodes"]]
    place.install().start()
    storm = place.background("deliver", "deliver", "--rate", "3")
    _, slow, slow_lock = evacuated(place, "mbs1")
    storm.stop(60)
    said = "".join(open(path, encoding="utf-8").read() for path in calls if os.path.exists(path))
    require(said.count("\n") >= 8, f"it was hardly used: {said}")
    require("-z -A -m " in said and " -p " not in said and " -y " not in said, f"its arguments: {said}")
    require(any("java.lang.OutOfMemoryError" in agent.tail(2000) for agent in place.agents.values()),
            "its death is not told")
    left = glob.glob(place.path("spool-*", ".zmmailbox-*"))
    require(not left, f"its pipes are left: {left}")
    for node in place.cluster["nodes"]:
        place.agents[node["name"]].stop()
        path = place.path(f"agent-{node['name']}.conf")
        with open(path, encoding="utf-8") as f:
            text = f.read().replace('mailbox_client = "zmmailbox"', 'mailbox_client = "rest"')
        place.write(path, text)
        place.agents[node["name"]].start()
    place.wait_ready()
    _, fast, fast_lock = evacuated(place, "mbs2")
    print(f"    zmmailbox against REST, {START_S} s to start: {slow:.2f} s and {fast:.2f} s for a mailbox, "
          f"{slow / fast:.1f} times; locked {slow_lock:.2f} s and {fast_lock:.2f} s, {slow_lock / fast_lock:.1f} times")
    require_clean(place, before)


SCENARIOS = {
    "zmmailbox": zmmailbox,
}
