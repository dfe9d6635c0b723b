# SPDX-License-Identifier: Apache-2.0
"""zmferry from another machine: HTTPS, an operator's certificate, and the API's certificate replaced while all runs.
"""
import hashlib
import json
import os
import signal
import socket
import ssl
import stat
import time

from harness import run, wait_for
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
                  f'api_certificate_file = "{certificate}"\napi_key_file = "{key}"\n', **more)


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
                 ["stop", "mbs1", "--yes"], ["remove", "mbs1", "--destroy-volumes", "--confirm", "mbs1", "--yes"]):
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

    # Replaced: the earlier file is over. Revoked: both are.
    later = enroll(place, ALICE, "alice2.pem", "--server-ca", place.path("api.crt"))
    alice.refused("status", says="replaced by a later one")
    later.zmferry("status")
    place.zmferry("operator", "revoke", ALICE)
    later.refused("status", says="was revoked")
    gone = place.zmferry("operator", "revoke", ALICE, check=False)
    require(gone.returncode == 3 and "none of that name" in gone.stderr, gone.stderr)


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
    "certificate": certificate,
}
