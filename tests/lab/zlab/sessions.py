# SPDX-License-Identifier: Apache-2.0
"""Sessions of one node, and what DumpSessions and GetSessions say of them (zimbra 9.2).

As SessionCache keeps them: in memory, by the account that signed in, whoever's mailbox it works
in. A session lingers when its owner has gone: it is swept when it was not used for its kind's
time, once a minute, and listed until then. Of one account only the latest few are kept.
"""

import threading
import time

from . import soap_admin
from .engine import handles
from .faultcodes import invalid
from .soap import ADMIN, answer, el, flag

# Session.Type: the first digit of an id, and how many an account may have.
KINDS = {"soap": (1, 5), "imap": (2, 15), "admin": (3, 5), "synclistener": (5, 5)}
LIFETIME_HABITS = {"soap": "soap_session_lingers_s", "imap": "imap_session_lingers_s"}
SWEEP_S = 60
ADMIN_LIFETIME_S = 600


class Session:
    def __init__(self, session_id, account_id, kind):
        self.id, self.account_id, self.kind, self.kept = session_id, account_id, kind, {}
        self.created = self.used = time.time()


class Sessions:
    def __init__(self, habits):
        self.habits, self.lock, self.last, self.rows = habits, threading.Lock(), 0, {}
        self.swept = time.time()

    def use(self, key, account_id, kind):
        """The session with this id, or a new one; it is used now."""
        with self.lock:
            self._sweep()
            found = self.rows.get(key)
            if found is None or (found.account_id, found.kind) != (account_id, kind):
                self.last += 1
                found = Session("%d%d" % (KINDS[kind][0], self.last), account_id, kind)
                self.rows[found.id] = found
                self._thin(account_id, kind)
            found.used = time.time()
            return found

    def end(self, key):
        with self.lock:
            self.rows.pop(key, None)

    def listed(self, kind):
        with self.lock:
            self._sweep()
            return [s for s in self.rows.values() if s.kind == kind]

    def _thin(self, account_id, kind):
        own = sorted((s for s in self.rows.values()
                      if (s.account_id, s.kind) == (account_id, kind)), key=lambda s: s.used)
        for session in own[:-KINDS[kind][1]]:
            del self.rows[session.id]

    def _sweep(self):
        now = time.time()
        if now - self.swept < SWEEP_S:
            return
        self.swept = now
        for key, session in list(self.rows.items()):
            habit = LIFETIME_HABITS.get(session.kind)
            if now - session.used > (self.habits[habit] if habit else ADMIN_LIFETIME_S):
                del self.rows[key]


def session_xml(context, session, named=True):
    account = context.accounts.by_id(session.account_id) if named else None
    who = {"zid": session.account_id,
           "name": account.name if account is not None else session.account_id} if named else {}
    state = [el("imap", {"folder": "INBOX"})] if session.kind == "imap" else []
    return el("s", {**who, "sid": session.id, "cd": int(session.created * 1000),
                    "ld": int(session.used * 1000)}, *state)


def kind_xml(context, kind, rows, how):
    """A kind's element: counts, or the sessions, by account or not."""
    accounts = sorted({s.account_id for s in rows})
    attrs = {"activeSessions": len(rows), "activeAccounts": len(accounts)}
    if how == "counts":
        return el(kind, attrs)
    if how == "flat":
        return el(kind, attrs, *[session_xml(context, s) for s in rows])
    return el(kind, attrs, *[
        el("zid", {"name": getattr(context.accounts.by_id(a), "name", a), "id": a},
           *[session_xml(context, s, False) for s in rows if s.account_id == a])
        for a in accounts])


@handles(ADMIN, "DumpSessionsRequest")
def dump_sessions(context, request):
    how = "counts" if not flag(request.get("listSessions")) \
        else "grouped" if flag(request.get("groupByAccount")) else "flat"
    found = {kind: context.node.sessions.listed(kind) for kind in KINDS}
    told = sum(len(rows) for rows in found.values())
    if context.habits["session_list_is_short"] and how != "counts":
        found = {kind: rows[1:] for kind, rows in found.items()}
    return answer(request, {"activeSessions": told}, *[
        kind_xml(context, kind, rows, how) for kind, rows in found.items() if rows])


@handles(ADMIN, "GetSessionsRequest")
def get_sessions(context, request):
    kind = (request.get("type") or "").lower()
    if kind not in KINDS:
        raise invalid("invalid session type: %s" % request.get("type"))
    keep = context.session is not None and context.habits["sessions_are_kept_in_session"]
    rows = context.session.kept.get("sessions", {}).get(kind) \
        if keep and not flag(request.get("refresh")) else None
    if rows is None:
        rows = [session_xml(context, s) for s in context.node.sessions.listed(kind)]
        if keep:
            context.session.kept["sessions"] = {kind: rows}
    offset = int(request.get("offset") or 0)
    page = rows[offset:offset + (int(request.get("limit") or 0) or soap_admin.PAGE_ALL)]
    return answer(request, {"more": "1" if len(rows) > offset + len(page) else "0",
                            "total": len(rows)}, *page)
