# SPDX-License-Identifier: Apache-2.0
"""One mailbox node: python3 -m zlab.node --cluster LABDIR/cluster.json --node mbs1

Ports of its address: admin (SOAP for administrators, REST, /lab/...), mail (SOAP and REST for
users, uploads), lmtp, imap, imaps, pop, pops. SIGTERM ends it cleanly; whatever was answered before
is on disk.

Its parts: httpd, lmtp, mailport with imapd and popd (protocols); engine, soap, render, soap_* (SOAP:
who answers, envelopes, requests); rest, uploads (servlets); peers (to other nodes); accounts,
attributes, tokens, hooks (the directory); mailboxes (what is loaded or locked out) on top of store;
orders (ordered failures); standins (commands). What is stored, and archives, are store.py's and
archive_*'s.

/lab/habits, /lab/costs   GET: {name: value}; POST {name: value}: changes some
/lab/fault                POST {what, count, action, when} or {clear: true}; GET: what is pending
"""

import argparse
import itertools
import json
import os
import signal
import sys
import threading
import time

from . import httpd, soap_account, soap_admin, soap_config, soap_folders, soap_items, soap_mail
from . import sessions, soap_rights, standins
from .accounts import Accounts
from .costs import Costs
from .engine import Engine
from .faultcodes import Fault
from .habits import Habits
from .hooks import Hooks
from .imapd import Imap
from .lmtp import Lmtp
from .mailboxes import Mailboxes
from .mailport import MailPort
from .orders import Orders
from .peers import Peers
from .popd import Pop
from .rest import Rest
from .soap import ADMIN, el
from .store import Store
from .tokens import Mint
from .uploads import Uploads

# Entering the handlers is what these are imported for.
HANDLER_MODULES = (soap_account, soap_admin, soap_config, soap_folders, soap_items, soap_mail,
                   soap_rights, sessions)
MAIL_IDLE_S = 60        # zimbraHttpConnectorMaxIdleTimeMillis; the admin port never times out


class Node:
    def __init__(self, cluster, record):
        self.cluster, self.name, self.host = cluster, record["name"], record["host"]
        self.address, self.dir = record["address"], record["dir"]
        self.node_id, self.ports = record["id"], cluster["ports"]
        self.cert_file, self.key_file = record["cert_file"], record["key_file"]
        self.habits = Habits({**cluster.get("habits", {}), **record.get("habits", {})})
        self.costs = Costs({**cluster.get("costs", {}), **record.get("costs", {})})
        self.accounts = Accounts(cluster, self.habits)
        self.store = Store(self.dir, self.habits, self.costs)
        self.mailboxes = Mailboxes(self.store, self.host, self.habits)
        self.store.limits, self.store.listener = self._limits, Hooks(self)
        self.mint, self.orders = Mint(cluster["token_key"]), Orders()
        self.serial = itertools.count(int(time.time() * 1000)).__next__  # never given twice by this node
        self.peers, self.sessions = Peers(cluster), sessions.Sessions(self.habits)
        self.uploads, self.rest, self.engine = Uploads(self), Rest(self), Engine(self)
        self.stopping = threading.Event()
        context = httpd.server_context(self.cert_file, self.key_file)
        self.listeners = [
            httpd.Server(self.address, self.ports["admin"], "admin", context, self.serve),
            httpd.Server(self.address, self.ports["mail"], "mail", context, self.serve,
                         MAIL_IDLE_S),
            *[MailPort(self, port, make, port.endswith("s"))
              for port, make in (("imap", Imap), ("imaps", Imap), ("pop", Pop), ("pops", Pop))],
            Lmtp(self)]

    def _limits(self, account_id):
        """(quota in bytes, most contacts), 0 = no limit."""
        account = self.accounts.by_id(account_id)
        if account is None:
            return 0, 0
        return account.quota, int(account.effective("zimbraContactMaxNumEntries") or 0)

    def tell_to_flush(self, host, token, account_id):
        """ModifyAccount.checkNewServer: the new home forgets the account; if it can be told."""
        try:
            self.peers.soap(host, "admin", token, el(
                "FlushCacheRequest", {"xmlns": ADMIN}, el(
                    "cache", {"type": "account"}, el("entry", {"by": "id"}, account_id))))
        except Fault as fault:
            print("cannot flush %s on %s: %s" % (account_id, host, fault), file=sys.stderr)

    # -- HTTP --

    def serve(self, http):
        path = http.path
        if path.startswith("/home/"):
            path = http.path = "/service" + path
        if path.startswith(("/service/soap", "/service/admin/soap")):
            if http.method != "POST":
                http.reply(405)
            else:
                self.engine.serve(http)
        elif path.startswith(("/service/home/", "/service/user/")):
            self.rest.serve(http)
        elif path.startswith("/service/upload"):
            self._upload(http)
        elif path.startswith("/lab/") and http.port == "admin":
            self._lab(http)
        else:
            http.reply(404, "not found")

    def _upload(self, http):
        try:
            _, account = self.rest.caller(http)
        except Fault:
            http.reply(401, "401,'null'\n")
            return
        self.uploads.serve(http, account)

    def _lab(self, http):
        """The lab's own switches."""
        what = http.path[len("/lab/"):].strip("/")
        body = http.read(-1) if http.method == "POST" else b""
        try:
            change = json.loads(body) if body.strip() else None
            if what in ("habits", "costs"):
                switches = self.habits if what == "habits" else self.costs
                if change:
                    switches.set(change)
                shown = switches.as_dict()
            elif what == "fault":
                if change:
                    self.orders.take(change)
                shown = self.orders.listed()
            elif what == "sessions":
                if change:
                    self.sessions.use(change.get("id"), change["account"], change["kind"])
                shown = [{"id": s.id, "account": s.account_id, "kind": kind, "used": s.used}
                         for kind in sessions.KINDS for s in self.sessions.listed(kind)]
            else:
                http.reply(404, "the lab has habits, costs, fault and sessions\n", "text/plain")
                return
        except (ValueError, KeyError, TypeError) as e:
            http.reply(400, "%s\n" % e, "text/plain; charset=utf-8")
            return
        http.reply(200, json.dumps(shown), "application/json")

    # -- life --

    def run(self):
        for listener in self.listeners:
            listener.start()
        self.stopping.wait()
        for listener in self.listeners:
            listener.close()
        self.store.close()


def main():
    parser = argparse.ArgumentParser(prog="zlab.node", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--node", required=True)
    args = parser.parse_args()
    with open(args.cluster, encoding="utf-8") as f:
        cluster = json.load(f)
    record = next((n for n in cluster["nodes"] if args.node in (n["name"], n["host"])), None)
    if record is None:
        sys.exit("no node %s in %s" % (args.node, args.cluster))
    sys.setswitchinterval(0.002)
    standins.write(record["dir"], os.path.abspath(args.cluster), record["name"])
    node = Node(cluster, record)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: node.stopping.set())
    node.run()
    sys.stdout.flush()
    os._exit(0)     # threads that wait for clients hold nothing that is worth waiting for


if __name__ == "__main__":
    main()
