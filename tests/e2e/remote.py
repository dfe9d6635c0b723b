# SPDX-License-Identifier: Apache-2.0
"""zmferry from another machine: HTTPS, an operator's certificate, a wait that is not polled, and
the API's certificate replaced while all runs.
"""
import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import ssl
import stat
import threading
import time

from harness import Process, run, wait_for
from steps import require

ALICE = "alice@example.test"


def server_certificate(place, name, days=90):
    """A new self-signed one for the controller's address: (certificate's file, key's file)."""
    certificate, key = place.path(f"{name}.crt"), place.path(f"{name}.key")
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
         "-out", certificate, "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{place.net}.200",
         "-days", str(days)])
    os.chmod(key, 0o400)
    return certificate, key


def install(place, **more):
    """With HTTPS, its certificate in api.crt and api.key."""
    certificate, key = server_certificate(place, "api")
    place.install(f'api_listen_address = "{place.net}.200"\napi_port = 7440\n'
                  f'api_certificate_file = "{certificate}"\napi_key_file = "{key}"\n'
                  'api_add_nodes = yes\n', **more)    # which is for sessions, not for operators


def put(path, source):
    """As certbot does it: another file takes the name."""
    with open(source, "rb") as f:
        text = f.read()
    with open(path + ".new", "wb") as f:
        f.write(text)
    os.chmod(path + ".new", 0o400)
    os.rename(path + ".new", path)


class Remote:
    """The command on another machine: no socket, a certificate."""

    def __init__(self, place, certificate):
        self.place, self.certificate = place, certificate
        self.url = f"https://{place.net}.200:7440"

    def zmferry(self, *args, check=True, timeout=120):
        return run([self.place.program("zmferry"), *args, "--controller", self.url, "--certificate", self.certificate],
                   check=check, timeout=timeout)

    def refused(self, *args, code=3, says=""):
        done = self.zmferry(*args, check=False)
        require(done.returncode == code and says in done.stderr,
                f"{' '.join(args)}: {done.returncode} and not {code} with \"{says}\": {done.stderr}")
        return done


def enroll(place, name, out, *more):
    place.zmferry("operator", "enroll", name, "--out", place.path(out), *more)
    return Remote(place, place.path(out))


def shown(place):
    """The fingerprint of the certificate that the API shows."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((f"{place.net}.200", 7440), 5) as s, context.wrap_socket(s) as t:
        return hashlib.sha256(t.getpeercert(True)).hexdigest()


def fingerprint(path):
    with open(path, encoding="ascii") as f:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()


def four_eyes(place, alice):
    """With api_four_eyes an operator's job waits for another one; whoever asked cannot approve under another way in."""
    with open(place.controller_conf, "a", encoding="utf-8") as f:
        f.write("api_four_eyes = yes\n")
    require(place.controller.stop() == 0, place.controller.tail())
    with contextlib.closing(sqlite3.connect(place.path("state", "journal.db"))) as journal, journal:
        ends_ms = int((time.time() + 5.5 * 86400) * 1000)
        journal.execute("UPDATE operator SET ends_ms = ? WHERE name = 'bob'", (ends_ms,))
    place.controller.start()
    place.wait_ready()

    def told():
        return [a["text"] for a in place.json("alerts")["alerts"] if a["key"] == "certificate_operator"]
    wait_for("the end of bob's certificate to be told", 10, told)
    require(told() == ["the certificate of operator bob ends in 5 days"], f"{told()}")
    enroll(place, "bob", "bob2.pem")
    require(not told(), f"renewed, and told all the same: {told()}")
    carol = enroll(place, "carol", "carol.pem", "--server-ca", place.path("api.crt"))
    alice.refused("move", "user001@example.test", "--to", "mbs3", "--yes", says="second administrator")
    asked = alice.zmferry("restore", "mbs1", "--yes", "--wait").stdout
    require("somebody else must approve" in asked and "zmferry approve a1" in asked, asked)
    require(len(place.json("jobs")["jobs"]) == 1, "it was begun")
    require("restore mbs1" in carol.zmferry("approvals").stdout, "it is not listed")
    alice.refused("approve", "a1", "--yes", says="the one who asked cannot approve")
    carol.refused("approve", "a7", "--yes", says="nothing of that name")
    carol.zmferry("approve", "a1", "--yes", "--wait")
    job = place.json("jobs")["jobs"][0]
    require(job["kind"] == "restore" and job["state"] == "done", f"{job}")
    require(f"operator:{ALICE}"[:30] in job["who"] and "operator:carol" in job["who"], f"{job['who']}")
    alice.zmferry("evacuate", "mbs2", "--yes")
    carol.zmferry("refuse", "a2")
    require("nothing waits" in alice.zmferry("approvals").stdout, "a refusal leaves it there")


