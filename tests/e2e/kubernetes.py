# SPDX-License-Identifier: Apache-2.0
"""Nodes as pods: the controller against a stand-in of the API server, the pods played by processes."""
import json
import os

from apiserver import ApiServer, Cluster
from harness import wait_for
from steps import all_settled_clean, finish, require, require_clean
from zlab import cluster as lab_cluster

TOKEN = "a-service-accounts-token"
NAMESPACE = "mail"


def stateful_set(name, replicas, **spec):
    labels = {"app": "zimbra-mailbox", "set": name}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "labels": labels},
            "spec": {"replicas": replicas, "serviceName": name, "selector": {"matchLabels": dict(labels)},
                     "template": {"metadata": {"labels": dict(labels)},
                                  "spec": {"containers": [{"name": "mailbox", "image": "zimbra-mailbox:10"}]}},
                     "volumeClaimTemplates": [{"metadata": {"name": "store"}, "spec": {
                         "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Gi"}}}}], **spec}}


class Pods:
    """What runs in the pods: the lab's nodes and agents."""

    def __init__(self, place):
        self.place, self.cluster, self.names = place, None, {}

    def __call__(self, pod, owner, running):
        name = self.names.get(pod) or (pod.rsplit("-", 1)[0] if pod.endswith("-0") else None)
        if name is None or self.cluster is None:
            return
        place = self.place
        if running and name not in [n["name"] for n in place.cluster["nodes"]]:
            place.lab("add-node", name)
            place.read_cluster()
            secret = self.cluster.objects["secrets", f"zmferry-identity-{name}"]["data"]["identity.pem"]
            place.write(place.path(f"{name}.pem"), secret, 0o400)
            place.install_agent(place.node(name), place.resolve)
            place.agents[name].start()
        elif running:
            place.lab("start", name)
            place.agents[name].start()
        elif not any(k == "statefulsets" and not o.get("gone") for (k, n), o in self.cluster.objects.items()
                     if n == pod.rsplit("-", 1)[0]) or owner is not None:
            place.remove_node(name)
        else:
            place.agents[name].kill()
            place.lab("kill", name)


def set_up(place):
    place.lab_up(mailboxes=15, scale="small")
    before = place.path("before.json")
    place.lab("inventory", "--out", before)
    pods = Pods(place)
    cluster = Cluster(NAMESPACE, TOKEN, pods)
    ca = os.path.join(place.lab_dir, "ca")
    address = place.net + ".150"
    cert, key = lab_cluster._make_cert(ca, "kubernetes.test", address)
    server = ApiServer(cluster, address, 6443, cert, key)
    # The pool as it was before zmferry: mbs1 is the highest pod.
    cluster.settle(cluster.add("statefulsets", stateful_set("mbox", 3)))
    pods.names = {"mbox-0": "mbs3", "mbox-1": "mbs2", "mbox-2": "mbs1"}
    pods.cluster = cluster
    template = place.write(place.path("template.json"), json.dumps(stateful_set("%n", 9)))
    token = place.write(place.path("token"), TOKEN + "\n", 0o644)
    hosts = ", ".join(f'"{place.node(name)["host"]}=mbox/{pod[-1]}"' for pod, name in pods.names.items())
    place.install(controller_extra=f"""
platform = "kubernetes"
kubernetes_url = "https://{address}:6443"
kubernetes_namespace = "{NAMESPACE}"
kubernetes_ca_file = "{place.cluster['ca_file']}"
kubernetes_token_file = "{token}"
platform_template = "{template}"
containers = {{ {hosts} }}
""").start()
    return before, cluster, server


def held_until_purged(place, job, node):
    """What is in the way of destroying volumes is purged, as it is told."""
    def held():
        row = place.job(job)["job"]
        require(not row.get("ended"), f"ended: {row}")
        return row if row["state"] == "remove_held" else None
    row = wait_for("the job to be held", 240, held)
    require(f"purge node {node}" in row["reason"], f"what to do: {row['reason']}")
    place.zmferry("purge", "node", node, "--yes")
    wait_for("the end of the purges", 120, lambda: not [
        m for m in place.moves() if m["old_copy"] in ("kept", "being deleted") and m["source"].startswith(node)])

    def goes_on():
        place.zmferry("job", "continue", job, check=False)
        return place.job(job)["job"]["state"] not in ("remove_held", "safety")
    wait_for("the job to go on", 120, goes_on, 1)  # inventories are a minute old


