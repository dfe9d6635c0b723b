#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An attacker against a running installation, one line per attack.

`hostile.py NAME...` runs some of them. An attack passes when it gained nothing and the
real agents, the socket and the moves were served meanwhile. docs/security.md names them.
"""
import base64
import contextlib
import glob
import http.client
import json
import os
import re
import resource
import select
import shutil
import socket
import ssl
import stat
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Failed, Installation, NET_PREFIX, ROOT, run, wait_for  # noqa: E402

NET = NET_PREFIX + ".120"
CONTROLLER = (f"{NET}.200", 7443)
API = (f"{NET}.200", 7440)
NODE = "mbs{}.example.test"
FILES = 4096
FLOOD = 2200           # above every cap of the controller
HELLO_SECONDS = 10     # WAIT_HELLO_MS
BODY = {"hello": 10, "welcome": 11, "refusal": 12, "pong": 14, "health": 20, "inventory": 21, "step": 30,
        "result": 32, "lease_expired": 35}
ESCAPES = "\x1b]0;pwned\x07\x1b[31m\x9b2J\r\x08\x7f\u009b31m"


def require(condition, text):
    if not condition:
        raise Failed(text)


# --- protobuf, as little as an attacker needs ---

def varint(n):
    out = bytearray()
    n &= (1 << 64) - 1
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*pairs):
    return b"".join(field(n, v) for n, v in pairs)


def fields(data):
    """{number: last value}; enough for the messages that are read here."""
    out, at = {}, 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            n |= (data[at] & 0x7f) << shift
            shift += 7
            at += 1
            if data[at - 1] < 0x80:
                return n
    while at < len(data):
        key = number()
        if key & 7 == 2:
            length = number()
            out[key >> 3] = data[at:at + length]
            at += length
        else:
            out[key >> 3] = number()
    return out


def frame(body, envelope_id=0):
    data = (field(1, envelope_id) if envelope_id else b"") + body
    return struct.pack(">I", len(data)) + data


def hello(node, **change):
    values = {"min": 1, "max": 1, "node": node, "version": "0.1.0", "server_id": "x", "boot": 1, "port": 7444}
    values.update(change)
    return frame(field(BODY["hello"], message((1, values["min"]), (2, values["max"]), (3, values["node"]),
                                              (4, values["version"]), (5, values["server_id"]), (6, values["boot"]),
                                              (9, values["port"]))))


# --- connections ---

def plain(address):
    s = socket.create_connection(address, 5)
    s.settimeout(15)
    return s


def tls(address, pem=None, versions=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if versions:
        context.maximum_version = versions
    if pem:
        context.load_cert_chain(pem)
    return context.wrap_socket(plain(address))


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def read_frame(s):
    return read_exactly(s, struct.unpack(">I", read_exactly(s, 4))[0])


def answer(s):
    """("refusal", text), ("welcome", ""), ("closed", why) or the number of another body."""
    try:
        got = fields(read_frame(s))
    except socket.timeout:
        return "silent", "no answer"
    except (OSError, ConnectionError) as e:
        return "closed", str(e)
    if BODY["refusal"] in got:
        return "refusal", fields(got[BODY["refusal"]]).get(1, b"").decode()
    if BODY["welcome"] in got:
        return "welcome", ""
    return next((n for n in got if n != 1), None), got


def ask(address, pem, data, versions=None):
    try:
        with tls(address, pem, versions) as s:
            s.sendall(data)
            return answer(s)
    except OSError as e:
        return "closed", str(e)


class FakeAgent:
    """Has the identity of a node, and says what it wants."""

    def __init__(self, place, node):
        self.socket = tls(CONTROLLER, place.path(f"{node}.pem"))
        self.socket.sendall(hello(NODE.format(node[-1])))
        require(answer(self.socket)[0] == "welcome", "the attacker's own node was not welcomed")

    def say(self, body, data, envelope_id=0):
        self.socket.sendall(frame(field(BODY[body], data), envelope_id))

    def read(self, seconds=5):
        """The next message that is no ping."""
        self.socket.settimeout(seconds)
        while True:
            kind, got = answer(self.socket)
            if kind != 13:
                return kind, got

    def close(self):
        self.socket.close()


@contextlib.contextmanager
def instead_of(place, node):
    """The real agent of the node is away while the attacker speaks for it."""
    place.agents[node].kill()
    fake = FakeAgent(place, node)
    try:
        yield fake
    finally:
        fake.close()
        place.agents[node].start()
        wait_for(f"{node}'s real agent", 20, lambda: is_connected(place, node))


def state(place, node):
    nodes = place.json("nodes")["nodes"]
    return next(n for n in nodes if n["name"] == NODE.format(node[-1]))


def is_connected(place, node):
    done = place.zmferry("nodes", "--json", check=False)
    return done.returncode == 0 and any(n["name"] == NODE.format(node[-1]) and n["state"] == "ok"
                                        for n in json.loads(done.stdout)["nodes"])


def mail_port(place, node):
    return place.node(node)["address"], 7444


def drain(sockets):
    for s in sockets:
        with contextlib.suppress(OSError):
            s.close()


def all_serve(place):
    """Nothing ended and everything answers: called after every attack."""
    require(place.controller.alive(), f"the controller ended:\n{place.controller.tail()}")
    for name, agent in place.agents.items():
        require(agent.alive(), f"{agent.name} ended:\n{agent.tail()}")
        wait_for(f"{name} to be connected", 15, lambda n=name: is_connected(place, n))


# --- certificates ---

def openssl(*args, **more):
    return run(["openssl", *args], **more)


def certificate(place, name, subject, ca=None, ca_key=None, days=30, extensions=None):
    """An identity file: key, certificate, CA. Without ca it is signed by a new CA of its own."""
    key, request, own, whole = (place.path(f"evil-{name}.{e}") for e in ("key", "csr", "crt", "pem"))
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key)
    if ca is None:
        ca, ca_key = place.path("foreign.crt"), place.path("foreign.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", ca_key,
                "-out", ca, "-subj", "/CN=zmferry CA", "-days", "30")
    openssl("req", "-new", "-key", key, "-subj", f"/CN={subject}", "-out", request)
    more = []
    if extensions:
        more = ["-extfile", place.write(place.path(f"evil-{name}.ext"), extensions)]
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-set_serial", "77", "-days", str(days),
            "-out", own, *more)
    text = ""
    for part in (key, own, ca):
        with open(part, encoding="ascii") as f:
            text += f.read()
    return place.write(whole, text)


def ca_files(place):
    return place.path("state", "ca.pem"), place.path("state", "ca.key")


# --- attacks: bytes before TLS ---

def plain_bytes(place):
    """garbage, HTTP, zeros and a TLS record of nonsense to both ports"""
    texts = (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 4096, b"\xff" * 4096, b"\x16\x03\x01\xff\xff" + b"A" * 4096,
             b"\x16\x03\x03\x00\x04\x01\x00\x00\x00", frame(b"x" * 100))
    for address in (CONTROLLER, mail_port(place, "mbs2")):
        for text in texts:
            with plain(address) as s:
                with contextlib.suppress(OSError):
                    s.sendall(text)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(4096):
                        pass


def old_tls(place):
    """TLS 1.2"""
    for address in (CONTROLLER, mail_port(place, "mbs2")):
        kind, why = ask(address, place.path("mbs1.pem"), hello(NODE.format(1)), ssl.TLSVersion.TLSv1_2)
        require(kind == "closed", f"TLS 1.2 was taken: {kind} {why}")


def no_certificate(place):
    """TLS without a certificate"""
    for address in (CONTROLLER, mail_port(place, "mbs2")):
        require(ask(address, None, hello(NODE.format(1)))[0] == "closed", "somebody without a certificate was heard")


def foreign_certificates(place):
    """certificates of another CA, expired, self-made, made by a node's own key, the controller's"""
    ca, key = ca_files(place)
    node = NODE.format(1)
    leaf = "basicConstraints=CA:FALSE\n"
    with open(place.path("mbs1.pem"), encoding="ascii") as f:
        own = f.read()
    node_crt = place.write(place.path("node.crt"), own[own.index("-----BEGIN CERT"):own.index("-----END CERT")] +
                           "-----END CERTIFICATE-----\n")
    cases = {
        "another CA's": certificate(place, "foreign", f"node:{node}", extensions=leaf),
        "an expired": certificate(place, "expired", f"node:{node}", ca, key, days=-1, extensions=leaf),
        "a node-made": certificate(place, "by-node", f"node:{NODE.format(2)}", node_crt, place.path("mbs1.pem"),
                                   extensions=leaf),
    }
    for what, pem in cases.items():
        for address in (CONTROLLER, mail_port(place, "mbs2")):
            kind, why = ask(address, pem, hello(node))
            require(kind == "closed", f"{what} certificate was taken: {kind} {why}")
    kind, why = ask(CONTROLLER, place.path("state", "controller.pem"), hello(node))
    require(kind == "refusal" and "is not an agent's" in why, f"the controller's certificate as an agent: {kind} {why}")
    kind, why = ask(mail_port(place, "mbs2"), place.path("state", "controller.pem"),
                    frame(field(1, message((1, 1), (2, "m1"), (3, b"t" * 32)))))
    require(kind == "closed" or "expects no stream" in str(why), f"a stream from the controller: {kind} {why}")


def another_node(place):
    """a node's certificate with another node's name in the hello"""
    for name in (NODE.format(2), NODE.format(1) + "\0", NODE.format(1) + "\n", "node:" + NODE.format(1), "", "x" * 256):
        kind, why = ask(CONTROLLER, place.path("mbs1.pem"), hello(name))
        require(kind == "refusal", f"mbs1 was welcomed as {name[:30]!r}: {kind} {why}")


# --- attacks: frames ---

def frames(place):
    """frames too large, truncated, empty, not protobuf, out of turn"""
    pem = place.path("mbs1.pem")
    for data in (struct.pack(">I", 0xffffffff), struct.pack(">I", 4097) + b"A" * 4097, struct.pack(">I", 0),
                 frame(b"\xff" * 50), frame(b"\x52\xff\xff\xff\xff\x0f"), frame(field(BODY["pong"], b"")),
                 frame(field(40, b"")), frame(field(BODY["welcome"], message((1, 1), (2, "x"), (3, 1), (4, 5000))))):
        kind, why = ask(CONTROLLER, pem, data)
        require(kind in ("refusal", "closed"), f"{data[:12]!r} got {kind} {why}")
    for data in (struct.pack(">I", 0xffffffff), struct.pack(">I", 0), frame(b"\xff" * 50), frame(field(8, b""))):
        kind, why = ask(mail_port(place, "mbs2"), pem, data)
        require(kind != 2, f"{data[:12]!r} got {kind} {why}")
    with tls(CONTROLLER, pem) as s:     # half a frame, then nothing
        s.sendall(struct.pack(">I", 100) + b"A")


def tickets(place):
    """mail streams with invented moves, tickets, path names, too short and too long ones"""
    for move in ("m1", "../../etc", "a/b", "m1\0", "..", "", "x" * 300, "leases", "epoch"):
        for ticket in (b"", b"t" * 32, b"t" * 33):
            kind, why = ask(mail_port(place, "mbs2"), place.path("mbs1.pem"),
                            frame(field(1, message((1, 1), (2, move), (3, ticket)))))
            require(kind != 2, f"move {move!r} was admitted: {why}")
    found = sorted(os.listdir(place.path("spool-mbs2")))
    require(found == ["epoch", "leases"], f"strangers left something in the spool: {found}")


# --- attacks: floods ---

def flood_controller(place):
    """2200 connections that say nothing: agents, the socket and a new agent are served"""
    sockets, missed = [], 0
    try:
        for _ in range(FLOOD):
            try:
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(CONTROLLER)
                sockets.append(s)
            except OSError:
                missed += 1
        require(missed < 100, f"the attacker has too few descriptors ({missed})")
        place.agents["mbs3"].kill()
        place.agents["mbs3"].start()
        wait_for("mbs3 to come through the flood", 6, lambda: is_connected(place, "mbs3"))
        for name in ("mbs1", "mbs2"):
            require(is_connected(place, name), f"{name} was lost in the flood")
    finally:
        drain(sockets)


def flood_mail_port(place):
    """100 connections that say nothing: a stream with a certificate still gets its answer, at once"""
    sockets = []
    try:
        for _ in range(100):
            sockets.append(plain(mail_port(place, "mbs2")))
        begun = time.monotonic()
        kind, why = ask(mail_port(place, "mbs2"), place.path("mbs1.pem"),
                        frame(field(1, message((1, 1), (2, "m1"), (3, b"t" * 32)))))
        require(kind == 10, f"behind the flood: {kind} {why}")
        require(time.monotonic() - begun < 5, "the answer took more than 5 s")
        lines = place.agents["mbs2"].tail(500).count("streams are open")
        require(lines <= 3, f"the flood wrote {lines} lines into the log")
    finally:
        drain(sockets)


class Drip:
    """Slow-loris: one byte of a ClientHello a second; how long is it borne?"""

    def __init__(self, address, pem=None):
        self.lasted = None
        self.thread = threading.Thread(target=self.run, args=(address, pem), daemon=True)
        self.thread.start()

    def run(self, address, pem):
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            # With a certificate it drips its first frame, otherwise its first record.
            s = tls(address, pem) if pem else plain(address)
            with s:
                s.settimeout(0.2)
                s.sendall(struct.pack(">I", 4000) if pem else b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                while time.monotonic() - begun < 6 * HELLO_SECONDS:
                    s.sendall(b"A")
                    with contextlib.suppress(socket.timeout, ssl.SSLWantReadError):
                        if not s.recv(1000):
                            break
                    time.sleep(0.5)
        self.lasted = time.monotonic() - begun


def start_drips(place):
    place.drips = {f"{what}, {who}": Drip(address, pem)
                   for what, address in (("controller", CONTROLLER), ("mail port", mail_port(place, "mbs3")))
                   for who, pem in (("a stranger", None), ("a node", place.path("mbs2.pem")))}


def slow_loris(place):
    """a byte a second, before TLS and after it: the whole greeting has its deadline"""
    for what, drip in place.drips.items():
        drip.thread.join(6 * HELLO_SECONDS + 5)
        # Two deadlines, TLS and greeting, and what a busy machine adds; by itself it ends at six.
        require(drip.lasted is not None and drip.lasted < HELLO_SECONDS * 4,
                f"{what}: dripped for {drip.lasted or 99:.0f} s")
        require(drip.lasted > 3, f"{what}: ended after {drip.lasted:.1f} s, so this proved nothing")


# --- attacks: an agent gone bad ---

def inventory_page(rows, snapshot=9, page=0, last=1):
    return message((1, snapshot), (2, page), (3, last)) + b"".join(
        field(4, message((1, account), (2, 1), (3, size), (4, size))) for account, size in rows)


def lying_inventory(place):
    """an inventory with absurd sizes, hostile ids, too many rows: the link is refused, the plan stays sane"""
    for rows in ([("x", 1 << 63), ("y", 1 << 63)], [("\x1b[31m", 1)], [("a" * 64, 1)], [("", 1)],
                 [(f"{n:08d}", 1) for n in range(4097)]):
        with instead_of(place, "mbs1") as fake:
            fake.say("inventory", inventory_page(rows))
            kind, why = fake.read()
            require(kind in ("refusal", "closed"), f"{str(rows)[:60]} was taken: {kind} {why}")
    size = state(place, "mbs1")["bytes"]
    require(0 <= size < 1 << 50, f"the node's size is {size}")


def lying_results(place):
    """results nobody asked for, of other moves, with text for a terminal; a lease of a move that is not its own"""
    with instead_of(place, "mbs1") as fake:
        fake.say("result", message((1, "m1"), (2, 1), (3, 1), (25, message((1, 1)))), 1)
        fake.say("result", message((1, "m999999"), (2, 1), (25, message((1, 1), (2, 1 << 63)))), 7)
        fake.say("lease_expired", message((1, "m1"), (2, "x"), (4, "gone")))
        fake.say("health", message((1, message((1, "mailboxd"), (2, 0), (3, "fine")))))
        wait_for("what it said of its health", 5, lambda: state(place, "mbs1")["state"] == "ok")
        fake.say("health", message((1, message((1, "mailboxd"), (2, 2), (3, ESCAPES)))))
        kind, why = fake.read()
        require(kind == "refusal", f"control characters in a health text: {kind} {why}")
    for body, data in (("step", message((1, "m1"))), ("welcome", message((1, 1), (2, "x"), (3, 1), (4, 5000)))):
        with instead_of(place, "mbs1") as fake:
            fake.say(body, data)
            require(fake.read()[0] in ("refusal", "closed"), f"an agent may send {body}")


def strange_clocks(place):
    """pongs with absurd clocks come back as they were, with how long they were held; a wrong clock hinders nothing"""
    with instead_of(place, "mbs1") as fake:
        for mono in (1, (1 << 64) - 1):
            fake.say("pong", message((1, 1 << 63), (2, mono)))
            pings = []
            while len(pings) < 3 and (not pings or pings[-1].get(2) != mono):  # one may be under way
                kind, got = answer(fake.socket)
                require(kind == 13, f"not a ping: {kind} {got}")
                pings.append(fields(got[13]))
            require(pings[-1].get(2) == mono and pings[-1].get(3, 0) < 6000, f"after a pong of {mono}: {pings}")
        fake.say("health", message((1, message((1, "clock"), (2, 2), (3, "an hour ahead")))))
        wait_for("that its clock is told", 5, lambda: "an hour ahead" in state(place, "mbs1")["note"])
        require(state(place, "mbs1")["state"] == "ok", f"{state(place, 'mbs1')}")


OP_PREFLIGHT, OP_STAGE, OP_FENCE = 20, 22, 25


def lying_source(place):
    """a source that lies all through a move: the targets' links stay, what it lacks is not called moved"""
    row = message((1, 1), (2, 1), (3, 10), (4, 10), (5, 10))
    facts = {OP_PREFLIGHT: (20, message((1, row), (5, 1), (6, 1))),
             OP_STAGE: (21, message((1, "1"), (2, 0), (9, 1 << 40), (10, (1 << 64) - 1), (11, row))),
             OP_FENCE: (22, message((1, 1), (2, row)))}
    inventory = place.agents_inventory["mbs1"]
    before = {name: place.agents[name].tail(9999).count("connected, epoch") for name in ("mbs2", "mbs3")}
    with instead_of(place, "mbs1") as fake:
        fake.say("health", message((1, message((1, "mailboxd"), (2, 0))), (3, 1)))
        fake.say("inventory", inventory_page(inventory))
        wait_for("the lying node", 5, lambda: state(place, "mbs1")["inventory"])
        done = place.zmferry("evacuate", "mbs1", "--yes", "--json", check=False)
        require(done.returncode == 0, f"no job began: {done.stderr}")
        job = json.loads(done.stdout)["job"]["id"]
        until = time.monotonic() + 6
        lied = 0
        fake.socket.settimeout(1)
        while time.monotonic() < until:
            try:
                got = fields(read_frame(fake.socket))
            except socket.timeout:
                continue
            except (OSError, ConnectionError):
                break
            if BODY["step"] not in got:
                continue
            step = fields(got[BODY["step"]])
            op = next((n for n in step if n >= 20), 0)
            result = [(1, step[1]), (2, step.get(2, 0)), (3, step.get(3, 0))]
            with contextlib.suppress(OSError):
                fake.say("result", message(*result, *([facts[op]] if op in facts else [])), got.get(1, 0))
            lied += op in facts
        require(lied > 0, "nothing was asked of the lying node")
        for move in place.job(job)["moves"]:
            require(move["verdict"] != "clean", f"{move['account']}: nothing was copied and it is called clean")
        # Taken back while the liar still speaks: the real agent would move these mailboxes honestly.
        place.zmferry("job", "cancel", job)
    place.wait_job(job, 60)
    for name, count in before.items():
        now = place.agents[name].tail(9999).count("connected, epoch")
        require(now == count, f"{name} lost its link {now - count} times by what mbs1 said")
    require("against the rules" not in place.controller.tail(9999), "the controller was made to say what is forbidden")


