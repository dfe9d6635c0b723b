# SPDX-License-Identifier: Apache-2.0
"""What the lint scripts share: the files of the tree, and how findings are printed."""
import subprocess
import sys


def files(*patterns):
    """Paths git knows or would add, sorted; deleted ones are left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    deleted = subprocess.run(["git", "ls-files", "--deleted"], capture_output=True, text=True,
                             check=True).stdout.splitlines()
    return sorted(set(out.splitlines()) - set(deleted))


def read(path):
    with open(path, encoding="utf-8") as source:
        return source.read()


def finish(problems):
    """Prints each "file:line: what and why"; the exit code of the script."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
