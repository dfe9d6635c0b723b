# SPDX-License-Identifier: Apache-2.0
"""The oracle's eyes: everything that lies in the stores, read raw from SQLite and from the blobs.

Uses no code of the node: a bug there must not be able to hide itself here. The result is plain
JSON: {"time", "domain", "accounts": {zimbraId: directory facts}, "nodes": {name: {"host",
"mailboxes": {zimbraId: mailbox}}}}. A copy that nobody serves any more (an orphan) is in it as
well, under the node whose disk holds it.
"""

import hashlib
import json
import os
import sqlite3
import time

# Written by logins and by moving; everything else of an account must be as it was.
UNCOMPARED_ATTRIBUTES = ("zimbraMailHost", "zimbraMailTransport", "zimbraAuthTokenValidityValue",
                         "zimbraLastLogonTimestamp", "zimbraSharedItem", "userPassword",
                         "objectClass")


def take(lab):
    """The whole lab now. Nodes may run or not; slapd must."""
    nodes = {}
    for node in lab.nodes:
        nodes[node["name"]] = {"host": node["host"], "mailboxes": read_node(node["dir"])}
    return {"time": time.time(), "domain": lab.config["domain"], "accounts": directory(lab),
            "nodes": nodes}


# --- the directory ---------------------------------------------------------------------------------

def directory(lab):
    with lab.ldap() as ldap:
        rows = ldap.search("", "sub", "(&(objectClass=zimbraAccount)(zimbraMailHost=*))")
        sources = ldap.search("", "sub", "(objectClass=zimbraDataSource)")
    accounts = {}
    for dn, attrs in rows:
        one = {name: values[0] for name, values in attrs.items()}
        accounts[one["zimbraId"]] = {
            "name": one.get("zimbraMailDeliveryAddress") or one.get("mail") or dn,
            "host": one["zimbraMailHost"], "transport": one.get("zimbraMailTransport", ""),
            "status": one.get("zimbraAccountStatus", ""),
            "attributes": {name: sorted(values) for name, values in attrs.items()
                           if name not in UNCOMPARED_ATTRIBUTES},
            "shared": sorted(_shared_item(v) for v in attrs.get("zimbraSharedItem", [])),
            "sources": {a["zimbraDataSourceName"][0]: {n: sorted(v) for n, v in a.items()}
                        for source, a in sources if source.endswith("," + dn)}}
    return accounts


def _shared_item(value):
    """One value of zimbraSharedItem without the parts that a move may change."""
    parts = [p for p in value.split(";") if not p.startswith("folderUuid:")]
    return ";".join(sorted(parts))


# --- one node's disk -------------------------------------------------------------------------------

def read_node(node_dir):
    """{zimbraId: mailbox} of all rows of mailbox.db, whoever is at home elsewhere."""
    path = os.path.join(node_dir, "mailbox.db")
    if not os.path.exists(path):
        return {}
    db = sqlite3.connect(path, timeout=30)
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA query_only=1")
        db.execute("BEGIN")
        found = {}
        for row in db.execute("SELECT * FROM mailbox"):
            row = dict(row)
            if row.get("deleted"):
                continue
            found[row["account_id"]] = _mailbox(db, row, node_dir)
        return found
    finally:
        db.close()


def _mailbox(db, row, node_dir):
    number = row["id"]
    items = [_item(dict(r), node_dir)
             for r in db.execute("SELECT * FROM item WHERE mailbox_id=? ORDER BY id", (number,))]
    revisions = {}
    if _has_table(db, "revision"):
        for r in db.execute("SELECT * FROM revision WHERE mailbox_id=?", (number,)):
            r = dict(r)
            revisions.setdefault(r["item_id"], []).append(_revision(r, node_dir))
    for item in items:
        if item["id"] in revisions:
            item["revisions"] = sorted(revisions[item["id"]], key=lambda r: r["version"])
    sections = {r["section"]: r["body"] for r in db.execute(
        "SELECT section, body FROM mailbox_metadata WHERE mailbox_id=?", (number,))}
    return {"mailbox_id": number, "item_id": row["item_id_checkpoint"],
            "change": row["change_checkpoint"], "sections": sections, "items": items}


def _has_table(db, name):
    return db.execute("SELECT 1 FROM sqlite_master WHERE name=?", (name,)).fetchone() is not None


def _item(row, node_dir):
    item = {"id": row["id"], "type": row["type"], "folder": row["folder_id"],
            "parent": row["parent_id"], "date": row["date"], "size": row["size"],
            "digest": row["blob_digest"], "unread": bool(row["unread"]), "flags": row["flags"],
            "tags": sorted(_json(row["tags"]) or []), "subject": row["subject"],
            "name": row["name"], "meta": _json(row["metadata"]) or {},
            "imap": row["imap_id"], "modseq": row["mod_metadata"],
            "content_change": row["mod_content"], "color": _color(row)}
    if row["blob_digest"]:
        item["blob"] = _blob(row, node_dir)
    return item


def _color(row):
    return [row.get("color"), row.get("rgb")]


def _json(text):
    return json.loads(text) if isinstance(text, str) and text else text


def _blob(row, node_dir):
    """What is really in the file: the row may say anything."""
    path = row.get("blob_path")
    if not path:
        return {"missing": True}
    if not os.path.isabs(path):
        path = next((p for p in (os.path.join(node_dir, path),
                                 os.path.join(node_dir, "store", path)) if os.path.exists(p)),
                    path)
    try:
        with open(path, "rb") as f:
            raw = f.read()
    except OSError:
        return {"missing": True}
    unix = raw.replace(b"\r\n", b"\n")
    return {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest(),
            "text": hashlib.sha256(unix).hexdigest(),
            "body": hashlib.sha256(_body(raw)).hexdigest(),
            "bare_lf": unix.count(b"\n") != raw.count(b"\r\n"), "mid": _message_id(raw)}


def _body(raw):
    for mark in (b"\r\n\r\n", b"\n\n"):
        if mark in raw:
            return raw.split(mark, 1)[1]
    return raw


def _message_id(raw):
    head = raw[:65536].replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    for line in head.split(b"\n"):
        if line[:11].lower() == b"message-id:":
            return line[11:].strip().decode("utf-8", "replace")
    return None


def _revision(row, node_dir):
    return {"version": row["version"], "size": row.get("size"),
            "date": row.get("date"), "blob": _blob(row, node_dir)}
