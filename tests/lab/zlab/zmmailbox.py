# SPDX-License-Identifier: Apache-2.0
"""The stand-in for zmmailbox, run by standins.py (zimbra 8). Single commands and, without one, a
dialogue on standard input or of a file.

It exits 0 for success, 1 for a wrong command line, 2 for a fault (ERROR: on standard error). In a
dialogue it prints a prompt before each line, nothing when a command went well, ERROR: on standard
error or its usage on standard output when not, and in the end it always exits 0.
"""

import json
import os
import sys
import urllib.parse
import uuid

from .cli import ACCOUNT, ADMIN, CHUNK, MAIL, Failure, Usage, localconfig, words

OPTIONS = {"-z": 0, "--zadmin": 0, "-a": 1, "--admin": 1, "-p": 1, "--password": 1, "-P": 1,
           "--passfile": 1, "-y": 1, "--authtoken": 1, "-Y": 1, "--authtokenfile": 1, "-m": 1,
           "--mailbox": 1, "--auth": 1, "-A": 0, "--admin-priv": 0, "-u": 1, "--url": 1,
           "-t": 1, "--timeout": 1, "-f": 1, "--file": 1, "-r": 1, "--protocol": 1, "-v": 0,
           "--verbose": 0, "-d": 0, "--debug": 0, "-h": 0, "--help": 0}
LONG = {"--zadmin": "-z", "--admin": "-a", "--password": "-p", "--passfile": "-P",
        "--authtoken": "-y", "--authtokenfile": "-Y", "--mailbox": "-m", "--admin-priv": "-A",
        "--url": "-u", "--timeout": "-t", "--file": "-f", "--verbose": "-v", "--help": "-h",
        "--output": "-o", "--contentType": "-c", "--ignore": "-i"}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
ADMIN_PORT = 7071


def parse_line(line):
    """The words of a line: in quotes of either kind or between blanks, with backslashes."""
    found, word, end, i = [], None, None, 0
    while i < len(line):
        char, escaped = line[i], False
        i += 1
        if char == "\\" and i < len(line):
            char = line[i]
            i += 1
            escaped = char != "\\" and (char in "ntr'\"" or char.isspace())
            char = ESCAPES.get(char, char)
        if word is None:
            if not escaped and char in "'\"":
                word, end = "", char
            elif escaped or not char.isspace():
                word, end = char, None
        elif not escaped and (char == end or (end is None and char.isspace())):
            found.append(word)
            word = None
        else:
            word += char
    return found + [word] if word else found


def read_line(lines):
    """A line and those that it goes on in; None at the end."""
    text = None
    while True:
        line = lines.readline()
        if not line:
            return text
        line = line.rstrip("\r\n")
        if not line.endswith("\\"):
            return (text or "") + line
        text = (text or "") + line[:-1]


def encode_url(text):
    """As it is put behind the base: nothing percent-encoded is left as it is."""
    path, mark, query = text.partition("?")
    path = "/".join(urllib.parse.quote(p) for p in path.split("/")).rstrip("/")
    return path + mark + urllib.parse.quote(query, safe="/?&=:,+~!*'()@;$-._[]")


def options_of(args, known):
    """({short option: value}, what follows the options)."""
    found, i = {}, 0
    while i < len(args) and args[i].startswith("-") and len(args[i]) > 1:
        name = args[i]
        if name not in known:
            raise Usage("Unrecognized option: %s" % name)
        if known[name]:
            i += 1
            if i == len(args):
                raise Usage("Missing argument for option: %s" % name)
        found[LONG.get(name, name)] = args[i]
        i += 1
    return found, args[i:]


def _file(path):
    with open(path, encoding="utf-8") as f:
        return f.readline().strip()


