#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nobody is left alone: alerts are raised with their facts, and refusals of the API have a next step."""
import re

from tree import files, finish, read

ROW = re.compile(r'\[(ALERT_\w+)\]\s*=\s*\{\s*"(\w+)",\s*ALERT_\w+,\s*"([^"]*)"')
RAISE = re.compile(r"\balert_raise\(\s*([^;]*?)\);", re.S)
REFUSE = re.compile(r'\b(api_refuse|api_problem)\([^;]*?,\s*""\);', re.S)


def check_raisers(path, text, rows, problems):
    """Every fact of the row is given; more may be (the node that it concerns)."""
    for match in RAISE.finditer(text):
        said = match.group(1)
        where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        keys = re.findall(r"\bALERT_[A-Z_]+\b", said.split("ALERT_FACTS")[0])
        facts = re.search(r"ALERT_FACTS\((.*)", said, re.S)
        given = set(re.findall(r'"(\w+)"', facts.group(1))) if facts else set()
        for key in keys:
            lacking = [fact for fact in rows.get(key, "").split() if fact not in given]
            if lacking:
                problems.append(f"{where}: {key}: without {', '.join(lacking)}")


def main():
    problems = []
    rows = {key: facts for key, _, facts in ROW.findall(read("controller/alert/table.c"))}
    if not rows:
        problems.append("controller/alert/table.c:1: no rows found; has the table changed its form?")
    for path in files("controller/*.c"):
        text = read(path)
        check_raisers(path, text, rows, problems)
        for match in REFUSE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            problems.append(f"{path}:{line}: {match.group(1)}: a refusal without a next step")
    finish(problems)


main()
