# SPDX-License-Identifier: Apache-2.0
"""Addresses of the nodes by host name, as cluster.json has them now: nodes come and go."""

import json
import os


class Addresses:
    """Reads like a dict; looks whether the file changed at each use."""

    def __init__(self, path):
        self.path, self._stamp, self._found = path, None, {}

    def _now(self):
        stamp = os.stat(self.path).st_mtime_ns
        if stamp != self._stamp:
            with open(self.path, encoding="utf-8") as f:
                self._found = {n["host"]: n["address"] for n in json.load(f)["nodes"]}
            self._stamp = stamp
        return self._found

    def __contains__(self, host):
        return host in self._now()

    def __getitem__(self, host):
        return self._now()[host]

    def __iter__(self):
        return iter(list(self._now()))

    def get(self, host, otherwise=None):
        return self._now().get(host, otherwise)
