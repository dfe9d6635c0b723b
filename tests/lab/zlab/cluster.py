# SPDX-License-Identifier: Apache-2.0
"""One lab on disk and its processes: cluster.json, certificates, slapd, the nodes.

cluster.json, which every part of the lab reads (node.py, storm, actor, oracle, and the tests):

  dir, domain, net, seed
  ca_file       certificate of the lab's CA; every TLS port here has a certificate of it
  ldap          {uri, ldaps_uri, bind_dn, password, cert_file, key_file}
  admin         {name, password}
  users         {password}: of all accounts but the admin
  nodes         [{name, host, address, id, dir, cert_file, key_file, habits, costs}]
                habits and costs of a node go before those of the whole lab
  ports         {admin, mail, lmtp, imap, imaps, pop, pops}
  token_key     hex; what auth tokens are signed with on every node
  habits, costs {name: value}: what differs from the defaults of habits.py and costs.py

A process is known by the pid in its pid file *and* by its command line, so that a pid that
was dealt anew is never taken for ours.
"""

import contextlib
import fcntl
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

from zlab import directory, slapd

LAB_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PORTS = {"admin": 7071, "mail": 8443, "lmtp": 7025, "imap": 7143, "imaps": 7993, "pop": 7110,
         "pops": 7995}
LDAP_PORT, LDAPS_PORT = 3389, 3636
# What `up` makes and may therefore take away again when a first `up` was cut short.
OWN_NAMES = ("ca", "ldap", "nodes", "cluster.json", "created", "seed.json",
             "deliver.jsonl", "deliver.state", "act.jsonl")


class LabError(Exception):
    """Something to be shown to the person, without a traceback."""


