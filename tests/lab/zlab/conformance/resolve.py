# SPDX-License-Identifier: Apache-2.0
"""The resolve= modes of an import, and what counts as a duplicate."""

from ..zclient import message
from .imports import archive_of, must_load, subjects
from . import tarball
from .rig import check, equal, expect


def ready(rig):
    """A mailbox that got an archive of two, then changed: one flagged, one new mail."""
    entries, user = archive_of(rig, 2), rig.user()
    must_load(user, entries)
    old = user.ids()
    user.action(old[0], "flag")
    user.deliver(message("new mail"))
    return user, entries, old


def is_flagged(user, item):
    return "f" in (user.msg(item).get("f") or "")


@check("skip leaves what is there, and new mail, alone", "zimbra 1.8")
def skip(rig):
    user, entries, old = ready(rig)
    must_load(user, entries, resolve="skip")
    equal((len(user.ids()), user.ids()[:2]), (3, old), "messages")
    equal(is_flagged(user, old[0]), True, "flag set on the destination")


@check("modify overwrites flags from the archive, ids stay", "zimbra 1.8")
def modify(rig):
    user, entries, old = ready(rig)
    must_load(user, entries, resolve="modify")
    equal((len(user.ids()), user.ids()[:2]), (3, old), "messages")
    equal(is_flagged(user, old[0]), False, "flag set on the destination")


@check("replace deletes and adds again", "zimbra 1.8")
def replace(rig):
    user, entries, old = ready(rig)
    must_load(user, entries, resolve="replace")
    now = user.ids()
    equal((len(now), set(now) & set(old)), (3, set()), "messages, old ids left")
    equal(subjects(user), ["m000", "m001", "new mail"], "subjects")


@check("reset deletes mail delivered meanwhile", "move-protocol 4.7")
def reset(rig):
    user, entries, old = ready(rig)
    must_load(user, entries, resolve="reset")
    equal(subjects(user), ["m000", "m001"], "subjects")
    expect(not set(user.ids()) & set(old), "an id survived reset")


@check("an import never moves a message", "move-protocol 2.7")
def no_move(rig):
    entries, user = archive_of(rig, 1), rig.user()
    must_load(user, entries)
    must_load(user, [tarball.moved(entries[0], "Inbox", "elsewhere")], resolve="modify")
    equal(len(user.ids()), 2, "messages after the same one came with another path")
    equal(len(user.ids(folder=2)), 1, "messages in Inbox")


@check("Path decides the folder, not folder_id", "move-protocol 2.7")
def path_wins(rig):
    entries, user = archive_of(rig, 1), rig.user()
    must_load(user, [tarball.moved(entries[0], "Inbox", "other")])
    equal((user.ids(folder=2), len(user.ids())), ([], 1), "in Inbox, in all")


@check("two equal messages in one archive stay two, also when imported twice", "identity 3.4")
def twins(rig):
    source, user = rig.user(), rig.user()
    text = message("twin")
    source.add_many(2, [text, text])
    entries = rig.export(source, query="is:anywhere")
    equal(len(entries), 2, "messages on the source")
    for _ in range(2):
        must_load(user, entries)
        equal(len(user.ids()), 2, "messages")


@check("one request per item: equal messages collapse into one", "identity 3.4")
def collapsed(rig):
    source, user = rig.user(), rig.user()
    text = message("twin")
    source.add_many(2, [text, text])
    for entry in rig.export(source, query="is:anywhere"):
        must_load(user, [entry])
    equal(len(user.ids()), 1, "messages")


@check("equal bytes in another folder are no duplicate", "identity 3.4")
def other_folder(rig):
    entries, user = archive_of(rig, 1), rig.user()
    for folder in ("Inbox", "Drafts"):
        must_load(user, [tarball.moved(entries[0], "Inbox", folder)])
    equal((len(user.ids(folder=2)), len(user.ids(folder=6))), (1, 1), "in Inbox, in Drafts")


@check("after a repeated chunk what the user deleted is back, what he moved is doubled",
       "move-protocol 4.12")
def repeated_chunk(rig):
    entries, user = archive_of(rig, 2), rig.user()
    must_load(user, entries)
    a, b = user.ids()
    user.action(a, "delete")
    user.action(b, "move", l=user.create_folder("kept"))
    must_load(user, entries)
    equal((len(user.ids(folder=2)), len(user.ids())), (2, 3), "in Inbox, in all")
