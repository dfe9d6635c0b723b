# SPDX-License-Identifier: Apache-2.0
"""The upload servlet: files that wait on one server for a request that names them."""

import json
import os
import re
import threading
import time
import uuid

from .faultcodes import Fault

MAX = 10485760      # zimbraFileUploadMaxSize
KEPT_S = 900


class Upload:
    def __init__(self, path, owner_id, filename, content_type):
        self.path, self.owner_id = path, owner_id
        self.filename, self.content_type = filename, content_type
        self.since = time.monotonic()

    def data(self):
        with open(self.path, "rb") as f:
            return f.read()


class Uploads:
    def __init__(self, node):
        self.node = node
        self.dir = os.path.join(node.dir, "uploads")
        os.makedirs(self.dir, exist_ok=True)
        for name in os.listdir(self.dir):
            os.unlink(os.path.join(self.dir, name))
        self._lock = threading.Lock()
        self._kept = {}

    def take(self, upload_id, owner_id):
        """The upload, which stays until it is too old; mail.NO_SUCH_UPLOAD if it is not here
        or was made by another account."""
        self._tidy()
        with self._lock:
            found = self._kept.get(upload_id)
        if found is None or (found.owner_id != owner_id
                             and self.node.habits["upload_is_token_bound"]):
            raise Fault("mail.NO_SUCH_UPLOAD", "no such upload: %s" % upload_id,
                        {"uploadId": ("STR", upload_id)})
        return found

    def used(self, upload_id):
        """A request that took it has succeeded."""
        if self.node.habits["upload_is_used_up"]:
            with self._lock:
                found = self._kept.pop(upload_id, None)
            if found is not None:
                os.unlink(found.path)

    def _tidy(self):
        old = time.monotonic() - KEPT_S
        with self._lock:
            for key in [k for k, u in self._kept.items() if u.since < old]:
                os.unlink(self._kept.pop(key).path)

    def serve(self, http, account):
        """POST /service/upload?fmt=raw[,extended]: the body is the file."""
        if http.method != "POST":
            http.reply(405)
            return
        name = uuid.uuid4().hex
        path, size = os.path.join(self.dir, name), 0
        with open(path, "wb") as f:
            while True:
                data = http.read(262144)
                if not data:
                    break
                size += len(data)
                if size > MAX:
                    break
                f.write(data)
        if size > MAX:
            os.unlink(path)
            self._answer(http, 413, "")
            return
        match = re.search(r'filename="?([^";]*)', http.headers.get("content-disposition", ""))
        upload_id = "%s:%s" % (self.node.node_id, name)
        with self._lock:
            self._kept[upload_id] = Upload(
                path, account.id, match.group(1) if match else "unknown",
                http.headers.get("content-type", "application/octet-stream"))
        rest = ",'null','%s'" % upload_id
        if "extended" in http.params.get("fmt", "").split(","):
            kept = self._kept[upload_id]
            rest = ",'null',%s" % json.dumps([{"aid": upload_id, "ct": kept.content_type,
                                               "filename": kept.filename, "s": size}])
        self._answer(http, 200, rest)

    @staticmethod
    def _answer(http, status, rest):
        raw = "raw" in http.params.get("fmt", "").split(",")
        text = "%d%s\n" % (status, rest or ",'null'")
        if not raw:
            text = "<html><head><script>window.parent._uploadManager.loaded(%s)</script></head>" \
                   "<body></body></html>\n" % text.strip()
        http.reply(status, text)
