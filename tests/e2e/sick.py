# SPDX-License-Identifier: Apache-2.0
"""Real faults of nodes, and what the policy makes of them: an evacuation where it must be, and nowhere else.

A disk that is well is looked at once a minute; where a test does not wait for that, the agent is started
again, because the first look comes at once.
"""
import contextlib
import os
import signal
import socket
import threading

from cgroups import Container
from disks import Disk, FailingDisk, own_mounts
from harness import Failed, run, wait_for
from steps import evacuate, finish, kill_process, require, require_clean
from storms import pid_in

POLICY = """
automatic_evacuation = "auto"
fault_hold = {hold}
silence_hold = 4s
dead_after = 10m
automatic_start = {start}
automatic_per_day = {per_day}
"""


def begin_watched(place, mailboxes, per_day=1, agent_set=None, hold="3s", start="1s"):
    """Started, and nothing is wrong. The inventory of before."""
    before = place.path("before.json")
    if not os.path.exists(before):
        place.lab_up(mailboxes=mailboxes)
        place.lab("inventory", "--out", before)
    place.install(controller_extra=POLICY.format(per_day=per_day, hold=hold, start=start), agent_set=agent_set).start()
    return before


def seen(place, node):
    """What the policy says of it."""
    rows = [n for n in place.json("policy")["nodes"] if n["node"].split(".")[0] == node]
    return rows[0] if rows else {"state": "", "decision": "", "reasons": [], "why": ""}


def alert_of(place, node):
    """(key, text, next) of what is told of it."""
    for one in place.json("alerts")["alerts"]:
        if one["subject"].startswith(f"node:{node}"):
            return one["key"], one["text"], one["next"]
    return "", "", ""


def wait_state(place, node, state, seconds=90):
    return wait_for(f"{node} to be {state}", seconds, lambda: seen(place, node)["state"] == state and seen(place, node))


def wait_declined(place, node, *reasons, told_as="evacuation_declined"):
    """Until it should be evacuated, and is not, for these reasons at least; the alert."""
    def declined():
        row = seen(place, node)
        return row["decision"] == "decline" and all(r in str(row["reasons"]) for r in reasons)
    wait_for(f"{node} to be declined for {reasons}", 90, declined)
    return wait_for("the alert", 30, lambda: alert_of(place, node)[0] == told_as and alert_of(place, node))


def wait_begun(place, node):
    """Until its evacuation has begun by itself; the job."""
    job = wait_for(f"an evacuation of {node} that begins by itself", 90,
                   lambda: [j for j in place.json("jobs")["jobs"] if j["node"].startswith(node)])[0]
    require(job["who"] == "policy" and job["kind"] == "evacuate", f"{job}")
    return job["id"]


def look_again(place, *nodes):
    for node in nodes:
        kill_process(place.agents[node])()


def sick_disks(place):
    """Disks full, without inodes, read-only, with I/O errors: of two none is emptied, then one, no more that day."""
    own_mounts()
    place.lab_up(mailboxes=9)
    place.lab("inventory", "--out", place.path("before.json"))
    homes = {n["name"]: n["dir"] for n in place.cluster["nodes"]}
    store = Disk(os.path.join(homes["mbs1"], "store"), megabytes=256)
    index = Disk(os.path.join(homes["mbs2"], "index"))
    redolog = Disk(os.path.join(homes["mbs3"], "redolog"), inodes=200)
    try:
        db = FailingDisk(os.path.join(homes["mbs2"], "db"), place.path("device"))
    except (OSError, Failed) as e:
        print(f"    left out: no device can fail here ({e}); test_disk_history.c has recorded errors")
        db = None
    # Nobody begins before both are seen to be sick, and one may be well some seconds before the other.
    before = begin_watched(place, 9, hold="8s", start="30s")
    storm = place.background("deliver", "deliver", "--rate", "3")

    index.fill()
    redolog.use_inodes()
    look_again(place, "mbs2", "mbs3")
    told = wait_declined(place, "mbs2", "others")
    require("100 % full" in told[1] and "other nodes are sick too" in told[1], f"{told}")
    told = wait_declined(place, "mbs3", "others")
    require("inodes" in told[1], f"{told}")
    require(place.json("jobs")["jobs"] == [], "one of two sick nodes is emptied")
    index.make_room()
    redolog.free_inodes()
    look_again(place, "mbs2", "mbs3")
    for node in ("mbs2", "mbs3"):
        wait_state(place, node, "ok")
    wait_for("both to be over", 30, lambda: place.json("alerts")["alerts"] == [])

    store.remount("ro")
    look_again(place, "mbs1")
    job = wait_begun(place, "mbs1")
    require("read-only" in alert_of(place, "mbs1")[1], f"{alert_of(place, 'mbs1')}")
    finish(place, job)
    wait_state(place, "mbs1", "empty")
    storm.stop(120)
    require_clean(place, before)

    if db is None:
        index.fill()
    else:
        db.fail()
    look_again(place, "mbs2")
    told = wait_declined(place, "mbs2", "budget")
    require("zmferry evacuate mbs2" in told[2], f"the way out: {told}")
    require([j["id"] for j in place.json("jobs")["jobs"]] == [job], "more than one in a day")