def remote(place):
    """from another machine: a certificate is made, used, replaced, revoked; an evacuation is waited for over HTTPS"""
    place.lab_up(mailboxes=12, seed=9)
    install(place)
    place.start()
    alice = enroll(place, ALICE, "alice.pem", "--server-ca", place.path("api.crt"))
    require(stat.S_IMODE(os.stat(place.path("alice.pem")).st_mode) == 0o600, "others may read the certificate")
    again = place.zmferry("operator", "enroll", ALICE, "--out", place.path("alice.pem"), check=False)
    require(again.returncode == 3 and "is there already" in again.stderr, again.stderr)
    require(json.loads(alice.zmferry("nodes", "--json").stdout) == place.json("nodes"), "other nodes over HTTPS")
    rows = place.json("operators")["operators"]
    require([(r["name"], r["is_over"], r["made_by"]) for r in rows] == [(ALICE, False, f"uid {os.getuid()}")],
            f"{rows}")

    # What makes keys or touches the machine is not for here.
    for args in (["enroll", "mbs1"], ["operator", "enroll", "eve"], ["operators"], ["operator", "revoke", ALICE],
                 ["stop", "mbs1", "--yes"], ["add", "mbs4.example.test", "--yes"],
                 ["remove", "mbs1", "--destroy-volumes", "--confirm", "mbs1", "--yes"]):
        alice.refused(*args, says="machine")
    require(not os.path.exists("mbs1.pem") and not os.path.exists("eve.pem"), "a refused enroll wrote a file")

    # Whom to trust: the file says it, or this machine.
    bob = enroll(place, "bob", "bob.pem")
    bob.refused("status", code=4, says="certificate")
    os.chmod(place.path("bob.pem"), 0o444)
    bob.refused("status", says="chmod 0400")
    bob.url = "http://" + bob.url[8:]
    os.chmod(place.path("bob.pem"), 0o400)
    bob.refused("status", says="is no address")
    no_file = run([place.program("zmferry"), "status", "--controller", alice.url], check=False)
    require(no_file.returncode == 3 and "zmferry operator enroll" in no_file.stderr, no_file.stderr)
    both = run([place.program("zmferry"), "status", "--controller", alice.url, "--socket", place.socket], check=False)
    require(both.returncode == 2, both.stderr)
    env = {**os.environ, "ZMFERRY_CONTROLLER": alice.url, "ZMFERRY_CERTIFICATE": alice.certificate}
    require("mbs1" in run([place.program("zmferry"), "nodes"], env=env).stdout, "the environment was not looked at")

    alice.zmferry("evacuate", "mbs1", "--yes", "--wait")
    job = place.json("jobs")["jobs"][0]
    require(job["state"] == "done" and job["who"] == f"operator:{ALICE}", f"{job}")
    audit = [e["text"] for e in place.json("events")["events"] if e["level"] == "audit"]
    require(any(t.startswith(f"operator:{ALICE} at 127.") and "evacuate mbs1" in t for t in audit),
            f"who did it is not written down: {audit}")

    four_eyes(place, alice)

    # Replaced: the earlier file is over. Revoked: both are.
    later = enroll(place, ALICE, "alice2.pem", "--server-ca", place.path("api.crt"))
    alice.refused("status", says="replaced by a later one")
    later.zmferry("status")
    place.zmferry("operator", "revoke", ALICE)
    later.refused("status", says="was revoked")
    gone = place.zmferry("operator", "revoke", ALICE, check=False)
    require(gone.returncode == 3 and "none of that name" in gone.stderr, gone.stderr)


