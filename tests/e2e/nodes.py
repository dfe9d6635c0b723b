# SPDX-License-Identifier: Apache-2.0
"""Scenarios of whole nodes: made even, taken out of the cluster, brought into it."""
import http.client
import json
import socket

from harness import wait_for
from zlab.ldapclient import Ldap
from steps import all_settled_clean, begin, evacuate, finish, require, require_clean, statuses


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


def entries(place, base, filter, attrs):
    """[(dn, attributes)] of the directory."""
    c = place.cluster["ldap"]
    ldap = Ldap(c["uri"], c["bind_dn"], c["password"])
    try:
        return ldap.search(base, "sub", filter, attrs)
    finally:
        ldap.close()


def wait_state(place, job, state, seconds=120):
    """Until the job is in that state; its row."""
    def seen():
        done = place.zmferry("job", "show", job, "--json", check=False)
        row = json.loads(done.stdout)["job"] if done.returncode == 0 else {}
        require(row.get("state") == state or not row.get("ended"), f"{job} ended: {row}")
        return row if row.get("state") == state else None
    return wait_for(f"job {job} in state {state}", seconds, seen)


def named_in_directory(place, host):
    """Where a server is named: [(dn, attribute)]."""
    found = []
    for base in ("cn=config,cn=zimbra", "cn=servers,cn=zimbra", "cn=cos,cn=zimbra", "dc=test"):
        for dn, attrs in entries(place, base, "(objectClass=*)", None):
            found += [(dn, name) for name, values in attrs.items()
                      if any(host in str(v) for v in values)]
    return found


def remove_and_add(place):
    """A node is taken out of Zimbra by name, its container by hand; another is brought in and gets its share."""
    before = begin(place, 18)
    storm = place.background("deliver", "deliver", "--rate", "3")
    host, server_id = place.node("mbs1")["host"], place.node("mbs1")["id"]
    plan = place.json("plan", "remove", "mbs1")["plan"]
    does = " ".join(f["text"] for f in plan["removal"] if f["level"] == "does")
    require("zimbraMtaAuthHost of mta1" in does and "zimbraVersionCheckServer" in does and "team@" in does,
            f"what is cleaned: {plan['removal']}")
    require(not [f for f in plan["removal"] if f["level"] == "blocks"], f"nothing blocks: {plan['removal']}")
    said = place.zmferry("remove", "mbs1", "--destroy-volumes", "--yes", check=False)
    require(said.returncode == 3 and "--confirm mbs1" in said.stderr, f"typed: {said.returncode} {said.stderr}")
    require(any("zmgsautil forceSync -a galsync" in note for note in plan["notes"]), f"GAL: {plan['notes']}")
    require(plan["expected"]["seconds"] > 0 and plan["expected"]["longest"] in [m["account"] for m in plan["moves"]],
            f"what it will take: {plan['expected']}")
    job = place.json("remove", "mbs1", "--yes")["job"]["id"]
    row = wait_state(place, job, "by_hand", 300)
    require("stop the container of " + host in row["reason"] and f"job continue {job}" in row["reason"],
            f"what to do is said: {row['reason']}")
    require(named_in_directory(place, host) == [], f"still named: {named_in_directory(place, host)}")
    require(entries(place, "cn=zimbra", f"(zimbraMailHostPool={server_id})", ["cn"]) == [], "its id is in a pool")
    require([a["key"] for a in place.json("alerts")["alerts"] if a["subject"] == job] == ["job_waits"],
            "an alert says that the job waits")
    one = place.json("plan", "evacuate", "mbs2")["plan"]["moves"][0]["account"]
    other = place.json("move", one, "--to", "mbs3", "--yes")["job"]
    require(other["state"] == "moving", f"a job that waits for a person is in the way: {other}")
    all_settled_clean(finish(place, other["id"]))
    said = place.zmferry("job", "continue", job, check=False)
    require(said.returncode == 3 and "still runs" in said.stderr, f"too early: {said.returncode} {said.stderr}")
    place.controller.kill()
    place.remove_node("mbs1")
    place.controller.start()
    place.wait_ready()
    place.zmferry("job", "continue", job, "--wait")
    require(host not in [n["name"] for n in place.json("nodes")["nodes"]], "the node is still listed")
    wait_for("the end of its cordon", 30, lambda: place.json("cordons")["cordons"] == [])
    require({m["state"] for m in place.job(job)["moves"]} == {"done"}, "its old copies are gone with it")
    said = place.zmferry("plan", "remove", "mbs1", check=False)
    require(said.returncode == 3 and "no mailbox server of that name" in said.stderr, f"twice: {said.stderr}")

    said = place.zmferry("add", "mbs2." + host.split(".", 1)[1], "--yes", check=False)
    require(said.returncode == 3 and "in the cluster already" in said.stderr, f"there already: {said.stderr}")
    said = place.zmferry("add", "mbs4", "--yes", check=False)
    require(said.returncode == 3 and "whole name" in said.stderr, f"short: {said.stderr}")
    new = "mbs4." + host.split(".", 1)[1]
    job = place.json("add", new, "--yes")["job"]["id"]
    row = wait_state(place, job, "joining")
    place.controller.kill()
    place.controller.start()
    place.add_node("mbs4").start()
    done = finish(place, job)
    all_settled_clean(done)
    require(len(done["moves"]) > 3 and {m["target"] for m in done["moves"]} == {new}, f"its share: {done['job']}")
    storm.stop(120)
    require_clean(place, before)


