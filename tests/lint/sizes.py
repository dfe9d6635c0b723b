#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Walls of size: a .c file 600 lines, a .h file 250, a function 100.

Tests are lists, read one test at a time, and one program tests one module: 900 and 400.
"""
import re

from tree import files, finish, read

WALLS = {"c": 600, "h": 250}
TEST_WALLS = {"c": 900, "h": 400}
WALL_FUNCTION = 100


def functions(lines):
    """(name, first line, length): KNF puts a function's name at column 0, and its braces."""
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
    problems = []
    for path in files("*.c", "*.h"):
        lines = read(path).split("\n")
        wall = (TEST_WALLS if path.startswith("tests/") else WALLS)[path[-1]]
        if len(lines) - 1 > wall:
            problems.append(f"{path}:{wall}: {len(lines) - 1} lines, the wall is {wall}: "
                            "cut it in two")
        for name, start, length in functions(lines):
            if length > WALL_FUNCTION:
                problems.append(f"{path}:{start}: {name} has {length} lines, the wall is "
                                f"{WALL_FUNCTION}: cut it in two")
    finish(problems)


main()
