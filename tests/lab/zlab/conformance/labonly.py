# SPDX-License-Identifier: Apache-2.0
"""What only the lab has: its switches, its disk, its faults, its stand-ins for commands."""

import contextlib
import json
import os
import sqlite3
import subprocess
import threading
import time
from xml.etree import ElementTree

from ..zclient import ADMIN, MAIL, el, message, request
from ..cluster import Lab
from . import seeding, tarball
from .exports import ids
from .imports import archive_of, noise_archive
from .rig import check, equal, expect, faults, texts


def lab(rig, what, change=None, server=None):
    """GET or POST of a lab-only endpoint; returns what it answers."""
    status, _, data = rig.z.http(server or rig.source, "admin", "POST" if change else "GET",
                                 "/lab/" + what, json.dumps(change).encode() if change else None,
                                 {"Content-Type": "application/json"})
    equal(status, 200, "status of /lab/%s (%r)" % (what, data[:200]))
    return json.loads(data or b"null")


@contextlib.contextmanager
def switched(rig, what, **change):
    """Changes habits or costs for the length of a block."""
    before = lab(rig, what)
    old = {name: value_of(before[name]) for name in change}
    lab(rig, what, change)
    try:
        yield
    finally:
        lab(rig, what, old)


def value_of(shown):
    return shown["value"] if isinstance(shown, dict) else shown


def node(rig):
    return [n for n in rig.lab["nodes"] if n["host"] == rig.source.host][0]


@check("every habit is listed and can be set and put back", "lab", lab_only=True)
def habits(rig):
    before = {k: value_of(v) for k, v in lab(rig, "habits").items()}
    expect(len(before) > 10, "only %d habits", len(before))
    for name, value in before.items():
        if isinstance(value, bool):
            lab(rig, "habits", {name: not value})
            equal(value_of(lab(rig, "habits")[name]), not value, "habit " + name)
            lab(rig, "habits", {name: value})
    equal({k: value_of(v) for k, v in lab(rig, "habits").items()}, before, "habits afterwards")


@check("a missing blob: the item is skipped, 200", "zimbra 1.5", lab_only=True)
def missing_blob(rig):
    user = rig.user()
    a, b, c = user.add_many(2, texts(3))
    remove_blob(rig, user, b)
    status, data = user.export(query="is:anywhere")
    equal((status, ids(tarball.read(data))), (200, [a, c]), "status, ids")
    status, data = user.export(list="%d,%d,%d" % (a, b, c))
    equal((status, ids(tarball.read(data))), (200, [a, c]), "status, ids by list=")
    equal(user.ids(), [a, b, c], "ids by Sync")


def remove_blob(rig, user, item):
    place = node(rig)["dir"]
    with contextlib.closing(sqlite3.connect(os.path.join(place, "mailbox.db"), timeout=10)) as db:
        path, = db.execute("SELECT blob_path FROM item JOIN mailbox ON mailbox.id = mailbox_id "
                           "WHERE account_id = ? AND item.id = ?", (user.id, item)).fetchone()
    found = [p for p in (path, os.path.join(place, path), os.path.join(place, "store", path))
             if os.path.isfile(p)]
    expect(found, "blob file %r not found", path)
    os.unlink(found[0])


@check("a fault can be ordered: before or after the effect", "lab", lab_only=True)
def ordered_fault(rig):
    user = rig.user()
    order = {"what": "soap:CreateTagRequest", "count": 1, "action": "fault:service.FAILURE"}
    lab(rig, "fault", {**order, "when": "before"})
    with faults("service.FAILURE", what="CreateTag"):
        user.create_tag("one")
    user.create_tag("one")
    lab(rig, "fault", {**order, "when": "after"})
    with faults("service.FAILURE", what="CreateTag"):
        user.create_tag("two")
    with faults("mail.ALREADY_EXISTS", what="CreateTag once more"):
        user.create_tag("two")


@check("costs: import_item_ms is paid per item", "lab", lab_only=True)
def costs(rig):
    user, data = rig.user(), tarball.write(archive_of(rig, 10))
    with switched(rig, "costs", import_item_ms=30):
        start = time.monotonic()
        user.load(data)
        took = time.monotonic() - start
    expect(took > 0.25, "10 items took %.2f s at 30 ms each", took)


