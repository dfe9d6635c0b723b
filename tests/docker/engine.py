# SPDX-License-Identifier: Apache-2.0
"""A Docker Engine of the test's own: its data, its socket, its process; and its API, spoken plainly."""
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
from urllib.parse import quote

from harness import Failed, wait_for
from zlab import cluster as lab_cluster


class Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout=180):
        super().__init__("docker", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    def __init__(self, directory):
        # The path of a unix socket is short; the data is not kept.
        self.dir, self.socket = directory, os.path.join(directory, "docker.sock")
        self.process = None

    def start(self, seconds=60):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        lab_cluster._make_ca(self.dir)
        self.ca = os.path.join(self.dir, "ca.pem")
        cert, key = lab_cluster._make_cert(self.dir, "engine.test", "127.0.0.1")
        with open(os.path.join(self.dir, "dockerd.log"), "wb") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--data-root", os.path.join(self.dir, "data"),
                 "--exec-root", os.path.join(self.dir, "exec"),
                 "--pidfile", os.path.join(self.dir, "pid"), "--bridge", "none",
                 "--tlsverify", "--tlscacert", self.ca, "--tlscert", cert, "--tlskey", key,
                 "-H", "tcp://127.0.0.1:2376", "-H", "unix://" + self.socket],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

        def ready():
            if self.process.poll() is not None:
                raise Failed(f"dockerd ended with {self.process.returncode}:\n{self.log()}")
            try:
                return self.call("GET", "/_ping")[0] == 200
            except OSError:
                return False
        wait_for("dockerd", seconds, ready)
        return self

    def log(self):
        with open(os.path.join(self.dir, "dockerd.log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-3000:]

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            for row in self.get("/containers/json?all=true"):
                self.call("DELETE", f"/containers/{row['Id']}?force=true&v=true")
            for row in self.get("/networks"):
                if row["Name"].startswith("zmferry"):
                    self.call("DELETE", f"/networks/{row['Id']}")
            self.process.terminate()
            self.process.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)

    def call(self, method, path, body=None, raw=None):
        """(status, answer); answer is JSON where it can be."""
        connection = Unix(self.socket)
        try:
            if raw is not None:
                connection.request(method, path, raw, {"Content-Type": "application/x-tar"})
            else:
                connection.request(method, path, None if body is None else json.dumps(body),
                                   {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text.decode("utf-8", "replace")

    def get(self, path):
        status, answer = self.call("GET", path)
        if status != 200:
            raise Failed(f"GET {path}: {status} {answer}")
        return answer

    def must(self, method, path, body=None, raw=None):
        status, answer = self.call(method, path, body, raw)
        if status > 299:
            raise Failed(f"{method} {path}: {status} {answer}")
        return answer

    def import_image(self, name, files):
        """`docker import` of a root with these: {path: content, a link as "-> target", None a folder}."""
        memory = io.BytesIO()
        with tarfile.open(fileobj=memory, mode="w") as tar:
            for path, content in files.items():
                entry = tarfile.TarInfo(path)
                if content is None:
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(entry)
                elif content.startswith("-> "):
                    entry.type, entry.linkname = tarfile.SYMTYPE, content[3:]
                    tar.addfile(entry)
                else:
                    data = content.encode()
                    entry.size, entry.mode = len(data), 0o755
                    tar.addfile(entry, io.BytesIO(data))
        self.must("POST", f"/images/create?fromSrc=-&repo={quote(name)}&tag=latest", raw=memory.getvalue())

    def container(self, name):
        """As inspected; None: there is none."""
        status, answer = self.call("GET", f"/containers/{quote(name)}/json")
        return answer if status == 200 else None

    def volumes(self):
        return {v["Name"] for v in self.get("/volumes")["Volumes"] or []}