class Mailbox:
    """What zmmailbox knows of the mailbox it works on."""

    def __init__(self, client, options, interactive):
        self.client, self.options, self.interactive = client, options, interactive
        self.name = self.home = self.token = self.base = None
        self.prompt = "mbox> "
        if any(o in options for o in ("-z", "-a", "-y", "-Y")):
            self.login_admin()
        if "-A" in options and "-m" not in options:
            raise Failure("zclient.CLIENT_ERROR (-A/--auth requires -m)")
        if "-m" in options:
            if not any(o in options for o in ("-z", "-p", "-P", "-y", "-Y")):
                raise Failure("zclient.CLIENT_ERROR (-m requires one of the -p/-P/-y/-Y/-z "
                              "options)")
            self.select(options["-m"])

    def server(self):
        """(host, port) of -u, or this node's admin port."""
        url = self.options.get("-u")
        if url is None:
            return self.client.node["host"], "admin"
        parts = urllib.parse.urlsplit(url)
        return parts.hostname, parts.port or ADMIN_PORT

    def login_admin(self):
        options, client = self.options, self.client
        token = options.get("-y") or (_file(options["-Y"]) if "-Y" in options else None)
        if token:
            client.token = token
            return
        if "-z" in options:
            config = localconfig(client.node)
            name, password = config["zimbra_ldap_user"], config["zimbra_ldap_password"]
        else:
            name = options["-a"]
            password = options.get("-p") or (_file(options["-P"]) if "-P" in options else "")
        client.token = client.soap(
            ADMIN, "AuthRequest", "<name>%s</name><password>%s</password>"
            % (words(name), words(password)), host=self.server()[0]).findtext("authToken")

    def select(self, name, as_admin=None):
        client, options = self.client, self.options
        self.token = None
        if as_admin is None:
            as_admin = "-A" in options
        by = "id" if len(name) == 36 and name.count("-") == 4 else "name"
        if client.token:
            info = client.soap(ADMIN, "GetAccountInfoRequest",
                               '<account by="%s">%s</account>' % (by, words(name)))
            attrs = {a.get("n"): a.text for a in info.findall("a")}
            self.name, self.home = info.findtext("name"), attrs.get("zimbraMailHost")
            self.as_admin = as_admin
            self.token = client.token if as_admin else client.soap(
                ADMIN, "DelegateAuthRequest", '<account by="%s">%s</account>'
                % (by, words(name))).findtext("authToken")
        else:
            password = options.get("-p") or (_file(options["-P"]) if "-P" in options else "")
            self.token = client.soap(
                ACCOUNT, "AuthRequest", '<account by="name">%s</account><password>%s</password>'
                % (words(name), words(password)), port="mail").findtext("authToken")
            self.name, self.home, self.as_admin = name, client.node["host"], False
        info = self.call(ACCOUNT, "GetInfoRequest")
        self.base = info.findtext("rest")
        if self.interactive:
            folders = [f for f in self.call(MAIL, "GetFolderRequest").iter() if f.tag == "folder"]
            print("mailbox: %s, size: %s B, messages: %d, unread: %d" % (
                self.name, info.findtext("used"), sum(int(f.get("n") or 0) for f in folders),
                sum(int(f.get("u") or 0) for f in folders)))
            print("authenticated as %s%s" % (("zimbra", " (admin)") if as_admin
                                             else (self.name, "")), flush=True)
        self.prompt = "mbox %s> " % self.name

    def call(self, ns, name, inner=""):
        if self.token is None:
            raise Failure("zclient.CLIENT_ERROR (no mailbox opened. select one with "
                          "authenticate/adminAuthenticate/selectMailbox)")
        return self.client.soap(ns, name, inner, host=self.home, token=self.token,
                                account=self.name if self.as_admin else None)

    def rest(self, method, path, url, body=None, content_type=None):
        """(the URL, connection, answer): where -u says, with the path that GetInfo gave."""
        if self.token is None:
            raise Failure("zclient.CLIENT_ERROR (no mailbox opened. select one with "
                          "authenticate/adminAuthenticate/selectMailbox)")
        base = self.base if url is None else url + urllib.parse.urlsplit(self.base).path
        path = encode_url(path)
        whole = base + ("" if path.startswith("/") else "/") + path
        parts = urllib.parse.urlsplit(whole)
        ports = self.client.cluster["ports"]
        admin = parts.port == ports["admin"]
        headers = {"Cookie": "%s=%s" % ("ZM_ADMIN_AUTH_TOKEN" if admin else "ZM_AUTH_TOKEN",
                                        self.token)}
        if content_type:
            headers["Content-Type"] = content_type
        target = urllib.parse.quote(parts.path, safe="/%@") + "?" + parts.query
        return (whole, *self.client.http(parts.hostname, parts.port, method, target, body,
                                         headers))


GET_OPTIONS = {"-o": 1, "--output": 1, "--startTime": 1, "--endTime": 1, "-u": 1, "--url": 1}
POST_OPTIONS = {"-c": 1, "--contentType": 1, "-u": 1, "--url": 1, "-i": 0, "--ignore": 0,
                "--preserveAlarms": 0}


def _get_rest_url(box, args):
    options, plain = options_of(args, GET_OPTIONS)
    if len(plain) != 1:
        raise Usage("  getRestURL(gru)  [opts] {relative-path}")
    # Opened, and emptied, before anything is asked; closed whatever happens.
    out = options.get("-o")
    target = open(out, "wb", 0) if out else sys.stdout.buffer
    try:
        url, connection, answer = box.rest("GET", plain[0], options.get("-u"))
        try:
            if answer.status != 200:
                raise Failure("service.FAILURE (system failure: GET from %s failed, status=%d.  "
                              "%s)" % (url, answer.status, answer.reason))
            while True:
                data = answer.read(CHUNK)
                if not data:
                    break
                target.write(data)
        finally:
            connection.close()
    finally:
        if out:
            target.close()