@check("costs: AddMsg pays per message, its mailbox held; a batch pays for one request", "lab",
       lab_only=True)
def seeding_costs(rig):
    users = [rig.user(), rig.user()]
    for user in users:
        user.token()

    def took(*lots):
        threads = [threading.Thread(target=lot) for lot in lots]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - start
    with switched(rig, "costs", add_message_ms=30):
        alone = took(lambda: users[0].add_many(2, texts(10, "a")))
        shared = took(*[lambda n=n: users[0].add_many(2, texts(10, n)) for n in "bc"])
        apart = took(*[lambda u=u: u.add_many(2, texts(10, "d")) for u in users])
    expect(alone > 0.3, "10 messages took %.2f s at 30 ms each", alone)
    expect(shared > 0.6, "20 messages by two clients took %.2f s in one mailbox", shared)
    expect(apart < shared * 0.8, "%.2f s in two mailboxes, %.2f s in one", apart, shared)
    with switched(rig, "costs", request_ms=50):
        batch = took(lambda: users[0].batch([request("NoOpRequest", MAIL)] * 10))
        single = took(lambda: [users[0].call("NoOpRequest") for _ in range(4)])
    expect(0.05 < batch < 0.2 < single, "a batch of 10 took %.2f s, 4 requests %.2f s", batch,
           single)


@check("the target killed and started: the copy is on its disk and not loaded, a search brings it "
       "back", "live-preseed 7", hosts=2, lab_only=True)
def killed(rig):
    user, copy, before = seeding.seeded(rig)
    keeper = seeding.keeper_at(rig)
    copy.burn_to(400)
    kept = [seeding.number(copy.add(t).get("id")) for t in texts(3)]
    machine = Lab(rig.lab["dir"]).load()
    name = machine.node(rig.target.host)["name"]
    machine.kill_node(name)
    machine.start_nodes([name])
    with faults("service.WRONG_HOST", what="the copy after the start"):
        copy.last_id()
    seeding.bring_back(rig, user, keeper)
    equal((copy.last_id(), user.ids(**seeding.pin(rig))), (419, kept), "last id, messages")
    equal(seeding.at_home(rig, user), before, "home copy")


def zmmailbox(rig, *words, stdin=None):
    done = subprocess.run([os.path.join(node(rig)["dir"], "bin", "zmmailbox"), *words],
                          input=stdin, capture_output=True, timeout=60, text=True)
    return done.returncode, done.stdout, done.stderr


@check("zmmailbox: exit 0, 1 for usage, 2 for a fault with ERROR on stderr; -f ends in 0",
       "zimbra 8.3", lab_only=True)
def exit_codes(rig):
    user = rig.user()
    user.add(2, message("a"))
    out = os.path.join(node(rig)["dir"], "check.tgz")
    try:
        code, _, err = zmmailbox(rig, "-z", "-m", user.name, "getRestURL", "-o", out, "/?fmt=tgz")
        equal(code, 0, "getRestURL (%s)" % err[:200])
        with open(out, "rb") as file:
            expect(tarball.read(file.read()), "the archive is empty")
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(out)
    equal(zmmailbox(rig, "--nonsense")[0], 1, "usage")
    code, _, err = zmmailbox(rig, "-z", "-m", "nobody@" + rig.z.domain, "getAllFolders")
    equal((code, err.startswith("ERROR:")), (2, True), "unknown account (%s)" % err[:200])
    rig.z.modify(user, zimbraAccountStatus="maintenance")
    rig.z.flush(user)
    equal(zmmailbox(rig, "-z", "-m", user.name, "getRestURL", "/?fmt=tgz")[0], 2, "maintenance")
    rig.z.modify(user, zimbraAccountStatus="active")
    rig.z.flush(user)
    equal(zmmailbox(rig, "-z", "-m", user.name, stdin="getFolder /nowhere\n")[0], 0, "by stdin")


@check("zmmailbox postRestURL of a truncated archive: exit 0, a part; an empty export: an error",
       "move-protocol 4.7", lab_only=True)
