# SPDX-License-Identifier: Apache-2.0
"""What a mailbox writes into the directory when its folders change: the shares of an account
(AclPushTask), the data sources of its feeds (updateRssDataSource), its mail filters (FilterListener).
"""

import sys
import threading
import traceback
import uuid

from . import rules
from .ldapclient import ENTRY_EXISTS, LdapError

SHARE_KEYS = ("granteeId", "granteeName", "granteeType", "folderId", "folderUuid", "folderPath",
              "folderDefaultView", "rights", "type")


def shared_item_text(share):
    """One value of zimbraSharedItem (AclPushSerializer)."""
    parts = ["%s:%s" % (key, share.get(key) if share.get(key) is not None else "")
             for key in SHARE_KEYS]
    if share.get("expiry"):
        parts.append("expiry:%s" % share["expiry"])
    return ";".join(parts)


def shared_folder_id(text):
    for part in text.split(";"):
        if part.startswith("folderId:"):
            return int(part[9:] or 0)
    return 0


def feed_source(account_dn, source_id, folder_id, url):
    """(dn, attributes) of the data source that a folder with a URL gets."""
    kind, name = ("cal", "CAL") if url.endswith(".ics") else ("rss", "RSS")
    name = "%s-%d" % (name, folder_id)
    return "zimbraDataSourceName=%s,%s" % (name, account_dn), {
        "objectClass": ["zimbraRssDataSource"], "zimbraDataSourceName": [name],
        "zimbraDataSourceId": [source_id], "zimbraDataSourceType": [kind],
        "zimbraDataSourceEnabled": ["FALSE"], "zimbraDataSourceFolderId": [str(folder_id)],
        "zimbraDataSourcePollingInterval": ["12h"]}


class Hooks:
    """The store's listener."""

    def __init__(self, node):
        self.node = node
        self._lock = threading.Lock()     # one write of zimbraSharedItem at a time

    def __call__(self, mailbox, event, folder, before=None):
        """before: the path, or a tag's name, that it had."""
        try:
            if before is not None and self.node.habits["folders_rewrite_filters"]:
                self._filters(mailbox, event, folder, before)
            if event.startswith("tag"):
                return
            if event in ("created", "url") and folder.type == "folder":
                self._feed(mailbox, folder, folder.url)
            elif event == "deleted" and folder.type == "folder" and folder.url:
                self._feed(mailbox, folder, None)
            if event in ("acl", "named", "deleted") or (event == "created" and folder.grants):
                self._share(mailbox, folder)
        except Exception:       # as at Zimbra: the mailbox's change stays, the log has it
            traceback.print_exc(file=sys.stderr)

    # -- mail filters --

    def _filters(self, mailbox, event, folder, before):
        """As this node remembers them; what it does not know yet is overwritten."""
        account = self.node.accounts.by_id(mailbox.account_id)
        for name in rules.SCRIPTS if account is not None else ():
            script = account.get(name)
            if not script:
                continue
            if event == "named" and not mailbox.path(folder.id).startswith("/Trash/"):
                new = rules.folder_renamed(script, before, mailbox.path(folder.id))
            elif event in ("named", "deleted"):
                new = rules.folder_deleted(script, before)
            elif event == "tag_named":
                new = rules.tag_renamed(script, before, mailbox.tag(folder.id).name)
            else:
                new = rules.tag_deleted(script, before)
            if new != script:
                self.node.accounts.modify(account, [("replace", name, [new])])
                account.attrs[name] = [new]

    # -- feeds --

    def _feed(self, mailbox, folder, url):
        account = self.node.accounts.by_id(mailbox.account_id)
        if account is None:
            return
        source = None
        for found in self.node.accounts.sources(account):
            if found.get("zimbraDataSourceType") in ("rss", "cal") \
                    and found.get("zimbraDataSourceFolderId") == str(folder.id):
                source = found
        if url:
            if source is None and self.node.habits["feed_folder_makes_source"]:
                self._add(feed_source(account.dn, str(uuid.uuid4()), folder.id, url))
        elif source is not None and self.node.habits["folder_deletes_source"]:
            self.node.accounts.ldap.delete(source.dn)

    def _add(self, entry):
        try:
            self.node.accounts.ldap.add(*entry)
        except LdapError as e:
            if e.code != ENTRY_EXISTS:
                raise

    # -- shares --

    def _share(self, mailbox, folder):
        touched = {folder.id} | {f.id for f in _below(folder)}
        known = self.node.accounts.by_id(mailbox.account_id)
        if known is None or not (
                any(s["folderId"] in touched for s in mailbox.shared_items())
                or any(shared_folder_id(v) in touched for v in known.all("zimbraSharedItem"))):
            return
        wait = self.node.habits["shares_are_pushed_after_s"]
        if wait <= 0:
            self._push(mailbox, touched)
        else:
            timer = threading.Timer(wait, self._push_later, (mailbox, touched))
            timer.daemon = True
            timer.start()

    def _push_later(self, mailbox, touched):
        try:
            with mailbox.lock:
                self._push(mailbox, touched)
        except Exception:
            traceback.print_exc(file=sys.stderr)

    def _push(self, mailbox, touched):
        """Values of the folders that changed are made anew; all others are written as this node
        remembers them, which may be long ago."""
        accounts = self.node.accounts
        with self._lock:
            account = accounts.by_id(mailbox.account_id)
            if not self.node.habits["shares_are_pushed_from_cache"]:
                account = accounts.reread(mailbox.account_id)
            if account is None:
                return
            kept = [v for v in account.all("zimbraSharedItem")
                    if shared_folder_id(v) not in touched]
            new = [shared_item_text(self._named(s)) for s in mailbox.shared_items()
                   if s["folderId"] in touched]
            values = list(dict.fromkeys(kept + new))
            accounts.modify(account, [("replace", "zimbraSharedItem", values)])
            # What this node knows besides stays as old as it is.
            account.attrs["zimbraSharedItem"] = values

    def _named(self, share):
        """With the grantee's name: an account's or list's; of a guest the id is the name."""
        kind, zid = share.get("granteeType"), share.get("granteeId")
        return {**share, "granteeName": self.node.accounts.grantee_name(kind, zid)}


def _below(folder):
    for child in getattr(folder, "children", ()) or ():
        yield child
        yield from _below(child)
