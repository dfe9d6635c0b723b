# SPDX-License-Identifier: Apache-2.0
"""make bench BENCH=scale: the controller with 10, 100 and 1,000 agents of 1,000 mailboxes each.

The agents are played by tests/bench/scale.c over real links; the directory is the lab's slapd, which
names every node and the 10,000 accounts of the largest one.
"""
import concurrent.futures
import os
import resource
import subprocess
import threading
import time

from harness import Failed, Installation, NET_PREFIX, ROOT, run, wait_for
from zlab.ldapclient import Ldap

EACH = 1000        # mailboxes of a node
LARGEST = 10000    # of the largest, which the plan is made for
STEADY_S = 10      # how long `status` is timed while inventories come in turn
COUNTS = (10, 100, 1000)


def names(place, count):
    hosts = [n["host"] for n in place.cluster["nodes"]]
    return hosts + [f"load{i:04d}.example.test" for i in range(len(hosts), count)]


def account_id(node, i):
    """As scale.c makes them."""
    return f"{node:08x}-0000-4000-8000-{i:012x}"


def fill_directory(place, hosts):
    """A server entry for every node, accounts for the largest: the first that is not the lab's."""
    ldap = place.cluster["ldap"]
    client = Ldap(ldap["uri"], ldap["bind_dn"], ldap["password"])
    number = len(place.cluster["nodes"])
    for host in hosts[number:]:
        client.add(f"cn={host},cn=servers,cn=zimbra", {
            "objectClass": ["zimbraServer"], "cn": [host], "zimbraId": [f"server-{host}"],
            "zimbraServiceHostname": [host], "zimbraServiceEnabled": ["mailbox"],
            "zimbraServiceInstalled": ["mailbox"], "zimbraLmtpBindPort": ["7025"]})
    for i in range(LARGEST):
        local = f"load{i}"
        client.add(f"uid={local},ou=people,dc=example,dc=test", {
            "objectClass": ["inetOrgPerson", "zimbraAccount"], "uid": [local], "cn": [local], "sn": [local],
            "mail": [f"{local}@example.test"], "zimbraId": [account_id(number, i)],
            "zimbraAccountStatus": ["active"], "zimbraMailStatus": ["enabled"],
            "zimbraMailDeliveryAddress": [f"{local}@example.test"], "zimbraMailHost": [hosts[number]],
            "zimbraMailTransport": [f"lmtp:{hosts[number]}:7025"]})
    return hosts[number]


class Actors:
    """scale.c: what it says is kept, by word."""

    def __init__(self, place, fleet):
        # Its log is the controller's mirror: a thousand links cut on purpose are no news.
        self.process = subprocess.Popen(
            [place.program("bench_scale"), place.net + ".200", "7443", fleet], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.said = {}
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            word, _, ms = line.split()
            self.said[word] = int(ms)

    def drop(self):
        self.said.clear()
        self.order("drop")

    def order(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()

    def wait(self, word, seconds):
        return wait_for(f"the agents to be {word}", seconds, lambda: self.said.get(word), 0.02)

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


class Status(threading.Thread):
    """`zmferry status` again and again while something goes on; how long each took."""

    def __init__(self, place):
        super().__init__(daemon=True)
        self.place, self.took, self.over = place, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.1):
            begun = time.monotonic()
            self.place.zmferry("status", check=False)
            self.took.append((time.monotonic() - begun) * 1000)

    def stop(self):
        """The slowest but one in twenty."""
        self.over.set()
        self.join()
        return sorted(self.took)[len(self.took) * 95 // 100]


def told(place, count):
    rows = place.json("nodes")["nodes"]
    return sum(1 for n in rows if n["inventory"]) >= count


def start(place, count, largest):
    hosts = names(place, count)
    identities = place.path("identities")
    os.makedirs(identities, exist_ok=True)

    def enroll(host):
        path = os.path.join(identities, host + ".pem")
        if not os.path.exists(path):
            run([place.program("zmferry-controller"), "-c", place.controller_conf, "enroll", host, path])
        return path
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        bundles = list(pool.map(enroll, hosts))
    lines = [f"{host} {bundle} {LARGEST if host == largest else EACH}\n" for host, bundle in zip(hosts, bundles)]
    fleet = place.write(place.path("fleet"), "".join(lines))
    place.controller.start()
    wait_for("the controller", 30, lambda: place.zmferry("nodes", "--json", check=False).returncode == 0)
    return Actors(place, fleet)


def one(place, count, largest, figure, rss_kib):
    whole = count == COUNTS[-1]
    actors = start(place, count, largest)
    try:
        status = Status(place)
        begun = time.monotonic()
        actors.wait("known", 120)
        wait_for("every inventory", 120, lambda: told(place, count), 0.1)
        inventory_ms = (time.monotonic() - begun) * 1000
        actors.drop()
        reconnect_ms = actors.wait("known", 120)
        storm_ms = status.stop()
        actors.wait("told", 120)
        actors.order("go on")
        status = Status(place)
        time.sleep(STEADY_S)
        steady_ms = status.stop()
        begun = time.monotonic()
        plan = place.json("plan", "evacuate", largest)["plan"]
        plan_ms = (time.monotonic() - begun) * 1000
        if plan["mailboxes"] != LARGEST:
            raise Failed(f"the plan moves {plan['mailboxes']} mailboxes, not {LARGEST}; {plan['refused'][:1]}")
        tail = "" if whole else f"_{count}"
        figure(f"scale_inventory_ms{tail}", inventory_ms, "ms")
        figure(f"scale_reconnect_ms{tail}", reconnect_ms, "ms")
        figure(f"scale_status_ms{tail}", steady_ms, "ms")
        figure(f"scale_status_storm_ms{tail}", storm_ms, "ms")
        figure(f"scale_plan_ms{tail}", plan_ms, "ms")
        figure(f"scale_rss_kib{tail}", rss_kib(place.controller.child.pid, "VmHWM"), "KiB")
    finally:
        actors.end()
        place.controller.kill()


def scale(figure, rss_kib):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    place = Installation(os.path.join(ROOT, "build", "bench", "scale"), net=NET_PREFIX + ".34")
    place.remove()
    place = Installation(os.path.join(ROOT, "build", "bench", "scale"), net=NET_PREFIX + ".34")
    try:
        place.lab_up(mailboxes=3, scale="small", seed=3).install()
        state = place.path("journal")
        os.makedirs(state, exist_ok=True)
        print(run([place.program("bench_journal"), state]).stdout, end="", flush=True)
        largest = fill_directory(place, names(place, COUNTS[-1]))
        for count in COUNTS:
            one(place, count, largest, figure, rss_kib)
    finally:
        place.down()
