# SPDX-License-Identifier: Apache-2.0
"""REST import: what it reports, what it hides, what it refuses, what it changes."""

import base64
import random
import threading

from ..zclient import callback_verdict, el, message
from . import tarball
from .rig import check, equal, expect, faults, grant, save_document, texts, until


def archive_of(rig, count=4, stem="m", **params):
    """Messages of a fresh mailbox's Inbox as archive entries."""
    user = rig.user()
    user.add_many(2, texts(count, stem))
    return rig.export(user, query="is:anywhere", **params)


def verdict(user, data, **params):
    """Imports with callback= and returns what the script said."""
    status, page = user.load(data, callback="x", **params)
    equal(status, 200, "import status")
    return callback_verdict(page)


def must_load(user, entries, **params):
    word, rest = verdict(user, tarball.write(entries), **params)
    equal(word, "success", "import (%s)" % rest[:300])


def subjects(user, folder=None):
    return sorted(user.msg(i).findtext("su") for i in user.ids(folder=folder))


@check("callback= says success; without it the answer is empty", "zimbra 1.7")
def success(rig):
    user, entries = rig.user(), archive_of(rig, 3)
    status, page = user.load(tarball.write(entries), callback="my.call_back")
    equal((status, callback_verdict(page)[0]), (200, "success"), "with callback")
    expect(b"window.parent.my.call_back(" in page, "page %r", page[:300])
    equal(rig.user().load(tarball.write(entries)), (200, b""), "without callback")
    equal(subjects(user), ["m000", "m001", "m002"], "imported messages")


@check("a truncated archive: warn and a part; 200 and nothing said without callback=",
       "move-protocol 4.7")