def answers_of_others(place):
    """the answer to its own question, but in the name of another move and of an old step: the link is refused"""
    for change in ((1, "m999"), (2, 99), (3, 99)):
        with instead_of(place, "mbs1") as fake:
            fake.say("health", message((1, message((1, "mailboxd"), (2, 0))), (3, 1)))
            fake.say("inventory", inventory_page(place.agents_inventory["mbs1"]))
            wait_for("the lying node", 5, lambda: state(place, "mbs1")["inventory"])
            job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
            kind, got = fake.read()
            while kind == BODY["step"]:
                step = fields(got[kind])
                result = {1: step[1], 2: step.get(2, 0), 3: step.get(3, 0), change[0]: change[1]}
                fake.say("result", message(*result.items()), got[1])
                kind, got = fake.read()
                if kind in ("refusal", "closed"):
                    break
            require(kind == "refusal" and "another piece of work" in got, f"{change}: {kind} {str(got)[:100]}")
            place.zmferry("job", "cancel", job)    # before the real agent is back and does the work
        place.wait_job(job, 30)


# --- attacks: the API ---

class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("controller", timeout=15)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(15)
        self.sock.connect(self.path)


def https(pem=None):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if pem:
        context.load_cert_chain(pem)
    return http.client.HTTPSConnection(*API, timeout=15, context=context)


