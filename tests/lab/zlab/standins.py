# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for Zimbra's commands, written into each node's bin and libexec: zmmailbox, zmprov,
zmproxypurge. The first two start as slowly as cost cli_start_s says; all are silent where Zimbra's are.

zmmailbox itself is in zmmailbox.py.
"""

import json
import os
import shlex
import sys
import time

from .cli import ADMIN, Client, Failure, Usage, localconfig, words
from .zmmailbox import zmmailbox

COMMANDS = ("zmmailbox", "zmprov")


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
