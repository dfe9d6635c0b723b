# SPDX-License-Identifier: Apache-2.0
"""Zimbra's faults: a code, whose fault it is (Sender or Receiver), a sentence, arguments."""

RECEIVER = frozenset((
    "mail.MAINTENANCE", "mail.TRY_AGAIN", "service.FAILURE", "service.PROXY_ERROR",
    "service.RESOURCE_UNREACHABLE", "service.TEMPORARILY_UNAVAILABLE", "service.INTERRUPTED",
    "service.TOO_MANY_HOPS", "mail.NO_SUCH_BLOB", "mail.QUOTA_EXCEEDED", "account.MAINTENANCE"))


class Fault(Exception):
    """A fault as Zimbra has it. `arguments`: {name: (type, value)}."""

    def __init__(self, code, reason, arguments=None, sender=None):
        super().__init__("%s: %s" % (code, reason))
        self.code, self.reason, self.arguments = code, reason, arguments or {}
        self.sender = code not in RECEIVER if sender is None else sender


def no_such_account(name):
    return Fault("account.NO_SUCH_ACCOUNT", "no such account: %s" % name)


def wrong_host(home):
    return Fault("service.WRONG_HOST", "operation sent to wrong host (you want '%s')" % home,
                 {"proxyurl": ("STR", "https://%s" % home)})


def maintenance(mailbox_id):
    return Fault("mail.MAINTENANCE", "mailbox in maintenance mode: %s" % mailbox_id,
                 {"mailboxId": ("NUM", str(mailbox_id))})


def auth_expired():
    return Fault("service.AUTH_EXPIRED", "auth credentials have expired")


def denied(what):
    return Fault("service.PERM_DENIED", "permission denied: %s" % what)


def invalid(why):
    return Fault("service.INVALID_REQUEST", "invalid request: %s" % why)
