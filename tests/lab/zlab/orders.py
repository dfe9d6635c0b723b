# SPDX-License-Identifier: Apache-2.0
"""Ordered failures: the n-th call of a kind ends in a fault, hangs, breaks off or takes the
whole node with it, before or after it had its effect. Each order is carried out once.
"""

import os
import signal
import threading

from .faultcodes import Fault
from .httpd import Hangup

HANG_S = 3600


class Order:
    def __init__(self, spec):
        self.what = str(spec["what"])
        self.left = int(spec.get("count", 1))
        self.action = str(spec.get("action", "fault:service.FAILURE"))
        self.when = str(spec.get("when", "before"))
        kind = self.action.partition(":")[0]
        if kind not in ("fault", "hang", "close", "kill") or self.left < 1 \
                or self.when not in ("before", "after"):
            raise ValueError("no such order: %r" % spec)


class Orders:
    def __init__(self):
        self._lock = threading.Lock()
        self._orders = []

    def take(self, spec):
        with self._lock:
            if spec.get("clear"):
                self._orders.clear()
            else:
                self._orders.append(Order(spec))

    def listed(self):
        with self._lock:
            return [vars(o).copy() for o in self._orders]

    def begin(self, what):
        """Counts a call; what is ordered for it, `before` carried out. Give it to `end`."""
        if not self._orders:
            return None
        with self._lock:
            for order in self._orders:
                if order.what == what:
                    order.left -= 1
                    if order.left == 0:
                        self._orders.remove(order)
                        break
            else:
                return None
        if order.when == "before":
            self._carry_out(order)
            return None
        return order

    def end(self, order):
        if order is not None:
            self._carry_out(order)

    @staticmethod
    def _carry_out(order):
        kind, _, code = order.action.partition(":")
        if kind == "fault":
            raise Fault(code or "service.FAILURE", "ordered by the lab: %s" % order.what)
        if kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "hang":
            threading.Event().wait(HANG_S)
        raise Hangup()
