# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for Zimbra's commands, written into each node's bin and libexec: zmmailbox, zmprov,
zmproxypurge. The first two start as slowly as cost cli_start_s says; all are silent where Zimbra's are.

zmmailbox exits 0 for success, 1 for a wrong command line, 2 for a fault (ERROR: on standard
error); with -f or commands on standard input it always exits 0.
"""

import http.client
import json
import os
import shlex
import socket
import ssl
import sys
import time
import urllib.parse
from xml.etree import ElementTree

COMMANDS = ("zmmailbox", "zmprov")
ADMIN, ACCOUNT, MAIL = "urn:zimbraAdmin", "urn:zimbraAccount", "urn:zimbraMail"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
CHUNK = 65536


PURGE = """#!/bin/sh
# Notes the accounts whose routes it was asked to purge; there is no memcached here.
# Every move calls it under its lock, so it must not be what a measurement measures: no Python.
[ $# -ge 2 ] || { echo "usage: zmproxypurge -a account [-L accounts.list]" >&2; exit 1; }
while [ $# -ge 2 ]; do
    case $1 in -a|--account) echo "$(date +%s) $2" >> "${0%/libexec/*}/log/proxypurge.log" ;; esac
    shift
done
"""


def write(node_dir, cluster, name):
    """The commands of one node: scripts that call this file, and PURGE."""
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    call = "#!/bin/sh\nPYTHONPATH=%s PYTHONDONTWRITEBYTECODE=1 exec %s -m zlab.standins %s %s " % (
        shlex.quote(place), shlex.quote(sys.executable), shlex.quote(cluster), shlex.quote(name))
    _write(os.path.join(node_dir, "libexec", "zmproxypurge"), PURGE)
    for command in COMMANDS:
        _write(os.path.join(node_dir, "bin", command), call + command + ' "$@"\n')


def _write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path + ".new", 0o755)
    os.replace(path + ".new", path)


class Failure(Exception):
    """A fault or something like it: ERROR on standard error, exit 2."""


class Usage(Exception):
    """A wrong command line: exit 1."""


# --- talking to servers -------------------------------------------------------------------------

class _Connection(http.client.HTTPSConnection):
    def __init__(self, host, address, port, tls, timeout):
        super().__init__(host, port, timeout=timeout, context=tls)
        self.address, self.tls = address, tls

    def connect(self):
        plain = socket.create_connection((self.address, self.port), self.timeout)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)


class Client:
    def __init__(self, cluster, node_name, timeout=60):
        self.cluster, self.timeout = cluster, timeout
        self.node = next(n for n in cluster["nodes"] if n["name"] == node_name)
        self.addresses = {n["host"]: n["address"] for n in cluster["nodes"]}
        self.tls = ssl.create_default_context(cafile=cluster["ca_file"])
        self.token = None

    def http(self, host, port, method, path, body=None, headers=None):
        number = self.cluster["ports"][port]
        connection = _Connection(host, self.addresses.get(host, host), number, self.tls,
                                 self.timeout or None)
        try:
            connection.request(method, path, body, headers or {})
            return connection, connection.getresponse()
        except OSError as e:
            raise Failure("zclient.IO_ERROR (invoke %s, server: %s)" % (e, host)) from None

    def soap(self, ns, name, inner="", host=None, port="admin", token=None, account=None,
             **attrs):
        from .soap import Xml, el
        context = el("context", {"xmlns": "urn:zimbra"}, el("nosession"),
                     el("authToken", None, token or self.token) if token or self.token else None,
                     el("account", {"by": "name"}, account) if account else None)
        text = ('<soap:Envelope xmlns:soap="%s"><soap:Header>%s</soap:Header><soap:Body>%s'
                '</soap:Body></soap:Envelope>' % (SOAP12, context, el(
                    name, {"xmlns": ns, **attrs}, Xml(inner))))
        path = "/service/admin/soap/" if port == "admin" else "/service/soap/"
        connection, answer = self.http(host or self.node["host"], port, "POST", path,
                                       text.encode("utf-8"))
        data = answer.read()
        connection.close()
        try:
            root = ElementTree.fromstring(data)
        except ElementTree.ParseError:
            raise Failure("soap.UNKNOWN (HTTP %d)" % answer.status) from None
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        body = root.find("Body")[0]
        if body.tag == "Fault":
            raise Failure("%s (%s)" % (body.findtext("Detail/Error/Code"),
                                       body.findtext("Reason/Text")))
        return body

    def local(self, what):
        """GET of a lab-only page of the node; {} if it does not answer."""
        try:
            connection, answer = self.http(self.node["host"], "admin", "GET", "/lab/" + what)
            data = json.loads(answer.read())
            connection.close()
            return data
        except (Failure, OSError, ValueError, http.client.HTTPException):
            return {**self.cluster.get(what, {}), **self.node.get(what, {})}


def localconfig(node):
    tree = ElementTree.parse(os.path.join(node["dir"], "conf", "localconfig.xml"))
    return {k.get("name"): k.findtext("value") for k in tree.iter("key")}


def words(text):
    from .soap import escape
    return escape(text)


# --- zmmailbox ----------------------------------------------------------------------------------

OPTIONS = {"-z": 0, "--zadmin": 0, "-a": 1, "--admin": 1, "-p": 1, "--password": 1, "-P": 1,
           "--passfile": 1, "-y": 1, "--authtoken": 1, "-Y": 1, "--authtokenfile": 1, "-m": 1,
           "--mailbox": 1, "--auth": 1, "-A": 0, "--admin-priv": 0, "-u": 1, "--url": 1,
           "-t": 1, "--timeout": 1, "-f": 1, "--file": 1, "-r": 0, "-v": 0, "--verbose": 0,
           "-d": 0, "--debug": 0, "-h": 0, "--help": 0}
LONG = {"--zadmin": "-z", "--admin": "-a", "--password": "-p", "--passfile": "-P",
        "--authtoken": "-y", "--authtokenfile": "-Y", "--mailbox": "-m", "--admin-priv": "-A",
        "--url": "-u", "--timeout": "-t", "--file": "-f"}


def _options(args):
    """({short option: value}, the command's words)."""
    found, i = {}, 0
    while i < len(args) and args[i].startswith("-"):
        name = args[i]
        if name not in OPTIONS:
            raise Usage("Unrecognized option: %s" % name)
        if OPTIONS[name]:
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

    def __init__(self, client, options):
        self.client, self.options = client, options
        self.name = self.home = self.token = None
        if any(o in options for o in ("-z", "-a")):
            self.login_admin()
        if "-m" in options:
            if not any(o in options for o in ("-z", "-a", "-p", "-P", "-y", "-Y")):
                raise Usage("-m requires one of -p, -P, -y, -Y or -z")
            self.select(options["-m"])

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
        client.token = client.soap(ADMIN, "AuthRequest", "<name>%s</name><password>%s</password>"
                                   % (words(name), words(password))).findtext("authToken")

    def select(self, name):
        client, options = self.client, self.options
        if client.token:
            info = client.soap(ADMIN, "GetAccountInfoRequest",
                               '<account by="name">%s</account>' % words(name))
            attrs = {a.get("n"): a.text for a in info.findall("a")}
            self.name, self.home = info.findtext("name"), attrs.get("zimbraMailHost")
            self.token = client.token if "-A" in options else client.soap(
                ADMIN, "DelegateAuthRequest", '<account by="name">%s</account>'
                % words(name)).findtext("authToken")
        else:
            password = options.get("-p") or (_file(options["-P"]) if "-P" in options else "")
            self.token = client.soap(
                ACCOUNT, "AuthRequest", '<account by="name">%s</account><password>%s</password>'
                % (words(name), words(password)), port="mail").findtext("authToken")
            self.name, self.home = name, client.node["host"]
        self.call(ACCOUNT, "GetInfoRequest")

    def call(self, ns, name, inner=""):
        if self.token is None:
            raise Failure("zclient.CLIENT_ERROR (no mailbox selected)")
        return self.client.soap(ns, name, inner, host=self.home, token=self.token,
                                account=self.name if "-A" in self.options else None)

    def rest(self, method, path, body=None, content_type=None):
        if self.token is None:
            raise Failure("zclient.CLIENT_ERROR (no mailbox selected)")
        headers = {"Cookie": "ZM_ADMIN_AUTH_TOKEN=" + self.token}
        if content_type:
            headers["Content-Type"] = content_type
        path = urllib.parse.quote(path, safe="/?&=:,%+~!*'()@;$")
        return self.client.http(self.home, "admin", method, "/service/home/%s/%s"
                                % (urllib.parse.quote(self.name), path.lstrip("/")), body, headers)


def _zm_get_rest_url(box, args):
    out, words_ = None, []
    times = {}
    i = 0
    while i < len(args):
        if args[i] in ("-o", "--output", "--startTime", "--endTime", "-u", "--url"):
            times[args[i]] = args[i + 1]
            i += 1
        else:
            words_.append(args[i])
        i += 1
    out = times.get("-o") or times.get("--output")
    if len(words_) != 1:
        raise Usage("getRestURL <relative-path>")
    connection, answer = box.rest("GET", words_[0])
    if answer.status != 200:
        connection.close()
        raise Failure("zclient.IO_ERROR (Unable to get REST resource: status=%d %s)"
                      % (answer.status, "empty" if answer.status == 204 else answer.reason))
    target = open(out, "wb") if out else sys.stdout.buffer
    try:
        while True:
            data = answer.read(CHUNK)
            if not data:
                break
            target.write(data)
    finally:
        if out:
            target.close()
        connection.close()


def _zm_post_rest_url(box, args):
    kind, plain, i = "application/octet-stream", [], 0
    while i < len(args):
        if args[i] in ("-c", "--contentType", "-u", "--url"):
            kind = args[i + 1] if args[i] in ("-c", "--contentType") else kind
            i += 1
        elif args[i] not in ("-i", "--ignore", "--preserveAlarms"):
            plain.append(args[i])
        i += 1
    if len(plain) != 2:
        raise Usage("postRestURL <relative-path> <file-name>")
    with open(plain[1], "rb") as f:
        connection, answer = box.rest("POST", plain[0], iter(lambda: f.read(CHUNK), b""), kind)
        answer.read()       # thrown away: faults of single items are in there
        connection.close()
    if answer.status != 200:
        raise Failure("zclient.IO_ERROR (Unable to post REST resource: %s)" % answer.reason)


def _zm_get_all_folders(box, args):
    print("%10s  %8s  %8s  %8s  %s" % ("Id", "View", "Unread", "Msg Count", "Path"))
    for f in box.call(MAIL, "GetFolderRequest").iter():
        if f.tag in ("folder", "search", "link"):
            print("%10s  %8s  %8s  %8s  %s" % (
                f.get("id"), f.get("view") or "unkn", f.get("u") or 0, f.get("n") or 0,
                f.get("absFolderPath")))


def _zm_get_folder(box, args):
    if len(args) != 1:
        raise Usage("getFolder <folder-path>")
    found = box.call(MAIL, "GetFolderRequest", '<folder path="%s"/>' % words(args[0]))
    print(json.dumps(dict(found[0].attrib), indent=2))


def _zm_size(box, args):
    print("%s B" % box.call(ACCOUNT, "GetInfoRequest").findtext("used"))


def _zm_select(box, args):
    box.select([a for a in args if not a.startswith("-")][-1])


MAILBOX_COMMANDS = {
    "getresturl": _zm_get_rest_url, "gru": _zm_get_rest_url,
    "postresturl": _zm_post_rest_url, "pru": _zm_post_rest_url,
    "getallfolders": _zm_get_all_folders, "gaf": _zm_get_all_folders,
    "getfolder": _zm_get_folder, "gf": _zm_get_folder,
    "getmailboxsize": _zm_size, "gms": _zm_size,
    "selectmailbox": _zm_select, "sm": _zm_select}


def _zmmailbox_one(box, args):
    command = MAILBOX_COMMANDS.get(args[0].lower())
    if command is None:
        raise Usage("Unknown command: (%s)" % args[0])
    command(box, args[1:])


def zmmailbox(client, args):
    try:
        options, command = _options(args)
        if "-h" in options or "--help" in options:
            raise Usage("zmmailbox [args] [cmd] [cmd-args ...]")
        client.timeout = int(options.get("-t", 60))
        box = Mailbox(client, options)
        if command:
            _zmmailbox_one(box, command)
            return 0
    except Usage as e:
        print(e, file=sys.stderr)
        return 1
    except (Failure, OSError) as e:
        print("ERROR: %s" % e, file=sys.stderr)
        return 2
    lines = open(options["-f"], encoding="utf-8") if "-f" in options else sys.stdin
    for line in lines:
        args = shlex.split(line)
        if not args or args[0].startswith("#"):
            continue
        if args[0] in ("exit", "quit"):
            break
        try:
            _zmmailbox_one(box, args)
        except (Failure, Usage, OSError) as e:
            print("ERROR: %s" % e, file=sys.stderr)
    return 0


# --- zmprov -------------------------------------------------------------------------------------

def _prov_pairs(args):
    if len(args) % 2:
        raise Usage("attributes come in pairs: name value")
    return "".join('<a n="%s">%s</a>' % (words(n), words(v))
                   for n, v in zip(args[::2], args[1::2]))


def _account(client, name):
    by = "name" if "@" in name else "id"
    return client.soap(ADMIN, "GetAccountRequest",
                       '<account by="%s">%s</account>' % (by, words(name))).find("account")


def _prov_modify(client, args):
    account = _account(client, args[0])
    client.soap(ADMIN, "ModifyAccountRequest", "<id>%s</id>%s"
                % (account.get("id"), _prov_pairs(args[1:])))


def _prov_get(client, args):
    account = _account(client, args[0])
    print("# name %s" % account.get("name"))
    for a in account.findall("a"):
        if not args[1:] or a.get("n") in args[1:]:
            print("%s: %s" % (a.get("n"), a.text or ""))
    print()


def _prov_all(client, args):
    for account in client.soap(ADMIN, "GetAllAccountsRequest").findall("account"):
        print(account.get("name"))


def _prov_info(client, args):
    account = _account(client, args[0])
    mbox = client.soap(ADMIN, "GetMailboxRequest", '<mbox id="%s"/>'
                       % account.get("id")).find("mbox")
    print("mailboxId: %s\nquotaUsed: %s" % (mbox.get("mbxid"), mbox.get("s")))


def _prov_flush(client, args):
    everywhere = "-a" in args
    args = [a for a in args if not a.startswith("-")]
    entries = "".join('<entry by="%s">%s</entry>' % ("name" if "@" in e else "id", words(e))
                      for e in args[1:])
    client.soap(ADMIN, "FlushCacheRequest", '<cache type="%s" allServers="%d">%s</cache>'
                % (words(args[0]), everywhere, entries))


def _prov_unlock(client, args):
    client.soap(ADMIN, "LockoutMailboxRequest", '<account by="name">%s</account>'
                % words(args[0]), op="end")


PROV_COMMANDS = {"ma": _prov_modify, "modifyaccount": _prov_modify, "ga": _prov_get,
                 "getaccount": _prov_get, "gaa": _prov_all, "getallaccounts": _prov_all,
                 "gmi": _prov_info, "getmailboxinfo": _prov_info, "fc": _prov_flush,
                 "flushcache": _prov_flush, "ulm": _prov_unlock, "unlockmailbox": _prov_unlock}


def zmprov(client, args):
    while args and args[0].startswith("-"):     # -l, --fast, ...: nothing differs here
        args = args[1:]
    try:
        if not args or args[0].lower() not in PROV_COMMANDS:
            raise Usage("zmprov [args] [cmd] [cmd-args ...]")
        if len(args) < 2 and args[0].lower() not in ("gaa", "getallaccounts"):
            raise Usage("%s: what?" % args[0])
        config = localconfig(client.node)
        client.token = client.soap(
            ADMIN, "AuthRequest", "<name>%s</name><password>%s</password>"
            % (config["zimbra_ldap_user"], config["zimbra_ldap_password"])).findtext("authToken")
        PROV_COMMANDS[args[0].lower()](client, args[1:])
        return 0
    except Usage as e:
        print(e, file=sys.stderr)
        return 1
    except (Failure, OSError) as e:
        print("ERROR: %s" % e, file=sys.stderr)
        return 2


def main(args):
    with open(args[0], encoding="utf-8") as f:
        cluster = json.load(f)
    client, command = Client(cluster, args[1]), args[2]
    time.sleep(float(client.local("costs").get("cli_start_s") or 0))
    return {"zmmailbox": zmmailbox, "zmprov": zmprov}[command](client, args[3:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
