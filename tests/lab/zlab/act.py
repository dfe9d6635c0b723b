# SPDX-License-Identifier: Apache-2.0
"""People at work: SOAP users who read, flag, tag, move, delete, write drafts, make folders.

Each acts as a web client does: logs in with a password at the home server that LDAP names,
loads the mailbox (token-less Sync), works with the ids it got, stays with that server and
session until told otherwise, logs in again on AUTH_EXPIRED. Only messages with a subject that
is unique (it carries a serial number) are touched, so that the oracle can follow each.

LABDIR/act.jsonl, one object a line, in each person's own order:
  {"op", "ack", "account", "user", "subject", "id", "node", "t0", "t1", ... what was asked}
  ack true    the server said it was done
  ack false   the server refused: nothing was done
  ack null    the answer was lost or means nothing: it may have been done or not
  op: flag !flag read !read tag !tag (tag=NAME) move (folder=ID) trash delete
      draft (new) edit (old=SUBJECT) folder (name, folder=ID) rename (folder=ID, name, old)
"""

import fnmatch
import json
import os
import random
import re
import signal
import threading
import time

from zlab import zclient
from zlab.zclient import ACCOUNT, MAIL, Fault, el, request

# Subjects that occur once: seeded ones end in [name-serial], the rest are numbered by us.
UNIQUE = re.compile(r"\[[^\[\] ]+-\d+\]$|^storm [0-9a-f]+ \d+|^act [0-9a-f]+ ")
# Faults after which nobody can say whether it was done.
DOUBTFUL = ("service.FAILURE", "service.PROXY_ERROR", "service.RESOURCE_UNREACHABLE",
            "service.TOO_MANY_HOPS", "service.INTERRUPTED", "?")
NEW_SESSION = ("service.AUTH_EXPIRED", "service.AUTH_REQUIRED", "service.WRONG_HOST")
RELOAD_EVERY = 25
WEIGHTS = (("flag", 14), ("!flag", 8), ("read", 16), ("!read", 8), ("tag", 10), ("!tag", 5),
           ("move", 14), ("trash", 7), ("delete", 5), ("draft", 6), ("edit", 6), ("folder", 3),
           ("rename", 3))


