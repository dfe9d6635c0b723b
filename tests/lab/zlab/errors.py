# SPDX-License-Identifier: Apache-2.0
"""Faults of a mailbox, with Zimbra's codes."""

NO_SUCH = {"message": "MSG", "conversation": "CONV", "contact": "CONTACT", "appointment": "APPT",
           "task": "TASK", "document": "DOC", "folder": "FOLDER", "search": "FOLDER",
           "link": "MOUNTPOINT", "tag": "TAG", "blob": "BLOB", None: "ITEM"}


class MailError(Exception):
    """`code` is Zimbra's; `sender`: the caller's fault, not the server's; `args_`: its <a>."""

    def __init__(self, code, text, sender=True, **args):
        super().__init__("%s: %s" % (code, text))
        self.code, self.text, self.sender, self.args_ = code, text, sender, args


def no_such(kind, item_id):
    code = "mail.NO_SUCH_" + NO_SUCH.get(kind, "ITEM")
    return MailError(code, "no such %s: %s" % (kind or "item", item_id), itemId=str(item_id))


def exists(name, item_id=None):
    more = {} if item_id is None else {"id": str(item_id)}
    return MailError("mail.ALREADY_EXISTS", "object with that name already exists: %s" % name,
                     name=str(name), **more)


def invalid(text):
    return MailError("service.INVALID_REQUEST", "invalid request: " + text)