def call(connection, method, path, body=None, headers=None):
    connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
    got = connection.getresponse()
    text = got.read()
    return got.status, text


BODIES = (
    b"[" * 200000, b'{"a":' * 50000, b'{"node":' + b"[" * 3000 + b"]" * 3000 + b"}", b'{"node":"a","node":"b"}',
    b'{"kind":"evacuate","node":1e999}', b'{"kind":"evacuate","node":' + b"9" * 5000 + b"}",
    b'{"kind":"evacuate","node":null,"to":null}', b'{"kind":["evacuate"],"node":{}}',
    b'{"kind":"evacuate","node":"mbs1","to":"mbs2"}', b'{"kind":"evacuate","node":"mbs1","to":[1,{},[]]}',
    b'{"kind":"evacuate","node":"\\u0000","to":[]}', b'{"kind":"evacuate","node":"\\u001b[31m","to":[]}',
    b'{"kind":"evacuate","node":"*)(uid=*","to":[]}', b'{"kind":"evacuate","node":"' + b"n" * 200000 + b'"}',
    b'{"kind":"evacuate","node":"\xff\xfe"}', b"\0", b"null", b"1", b'""', b"x" * 300000,
)


def hostile_json(place):
    """deep, huge, duplicate, wrong JSON to every POST of the socket: refused in words"""
    for path in ("/v1/plans", "/v1/jobs", "/v1/enroll", "/v1/operators", "/v1/session"):
        for body in BODIES:
            if path == "/v1/enroll" and b'"mbs1"' in body:
                continue    # a name that may be enrolled
            c = UnixHTTP(place.socket)
            status, text = call(c, "POST", path, body)
            c.close()
            require(400 <= status < 500 or status in (502, 503),
                    f"{path} {body[:40]!r}: {status} {text[:200]!r}")
            problem = json.loads(text)["error"]["text"]
            require(not re.search(r"[\x00-\x1f\x7f-\x9f]", problem), f"{path} {body[:40]!r}: {problem!r}")


