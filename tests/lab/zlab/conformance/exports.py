# SPDX-License-Identifier: Apache-2.0
"""REST export: what is left out, where it is cut, what the archive looks like."""

import socket
import time

from ..zclient import message
from . import tarball
from .rig import Skip, check, equal, expect, faults, grant, save_document, texts, until

MESSAGE = 5


def ids(entries):
    return [e.id for e in entries if e.meta]


@check("a default export leaves out Trash and Junk", "zimbra 1.3")
def default_export(rig):
    user = rig.user()
    kept = user.add(2, message("in"))
    trash, junk = user.add(3, message("trash")), user.add(4, message("junk"))
    found = [e.id for e in rig.export(user) if e.type == MESSAGE]
    equal(found, [kept], "messages in a default export")
    equal(sorted(ids(rig.export(user, query="is:anywhere"))), [kept, trash, junk],
          "messages by query=is:anywhere")


@check("\\Deleted messages come by list= only", "move-protocol 2.6")
def deleted_flag(rig):
    user = rig.user()
    kept, gone = user.add_many(2, texts(2))
    user.action(gone, "update", f="x")
    equal(ids(rig.export(user, query="is:anywhere")), [kept], "ids by is:anywhere")
    equal([e.id for e in rig.export(user) if e.type == MESSAGE], [kept], "ids by default")
    equal(sorted(ids(rig.export(user, list="%d,%d" % (kept, gone)))), [kept, gone],
          "ids by list=")
    equal(user.ids(), [kept, gone], "ids by an initial Sync")


@check("folders and tags are exported only without a query", "zimbra 1.3")
def structure(rig):
    user = rig.user()
    folder, tag = user.create_folder("plans"), user.create_tag("work")
    user.add(folder, message("a"))
    plain = rig.export(user)
    expect(folder in ids(plain) and tag in ids(plain) and 2 in ids(plain),
           "folder %d, tag %d or Inbox missing in %r", folder, tag, plain)
    for params in ({"query": "is:anywhere"}, {"types": "message"}):
        rest = rig.export(user, **params)
        equal([e.type for e in rest], [MESSAGE], "entry types with %r" % params)


@check("folders, tags, links by list= come as .meta alone", "move-protocol 3")
def structure_by_list(rig):
    user, other = rig.user(), rig.user()
    other.folder_action(2, "grant", grant(user.id))
    wanted = [2, 5, user.create_folder("plans"), user.create_tag("work"),
              int(user.create_mountpoint("theirs", other, 2).get("id"))]
    found = rig.export(user, list=",".join(map(str, wanted)))
    equal(sorted(ids(found)), sorted(wanted), "ids")
    expect(all(e.data is None for e in found), "an item body next to a folder's .meta")


@check("a dead id in list= cuts the archive there, HTTP 200", "move-protocol 4.2")
def dead_id(rig):
    user = rig.user()
    a, b, c = user.add_many(2, texts(3))
    status, data = user.export(list="%d,%d,%d,%d" % (a, b, c + 5000, c))
    equal(status, 200, "status")
    equal(ids(tarball.read(data)), [a, b], "ids")
    status, data = user.export(list=str(c + 5000))
    equal((status, data), (204, b""), "answer to a list of dead ids")


@check("an empty export is 204", "move-protocol 4.1")
def empty_export(rig):
    equal(rig.user().export(query="is:anywhere"), (204, b""), "answer")


@check("list= of 6 kB is taken, of 20 kB refused with 414", "move-protocol 4.2")
def long_list(rig):
    user = rig.user()
    first = user.add(2, message("a"))
    equal(user.export(list=",".join([str(first)] * 1500))[0], 200, "status of 6 kB")
    equal(user.export(list=",".join([str(first)] * 5000))[0], 414, "status of 20 kB")


@check("archive entries: names, tar header, .meta keys", "zimbra 1.6")
def layout(rig):
    user = rig.user()
    date = 1600000000
    first = user.add(2, message("Hello there"), d=date * 1000, f="uf")
    second = user.add(2, message("read"), d=date * 1000)
    data = user.export(query="is:anywhere")[1]
    names = [info.name for info, _ in tarball.members(data)]
    equal(names[:2], ["Inbox/%010d-Hello there.eml%s" % (first, x) for x in (".meta", "")],
          "names of the first message")
    entries = {e.id: e for e in tarball.read(data)}
    head, meta = entries[first].header, entries[first].meta
    equal((head.gname, head.devmajor, head.mtime), ("message", MESSAGE, date),
          "group, device number, time")
    equal((head.mode & 0o200 == 0, entries[second].header.mode & 0o200 == 0), (True, False),
          "owner-write bit missing = unread")
    lacking = {"id", "uuid", "type", "parent_id", "folder_id", "imap_id", "date", "size",
               "blob_digest", "unread", "flags", "subject", "metadata", "mod_metadata",
               "change_date", "mod_content", "FlagStr", "Path", "Ver"} - set(meta)
    equal(lacking, set(), "missing .meta keys")
    equal((meta["folder_id"], meta["date"], meta["size"], set(meta["FlagStr"]), meta["Ver"],
           meta["Path"].strip("/")),
          (2, date, len(entries[first].data), set("uf"), 10, "Inbox"), ".meta values")