def _post_rest_url(box, args):
    options, plain = options_of(args, POST_OPTIONS)
    if len(plain) != 2:
        raise Usage("  postRestURL(pru)  [opts] {relative-path} {file-name}")
    if not os.path.exists(plain[1]):
        raise Failure("zclient.CLIENT_ERROR (file not found: %s)" % plain[1])
    boundary = uuid.uuid4().hex
    with open(plain[1], "rb", 0) as f:
        def parts():
            yield ('--%s\r\nContent-Disposition: form-data; name="upfile"; filename="file"\r\n'
                   "Content-Type: application/octet-stream\r\n"
                   "Content-Transfer-Encoding: binary\r\n\r\n" % boundary).encode()
            yield from iter(lambda: f.read(CHUNK), b"")
            yield ("\r\n--%s--\r\n" % boundary).encode()
        _, connection, answer = box.rest("POST", plain[0], options.get("-u"), parts(),
                                         "multipart/form-data; boundary=" + boundary)
        answer.read()       # thrown away: faults of single items are in there
        connection.close()
    if answer.status != 200:
        raise Failure("service.FAILURE (system failure: POST failed, status=%d %d)"
                      % (answer.status, answer.status))


def _get_all_folders(box, args):
    print("%10s  %8s  %8s  %8s  %s" % ("Id", "View", "Unread", "Msg Count", "Path"))
    for f in box.call(MAIL, "GetFolderRequest").iter():
        if f.tag in ("folder", "search", "link"):
            print("%10s  %8s  %8s  %8s  %s" % (
                f.get("id"), f.get("view") or "unkn", f.get("u") or 0, f.get("n") or 0,
                f.get("absFolderPath")))


def _get_folder(box, args):
    if len(args) != 1:
        raise Usage("  getFolder(gf)  [opts] {folder-path}")
    found = box.call(MAIL, "GetFolderRequest", '<folder path="%s"/>' % words(args[0]))
    print(json.dumps(dict(found[0].attrib), indent=2))


def _size(box, args):
    print("%s B" % box.call(ACCOUNT, "GetInfoRequest").findtext("used"))


def _select(box, args):
    options, plain = options_of(args, {"--auth": 1, "-A": 0, "--admin-priv": 0})
    if len(plain) != 1:
        raise Usage("  selectMailbox(sm)  [opts] {name}")
    box.select(plain[0], "-A" in options)


COMMANDS = {
    "getresturl": _get_rest_url, "gru": _get_rest_url,
    "postresturl": _post_rest_url, "pru": _post_rest_url,
    "getallfolders": _get_all_folders, "gaf": _get_all_folders,
    "getfolder": _get_folder, "gf": _get_folder,
    "getmailboxsize": _size, "gms": _size,
    "selectmailbox": _select, "sm": _select}


def _one(box, args):
    command = COMMANDS.get(args[0].lower())
    if command is None:
        raise Failure("zclient.CLIENT_ERROR (Unknown command: (%s) Type: 'help commands' for a "
                      "list)" % args[0])
    try:
        command(box, args[1:])
    except OSError as e:
        raise Failure("zclient.IO_ERROR (%s) (cause: java.io.IOException %s)" % (e, e)) from None


def _dialogue(box, lines, verbose):
    while True:
        print(box.prompt, end="", flush=True)
        line = read_line(lines)
        if line is None:
            return
        if verbose:
            print(line, flush=True)
        args = parse_line(line)
        if not args:
            continue
        if args[0].lower() in ("exit", "quit"):
            return
        try:
            _one(box, args)
        except Usage as e:
            print("usage:\n\n%s" % e, flush=True)
        except Failure as e:
            print("ERROR: %s" % e, file=sys.stderr, flush=True)


def zmmailbox(client, args):
    try:
        options, command = options_of(args, OPTIONS)
        if "-h" in options:
            raise Usage("zmmailbox [args] [cmd] [cmd-args ...]")
        client.timeout = int(options.get("-t", 60))
        box = Mailbox(client, options, not command)
        if command:
            _one(box, command)
            return 0
    except Usage as e:
        print(e, file=sys.stderr)
        return 1
    except (Failure, OSError) as e:
        print("ERROR: %s" % e, file=sys.stderr)
        return 2
    if "-f" in options:
        with open(options["-f"], encoding="utf-8") as lines:
            _dialogue(box, lines, "-v" in options)
    else:
        _dialogue(box, sys.stdin, "-v" in options)
    return 0