def hostile_paths(place):
    """path traversal, escapes and absurd numbers in the API's paths and queries"""
    ids = ("../../etc/passwd", "%2e%2e%2f", "m%00", "%1b%5b31m", "j99999999999999999999", "j-1", "m+1", "j%0aX",
           "a" * 500)
    for one in ids:
        for path in ("/v1/jobs/", "/v1/moves/", "/v1/approvals/"):
            c = UnixHTTP(place.socket)
            status, text = call(c, "GET", path + one)
            c.close()
            require(400 <= status < 500, f"{path}{one}: {status}")
            require(not re.search(rb"[\x00-\x1f\x7f]", text), f"{path}{one}: {text!r}")
    for query in ("limit=-1", "limit=99999999999999999999", "offset=18446744073709551615&limit=2", "limit=%00",
                  "job=%27"):
        c = UnixHTTP(place.socket)
        status, text = call(c, "GET", f"/v1/moves?{query}")
        c.close()
        require(status in (200, 400), f"?{query}: {status} {text[:100]!r}")


def enroll_names(place):
    """enrolling nodes and operators whose names are none, over the socket and by the command's file name"""
    for name in ("../x", "a/b", "x\n", "*", "controller,CN=x", "", "n" * 151, "\u202egpj", 7):
        for path, body in (("/v1/enroll", {"node": name}), ("/v1/operators", {"name": name})):
            c = UnixHTTP(place.socket)
            status, text = call(c, "POST", path, json.dumps(body))
            c.close()
            require(400 <= status < 500, f"{name!r} got an identity: {path} {status} {text[:60]!r}")
    for name in ("operator:x", "n" * 49, "x y", "\u0000"):
        c = UnixHTTP(place.socket)
        status, text = call(c, "POST", "/v1/operators", json.dumps({"name": name}))
        c.close()
        require(400 <= status < 500, f"{name!r} got a certificate: {status} {text[:60]!r}")
    done = place.zmferry("operator", "enroll", "../../evil", check=False)
    require(done.returncode == 3 and not os.path.exists("../../evil.pem"), f"../../evil: {done.stderr}")


def https_strangers(place):
    """HTTPS without a session, with forged ones, foreign origins and hosts, and a metrics token that is none"""
    for method, path in (("GET", "/v1/status"), ("GET", "/v1/moves"), ("POST", "/v1/plans"), ("POST", "/v1/jobs"),
                         ("POST", "/v1/jobs/j1/cancel"), ("POST", "/v1/enroll"), ("GET", "/metrics"),
                         ("DELETE", "/v1/session")):
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer " + "A" * 43},
                        {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer " + "A" * 6000},
                        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Cookie": "zmferry=1"},
                        {"Origin": "https://x", "Host": "y"}):
            c = https()
            status, text = call(c, method, path, None if method != "POST" else b"{}", headers)
            c.close()
            require(status in (401, 403, 429, 431), f"{method} {path} {str(headers)[:60]}: {status} {text[:80]!r}")
        time.sleep(0.3)     # the rate limit has its own attack
    c = https()
    status, text = call(c, "OPTIONS", "/v1/jobs", None, {"Origin": "https://evil.example"})
    c.close()
    require(status == 403, f"preflight of a foreign origin: {status} {text[:80]!r}")


NO_HOSTS = ("<img src=x onerror=alert(1)>.example.test", "../../etc/x.y", "a..b", "-rm.example.test", "x.-y",
            "%n.example.test", "$(id).example.test", "a.b,c.d", "\u202egpj.example.test", "\x1b[31m.example.test",
            "x\n.example.test", "mbs9", ".",
            "n" * 64 + ".example.test", "n." * 150 + "x", 7, None, ["mbs9.example.test"], "*)(uid=*.example.test")


def new_node_names(place):
    """a global administrator's session, with api_add_nodes on, adds nodes whose names are none"""
    admin = place.cluster["admin"]
    c = https()
    status, text = call(c, "POST", "/v1/session", json.dumps({"name": admin["name"], "password": admin["password"]}))
    require(status == 201, f"no session, this would prove nothing: {status} {text[:200]!r}")
    bearer = {"Authorization": "Bearer " + json.loads(text)["session"]["secret"]}
    status, text = call(c, "POST", "/v1/plans", json.dumps({"kind": "add", "node": "mbs9.example.test"}), bearer)
    require(status == 200, f"a good name is not taken, this would prove nothing: {status} {text[:200]!r}")
    for number, name in enumerate(NO_HOSTS):
        for path in ("/v1/plans", "/v1/jobs"):
            keys = {"If-Match": '""', "Idempotency-Key": f"name-{number}"}
            status, text = call(c, "POST", path, json.dumps({"kind": "add", "node": name}), {**bearer, **keys})
            require(status == 409, f"{path} {name!r}: {status} {text[:200]!r}")
            problem = json.loads(text)["error"]["text"]
            require(re.search("is no host name|needs its whole name|add needs a node", problem), f"{name!r}: {problem}")
            require(not re.search(r"[\x00-\x1f\x7f-\x9f]", problem), f"{name!r}: {problem!r}")
        time.sleep(0.1)     # the rate limit has its own attack
    volumes = {"kind": "add", "node": "mbs9.example.test", "destroy_volumes": True}
    status, text = call(c, "POST", "/v1/jobs", json.dumps(volumes),
                        {**bearer, "If-Match": '""', "Idempotency-Key": "volumes"})
    require(status == 409 and b"with its volumes" in text, f"volumes: {status} {text[:200]!r}")
    for path, body in (("/v1/enroll", {"node": "mbs9.example.test"}),
                       ("/v1/containers", {"node": "mbs1", "op": "stop"})):
        status, text = call(c, "POST", path, json.dumps(body), bearer)
        require(status == 403, f"{path}: {status} {text[:200]!r}")
    c.close()
    require(not [j for j in place.json("jobs")["jobs"] if j["kind"] == "add"], "an addition was begun")


