# SPDX-License-Identifier: Apache-2.0
"""Fills the stores of stopped nodes: each mailbox the history that seedcontent plays, then what
ties mailboxes together: grants, mountpoints, zimbraSharedItem and data sources in LDAP.

The same seed gives the same content. Nothing is written twice: a whole node is one transaction.
"""

import json
import os
import random
import shutil
import time
import uuid

from zlab import calendar, model, seedtext
from zlab.directory import lab_uuid
from zlab.hooks import feed_source, shared_item_text
from zlab.histories import History
from zlab.mailbox import Mailbox
from zlab.seedcontent import FIRST, Content
from zlab.store import Store

RICH_FIRST = 6
ID_FACTOR, CHANGE_FACTOR = 3, 6


class Box:
    """One mailbox as seedcontent writes to it."""

    def __init__(self, store, account, rng):
        self.account, self.rng = account, rng
        def ids():
            return uuid.UUID(int=rng.getrandbits(128), version=4)
        self.mailbox = Mailbox.create(store, account.id, seedtext.EPOCH, ids)
        self.mailbox.clock, self.mailbox.ids = seedtext.EPOCH, ids
        self.links = []       # (id reserved for a mountpoint, its kind)
        self.feeds = []       # (folder id, url)

    def at(self, when):
        self.mailbox.clock = max(self.mailbox.clock, when)

    # -- structure --

    def tag(self, name, color=None, rgb=None):
        return self.mailbox.create_tag(name, color, rgb).id

    def folder(self, name, parent=1, view="message", **more):
        return self.mailbox.create_folder(name, parent, view, **more).id

    def set_folder(self, folder, **looks):
        self.mailbox.folder_action([folder], "color", **looks)

    def rename(self, folder, name):
        self.mailbox.folder_action([folder], "rename", name=name)

    def retention(self, folder, kind, lifetime):
        self.mailbox.folder_action([folder], "retentionpolicy", retention=[
            {"kind": kind, "lifetime": lifetime, "type": "user"}])

    def search(self, name, parent, query, types):
        return self.mailbox.create_search(name, parent, query, types, "dateDesc").id

    def feed(self, name, url):
        folder = self.mailbox.create_folder(name, 1, "message", url=url)
        self.feeds.append((folder.id, url))
        return folder.id

    def link_later(self, kind):
        """A mountpoint is made here; only its id is taken, its owner may not have played yet."""
        with self.mailbox.changing() as changes:
            self.links.append((self.mailbox.next_id(), changes.change, self.mailbox.clock, kind))

    def metadata(self, section, values):
        self.mailbox.set_metadata(section, values)

    # -- items --

    def message(self, folder, raw, when, flags, tags):
        self.at(when)
        return self.mailbox.add_message(folder, raw, flags, tags, when).id

    def invitation(self, folder, uid, subject, start, minutes, organizer, attendee, when, mid):
        self.at(when)
        text = seedtext.ics(uid, "REQUEST", subject, start, minutes, organizer, [attendee])
        raw = seedtext.invite_mail(self.rng, attendee, subject, when, mid, text, "REQUEST")
        return self.mailbox.add_message(folder, raw, "u", (), when, no_ical=False,
                                        attendee=attendee).id

    def move(self, item, folder):
        if self.mailbox.is_folder(item):
            self.mailbox.folder_action([item], "move", l=folder)
        else:
            self.mailbox.item_action([item], "move", l=folder)

    def flags(self, item, flags):
        self.mailbox.item_action([item], "flag" if flags == "f" else "update", f=flags)

    def delete(self, item):
        self.mailbox.item_action([item], "delete")

    def contact(self, folder, fields, tags):
        return self.mailbox.create_contact(folder, fields, (), tags).id

    def group(self, folder, name, members):
        return self.mailbox.create_contact(
            folder, {"nickname": name, "fileAs": "8:" + name, "type": "group"}, members).id

    def appointment(self, folder, uid, summary, start, minutes, organizer, attendees, tags,
                    rrule=None):
        text = seedtext.ics(uid, "REQUEST" if attendees else "PUBLISH", summary, start, minutes,
                            organizer, attendees, rrule)
        return self.mailbox.set_calendar(folder, calendar.parse(text), "appointment", tags).id

    def exception(self, series, summary, recurrence_id, start, minutes):
        first = self.mailbox.item(series).meta["invites"][0]
        text = seedtext.ics(first["uid"], "REQUEST", summary, start, minutes, first["organizer"],
                            [a["address"] for a in first.get("attendees", [])],
                            recurrence_id=recurrence_id, sequence=1)
        self.mailbox.add_exception(series, calendar.parse(text)[0])

    def reply(self, item, who, part_stat, when):
        self.mailbox.add_reply(item, who, part_stat, when)

    def task(self, folder, uid, summary, due, organizer, percent):
        text = seedtext.ics(uid, "PUBLISH", summary, due, 0, organizer, component="VTODO")
        invite = calendar.parse(text)[0]
        invite["percent"] = percent
        return self.mailbox.set_calendar(folder, [invite], "task").id

    def document(self, folder, name, contents, when, tags):
        self.at(when)
        item = self.mailbox.save_document(folder, name, contents[0], "application/octet-stream",
                                          creator=self.account.name, tags=tags, date=when)
        for number, data in enumerate(contents[1:], 1):
            self.mailbox.save_document(None, name, data, item=item.id, creator=self.account.name,
                                       date=when + number * 3600)
        return item.id

    # -- the end --

    def grant(self, folder, zid, perm, kind="usr"):
        self.mailbox.folder_action([folder], "grant",
                                   grants=[{"zid": zid, "gt": kind, "perm": perm}])

    def link(self, reserved, name, owner, remote_id, remote_uuid, view, color=None):
        """The mountpoint whose id was taken by link_later."""
        item_id, change, when, _ = reserved
        box = self.mailbox
        with box.changing() as changes:
            box.insert(changes, item_id, "link", model.ROOT, model.ROOT, name=name, imap_id=None,
                       color=color, flags=model.CHECKED if view == "appointment" else 0,
                       date=when, meta=json.dumps({
                           "owner": owner, "remote_id": remote_id, "remoteUuid": remote_uuid,
                           "view": view}, ensure_ascii=False))
            box.db.execute("UPDATE item SET mod_content=? WHERE mailbox_id=? AND id=?",
                           (change, box.id, item_id))

    def wind_up(self, count):
        """Counters as after a year of use."""
        box = self.mailbox
        box.last_item_id = max(box.last_item_id, model.FIRST_USER_ID + ID_FACTOR * count)
        box.change = max(box.change, CHANGE_FACTOR * count)

    def settle(self):
        with self.mailbox.changing() as changes:
            changes.row_exact = True