@check("every 500 items of a folder the path gets !1, !2", "zimbra 1.6")
def five_hundred(rig):
    user = rig.user()
    user.add_many(2, texts(501))
    folders = [e.name.partition("/")[0] for e in rig.export(user, query="is:anywhere")]
    equal((folders.count("Inbox"), folders.count("Inbox!1")), (500, 1), "entries per path")


@check("other items: contact by name, tags by name in TagNames, colon-separated", "zimbra 1.6")
def other_items(rig):
    user = rig.user()
    for _ in range(2):
        user.create_contact(firstName="Ann", lastName="Lee", email="ann@example.net")
    for tag in ("one", "two"):
        user.create_tag(tag)
    user.add(2, message("tagged"), tn="one,two")
    entries = rig.export(user, query="is:anywhere")
    names = [e.name for e in entries if e.type == tarball.TYPES["contact"]]
    expect(len(set(names)) == 2 and all(n.startswith("Contacts/Lee, Ann") for n in names),
           "contact names %r", names)
    tags = [e.meta["TagNames"] for e in entries if e.type == MESSAGE][0]
    equal(set(filter(None, tags.split(":"))), {"one", "two"}, "TagNames")


@check("body=0 is a manifest: headers, but size and digest of all", "move-protocol 4.9")
def manifest(rig):
    user = rig.user()
    text = message("manifest", body="secret body\r\n" * 50)
    user.add(2, text)
    full, = rig.export(user, query="is:anywhere")
    short, = rig.export(user, query="is:anywhere", body="0")
    expect(b"Subject: manifest" in short.data and b"secret body" not in short.data,
           "body=0 gave %r", short.data[-80:])
    equal([short.meta[k] for k in ("id", "size", "blob_digest")],
          [full.meta["id"], len(text), full.meta["blob_digest"]], "id, size, digest")


@check("modseq:>N and item:{a--b} select for export", "zimbra 5.2")
def by_modseq(rig):
    user = rig.user()
    a, b, c = user.add_many(2, texts(3))
    mark = user.change()
    user.action(a, "flag")
    equal(ids(rig.export(user, query="is:anywhere modseq:>%d" % mark)), [a], "modseq:>")
    equal(sorted(ids(rig.export(user, query="is:anywhere item:{%d--%d}" % (a, b)))), [a, b],
          "item:{a--b}")


@check("fmt=tar gives the same entries uncompressed", "performance A")
def plain_tar(rig):
    user = rig.user()
    user.add_many(2, texts(2))
    status, data = user.export(fmt="tar", query="is:anywhere")
    equal(status, 200, "status")
    expect(data[257:262] == b"ustar", "no tar: %r", data[:20])
    equal(ids(tarball.read(data)), ids(rig.export(user, query="is:anywhere")), "ids")


@check("what lies behind a mountpoint is not exported", "move-protocol 4.1")
def through_mountpoint(rig):
    user, other = rig.user(), rig.user()
    other.folder_action(2, "grant", grant(user.id))
    other.add(2, message("theirs"))
    user.create_mountpoint("theirs", other, 2)
    mine = user.add(2, message("mine"))
    equal(ids(rig.export(user, query="is:anywhere")), [mine], "ids")


@check("zimbraExportMaxDays refuses an export without dates, not one by list=", "zimbra 1.2")
def max_days(rig):
    user = rig.user(zimbraExportMaxDays="5")
    first = user.add(2, message("a"))
    status, data = user.export()
    expect(status >= 400, "status %d", status)
    equal(user.export(list=str(first))[0], 200, "status by list=")


@check("all revisions of a document come with list=", "move-protocol 3")
def revisions(rig):
    user = rig.user()
    item = save_document(user, "note.txt", b"one")
    save_document(user, "note.txt", b"two two", item, 1)
    found = rig.export(user, list=str(item))
    equal([e.data for e in found], [b"one", b"two two"], "contents")
    expect(all(e.type == tarball.TYPES["document"] for e in found), "types in %r", found)


@check("lock=1: LMTP and SOAP wait while it is read, and go on when the client leaves",
       "move-protocol 4.5")
def locked_export(rig):
    user = rig.user()
    user.token()
    big = message("big", body=("x" * 998 + "\r\n") * 1500)
    for _ in range(8):
        user.add(2, None, aid=user.upload(big.encode()))
    reader = open_export(rig, user, "fmt=tar&lock=1&query=is:anywhere")
    try:
        code = until(lambda: busy(user), "LMTP refused during lock=1", 5)
        equal(code, 451, "LMTP during the export")
        with faults("mail.MAINTENANCE", what="SOAP during the export"):
            user.change()
    finally:
        reader.close()
    until(lambda: user.deliver(message("after"))[0] == 250, "delivery after the abort", 10)


def busy(user):
    code = user.deliver(message("during"))[0]
    return code if code != 250 else None


def open_export(rig, user, query):
    """Starts an export and reads only its first bytes."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    plain.settimeout(30)
    plain.connect((user.home.address, user.home.ports["admin"]))
    sock = rig.z.tls.wrap_socket(plain, server_hostname=user.home.host)
    sock.sendall(("GET /service/home/%s/?%s HTTP/1.1\r\nHost: %s\r\n"
                  "Cookie: ZM_ADMIN_AUTH_TOKEN=%s\r\n\r\n"
                  % (user.name, query, user.home.host, rig.z.token)).encode())
    first = sock.recv(12)
    if b"200" not in first:
        raise Skip("the export answered %r" % first)
    time.sleep(0.1)
    return sock
