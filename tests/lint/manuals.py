#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Manuals: mandoc has nothing to say, and they tell what the tables of the programs say."""
import os
import re
import subprocess

from tree import files, finish, read

MAN = "docs/man"
SETTING = re.compile(r'\{\s*"(\w+)",\s*(CONF_\w+),\s*AT\(\w+\),\s*(NULL|"((?:\\.|[^"\\])*)"),')
SECTION_SETTING = re.compile(r'\{\s*"(\w+)",\s*CONF_\w+,\s*(?:MAIL|HOOK|RULE)\(\w+\),\s*(NULL|"[^"]*"),')
COMMAND = re.compile(r'^\t\{ "([a-z][a-z ]*)",\s*(?:NULL|"([A-Z]+)"),', re.M)
OPTION = re.compile(r'\{ "--([a-z-]+)", (?:0|OPT_\w+),')
LONG = re.compile(r'\{ "([a-z-]+)", (?:no|required)_argument,')


def lint(path):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], capture_output=True,
                          text=True, check=False)
    for line in done.stdout.splitlines():
        match = re.match(r"mandoc: (\S+?):(\d+):\d+: (.*)", line)
        if match is None:
            yield f"{path}:1: {line}"
        else:
            yield f"{match.group(1)}:{match.group(2)}: {match.group(3)}"


def items(page, macro):
    """{first words of each ".It MACRO ...": (line, text up to the next item)}."""
    found = {}
    current = None
    for number, line in enumerate(page.split("\n"), 1):
        match = re.match(rf"\.It {macro} (.*)$", line)
        if match:
            words = re.split(r" (?:Ar|Ns|No|Op|Oo|Fl|Li)\b", match.group(1))[0].strip()
            current = words
            found[words] = [number, ""]
        elif line.startswith((".El", ".Sh")):
            current = None
        elif current is not None:
            found[current][1] += line + "\n"
    return found


def check_settings(table, page_path, problems):
    text = read(table)
    page = items(read(page_path), "Ic")
    keys = set()
    for match in SETTING.finditer(text):
        key, kind, fallback = match.group(1), match.group(2), match.group(4)
        keys.add(key)
        if key not in page:
            problems.append(f"{page_path}:1: setting {key} of {table} is missing")
            continue
        line, words = page[key]
        plain = words.replace("\\&", "").replace("\n", " ")
        wanted = "Required." if match.group(3) == "NULL" else fallback
        if kind == "CONF_STRING" and match.group(3) == "NULL":
            wanted = "Required."
        if wanted and wanted not in plain:
            problems.append(f"{page_path}:{line}: {key}: says nothing of {wanted!r}")
    if not keys:
        problems.append(f"{table}:1: no settings found; has the table changed its form?")
    for key, (line, _) in page.items():
        if key not in keys:
            problems.append(f"{page_path}:{line}: {key} is no setting of {table}")


def check_sections(table, page_path, problems):
    """Settings of sections stand as .It Cm, with their defaults somewhere in the text."""
    page = items(read(page_path), "Cm")
    keys = {}
    for key, fallback in SECTION_SETTING.findall(read(table)):
        keys.setdefault(key, []).append(fallback)
    if not keys:
        problems.append(f"{table}:1: no settings found; has the table changed its form?")
    for key, fallbacks in keys.items():
        if key not in page:
            problems.append(f"{page_path}:1: setting {key} of {table} is missing")
            continue
        line, words = page[key]
        for fallback in fallbacks:
            wanted = "Required." if fallback == "NULL" else fallback.strip('"')
            if wanted not in words:
                problems.append(f"{page_path}:{line}: {key}: says nothing of {wanted!r}")
    for key, (line, _) in page.items():
        if key not in keys:
            problems.append(f"{page_path}:{line}: {key} is no setting of {table}")


def check_commands(problems):
    page_path = f"{MAN}/zmferry.1"
    page = read(page_path)
    table = "controller/cli/commands.c"
    shown = items(page, "Ic")
    commands = [match.group(1) for match in COMMAND.finditer(read(table))]
    if not commands:
        problems.append(f"{table}:1: no commands found; has the table changed its form?")
    for command in commands:
        if command not in shown:
            problems.append(f"{page_path}:1: command \"{command}\" of {table} is missing")
    for command, (line, _) in shown.items():
        if command not in commands:
            problems.append(f"{page_path}:{line}: {command} is no command of {table}")
    main = "controller/cli/main.c"
    for option in OPTION.findall(read(main)):
        if f".It Fl Fl {option}" not in page:
            problems.append(f"{page_path}:1: option --{option} of {main} is missing")
    for code in range(6):
        if f".It {code}\n" not in page:
            problems.append(f"{page_path}:1: exit code {code} is missing")


def check_longs(source, page_path, problems):
    if not os.path.exists(source):
        return
    page = read(page_path)
    for option in LONG.findall(read(source)):
        if f".It Fl Fl {option}" not in page:
            problems.append(f"{page_path}:1: option --{option} of {source} is missing")


def main():
    problems = []
    pages = [path for path in files(f"{MAN}/*") if re.search(r"\.[158]$", path)]
    for path in pages:
        problems.extend(lint(path))
        if "SPDX-License-Identifier" not in read(path)[:300]:
            problems.append(f"{path}:1: no licence line")
    wanted = [f"{MAN}/zmferry.1", f"{MAN}/zmferry-controller.8", f"{MAN}/zmferry-agent.8",
              f"{MAN}/zmferry-controller.conf.5", f"{MAN}/zmferry-agent.conf.5"]
    lacking = [path for path in wanted if path not in pages]
    problems.extend(f"{path}:1: there is no such page" for path in lacking)
    if not lacking:
        check_settings("controller/conf.c", wanted[3], problems)
        check_settings("agent/conf.c", wanted[4], problems)
        check_sections("controller/alert/conf.c", wanted[3], problems)
        check_commands(problems)
        check_longs("controller/main.c", wanted[1], problems)
        check_longs("agent/main.c", wanted[2], problems)
    finish(problems)


main()
