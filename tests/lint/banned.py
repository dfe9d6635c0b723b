#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions nobody may call, comparisons that leak secrets, licence lines, stray notes."""
import re
import subprocess
import sys

BANNED = {
    "strcpy": "use snprintf or buf", "strcat": "use buf", "sprintf": "use snprintf", "gets": "no",
    "atoi": "use strtoull and check", "atol": "use strtoull and check", "strtok": "use strsep on a copy",
    "system": "spawn by argv", "popen": "spawn by argv", "rand": "use secret_random", "alloca": "use xcalloc",
    "strncpy": "use snprintf or frame_copy", "vsprintf": "use vsnprintf",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")


def strip(text):
    """Comments and strings blanked, line numbers kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def tracked(*patterns):
    return subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                          capture_output=True, text=True, check=True).stdout.split()


def main():
    problems = []
    for path in tracked("*.c", "*.h"):
        text = open(path, encoding="utf-8").read()
        bare = strip(text)
        holds_secrets = "proto/base/secret.h" in text and path.startswith(("proto/", "agent/", "controller/"))
        for number, line in enumerate(bare.split("\n"), 1):
            for match in CALL.finditer(line):
                problems.append(f"{path}:{number}: {match.group(1)}(): {BANNED[match.group(1)]}")
            if holds_secrets and re.search(r"\bmemcmp\s*\(|\bstrcmp\s*\([^)]*secret_reveal", line):
                problems.append(f"{path}:{number}: compare secrets with secret_equal()")
    for path in tracked("*.c", "*.h", "*.py", "*.sh", "*.proto", "*.sql"):
        text = open(path, encoding="utf-8").read()
        if "SPDX-License-Identifier: Apache-2.0" not in text[:300]:
            problems.append(f"{path}:1: no SPDX licence line")
        for number, line in enumerate(text.split("\n"), 1):
            if path.startswith("tests/lint/"):
                continue
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                problems.append(f"{path}:{number}: a note without an issue")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


sys.exit(main())
