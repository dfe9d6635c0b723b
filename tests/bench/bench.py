#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench [BENCH=name]: each figure as `figure NAME VALUE UNIT`, the machine's load beside it.

The lab is given the costs measured on real servers, so that what is compared is the
way of working, not Python. zmferry and the naive way move the same mailboxes in one run.
"""
import concurrent.futures
import contextlib
import datetime
import os
import re
import sys
import threading
import time
from urllib.parse import quote

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "e2e"), os.path.join(HERE, "..", "lab")]
from endurance import to_and_fro  # noqa: E402
from harness import Failed, Installation, NET_PREFIX, ROOT, run  # noqa: E402
from resources import cpu_parts, rss_kib  # noqa: E402
from scale import scale  # noqa: E402
from zlab.ldapclient import Ldap  # noqa: E402
from zlab.seedcontent import FIRST  # noqa: E402
from zlab.zclient import Lmtp, Server, Zimbra, el, message  # noqa: E402

# Pinned AddMsg beside the tar import of the same mails, 147/s (live-preseed 5): 81/s in requests of
# their own, 104/s in batches of 100. The lab's own work comes on top of these costs: measured with a client in
# Python it is 76/s, 104/s and 146/s.
COSTS = ["cli_start_s=3", "import_item_ms=6", "tgz_export_mb_s=30", "tar_export_mb_s=300",
         "burn_id_ms=0.1", "bump_change_ms=1.2", "add_message_ms=7.8", "request_ms=2"]
NAIVE_SAMPLE = 6  # mailboxes moved by the naive way; its time is linear in them
PROBED = 4        # of the largest mailboxes get mail all the time while they are moved
LANES = 4         # moves at a time from one node: zmferry's default, and the pipe's


def figure(name, value, unit):
    load = os.getloadavg()[0]
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    print(f"figure {name} {text} {unit}    (load {load:.1f})", flush=True)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0


def accounts_on(place, name):
    """What lives on a node, by the controller's own plan: (account, account id, bytes)."""
    plan = place.json("plan", "evacuate", name)["plan"]
    return [(m["account"], m["account_id"], m["bytes"]) for m in plan["moves"]]


def naive_move(place, account, source, target):
    """What the shell loops do: export, switch, import, each a fresh JVM."""
    archive = place.path(f"naive-{account}.tgz")
    source_bin = os.path.join(place.node(source)["dir"], "bin")
    target_bin = os.path.join(place.node(target)["dir"], "bin")
    run([f"{source_bin}/zmmailbox", "-z", "-m", account, "getRestURL", "-o", archive, "/?fmt=tgz"], check=False)
    run([f"{source_bin}/zmprov", "ma", account, "zimbraMailHost", place.node(target)["host"]])
    if os.path.exists(archive):
        run([f"{target_bin}/zmmailbox", "-z", "-m", account, "postRestURL", "/?fmt=tgz&resolve=reset", archive],
            check=False)
        os.unlink(archive)


def fresh(name, scale, mailboxes, net, extra=(), conf=""):
    place = Installation(os.path.join(ROOT, "build", "bench", name), net=net)
    place.remove()
    place = Installation(os.path.join(ROOT, "build", "bench", name), net=net)
    place.lab_up(mailboxes=mailboxes, scale=scale, seed=3, costs=COSTS, extra=extra)
    return place.install(conf).start()


class Peak(threading.Thread):
    """The largest VmHWM of any worker, read from /proc while they live, fifty times a second.

    A high-water mark only rises, so what a sample misses is what grew in a worker's last
    20 ms. Only the agents' own children are looked at: the bench must not be the load.
    """

    def __init__(self, agents):
        super().__init__(daemon=True)
        self.parents = [a.child.pid for a in agents]
        self.kib, self.over = 0, threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            for parent in self.parents:
                with contextlib.suppress(OSError), \
                        open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as f:
                    for pid in f.read().split():
                        self.look(pid)

    def look(self, pid):
        # Between fork and exec the child still is the agent, with the agent's pages.
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as f:
            if b"worker" in f.read():
                self.kib = max(self.kib, rss_kib(pid, "VmHWM"))

    def stop(self):
        self.over.set()
        self.join()
        return self.kib


