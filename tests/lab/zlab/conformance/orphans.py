# SPDX-License-Identifier: Apache-2.0
"""The old copy after the switch: purge, the purge that hits the new copy, re-attachment."""

from ..zclient import message
from .hosts import pin, second_copy
from .rig import check, equal, expect, faults, texts


def moved(rig, lockout=False):
    """An account switched to the target, one message on either side."""
    user = rig.user()
    user.add(2, message("old"))
    if lockout:
        rig.z.lockout(rig.source, user, "start")
    rig.switch(user, rig.target)
    user.add(2, message("new"))
    return user


@check("GetAllMailboxes lists the orphan, GetQuotaUsage does not", "zimbra 3.4", hosts=2)
def listed(rig):
    user = moved(rig)
    expect(rig.z.row(rig.source, user), "no row for the orphan")
    answer = rig.z.admin(rig.source, "GetQuotaUsageRequest", {"refresh": "1"},
                         target=rig.source)
    expect(user.id not in [a.get("id") for a in answer.findall("account")],
           "GetQuotaUsage lists the orphan")


@check("DeleteMailbox without targetServer, sent to the old server, deletes the NEW copy",
       "move-protocol 2.8", hosts=2)
def unpinned(rig):
    user = moved(rig)
    rig.z.delete_mailbox(rig.source, user)
    equal(rig.z.row(rig.target, user), None, "row on the new server")
    expect(rig.z.row(rig.source, user), "the old row is gone too")


@check("DeleteMailbox with targetServer deletes the old copy; once more is an empty success",
       "move-protocol 2.8", hosts=2)
def pinned(rig):
    user = moved(rig)
    rig.z.delete_mailbox(rig.source, user, target=rig.source)
    equal(rig.z.row(rig.source, user), None, "row on the old server")
    equal(len(user.ids()), 1, "messages at the new home")
    answer = rig.z.delete_mailbox(rig.source, user, target=rig.source)
    equal(answer.find("mbox"), None, "second answer")


@check("DeleteMailbox under lockout: mail.MAINTENANCE; after its end it works",
       "move-protocol 2.8", hosts=2)
def locked_out(rig):
    user = moved(rig, lockout=True)
    with faults("mail.MAINTENANCE", what="DeleteMailbox under lockout"):
        rig.z.delete_mailbox(rig.source, user, target=rig.source)
    rig.z.lockout(rig.source, user, "end")
    rig.z.delete_mailbox(rig.source, user, target=rig.source)
    equal((rig.z.row(rig.source, user), len(user.ids())), (None, 1), "old row, new messages")


@check("an evicted orphan cannot be deleted, WRONG_HOST; the detour by host and lockout works",
       "move-protocol 2.8", hosts=2)
def evicted(rig):
    user = rig.user()
    user.add(2, message("old"))
    equal(user.export(query="is:anywhere", lock="1")[0], 200, "lock=1 export")
    rig.switch(user, rig.target)
    new = user.add(2, message("new"))
    with faults("service.WRONG_HOST", what="DeleteMailbox of the evicted copy"):
        rig.z.delete_mailbox(rig.source, user, target=rig.source)
    rig.z.modify(user, zimbraAccountStatus="locked")
    rig.switch(user, rig.source)
    rig.z.lockout(rig.source, user, "start")
    rig.switch(user, rig.target)
    rig.z.lockout(rig.source, user, "end")
    rig.z.delete_mailbox(rig.source, user, target=rig.source)
    equal((rig.z.row(rig.source, user), user.ids()), (None, [new]), "old row, new messages")


@check("moving back onto an unpurged copy re-attaches it: deleted mail is back",
       "move-protocol 4.11", hosts=2)
def reattached(rig):
    user = rig.user()
    kept, gone = user.add_many(2, texts(2))
    rig.switch(user, rig.target)
    user.add(2, message("meanwhile"))
    rig.switch(user, rig.source)
    equal(user.ids(), [kept, gone], "messages of the old copy")
    expect(rig.z.row(rig.target, user), "the copy left behind is gone")


@check("moving back after the purge finds a fresh mailbox", "identity 5", hosts=2)
def fresh_again(rig):
    user = moved(rig)
    rig.z.delete_mailbox(rig.source, user, target=rig.source)
    rig.switch(user, rig.source)
    equal((user.ids(), user.last_id()), ([], 256), "messages, last id")


@check("rollback: with the host set back the old copy is whole, its Sync empty",
       "move-protocol 4.12", hosts=2)
def rollback(rig):
    user = rig.user()
    items = user.add_many(2, texts(3))
    start = user.sync().get("token")
    rig.z.lockout(rig.source, user, "start")
    rig.switch(user, rig.target)
    user.add(2, message("elsewhere"))
    rig.switch(user, rig.source)
    rig.z.lockout(rig.source, user, "end")
    equal(user.ids(), items, "messages")
    equal([n.tag for n in user.sync(start).body], [], "changes since")
    rig.z.delete_mailbox(rig.target, user, target=rig.target)
    equal((rig.z.row(rig.target, user), user.ids()), (None, items), "new row, old messages")


@check("a clean abort: the second copy deleted pinned, the home copy untouched",
       "live-preseed 4", hosts=2)
def abort(rig):
    user = rig.user()
    item = user.add(2, message("mine"))
    second_copy(rig, user)
    user.add(2, message("seeded"), **pin(rig))
    rig.z.delete_mailbox(rig.target, user, target=rig.target)
    equal((rig.z.row(rig.target, user), user.ids()), (None, [item]), "copy, home messages")


@check("DeleteAccount removes account and mailbox", "zimbra 3.4")
def delete_account(rig):
    user = rig.user()
    rig.z.delete_account(user)
    rig.users.remove(user)
    equal(rig.z.row(rig.source, user), None, "row")
    with faults("account.NO_SUCH_ACCOUNT", what="GetAccount"):
        rig.z.attributes(user, "zimbraId")
