#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make check-docker: a cluster in containers on a real Docker Engine of the test's own.

Each container runs the lab's mailbox node and the agent, from an image made by `docker import` of
a root with nothing in it; the machine's /usr is mounted read-only. The directory and the
controller are outside, on the network's gateway.
"""
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.append(os.path.join(HERE, "..", "lab"))
from harness import Failed, Installation, LAB, ROOT, wait_for  # noqa: E402
from engine import Engine  # noqa: E402
from zlab import cluster as lab_cluster  # noqa: E402
from steps import all_settled_clean, finish, require, require_clean  # noqa: E402

NET = "10.213.7"
BRIDGE = "zmferry0"
IMAGE = "zmferry-test-node"
DOMAIN = "example.test"

# What an administrator's own image does at its first start: it joins the cluster.
START = """#!/bin/sh
set -e
name=${HOSTNAME%%.*}
cd "$PLACE"
grep -q "\\"name\\": \\"$name\\"" lab/cluster.json ||
    /usr/bin/python3 "$LAB" add-node "$name" --no-start --dir "$PLACE/lab"
sed "s/NAME/$name/g" agent.conf.in > /tmp/agent.conf
export PYTHONPATH="${LAB%/lab}" PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 -m zlab.node --cluster "$PLACE/lab/cluster.json" --node "$name" &
exec "$AGENT" -c /tmp/agent.conf
"""


def root():
    folders = {p: None for p in ("usr", "etc", "etc/ssl", "tmp", "proc", "sys", "dev", "root", "var", "run")}
    links = {p: f"-> usr/{p}" for p in ("bin", "sbin", "lib", "lib64")}
    return {**folders, **links, "start": START, "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
            "etc/nsswitch.conf": "hosts: files dns\n"}


class Place(Installation):
    """The lab's directory and the controller on the gateway; nodes only in containers."""

    def __init__(self, directory, engine):
        super().__init__(directory, net=NET, nodes=3)
        self.engine = engine

    def template(self, network):
        place = self.dir
        return {
            "Image": IMAGE + ":latest", "Hostname": "%h", "Cmd": ["/start"],
            "Env": [f"PLACE={place}", f"LAB={LAB}", f"AGENT={self.program('zmferry-agent')}",
                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "HostConfig": {
                "Binds": [f"{place}:{place}", f"{ROOT}:{ROOT}:ro", "/usr:/usr:ro", "/etc/ssl:/etc/ssl:ro"],
                "Mounts": [{"Type": "volume", "Source": "%n-spool", "Target": "/spool"}],
                "NetworkMode": network},
        }

    def install_containers(self, network):
        template = self.write(self.path("template.json"), json.dumps(self.template(network), indent=1))
        hosts = ", ".join(f'"{n["host"]}=old-{n["name"]}"' for n in self.cluster["nodes"])
        self.install(controller_extra=f"""
platform = "docker"
docker_socket = "{self.engine.socket}"
platform_template = "{template}"
containers = {{ {hosts} }}
automatic_restart = yes
automatic_start = "1s"
silence_hold = "5s"
restart_after = "5s"
""")
        resolve = self.resolve
        self.write(self.path("agent.conf.in"), f"""
controller = "{NET}.200:7443"
identity_file = "/etc/zmferry/identity.pem"
spool_dir = "/spool"
allow_ephemeral_spool = true
zimbra_home = "{self.lab_dir}/nodes/NAME"
localconfig = "{self.lab_dir}/nodes/NAME/conf/localconfig.xml"
zimbra_ca_file = "{self.cluster['ca_file']}"
listen_address = "0.0.0.0"
mail_port = 7444
resolve = {{ {resolve} }}
""", 0o644)

    def run_old_container(self, node, network):
        """As an administrator made it, long before zmferry."""
        text = json.dumps(self.template(network)).replace("%n", "old-" + node["name"]).replace("%h", node["host"])
        body = json.loads(text)
        body["HostConfig"]["Binds"].append(f"{self.path(node['name'] + '.pem')}:/etc/zmferry/identity.pem:ro")
        body["NetworkingConfig"] = {"EndpointsConfig": {network: {"IPAMConfig": {"IPv4Address": node["address"]}}}}
        self.engine.must("POST", f"/containers/create?name=old-{node['name']}", body)
        self.engine.must("POST", f"/containers/old-{node['name']}/start")

    def agents_are_ok(self, names, seconds=60):
        def ready():
            done = self.zmferry("nodes", "--json", check=False)
            if done.returncode != 0:
                return False
            ok = {n["name"].split(".")[0] for n in json.loads(done.stdout)["nodes"]
                  if n["state"] == "ok" and n["inventory"]}
            return ok >= set(names)
        try:
            wait_for(f"the agents of {names}", seconds, ready)
        except Failed as e:
            said = self.zmferry("nodes", check=False)
            raise Failed(f"{e}\n{said.stdout}{said.stderr}{self.logs()}") from None

    def logs(self):
        text = ""
        for row in self.engine.get("/containers/json?all=true"):
            _, said = self.engine.call("GET", f"/containers/{row['Id']}/logs?stdout=true&stderr=true&tail=15")
            text += f"\n--- {row['Names']} {row['State']}\n{said}"
        return text


def set_up(place, engine):
    engine.import_image(IMAGE, root())
    network = engine.must("POST", "/networks/create", {
        "Name": "zmferry-test", "Driver": "bridge", "IPAM": {"Config": [
            {"Subnet": NET + ".0/24", "Gateway": NET + ".100", "IPRange": NET + ".4/32"}]},
        "Options": {"com.docker.network.bridge.name": BRIDGE}})["Id"]
    subprocess.run(["ip", "address", "add", NET + ".200/24", "dev", BRIDGE], check=True)
    place.lab_up(mailboxes=18, extra=("--no-start",))
    before = place.path("before.json")
    place.lab("inventory", "--out", before)
    place.install_containers("zmferry-test")
    for node in place.cluster["nodes"]:
        place.run_old_container(node, "zmferry-test")
    place.agents = {}
    place.controller.start()
    place.agents_are_ok([n["name"] for n in place.cluster["nodes"]])
    print(f"    network {network[:12]}, three containers, agents connected", flush=True)
    return before


def wait_row(place, job, states, seconds=300):
    def seen():
        done = place.zmferry("job", "show", job, "--json", check=False)
        row = json.loads(done.stdout)["job"] if done.returncode == 0 else {}
        require(not row.get("ended") or row["state"] in states, f"{job} ended: {row}")
        return row if row.get("state") in states else None
    return wait_for(f"job {job} in one of {states}", seconds, seen)


def remove_made_by_hand(place, engine):
    """A container that an administrator made is removed, its volume kept."""
    said = place.zmferry("container", "mbs1").stdout
    require("old-mbs1" in said and "is running" in said, f"described: {said}")
    plan = place.json("plan", "remove", "mbs1")["plan"]
    require("old-mbs1" in plan["platform"], f"the plan names the container: {plan['platform']}")
    job = place.json("remove", "mbs1", "--yes")["job"]["id"]
    done = place.wait_job(job, 400)
    require(done["job"]["state"] == "done" and "volumes are kept" in done["job"]["reason"], f"ended: {done['job']}")
    require(engine.container("old-mbs1") is None, "the container is still there")
    require([n["node"] for n in place.json("policy")["nodes"] if n["node"].startswith("mbs1.")] == [],
            "something is still expected of it")
    require("old-mbs1-spool" in engine.volumes(), f"the volume is gone: {engine.volumes()}")


def add_through_a_crash(place, engine):
    """A new node is made from the template, the controller killed over it; one container, and it gets its share."""
    said = place.zmferry("add", f"mbs4.{DOMAIN}", "--dry-run").stdout
    require(f"container mbs4 will be made from {IMAGE}" in said, f"the plan: {said}")
    job = place.json("add", f"mbs4.{DOMAIN}", "--yes")["job"]["id"]
    wait_for("the container", 60, lambda: engine.container("mbs4"), 0.01)
    place.controller.kill()
    place.controller.start()
    wait_row(place, job, ("joining", "moving", "gate", "done"))
    made = engine.get("/containers/json?all=true&filters=" + json.dumps({"label": [f"org.zmferry.node=mbs4.{DOMAIN}"]})
                      .replace('"', "%22").replace(" ", "").replace("{", "%7B").replace("}", "%7D"))
    require(len(made) == 1, f"made twice: {made}")
    env = json.dumps(engine.container("mbs4"))
    require("PRIVATE KEY" not in env, "the identity stands in the container's description")
    done = finish(place, job, 400)
    all_settled_clean(done)
    require(len(done["moves"]) > 3, f"its share: {len(done['moves'])}")


def restart(place, engine):
    """A container is started again by the controller; its agent calls again."""
    began = engine.container("mbs4")["State"]["StartedAt"]
    place.zmferry("restart", "mbs4", "--yes")
    require(engine.container("mbs4")["State"]["StartedAt"] != began, "it was not started again")
    place.agents_are_ok(["mbs2", "mbs3", "mbs4"])


def dies_and_is_started(place, engine):
    """A container is killed; other nodes see it down, and the controller starts it again by itself, and says so."""
    began = engine.container("mbs4")["State"]["StartedAt"]
    engine.must("POST", "/containers/mbs4/kill")
    try:
        wait_for("its start", 90, lambda: engine.container("mbs4")["State"]["StartedAt"] != began, 0.2)
    except Failed as e:
        raise Failed(f"{e}:\n{place.zmferry('policy', 'explain', 'mbs4').stdout}") from None
    place.agents_are_ok(["mbs4"])
    wait_for("the event that tells of it", 60,
             lambda: "its container was started again" in place.zmferry("events", check=False).stdout)
    wait_for("mbs4 to serve", 60, lambda: place.zmferry("plan", "evacuate", "mbs4", check=False).returncode == 0)


def evacuate_and_restore(place, engine):
    """A node is emptied, its container stopped and started by the controller, and its people come back."""
    homes = place.path("homes.json")
    place.lab("inventory", "--out", homes)
    with open(homes, encoding="utf-8") as f:
        was = {i for i, a in json.load(f)["accounts"].items() if a["host"] == f"mbs4.{DOMAIN}"}
    require(len(was) > 2, f"people on mbs4: {was}")
    all_settled_clean(finish(place, place.json("evacuate", "mbs4", "--yes")["job"]["id"], 400))
    place.zmferry("stop", "mbs4", "--yes")
    require(not engine.container("mbs4")["State"]["Running"], "it runs")
    place.zmferry("start", "mbs4")
    place.agents_are_ok(["mbs4"])
    all_settled_clean(finish(place, place.json("restore", "mbs4", "--yes")["job"]["id"], 400))
    place.lab("inventory", "--out", homes)
    with open(homes, encoding="utf-8") as f:
        now = {i for i, a in json.load(f)["accounts"].items() if a["host"] == f"mbs4.{DOMAIN}"}
    require(now >= was, f"not all are back: {was - now}")


def remove_with_volumes(place, engine):
    """Volumes go only when nothing that is needed is on them: the old copies are purged first."""
    job = place.json("remove", "mbs4", "--destroy-volumes", "--confirm", "mbs4", "--yes")["job"]["id"]
    row = wait_row(place, job, ("remove_held",), 400)
    require("old copies on it are the way back" in row["reason"], f"what is in the way: {row['reason']}")
    require(engine.container("mbs4") is not None and "mbs4-spool" in engine.volumes(), "something is gone already")
    place.zmferry("purge", "node", "mbs4", "--yes")
    wait_for("the end of the purges", 120, lambda: not [
        m for m in place.moves() if m["old_copy"] in ("kept", "being deleted") and m["source"].startswith("mbs4.")])

    def goes_on():
        place.zmferry("job", "continue", job, check=False)
        return place.job(job)["job"]["state"] not in ("remove_held", "safety")
    wait_for("the job to go on", 120, goes_on, 1)  # inventories are a minute old
    done = place.wait_job(job, 300)
    require(done["job"]["state"] == "done" and "1 volumes with it" in done["job"]["reason"], f"ended: {done['job']}")
    require(engine.container("mbs4") is None and "mbs4-spool" not in engine.volumes(), f"left: {engine.volumes()}")


def refusals(place, engine):
    """What cannot work is refused in the plan, by name."""
    template = place.path("template.json")
    with open(template, encoding="utf-8") as f:
        good = f.read()
    cases = (
        (good.replace(IMAGE, "no-such-image"), "docker pull no-such-image"),
        (good.replace('"Image"', '"Bild"'), '"Image" is missing'),
        (good[:-5], "platform_template"),
    )
    for text, part in cases:
        place.write(template, text)
        said = place.zmferry("add", f"mbs5.{DOMAIN}", "--yes", check=False)
        require(said.returncode == 3 and part in said.stderr, f"{part}: {said.returncode} {said.stderr}")
    place.write(template, good)
    engine.must("POST", "/containers/create?name=mbs5", {"Image": IMAGE + ":latest", "Cmd": ["/start"]})
    said = place.zmferry("add", f"mbs5.{DOMAIN}", "--yes", check=False)
    require(said.returncode == 3 and "a container mbs5 is there" in said.stderr, f"name: {said.stderr}")
    engine.must("DELETE", "/containers/mbs5")
    os.rename(engine.socket, engine.socket + ".away")
    said = place.zmferry("container", "mbs2", check=False)
    require(said.returncode == 4 and "docker" in said.stderr, f"away: {said.returncode} {said.stderr}")
    os.rename(engine.socket + ".away", engine.socket)
    said = place.zmferry("stop", f"mbs9.{DOMAIN}", "--yes", check=False)
    require(said.returncode == 3 and "there is no container for" in said.stderr, f"unknown: {said.stderr}")


def over_tls(place, engine):
    """The same engine over TLS: certificates both ways, and a stranger's is nobody's."""
    with open(place.controller_conf, encoding="utf-8") as f:
        plain = f.read()
    made = {}
    for name in ("controller.test", "stranger.test"):
        folder = os.path.join(place.dir, name) if name.startswith("stranger") else engine.dir
        os.makedirs(folder, exist_ok=True)
        if folder != engine.dir:
            lab_cluster._make_ca(folder)
        made[name] = client_certificate(folder, name)
    for name, code, part in (("controller.test", 0, "is running"), ("stranger.test", 4, "docker")):
        cert, key = made[name]
        place.write(place.controller_conf, plain + f"""
docker_url = "https://127.0.0.1:2376"
docker_ca_file = "{engine.ca}"
docker_cert_file = "{cert}"
docker_key_file = "{key}"
""")
        place.controller.stop()
        place.controller.start()
        place.agents_are_ok(["mbs2", "mbs3"])
        said = place.zmferry("container", "mbs2", check=False)
        require(said.returncode == code and part in said.stdout + said.stderr, f"{name}: {said.stdout}{said.stderr}")
    place.write(place.controller_conf, plain)
    place.controller.stop()
    place.controller.start()
    place.agents_are_ok(["mbs2", "mbs3"])


def client_certificate(folder, name):
    """(certificate, key) of a client, by the CA of that folder."""
    at = os.path.join(folder, name)
    with open(at + ".ext", "w", encoding="ascii") as f:
        f.write("extendedKeyUsage=clientAuth\n")
    for args in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                  "-keyout", at + ".key", "-out", at + ".csr"],
                 ["x509", "-req", "-in", at + ".csr", "-CA", os.path.join(folder, "ca.pem"), "-CAkey",
                  os.path.join(folder, "ca.key"), "-CAcreateserial", "-days", "30", "-extfile", at + ".ext",
                  "-out", at + ".pem"]):
        subprocess.run(["openssl", *args], check=True, capture_output=True)
    os.chmod(at + ".key", 0o600)
    return at + ".pem", at + ".key"