class Lab:
    def __init__(self, lab_dir):
        self.dir = os.path.abspath(lab_dir)
        self.path = os.path.join(self.dir, "cluster.json")
        self.config = None

    # -- cluster.json --

    def exists(self):
        return os.path.exists(os.path.join(self.dir, "created"))

    def load(self):
        try:
            with open(self.path, encoding="utf-8") as f:
                self.config = json.load(f)
        except FileNotFoundError:
            raise LabError("no lab in %s; make one with: lab up --dir %s"
                           % (self.dir, self.dir)) from None
        return self

    def save(self):
        temporary = self.path + ".new"
        with open(temporary, "w", encoding="utf-8") as f:
            json.dump(self.config, f, indent=1)
            f.write("\n")
        os.replace(temporary, self.path)

    @contextlib.contextmanager
    def locked(self):
        """One `lab` command changes the lab at a time."""
        os.makedirs(self.dir, exist_ok=True)
        with open(os.path.join(self.dir, "lab.lock"), "w", encoding="ascii") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            yield

    @property
    def nodes(self):
        return self.config["nodes"]

    def node(self, name):
        for node in self.nodes:
            if name in (node["name"], node["host"]):
                return node
        raise LabError("no node %s in this lab; it has: %s"
                       % (name, ", ".join(n["name"] for n in self.nodes)))

    def ldap(self, timeout=15):
        from zlab.ldapclient import Ldap
        c = self.config["ldap"]
        return Ldap(c["uri"], c["bind_dn"], c["password"], timeout=timeout)

    def hosts(self):
        """{host name: address}; the names are in no DNS."""
        return {n["host"]: n["address"] for n in self.nodes}

    def ldap_dir(self):
        return os.path.join(self.dir, "ldap")

    # -- making it --

    def create(self, node_count, net, seed, domain, habits, costs):
        """Everything but content: directories, certificates, cluster.json."""
        if net.count(".") != 2 or not net.startswith(("127.", "10.")):
            raise LabError("--net %s: give three numbers of a loopback network, as 127.0.1, or of "
                           "a network 10 that you made for it" % net)
        if not 1 <= node_count <= 90:
            raise LabError("--nodes %d: give 1 to 90" % node_count)
        self._clear()
        if _connects(net + ".100", LDAP_PORT):
            raise LabError("something already listens on %s.100:%d, perhaps another lab; stop it "
                           "or choose another --net" % (net, LDAP_PORT))
        ca = os.path.join(self.dir, "ca")
        os.makedirs(ca)
        _make_ca(ca)
        ca_file = os.path.join(ca, "ca.pem")
        ldap_cert, ldap_key = _make_cert(ca, "ldap1." + domain, net + ".100")
        self.config = {
            "dir": self.dir, "domain": domain, "net": net, "seed": seed, "ca_file": ca_file,
            "ldap": {"uri": "ldap://%s.100:%d" % (net, LDAP_PORT),
                     "ldaps_uri": "ldaps://%s.100:%d" % (net, LDAPS_PORT),
                     "bind_dn": directory.BIND_DN, "password": directory.LDAP_PASSWORD,
                     "cert_file": ldap_cert, "key_file": ldap_key},
            "admin": {"name": "admin@" + domain, "password": directory.ADMIN_PASSWORD},
            "users": {"password": directory.USER_PASSWORD},
            "nodes": [], "ports": dict(PORTS), "token_key": secrets.token_hex(32),
            "habits": habits, "costs": costs}
        for i in range(1, node_count + 1):
            self.config["nodes"].append(self._make_node(ca, "mbs%d" % i, "%s.%d" % (net, i)))
        self.save()

    def _clear(self):
        for name in OWN_NAMES:
            path = os.path.join(self.dir, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)

    def _make_node(self, ca, name, address):
        domain = self.config["domain"]
        host = "%s.%s" % (name, domain)
        node_dir = os.path.join(self.dir, "nodes", name)
        for part in ("store", "conf", "bin", "libexec", "log"):
            os.makedirs(os.path.join(node_dir, part))
        cert, key = _make_cert(ca, host, address)
        node = {"name": name, "host": host, "address": address,
                "id": directory.lab_uuid(self.config["seed"], "server", host), "dir": node_dir,
                "cert_file": cert, "key_file": key, "habits": {}, "costs": {}}
        _write_localconfig(node, self.config)
        return node

    def add_node(self, name, address=None):
        """A new node, as a set-up that joins the cluster makes it; not started. Its record."""
        if any(name == n["name"] for n in self.nodes):
            raise LabError("node %s is in this lab already" % name)
        address = address or "%s.%s" % (self.config["net"], re.sub(r"\D", "", name) or "90")
        node = self._make_node(os.path.join(self.dir, "ca"), name, address)
        dn, attrs = directory.node_server(node, self.config["ports"])
        ldap = self.ldap()
        try:
            ldap.add(dn, attrs)
        finally:
            ldap.close()
        self.nodes.append(node)
        self.save()
        return node

    def remove_node(self, name):
        """Its process ends and the lab knows it no more; its folder stays, as a volume would."""
        node = self.node(name)
        pid = self.node_pid(node)
        if pid:
            self.kill_node(name)
        self.config["nodes"] = [n for n in self.nodes if n["name"] != node["name"]]
        self.save()

    def load_directory(self, plan):
        c = self.config["ldap"]
        slapd.write_config(self.ldap_dir(), self.config["ca_file"], c["cert_file"], c["key_file"])
        slapd.load(self.ldap_dir(), directory.content(plan, self.config))

    def mark_created(self):
        with open(os.path.join(self.dir, "created"), "w", encoding="ascii") as f:
            f.write("%d\n" % time.time())

    # -- processes --

    def start_ldap(self):
        c, log = self.config["ldap"], os.path.join(self.ldap_dir(), "slapd.log")
        process = None
        if not self.ldap_pid():
            process = slapd.start(self.ldap_dir(), [c["uri"], c["ldaps_uri"]], log)
        slapd.await_ready(c["uri"], c["bind_dn"], c["password"], process, log)

    def ldap_pid(self):
        return live_pid(os.path.join(self.ldap_dir(), "slapd.pid"), self.ldap_dir())

    def node_pid(self, node):
        return live_pid(os.path.join(node["dir"], "node.pid"), self.path)

    def start_nodes(self, names=None, seconds=30):
        """Starts those that are down and waits until all answer. Returns the names started."""
        started = {}
        for node in self.nodes:
            if (names is None or node["name"] in names) and not self.node_pid(node):
                started[node["name"]] = self._spawn_node(node)
        deadline = time.monotonic() + seconds
        for node in self.nodes:
            if names is None or node["name"] in names:
                self._await_node(node, started.get(node["name"]), deadline)
        return list(started)

    def _spawn_node(self, node):
        if not os.path.exists(os.path.join(LAB_ROOT, "zlab", "node.py")):
            raise LabError("%s/zlab/node.py is missing: this tree has no node to start"
                           % LAB_ROOT)
        env = dict(os.environ, PYTHONPATH=LAB_ROOT, PYTHONDONTWRITEBYTECODE="1",
                   PYTHONUNBUFFERED="1")
        with open(os.path.join(node["dir"], "log", "node.out"), "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "zlab.node", "--cluster", self.path,
                 "--node", node["name"]], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=env, cwd=self.dir, start_new_session=True)
        with open(os.path.join(node["dir"], "node.pid"), "w", encoding="ascii") as f:
            f.write("%d\n" % process.pid)
        return process

    def _await_node(self, node, process, deadline):
        out = os.path.join(node["dir"], "log", "node.out")
        while True:
            try:
                self.lab_request(node, "GET", "/lab/habits", timeout=5)
                if _connects(node["address"], self.config["ports"]["lmtp"]):
                    return
                problem = "no LMTP yet"
            except (OSError, LabError, http.client.HTTPException) as e:
                problem = str(e)
            if process is not None and process.poll() is not None:
                raise LabError("node %s ended at once (exit %d); the end of %s:\n%s"
                               % (node["name"], process.returncode, out, _tail(out)))
            if time.monotonic() > deadline:
                raise LabError("node %s does not answer (%s); see %s"
                               % (node["name"], problem, out))
            time.sleep(0.05)

    def stop(self):
        """Ends nodes and slapd by recorded pid; returns how many there were."""
        pids = [p for p in [self.node_pid(n) for n in self.nodes] + [self.ldap_pid()] if p]
        for pid in pids:
            _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while any(_alive(p) for p in pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in pids:
            if _alive(pid):
                _signal(pid, signal.SIGKILL)
        return len(pids)

    def kill_node(self, name):
        node = self.node(name)
        pid = self.node_pid(node)
        if not pid:
            raise LabError("node %s is not running" % node["name"])
        _signal(pid, signal.SIGKILL)
        while _alive(pid):
            time.sleep(0.01)
        return pid

    # -- talking to a node --

    def lab_request(self, node, method, path, body=None, timeout=15):
        context = ssl.create_default_context(cafile=self.config["ca_file"])
        connection = http.client.HTTPSConnection(node["address"], self.config["ports"]["admin"],
                                                 timeout=timeout, context=context)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        if answer.status != 200:
            raise LabError("node %s: %s %s: HTTP %d %s"
                           % (node["name"], method, path, answer.status, text.strip()[:300]))
        return json.loads(text) if text.strip() else {}

    def set_values(self, what, names, values):
        """`what` is habits or costs; in force at once, and after a restart of the node."""
        for node in self.nodes:
            if names is None or node["name"] in names:
                if self.node_pid(node):
                    self.lab_request(node, "POST", "/lab/" + what, values)
                node.setdefault(what, {}).update(values)
        self.save()


# --- helpers --------------------------------------------------------------------------------------

def parse_value(text):
    """true, false, numbers, else the text itself."""
    low = text.lower()
    if low in ("true", "on", "yes"):
        return True
    if low in ("false", "off", "no"):
        return False
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def parse_pairs(items):
    values = {}
    for item in items or []:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise LabError("'%s': write name=value" % item)
        values[name] = parse_value(value)
    return values


def live_pid(pid_file, mark):
    """The pid in the file if that process lives and `mark` is in its command line."""
    try:
        with open(pid_file, encoding="ascii") as f:
            pid = int(f.read().strip() or 0)
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return pid if mark.encode() in f.read() and _alive(pid) else 0
    except (OSError, ValueError):
        return 0


def _alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _connects(address, port):
    try:
        socket.create_connection((address, port), 2).close()
        return True
    except OSError:
        return False


def _tail(path, lines=15):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])
    except OSError:
        return ""


