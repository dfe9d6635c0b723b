#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench [BENCH=name]: each figure as `figure NAME VALUE UNIT`, the machine's load beside it.

The lab is given the costs measured on real servers, so that what is compared is the
way of working, not Python. zmferry and the naive way move the same mailboxes in one run.
"""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from harness import Failed, Installation, ROOT, run  # noqa: E402

COSTS = ["cli_start_s=3", "import_item_ms=6", "tgz_export_mb_s=30", "tar_export_mb_s=300",
         "burn_id_ms=0.1", "bump_change_ms=1.2"]
NAIVE_SAMPLE = 6  # mailboxes moved by the naive way; its time is linear in them


def figure(name, value, unit):
    load = os.getloadavg()[0]
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    print(f"figure {name} {text} {unit}    (load {load:.1f})", flush=True)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0


def rss_kib(pid, field="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith(field):
                return int(line.split()[1])
    return 0


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


def fresh(name, scale, mailboxes, net):
    place = Installation(os.path.join(ROOT, "build", "bench", name), net=net)
    place.remove()
    place = Installation(os.path.join(ROOT, "build", "bench", name), net=net)
    place.lab_up(mailboxes=mailboxes, scale=scale, seed=3, costs=COSTS)
    return place.install().start()


def evacuation(scale, mailboxes):
    """zmferry against the naive way on the same mailboxes: two installations, one run."""
    ours = fresh(f"{scale}-ours", scale, mailboxes, "127.0.31")
    try:
        idle = max(rss_kib(a.child.pid) for a in ours.agents.values())
        figure("agent_rss_idle_kib", idle, "KiB")
        count = len(accounts_on(ours, "mbs1"))
        begun = time.monotonic()
        job = ours.json("evacuate", "mbs1", "--yes")["job"]["id"]
        done = ours.wait_job(job, 1800)
        took = time.monotonic() - begun
        if done["job"]["state"] != "done":
            raise Failed(f"the job ended {done['job']['state']}: {done['job'].get('reason')}")
        locks = [m["lock_ms"] for m in done["moves"] if m["lock_ms"]]
        figure(f"zmferry_{scale}_s", took, "s")
        figure("lock_p50_ms", percentile(locks, 0.5), "ms")
        figure("lock_p99_ms", percentile(locks, 0.99), "ms")
        peaks = [m.get("worker_rss_max_kib", 0) for m in done["moves"]]
        if any(peaks):
            figure("worker_rss_max_kib", max(peaks), "KiB")
    finally:
        ours.down()
    naive = fresh(f"{scale}-naive", scale, mailboxes, "127.0.32")
    try:
        wanted = accounts_on(naive, "mbs1")
        sample = wanted if scale != "small" else wanted[:NAIVE_SAMPLE]
        begun = time.monotonic()
        for index, (account, _, _) in enumerate(sample):
            naive_move(naive, account, "mbs1", ("mbs2", "mbs3")[index % 2])
        per_all = (time.monotonic() - begun) * len(wanted) / len(sample)
        figure(f"naive_{scale}_s", per_all, "s")
        figure(f"naive_ratio_{scale}", per_all / took * count / len(wanted), "ratio")
    finally:
        naive.down()


def pipe_move(place, account_id, source, target):
    """The floor: curl's tar export into curl's tar import, nothing checked, nothing kept."""
    token = place.pipe_token
    src, dst = place.node(source), place.node(target)
    ca = place.cluster["ca_file"]
    run([f"{src['dir']}/bin/zmprov", "--fast", "ma", account_id, "zimbraMailHost", dst["host"]], check=False)
    export = (f"curl -sS --cacert {ca} --resolve {src['host']}:7071:{src['address']} -b ZM_ADMIN_AUTH_TOKEN={token} "
              f"'https://{src['host']}:7071/home/{account_id}/?fmt=tar&query=is:anywhere'")
    load = (f"curl -sS --cacert {ca} --resolve {dst['host']}:7071:{dst['address']} -b ZM_ADMIN_AUTH_TOKEN={token} "
            f"-H 'Content-Type: application/x-tar' -T - -X POST "
            f"'https://{dst['host']}:7071/home/{account_id}/?fmt=tar&resolve=skip&callback=x'")
    return export, load


BENCHES = {
    "small": lambda: evacuation("small", 60),
    "mixed": lambda: evacuation("mixed", 24),
}


def main():
    wanted = sys.argv[1:] or list(BENCHES)
    for name in wanted:
        if name not in BENCHES:
            print(f"no bench {name}; there are: {', '.join(BENCHES)}", file=sys.stderr)
            return 2
        try:
            BENCHES[name]()
        except Failed as e:
            print(f"bench {name}: {e}", file=sys.stderr)
            return 1
    return 0


sys.exit(main())
