#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make check-e2e: whole evacuations on the lab, with processes killed and a lab made worse.

Each scenario is a function in the table at the end; it ends in an oracle or an
assertion about what a person is told. `scenarios.py NAME...` runs some of them.
"""
import concurrent.futures
import contextlib
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
from zlab.zclient import Fault, Zimbra, el  # noqa: E402
from harness import Failed, Installation, NET_PREFIX, ROOT, wait_for  # noqa: E402
import client  # noqa: E402
import cutover  # noqa: E402
import deadnode  # noqa: E402
import faults  # noqa: E402
import hot  # noqa: E402
import kubernetes  # noqa: E402
import lost  # noqa: E402
import mailclients  # noqa: E402
import nodes  # noqa: E402
import receivers  # noqa: E402
import remote  # noqa: E402
import reverts  # noqa: E402
import seeding  # noqa: E402
import sick  # noqa: E402
import storms  # noqa: E402
from steps import (all_settled_clean, begin, differences, evacuate, finish, kill_process,  # noqa: E402
                   killer, place_for, require, require_clean, statuses, worker_pids)

FROZEN = ("locking", "catching_up", "fencing", "switching", "steering", "opening")
BEFORE_SWITCH = ("staging", "following", "locking", "catching_up", "fencing")
ENDS = ("settled", "abandoned", "stuck")
SIDE_BY_SIDE = 2
# These wait for times to pass, and need little of the machine: they run beside the others, one after another.
WAITING = ("lease", "automatic", "no_way_out", "alerts", "full_target", "certificate", "long_poll", "kubernetes")


def evacuation(place):
    """60 mailboxes, a delivery storm, people at work."""
    before = begin(place, 60)
    storm = place.background("deliver", "deliver", "--rate", "5")
    people = place.background("act", "act", "--rate", "10")
    done = place.wait_job(job := evacuate(place), 420)
    report = place.zmferry("report", job).stdout
    require(all(m["account"] in report for m in done["moves"]) and "Nothing is left to do." in report, report)
    people.stop(60)
    storm.stop(120)
    require(done["job"]["state"] == "done", f"the job ended {done['job']['state']}: {done['job'].get('reason')}")
    all_settled_clean(done)
    require_clean(place, before)


def with_kills(place, victim_of, states, mailboxes=16, seconds=420):
    # Imports cost a little, so that every state lasts long enough to be met.
    before = begin(place, mailboxes, costs=("import_item_ms=2",))
    storm = place.background("deliver", "deliver", "--rate", "3")
    job = evacuate(place)
    stop, log = threading.Event(), []
    thread = threading.Thread(target=killer, args=(place, job, victim_of(place), states, stop, log))
    thread.start()
    try:
        done = finish(place, job, seconds)
    finally:
        stop.set()
        thread.join()
    storm.stop(120)
    print(f"    killed in: {', '.join(log)}")
    require(len(log) >= 3, f"met only {log}")
    all_settled_clean(done)
    require_clean(place, before)


ALL_STATES = ("staging", "following", "locking", "catching_up", "fencing", "switching", "steering", "opening",
              "backfilling", "mending", "verifying")


def kill_controller(place):
    """kill -9 of the controller in every state."""
    with_kills(place, lambda p: kill_process(p.controller), ALL_STATES)


def kill_source_agent(place):
    """kill -9 of the source's agent in every state."""
    with_kills(place, lambda p: kill_process(p.agents["mbs1"]), ALL_STATES)


def kill_target_agent(place):
    """kill -9 of a target's agent in every state."""
    with_kills(place, lambda p: kill_process(p.agents["mbs2"]), ALL_STATES)


PURGES = ("purging", "purge_locking", "purge_loading", "purge_returning", "purge_deleting", "purge_opening")


