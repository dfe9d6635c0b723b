# SPDX-License-Identifier: Apache-2.0
"""What running costs: memory, processor time, open files, and what is left on disk."""
import os


def rss_kib(pid, field="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith(field):
                return int(line.split()[1])
    return 0


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_s(pid, with_children=False):
    """Processor time of a process so far; with that of the children it has waited for."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15 if with_children else 13])) / os.sysconf("SC_CLK_TCK")


def cpu_parts(place):
    """Where processor time goes: {part: seconds}. Workers are the agents' children."""
    agents = [a.child.pid for a in place.agents.values()]
    lab = [int(open(os.path.join(place.node(name)["dir"], "node.pid"), encoding="ascii").read())
           for name in place.agents]
    own = sum(cpu_s(pid) for pid in agents)
    return {"controller": cpu_s(place.controller.child.pid), "agents": own,
            "workers": sum(cpu_s(pid, True) for pid in agents) - own, "lab": sum(cpu_s(pid) for pid in lab)}


def tree_kib(path):
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total >> 10


def holdings(place):
    """What our processes hold just now, and what of it is on disk."""
    pids = {"controller": place.controller.child.pid, **{n: a.child.pid for n, a in place.agents.items()}}
    return {"rss_kib": {n: rss_kib(p) for n, p in pids.items()},
            "files": {n: open_files(p) for n, p in pids.items()},
            "spools": {n: [m for m in os.listdir(place.path(f"spool-{n}")) if m[0] == "m"] for n in place.agents},
            "journal_kib": tree_kib(place.path("state"))}