def _openssl(*args):
    try:
        done = subprocess.run(("openssl",) + args, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise LabError("the lab needs openssl; run as root: apt-get install openssl") from None
    if done.returncode != 0:
        raise LabError("openssl %s failed: %s" % (args[0], done.stderr.strip()[-500:]))


def _make_ca(ca):
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "3650", "-subj", "/CN=zmferry lab CA",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign",
             "-keyout", os.path.join(ca, "ca.key"), "-out", os.path.join(ca, "ca.pem"))


def _make_cert(ca, host, address):
    def at(suffix):
        return os.path.join(ca, host + suffix)
    _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=" + host, "-keyout", at(".key"), "-out", at(".csr"))
    with open(at(".ext"), "w", encoding="ascii") as f:
        f.write("subjectAltName=DNS:%s,DNS:localhost,IP:%s,IP:127.0.0.1\n"
                "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n" % (host, address))
    _openssl("x509", "-req", "-in", at(".csr"), "-CA", os.path.join(ca, "ca.pem"),
             "-CAkey", os.path.join(ca, "ca.key"), "-CAcreateserial", "-days", "3650",
             "-extfile", at(".ext"), "-out", at(".pem"))
    os.unlink(at(".csr"))
    os.unlink(at(".ext"))
    return at(".pem"), at(".key")


def _write_localconfig(node, config):
    from xml.sax.saxutils import escape
    ldap, ports = config["ldap"], config["ports"]
    keys = {"zimbra_server_hostname": node["host"], "zimbra_home": node["dir"],
            "zimbra_user": "zimbra", "zimbra_ldap_user": "zimbra",
            "zimbra_ldap_userdn": ldap["bind_dn"], "zimbra_ldap_password": ldap["password"],
            "ldap_master_url": ldap["uri"], "ldap_url": ldap["uri"],
            "ldap_host": ldap["uri"].split("/")[2].split(":")[0],
            "ldap_port": str(LDAP_PORT), "ldap_is_master": "false",
            "ldap_starttls_supported": "0", "zimbra_require_interprocess_security": "1",
            "zimbra_admin_service_port": str(ports["admin"]),
            "zimbra_store_directory": os.path.join(node["dir"], "store"),
            "zimbra_log_directory": os.path.join(node["dir"], "log"),
            "mailboxd_truststore": config["ca_file"]}
    with open(os.path.join(node["dir"], "conf", "localconfig.xml"), "w",
              encoding="utf-8") as f:
        f.write('<?xml version="1.0" encoding="UTF-8"?>\n\n<localconfig>\n')
        for name, value in sorted(keys.items()):
            f.write('  <key name="%s">\n    <value>%s</value>\n  </key>\n'
                    % (name, escape(value)))
        f.write("</localconfig>\n")