class Person:
    def __init__(self, crew, name, account_id, seed):
        self.crew, self.name, self.account_id = crew, name, account_id
        self.random = random.Random(seed)
        self.server = self.token = None
        self.session = True     # one is asked for, then used on
        self.messages, self.subjects, self.tags = {}, {}, []
        self.folders, self.own_folders, self.drafts = [], {}, {}
        self.since_load = self.serial = self.done = self.logins = 0

    # -- session --

    def login(self):
        """True when there is a session with the mailbox loaded."""
        host = self.crew.home_of(self.account_id)
        self.server = self.crew.servers.get(host)
        if self.server is None:
            return False
        try:
            self.token = self.crew.z.call(self.server, request(
                "AuthRequest", ACCOUNT, None, el("account", {"by": "name"}, self.name),
                el("password", None, self.crew.password)),
                token=None, port="mail").findtext("authToken")
            self.session = True
            self.load()
        except (Fault, OSError, zclient.http.client.HTTPException):
            self.token = None
            return False
        self.logins += 1
        return True

    def load(self):
        self.messages, self.subjects, self.since_load = {}, {}, 0
        self.folders, self.own_folders = [2, 5], {}
        for folder in self.call("SyncRequest").iter("folder"):
            fid = int(folder.get("id"))
            name = folder.get("name") or ""
            if fid >= 256 and folder.get("view") in (None, "", "message") and not folder.get("url"):
                self.folders.append(fid)
            if name.startswith("act "):
                self.own_folders[fid] = name
            for m in folder.findall("m"):
                for item in filter(None, (m.get("ids") or "").split(",")):
                    self.messages[int(item)] = fid
        self.tags = [t.get("name") for t in self.call("GetTagRequest").iter("tag")]

    def call(self, tag, attrs=None, *children):
        answer = self.crew.z.call(self.server, request(tag, MAIL, attrs, *children),
                                  token=self.token, port="mail", session=self.session)
        self.session = answer.session or True
        return answer

    # -- one operation --

    def step(self):
        if self.token is None and not self.login():
            time.sleep(self.random.uniform(0.1, 0.4))
            return
        if self.since_load >= RELOAD_EVERY and not self.reading(self.load):
            return
        self.since_load += 1
        op = self.random.choices([w[0] for w in WEIGHTS], [w[1] for w in WEIGHTS])[0]
        if op == "draft":
            self.save_draft(None)
        elif op == "edit":
            self.edit_draft()
        elif op == "folder":
            self.new_folder()
        elif op == "rename":
            self.rename_folder()
        else:
            self.message_action(op)

    def reading(self, function, *args):
        """Runs something that changes nothing; False if it failed."""
        try:
            function(*args)
            return True
        except Fault as e:
            if e.code in NEW_SESSION or e.code.startswith("account."):
                self.token = None
            return False
        except (OSError, zclient.http.client.HTTPException):
            time.sleep(0.1)
            return False

    def perform(self, row, tag, attrs, *children):
        """Sends a change and logs how it went; the answer, or None."""
        row.update(account=self.account_id, user=self.name, node=self.server.host, t0=time.time())
        answer = None
        try:
            answer = self.call(tag, attrs, *children)
            row["ack"] = True
        except Fault as e:
            row.update(ack=None if e.code in DOUBTFUL else False, fault=e.code)
            if e.code in NEW_SESSION or e.code.startswith("account."):
                self.token = None
            else:
                self.since_load = RELOAD_EVERY  # what we know of the mailbox is old
        except (OSError, zclient.http.client.HTTPException) as e:
            row.update(ack=None, fault=str(e)[:200])
            self.since_load = RELOAD_EVERY
        row["t1"] = time.time()
        return row, answer

    def message_action(self, op):
        item = self.pick()
        if item is None:
            return
        subject = self.subjects[item]
        row, attrs = {"op": op, "id": item, "subject": subject}, {"id": item, "op": op}
        if op in ("tag", "!tag"):
            if not self.tags:
                return
            row["tag"] = attrs["tn"] = self.random.choice(self.tags)
        if op == "move":
            row["folder"] = attrs["l"] = self.random.choice(self.folders)
        if op == "trash":
            row["was"] = self.messages[item]
        row, answer = self.perform(row, "MsgActionRequest", None, el("action", attrs))
        if answer is not None:
            if op == "delete":
                self.messages.pop(item, None)
            elif op == "trash":
                self.messages[item] = 3
            elif op == "move":
                self.messages[item] = row["folder"]
        self.crew.note(row)
        self.done += 1

    def pick(self):
        """A message with a unique subject, not a draft; its subject is read if not yet known."""
        for _ in range(8):
            if not self.messages:
                return None
            item = self.random.choice(list(self.messages))
            if self.messages[item] in (4, 6):
                continue
            if item not in self.subjects and not self.reading(self.read_subject, item):
                self.messages.pop(item, None)
                return None
            if UNIQUE.search(self.subjects[item]):
                return item
            self.messages.pop(item)
        return None

    def read_subject(self, item):
        m = self.call("GetMsgRequest", None, el("m", {"id": item, "max": 1})).find("m")
        self.subjects[item] = m.findtext("su") or ""

    def label(self, kind):
        self.serial += 1
        return "act %s %s %s %d" % (self.crew.run_id, self.name.split("@")[0], kind, self.serial)

    def save_draft(self, draft_id, old=None):
        subject = self.label("draft")
        row = {"op": "edit" if draft_id else "draft", "subject": subject}
        if draft_id:
            row.update(id=draft_id, old=old)
        row, answer = self.perform(
            row, "SaveDraftRequest", None, el(
                "m", {"id": draft_id} if draft_id else {},
                el("e", {"t": "t", "a": "someone@partner.test"}), el("su", None, subject),
                el("mp", {"ct": "text/plain"}, el("content", None, "Draft: %s" % subject))))
        if answer is not None:
            row["id"] = int(answer.find("m").get("id").rpartition(":")[2])
            self.drafts[subject] = row["id"]
        if row["ack"] is not False and old:
            self.drafts.pop(old, None)
        self.crew.note(row)
        self.done += 1

    def edit_draft(self):
        """Re-saves a draft, found by its subject in what the mailbox holds now."""
        known = [i for i, folder in self.messages.items() if folder == 6]
        for item in known[:10]:
            if item not in self.subjects:
                self.reading(self.read_subject, item)
        mine = {i: self.subjects[i] for i in known
                if self.subjects.get(i, "").startswith("act %s " % self.crew.run_id)}
        if not mine:
            self.save_draft(None)
            return
        item, subject = self.random.choice(list(mine.items()))
        # A re-saved draft has the same id but another subject.
        self.subjects.pop(item, None)
        self.messages.pop(item, None)
        self.save_draft(item, subject)

    def new_folder(self):
        name = self.label("folder")
        parent = self.random.choice([1, 2] + list(self.own_folders)[:3])
        row, answer = self.perform(
            {"op": "folder", "name": name, "parent": parent}, "CreateFolderRequest", None,
            el("folder", {"name": name, "l": parent, "view": "message"}))
        if answer is not None:
            row["folder"] = int(answer.find("folder").get("id").rpartition(":")[2])
            self.own_folders[row["folder"]] = name
            self.folders.append(row["folder"])
        self.crew.note(row)
        self.done += 1

    def rename_folder(self):
        if not self.own_folders:
            self.new_folder()
            return
        folder, old = self.random.choice(list(self.own_folders.items()))
        name = self.label("folder")
        row, answer = self.perform(
            {"op": "rename", "folder": folder, "name": name, "old": old},
            "FolderActionRequest", None,
            el("action", {"id": folder, "op": "rename", "name": name}))
        if answer is not None:
            self.own_folders[folder] = name
        self.crew.note(row)
        self.done += 1


