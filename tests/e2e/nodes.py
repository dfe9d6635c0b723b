# SPDX-License-Identifier: Apache-2.0
"""Scenarios of whole nodes: made even, taken out of the cluster, brought into it."""
from steps import all_settled_clean, begin, evacuate, finish, require, require_clean


def rebalance(place):
    """An emptied node gets its share again, from those that are fuller; once even there is nothing to do."""
    before = begin(place, 30)
    storm = place.background("deliver", "deliver", "--rate", "3")
    all_settled_clean(finish(place, evacuate(place)))
    said = place.zmferry("rebalance", "--to", "mbs1", "--yes", check=False)
    require(said.returncode == 3 and "it is cordoned" in said.stderr, f"cordoned: {said.returncode} {said.stderr}")
    place.json("uncordon", "mbs1")
    plan = place.json("plan", "rebalance")["plan"]
    require({m["target"].split(".")[0] for m in plan["moves"]} == {"mbs1"}, f"it goes to {plan['targets']}")
    after = {t["node"].split(".")[0]: t["bytes_after"] for t in plan["targets"]}
    before_bytes = {t["node"].split(".")[0]: t["bytes_before"] for t in plan["targets"]}
    require(after["mbs2"] < before_bytes["mbs2"] and after["mbs3"] < before_bytes["mbs3"], f"the fuller give: {plan}")
    job = place.json("rebalance", "--yes")["job"]["id"]
    done = finish(place, job)
    all_settled_clean(done)
    require(done["job"]["kind"] == "rebalance" and len(done["moves"]) > 2, f"moved: {done['job']}")
    said = place.zmferry("rebalance", "--to", "mbs9", "--yes", check=False)
    require(said.returncode == 3 and "mbs9" in said.stderr, f"unknown: {said.returncode} {said.stderr}")
    said = place.zmferry("rebalance", "--to", "mbs1", "--yes", check=False)
    require(said.returncode == 3 and "even already" in said.stderr, f"even: {said.stdout} {said.stderr}")
    storm.stop(120)
    require_clean(place, before)


SCENARIOS = {
    "rebalance": rebalance,
}