def idle_rss(place):
    """After the first inventory an agent gives back what starting took: until it stops falling."""
    seen = []
    while len(seen) < 60 and (len(seen) < 12 or seen[-1] < min(seen[:-10])):
        seen.append(max(rss_kib(a.child.pid) for a in place.agents.values()))
        time.sleep(1)
    return seen[-1]


def ours(scale, mailboxes):
    """Seconds that zmferry takes, and how many mailboxes that were."""
    place = fresh(f"{scale}-ours", scale, mailboxes, NET_PREFIX + ".31")
    try:
        figure("agent_rss_idle_kib", idle_rss(place), "KiB")
        count = len(accounts_on(place, "mbs1"))
        peak = Peak(place.agents.values())
        peak.start()
        before, begun = cpu_parts(place), time.monotonic()
        job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
        done = place.wait_job(job, 1800)
        took = time.monotonic() - begun
        for part, spent in cpu_parts(place).items():
            figure(f"cpu_{part}_{scale}_s", spent - before[part], "s")
        figure("worker_rss_max_kib", peak.stop(), "KiB")
        if done["job"]["state"] != "done":
            raise Failed(f"the job ended {done['job']['state']}: {done['job'].get('reason')}")
        locks = [m["lock_ms"] for m in done["moves"] if m["lock_ms"]]
        figure(f"zmferry_{scale}_s", took, "s")
        figure("lock_p50_ms", percentile(locks, 0.5), "ms")
        figure("lock_p99_ms", percentile(locks, 0.99), "ms")
        return took, count
    finally:
        place.down()


def naive(scale, mailboxes):
    """Seconds that the shell loop takes for all, from a sample where its time is linear."""
    place = fresh(f"{scale}-naive", scale, mailboxes, NET_PREFIX + ".32")
    try:
        wanted = accounts_on(place, "mbs1")
        sample = wanted if scale != "small" else wanted[:NAIVE_SAMPLE]
        begun = time.monotonic()
        for index, (account, _, _) in enumerate(sample):
            naive_move(place, account, "mbs1", ("mbs2", "mbs3")[index % 2])
        took = (time.monotonic() - begun) * len(wanted) / len(sample)
        figure(f"naive_{scale}_s", took, "s")
        return took
    finally:
        place.down()


def pipe_move(place, zimbra, account, account_id, target):
    """The floor: curl's tar export into curl's tar import; nothing locked, checked or kept."""
    src, dst = place.node("mbs1"), place.node(target)
    archive = place.path(f"pipe-{account_id}.tar")
    cookie = ["-b", f"ZM_ADMIN_AUTH_TOKEN={zimbra.token}", "--cacert", place.cluster["ca_file"]]

    def url(node, query):
        return [f"https://{node['host']}:7071/service/home/{quote(account)}/?{query}",
                "--resolve", f"{node['host']}:7071:{node['address']}"]
    run(["curl", "-sS", "-o", archive, *cookie, *url(src, "fmt=tar&query=is:anywhere")])
    by_host = {s.host: s for s in zimbra.servers}
    zimbra.admin(by_host[src["host"]], "ModifyAccountRequest", None, el("id", None, account_id),
                 el("a", {"n": "zimbraMailHost"}, dst["host"]))
    for node in (src, dst):
        zimbra.admin(by_host[node["host"]], "FlushCacheRequest", None,
                     el("cache", {"type": "account"}, el("entry", {"by": "id"}, account_id)),
                     target=by_host[node["host"]])
    if os.path.exists(archive) and os.path.getsize(archive):
        # Not -T: to a URL that ends in a slash it adds the file's name (performance facts).
        said = run(["curl", "-sS", "--fail", "--data-binary", f"@{archive}", "-H", "Content-Type: application/x-tar",
                    *cookie, *url(dst, "fmt=tar&resolve=skip&callback=x")]).stdout
        if "window.parent.x('" not in said:
            raise Failed(f"pipe: {account}: the import answered {said[:200]!r}")
        os.unlink(archive)


