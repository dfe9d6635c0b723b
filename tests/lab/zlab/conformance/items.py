# SPDX-License-Identifier: Apache-2.0
"""AddMsg fidelity, folders, tags, moves; the shape of SOAP answers and faults."""

import hashlib

from ..zclient import Fault, MAIL, el, message, request
from .rig import Failed, check, equal, expect, faults


def stored(rig, user, item):
    entry, = rig.export(user, list=str(item))
    return entry.data


def added(rig, user, text):
    return stored(rig, user, user.add(2, text))


def uploaded(rig, user, data):
    return stored(rig, user, user.add(2, None, aid=user.upload(data)))


@check("AddMsg inline keeps CR LF, UTF-8, long lines, trailing blanks, no final newline",
       "live-preseed 5")
def inline_equal(rig):
    user = rig.user()
    for text in kept_texts():
        equal(digest(added(rig, user, text)), digest(text.encode()), "digest of %r" % text[-20:])


@check("AddMsg aid= keeps them too", "live-preseed 5")
def upload_equal(rig):
    user = rig.user()
    for text in kept_texts():
        equal(digest(uploaded(rig, user, text.encode())), digest(text.encode()),
              "digest of %r" % text[-20:])


def kept_texts():
    for body in ("plain\r\n", "no final newline", "z\u00fcr \u20ac\r\n", "x" * 30000 + "\r\n",
                 "trailing  \t \r\n\r\n"):
        yield message("m", body=body, X_Empty="", Return_Path="<a@example.net>")
    yield message("m", body="--b\r\nContent-Type: text/plain\r\n\r\none\r\n--b\r\n"
                  "Content-Type: text/html\r\n\r\n<p>two\r\n--b--\r\n",
                  Content_Type='multipart/alternative; boundary="b"')


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16], len(data)


@check("AddMsg turns bare LF into CR LF", "live-preseed 5")
def bare_lf(rig):
    user = rig.user()
    text = message("m", body="one\r\ntwo\r\n")
    equal(added(rig, user, text.replace("\r\n", "\n")), text.encode(), "pure LF")
    equal(added(rig, user, text.replace("one\r\n", "one\n")), text.encode(), "mixed")


@check("AddMsg inline: a control character is a parse error; a bare CR needs &#13;",
       "live-preseed 5")
def inline_limits(rig):
    user = rig.user()
    last = user.last_id()
    for odd in "\0\x01\x0b":
        with faults("service.PARSE_ERROR", what="a batch with %r in it" % odd):
            user.add_many(2, [message("m"), message("m", body="a%sb\r\n" % odd)])
    equal(user.last_id(), last, "last id after them")
    text = message("m", body="a\rb\r\n")
    equal(added(rig, user, text), text.encode(), "bare CR as &#13;")


@check("AddMsg aid= keeps 8-bit, control characters, mixed line ends; not pure LF",
       "live-preseed 5")
def by_upload(rig):
    user = rig.user()
    for body in (b"caf\xe9\r\n", b"a\x01\0b\r\n", b"one\ntwo\r\n", b"a\rb\r\n"):
        data = message("m", body="", Content_Type="text/plain; charset=iso-8859-1").encode()
        data += body
        equal(digest(uploaded(rig, user, data)), digest(data), "digest of %r" % body)
    data = message("m", body="one\r\n").replace("\r\n", "\n").encode()
    expect(len(uploaded(rig, user, data)) != len(data), "pure LF came through in its size")


@check("a raw 8-bit header, or no header at all, is not kept by AddMsg", "live-preseed 5")
def odd_headers(rig):
    user = rig.user()
    for what, text in (("raw 8-bit header", message("m", X_Name="J\u00f6rg")),
                       ("a message without header", "\r\nbody without a header\r\n")):
        expect(uploaded(rig, user, text.encode()) != text.encode(), "%s by aid unchanged", what)
        expect(added(rig, user, text) != text.encode(), "%s inline unchanged", what)


@check("AddMsg: d= is milliseconds stored in seconds, f= and tn= are kept, s= is the size",
       "live-preseed 4")
def add_attributes(rig):
    user = rig.user()
    user.create_tag("work")
    text = message("m")
    answer = rig.z.call(user.home, user.add_request(2, text, d=1600000000999, f="uf",
                                                    tn="work"), token=user.token(), port="mail")
    node = answer.find("m")
    equal(int(node.get("s")), len(text), "s")
    found = user.msg(node.get("id"))
    equal((found.get("d"), set(found.get("f")), found.get("tn")),
          ("1600000000000", set("uf"), "work"), "d, f, tn")


@check("an upload is good only with the kind of token that made it", "live-preseed 4")
def upload_token(rig):
    user = rig.user()
    data = message("m").encode()
    mine, admins = user.upload(data), user.upload(data, token="admin", port="admin")
    with faults("mail.NO_SUCH_UPLOAD", what="the administrator's upload, user's AddMsg"):
        user.add(2, None, aid=admins)
    with faults("mail.NO_SUCH_UPLOAD", what="the user's upload, administrator's AddMsg"):
        user.add(2, None, aid=mine, token="admin")
    user.add(2, None, aid=mine)
    user.add(2, None, aid=admins, token="admin")
    equal(len(user.ids()), 2, "messages")