def is_rich(account, number, rng):
    """The first six users have everything, and two in five of the others."""
    return account.kind == "user" and account.size >= 1.0 \
        and (number <= RICH_FIRST or rng.random() < 0.4)


def run(lab, plan, scale, aged=False, histories=()):
    """Fills all stores anew. The nodes must be stopped, slapd must run."""
    begun, stores = time.monotonic(), {}
    for node in lab.nodes:
        _empty(node["dir"])
        stores[node["name"]] = Store(node["dir"], unsafe=True)
    boxes = play(plan, stores, scale, aged, histories)
    names = {a.id: a.name for a in plan.accounts}
    with lab.ldap() as ldap:
        for box in boxes.values():
            _directory(ldap, plan, box, names)
    items = sum(_count(store) for store in stores.values())
    for store in stores.values():
        store.close()
    _note(lab, plan, scale, aged, histories, boxes)
    return "seeded %d mailboxes, %d items in %.1f s" % (len(boxes), items,
                                                        time.monotonic() - begun)


def play(plan, stores, scale, aged=False, histories=()):
    """Writes every mailbox of the plan into {node name: Store}. Returns {account id: Box}.
    `histories`: how many items the first node's first users have, after a hostile history."""
    boxes, users = {}, 0
    first, first_node = list(FIRST.get(scale, ())), plan.accounts[0].node["name"]
    hostile = dict(zip([a.id for a in plan.of_kind("user") if a.node["name"] == first_node
                        and a.mailbox and a.size >= 1.0], histories))
    if len(hostile) < len(histories):
        raise RuntimeError("--histories: %d sizes for the %d users of %s; give more --mailboxes"
                           % (len(histories), len(hostile), first_node))
    for store in stores.values():
        store.db.execute("BEGIN IMMEDIATE")
    for account in plan.accounts:
        rng = random.Random("%s:%s" % (plan.seed, account.name))
        users += account.kind == "user"
        rich = is_rich(account, users, rng)
        if not account.mailbox:
            continue
        box = boxes[account.id] = Box(stores[account.node["name"]], account, rng)
        if account.id in hostile:
            box.content = History(box, rng, account, hostile[account.id])
        else:
            count = first.pop(0) if first and account.node["name"] == first_node else None
            box.content = Content(box, rng, account, scale, rich, count)
        box.mailbox.tracking_imap = rng.random() < 0.3
        box.content.play()
        if aged:
            box.wind_up(max(box.content.serial, 1))
    _shares(plan, boxes)
    for box in boxes.values():
        box.settle()
    for store in stores.values():
        store.db.execute("COMMIT")
    return boxes


