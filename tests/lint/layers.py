#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom, and where each library is met."""
import re

from tree import files, finish, read

# A file under the key may include ours only from the listed places; the first row that fits.
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
    r"gnutls/": ("controller/api/http_tls",),
    r"libxml/": ("proto/zimbra/", "agent/mailbox/localconfig"),
    r"openssl/": ("proto/base/tls", "proto/base/secret"),
    r"archive\.h|archive_entry\.h": ("agent/mailbox/archive", "controller/platform/docker_files"),
    r"confuse\.h": ("proto/base/conf",),
    r"curl/": ("proto/base/http_client", "proto/base/smtp_client"),
    r"zstd\.h": ("agent/mailbox/", "agent/worker/"),
}


def check_ours(path, name, where, problems):
    rule = next((r for r in MAY_USE if path.startswith(r[0])), None)
    if rule is None or name.endswith((".pb-c.h", ".inc")):
        return
    if not name.startswith(rule[1]):
        problems.append(f"{where}: includes {name}: {rule[0]} may use only {', '.join(rule[1])}")
    for user, target, why in NOT_FROM:
        if path.startswith(user) and name.startswith(target) and not path.startswith(target):
            problems.append(f"{where}: includes {name}: {why}")


def check_library(path, name, where, problems):
    for pattern, places in MET_IN.items():
        if re.match(pattern, name) and not path.startswith(places):
            problems.append(f"{where}: includes <{name}>: that library is met only in "
                            f"{', '.join(places)}")


def main():
    problems = []
    for path in files("*.c", "*.h"):
        if not path.startswith(("proto/", "agent/", "controller/")):
            continue
        for number, line in enumerate(read(path).split("\n"), 1):
            match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
            if match is None:
                continue
            check = check_ours if match.group(1) == '"' else check_library
            check(path, match.group(2), f"{path}:{number}", problems)
    finish(problems)


main()
