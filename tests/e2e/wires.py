# SPDX-License-Identifier: Apache-2.0
"""Wires that can be cut: TCP proxies between the parts of an installation.

A wire that is cut ends every connection and refuses new ones, as a host that is gone. A
mute one accepts and forwards nothing, as a network that swallows packets; healed, what
waited goes through late.
"""
import contextlib
import select
import socket
import threading

CHUNK = 65536


class Wire:
    def __init__(self, name, listen, to):
        self.name, self.address, self.to = name, listen, to
        self.lock, self.flowing = threading.Lock(), threading.Event()
        self.flowing.set()
        self.pairs, self.listener, self.ended = set(), None, False
        self.open()

    def open(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self.address)
        listener.listen(64)
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.join, args=(near,), daemon=True).start()

    def join(self, near):
        self.flowing.wait()
        try:
            far = socket.create_connection(self.to, 10)
        except OSError:
            near.close()
            return
        pair = (near, far)
        with self.lock:
            self.pairs.add(pair)
        try:
            self.forward(near, far)
        except OSError:
            pass
        finally:
            with self.lock:
                self.pairs.discard(pair)
            near.close()
            far.close()

    def forward(self, near, far):
        """Until both directions have ended."""
        for end in (near, far):
            end.settimeout(30)
        open_ends = {near: far, far: near}
        while open_ends:
            for end in select.select(list(open_ends), [], [])[0]:
                self.flowing.wait()
                data = end.recv(CHUNK)
                if data:
                    open_ends[end].sendall(data)
                else:
                    open_ends.pop(end).shutdown(socket.SHUT_WR)

    def cut(self):
        with self.lock:
            listener, self.listener = self.listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.drop()

    def drop(self):
        with self.lock:
            ends = [end for pair in self.pairs for end in pair]
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mute(self):
        self.flowing.clear()

    def heal(self):
        self.flowing.set()
        if self.listener is None and not self.ended:
            self.open()

    def end(self):
        self.ended = True
        self.flowing.set()
        self.cut()


def wired(place):
    """Puts wires between the parts of a place that is to be installed; every agent's and the controller's
    configuration then names these. Returns (settings of the controller, settings by node, the wires)."""
    wires, agents, resolve = [], {}, []
    for number, node in enumerate(place.cluster["nodes"]):
        host, address = node["host"], node["address"]
        link = Wire(f"{node['name']} to controller", (f"{place.net}.{210 + number}", 7443), (f"{place.net}.200", 7443))
        mail = Wire(f"mail to {node['name']}", (f"{place.net}.{220 + number}", 7444), (address, 7444))
        soap = Wire(f"controller to mailboxd of {node['name']}", (f"{place.net}.{230 + number}", 7071), (address, 7071))
        wires += [link, mail, soap]
        agents[node["name"]] = {"controller": f'"{link.address[0]}:7443"', "mail_address": f'"{mail.address[0]}"'}
        resolve.append(f'"{host}={soap.address[0]}"')
    return {"resolve": "{ " + ", ".join(resolve) + " }"}, agents, wires