def ask(place, path, etag=None, timeout=40):
    """GET over the socket: (status, seconds it took, ETag, body)."""
    connection = http.client.HTTPConnection("controller", timeout=timeout)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(timeout)
    connection.sock.connect(place.socket)
    begun = time.monotonic()
    connection.request("GET", path, headers={"If-None-Match": etag} if etag else {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, time.monotonic() - begun, answer.getheader("ETag"), text


class Asking(threading.Thread):
    """The same meanwhile."""

    def __init__(self, *args):
        super().__init__(daemon=True)
        self.args, self.answer = args, None
        self.start()

    def run(self):
        self.answer = ask(*self.args)

    def get(self, seconds=10):
        self.join(seconds)
        require(self.answer is not None, f"{self.args[1]}: no answer within {seconds} s")
        return self.answer


def crowd_waits(place, path, etag):
    """30 that wait: the oldest six are answered, the others wait, and others are served; all leave."""
    crowd = []
    request = f"GET {path}&wait=30 HTTP/1.1\r\nHost: x\r\nIf-None-Match: {etag}\r\n\r\n".encode()
    for _ in range(30):
        s = socket.socket(socket.AF_UNIX)
        s.connect(place.socket)
        s.sendall(request)
        crowd.append(s)
        time.sleep(0.02)        # one after the other: the oldest is known

    def answered(s):
        s.setblocking(False)
        try:
            return s.recv(100, socket.MSG_PEEK).startswith(b"HTTP/1.1 304")
        except BlockingIOError:
            return False
    wait_for("the oldest six to be answered", 15, lambda: [answered(s) for s in crowd] == [True] * 6 + [False] * 24)
    require(ask(place, path)[1] < 10, "the socket is slow")
    for s in crowd:
        s.close()


def long_poll(place):
    """a waiting request is answered when its job changes, with 304 when its time is over; no more than 24 wait"""
    place.lab_up(mailboxes=6, seed=4)
    place.install()
    place.start()
    nowhere = place.zmferry("operator", "enroll", "x", "--out", place.path("x.pem"), check=False)
    require(nowhere.returncode == 3 and "no API over HTTPS" in nowhere.stderr, nowhere.stderr)
    job = place.json("evacuate", "mbs1", "--yes", "--cutover", "go")["job"]["id"]
    path = f"/v1/jobs/{job}?moves=0"
    wait_for("the mailboxes to wait for their go", 60,
             lambda: len({ask(place, path)[2] for _ in range(3) if not time.sleep(0.7)}) == 1)
    status, took, etag, _body = ask(place, path)
    require(status == 200 and took < 10, f"{status} after {took:.1f} s")
    status, took, _etag, _body = ask(place, path, etag)
    require(status == 304 and took < 10, f"without wait: {status} after {took:.1f} s")
    require(ask(place, path + "&wait=25", '"other"')[1] < 10, "what was not known was waited for")
    status, took, _etag, body = ask(place, path + "&wait=2", etag)
    require(status == 304 and 1.8 < took < 12 and body == b"", f"{status} after {took:.1f} s")

    # A change answers at once.
    asking = Asking(place, path + "&wait=30", etag)
    time.sleep(1)
    place.zmferry("job", "pause", job)
    begun = time.monotonic()
    status, _took, _etag, body = asking.get()
    late = time.monotonic() - begun
    require(status == 200 and late < 10, f"{status} {late:.2f} s after the change")
    require(json.loads(body)["job"]["state"] == "paused", f"{body}")

    # Too many: the oldest gives way.
    etag = ask(place, path)[2]
    crowd_waits(place, path, etag)
    status, took, _etag, _body = Asking(place, path + "&wait=3", etag).get()
    require(status == 304 and took > 2.5, f"after the crowd: {status} after {took:.1f} s")

    # A controller that stops answers everybody; the command waits for the next one.
    follower = Process("follower", [place.program("zmferry"), "job", "wait", job, "--socket", place.socket],
                       place.path("follower.log")).start()
    place.helpers.append(follower)
    left = Process("left", follower.args, place.path("left.log")).start()
    place.helpers.append(left)
    asking = Asking(place, path + "&wait=30", etag)
    time.sleep(1)
    left.child.send_signal(signal.SIGINT)       # Ctrl-C ends the watching, in the midst of a question
    require(left.child.wait(15) == 130 and f"job {job} goes on" in left.tail(), left.tail())
    require(place.controller.stop() == 0, f"the end: {place.controller.tail()}")
    require(asking.get()[0] == 503, f"{asking.answer[:2]}")
    place.controller.start()
    place.wait_ready()
    place.zmferry("job", "resume", job)
    place.zmferry("job", "continue", job)
    require(follower.child.wait(120) == 0, f"job wait did not see the end: {follower.tail()}")


def certificate(place):
    """the API's certificate is replaced without a restart; a pair that does not fit changes nothing and is told of"""
    place.lab_up(mailboxes=3, seed=4)
    install(place)
    place.start()
    api, key = place.path("api.crt"), place.path("api.key")
    first = fingerprint(api)
    pid = place.controller.child.pid
    require(shown(place) == first, "another certificate is shown")
    alice = enroll(place, ALICE, "alice.pem", "--server-ca", api)

    # Files that changed are taken once they came to rest.
    second, second_key = server_certificate(place, "second")
    put(api, second)
    put(key, second_key)
    wait_for("the new certificate", 25, lambda: shown(place) == fingerprint(second), 0.5)
    with open(alice.certificate, "ab") as out, open(second, "rb") as more:
        out.write(more.read())
    alice.zmferry("status")

    # A pair that does not fit, at once: the one before stays, and it is said.
    third, third_key = server_certificate(place, "third", days=5)
    put(api, third)
    os.kill(pid, signal.SIGHUP)

    def alerts():
        return {a["key"]: a["text"] for a in place.json("alerts")["alerts"]}
    wait_for("the alert", 10, lambda: "do not belong together" in alerts().get("certificate_api_file", ""))
    require(shown(place) == fingerprint(second), "a certificate without its key is shown")
    require("is still shown" in place.controller.tail(), place.controller.tail())
    found = [f for f in place.json("doctor")["findings"] if f["check"] == "HTTPS certificate"]
    require([f["level"] for f in found] == ["warn"] and "not taken" in found[0]["text"], f"{found}")
    for spoil in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"\0" * 100, b"x" * 300000):
        with open(place.path("spoilt"), "wb") as f:
            f.write(spoil)
        put(api, place.path("spoilt"))
        os.kill(pid, signal.SIGHUP)
        time.sleep(0.2)
        require(shown(place) == fingerprint(second) and place.controller.alive(), f"{spoil[:30]!r} did harm")
    put(api, third)
    put(key, third_key)
    os.chmod(key, 0o444)
    os.kill(pid, signal.SIGHUP)
    wait_for("the mode to be told", 10, lambda: "chmod 0400" in alerts().get("certificate_api_file", ""))

    # Mended: over. It ends in five days, which is told as well.
    os.chmod(key, 0o400)
    wait_for("the third certificate", 25, lambda: shown(place) == fingerprint(third), 0.5)
    wait_for("the alert to end", 10, lambda: "certificate_api_file" not in alerts())
    require("days" in alerts().get("certificate_api", ""), f"{alerts()}")
    require(place.controller.child.pid == pid and place.controller.alive(), "it was restarted")

    # At a start there is none before: it is refused, by -n too.
    put(key, second_key)
    check = run([place.program("zmferry-controller"), "-c", place.controller_conf, "-n"], check=False)
    require(check.returncode == 3 and "do not belong together" in check.stderr, f"{check.returncode} {check.stderr}")


SCENARIOS = {
    "remote": remote,
    "long_poll": long_poll,
    "certificate": certificate,
}
