#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over every C file, two at a time; unchanged files are not asked again.

usage: tidy.py FLAGS...  (of the compiler). A file that was clean leaves a stamp in
build/lint/tidy; it is asked again when it, a header or .clang-tidy is newer.
"""
import concurrent.futures
import os
import re
import subprocess
import sys

from tree import files, finish

STAMPS = "build/lint/tidy"
# Tests compare whole structs and die in handlers on purpose; the slow analyzer is for programs.
NOT_FOR_TESTS = ("-clang-analyzer-*,-bugprone-signal-handler,-bugprone-signed-char-misuse,"
                 "-bugprone-suspicious-memory-comparison")
FINDING = re.compile(r"^(\S+?):(\d+):\d+: (?:warning|error): (.*)$")


def newest(paths):
    return max((os.stat(path).st_mtime for path in paths if os.path.exists(path)), default=0)


def headers_of(path, every_header):
    """What the compiler wrote down that the file includes; every header when it did not."""
    rule = f"build/release/{path[:-2]}.d"
    if not os.path.exists(rule):
        return every_header
    with open(rule, encoding="utf-8") as text:
        words = text.read().replace("\\\n", " ").split()
    return [word for word in words if word.endswith(".h") and not word.startswith("/")]


def is_clean_already(path, stamp, every_header):
    if not os.path.exists(stamp):
        return False
    return os.stat(stamp).st_mtime > newest([path, ".clang-tidy", *headers_of(path, every_header)])


def ask(path, flags):
    """Findings of one file, as file:line: what."""
    fewer = [f"--checks={NOT_FOR_TESTS}"] if path.startswith("tests/") else []
    done = subprocess.run(["clang-tidy", "--quiet", *fewer, path, "--", *flags],
                          capture_output=True, text=True, check=False)
    found = []
    for line in done.stdout.splitlines():
        match = FINDING.match(line)
        if match:
            where = os.path.relpath(match.group(1))
            found.append(f"{where}:{match.group(2)}: {match.group(3)}")
    if done.returncode != 0 and not found:
        found.append(f"{path}:1: clang-tidy: {done.stderr.strip().splitlines()[-1:]}")
    return found


def main():
    flags = sys.argv[1:]
    every_header = files("*.h")
    problems = set()
    asked = []
    for path in files("*.c"):
        stamp = f"{STAMPS}/{path}.ok"
        if not is_clean_already(path, stamp, every_header):
            asked.append((path, stamp))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for (_, stamp), found in zip(asked, pool.map(lambda one: ask(one[0], flags), asked)):
            problems.update(found)
            if not found:
                os.makedirs(os.path.dirname(stamp), exist_ok=True)
                with open(stamp, "w", encoding="utf-8"):
                    pass
    finish(sorted(problems))


main()