def operator(place, name, out):
    """A new certificate of that operator; its file."""
    path = place.path(out)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    place.zmferry("operator", "enroll", name, "--out", path)
    return path


def shown_to_https(pem, method="GET", path="/v1/status", headers=None):
    """(status, text) of a request that comes with this certificate."""
    c = https(pem)
    try:
        status, text = call(c, method, path, None if method == "GET" else b"{}", headers)
        return status, text.decode()
    finally:
        c.close()


def operator_certificates(place):
    """certificates at the API that are an agent's, the controller's, expired, of another CA, of nobody, revoked"""
    alice = operator(place, "alice", "alice.pem")
    require(shown_to_https(alice)[0] == 200, "a good certificate is not taken: this would prove nothing")
    ca, ca_key = place.path("state", "operators.pem"), place.path("state", "operators.key")
    client = "extendedKeyUsage=clientAuth\nbasicConstraints=critical,CA:FALSE\n"
    server = "extendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n"
    agents_ca, agents_key = ca_files(place)
    over = certificate(place, "over", "operator:alice", ca, ca_key, days=0, extensions=client)
    # An operator who plays CA: CA:FALSE stands in the certificate that signs this one.
    own_key, own_crt = place.path("alice.key"), place.path("alice.crt")
    openssl("pkey", "-in", alice, "-out", own_key)
    openssl("x509", "-in", alice, "-out", own_crt)
    by_alice = certificate(place, "by-alice", "operator:root", own_crt, own_key, extensions=client)
    earlier = operator(place, "bob", "bob1.pem")
    operator(place, "bob", "bob2.pem")
    revoked = operator(place, "carol", "carol.pem")
    place.zmferry("operator", "revoke", "carol")
    time.sleep(2)   # days=0 is over by now
    cases = {
        "an agent's": (place.path("mbs1.pem"), "no operator's certificate"),
        "the controller's": (place.path("state", "controller.pem"), "no operator's certificate"),
        "of a CA of his own": (certificate(place, "foreign-op", "operator:alice", extensions=client),
                               "no operator's certificate"),
        "of the agents' CA with an operator's name": (
            certificate(place, "op-by-agents", "operator:alice", agents_ca, agents_key, extensions=client),
            "no operator's certificate"),
        "of the operators' CA with a node's name": (
            certificate(place, "node-by-op", "node:mbs1", ca, ca_key, extensions=client), "no operator's certificate"),
        "for servers": (certificate(place, "server-op", "operator:alice", ca, ca_key, extensions=server),
                        "no operator's certificate"),
        "signed by an operator": (by_alice, "no operator's certificate"),
        "expired": (over, "is over"),
        "by a stolen CA key": (certificate(place, "stolen", "operator:alice", ca, ca_key, extensions=client),
                               "replaced by a later one"),
        "by a stolen CA key, a new name": (
            certificate(place, "stolen2", "operator:mallory", ca, ca_key, extensions=client), "was revoked, or"),
        "the one before": (earlier, "replaced by a later one"),
        "revoked": (revoked, "was revoked"),
    }
    for what, (pem, says) in cases.items():
        for method, path in (("GET", "/v1/status"), ("POST", "/v1/jobs/j1/cancel"), ("GET", "/metrics")):
            status, text = shown_to_https(pem, method, path)
            require(status == 401 and says in text, f"{what}: {method} {path}: {status} {text[:200]}")
        require(shown_to_https(pem, "GET", "/healthz")[0] == 200, f"{what}: it keeps people from /healthz")
        time.sleep(0.2)
    # It is the command's: what a browser sends for a page is not it, whoever's page it is.
    own = f"https://{API[0]}:{API[1]}"
    for headers in ({"Origin": own}, {"Referer": own + "/"}, {"Sec-Fetch-Site": "none"},
                    {"Sec-Fetch-Site": "cross-site"}, {"Authorization": "Bearer " + "a" * 64},
                    {"Origin": "https://evil.example"}, {"Origin": "null"}):
        for method, path in (("GET", "/v1/status"), ("POST", "/v1/jobs/j1/cancel")):
            status, text = shown_to_https(alice, method, path, headers)
            require(status in (401, 403), f"{headers}: {method} {path}: {status} {text[:80]}")
    # What gives out keys, runs containers or destroys is the machine's.
    for method, path in (("POST", "/v1/enroll"), ("POST", "/v1/operators"), ("GET", "/v1/operators"),
                         ("POST", "/v1/operators/bob/revoke"), ("POST", "/v1/containers"), ("POST", "/v1/rehearsal")):
        status, text = shown_to_https(alice, method, path)
        require(status == 403, f"an operator at {method} {path}: {status} {text[:80]}")
    # And it is no agent.
    for address in (CONTROLLER, mail_port(place, "mbs2")):
        kind, text = ask(address, alice, hello(NODE.format(1)))
        require(kind == "closed", f"an operator at {address}: {kind} {text}")
    require(shown_to_https(alice)[0] == 200, "the good one is not taken any more")


def operator_waits(place):
    """an operator's 16 connections that wait, half of them gone at once: the socket and the page are served"""
    pem = operator(place, "dave", "dave.pem")
    job = place.json("evacuate", "mbs1", "--yes", "--cutover", "go")["job"]["id"]
    sockets = []
    try:
        place.zmferry("job", "pause", job)
        path = f"/v1/jobs/{job}?moves=0"

        def tag():
            c = https(pem)
            c.request("GET", path)
            got = c.getresponse()
            got.read()
            c.close()
            return got.getheader("ETag")
        wait_for("the job to rest", 60, lambda: len({tag() for _ in range(3) if not time.sleep(0.5)}) == 1)
        known = tag()
        for _ in range(16):
            s = tls(API, pem)
            s.sendall(f"GET {path}&wait=99999999999999999999 HTTP/1.1\r\nHost: x\r\n"
                      f"If-None-Match: {known}\r\n\r\n".encode())
            sockets.append(s)
        time.sleep(1)
        require(not select.select(sockets, [], [], 0)[0], "they do not wait: this would prove nothing")
        drain(sockets[::2])
        begun = time.monotonic()
        require(place.json("jobs")["jobs"], "the socket does not answer")
        require(time.monotonic() - begun < 3, "the socket answers slowly")

        def served():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return shown_to_https(None, "GET", "/healthz")[0] == 200
        # All 16 of that address are taken until it is noticed that half of them have gone.
        wait_for("a place for others from that address", 10, served)
    finally:
        drain(sockets)
        place.zmferry("job", "cancel", job)
    place.wait_job(job, 60)


