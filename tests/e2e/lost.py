# SPDX-License-Identifier: Apache-2.0
"""The controller's disk is gone, and there is no backup: another one takes over without touching a mailbox."""
import json
import os
import shutil

from harness import run, wait_for
from reverts import locked_at
from steps import begin, require, require_clean, statuses
from zlab.zclient import Zimbra, el


def take_over(place):
    """As docs/operations.md says: a new controller with authorities of its own, every agent enrolled anew."""
    place.controller.kill()
    shutil.rmtree(place.path("state"))
    run([place.program("zmferry-controller"), "-c", place.controller_conf, "init"])
    place.controller.start()
    wait_for("the new controller to answer", 30, lambda: place.zmferry("status", check=False).returncode == 0)
    for name, agent in place.agents.items():
        agent.kill()
        os.unlink(place.path(f"{name}.pem"))
        place.zmferry("enroll", place.node(name)["host"], "--out", place.path(f"{name}.pem"))
        os.unlink(place.path(f"spool-{name}", "epoch"))
        agent.start()
    place.wait_ready(60)


def left_frozen(place):
    found = json.loads(place.zmferry("doctor", "--json", check=False).stdout)["findings"]
    return [f for f in found if f["check"] == "left frozen" and f["level"] == "fail"]


def give_back_by_hand(place, before, account_id, source, target):
    """The administrator knows, from a backup of the directory, what was set."""
    with open(before, encoding="utf-8") as f:
        was = json.load(f)["accounts"][account_id]
    zimbra = Zimbra.from_cluster(os.path.join(place.lab_dir, "cluster.json"))
    by_host = {s.host: s for s in zimbra.servers}
    old, new = by_host[place.node(source)["host"]], by_host[place.node(target)["host"]]

    def modify(**values):
        zimbra.admin(old, "ModifyAccountRequest", None, el("id", None, account_id),
                     *(el("a", {"n": name}, value) for name, value in values.items()))
        for server in (old, new):
            zimbra.admin(server, "FlushCacheRequest", None,
                         el("cache", {"type": "account"}, el("entry", {"by": "id"}, account_id)), target=server)
    modify(zimbraMailHost=old.host)
    names = ("zimbraAccountStatus", "zimbraMailStatus", "zimbraMailQuota",
             "zimbraMailAllowReceiveButNotSendWhenOverQuota")
    modify(**{name: was["attributes"].get(name, [""])[0] for name in names})
    for feed in was["sources"].values():
        if feed["zimbraDataSourceEnabled"] == ["TRUE"]:
            zimbra.admin(old, "ModifyDataSourceRequest", None, el("id", None, account_id),
                         el("dataSource", {"id": feed["zimbraDataSourceId"][0]},
                            el("a", {"n": "zimbraDataSourceEnabled"}, "TRUE")))


def lost_controller(place):
    """A controller dies with its disk in the middle of moves; a new one knows every node, and who was left frozen."""
    before = begin(place, 6)
    was = statuses(place)
    moves = locked_at(place, "mbs2", 1)
    take_over(place)
    require(place.moves() == [], "a new controller knows moves")
    found = left_frozen(place)
    require(len(found) == 1 and found[0]["subject"].startswith("mbs2"), f"left frozen: {found}")
    require(any(m["account"] in found[0]["text"] for m in moves) and "operations.md" in found[0]["next"], f"{found}")
    place.lab("kill", "mbs1")      # the lockouts are in its memory
    place.lab("start", "mbs1")
    for move in moves:
        give_back_by_hand(place, before, move["account_id"], "mbs1", "mbs2")
    require(left_frozen(place) == [], "they are given back, and still named")
    require(statuses(place) == was, "an account is not as it was")
    wait_for("mbs1 to be well again", 60, lambda: [n for n in place.json("nodes")["nodes"]
                                                   if n["name"].startswith("mbs1") and n["state"] == "ok"])
    # What the old controller left on mbs2 is nobody's copy: another node takes them.
    job = place.json("evacuate", "mbs1", "--to", "mbs3", "--yes")["job"]["id"]
    done = place.wait_job(job, 300)
    require(all(m["verdict"] == "clean" for m in done["moves"]), f"{done['job']}")
    require_clean(place, before)


SCENARIOS = {
    "lost_controller": lost_controller,
}