def there_and_back(place):
    """Emptied, started again, filled again over its old copies; then every old copy is deleted: all by the detour."""
    before = begin(place, 24, habits=("search_loads_own_mailbox=false",))
    storm = place.background("deliver", "deliver", "--rate", "3")
    people = place.background("act", "act", "--rate", "6")
    all_settled_clean(finish(place, evacuate(place)))
    # What mailboxd has in memory is gone: it has to load each old copy before it can delete it.
    place.lab("kill", "mbs1")
    place.lab("start", "mbs1")
    wait_for("mbs1 to be well again", 60, lambda: [n for n in place.json("nodes")["nodes"]
                                                   if n["name"].startswith("mbs1") and n["state"] == "ok"])
    require([c["node"] for c in place.json("cordons")["cordons"]] == [place.node("mbs1")["host"]], "it is not cordoned")
    place.json("uncordon", "mbs1")
    # A look from before its end may still be under way.
    wait_for("mbs1 to take mailboxes", 60, lambda: place.zmferry("plan", "evacuate", "mbs2", "--to", "mbs1",
                                                                 check=False).returncode == 0, 0.5)
    plan = place.json("plan", "evacuate", "mbs2", "--to", "mbs1")["plan"]
    require([n for n in plan["note_keys"] if n.startswith("cleared:")], f"no copy to be cleared: {plan['notes']}")
    job = place.json("evacuate", "mbs2", "--to", "mbs1", "--yes")["job"]["id"]
    stop, log = threading.Event(), []
    thread = threading.Thread(target=killer, args=(place, None, kill_process(place.controller), PURGES, stop, log))
    thread.start()
    try:
        done = place.wait_job(job)
    finally:
        stop.set()
        thread.join()
    # The plan said so: accounts that a move refuses stay.
    require(done["job"]["reason"].startswith(f"{len(plan['refused'])} accounts are left"), done["job"]["reason"])
    all_settled_clean(done)
    print(f"    controller killed in: {', '.join(log)}")
    require(len(log) >= 2, f"met only {log}")
    people.stop(60)
    storm.stop(120)
    require_clean(place, before)
    for node in ("mbs1", "mbs2"):
        said = place.zmferry("purge", "node", node, "--dry-run")
        require("old copies" in said.stdout, said.stdout)
        place.zmferry("purge", "node", node, "--yes")
    wait_for("every old copy to be deleted", 120,
             lambda: not [m for m in place.moves() if m["old_copy"] in ("kept", "being deleted")])
    place.lab("inventory", "--out", place.path("end.json"))
    with open(place.path("end.json"), encoding="utf-8") as f:
        end = json.load(f)
    left = [(a["name"], n) for i, a in end["accounts"].items() for n, node in end["nodes"].items()
            if i in node["mailboxes"] and node["host"] != a["host"]]
    require(not left, f"copies are left: {left}")
    require_clean(place, before)


def restore(place):
    """A node is emptied and gets back exactly whoever was moved away; single accounts are moved there and back."""
    before = begin(place, 15)
    storm = place.background("deliver", "deliver", "--rate", "3")
    was = {i: home for i, (_, home) in statuses(place).items()}
    said = place.zmferry("plan", "restore", "mbs1", check=False)
    require(said.returncode == 3 and "nothing to bring back" in said.stderr, f"nobody: {said.returncode} {said.stderr}")
    all_settled_clean(finish(place, evacuate(place)))
    moved = {i for i, (_, home) in statuses(place).items() if home != was[i]}
    plan = place.json("plan", "restore", "mbs1")["plan"]
    require({m["account_id"] for m in plan["moves"]} == moved, f"the plan moves {len(plan['moves'])}, not {len(moved)}")
    job = place.json("restore", "mbs1", "--yes")["job"]["id"]
    all_settled_clean(finish(place, job))
    now = {i: home for i, (_, home) in statuses(place).items()}
    require(place.json("cordons")["cordons"] == [], "the node is filled and still cordoned")
    require(now == was, f"not all are back: {[i for i in was if now[i] != was[i]]}")
    names = [m["account"] for m in place.job(job)["moves"]][:2]
    for node in ("mbs3", "mbs1"):
        job = place.json("move", ",".join(names), "--to", node, "--yes")["job"]["id"]
        all_settled_clean(finish(place, job))
        homes = {m["target"].split(".")[0] for m in place.job(job)["moves"]}
        require(homes == {node}, f"moved to {homes}, not {node}")
    said = place.zmferry("move", names[0], "--to", "mbs1", "--yes", check=False)
    require(said.returncode == 3 and "already" in said.stderr, f"lives there: {said.returncode} {said.stderr}")
    said = place.zmferry("move", "nobody@example.test", "--to", "mbs1", "--yes", check=False)
    require(said.returncode == 3 and "nobody@example.test" in said.stderr, f"unknown: {said.returncode} {said.stderr}")
    said = place.zmferry("move", names[0], "--yes", check=False)
    require(said.returncode == 3 and "--to" in said.stderr, f"no target: {said.returncode} {said.stderr}")
    storm.stop(120)
    require_clean(place, before)