def https_rate(place):
    """guessing sessions: the address is slowed down, the socket is not"""
    seen = set()
    c = https()
    for _ in range(200):
        status, _text = call(c, "GET", "/v1/status", None, {"Authorization": "Bearer guess"})
        seen.add(status)
    c.close()
    require(429 in seen, f"200 guesses at once were all answered: {seen}")
    require(is_connected(place, "mbs1"), "the socket was slowed down too")


def https_flood(place):
    """100 half-open HTTPS connections and 100 half requests on the socket's neighbour: the socket is served"""
    sockets = []
    try:
        for _ in range(100):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(API)
            sockets.append(s)
        begun = time.monotonic()
        require(is_connected(place, "mbs1"), "the socket does not answer")
        require(time.monotonic() - begun < 3, "the socket answers slowly")
    finally:
        drain(sockets)


def socket_crowd(place):
    """80 connections on the socket that say nothing, then leave: the socket is served again at once"""
    sockets = []
    try:
        for _ in range(80):
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            if s.connect_ex(place.socket) == 0:
                sockets.append(s)
        time.sleep(0.3)
    finally:
        drain(sockets)
    done = place.zmferry("nodes", check=False, timeout=8)
    require(done.returncode == 0, done.stderr)


# --- attacks: terminals ---

class LyingController:
    """A controller whose every text steers terminals."""

    def __init__(self, place, path):
        self.path, self.answers = path, {}
        for url in ("/v1/status", "/v1/nodes", "/v1/jobs", "/v1/moves", "/v1/events", "/v1/alerts"):
            c = UnixHTTP(place.socket)
            self.answers[url] = self.poison(json.loads(call(c, "GET", url)[1]))
            c.close()
        text = "x" + ESCAPES
        move = {"id": text, "account": text, "source": text, "target": text, "state": text, "error": text, "next": text,
                "job": text, "verdict": text, "why": text}
        self.answers["/v1/moves"] = {"moves": [move], "total": 1}
        self.answers["/v1/moves/m1"] = {"move": move, "events": [{"at_ms": 1, "text": text, "what": text}],
                                        "story": [text], "verdict": {"clean": False, "differences": [
                                            {"item": 1, "type": text, "what": text, "known": text}]}}
        self.answers["/v1/events"] = {"events": [{"at_ms": 1, "kind": text, "subject": text, "text": text}]}
        self.answers["/v1/alerts"] = {"alerts": [{"kind": text, "subject": text, "text": text, "next": text,
                                                  "command": text, "at_ms": 1}]}
        operator_row = {"name": text, "made": text, "ends": text, "is_over": False, "made_by": text}
        self.answers["/v1/operators"] = {"operators": [operator_row], **operator_row, "bundle": text, "port": 1}
        approval = {"id": "a1", "kind": text, "node": text, "to": text, "who": text, "at": text}
        self.answers["/v1/approvals"] = {"approvals": [approval]}
        job = {"id": text, "node": text, "state": text, "reason": text, "who": text, "kind": text}
        self.answers["/v1/jobs"] = {"jobs": [job], "total": 1}
        self.answers["/v1/jobs/j1"] = {"job": job, "moves": [move]}
        self.answers["/v1/plans"] = {"plan": {"kind": text, "node": text, "version": text, "mailboxes": 1, "bytes": 1,
                                              "moves": [{"account": text, "target": text, "bytes": 1}],
                                              "targets": [{"node": text}], "notes": [text],
                                              "refused": [{"account": text, "why": text, "next": text}]}}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        threading.Thread(target=self.run, daemon=True).start()

    def poison(self, value):
        if isinstance(value, str):
            return value + ESCAPES
        if isinstance(value, list):
            return [self.poison(v) for v in value]
        return {k: self.poison(v) for k, v in value.items()} if isinstance(value, dict) else value

    def run(self):
        while True:
            try:
                s = self.listener.accept()[0]
            except OSError:
                return
            with s, contextlib.suppress(OSError):
                s.settimeout(5)
                head = s.recv(65536).decode(errors="replace")
                url = head.split(" ")[1].split("?")[0]
                found = self.answers.get(url)
                body = json.dumps(found or self.poison({"error": {"kind": "refused", "text": "no", "next": "try"}}))
                s.sendall(f"HTTP/1.1 {'200 OK' if found else '409 Conflict'}\r\nContent-Type: application/json\r\n"
                          f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


def terminal(place):
    """every text that the command prints, poisoned: no byte of it steers a terminal"""
    path = place.path("liar.sock")
    lying = LyingController(place, path)
    try:
        for words in (["operators"], ["approvals"], ["operator", "revoke", "x"], ["approve", "a1", "--yes"],
                      ["operator", "enroll", "x", "--out", place.path("liar-operator.pem")],
                      ["status"], ["nodes"], ["jobs"], ["moves"], ["events"], ["alerts"], ["job", "show", "j1"],
                      ["explain", "m1"], ["plan", "evacuate", "mbs1"], ["job", "pause", "j1"],
                      ["evacuate", "mbs1", "--dry-run"], ["enroll", "mbs1", "--out", place.path("liar.pem")],
                      ["status", "--json"], ["moves", "--json"]):
            done = subprocess.run([place.program("zmferry"), *words, "--socket", path], capture_output=True, timeout=20)
            text = (done.stdout + done.stderr).decode("utf-8", errors="surrogateescape")
            bad = re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
            require(not bad, f"{' '.join(words)}: {text[max(0, bad.start() - 60):bad.start() + 20]!r}" if bad else "")
            require(text.strip(), f"{' '.join(words)} printed nothing")
    finally:
        lying.listener.close()


# --- attacks: the directory ---

LDAP_VALUES = {
    "zimbraMailDeliveryAddress": (ESCAPES + "@x", "a" * 5000, "x\n2026 info forged",
                                  "*)(uid=*", "' OR 1=1 --", "../../x"),
    "zimbraId": ("../../etc", "i" * 300, "x)(uid=*", "\u009b31m"),
    "zimbraMailQuota": ("-1", "99999999999999999999999", "1e9", "x" * 300),
    "zimbraAccountStatus": ("active\n", "x" * 300, ESCAPES),
    "zimbraMailTransport": ("lmtp:" + "h" * 3000 + ":1", "lmtp:;id", ESCAPES),
    "zimbraMailAlias": ("a" * 400 + "@x", ESCAPES),
}


def ldap(place, program, *args, **more):
    where = place.cluster["ldap"]
    return run([program, "-x", "-H", where["uri"], "-D", where["bind_dn"], "-w", where["password"], *args],
               check=False, **more)


def ldap_values(place):
    """names, ids, quotas and states in LDAP that are none: a plan is made, and says nothing to a terminal"""
    found = ldap(place, "ldapsearch", "-LLL", "-o", "ldif-wrap=no", f"(&(uid=user*)(zimbraMailHost={NODE.format(1)}))")
    entry = found.stdout.split("\n\n")[0].splitlines()
    require(entry and entry[0].startswith("dn: "), f"no account to spoil: {found.stdout[:200]} {found.stderr[:200]}")
    taken = 0
    for attribute, values in LDAP_VALUES.items():
        was = [line for line in entry if line.startswith(attribute + ":")]
        for value in values:
            spoiled = f"{attribute}:: {base64.b64encode(value.encode()).decode()}"
            head = f"{entry[0]}\nchangetype: modify\nreplace: {attribute}\n"
            done = ldap(place, "ldapmodify", input=f"{head}{spoiled}\n")
            if done.returncode != 0:
                continue    # the directory itself does not hold such a value
            taken += 1
            try:
                for words in (("plan", "evacuate", "mbs1"), ("plan", "evacuate", "mbs1", "--json"), ("status",)):
                    plan = subprocess.run([place.program("zmferry"), *words, "--socket", place.socket],
                                          capture_output=True, timeout=20)
                    text = (plan.stdout + plan.stderr).decode(errors="surrogateescape")
                    bad = re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
                    require(not bad, f"{attribute}: {text[max(0, bad.start() - 60):]!r:.200}" if bad else "")
                    require(plan.returncode in (0, 3), f"{attribute} {value[:20]!r}: {plan.returncode} {text[-200:]}")
            finally:
                ldap(place, "ldapmodify", input=head + "".join(line + "\n" for line in was))
    require(taken >= 5, f"the directory took only {taken} of these")


# --- attacks: a mailboxd gone bad ---

SOAP = b'<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Body>'
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + b"ha" * 1000 + b'">' + b"".join(
    b'<!ENTITY %c "' % (98 + i) + b"&%c;" % (97 + i) * 50 + b'">' for i in range(8)) + b"]><x>&i;</x>"
FILE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + SOAP + b"<x>&e;</x>"
FAULT = (SOAP + b"<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Reason><soap:Text>" +
         b"&#27;not allowed in XML</soap:Text></soap:Reason></soap:Fault></soap:Body></soap:Envelope>")
FAULT_C1 = FAULT.replace(b"&#27;", "&#155;31m\u009b2J\r\n2026-01-01 info forged line".encode())
ANSWERS = {
    "billion laughs": (b"", LAUGHS, None), "an external entity": (b"", FILE, None),
    "deep nesting": (b"", b"<a>" * 200000, None), "escapes in a fault": (b"", FAULT_C1, None),
    "a fault that is no XML": (b"", FAULT, None), "no XML": (b"", b"\0\xff" * 5000, None),
    "a length that lies": (b"Content-Length: 99999999999999\r\n", SOAP, None),
    "200 MB": (b"Content-Length: 209715200\r\n", b"<a>", 200),
    "endless headers": (b"X: y\r\n" * 200000, b"", None),
}


class LyingMailboxd:
    """In the place of a node's mailboxd, with its certificate or another."""

    def __init__(self, place, name, certificate_file, key_file, answer_as):
        self.asked, self.connections, self.answer = [], 0, answer_as
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate_file, key_file)
        self.listener = socket.create_server((place.node(name)["address"], 7071), reuse_port=False, backlog=32)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with contextlib.suppress(OSError):
            s.settimeout(5)
            with self.context.wrap_socket(s, server_side=True) as t:
                self.asked.append(t.recv(65536))
                headers, body, megabytes = self.answer
                t.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nConnection: close\r\n" + headers +
                          b"\r\n" + body)
                for _ in range(megabytes or 0):
                    t.sendall(b"A" * (1 << 20))