@check("moving to Trash marks read, but not what is there already", "move-protocol 5")
def trash_reads(rig):
    user = rig.user()
    a, b = (user.add(f, message("m"), f="u") for f in (2, 3))
    user.action([a], "trash")
    user.action([b], "move", l=3)
    equal([user.msg(i).get("f") or "" for i in (a, b)], ["", "u"], "flags")
    equal(user.ids(folder=3), [a, b], "messages in Trash")


@check("ItemAction update sets folder, flags and tags at once", "live-preseed 4")
def update(rig):
    user = rig.user()
    user.create_tag("work")
    item = user.add(2, message("m"), f="u")
    user.action(item, "update", l=5, f="fr", tn="work")
    found = user.msg(item)
    equal((found.get("l"), set(found.get("f")), found.get("tn")), ("5", set("fr"), "work"),
          "folder, flags, tags")
    user.action(item, "update", f="", tn="")
    found = user.msg(item)
    equal((found.get("f") or "", found.get("tn") or ""), ("", ""), "flags, tags after emptying")


@check("a name that exists is mail.ALREADY_EXISTS; with fie=1 the folder there is given",
       "zimbra 1.12")
def exists(rig):
    user = rig.user()
    folder = user.create_folder("plans")
    with faults("mail.ALREADY_EXISTS", what="a second folder"):
        user.create_folder("plans")
    equal(user.create_folder("plans", fie="1"), folder, "id with fie=1")
    user.create_tag("work")
    with faults("mail.ALREADY_EXISTS", what="a second tag"):
        user.create_tag("work")


@check("deleting a folder deletes what is in it; a stale id is mail.NO_SUCH_MSG", "move-protocol 2.4")
def delete_folder(rig):
    user = rig.user()
    folder = user.create_folder("plans")
    item = user.add(folder, message("m"))
    user.folder_action(folder, "delete")
    equal(user.ids(), [], "messages")
    with faults("mail.NO_SUCH_MSG", what="GetMsg of a deleted id"):
        user.msg(item)
    with faults("mail.NO_SUCH_FOLDER", what="AddMsg into the deleted folder"):
        user.add(folder, message("m"))


@check("a BatchRequest keeps the order, and a fault of one part is that part's alone",
       "zimbra 9.1")
def batch(rig):
    user = rig.user()
    last = user.last_id()
    parts = user.batch([user.add_request(2, message("a")),
                        request("GetMsgRequest", MAIL, None, el("m", {"id": 99999})),
                        user.add_request(2, message("b")),
                        request("GetLastItemIdInMailboxRequest", MAIL)])
    equal(len(parts), 4, "parts")
    expect(isinstance(parts[1], Fault) and parts[1].code == "mail.NO_SUCH_MSG",
           "second part %r", parts[1])
    equal([parts[0].find("m").get("id"), parts[2].find("m").get("id"), parts[3].get("id")],
          [str(last + 1), str(last + 2), str(last + 2)], "ids")


@check("a fault: HTTP 500, Sender or Receiver, Zimbra's code, a Trace", "zimbra 9.3")
def fault_shape(rig):
    user = rig.user()
    try:
        user.msg(99999)
    except Fault as fault:
        equal((fault.status, fault.sender, fault.code), (500, True, "mail.NO_SUCH_MSG"),
              "status, sender, code")
        expect(fault.trace and fault.reason, "no Trace or no Reason")
        return
    raise Failed("no fault came")


@check("the user's SOAP path is refused on the admin port", "live-preseed 4")
def admin_port(rig):
    user = rig.user()
    with faults("service.FAILURE", "service.PERM_DENIED", "service.INVALID_REQUEST", "?",
                what="/service/soap on 7071"):
        user.call("NoOpRequest", port="admin", path="/service/soap/")


@check("no token: service.AUTH_REQUIRED; an unknown account: account.NO_SUCH_ACCOUNT",
       "zimbra 9.3")
def no_token(rig):
    with faults("service.AUTH_REQUIRED", what="a request without a token"):
        rig.z.admin(rig.source, "GetAllMailboxesRequest", token=None)
    with faults("account.NO_SUCH_ACCOUNT", what="DelegateAuth for nobody"):
        rig.z.admin(rig.source, "DelegateAuthRequest", None, el(
            "account", {"by": "name"}, "zmferry-check-nobody@" + rig.z.domain))
    with faults("service.UNKNOWN_DOCUMENT", what="an unknown request"):
        rig.z.admin(rig.source, "NoSuchThingRequest")
    with faults("account.AUTH_FAILED", what="a wrong password"):
        wrong = rig.user()
        wrong.password = "not-it"
        wrong.login()


@check("search: by folder id, by folder name; Trash and Junk only by is:anywhere", "zimbra 1.3")
def search(rig):
    user = rig.user()
    a, b, c = (user.add(f, message("m")) for f in (2, 3, 4))
    ids = lambda query: sorted(int(m.get("id")) for m in user.search(query) if m.tag == "m")
    equal(ids("inid:2"), [a], "inid:2")
    equal(ids("in:trash"), [b], "in:trash")
    equal(ids("is:anywhere"), [a, b, c], "is:anywhere")