def cordon(place):
    """A cordoned node gets no new account and is no target; afterwards every pool is as it was."""
    begin(place, 6)
    zimbra = Zimbra.from_cluster(os.path.join(place.lab_dir, "cluster.json"))
    by_host = {s.host: s for s in zimbra.servers}
    at = by_host[place.node("mbs2")["host"]]

    def pools():
        answer = zimbra.admin(at, "GetAllCosRequest")
        return {c.get("name"): (c.get("id"), sorted(a.text for a in c if a.get("n") == "zimbraMailHostPool"))
                for c in answer.findall("cos")}
    before = pools()
    require(any(p == [] for _, p in before.values()) and any(p for _, p in before.values()), f"lab's pools: {before}")
    said = place.json("cordon", "mbs1")
    require(said["cordoned"] and said["pools"], f"nothing was changed: {said}")
    require(place.json("cordons")["cordons"][0]["node"].startswith("mbs1"), "it is not listed")
    require([n["name"].split(".")[0] for n in place.json("nodes")["nodes"] if n["cordoned"]] == ["mbs1"], "nodes")
    require("cordoned" in place.zmferry("status").stdout, "the first screen does not say it")
    made = 0
    for name, (cos_id, _) in before.items():
        for host, server in by_host.items():
            for i in range(4):
                account = f"made{made}@example.test"
                made += 1
                answer = zimbra.admin(server, "CreateAccountRequest", None, el("name", None, account),
                                      el("password", None, "secret1"), el("a", {"n": "zimbraCOSId"}, cos_id))
                home = [a.text for a in answer.iter("a") if a.get("n") == "zimbraMailHost"]
                require(home and not home[0].startswith("mbs1"),
                        f"{account} of COS {name}, made at {host}, is on {home}")
    plan = place.json("plan", "evacuate", "mbs2")["plan"]
    require(all(not m["target"].startswith("mbs1") for m in plan["moves"]), "a cordoned node is a target")
    said = place.zmferry("plan", "evacuate", "mbs2", "--to", "mbs1", check=False)
    require(said.returncode == 3 and "zmferry uncordon" in said.stderr, f"{said.returncode} {said.stderr}")
    place.json("cordon", "mbs2")
    said = place.zmferry("cordon", "mbs3", check=False)
    require(said.returncode == 3 and "no server would be left" in said.stderr, f"{said.returncode} {said.stderr}")
    # The controller dies as soon as the wish is journaled: its next start makes it true.
    place.lab("fault", "all", "soap:ModifyCosRequest", "--count", "1", "--action", "hang")
    asked = threading.Thread(target=lambda: place.zmferry("uncordon", "mbs1", check=False))
    asked.start()
    wait_for("the end of the cordon to be journaled", 30,
             lambda: [c["node"].split(".")[0] for c in place.json("cordons")["cordons"]] == ["mbs2"])
    place.controller.kill()
    asked.join()
    place.controller.start()
    place.wait_ready(60)
    # It may be at what was begun before, and says so.
    wait_for("the second cordon to be ended", 30,
             lambda: place.zmferry("uncordon", "mbs2", check=False).returncode == 0, 0.2)
    wait_for("every pool to be as it was", 30, lambda: pools() == before)
    require(place.json("cordons") == {"cordons": [], "pools": 0}, f"{place.json('cordons')}")