def resident_mb(process):
    with open(f"/proc/{process.child.pid}/status", encoding="ascii") as f:
        return max(int(line.split()[1]) for line in f if line.startswith("VmHWM")) // 1024


def lying_mailboxd(place):
    """a mailboxd with bombs, entities, endless and false answers, and one with a foreign certificate"""
    node, agent = place.node("mbs3"), place.agents["mbs3"]
    place.lab("kill", "mbs3")
    try:
        cases = [(what, node["cert_file"], node["key_file"], how) for what, how in ANSWERS.items()]
        cases.append(("a foreign certificate", place.path("api.crt"), place.path("api.key"), (b"", b"", None)))
        for what, certificate_file, key_file, how in cases:
            agent.kill()
            lying = LyingMailboxd(place, "mbs3", certificate_file, key_file, how)
            agent.start()
            try:
                wait_for(f"the agent to ask ({what})", 10, lambda k=lying: k.connections >= 2)
                time.sleep(0.7)
                require(agent.alive(), f"{what} ended the agent:\n{agent.tail(5)}")
                require(resident_mb(agent) < (200 if "release" in place.build else 1000),   # a sanitizer hoards
                        f"{what} cost {resident_mb(agent)} MB")
                if what == "a foreign certificate":
                    require(not any(lying.asked), f"it was asked: {lying.asked[0][:80]!r}" if lying.asked else "")
                else:
                    require(lying.asked, f"{what}: nothing was asked, so this proved nothing")
            finally:
                lying.listener.shutdown(socket.SHUT_RDWR)   # wakes its thread
                lying.listener.close()
    finally:
        agent.kill()
        place.lab("start", "mbs3")
        agent.start()


# --- attacks: this machine ---

def file_modes(place):
    """every file and socket that the programs made, under umask 0000 and 0077"""
    bad = []
    for root in ("state", "spool-mbs1", "spool-mbs2", "spool-mbs3"):
        for folder, _dirs, files in os.walk(place.path(root)):
            for path in [folder, *(os.path.join(folder, f) for f in files)]:
                with contextlib.suppress(FileNotFoundError):
                    mode = stat.S_IMODE(os.lstat(path).st_mode)
                    if mode & 0o077 and os.path.basename(path) not in ("ca.pem", "operators.pem"):
                        bad.append(f"{path} {mode:o}")
    require(not bad, "others may read: " + ", ".join(bad))
    require(stat.S_IMODE(os.stat(place.socket).st_mode) == 0o660, "the socket's mode is not 0660")
    for mask in (0o000, 0o077):
        out = place.path(f"enrolled-{mask:o}.pem")
        run([place.program("zmferry"), "enroll", NODE.format(1), "--out", out, "--socket", place.socket],
            preexec_fn=lambda m=mask: os.umask(m))
        require(stat.S_IMODE(os.stat(out).st_mode) & 0o077 == 0, f"umask {mask:o}: {os.stat(out).st_mode:o}")
        shutil.rmtree(place.path("state2"), ignore_errors=True)
        with open(place.controller_conf, encoding="utf-8") as f:
            conf = f.read().replace(place.path("state"), place.path("state2"))
        run([place.program("zmferry-controller"), "-c", place.write(place.path("second.conf"), conf), "init"],
            preexec_fn=lambda m=mask: os.umask(m))
        for path in [place.path("state2"), *glob.glob(place.path("state2", "*.key")),
                     *glob.glob(place.path("state2", "controller.pem"))]:
            require(stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, f"umask {mask:o}: {path}")