def pipe(scale, mailboxes):
    place = fresh(f"{scale}-pipe", scale, mailboxes, NET_PREFIX + ".33")
    try:
        zimbra = Zimbra.from_cluster(os.path.join(place.lab_dir, "cluster.json"))
        wanted = sorted(accounts_on(place, "mbs1"), key=lambda a: -a[2])
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(LANES) as lanes:
            moves = [lanes.submit(pipe_move, place, zimbra, account, account_id, ("mbs2", "mbs3")[i % 2])
                     for i, (account, account_id, _) in enumerate(wanted)]
            for move in moves:
                move.result()
        took = time.monotonic() - begun
        figure(f"pipe_{scale}_s", took, "s")
        return took
    finally:
        place.down()


def evacuation(scale, mailboxes):
    """zmferry, the naive way and the bare pipe on the same mailboxes: three installations, one run."""
    took, count = ours(scale, mailboxes)
    figure(f"naive_ratio_{scale}", naive(scale, mailboxes) / took, "ratio")
    figure("pipe_overhead" if scale == "mixed" else f"pipe_overhead_{scale}",
           took / pipe(scale, mailboxes), "ratio")
    figure(f"mailboxes_{scale}", count, "mailboxes")


class Deferral(threading.Thread):
    """How long the MTA is told to come again: a small mail to an account's home, four times a second."""

    def __init__(self, place, account, account_id):
        super().__init__(daemon=True)
        self.place, self.account, self.account_id = place, account, account_id
        self.servers = {n["host"]: Server(n["host"], n["address"], place.cluster["ports"], n["id"])
                        for n in place.cluster["nodes"]}
        self.over, self.spans = threading.Event(), []

    def ask(self, directory):
        found = directory.search("", "sub", f"(zimbraId={self.account_id})", ["zimbraMailTransport"])
        host = found[0][1]["zimbraMailTransport"][0].split(":")[1]
        with Lmtp(self.servers[host]) as lmtp:
            return lmtp.rcpt(self.account)[0] // 100 == 2 and lmtp.data(message("probe"))[0] // 100 == 2

    def run(self):
        c = self.place.cluster["ldap"]
        directory = Ldap(c["uri"], c["bind_dn"], c["password"])
        refused = None
        while not self.over.wait(0.25):
            taken = self.ask(directory)
            if not taken and refused is None:
                refused = time.monotonic()
            elif taken and refused is not None:
                self.spans.append(time.monotonic() - refused)
                refused = None
        directory.close()


def locks(scale, mailboxes, conf="", prefix=""):
    """Locks and deferrals by the mailbox's size, with the counters of a year's use."""
    place = fresh(prefix + scale, scale, mailboxes, NET_PREFIX + ".34", ("--aged", "--plain"), conf)
    try:
        wanted = accounts_on(place, "mbs1")
        probes = [Deferral(place, account, account_id)
                  for account, account_id, _ in sorted(wanted, key=lambda a: -a[2])[:PROBED]]
        for probe in probes:
            probe.start()
        job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
        done = place.wait_job(job, 7200)
        for probe in probes:
            probe.over.set()
            probe.join()
        if done["job"]["state"] != "done":
            raise Failed(f"the job ended {done['job']['state']}: {done['job'].get('reason')}")
        sizes, locked = {}, {m["account_id"]: m["lock_ms"] for m in done["moves"]}
        for (_, account_id, _), size in zip(sorted(wanted, key=lambda a: -a[2]), FIRST[scale]):
            sizes.setdefault(size, []).append(locked[account_id])
        for size, values in sorted(sizes.items()):
            print(f"# {len(values)} mailboxes of {size} messages: {sorted(values)} ms", flush=True)
            figure(f"{prefix}lock_p99_ms_{size}", percentile(values, 0.99), "ms")
        # One made early has a short deferral of its own before that; who met none waited less than it takes to see.
        longest = [max(p.spans, default=0) for p in probes]
        figure(prefix + "deferral_p50_ms", int(1000 * percentile(longest, 0.5)), "ms")
        figure(prefix + "deferral_max_ms", int(1000 * max(longest)), "ms")
    finally:
        place.down()