def truncated(rig):
    data = noise_archive(rig)
    cut = data[:len(data) * 6 // 10]
    user, silent = rig.user(), rig.user()
    equal(verdict(user, cut)[0], "warn", "with callback")
    expect(0 < len(user.ids()) < 6, "%d of 6 messages imported", len(user.ids()))
    equal(silent.load(cut), (200, b""), "without callback")
    expect(0 < len(silent.ids()) < 6, "%d of 6 messages imported", len(silent.ids()))


def noise_archive(rig):
    """Six messages that do not compress, so that a cut lies where one expects it."""
    user, rnd = rig.user(), random.Random(1)
    user.add_many(2, [message("n%d" % n, body="".join(
        base64.b64encode(rnd.randbytes(57)).decode() + "\r\n" for _ in range(300)))
        for n in range(6)])
    return tarball.write(rig.export(user, query="is:anywhere"))


@check("garbage instead of an archive: fail", "move-protocol 4.7")
def garbage(rig):
    user = rig.user()
    equal(verdict(user, b"this is no archive" * 50)[0], "fail", "with callback")
    status, _ = user.load(b"this is no archive" * 50)
    expect(status >= 400, "status %d without callback", status)


@check("a line over 10,240 bytes: warn and left out; AddMsg takes it; LMTP 501",
       "move-protocol 4.7")
def long_line(rig):
    source, user = rig.user(), rig.user()
    text = message("long", body="x" * 12000 + "\r\n")
    source.add(2, None, aid=source.upload(text.encode()))
    source.add(2, message("short"))
    word, rest = verdict(user, tarball.write(rig.export(source, query="is:anywhere")))
    equal(word, "warn", "import")
    expect("invalid" in rest, "no 'Message content is invalid' in %r", rest[:300])
    equal(subjects(user), ["short"], "imported messages")
    user.add(2, None, aid=user.upload(text.encode()))
    equal(subjects(user), ["long", "short"], "messages after AddMsg")
    equal(user.deliver(text)[0], 501, "LMTP")


@check("a message in a folder of another type: warn; AddMsg into that folder works",
       "move-protocol 4.7")
def wrong_view(rig):
    source, user = rig.user(), rig.user()
    lost, _ = source.add_many(2, texts(2))
    source.action(lost, "move", l=16)
    equal(source.ids(folder=16), [lost], "messages in Briefcase")
    word, rest = verdict(user, tarball.write(rig.export(source, query="is:anywhere")))
    equal(word, "warn", "import")
    expect("cannot contain" in rest or "INVALID_TYPE" in rest, "warning %r", rest[:300])
    equal(subjects(user), ["m001"], "imported messages")
    user.add(16, message("m000"))
    equal(len(user.ids(folder=16)), 1, "messages in Briefcase by AddMsg")


@check("over quota: the rest of the import is dropped, still 200", "zimbra 12")
def over_quota(rig):
    entries = rig.export(fat_user(rig), query="is:anywhere")
    data = tarball.write(entries)
    user, silent = (rig.user(zimbraMailQuota="50000") for _ in range(2))
    word, rest = verdict(user, data)
    equal(word, "warn", "with callback")
    expect("QUOTA_EXCEEDED" in rest or "quota" in rest.lower(), "warning %r", rest[:300])
    equal(silent.load(data), (200, b""), "without callback")
    for which in (user, silent):
        expect(0 < len(which.ids()) < 6, "%d of 6 messages imported", len(which.ids()))


def fat_user(rig):
    user = rig.user()
    user.add_many(2, [message("fat%d" % n, body=("y" * 70 + "\r\n") * 250) for n in range(6)])
    return user


@check("import gives new ids in archive order; flags, dates, digests are kept", "zimbra 1.9")
def kept(rig):
    source, user = rig.user(), rig.user()
    source.burn(30)
    wanted = {}
    for n, flags in enumerate(("", "u", "f", "ur", "fw")):
        source.add(2, message("m%d" % n), f=flags, d=1600000000000 + n * 1000)
    entries = rig.export(source, query="is:anywhere")
    last = user.last_id()
    must_load(user, entries)
    copies = rig.export(user, query="is:anywhere")
    equal(sorted(e.id for e in copies), list(range(last + 1, last + 6)), "new ids")
    for e in entries:
        wanted[e.meta["subject"]] = facts_of(e)
    equal({e.meta["subject"]: facts_of(e) for e in copies}, wanted, "what was kept")
    expect(all(c.meta["uuid"] not in {e.meta["uuid"] for e in entries} for c in copies),
           "a UUID survived")


def facts_of(entry):
    meta = entry.meta
    return (meta["blob_digest"], meta["size"], meta["date"], "".join(sorted(meta["FlagStr"])),
            sorted(filter(None, meta.get("TagNames", "").split(":"))), meta["Path"].strip("/"))


@check("odd names survive: folders, tags, subjects; : / \" and \\ are refused",
       "move-protocol 4.7")
def odd_names(rig):
    source, user = rig.user(), rig.user()
    for bad in ("a:b", "a/b", 'a"b'):
        with faults(what="folder %r" % bad):
            source.create_folder(bad)
    with faults(what="tag with a backslash"):
        source.create_tag("a\\b")
    names = ["a&b * ? ~ ! @ # $ % ^ ( ) +", "\u00dcml\u00e4ut", "dot.", "x" * 120]
    for n, name in enumerate(names):
        source.add(source.create_folder(name), message("f%d" % n))
    source.create_tag("t\u00e4g & more")
    subject = ["", "../../", "s" * 150]
    for s in subject:
        source.add(2, message(s), tn="t\u00e4g & more")
    source.add(2, "no header at all\r\n")
    entries = rig.export(source, query="is:anywhere")
    must_load(user, entries)
    copies = rig.export(user, query="is:anywhere")
    equal(sorted(map(facts_of, copies)), sorted(map(facts_of, entries)), "items")


@check("a missing folder or tag is created by the item that names it, and takes an id",
       "identity 3.5")
def implicit(rig):
    source, user = rig.user(), rig.user()
    source.create_tag("later")
    source.add(source.create_folder("deep", source.create_folder("top")), message("a"),
               tn="later")
    last = user.last_id()
    must_load(user, rig.export(source, query="is:anywhere"))
    equal(user.last_id(), last + 4, "last id (2 folders, 1 tag, 1 message)")
    names = {f.get("name") for f in user.folders().values()}
    expect({"top", "deep"} <= names, "folders %r", names)
    with faults("mail.ALREADY_EXISTS", what="CreateFolder afterwards"):
        user.create_folder("top")


@check("grants of system folders are lost with skip, restored with modify", "zimbra 1.8")
def system_grants(rig):
    source, user, friend = rig.user(), rig.user(), rig.user()
    source.folder_action(2, "grant", grant(friend.id))
    structure = [e for e in rig.export(source, list="2")]
    for mode, wanted in (("skip", []), ("modify", [friend.id])):
        must_load(user, structure, resolve=mode)
        equal([g.get("zid") for g in user.folders()["2"].iter("grant")], wanted,
              "grants on Inbox after " + mode)


@check("importing an existing search folder: ALREADY_EXISTS, swallowed by skip", "zimbra 1.8")
def search_folder(rig):
    source, user = rig.user(), rig.user()
    answer = source.call("CreateSearchFolderRequest", None, el(
        "search", {"name": "find", "query": "in:inbox", "types": "message", "l": 1}))
    data = tarball.write(rig.export(source, list=answer.find("search").get("id")))
    equal(verdict(user, data)[0], "success", "first import")
    equal(verdict(user, data, resolve="modify")[0], "warn", "second, modify")
    equal(verdict(user, data, resolve="skip")[0], "success", "third, skip")


@check("RGB colours: kept by rgb=, made a standard colour by tgz", "move-protocol 4.7")
def rgb(rig):
    source, user = rig.user(), rig.user()
    folder = source.create_folder("pink", rgb="#ff00aa")
    equal(source.folders()[str(folder)].get("rgb"), "#ff00aa", "rgb of CreateFolder")
    must_load(user, rig.export(source, list=str(folder)))
    copy = [f for f in user.folders().values() if f.get("name") == "pink"][0]
    equal((copy.get("rgb"), copy.get("color") is not None), (None, True), "rgb, color after tgz")


@check("group members of type C keep the old contact's id", "move-protocol 4.7")
def contact_group(rig):
    source, user = rig.user(), rig.user()
    member = source.create_contact(firstName="Ann", email="ann@example.net")
    source.create_contact(7, el("m", {"type": "C", "value": str(member)}),
                          nickname="friends", fileAs="8:friends", type="group")
    user.burn(40)
    must_load(user, rig.export(source, query="is:anywhere"))
    found = user.call("GetContactsRequest", {"derefGroupMember": "0"})
    members = [m.get("value") for m in found.iter("m")]
    equal([m.rpartition(":")[2] for m in members], [str(member)], "member reference")
    expect(str(member) not in [c.get("id") for c in found.findall("cn")],
           "the old id belongs to a contact")


@check("two imports with contacts at once share a cache: contacts vanish, answer 'success'",
       "identity 3.3")
def shared_contacts(rig):
    source, first, second = rig.user(), rig.user(), rig.user()
    for n in range(20):
        source.create_contact(firstName="C%d" % n, lastName="L", email="c%d@example.net" % n)
    people = rig.export(source, query="is:anywhere")
    must_load(first, people)
    mail = archive_of(rig, 2)
    tar = tarball.write(people + mail, pack=False)
    more, go_on = tarball.write(archive_of(rig, 400, "pad"), pack=False), threading.Event()

    def slowly():
        yield tar[:-1024]
        yield more[:len(more) // 2]
        go_on.wait(20)
        yield more[len(more) // 2:]

    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        first.load(slowly(), fmt="tar", callback="x")))
    thread.start()
    try:
        until(lambda: first.ids(), "messages of the first import", 15)
        word, rest = verdict(second, tarball.write(people, pack=False), fmt="tar")
    finally:
        go_on.set()
        thread.join()
    equal(word, "success", "second import (%s)" % rest[:200])
    arrived = len(second.ids("c"))
    expect(arrived < 20, "all 20 contacts arrived although both imports ran at once")
    equal(callback_verdict(answers[0][1])[0], "success", "first import")


@check("mailbox metadata is not exported", "zimbra 1.9")
def metadata(rig):
    source, user = rig.user(), rig.user()
    source.call("SetMailboxMetadataRequest", None, el(
        "meta", {"section": "zwc:implicit"}, el("a", {"n": "key"}, "value")))
    source.add(2, message("a"))
    read = lambda who: [a.text for a in who.call("GetMailboxMetadataRequest", None, el(
        "meta", {"section": "zwc:implicit"})).iter("a")]
    equal(read(source), ["value"], "section on the source")
    must_load(user, rig.export(source, query="is:anywhere"))
    equal(read(user), [], "section after import")


@check("an imported invite mail loses its appointment; AddMsg noICal=0 gives it back",
       "move-protocol 4.7")
def invite(rig):
    source, user = rig.user(), rig.user()
    text = invitation(source.name)
    source.add(2, text, noICal="0")
    equal((len(source.ids("appt")), flagged(source)), (1, [True]), "appointments, v on source")
    calendar = rig.export(source, query="is:anywhere", types="appointment")
    mail = rig.export(source, query="is:anywhere", types="message")
    must_load(user, calendar)
    must_load(user, mail)
    equal((len(user.ids("appt")), flagged(user)), (1, [False]), "appointments, v after tgz")
    lost, = user.ids()
    with faults("mail.NO_SUCH_CALITEM", what="a reply"):
        user.call("SendInviteReplyRequest", {"id": lost, "compNum": 0, "verb": "ACCEPT",
                                             "updateOrganizer": "FALSE"})
    user.action(lost, "delete")
    user.add(2, text, noICal="0")
    equal((len(user.ids("appt")), flagged(user)), (1, [True]), "appointments, v after AddMsg")


def flagged(user):
    return ["v" in (user.msg(i).get("f") or "") for i in user.ids()]


def invitation(attendee):
    body = ["BEGIN:VCALENDAR", "PRODID:-//example//EN", "VERSION:2.0", "METHOD:REQUEST",
            "BEGIN:VEVENT", "UID:check-%s" % attendee, "SUMMARY:Meeting",
            "ORGANIZER:mailto:boss@example.net",
            "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:" + attendee,
            "DTSTART:20300701T100000Z", "DTEND:20300701T110000Z", "DTSTAMP:20240701T100000Z",
            "SEQUENCE:0", "END:VEVENT", "END:VCALENDAR", ""]
    return message("Meeting", "\r\n".join(body), To=attendee, From="boss@example.net",
                   Content_Type="text/calendar; method=REQUEST; charset=utf-8")


@check("a document's revisions are imported one by one", "move-protocol 4.7")
def document(rig):
    source, user = rig.user(), rig.user()
    item = save_document(source, "note.txt", b"one")
    save_document(source, "note.txt", b"two two", item, 1)
    must_load(user, rig.export(source, list=str(item)))
    copy, = user.ids("doc")
    equal([e.data for e in rig.export(user, list=str(copy))], [b"one", b"two two"],
          "contents of the revisions")


@check("list= on import takes only those source ids", "zimbra 1.2")
def import_list(rig):
    user, entries = rig.user(), archive_of(rig, 3)
    must_load(user, entries, list=str(entries[1].id))
    equal(subjects(user), ["m001"], "imported messages")
