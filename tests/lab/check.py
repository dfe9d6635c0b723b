#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make check-lab: is the lab what it says it is?

The own tests of storage, oracle and the judge of mail programs, then a lab of three nodes, the
conformance checks against it (the same that run against a real Zimbra), and a storm with people
at work on an unmoved lab, of which the oracle must find nothing to say.
"""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LAB_DIR = os.path.join(ROOT, "build", "check-lab")
NET = os.environ.get("ZMFERRY_TEST_NET", "127.0") + ".30"


def lab(*words, check=True):
    done = subprocess.run([sys.executable, os.path.join(HERE, "lab"), *words, "--dir", LAB_DIR])
    if check and done.returncode != 0:
        sys.exit("lab %s ended with %d" % (" ".join(words), done.returncode))
    return done.returncode


def python(*words):
    env = dict(os.environ, PYTHONPATH=HERE)
    return subprocess.run([sys.executable, *words], cwd=HERE, env=env).returncode


def quiet_lab():
    """Load on a lab that nobody moves anything in: the oracle must be content."""
    before = os.path.join(LAB_DIR, "before.json")
    lab("inventory", "--out", before)
    storm = subprocess.Popen([sys.executable, os.path.join(HERE, "lab"), "deliver", "--rate", "20",
                              "--seconds", "10", "--dir", LAB_DIR])
    act = lab("act", "--rate", "20", "--seconds", "10", check=False)
    return storm.wait() or act or lab("diff", before, "--now", check=False)


def main():
    results = {}
    for name in ("test_store.py", "test_histories.py", "test_oracle.py", "test_mailcache.py"):
        results[name] = python("-m", "unittest", "-q", name[:-3])
    lab("down", check=False)
    shutil.rmtree(LAB_DIR, ignore_errors=True)
    lab("up", "--net", NET)
    try:
        results["conformance"] = python("-m", "zlab.conformance", "--cluster",
                                        os.path.join(LAB_DIR, "cluster.json"))
        results["load"] = quiet_lab()
    finally:
        lab("down", check=False)
    failed = [name for name, code in results.items() if code]
    for name in failed:
        print("check-lab: %s failed" % name)
    print("%d passed, %d failed" % (len(results) - len(failed), len(failed)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
