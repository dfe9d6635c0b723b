# SPDX-License-Identifier: Apache-2.0
"""Runs the checks, TAP on standard output. Exit 1: something failed."""

import argparse
import os
import sys

from ..zclient import Fault, Server, Zimbra
from . import rig
# Order of import is the order of the table.
from . import exports, imports, resolve, syncs, counters, items, shares  # noqa: F401
from . import status, fences, hosts, seeding, orphans, sessions, imap, pop, labonly  # noqa: F401


def arguments():
    parser = argparse.ArgumentParser(prog="zlab.conformance", description=__doc__)
    env = os.environ.get
    parser.add_argument("--cluster", help="cluster.json of a lab")
    parser.add_argument("--hosts", default=env("ZMFERRY_ZIMBRA_HOSTS", ""),
                        help="mailbox servers of a real Zimbra, one or two")
    parser.add_argument("--admin", default=env("ZMFERRY_ZIMBRA_ADMIN"))
    parser.add_argument("--ca", default=env("ZMFERRY_ZIMBRA_CA"),
                        help="PEM file; without it certificates are not verified")
    parser.add_argument("--password", default=env("ZMFERRY_ZIMBRA_PASSWORD"),
                        help="better given in ZMFERRY_ZIMBRA_PASSWORD: ps shows arguments")
    parser.add_argument("--only", action="append", default=[], metavar="WORD",
                        help="checks with this word in name or fact")
    parser.add_argument("--list", action="store_true", help="print the table and stop")
    return parser.parse_args()


def connect(args):
    if args.cluster:
        return Zimbra.from_cluster(args.cluster).discover()
    if not (args.hosts and args.admin and args.password):
        sys.exit("No server to check. Give --cluster LABDIR/cluster.json, or set "
                 "ZMFERRY_ZIMBRA_HOSTS, ZMFERRY_ZIMBRA_ADMIN and ZMFERRY_ZIMBRA_PASSWORD.")
    zimbra = Zimbra([Server(host) for host in args.hosts.split()], args.ca)
    return zimbra.login(args.admin, args.password).discover()


def main():
    args = arguments()
    chosen = [c for c in rig.CHECKS
              if not args.only or any(w in c.name + " " + c.fact for w in args.only)]
    if args.list:
        for item in chosen:
            print("%-22s %s%s" % (item.fact, item.name, " [lab]" if item.lab_only else ""))
        return 0
    try:
        zimbra = connect(args)
    except (OSError, Fault) as error:
        sys.exit("Cannot log in on the first server: %s" % error)
    if not args.cluster and not args.ca:
        print("# certificates are not verified: no ZMFERRY_ZIMBRA_CA")
    say = lambda line: print(line, flush=True)
    passed, failed, skipped = rig.run(zimbra, chosen, say)
    say("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
