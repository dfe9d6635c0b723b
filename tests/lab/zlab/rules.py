# SPDX-License-Identifier: Apache-2.0
"""What Zimbra does to mail filters when a folder or tag is renamed, moved or deleted
(FilterListener, RuleManager, FolderRenamer, FolderDeleted): it compares the beginning of paths,
and it reads the filters from what the node remembers of the account.
"""

import re

SCRIPTS = ("zimbraMailSieveScript", "zimbraMailOutgoingSieveScript")
FILE_INTO = re.compile(r'(fileinto(?: :copy)? ")((?:[^"\\]|\\.)*)(")')
RULE = re.compile(r"\b(disabled_if|if)\b([^{}]*\{[^{}]*\})")


def slashed(path):
    return path if path.startswith("/") or not path else "/" + path


def plain(text):
    return re.sub(r"\\(.)", r"\1", text)


def escaped(text):
    return re.sub(r'(["\\])', r"\\\1", text)


def folder_renamed(script, old, new):
    def path(m):
        at = slashed(plain(m.group(2)))
        return m.group(0) if not at.startswith(old) else m.group(1) + escaped(at.replace(old, new)) + m.group(3)
    return FILE_INTO.sub(path, script)


def folder_deleted(script, old):
    def rule(m):
        hit = any(slashed(plain(f[1])).startswith(old) for f in FILE_INTO.findall(m.group(2)))
        return ("disabled_if" if hit else m.group(1)) + m.group(2)
    return RULE.sub(rule, script)


def tag_renamed(script, old, new):
    return script.replace('tag "%s"' % old, 'tag "%s"' % new)


def tag_deleted(script, old):
    def rule(m):
        return ("disabled_if" if 'tag "%s"' % old in m.group(2) else m.group(1)) + m.group(2)
    return RULE.sub(rule, script)
