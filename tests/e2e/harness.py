# SPDX-License-Identifier: Apache-2.0
"""A whole installation on this machine: the lab, a controller, an agent per node.

Everything is a real process on loopback addresses of its own network prefix, so that
several installations can run side by side. Waiting is for states, never for seconds.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Two checkouts can be tested at once on one machine when each has its own.
NET_PREFIX = os.environ.get("ZMFERRY_TEST_NET", "127.0")
# What the agents export and import with: rest, or zmmailbox (the lab's stand-in).
CLIENT = os.environ.get("ZMFERRY_TEST_CLIENT", "rest")
# Whether targets are filled before the lock, where a scenario does not say.
SEEDING = os.environ.get("ZMFERRY_TEST_SEEDING", "auto")
LAB = os.path.join(ROOT, "tests", "lab", "lab")


class Failed(Exception):
    """A step did not do what it must; the text says which and what was seen."""


def run(args, check=True, timeout=600, **more):
    done = subprocess.run(args, text=True, capture_output=True, timeout=timeout, **more)
    if check and done.returncode != 0:
        said = done.stdout[-4000:] + done.stderr[-4000:]
        raise Failed(f"{' '.join(map(str, args))} ended with {done.returncode}:\n{said}")
    return done


def wait_for(what, seconds, probe, pause=0.05):
    """Calls probe until it returns something true; a Failed names what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        seen = probe()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s for {what}")
        time.sleep(pause)


def replaced(conf, settings):
    """The configuration with these settings instead of its own of that name."""
    lines = [line for line in conf.splitlines() if line.partition(" = ")[0] not in settings]
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in settings.items())]) + "\n"


class Process:
    """One of our programs, restartable, with a log file."""

    def __init__(self, name, args, log, env=None):
        self.name, self.args, self.log, self.env = name, args, log, env
        self.child = None

    def start(self):
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          env=self.env, start_new_session=True)
        return self

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        if self.alive():
            self.child.kill()
            self.child.wait()

    def stop(self, seconds=20):
        """SIGTERM; the exit code, or Failed when it does not end."""
        if not self.alive():
            return self.child.returncode if self.child else 0
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} did not end within {seconds} s of SIGTERM") from None

    def tail(self, lines=30):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])


