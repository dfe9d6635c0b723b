#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pages: the files, tests, scenarios and commands that they name are there."""
import os
import re

from tree import files, finish, read

PROBE = re.compile(r'^\t\{ "([a-z:]+)",\s+\d+,', re.M)
FAULT = re.compile(r'^\t\{ "([a-z:]+)",\s+(?:true|false),', re.M)
COMMAND = re.compile(r'^\t\{ "([a-z][a-z ]*)",\s*(?:NULL|"[A-Z]+"),', re.M)
OURS = re.compile(r"^(?:docs|tests|agent|controller|proto|zimlet)/[\w./-]+$")
UNIT = re.compile(r"^(?:proto|agent|controller)/test_\w+\.c$")


def scenarios():
    """(names of e2e, names of sim)."""
    e2e = {name for path in ("scenarios", "storms", "client", "cutover", "hot", "reverts", "deadnode", "lost", "nodes",
                             "kubernetes", "remote", "faults", "sick", "mailclients", "seeding")
           for name in re.findall(r'^    "(\w+)": \w+,', read(f"tests/e2e/{path}.py"), re.M)}
    path = "tests/sim/sim_scenarios.c"
    sim = re.findall(r'\{\s*"([^"]+)",\s*setup_', read(path)) if os.path.exists(path) else []
    return e2e, sim


def check_code(word, tests, commands):
    """What is wrong with one `word`; None = nothing."""
    if UNIT.match(word):
        return None if os.path.exists(f"tests/unit/{word}") else "there is no such test"
    if re.match(r"^test_\w+$", word):
        return None if word in tests else "there is no such test"
    if OURS.match(word) and not os.path.exists(word):
        return "there is no such file"
    match = re.match(r"^zmferry ([a-z]+(?: [a-z]+)?)", word)
    if match and not any(match.group(1) == c or match.group(1).split(" ")[0] == c
                         for c in commands):
        return "there is no such command"
    return None


def check_scenarios(line, e2e, sim):
    for group in re.findall(r"e2e ((?:`\w+`(?:, )?)+)", line):
        for name in re.findall(r"`(\w+)`", group):
            if name not in e2e:
                yield f"e2e `{name}`: there is no such scenario"
    for group in re.findall(r'sim ((?:"[^"]+"(?:, )?)+)', line):
        for name in re.findall(r'"([^"]+)"', group):
            part = name.strip(". ")
            if not any(part in one for one in sim):
                yield f'sim "{name}": there is no such scenario'


def check_advice(path, commands):
    """Commands that the programs tell people to run: "..., run: zmferry enroll NODE"."""
    first = {c.split(" ")[0] for c in commands} | {"help"}
    joined = re.sub(r'"\s*\n\s*"', "", read(path))
    for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', joined):
        if literal.startswith("zmferry ") and literal.endswith("."):
            continue  # a sentence about the program
        for said in re.findall(r"(?:^|[:;] |\band |\bthen )zmferry ([a-z]+)", literal):
            if said not in first and said != "does":
                yield f'{path}:1: "{literal[:60]}...": there is no command zmferry {said}'


def check_probes(problems):
    """What an agent can find the controller has a way out for, and the pages tell of."""
    probes = PROBE.findall(read("agent/health/probes.c"))
    faults = FAULT.findall(read("controller/policy_table.c"))
    if not probes or not faults:
        problems.append("agent/health/probes.c:1: no probes or no faults found; have the tables changed their form?")
    manual, runbook = read("docs/man/zmferry-controller.conf.5"), read("docs/operations.md")
    for probe in probes:
        kind = probe.split(":")[0] + ":"
        if probe not in faults and kind not in faults:
            problems.append(f"controller/policy_table.c:1: no row for the probe {probe}")
        if f"`{probe}: " not in runbook and f"`{kind}" not in runbook:
            problems.append(f"docs/operations.md:1: nothing about the probe {probe}")
    for fault in faults:
        if not re.search(rf"^\.Li (.*[ ,])?{fault.replace(':', r'(:|.&:)')}( .*)?$", manual, re.M):
            problems.append(f"docs/man/zmferry-controller.conf.5:1: nothing about the fault {fault}")


def main():
    problems = []
    check_probes(problems)
    commands = COMMAND.findall(read("controller/cli/commands.c"))
    e2e, sim = scenarios()
    tests = set()
    for path in files("tests/unit/*.c", "tests/sim/*.c"):
        tests.update(re.findall(r"^(test_\w+)\(", read(path), re.M))
    for path in files("agent/*.c", "controller/*.c", "proto/*.c"):
        problems.extend(check_advice(path, commands))
    for path in files("*.md"):
        fenced = False
        for number, line in enumerate(read(path).split("\n"), 1):
            if line.startswith("```"):
                fenced = not fenced
            if fenced:
                continue
            for word in re.findall(r"`([^`]+)`", line):
                wrong = check_code(word, tests, commands)
                if wrong:
                    problems.append(f"{path}:{number}: `{word}`: {wrong}")
            if path.endswith("failures.md"):
                problems.extend(f"{path}:{number}: {wrong}"
                                for wrong in check_scenarios(line, e2e, sim))
            for anchor in re.findall(r"\]\(#([^)]+)\)", line):
                titles = re.findall(r"^#+ (.+)$", read(path), re.M)
                if anchor not in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]:
                    problems.append(f"{path}:{number}: #{anchor}: there is no such chapter")
    finish(problems)


main()