def kill_workers(place):
    """kill -9 of the workers of every agent, again and again."""
    def victim(p):
        def strike():
            for agent in p.agents.values():
                for pid in worker_pids(agent):
                    try:
                        os.kill(pid, 9)
                    except ProcessLookupError:
                        pass
        return strike
    with_kills(place, victim, ALL_STATES)


def kill_lab_node(place):
    """kill -9 of a target's mailboxd while moves go into it, and of the source's."""
    def victim(p):
        names = ["mbs2", "mbs1"]

        def strike():
            name = names[0]
            names.reverse()
            p.lab("kill", name)
            p.lab("start", name)
        return strike
    with_kills(place, victim, ALL_STATES)


def lease(place):
    """The controller dies under the lock and stays away: the source's agent gives the account back by itself."""
    before = begin(place, 6)
    was = statuses(place)
    # Every move: of one that is being switched just then nothing is given back.
    for _ in was:
        place.lab("fault", "mbs1", "soap:LockoutMailboxRequest", "--count", "1", "--action", "hang")
    job = evacuate(place)
    wait_for("a move in fencing", 60, lambda: [m for m in place.moves() if m["state"] == "fencing"])
    place.controller.kill()
    place.lab("fault", "mbs1", "clear")
    wait_for("every account to have its status back", 150, lambda: statuses(place) == was, 1)
    require("given back" in place.agents["mbs1"].tail(400), "the agent did not say that it gave the account back")
    place.controller.start()
    place.wait_ready(60)
    all_settled_clean(finish(place, job))
    require_clean(place, before)


def refusals(place):
    """What cannot work is refused in the plan, by name, before anything is touched."""
    begin(place, 6)
    said = place.zmferry("plan", "evacuate", "nosuch", check=False)
    require(said.returncode == 3 and "nosuch" in said.stderr, f"unknown node: {said.returncode} {said.stderr}")
    place.agents["mbs3"].kill()
    wait_for("mbs3 to be noticed as away", 30,
             lambda: not [n for n in place.json("nodes")["nodes"] if n["name"].startswith("mbs3")][0]["connected"])
    said = place.zmferry("plan", "evacuate", "mbs1", "--to", "mbs3", check=False)
    require(said.returncode == 3 and "mbs3" in said.stderr and "agent" in said.stderr,
            f"target without agent: {said.returncode} {said.stderr}")
    said = place.zmferry("plan", "evacuate", "mbs3", check=False)
    require(said.returncode == 3 and "mbs3" in said.stderr, f"node without agent: {said.returncode} {said.stderr}")
    plan = place.json("plan", "evacuate", "mbs1")["plan"]
    require(all(m["target"].startswith("mbs2") for m in plan["moves"]), "a node without agent was made a target")
    for row in plan["refused"]:
        require(row["why"] and row["next"], f"a refusal without reason or next step: {row}")


def doctor(place):
    """The installation is examined: a sound one has no failure, and each thing that is broken is named."""
    begin(place, 6)

    def findings(level):
        said = place.zmferry("doctor", "--json", check=False)
        rows = json.loads(said.stdout)["findings"]
        require((said.returncode == 0) == (not [r for r in rows if r["level"] == "fail"]), f"exit {said.returncode}")
        require(all(r["next"] for r in rows if r["level"] != "ok"), f"no way out: {rows}")
        return {(r["check"], r["subject"].split(".")[0]) for r in rows if r["level"] == level}
    require(findings("fail") == set(), f"a sound installation fails: {findings('fail')}")
    place.agents["mbs3"].kill()
    wait_for("mbs3's agent to be missed", 30, lambda: findings("fail") == {("agent", "mbs3")})
    place.lab("kill", "mbs2")
    found = findings("fail") | findings("warn")
    require({("admin SOAP", "mbs2"), ("LMTP", "mbs2")} <= found, f"a dead mailboxd is not found: {found}")
    place.lab("start", "mbs2")
    place.agents["mbs3"].start()
    wait_for("everything to be well again", 60, lambda: findings("fail") == set())


