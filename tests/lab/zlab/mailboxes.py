# SPDX-License-Identifier: Apache-2.0
"""Which mailboxes this node serves: loaded ones without a look at their home, others only if
it is here; lockouts and exclusive exports in memory alone.
"""

import contextlib
import threading

from .faultcodes import Fault, maintenance, wrong_host


class Mailboxes:
    def __init__(self, store, host, habits):
        self.store, self.host, self.habits = store, host, habits
        self._lock = threading.RLock()
        self._lockouts = set()     # account ids
        self._exclusive = {}       # account id -> owner of the exclusive export

    # -- opening --

    def open(self, account, create=True, check_host=True, owner=None):
        """The Mailbox. The host is looked at only when it has to be loaded or made: a loaded
        one is served whoever's home the account is now."""
        with self._lock:
            self.check_open(account.id, owner)
            check_host = check_host and account.home != self.host
            if self.store.cached(account.id):
                if check_host and not self.habits["loaded_mailbox_skips_host_check"]:
                    raise wrong_host(account.home)
                return self.store.get(account.id)
            row = self.store.row(account.id)
            if row is None and not create:
                raise Fault("mail.NO_SUCH_MBOX", "no mailbox for account: %s" % account.id)
            if check_host:
                raise wrong_host(account.home)
            return self.store.create(account.id) if row is None else self.store.get(account.id)

    @contextlib.contextmanager
    def use(self, account, **how):
        """The Mailbox, held: no lockout begins and nobody else works in it meanwhile."""
        while True:
            mailbox = self.open(account, **how)
            with mailbox.lock:
                self.check_open(account.id, how.get("owner"))
                if self.store.cached(account.id) and self.store.get(account.id) is mailbox:
                    yield mailbox
                    return

    def load_any(self, account):
        """Loads the mailbox if there is one here, wherever its home is (live-preseed 3, A2)."""
        with self._lock:
            if self.store.row(account.id) is not None and account.id not in self._lockouts:
                self.store.get(account.id)

    def check_open(self, account_id, owner=None):
        holder = self._exclusive.get(account_id)
        if account_id in self._lockouts or (holder is not None and holder is not owner):
            row = self.store.row(account_id)
            raise maintenance(row["id"] if row else account_id)

    # -- lockout and exclusive export --

    def lockout(self, account):
        with self.use(account):
            with self._lock:
                self._lockouts.add(account.id)

    def end_lockout(self, account_id):
        with self._lock:
            if account_id not in self._lockouts:
                raise Fault("service.NOT_FOUND", "not found: no maintenance lock for account %s"
                            % account_id)
            self._lockouts.discard(account_id)

    def begin_exclusive(self, account, owner):
        with self.use(account):
            with self._lock:
                self._exclusive[account.id] = owner

    def end_exclusive(self, account_id):
        """Zimbra drops the mailbox from its cache with this."""
        self.store.evict(account_id)    # waits for the mailbox, so not under our lock
        with self._lock:
            self._exclusive.pop(account_id, None)

    # -- the end of one --

    def delete(self, account):
        """The number of the mailbox that was deleted, None if there was none."""
        with self._lock:
            row = self.store.row(account.id)
            if row is None:
                return None
        with self.use(account, create=False) as mailbox:
            number = mailbox.id
            self.store.delete(account.id)
        return number