class Database:
    """What greets on MariaDB's socket of a node, until it is broken."""

    GREETING = b"\x4a\x00\x00\x00\x0a10.6.0-MariaDB\x00" + bytes(60)

    def __init__(self, home):
        self.path = os.path.join(home, "mysql.sock")
        with open(os.path.join(home, "conf", "my.cnf"), "w", encoding="ascii") as f:
            f.write(f"[mysqld]\nsocket = {self.path}\n")
        self.listener = None
        self.open()

    def open(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self.greet, args=(self.listener,), daemon=True).start()

    def greet(self, listener):
        with contextlib.suppress(OSError):
            while True:
                one, _ = listener.accept()
                with one:
                    one.sendall(self.GREETING)

    def shut(self):
        """The socket stays in its place, and nobody listens."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def mend(self):
        os.unlink(self.path)
        self.open()


def certify(place, node, days):
    """Its mailboxd shows a certificate of the same CA and name that ends then, from its next start on."""
    row, ca = place.node(node), os.path.dirname(place.cluster["ca_file"])
    request = place.path("again.csr")
    more = place.write(place.path("again.ext"), f"subjectAltName=DNS:{row['host']},IP:{row['address']}\n")
    run(["openssl", "req", "-new", "-key", row["key_file"], "-subj", f"/CN={row['host']}", "-out", request])
    run(["openssl", "x509", "-req", "-in", request, "-CA", os.path.join(ca, "ca.pem"), "-CAkey",
         os.path.join(ca, "ca.key"), "-days", str(days), "-extfile", more, "-out", row["cert_file"]])


def note_of(place, node):
    return next(n["note"] for n in place.json("nodes")["nodes"] if n["name"].split(".")[0] == node)


def kill_in_a_loop(place, node):
    """Down and up again until that counts as coming and going; it is down at the end."""
    for number in range(3):
        if number > 0:
            place.lab("start", node)
            wait_state(place, node, "ok")
        place.lab("kill", node)
        look_again(place, node)
        wait_for(f"{node} to be ill", 30, lambda: [f for f in seen(place, node)["faults"] if f["unreadable"]])
    wait_declined(place, node, "unreadable", "flapping", told_as="node_down")


def sick_services(place):
    """mailboxd frozen, killed in a loop, its certificate at its end, its database gone: all told, nobody moved."""
    place.lab_up(mailboxes=6)
    place.lab("inventory", "--out", place.path("before.json"))
    database = Database(place.node("mbs3")["dir"])
    place.lab("kill", "mbs1")
    certify(place, "mbs1", 5)
    place.lab("start", "mbs1")
    before = begin_watched(place, 6)
    note = note_of(place, "mbs1")
    require("certificate ends in" in note and "zmcertmgr deploycrt" in note, f"a certificate near its end: {note}")
    require(place.json("alerts")["alerts"] == [], "somebody is woken for it weeks before")

    frozen = pid_in(os.path.join(place.node("mbs2")["dir"], "node.pid"))
    os.kill(frozen, signal.SIGSTOP)
    database.shut()
    try:
        look_again(place, "mbs2", "mbs3")
        told = wait_declined(place, "mbs3", "unreadable")
        require("Connection refused" in told[1] and "mysql.server restart" in told[2], f"its database: {told}")
        kill_in_a_loop(place, "mbs1")
        row = wait_state(place, "mbs2", "down")
        require(row["looks"] and not [one for one in row["looks"] if one["serves"]], f"who saw it: {row['looks']}")
        require(alert_of(place, "mbs2")[0] == "node_down", f"{alert_of(place, 'mbs2')}")
    finally:
        os.kill(frozen, signal.SIGCONT)
    database.mend()
    certify(place, "mbs1", -1)
    place.background("start", "start", "mbs1")
    for node in ("mbs2", "mbs3"):
        wait_state(place, node, "ok")
        wait_for("that to be over", 30, lambda node=node: alert_of(place, node)[0] == "")
    look_again(place, "mbs1")
    told = wait_for("what to do about the certificate", 60,
                    lambda: "zmcertmgr deploycrt" in alert_of(place, "mbs1")[2] and alert_of(place, "mbs1"))
    require("certificate has expired" in told[1], f"its certificate: {told}")
    require(place.json("jobs")["jobs"] == [], "something was evacuated")
    require_clean(place, before)


def no_way_out(place):
    """No room elsewhere, all agents gone, a fault that comes and goes: nothing begins by itself."""
    own_mounts()
    place.lab_up(mailboxes=6)
    place.lab("inventory", "--out", place.path("before.json"))
    place.install()
    index = Disk(os.path.join(place.node("mbs1")["dir"], "index"))
    spools = [Disk(place.path(f"spool-{node}"), megabytes=100) for node in ("mbs2", "mbs3")]
    for spool in spools:
        spool.fill(88)  # above the fill limit, and far from a fault of its own
    before = begin_watched(place, 6)
    index.fill()
    look_again(place, "mbs1")
    told = wait_declined(place, "mbs1", "plan")
    require("no target has" in told[1] and "free below its fill limit" in told[1], f"{told}")

    for agent in place.agents.values():
        agent.kill()
    for node in ("mbs1", "mbs2", "mbs3"):
        wait_state(place, node, "unreachable")
        require(alert_of(place, node)[0] == "node_unreachable", f"{alert_of(place, node)}")
    for spool in spools:
        spool.make_room()
    place.agents["mbs1"].start()
    told = wait_declined(place, "mbs1", "partition")
    require("too few agents are heard" in told[1], f"{told}")
    for number in range(2):
        index.make_room()
        wait_state(place, "mbs1", "ok")
        index.fill()
        look_again(place, "mbs1")
        wait_for("it to be ill again", 30, lambda: seen(place, "mbs1")["state"] != "ok")
        if number == 0:
            place.agents["mbs2"].start()
            place.agents["mbs3"].start()
            for node in ("mbs2", "mbs3"):
                wait_state(place, node, "ok")
    # What was found of the targets counts for a minute; then nothing but that holds it back.
    wait_for("a reason of its own", 90, lambda: [r["reason"] for r in seen(place, "mbs1")["reasons"]] == ["flapping"])
    require("comes and goes" in wait_declined(place, "mbs1", "flapping")[1], f"{alert_of(place, 'mbs1')}")
    require(place.json("jobs")["jobs"] == [], "something began by itself")
    finish(place, evacuate(place))  # what the alert offers
    require_clean(place, before)


def out_of_memory(place):
    """The kernel kills in a node's container, thrice: the node is emptied by itself."""
    try:
        container = Container(place.path("cgroup"))
    except OSError as e:
        print(f"    left out: no memory cgroup can be made here ({e}); test_cgroup.c has recorded ones")
        return
    try:
        before = begin_watched(place, 6, agent_set={"mbs1": {"cgroup_dir": f'"{container.seen}"'}})
        # Those of before its start it does not count, so it has to have looked.
        require("cgroup" not in note_of(place, "mbs1"), note_of(place, "mbs1"))
        require(all(container.kill_one() for _ in range(3)), "the kernel did not kill what took too much memory")
        job = wait_begun(place, "mbs1")
        told = alert_of(place, "mbs1")
        require("3 or more processes of this container were killed" in told[1], f"{told}")
        finish(place, job)
        require_clean(place, before)
    finally:
        container.remove()


SCENARIOS = {
    "out_of_memory": out_of_memory,
    "no_way_out": no_way_out,
    "sick_services": sick_services,
    "sick_disks": sick_disks,
}