def secret_files(place):
    """identity, CA key and passwords that others may read are refused at the start"""
    agent = [place.program("zmferry-agent"), "-c", place.agents["mbs1"].args[2], "-n"]
    controller = [place.program("zmferry-controller"), "-c", place.controller_conf, "-n"]
    for path, args in ((place.path("mbs1.pem"), agent), (place.path("admin.password"), controller),
                       (place.path("ldap.password"), controller)):
        os.chmod(path, 0o444)
        done = run(args, check=False)
        os.chmod(path, 0o400)
        require(done.returncode == 3 and path in done.stderr, f"{path} 0444: {done.returncode} {done.stderr[-200:]}")


def open_spool(place):
    """a spool folder that others may write is refused; one of ours that they may read is closed"""
    conf = place.agents["mbs1"].args[2]
    spool = place.path("spool-mbs1")
    args = [place.program("zmferry-agent"), "-c", conf, "-n"]
    os.chmod(spool, 0o777)
    done = run(args, check=False)
    os.chmod(spool, 0o700)
    require(done.returncode == 3 and "chmod 0700" in done.stderr, f"0777: {done.returncode} {done.stderr[-200:]}")


def spool_links(place):
    """a link in place of a move's spool: not followed, nothing behind it is written or deleted"""
    victim = place.path("victim")
    os.makedirs(victim, exist_ok=True)
    place.write(os.path.join(victim, "precious"), "mail")
    for n in (2, 3):
        for move in range(1, 40):
            with contextlib.suppress(FileExistsError):
                os.symlink(victim, place.path(f"spool-mbs{n}", f"m{move}"))
    job = place.json("evacuate", "mbs1", "--yes")["job"]["id"]
    try:
        wait_for("the moves to meet the link", 10,
                 lambda: any("spool" in (m.get("error") or "") or "link" in (m.get("error") or "") or
                             m["state"] in ("abandoned", "stuck", "settled") for m in place.moves()))
    finally:
        with contextlib.suppress(Failed):
            place.zmferry("job", "cancel", job)
    wait_for("the job's end", 30, lambda: place.job(job)["job"]["state"] in (
        "done", "done_with_failures", "cancelled", "failed"))
    require(os.listdir(victim) == ["precious"], f"behind the link: {os.listdir(victim)}")
    for path in glob.glob(place.path("spool-mbs[23]", "m*")):
        if os.path.islink(path):
            os.unlink(path)


def secrets_shown(place):
    """passwords, tickets and keys in logs, arguments, environments, print-config and answers"""
    secrets = [place.cluster["admin"]["password"], place.cluster["ldap"]["password"]]
    for path in (place.path("mbs1.pem"), place.path("state", "ca.key"), place.path("state", "operators.key"),
                 *glob.glob(place.path("alice.pem"))):
        with open(path, encoding="ascii") as f:
            secrets.append(f.read().splitlines()[1])
    with open(place.node("mbs1")["dir"] + "/conf/localconfig.xml", encoding="utf-8") as f:
        secrets += re.findall(r"password\">\s*<value>([^<]{4,})<", f.read())
    texts = {}
    for path in glob.glob(place.path("*.log")):
        with open(path, encoding="utf-8", errors="replace") as f:
            texts[path] = f.read()
    for process in [place.controller, *place.agents.values()]:
        for name in ("cmdline", "environ"):
            with open(f"/proc/{process.child.pid}/{name}", "rb") as f:
                texts[f"{process.name} {name}"] = f.read().decode(errors="replace")
        with open(f"/proc/{process.child.pid}/limits", encoding="ascii") as f:
            core = next(line for line in f if line.startswith("Max core"))
        require(core.split()[4] == "0", f"{process.name} may write a core: {core}")
    shown = run([place.program("zmferry-controller"), "-c", place.controller_conf, "--print-config"])
    texts["print-config"] = shown.stdout + shown.stderr
    for url in ("/v1/status", "/v1/overview", "/v1/events", "/metrics"):
        c = UnixHTTP(place.socket)
        texts[url] = call(c, "GET", url)[1].decode()
        c.close()
    for what, text in texts.items():
        for secret in secrets:
            require(secret not in text, f"{what} holds a secret")


def log_lines(place):
    """after all of this: no control character in a log, and no flood of lines"""
    for path in glob.glob(place.path("*.log")):
        with open(path, "rb") as f:
            text = f.read()
        bad = re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", text)
        require(not bad, f"{path}: {text[max(0, bad.start() - 60):bad.start() + 20]!r}" if bad else "")
        require(len(text) < 400000, f"{path} has {len(text)} bytes")


def mailboxes_whole(place):
    """after all of this: the oracle finds every mailbox where it was, with everything it held"""
    verdict = place.oracle(place.path("before.json"))
    require(verdict.returncode == 0, f"{verdict.stdout[-3000:]}{verdict.stderr[-1000:]}")


ATTACKS = (plain_bytes, old_tls, no_certificate, foreign_certificates, another_node, frames, tickets, flood_mail_port,
           flood_controller, hostile_json, hostile_paths, enroll_names, https_strangers, new_node_names,
           operator_certificates, operator_waits, https_rate, https_flood,
           socket_crowd, terminal, file_modes, secret_files, open_spool, lying_inventory, lying_results,
           strange_clocks, spool_links,
           answers_of_others, lying_source, ldap_values,
           lying_mailboxd, slow_loris, secrets_shown, log_lines, mailboxes_whole)


def prepare():
    directory = os.path.join(ROOT, "build", "e2e", "hostile")
    Installation(directory, net=NET).remove()
    place = Installation(directory, net=NET)
    place.lab_up(mailboxes=10, seed=5)
    place.lab("inventory", "--out", place.path("before.json"))
    certificate_file, key_file = place.path("api.crt"), place.path("api.key")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key_file,
            "-out", certificate_file, "-subj", "/CN=controller", "-days", "30")
    os.chmod(key_file, 0o400)
    # Descriptors as a distribution gives them; the attacker himself has more.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    place.install(f'api_listen_address = "{API[0]}"\napi_port = {API[1]}\n'
                  f'api_certificate_file = "{certificate_file}"\napi_key_file = "{key_file}"\napi_add_nodes = yes\n')
    old = os.umask(0)
    place.start()
    os.umask(old)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, FILES), hard))
    plan = place.json("plan", "evacuate", "mbs1")["plan"]
    place.agents_inventory = {"mbs1": [(m["account_id"], 4096) for m in plan["moves"] if "account_id" in m]}
    return place


def main():
    wanted = sys.argv[1:]
    attacks = [a for a in ATTACKS if not wanted or a.__name__ in wanted]
    passed = failed = 0
    place = prepare()
    try:
        start_drips(place)
        for attack in attacks:
            begun = time.monotonic()
            try:
                attack(place)
                all_serve(place)
                passed += 1
                print(f"ok   {attack.__name__}: {attack.__doc__} ({time.monotonic() - begun:.1f} s)", flush=True)
            except (Failed, OSError, subprocess.TimeoutExpired, KeyError, ValueError, http.client.HTTPException) as e:
                failed += 1
                print(f"FAIL {attack.__name__}: {attack.__doc__}\n     {e!r}"[:3000], flush=True)
    finally:
        place.down()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