class Installation:
    def __init__(self, directory, net=NET_PREFIX + ".1", nodes=3, build=None):
        self.dir = os.path.abspath(directory)
        self.net = net
        self.build = build or os.environ.get("ZMFERRY_BUILD") or os.path.join(ROOT, "build", "release")
        self.lab_dir = os.path.join(self.dir, "lab")
        self.node_count = nodes
        self.client = CLIENT
        self.agents = {}
        self.controller = None
        self.helpers = []
        self.socket = os.path.join(self.dir, "controller.sock")
        os.makedirs(self.dir, exist_ok=True)

    # --- the lab ---

    def lab(self, *args, check=True, timeout=600):
        return run([sys.executable, LAB, *args, "--dir", self.lab_dir], check=check, timeout=timeout)

    def lab_up(self, mailboxes=60, scale="small", seed=1, habits=(), costs=(), extra=()):
        args = ["up", "--nodes", str(self.node_count), "--net", self.net, "--seed", str(seed),
                "--mailboxes", str(mailboxes), "--scale", scale, *extra]
        for pair in habits:
            args += ["--habit", pair]
        for pair in costs:
            args += ["--cost", pair]
        self.lab(*args)
        return self.read_cluster()

    def read_cluster(self):
        with open(os.path.join(self.lab_dir, "cluster.json"), encoding="utf-8") as f:
            self.cluster = json.load(f)
        return self

    def node(self, name):
        return next(n for n in self.cluster["nodes"] if n["name"] == name)

    def background(self, name, *args):
        """A storm or actor of the lab; stop() drains it."""
        process = Process(name, [sys.executable, LAB, *args, "--dir", self.lab_dir],
                          os.path.join(self.dir, f"{name}.log"))
        self.helpers.append(process)
        return process.start()

    # --- zmferry ---

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def program(self, name):
        return os.path.join(self.build, name)

    def write(self, path, text, mode=0o600):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def install(self, controller_extra="", agent_extra="", controller_set=None, agent_set=None):
        """Configuration, CA, one identity per node; starts nothing. The _set ones replace settings: {name: value},
        of agents by the node's name."""
        cluster = self.cluster
        # Nodes that may come later, too.
        later = [(f"mbs{i}.{cluster['domain']}", f"{self.net}.{i}")
                 for i in range(len(cluster["nodes"]) + 1, 9)]
        known = [(n["host"], n["address"]) for n in cluster["nodes"]]
        resolve = ", ".join(f'"{host}={address}"' for host, address in known + later)
        self.resolve = resolve
        state = self.path("state")
        ldap_password = self.write(self.path("ldap.password"), cluster["ldap"]["password"] + "\n", 0o400)
        admin_password = self.write(self.path("admin.password"), cluster["admin"]["password"] + "\n", 0o400)
        conf = f"""# written by the test harness
state_dir = "{state}"
socket = "{self.socket}"
socket_group = ""
listen_address = "{self.net}.200"
listen_port = 7443
ldap_url = "{cluster['ldap']['ldaps_uri']}"
ldap_bind_dn = "{cluster['ldap']['bind_dn']}"
ldap_password_file = "{ldap_password}"
ldap_ca_file = "{cluster['ca_file']}"
zimbra_admin = "{cluster['admin']['name']}"
zimbra_admin_password_file = "{admin_password}"
zimbra_ca_file = "{cluster['ca_file']}"
resolve = {{ {resolve} }}
delivery_wait = 3s
{controller_extra}
"""
        if "seeding" not in controller_extra:
            conf += f"seeding = {SEEDING}\n"
        conf += """
"""
        self.controller_conf = self.write(self.path("controller.conf"), replaced(conf, controller_set or {}))
        if not os.path.exists(os.path.join(state, "ca.pem")):
            run([self.program("zmferry-controller"), "-c", self.controller_conf, "init"])
        self.controller = Process("controller", [self.program("zmferry-controller"), "-c", self.controller_conf],
                                  self.path("controller.log"))
        for node in cluster["nodes"]:
            self.install_agent(node, resolve, agent_extra, (agent_set or {}).get(node["name"]))
        return self

    def add_node(self, name):
        """A new node joins the lab's Zimbra; its agent is installed and not started."""
        self.lab("add-node", name)
        self.read_cluster()
        self.install_agent(self.node(name), self.resolve)
        return self.agents[name]

    def remove_node(self, name):
        """What removing its container does: everything in it ends at once."""
        self.agents.pop(name).kill()
        self.lab("remove-node", name)
        self.read_cluster()

    def install_agent(self, node, resolve, extra="", settings=None):
        name = node["name"]
        spool = self.path(f"spool-{name}")
        os.makedirs(spool, exist_ok=True)
        identity = self.path(f"{name}.pem")
        if not os.path.exists(identity):
            run([self.program("zmferry-controller"), "-c", self.controller_conf, "enroll", node["host"], identity])
        conf = f"""# written by the test harness
controller = "{self.net}.200:7443"
identity_file = "{identity}"
spool_dir = "{spool}"
allow_ephemeral_spool = true
zimbra_home = "{node['dir']}"
localconfig = "{node['dir']}/conf/localconfig.xml"
zimbra_ca_file = "{self.cluster['ca_file']}"
mailbox_client = "{self.client}"
zmmailbox = "{node['dir']}/bin/zmmailbox"
listen_address = "{node['address']}"
mail_port = 7444
resolve = {{ {resolve} }}
{extra}
"""
        path = self.write(self.path(f"agent-{name}.conf"), replaced(conf, settings or {}))
        self.agents[name] = Process(f"agent-{name}", [self.program("zmferry-agent"), "-c", path],
                                    self.path(f"agent-{name}.log"))

    def start(self):
        self.controller.start()
        for agent in self.agents.values():
            agent.start()
        self.wait_ready()
        return self

    def wait_ready(self, seconds=30):
        def ready():
            if not self.controller.alive():
                raise Failed(f"the controller ended:\n{self.controller.tail()}")
            done = self.zmferry("nodes", "--json", check=False)
            if done.returncode != 0:
                return False
            nodes = json.loads(done.stdout)["nodes"]
            return len([n for n in nodes if n["state"] == "ok" and n["inventory"]]) >= len(self.agents)
        wait_for("the controller and every agent with its inventory and a first look at its health", seconds, ready)

    def zmferry(self, *args, check=True, timeout=600):
        return run([self.program("zmferry"), *args, "--socket", self.socket], check=check, timeout=timeout)

    def json(self, *args, **more):
        return json.loads(self.zmferry(*args, "--json", **more).stdout)

    def job(self, job_id):
        return self.json("job", "show", job_id)

    def moves(self):
        return self.json("moves")["moves"]

    def wait_job(self, job_id, seconds=300):
        """Until the job has ended; its last answer. Survives a controller that is away."""
        last = {}

        def ended():
            nonlocal last
            done = self.zmferry("job", "show", job_id, "--json", check=False)
            if done.returncode != 0:
                return False
            last = json.loads(done.stdout)
            return last["job"]["state"] in ("done", "done_with_failures", "cancelled", "failed") and last
        try:
            return wait_for(f"the end of job {job_id}", seconds, ended, 0.2)
        except Failed as e:
            open_moves = [m for m in last.get("moves", []) if m["state"] != "settled"]
            raise Failed(f"{e}; last seen: {json.dumps(last.get('job'))}\n"
                         f"{json.dumps(open_moves, indent=1)[:3000]}") from None

    def oracle(self, before, *more):
        return self.lab("diff", before, "--now", *more, check=False)

    def down(self):
        for process in [*self.helpers, *self.agents.values(), self.controller]:
            if process is not None:
                process.kill()
        if os.path.exists(os.path.join(self.lab_dir, "cluster.json")):
            self.lab("down", check=False)

    def remove(self):
        self.down()
        shutil.rmtree(self.dir, ignore_errors=True)
