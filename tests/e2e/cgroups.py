# SPDX-License-Identifier: Apache-2.0
"""A memory cgroup of a test's own, version 1 or 2, in which the kernel really kills."""
import contextlib
import os
import signal
import subprocess
import sys

ROOT = "/sys/fs/cgroup"
LIMIT = 24 * 1024 * 1024
GREEDY = "import sys; open(sys.argv[1], 'w').write('0'); kept = [bytearray(1 << 20) for _ in range(256)]"


def put(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


class Container:
    """None can be made here: an OSError. `seen` is what the container itself would find at /sys/fs/cgroup."""

    def __init__(self, place):
        name = f"zmferry-test-{os.getpid()}"
        self.seen = place
        if os.path.exists(os.path.join(ROOT, "memory", "cgroup.procs")):
            self.path, limit = os.path.join(ROOT, "memory", name), "memory.limit_in_bytes"
            os.makedirs(place)
            os.symlink(self.path, os.path.join(place, "memory"))
        else:
            self.path, limit = os.path.join(ROOT, name), "memory.max"
            put(os.path.join(ROOT, "cgroup.subtree_control"), "+memory")
            os.symlink(self.path, place)
        os.mkdir(self.path)
        put(os.path.join(self.path, limit), str(LIMIT))
        for swap in ("memory.swappiness", "memory.swap.max"):
            with contextlib.suppress(OSError):
                put(os.path.join(self.path, swap), "0")

    def kill_one(self):
        """A process takes more than there is. Was it killed for that?"""
        procs = os.path.join(self.path, "cgroup.procs")
        done = subprocess.run([sys.executable, "-c", GREEDY, procs], capture_output=True, check=False)
        return done.returncode == -signal.SIGKILL

    def remove(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.path)
