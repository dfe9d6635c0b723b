# SPDX-License-Identifier: Apache-2.0
"""A stand-in of a Kubernetes API server, as far as StatefulSets, pods, claims and secrets go.

Paths, objects, status codes, resourceVersion conflicts and Status answers are those of apps/v1 and
v1. A set's pods and claims are made and taken away as its controller does it: pods in order, the
highest first; claims stay unless the set's retention policy says otherwise. Orders make the next
matching call fail: ("PUT", "/scale", "conflict"), ("GET", "", 429), ("POST", "secrets", "drop"), or take long: "slow".
"""
import json
import re
import ssl
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\Z")
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?\Z")
KINDS = {"statefulsets": ("apps/v1", "StatefulSet"), "pods": ("v1", "Pod"), "secrets": ("v1", "Secret"),
         "persistentvolumeclaims": ("v1", "PersistentVolumeClaim")}
PATH = re.compile(r"/(?:api/v1|apis/apps/v1)/namespaces/([^/]+)/(%s)(?:/([^/]+))?(/scale)?\Z" % "|".join(KINDS))


class Refusal(Exception):
    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code, self.reason = code, reason


class Cluster:
    """Objects by (kind, name) of one namespace. on_pod(name, set's object, running) follows each pod."""

    def __init__(self, namespace, token, on_pod):
        self.namespace, self.token, self.on_pod = namespace, token, on_pod
        self.objects, self.version = {}, 100
        self.lock = threading.RLock()
        self.orders = []
        self.nameless = False  # what is listed has no name
        self.calls = []

    def stamp(self, thing):
        self.version += 1
        thing["metadata"]["resourceVersion"] = str(self.version)

    def add(self, kind, thing):
        version, name = KINDS[kind]
        if thing.get("apiVersion") != version or thing.get("kind") != name:
            raise Refusal(400, "BadRequest", f"{thing.get('kind')} in version {thing.get('apiVersion')!r} "
                          f"cannot be handled as a {name}")
        meta = thing.setdefault("metadata", {})
        self.check_labels(meta)
        if not NAME.match(meta.get("name", "")):
            raise Refusal(422, "Invalid", f"{name} {meta.get('name')!r} is invalid: metadata.name")
        if (kind, meta["name"]) in self.objects:
            raise Refusal(409, "AlreadyExists", f"{kind} \"{meta['name']}\" already exists")
        if kind == "statefulsets":
            self.check_set(thing)
        if kind == "secrets" and "stringData" in thing:
            thing["data"] = thing.pop("stringData")
        meta["namespace"], meta["uid"] = self.namespace, str(uuid.uuid4())
        self.stamp(thing)
        self.objects[kind, meta["name"]] = thing
        return thing

    @staticmethod
    def check_labels(meta):
        for key, value in meta.get("labels", {}).items():
            if len(value) > 63 or not LABEL_VALUE.match(value):
                raise Refusal(422, "Invalid", f"metadata.labels: Invalid value {value!r} of {key}")

    def check_set(self, thing):
        spec = thing.get("spec", {})
        labels = spec.get("template", {}).get("metadata", {}).get("labels", {})
        wanted = spec.get("selector", {}).get("matchLabels", {})
        if not wanted or any(labels.get(k) != v for k, v in wanted.items()):
            raise Refusal(422, "Invalid", "spec.template.metadata.labels: `selector` does not match template `labels`")
        self.check_labels(spec["template"]["metadata"])

    def find(self, kind, name):
        thing = self.objects.get((kind, name))
        if thing is None:
            raise Refusal(404, "NotFound", f"{kind} \"{name}\" not found")
        return thing

    def select(self, kind, selector):
        pairs = [p.split("=", 1) for p in (selector or "").split(",") if p]
        return [o for (k, _), o in sorted(self.objects.items()) if k == kind
                and all(o["metadata"].get("labels", {}).get(key) == value for key, value in pairs)]

    # -- what the set's controller does --

    def settle(self, owner):
        """Pods and claims become what the set says."""
        name, spec = owner["metadata"]["name"], owner["spec"]
        wanted = 0 if owner.get("gone") else spec.get("replicas", 1)
        have = sorted(int(n.rsplit("-", 1)[1]) for (k, n) in self.objects
                      if k == "pods" and n.rsplit("-", 1)[0] == name)
        for ordinal in reversed(have):
            if ordinal >= wanted:
                self.drop_pod(f"{name}-{ordinal}", owner)
                when = "whenDeleted" if owner.get("gone") else "whenScaled"
                if spec.get("persistentVolumeClaimRetentionPolicy", {}).get(when) == "Delete":
                    for claim in spec.get("volumeClaimTemplates", []):
                        self.objects.pop(("persistentvolumeclaims",
                                          f"{claim['metadata']['name']}-{name}-{ordinal}"), None)
        for ordinal in range(wanted):
            if ordinal not in have:
                self.make_pod(name, ordinal, owner)

    def make_pod(self, name, ordinal, owner):
        template = owner["spec"]["template"]
        for claim in owner["spec"].get("volumeClaimTemplates", []):
            claim_name = f"{claim['metadata']['name']}-{name}-{ordinal}"
            if ("persistentvolumeclaims", claim_name) not in self.objects:
                self.add("persistentvolumeclaims", {
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "metadata": {"name": claim_name, "labels": dict(claim["metadata"].get("labels", {}))}})
        self.add("pods", {"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Running"},
                          "metadata": {"name": f"{name}-{ordinal}", "labels": dict(template["metadata"]["labels"])}})
        self.on_pod(f"{name}-{ordinal}", owner, True)

    def drop_pod(self, name, owner):
        self.objects.pop(("pods", name))
        self.on_pod(name, owner, False)

    # -- requests --

    def serve(self, method, path, body):
        url = urlparse(path)
        match = PATH.match(url.path)
        if match is None:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        namespace, kind, name, scale = match.groups()
        if namespace != self.namespace:
            raise Refusal(403, "Forbidden", f"{kind} is forbidden in namespace {namespace}")
        if method == "GET" and name is None:
            items = self.select(kind, parse_qs(url.query).get("labelSelector", [""])[0])
            if self.nameless:
                items = [{**i, "metadata": {**i["metadata"], "name": ""}} for i in items]
            return 200, {"apiVersion": KINDS[kind][0], "kind": KINDS[kind][1] + "List", "items": items}
        if method == "POST" and name is None:
            made = self.add(kind, body)
            if kind == "statefulsets":
                self.settle(made)
            return 201, made
        thing = self.find(kind, name)
        if scale:
            return self.scale(method, thing, body)
        if method == "GET":
            return 200, thing
        if method == "DELETE":
            return 200, self.delete(kind, name, thing, body or {})
        raise Refusal(405, "MethodNotAllowed", f"{method} is not allowed")

    def scale(self, method, thing, body):
        meta = thing["metadata"]
        if method == "PUT":
            if body.get("kind") != "Scale" or body["metadata"].get("name") != meta["name"]:
                raise Refusal(400, "BadRequest", "not a Scale of this object")
            given = body["metadata"].get("resourceVersion")
            if given not in (None, "", meta["resourceVersion"]):
                raise Refusal(409, "Conflict", "the object has been modified; please apply your changes to the latest "
                              "version and try again")
            thing["spec"]["replicas"] = body["spec"]["replicas"]
            self.stamp(thing)
            self.settle(thing)
        return 200, {"apiVersion": "autoscaling/v1", "kind": "Scale",
                     "metadata": {"name": meta["name"], "namespace": self.namespace,
                                  "resourceVersion": meta["resourceVersion"]},
                     "spec": {"replicas": thing["spec"]["replicas"]}, "status": {"replicas": thing["spec"]["replicas"]}}

    def delete(self, kind, name, thing, options):
        if kind == "statefulsets":
            if options.get("kind", "DeleteOptions") != "DeleteOptions":
                raise Refusal(400, "BadRequest", "not DeleteOptions")
            thing["gone"] = True
            self.settle(thing)
        self.objects.pop((kind, name), None)
        if kind == "pods":  # its set makes it anew
            self.on_pod(name, None, False)
            owner = self.objects.get(("statefulsets", name.rsplit("-", 1)[0]))
            if owner is not None:
                self.settle(owner)
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def order(self, method, path):
        """What is to happen to this call instead; None: nothing."""
        for row in self.orders:
            if row[0] == method and row[1] in path:
                self.orders.remove(row)
                return row[2]
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster = None

    def log_message(self, *_):
        pass

    def reply(self, code, body):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, refusal):
        self.reply(refusal.code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                                  "message": str(refusal), "reason": refusal.reason, "code": refusal.code})

    def handle_any(self):
        c = self.cluster
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        with c.lock:
            c.calls.append((self.command, self.path))
            order = c.order(self.command, self.path)
            if order == "slow":
                time.sleep(3)
                order = None
            if order == "drop":
                self.close_connection = True
                self.connection.close()
                return
            try:
                if self.headers.get("Authorization") != "Bearer " + c.token:
                    raise Refusal(401, "Unauthorized", "Unauthorized")
                if order == "conflict":
                    raise Refusal(409, "Conflict", "the object has been modified")
                if order is not None:
                    raise Refusal(order, "TooManyRequests" if order == 429 else "InternalError", "ordered by the test")
                code, body = c.serve(self.command, self.path, json.loads(text) if text else None)
            except Refusal as refusal:
                self.refuse(refusal)
                return
            self.reply(code, body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that was killed over its request is part of the test."""


class ApiServer:
    def __init__(self, cluster, address, port, cert, key):
        handler = type("Bound", (Handler,), {"cluster": cluster})
        self.http = Server((address, port), handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(cert, key)
        self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