class Crew:
    def __init__(self, lab, rate, seconds, only, users, seed):
        self.lab, self.rate, self.seconds = lab, rate, seconds
        c = lab.config
        self.servers = {n["host"]: zclient.Server(n["host"], n["address"], c["ports"], n["id"])
                        for n in c["nodes"]}
        self.z = zclient.Zimbra(list(self.servers.values()), c["ca_file"], c["domain"])
        self.password, self.ldap = c["users"]["password"], lab.ldap()
        self.run_id = "%x" % int(time.time() * 1000)
        self.lock = threading.Lock()
        self.log = open(os.path.join(lab.dir, "act.jsonl"), "a", encoding="utf-8")
        self.stopping = threading.Event()
        self.people = self.choose(only, users, seed)

    def choose(self, only, users, seed):
        rows = self.ldap.search(
            "", "sub", "(&(objectClass=zimbraAccount)(zimbraAccountStatus=active)"
            "(zimbraMailHost=*))", ["zimbraId", "zimbraMailDeliveryAddress"])
        found = sorted((a["zimbraMailDeliveryAddress"][0], a["zimbraId"][0]) for _, a in rows
                       if fnmatch.fnmatch(a.get("zimbraMailDeliveryAddress", [""])[0], only))
        return [Person(self, name, zid, "%s:%s" % (seed, name)) for name, zid in found[:users]]

    def home_of(self, account_id):
        rows = self.ldap.search("", "sub", "(zimbraId=%s)" % account_id, ["zimbraMailHost"])
        return rows[0][1].get("zimbraMailHost", [None])[0] if rows else None

    def note(self, row):
        with self.lock:
            self.log.write(json.dumps(row, ensure_ascii=False) + "\n")
            self.log.flush()

    def live(self, person, rate):
        while not self.stopping.is_set():
            person.step()
            self.stopping.wait(person.random.expovariate(rate))

    def run(self):
        if not self.people:
            raise RuntimeError("no active account matches --only")
        rate = self.rate / len(self.people)
        threads = [threading.Thread(target=self.live, args=(p, rate), daemon=True)
                   for p in self.people]
        for t in threads:
            t.start()
        self.stopping.wait(self.seconds)
        self.stopping.set()
        for t in threads:
            t.join(90)
        self.log.close()
        return {"people": len(self.people), "operations": sum(p.done for p in self.people),
                "logins": sum(p.logins for p in self.people)}


def main(lab, args):
    crew = Crew(lab, args.rate, args.seconds, args.only, args.users, args.seed)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: crew.stopping.set())
    result = crew.run()
    print("acting: " + ", ".join("%s %s" % pair for pair in result.items()), flush=True)
    return 0