def spoil_blobs(place, spoil):
    """Two messages of one mailbox on mbs1 lose their content, as after a bad disk. Returns the account's name."""
    home = place.node("mbs1")["dir"]
    with contextlib.closing(sqlite3.connect(os.path.join(home, "mailbox.db"), timeout=10)) as db:
        account_id, = db.execute("SELECT account_id FROM mailbox m JOIN item i ON i.mailbox_id = m.id "
                                 "WHERE i.type = 'message' GROUP BY m.id ORDER BY count(*) DESC LIMIT 1").fetchone()
        paths = db.execute("SELECT blob_path FROM item i JOIN mailbox m ON m.id = i.mailbox_id WHERE account_id = ? "
                           "AND i.type = 'message' AND i.size > 600 ORDER BY i.id LIMIT 2", (account_id,)).fetchall()
    for path, in paths:
        spoil(next(p for p in (path, os.path.join(home, path), os.path.join(home, "store", path)) if os.path.exists(p)))
    with open(place.path("before.json"), encoding="utf-8") as f:
        return json.load(f)["accounts"][account_id]["name"]


def cut(path):
    with open(path, "r+b") as f:
        f.truncate(os.path.getsize(path) // 2)


# The lab made worse, one lie at a time: (name, habits, what is done before, must a mailbox end unclean?)
LIES = (
    ("exports end early", ("export_truncates_after=7",), None, False),
    ("imports remember one folder", ("import_digest_folders=1",), None, False),
    ("blobs are missing", (), lambda p: spoil_blobs(p, os.unlink), True),
    ("blobs are cut short", (), lambda p: spoil_blobs(p, cut), True),
    ("an import's answer is lost", (),
     lambda p: p.lab("fault", "all", "rest:import", "--count", "2", "--action", "close", "--when", "after"), False),
    ("an import is cut off", (),
     lambda p: p.lab("fault", "all", "rest:import", "--count", "2", "--action", "close", "--when", "before"), False),
    ("an export is cut off", (),
     lambda p: p.lab("fault", "mbs1", "rest:export", "--count", "3", "--action", "close", "--when", "before"), False),
    ("the switch's answer is lost", (),
     lambda p: p.lab("fault", "all", "soap:ModifyAccountRequest", "--count", "2", "--action", "close", "--when",
                     "after"), False),
)


def deceptive(place):
    """The lab lies, one lie at a time: a verdict is clean only where the oracle agrees, and the rest is named."""
    for number, (name, habits, spoil, unclean) in enumerate(LIES):
        one = Installation(os.path.join(place.dir, str(number)), net=f"{NET_PREFIX}.{140 + number}")
        try:
            before = begin(one, 6, habits=habits)
            victim = spoil(one) if spoil else None
            done = one.wait_job(evacuate(one), 200)
            judge_lie(one, name, done, before, victim if unclean else None)
        except Failed as e:
            raise Failed(f"{name}: {e}\n{one.controller.tail(20) if one.controller else ''}") from None
        finally:
            one.down()


def judge_lie(place, name, done, before, victim):
    wrong = differences(place, before)
    for move in done["moves"]:
        account = move["account"]
        if move["state"] == "settled" and move["verdict"] == "clean":
            require(account not in wrong, f"{account}: the verdict is clean, the oracle says: {wrong.get(account)}")
            continue
        require(move.get("error"), f"{account}: neither clean nor explained")
        story = place.zmferry("explain", move["id"]).stdout
        require(account in story and move["error"][:40] in story, f"{account}: explain does not name it:\n{story}")
        require(place.json("explain", move["id"])["move"].get("next"), f"{account}: no next step")
    unclean = {m["account"] for m in done["moves"] if m["verdict"] != "clean"}
    if victim:
        require(victim in unclean, f"{victim} lost content and is called clean")
        require(done["job"]["state"] != "done", f"the job says {done['job']['state']}")
    moved = {m["account"] for m in done["moves"]}
    require(not [a for a in wrong if a in moved - unclean], f"the oracle is not content: {wrong}")
    print(f"    {name}: {len(done['moves'])} moves, {len(unclean)} not clean, the oracle agrees")


def reload_steering(place):
    """A target's mailboxd starts again before the first folder is made: back, and once more with a fresh mailbox."""
    before = begin(place, 16)
    place.lab("fault", "mbs2", "soap:GetLastItemIdInMailboxRequest", "--count", "1", "--action", "kill",
              "--when", "before")
    job = evacuate(place)
    # At a target this call is the first of steering: the mailbox is made by then, and nothing in it.
    wait_for("mbs2 to die in steering", 120, lambda: place.lab("status", check=False).returncode != 0)
    place.lab("start", "mbs2")
    done = place.wait_job(job, 300)
    require(done["job"]["state"] == "done", f"the job ended {done['job']['state']}: {done['job'].get('reason')}")
    all_settled_clean(done)
    stories = [place.zmferry("explain", m["id"]).stdout for m in done["moves"]]
    back = [s for s in stories if "loaded anew" in s]
    require(back, "no move went back because its new mailbox was loaded anew")
    require(all("a new attempt" in s for s in back), f"it went back and did not begin again:\n{back[0]}")
    print(f"    {len(back)} moves went back and began with a fresh mailbox")
    require_clean(place, before)


def alerts(place):
    """A target's mailboxd is killed under a lock: mail and webhook say so, in one thread, until it is over."""
    mail = receivers.mail_server(f"{place.net}.201")
    hook = receivers.webhook(f"{place.net}.202", b"sesame")
    try:
        alerts_with(place, mail, hook)
    finally:
        mail.stop()
        hook.stop()


def alert_ways(place, mail, hook):
    secret = place.write(place.path("hook.secret"), "sesame\n", 0o400)
    return f"""
alert_repeat_critical = 3s
alert_mail "oncall" {{
    url = "smtp://{place.net}.201:{mail.port}"
    start_tls = no
    from = "zmferry@example.org"
    to = {{ "oncall@example.org", "boss@example.org" }}
}}
alert_webhook "pager" {{
    url = "http://{place.net}.202:{hook.port}/alerts"
    secret_file = "{secret}"
}}
"""


def metrics(place):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(place.socket)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: controller\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()


def alerts_of_moves(place):
    return [a for a in place.json("alerts")["alerts"] if a["key"] == "move_locked"]


def stop_zmstat(place, node):
    """As when its daemons ended an hour ago."""
    folder = os.path.join(place.node(node)["dir"], "zmstat")
    os.makedirs(folder)
    hour_ago = time.time() - 3600
    os.utime(place.write(os.path.join(folder, "vm.csv"), ""), (hour_ago, hour_ago))


def alerts_with(place, mail, hook):
    place.lab_up(mailboxes=8, scale="small")
    place.lab("inventory", "--out", place.path("before.json"))
    stop_zmstat(place, "mbs3")
    place.install(controller_extra=alert_ways(place, mail, hook)).start()
    require("zmstatctl restart" in place.zmferry("nodes").stdout, "nobody is told that zmstat has stopped")
    tried = place.json("alerts", "test")["ways"]
    require(len(tried) == 2 and all(w["ok"] for w in tried), f"the test of the ways: {tried}")
    require(mail.mails[0]["X-Zmferry-Event"] == "test", "the first mail is not the test")

    place.lab("fault", "mbs2", "soap:GetLastItemIdInMailboxRequest", "--count", "1", "--action", "kill", "--when",
              "before")
    job = evacuate(place)
    # That call is the first under the lock; some mailbox is locked now, and mbs2 stays down.
    first = wait_for("an alert", 120, lambda: alerts_of_moves(place))[0]
    require(first["severity"] == "critical" and f"zmferry explain {first['subject']}" in first["next"], f"{first}")
    told = wait_for("the mail", 30, lambda: [m for m in mail.mails if m["X-Zmferry-Event"] == "raised"])[0]
    require(told["To"] == "oncall@example.org, boss@example.org" and told["Auto-Submitted"] == "auto-generated",
            f"{told}")
    require("is locked while" in told.get_content() and "What to do next" in told.get_content(), told.get_content())
    wait_for("the same by webhook", 30, lambda: [c for c in hook.calls if c["event"] == "raised"])
    again = wait_for("a repeat", 30, lambda: [m for m in mail.mails if m["X-Zmferry-Event"] == "repeated"])[0]
    require(again["References"] == again["In-Reply-To"], f"{again}")

    require('zmferry_alerts{severity="critical"} 0' not in metrics(place), "the metrics know of no critical alert")
    for one in alerts_of_moves(place):
        place.zmferry("alert", "ack", one["subject"])
    place.zmferry("alert", "silence", first["subject"], "--for", "2h")
    shown = [a for a in alerts_of_moves(place) if a["subject"] == first["subject"]][0]
    require(shown["acked_by"] == f"uid {os.getuid()}" and shown["silenced_until"], f"{shown}")
    require({s["way"] for s in shown["sent"]} == {"mail:oncall", "webhook:pager"}, f"{shown['sent']}")
    audit = [e["text"] for e in place.json("events")["events"] if e["level"] == "audit"]
    require(any("acknowledge move_locked" in t for t in audit) and any("silence move_locked" in t for t in audit),
            f"not audited: {audit}")
    refused = place.zmferry("alert", "ack", "m9999", check=False)
    require(refused.returncode == 3 and "next: zmferry alerts" in refused.stderr, refused.stderr)

    place.lab("start", "mbs2")
    finish(place, job)
    over = wait_for("that it is over", 60, lambda: [m for m in mail.mails if m["X-Zmferry-Event"] == "over"])[0]
    require(any(m["Message-ID"] == over["References"] for m in mail.mails), "the end is in no thread")
    wait_for("no alert any more", 60, lambda: not place.json("alerts")["alerts"])
    wait_for("the end by webhook", 30, lambda: [c for c in hook.calls if c["event"] == "over"])
    require(all(hook.signed), "a webhook's signature is wrong")
    require('zmferry_alerts{severity="critical"} 0' in metrics(place), "the metrics know of alerts that are over")
    print(f"    {len(mail.mails)} mails, {len(hook.calls)} calls: "
          f"{', '.join(m['X-Zmferry-Event'] for m in mail.mails)}")
    require_clean(place, place.path("before.json"))


POLICY = """
automatic_evacuation = "auto"
fault_hold = 3s
silence_hold = 2s
dead_after = 5s
automatic_start = 1s
"""


def node_state(place, node):
    rows = [n for n in place.json("policy")["nodes"] if n["node"].split(".")[0] == node]
    return rows[0] if rows else {"state": "", "decision": ""}


def alert_of_node(place, node):
    for one in place.json("alerts")["alerts"]:
        if one["subject"].startswith(f"node:{node}"):
            return one
    return {"key": ""}


def automatic(place):
    """A failing node empties itself, through a killed controller; a dead one is called dead, and nothing is moved."""
    place.lab_up(mailboxes=10, scale="small")
    place.lab("inventory", "--out", place.path("before.json"))
    place.install(controller_extra=POLICY).start()
    place.lab("habit", "mbs1", "lmtp_is_busy=true")
    job = wait_for("an evacuation that begins by itself", 90, lambda: place.json("jobs")["jobs"])[0]
    require(job["kind"] == "evacuate" and job["node"].startswith("mbs1") and job["who"] == "policy", f"{job}")
    begun = alert_of_node(place, "mbs1")
    require(begun["key"] == "evacuation_begun" and f"zmferry job cancel {job['id']}" in begun["next"], f"{begun}")
    place.controller.kill()
    place.controller.start()
    wait_for("the controller", 30, lambda: place.zmferry("status", check=False).returncode == 0)
    finish(place, job["id"])
    wait_for("mbs1 to be empty", 30, lambda: node_state(place, "mbs1")["state"] == "empty")
    wait_for("no alert of it", 30, lambda: alert_of_node(place, "mbs1")["key"] == "")
    require_clean(place, place.path("before.json"))

    # Silence of the agent alone; then the node too; then it is back.
    place.agents["mbs3"].kill()
    wait_for("mbs3 to be unreachable", 60, lambda: node_state(place, "mbs3")["state"] == "unreachable")
    wait_for("that another node saw it serve", 60,
             lambda: any(look["serves"] for look in node_state(place, "mbs3")["looks"]))
    require(alert_of_node(place, "mbs3")["key"] == "node_unreachable", "it is not told as unreachable")
    place.lab("kill", "mbs3")
    wait_for("mbs3 to be dead", 90, lambda: node_state(place, "mbs3")["state"] == "dead")
    dead = alert_of_node(place, "mbs3")
    require(dead["key"] == "node_dead" and "mailboxes" in dead["text"], f"{dead}")
    said = place.zmferry("policy", "explain", "mbs3").stdout
    require("it does not serve" in said and "is dead since" in said, said)
    require(len(place.json("jobs")["jobs"]) == 1, "a dead node was evacuated")
    place.lab("start", "mbs3")
    place.agents["mbs3"].start()
    wait_for("mbs3 to be well", 90, lambda: node_state(place, "mbs3")["state"] == "ok")
    wait_for("that it is over", 30, lambda: alert_of_node(place, "mbs3")["key"] == "")

    refused = place.zmferry("forget", "mbs3.example.test", check=False)
    require(refused.returncode == 3, f"forgetting a node that is there: {refused}")
    history = place.write(place.path("history.json"), json.dumps({
        "nodes": ["a", "b"], "until_s": 20,
        "events": [{"at_s": 5, "node": "a", "failing": {"disk:store": "read-only"}}]}))
    changes = place.json("policy", "replay", history)["changes"]
    require([c for c in changes if c["decision"] == "evacuate"][0]["at_s"] == 8, f"{changes}")


SCENARIOS = {
    "refusals": refusals,
    "doctor": doctor,
    "evacuation": evacuation,
    **client.SCENARIOS,
    "cordon": cordon,
    "there_and_back": there_and_back,
    "restore": restore,
    "kill_controller": kill_controller,
    "kill_source_agent": kill_source_agent,
    "kill_target_agent": kill_target_agent,
    "kill_workers": kill_workers,
    "kill_lab_node": kill_lab_node,
    "lease": lease,
    "deceptive": deceptive,
    "reload_steering": reload_steering,
    "alerts": alerts,
    "automatic": automatic,
    **storms.SCENARIOS,
    **cutover.SCENARIOS,
    **faults.SCENARIOS,
    **sick.SCENARIOS,
    **hot.SCENARIOS,
    **reverts.SCENARIOS,
    **deadnode.SCENARIOS,
    **seeding.SCENARIOS,
    **lost.SCENARIOS,
    **mailclients.SCENARIOS,
    **nodes.SCENARIOS,
    **kubernetes.SCENARIOS,
    **remote.SCENARIOS,
}


def run_one(name, number):
    """0: passed; 1: failed, and said what was seen."""
    place = place_for(name, f"{NET_PREFIX}.{40 + number}")
    begun = time.monotonic()
    random.seed(1)
    try:
        SCENARIOS[name](place)
        sentence = SCENARIOS[name].__doc__.splitlines()[0]
        print(f"ok   {name}: {sentence} ({time.monotonic() - begun:.0f} s)", flush=True)
        return 0
    except (Failed, Fault, LookupError, ValueError, OSError) as e:
        print(f"FAIL {name}: {e!r}"[:6000], flush=True)
        print(place.controller.tail(60) if place.controller else "", flush=True)
        return 1
    finally:
        place.down()


def run_apart(row):
    """In a process and on addresses of its own; what it says comes in one piece."""
    number, name = row
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--at", str(number), name],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout, end="", flush=True)
    return done.returncode


def main():
    if sys.argv[1:2] == ["--at"]:
        return run_one(sys.argv[3], int(sys.argv[2]))
    wanted = sys.argv[1:] or list(SCENARIOS)
    unknown = [name for name in wanted if name not in SCENARIOS]
    if unknown:
        print(f"no such scenario: {', '.join(unknown)}; there are: {', '.join(SCENARIOS)}")
        return 2
    rows = list(enumerate(wanted))
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as busy, concurrent.futures.ThreadPoolExecutor(1) as idle:
        begun = [(idle if name in WAITING else busy).submit(run_apart, (number, name)) for number, name in rows]
        codes = [one.result() for one in begun]
    print(f"{codes.count(0)} passed, {len(codes) - codes.count(0)} failed")
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
