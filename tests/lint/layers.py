#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom, and where each library is met. Prints file:line: what and why."""
import re
import subprocess
import sys

# A file under the key may include ours only from the listed places.
MAY_USE = [
    ("proto/base/", ("proto/base/",)),
    ("proto/zimbra/", ("proto/base/", "proto/zimbra/")),
    ("proto/", ("proto/",)),
    ("agent/", ("proto/", "agent/")),
    ("controller/cli/", ("proto/", "controller/cli/")),
    ("controller/", ("proto/", "controller/")),
]
NOT_FROM = [("controller/", "controller/cli/", "only the CLI's own files use the CLI")]

# Library header -> the only files that may include it.
MET_IN = {
    r"ldap\.h|lber\.h": ("controller/zimbra/directory",),
    r"sqlite3\.h": ("controller/journal",),
    r"microhttpd\.h": ("controller/api/http",),
    r"libxml/": ("proto/zimbra/", "agent/mailbox/localconfig"),
    r"openssl/": ("proto/base/tls", "proto/base/secret"),
    r"archive\.h|archive_entry\.h": ("agent/mailbox/archive",),
    r"confuse\.h": ("proto/base/conf",),
    r"curl/": ("proto/base/http_client",),
    r"zstd\.h": ("agent/mailbox/", "agent/worker/"),
}


def check(path, problems):
    rule = next((r for r in MAY_USE if path.startswith(r[0])), None)
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        ours = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if ours and rule:
            name = ours.group(1)
            generated = name.endswith(".pb-c.h") or name.endswith(".inc")
            if not generated and not name.startswith(rule[1]):
                problems.append(f"{path}:{number}: includes {name}: {rule[0]} may use only {', '.join(rule[1])}")
            for user, target, why in NOT_FROM:
                if path.startswith(user) and name.startswith(target) and not path.startswith(target):
                    problems.append(f"{path}:{number}: includes {name}: {why}")
        theirs = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
        if theirs:
            for pattern, places in MET_IN.items():
                if re.match(pattern, theirs.group(1)) and not path.startswith(places):
                    problems.append(f"{path}:{number}: includes <{theirs.group(1)}>: that library is met only in {', '.join(places)}")


def main():
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.c", "*.h"],
                           capture_output=True, text=True, check=True).stdout.split()
    problems = []
    for path in files:
        if path.startswith(("proto/", "agent/", "controller/")):
            check(path, problems)
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


sys.exit(main())