def _count(store):
    return store.db.execute(
        "SELECT COUNT(*) FROM item WHERE type NOT IN ('folder','tag','link','search',"
        "'conversation')").fetchone()[0]


def _empty(node_dir):
    for name in ("mailbox.db", "mailbox.db-wal", "mailbox.db-shm"):
        path = os.path.join(node_dir, name)
        if os.path.exists(path):
            os.unlink(path)
    store = os.path.join(node_dir, "store")
    if os.path.isdir(store):
        for name in os.listdir(store):
            shutil.rmtree(os.path.join(store, name))


def _shares(plan, boxes):
    """Everyone shares with the next two of the list, who live on other nodes."""
    ring = [boxes[a.id] for a in plan.of_kind("user") if a.id in boxes]
    for number, box in enumerate(ring):
        others = [ring[(number + step) % len(ring)] for step in (1, 2)]
        projects = box.content.named["Projects"]
        if others[0] is not box:
            box.grant(projects, others[0].account.id, "rwidx")
        if others[1] is not box and others[1] is not others[0]:
            box.grant(model.CALENDAR, others[1].account.id, "r")
        if box.content.rich and "Team calendar" in box.content.named:
            box.grant(box.content.named["Team calendar"],
                      "00000000-0000-0000-0000-000000000000", "r", "all")
            box.grant(model.BRIEFCASE, "99999999-9999-9999-9999-999999999999", "r", "pub")
    for number, box in enumerate(ring):
        before, earlier = ring[number - 1], ring[(number - 2) % len(ring)]
        if earlier is not box and earlier is not before:
            _mount(box, box.links[0], earlier, model.CALENDAR, "calendar", 5)
        elif before is not box and box.links:
            _mount(box, box.links[0], before, before.content.named["Projects"], "projects", 5)
            continue
        if before is not box:
            box.link_later("folder")
            _mount(box, box.links[-1], before, before.content.named["Projects"], "projects", None)


def _mount(box, reserved, owner, folder_id, what, color):
    folder = owner.mailbox.folder(folder_id)
    box.link(reserved, "%s's %s" % (owner.account.local, what), owner.account.id, folder_id,
             folder.uuid, folder.view, color)


def _directory(ldap, plan, box, names):
    """zimbraSharedItem of an owner, the data sources of his feeds."""
    values = []
    for share in box.mailbox.shared_items():
        if share["granteeType"] == "usr":
            share["granteeName"] = names.get(share["granteeId"], "")
        values.append(shared_item_text(share))
    ldap.modify(box.account.dn, [("replace", "zimbraSharedItem", values)])
    for dn, _ in ldap.search(box.account.dn, "sub", "(objectClass=zimbraRssDataSource)",
                             ["zimbraDataSourceName"]):
        ldap.delete(dn)
    for folder_id, url in box.feeds:
        ldap.add(*feed_source(box.account.dn, lab_uuid(
            plan.seed, "datasource", box.account.name, "feed"), folder_id, url))


def _note(lab, plan, scale, aged, histories, boxes):
    """LABDIR/seed.json: what was asked for and what each mailbox got."""
    note = {"seed": plan.seed, "scale": scale, "aged": aged, "histories": list(histories),
            "mailboxes": {b.account.name: {"node": b.account.node["name"], "rich": b.content.rich,
                         "last_item_id": b.mailbox.last_item_id, "change": b.mailbox.change,
                         "bytes": b.mailbox.size} for b in boxes.values()}}
    with open(os.path.join(lab.dir, "seed.json"), "w", encoding="utf-8") as f:
        json.dump(note, f, indent=1)
        f.write("\n")