def silent_cli(rig):
    user, path = rig.user(), os.path.join(node(rig)["dir"], "check.tgz")
    equal(zmmailbox(rig, "-z", "-m", user.name, "getRestURL", "-o", path,
                    "/?fmt=tgz&query=is:anywhere")[0], 2, "getRestURL of an empty mailbox")
    data = noise_archive(rig)
    with open(path, "wb") as file:
        file.write(data[:len(data) * 6 // 10])
    try:
        equal(zmmailbox(rig, "-z", "-m", user.name, "postRestURL", "/?fmt=tgz", path)[0], 0,
              "postRestURL")
    finally:
        os.unlink(path)
    expect(0 < len(user.ids()) < 6, "%d of 6 messages imported", len(user.ids()))


@check("zmmailbox in a dialogue: prompts, silence, ERROR and usage; archives through named pipes",
       "zimbra 8.2, 8.3", lab_only=True)
def dialogue(rig):
    user, other = rig.user(), rig.user()
    user.add(2, message("dialogue"))
    fifo = os.path.join(node(rig)["dir"], "check.fifo")
    url = "https://%s:%d" % (rig.source.host, rig.z.cluster["ports"]["admin"])
    login = ("-z", "-A", "-u", url, "-f", "/dev/stdin")
    code, out, err = zmmailbox(rig, *login, "-m", user.id, stdin=(
        "getFolder\nnosuch 'a b'\ngetRestURL -u %s/service -o '%s.no' \"/?fmt=tar&list=99999\"\n"
        "getFol\\\nder /nowhere\n" % (url, fifo)))
    os.unlink(fifo + ".no")
    equal(code, 0, "exit code")
    expect(out.startswith("mailbox: %s, " % user.name), "opening: %s", out[:80])
    equal(out.count("mbox %s> " % user.name), 5, "prompts (%s)" % out)
    equal(out.count("usage:"), 1, "usages")
    lines = err.splitlines()
    equal(len(lines), 3, "errors (%s)" % err)
    expect("(Unknown command: (nosuch) " in lines[0], "unknown: %s", lines[0])
    expect("status=204" in lines[1], "empty: %s", lines[1])
    os.mkfifo(fifo, 0o600)
    try:
        with subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE) as reader:
            code, out, err = zmmailbox(rig, *login, "-m", user.name, stdin=(
                "getRestURL -u %s/service -o %s \"/?fmt=tar&query=is:anywhere\"\n" % (url, fifo)))
            data = reader.stdout.read()
        equal((err, out.count("> ")), ("", 2), "getRestURL (%s)" % out)
        with subprocess.Popen(["dd", "of=" + fifo, "status=none", "conv=notrunc"],
                              stdin=subprocess.PIPE) as writer:
            writer.stdin.write(data)
            writer.stdin.close()
            equal(zmmailbox(rig, *login, "-m", other.name, stdin=(
                "postRestURL -u %s/service \"/?fmt=tar&resolve=skip\" %s\n" % (url, fifo)))[2],
                  "", "postRestURL")
    finally:
        os.unlink(fifo)
    equal((len(user.ids()), len(other.ids())), (1, 1), "messages")


@check("localconfig.xml has the keys that an agent reads, and they work", "zimbra 8.1",
       lab_only=True)
def localconfig(rig):
    tree = ElementTree.parse(os.path.join(node(rig)["dir"], "conf", "localconfig.xml"))
    found = {k.get("name"): k.findtext("value") for k in tree.iter("key")}
    for name in ("zimbra_server_hostname", "zimbra_home", "zimbra_ldap_userdn",
                 "zimbra_ldap_password", "ldap_url", "ldap_master_url"):
        expect(found.get(name), "no key %s", name)
    equal(found["zimbra_server_hostname"], rig.source.host, "zimbra_server_hostname")
    rig.z.call(rig.source, request("AuthRequest", ADMIN, None,
                                   el("name", None, found.get("zimbra_ldap_user", "zimbra")),
                                   el("password", None, found["zimbra_ldap_password"])),
               token=None)
