#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The installation behind the browser tests: lab, controller with HTTPS, agents, admins.

Started by run.js, which it obeys: one JSON request a line on stdin ({"do": ..., ...}), one JSON
answer a line on stdout. The first line it writes says where everything is. It ends, and takes
everything down, when stdin ends.
"""
import json
import os
import re
import signal
import ssl
import sys
import http.client

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from harness import Failed, Installation, NET_PREFIX, run  # noqa: E402

NET = NET_PREFIX + ".26"
CONTROLLER = "ferry.example.test"
CONSOLE = "console.example.test"
PASSWORD = "browser-test"
HOSTILE = "<img/src=x/onerror=window.hacked=1>@example.test"
COMPLAINT = re.compile(r"Sanitizer|runtime error:|left open at the end|\bBUG\b|Assertion")
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Place:
    def __init__(self):
        where = os.path.join(ROOT, "build", "browser", "place")
        Installation(where, net=NET).remove()
        self.all = Installation(where, net=NET)
        self.token = None

    def soap(self, xml, node=0):
        at = self.all.cluster["nodes"][node]
        link = http.client.HTTPSConnection(at["address"], self.all.cluster["ports"]["admin"],
                                           context=ssl._create_unverified_context(), timeout=30)
        head = f"<authToken>{self.token}</authToken>" if self.token else ""
        link.request("POST", "/service/admin/soap", (
            f'<soap:Envelope xmlns:soap="{SOAP12}"><soap:Header><context xmlns="urn:zimbra">{head}'
            f'</context></soap:Header><soap:Body>{xml}</soap:Body></soap:Envelope>'))
        text = link.getresponse().read().decode()
        if "Fault>" in text:
            raise Failed(f"{xml[:80]}: {text[-500:]}")
        return text

    def login(self):
        admin = self.all.cluster["admin"]
        text = self.soap(
            f'<AuthRequest xmlns="urn:zimbraAdmin"><name>{admin["name"]}</name>'
            f'<password>{admin["password"]}</password></AuthRequest>')
        self.token = re.search("<authToken>(.*?)<", text).group(1)

    def create(self, name, *attrs):
        extra = "".join(f'<a n="{n}">{v}</a>' for n, v in attrs)
        self.soap(
            f'<CreateAccountRequest xmlns="urn:zimbraAdmin"><name>{escape(name)}</name>'
            f'<password>{PASSWORD}</password>{extra}</CreateAccountRequest>')

    def grant(self, name, server, right, verb="Grant"):
        self.soap(
            f'<{verb}RightRequest xmlns="urn:zimbraAdmin">'
            f'<target type="server" by="name">{server}</target>'
            f'<grantee type="usr" by="name">{name}</grantee><right>{right}</right>'
            f'</{verb}RightRequest>')

    def certificate(self, name):
        """A key and a certificate of the lab's CA for a host name."""
        ca = os.path.dirname(self.all.cluster["ca_file"])
        key, request, cert = (self.all.path(f"{name}.{end}") for end in ("key", "csr", "crt"))
        extensions = self.all.write(self.all.path(f"{name}.ext"), f"subjectAltName=DNS:{name}\n")
        run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request,
             "-subj", f"/CN={name}"])
        run(["openssl", "x509", "-req", "-in", request, "-CA", os.path.join(ca, "ca.pem"),
             "-CAkey", os.path.join(ca, "ca.key"), "-CAcreateserial", "-days", "30",
             "-extfile", extensions, "-out", cert])
        os.chmod(key, 0o400)
        return cert, key

    def zimlet(self, properties):
        """What zmzimletctl configure would have put into the directory."""
        inside = "".join(f'<property name="{n}">{escape(v)}</property>'
                         for n, v in properties.items())
        self.all.write(os.path.join(self.all.lab_dir, "zimlets", "com_zmferry.xml"),
                       f'<zimletConfig name="com_zmferry" version="1.0"><global>{inside}</global>'
                       '</zimletConfig>\n', 0o644)

    def up(self):
        place = self.all
        place.lab_up(mailboxes=24, scale="small", seed=3)
        hosts = [n["host"] for n in place.cluster["nodes"]]
        cert, key = self.certificate(CONTROLLER)
        console_cert, console_key = self.certificate(CONSOLE)
        token = place.write(place.path("metrics.token"), "metrics-secret\n", 0o400)
        os.makedirs(os.path.join(place.lab_dir, "zimlets"), exist_ok=True)
        self.zimlet({"controllerUrl": f"https://{CONTROLLER}:7440"})
        self.conf = "\n".join((
            f'api_listen_address = "{NET}.200"', f'api_certificate_file = "{cert}"',
            f'api_key_file = "{key}"', f'api_origins = {{ "https://{CONSOLE}:7071" }}',
            f'api_metrics_token_file = "{token}"',
            'moves_per_source = 2', 'moves_per_target = 2'))
        place.install(controller_extra=self.conf)
        place.start()
        self.login()
        home, delegated = ("zimbraMailHost", hosts[2]), ("zimbraIsDelegatedAdminAccount", "TRUE")
        self.create("second@example.test", ("zimbraIsAdminAccount", "TRUE"), home)
        self.create("helpdesk@example.test", delegated, home)
        self.create("nobody@example.test", delegated, home)
        for host in hosts:
            self.grant("helpdesk@example.test", host, "getServer")
        self.create("hostile@example.test", ("zimbraMailHost", hosts[0]))
        account = re.search('<account [^>]*id="(.*?)"', self.soap(
            '<GetAccountRequest xmlns="urn:zimbraAdmin">'
            '<account by="name">hostile@example.test</account></GetAccountRequest>')).group(1)
        self.soap(f'<ModifyAccountRequest xmlns="urn:zimbraAdmin"><id>{account}</id>'
                  f'<a n="zimbraMailDeliveryAddress">{escape(HOSTILE)}</a></ModifyAccountRequest>')
        return {
            "controller": {"host": CONTROLLER, "address": f"{NET}.200", "port": 7440},
            "console": {"host": CONSOLE, "address": f"{NET}.201", "port": 7071,
                        "cert": console_cert, "key": console_key},
            "ca": place.cluster["ca_file"], "nodes": place.cluster["nodes"],
            "ports": place.cluster["ports"],
            "admin": {"name": "second@example.test", "password": PASSWORD},
            "first": place.cluster["admin"],
            "helpdesk": {"name": "helpdesk@example.test", "password": PASSWORD},
            "nobody": {"name": "nobody@example.test", "password": PASSWORD},
            "user": {"name": "user001@example.test",
                     "password": place.cluster["users"]["password"]},
            "hostile": HOSTILE,
        }

    def obey(self, order):
        what = order["do"]
        place = self.all
        if what == "stop controller":
            place.controller.stop()
        elif what == "kill controller":
            place.controller.kill()
        elif what == "start controller":
            place.controller.start()
            place.wait_ready()
        elif what == "configure":
            place.controller.stop()
            with open(place.controller_conf, encoding="utf-8") as f:
                kept = [line for line in f if not line.startswith(order.get("without", "#none"))]
            place.write(place.controller_conf, "".join(kept) + order["text"] + "\n")
            place.controller.start()
            place.wait_ready()
        elif what == "lab":
            return place.lab(*order["args"], check=False).stdout
        elif what == "zmferry":
            done = place.zmferry(*order["args"], check=False)
            return {"code": done.returncode, "out": done.stdout, "err": done.stderr}
        elif what == "add node":
            place.add_node(order["name"]).start()
            return place.node(order["name"])
        elif what == "zimlet":
            self.zimlet(order["properties"])
        elif what == "grant":
            self.grant(order["name"], order["server"], order["right"])
        elif what == "revoke":
            self.grant(order["name"], order["server"], order["right"], "Revoke")
        elif what == "complaints":
            place.controller.stop()
            found = []
            for name in sorted(os.listdir(place.dir)):
                if name.endswith(".log"):
                    with open(place.path(name), encoding="utf-8", errors="replace") as log:
                        found += [f"{name}: {line.strip()}" for line in log
                                  if COMPLAINT.search(line)]
            return found
        elif what == "log":
            return place.controller.tail(order.get("lines", 40))
        else:
            raise Failed(f"unknown order {what}")
        return None


def main():
    place = Place()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        try:
            print(json.dumps({"ok": place.up()}), flush=True)
        except Failed as e:
            log = place.all.controller.tail() if place.all.controller else ""
            print(json.dumps({"error": f"{e}\n{log}"}), flush=True)
            return 1
        for line in sys.stdin:
            try:
                print(json.dumps({"ok": place.obey(json.loads(line))}), flush=True)
            except (Failed, OSError, KeyError) as e:
                print(json.dumps({"error": f"{type(e).__name__}: {e}"}), flush=True)
    finally:
        place.all.down()
    return 0


sys.exit(main())