STEPS = (refusals, over_tls, remove_made_by_hand, add_through_a_crash, restart, dies_and_is_started,
         evacuate_and_restore, remove_with_volumes)


def alone():
    """Goes on in a network namespace of its own: what dockerd does to addresses and rules ends with it."""
    if "ZMFERRY_DOCKER_ALONE" in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    os.environ["ZMFERRY_DOCKER_ALONE"] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


def main():
    alone()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends, too
    engine = Engine(os.path.join("/tmp", f"zmferry-docker-{os.getpid()}"))
    place = Installation(os.path.join(ROOT, "build", "docker", "place"), net=NET)
    place.remove()
    place = Place(os.path.join(ROOT, "build", "docker", "place"), engine)
    passed = failed = 0
    try:
        engine.start()
        before = set_up(place, engine)
        for step in STEPS:
            begun = time.monotonic()
            step(place, engine)
            passed += 1
            took = time.monotonic() - begun
            print(f"ok   {step.__name__}: {step.__doc__.splitlines()[0]} ({took:.0f} s)", flush=True)
        require_clean(place, before)
    except (Failed, KeyError, OSError, subprocess.SubprocessError) as e:
        failed += 1
        print(f"FAIL {e!r}"[:6000], flush=True)
        print(place.controller.tail(60) if place.controller else "", flush=True)
        if engine.process is not None and engine.process.poll() is None:
            print(place.logs()[-4000:], flush=True)
    finally:
        place.down()
        engine.stop()
    print(f"docker: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
