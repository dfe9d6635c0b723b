#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions nobody may call, secrets in the open, licence lines, stray notes."""
import re

from tree import files, finish, read

BANNED = {
    "alloca": "use xcalloc",
    "atoi": "use strtoull and check",
    "atol": "use strtoull and check",
    "gets": "use fgets",
    "popen": "spawn by argv",
    "rand": "use secret_random",
    "sprintf": "use snprintf or buf",
    "strcat": "use buf",
    "strcpy": "use snprintf or buf",
    "strncpy": "use snprintf or frame_copy",
    "strtok": "use strsep on a copy",
    "system": "spawn by argv",
    "vsprintf": "use vsnprintf",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")

# The files that may hand a secret's bytes to a library, and to which.
REVEALS = {
    "proto/base/secret.c": "its own",
    "proto/base/smtp_client.c": "libcurl, for SMTP's AUTH",
    "controller/platform/engine.c": "the bearer token's header, wiped after use",
    "proto/zimbra/soap.c": "libxml2, for AuthRequest",
    "controller/zimbra/directory.c": "libldap, for the bind",
    "controller/journal.c": "the controller's id, which is random but no secret",
    "controller/moves.c": "tickets, which the journal keeps",
    "controller/api/rights.c": "libxml2, for an administrator's token that Zimbra is to judge",
}
COMPARE = re.compile(r"\bmemcmp\s*\(|\bstrn?cmp\s*\([^;]*(?:secret|ticket|password)")
NOTE = re.compile(r"\b(TODO|FIXME|XXX)\b")
SPDX = "SPDX-License-Identifier: Apache-2.0"


def strip(text):
    """Comments and strings blanked, line numbers kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check_c(path, text, problems):
    product = not path.startswith("tests/")
    holds_secrets = product and '"proto/base/secret.h"' in text
    for number, line in enumerate(strip(text).split("\n"), 1):
        where = f"{path}:{number}"
        for match in CALL.finditer(line):
            problems.append(f"{where}: {match.group(1)}(): {BANNED[match.group(1)]}")
        if holds_secrets and COMPARE.search(line) and path != "proto/base/secret.c":
            problems.append(f"{where}: compare secrets with secret_equal(), in constant time")
        if product and re.search(r"\bsecret_reveal\s*\(", line) and path.endswith(".c"):
            if path not in REVEALS:
                problems.append(f"{where}: secret_reveal(): only {', '.join(REVEALS)} may")


def main():
    problems = []
    for path in files("*.c", "*.h"):
        check_c(path, read(path), problems)
    for path in files("*.c", "*.h", "*.py", "*.sh", "*.proto", "*.sql", "Makefile", "*.mk"):
        text = read(path)
        if SPDX not in text[:300]:
            problems.append(f"{path}:1: no licence line: {SPDX}")
        for number, line in enumerate(text.split("\n"), 1):
            if NOTE.search(line) and not path.startswith("tests/lint/"):
                problems.append(f"{path}:{number}: a note without an issue")
    finish(problems)


main()