def weights(place):
    """A node that is excluded takes nothing, one of three times the weight gets three times as much."""
    before = begin(place, 30)
    host = {n: place.node(n)["host"] for n in ("mbs2", "mbs3")}
    with open(place.controller_conf, encoding="utf-8") as f:
        plain = f.read()

    def restart(text):
        place.write(place.controller_conf, plain + text)
        place.controller.stop()
        place.controller.start()
        place.wait_ready()
    restart(f'node "{host["mbs2"]}" {{\n target = no\n}}\n')
    plan = place.json("plan", "evacuate", "mbs1")["plan"]
    require({m["target"] for m in plan["moves"]} == {host["mbs3"]}, f"all go to mbs3: {plan['targets']}")
    require(any("target = no" in note for note in plan["notes"]), f"it is said: {plan['notes']}")
    said = place.zmferry("plan", "evacuate", "mbs1", "--to", "mbs2", check=False)
    require(said.returncode == 3 and "target = no" in said.stderr, f"named all the same: {said.stderr}")
    restart(f'node "{host["mbs3"]}" {{\n weight = 300\n}}\n')
    all_settled_clean(finish(place, evacuate(place)))
    count = {}
    for m in place.moves():
        count[m["target"]] = count.get(m["target"], 0) + 1
    require(count[host["mbs3"]] > 2 * count.get(host["mbs2"], 0), f"by weight: {count}")
    require_clean(place, before)


def queue(place):
    """Several jobs are asked for at once: each begins when the one before it is over, planned anew, through a crash."""
    before = begin(place, 15)
    first = evacuate(place)
    names = sorted(m["account"] for m in place.json("plan", "evacuate", "mbs2")["plan"]["moves"])[:2]
    second = place.json("move", ",".join(names), "--to", "mbs3", "--yes")["job"]
    wait_for("somebody who has left mbs1", 60, lambda: any(m["state"] == "settled" for m in place.moves()), 0.01)
    third = place.json("restore", "mbs1", "--yes")["job"]
    require(second["state"] == "queued" and third["state"] == "queued", f"queued: {second} {third}")
    require("job cancel " + second["id"] in second["stall"], f"what it waits for: {second['stall']}")
    require(place.json("cordons")["cordons"] != [], "the first job's node is cordoned")
    said = place.zmferry("evacuate", "mbs1", "--yes", check=False)
    require(said.returncode == 3 and "is not over" in said.stderr, f"twice: {said.returncode} {said.stderr}")
    place.controller.kill()
    place.controller.start()
    finish(place, first)
    done = finish(place, second["id"])
    require(sorted(m["account"] for m in done["moves"]) == names, f"the two moved: {done['moves']}")
    require({m["target"].split(".")[0] for m in done["moves"]} == {"mbs3"}, f"to mbs3: {done['moves']}")
    done = finish(place, third["id"])
    require({m["target"].split(".")[0] for m in done["moves"]} == {"mbs1"}, "they come home")
    require(place.json("cordons")["cordons"] == [], "the cordon ended when the restore began")
    require_clean(place, before)


def rehearsal(place):
    """A scratch account goes there and back and is deleted; no other ever is; where it is not fit none is made."""
    before = begin(place, 6)

    def scratch():
        return [attrs["mail"][0] for _, attrs in entries(
            place, "dc=test", "(&(objectClass=zimbraAccount)(uid=zmferry-rehearsal-*))", ["mail"])]
    said = place.zmferry("doctor", "--rehearse", timeout=200)
    require("this Zimbra behaves: " in said.stdout and "items went there and back" in said.stdout, said.stdout)
    require(scratch() == [], f"left: {scratch()}")
    moves = [m for m in place.moves() if m["account"].startswith("zmferry-rehearsal-")]
    require([(m["state"], m["verdict"]) for m in moves] == [("done", "clean")] * 2, f"two moves: {moves}")
    for deed in ("work", "end"):
        done = run_socket(place, f"/v1/rehearsal/{deed}", {"account_id": next(iter(statuses(place)))})
        require(done[0] == 409 and "is no rehearsal's" in done[1], f"another account: {deed}: {done}")
        done = run_socket(place, f"/v1/rehearsal/{deed}", {})
        require(done[0] == 409 and "its account_id is needed" in done[1], f"no account: {deed}: {done}")
    require_clean(place, before)
    place.agents["mbs3"].kill()
    wait_for("the doctor to miss an agent", 30, lambda: place.zmferry("doctor", check=False).returncode == 1)
    said = place.zmferry("doctor", "--rehearse", check=False)
    require(said.returncode == 1 and "Rehearsal" not in said.stdout and scratch() == [], f"not fit: {said.stdout}")


def run_socket(place, path, body):
    """(status, text) of a POST over the controller's socket."""
    connection = http.client.HTTPConnection("controller")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(place.socket)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


SCENARIOS = {
    "rehearsal": rehearsal,
    "queue": queue,
    "weights": weights,
    "remove_and_add": remove_and_add,
    "rebalance": rebalance,
}