def kubernetes(place):
    """A pool loses its highest pod, a node gets a StatefulSet of its own and loses it; the API server is difficult."""
    before, cluster, server = set_up(place)
    try:
        steps(place, cluster)
        require_clean(place, before)
    finally:
        server.close()


def steps(place, cluster):
    domain = place.cluster["domain"]
    said = place.zmferry("container", "mbs2").stdout
    require("pod mbox-1 of StatefulSet mbox (of 3) is Running" in said, f"described: {said}")
    said = place.zmferry("plan", "remove", "mbs2", check=False)
    require(said.returncode == 3 and "loses its highest pod first, which is mbox-2" in said.stderr,
            f"not the highest: {said.stderr}")
    pool = cluster.objects["statefulsets", "mbox"]
    pool["spec"]["persistentVolumeClaimRetentionPolicy"] = {"whenScaled": "Delete", "whenDeleted": "Retain"}
    said = place.zmferry("plan", "remove", "mbs1", check=False)
    require(said.returncode == 3 and "whenScaled is \"Delete\"" in said.stderr, f"volumes would go: {said.stderr}")
    del pool["spec"]["persistentVolumeClaimRetentionPolicy"]

    cluster.orders += [("PUT", "/scale", "conflict"), ("PUT", "/scale", 503), ("GET", "/scale", 429),
                       ("GET", "/scale", "drop")]
    done = finish(place, place.json("remove", "mbs1", "--yes")["job"]["id"])
    require("has one pod less, its claims are kept" in done["job"]["reason"], f"ended: {done['job']}")
    require(pool["spec"]["replicas"] == 2 and cluster.orders == [], f"scale: {pool['spec']['replicas']}")
    require(("persistentvolumeclaims", "store-mbox-2") in cluster.objects, "a claim is gone")

    cluster.orders += [("GET", "statefulsets", "slow"), ("POST", "secrets", 500), ("POST", "statefulsets", 429)]
    job = place.json("add", f"mbs4.{domain}", "--yes")["job"]["id"]
    wait_for("the StatefulSet", 60, lambda: ("statefulsets", "mbs4") in cluster.objects, 0.01)
    place.controller.kill()
    place.controller.start()
    done = finish(place, job)
    all_settled_clean(done)
    require(len(done["moves"]) > 2, f"its share: {len(done['moves'])}")
    made = [n for (k, n) in cluster.objects if k == "statefulsets"]
    require(sorted(made) == ["mbox", "mbs4"], f"made: {made}")
    own = cluster.objects["statefulsets", "mbs4"]
    require(own["spec"]["replicas"] == 1 and own["metadata"]["labels"]["org.zmferry.node"] == f"mbs4.{domain}",
            f"the set: {own}")

    uid = cluster.objects["pods", "mbs4-0"]["metadata"]["uid"]
    place.zmferry("restart", "mbs4", "--yes")
    require(cluster.objects["pods", "mbs4-0"]["metadata"]["uid"] != uid, "the pod is the same")
    place.wait_ready()
    cluster.nameless = True
    said = place.zmferry("container", "mbs4", check=False)
    require(said.returncode == 4 and "has no name" in said.stderr, f"no name: {said.returncode} {said.stderr}")
    cluster.nameless = False

    job = place.json("remove", "mbs4", "--destroy-volumes", "--confirm", "mbs4", "--yes")["job"]["id"]
    held_until_purged(place, job, "mbs4")
    done = place.wait_job(job, 120)
    require(done["job"]["state"] == "done" and "1 claims with it" in done["job"]["reason"], f"ended: {done['job']}")
    left = [key for key in cluster.objects if "mbs4" in key[1]]
    require(left == [], f"left behind: {left}")
    cluster.token = "another"
    said = place.zmferry("container", "mbs2", check=False)
    require(said.returncode == 3 and "401" in said.stderr, f"a wrong token: {said.returncode} {said.stderr}")


SCENARIOS = {
    "kubernetes": kubernetes,
}