SEEDING = "seeding = yes"
ENTERED = re.compile(r"(\S+)Z info move=(m\d+) .* -> (\w+):")


def entered(place, move):
    """When a move entered its states: {state: seconds}."""
    with open(place.controller.log, encoding="utf-8", errors="replace") as f:
        found = [m for m in map(ENTERED.match, f) if m and m.group(2) == move]
    return {m.group(3): datetime.datetime.fromisoformat(m.group(1)).timestamp() for m in found}


def filled(name, conf, begin, end):
    """Messages a second that go into the largest mailbox between two states, and the verdicts of all."""
    place = fresh(name, "medium", 3, NET_PREFIX + ".36", ("--plain",), conf)
    try:
        done = place.wait_job(place.json("evacuate", "mbs1", "--yes")["job"]["id"], 3600)
        if done["job"]["state"] != "done":
            raise Failed(f"the job ended {done['job']['state']}: {done['job'].get('reason')}")
        big = max(done["moves"], key=lambda m: m["items"])
        times = entered(place, big["id"])
        verdicts = [place.json("explain", m["id"])["move"]["verdict_detail"] for m in done["moves"]]
        return big["items"] / (times[end] - times[begin]), verdicts
    finally:
        place.down()


def seeded():
    """Filled before the switch: against the import of the same mailbox, and what is kept of its identity."""
    imports, _ = filled("imported", 'hot_time = "0s"', "opening", "backfilling")
    seeds, verdicts = filled("seeded", SEEDING, "following", "locking")
    figure("import_items_per_s", imports, "1/s")
    figure("seed_items_per_s", seeds, "1/s")
    figure("seed_ratio", seeds / imports, "of the import's")
    for name, key in (("identity_exact_share", "ids_exact"), ("uids_exact_share", "uids_exact")):
        figure(name, sum(v[key] for v in verdicts) / sum(v["messages"] for v in verdicts), "of the messages")
    locks("locks", 60, SEEDING, "seeded_")


def moves():
    """What a thousand moves cost, from five hundred to and fro in one installation."""
    place = Installation(os.path.join(ROOT, "build", "bench", "moves"), net=NET_PREFIX + ".35")
    place.remove()
    place = Installation(os.path.join(ROOT, "build", "bench", "moves"), net=NET_PREFIX + ".35")
    try:
        to_and_fro(place, figure=figure)
    finally:
        place.down()


BENCHES = {
    "small": lambda: evacuation("small", 60),
    # The mix of the facts: one of 8,400 messages, five of 500, eighteen small ones (seedcontent.FIRST).
    "mixed": lambda: evacuation("mixed", 39),
    "scale": lambda: scale(figure, rss_kib),
    "locks": lambda: locks("locks", 60),
    "seeded": seeded,
}
# Longer than one waits for: by name only. The counters alone of 100,000 messages take ten minutes, 500 moves as long.
LONG = {"huge": lambda: locks("huge", 6), "huge_seeded": lambda: locks("huge", 6, SEEDING, "seeded_"), "moves": moves}


def main():
    wanted = sys.argv[1:] or list(BENCHES)
    known = {**BENCHES, **LONG}
    for name in wanted:
        if name not in known:
            print(f"no bench {name}; there are: {', '.join(known)}", file=sys.stderr)
            return 2
        try:
            known[name]()
        except Failed as e:
            print(f"bench {name}: {e}", file=sys.stderr)
            return 1
    return 0


sys.exit(main())
