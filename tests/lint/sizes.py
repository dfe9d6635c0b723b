#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Walls of size: a .c file 600 lines, a .h file 250, a function 100 (tables and message formats excepted)."""
import re
import subprocess
import sys

WALL_C, WALL_H, WALL_FUNCTION = 600, 250, 100


def functions(lines):
    """(name, first line, length) of each function: KNF puts its name at column 0 and its braces too."""
    name, start = None, 0
    for number, line in enumerate(lines, 1):
        match = re.match(r"^([a-z_][a-z0-9_]*)\(", line)
        if match:
            name = match.group(1)
        elif line.startswith("{") and name:
            start = number
        elif line.startswith("}") and start:
            if line.rstrip() == "}":
                yield name, start, number - start - 1
            name, start = None, 0


def main():
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.c", "*.h"],
                           capture_output=True, text=True, check=True).stdout.split()
    problems = []
    for path in files:
        lines = open(path, encoding="utf-8").read().split("\n")
        wall = WALL_H if path.endswith(".h") else WALL_C
        if len(lines) - 1 > wall:
            problems.append(f"{path}:{wall}: {len(lines) - 1} lines, the wall is {wall}: cut it in two")
        for name, start, length in functions(lines):
            if length > WALL_FUNCTION:
                problems.append(f"{path}:{start}: {name} has {length} lines, the wall is {WALL_FUNCTION}")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


sys.exit(main())
