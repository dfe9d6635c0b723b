# SPDX-License-Identifier: Apache-2.0
"""From node to node: SOAP and REST are passed on over kept HTTPS connections."""

import http.client
import os
import select
import socket
import ssl
import threading

from .faultcodes import Fault
from .hosts import Addresses
from .soap import SOAP12, Xml, el, fault_of, parse_answer, serialize

TIMEOUT_S = 60      # httpclient_internal_connmgr_so_timeout
MAX_HOPS = 5
LOST = (OSError, http.client.HTTPException)


class _Connection(http.client.HTTPSConnection):
    def __init__(self, host, address, port, tls):
        super().__init__(host, port, timeout=TIMEOUT_S, context=tls)
        self.address, self.tls = address, tls

    def connect(self):
        plain = socket.create_connection((self.address, self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)

    def is_stale(self):
        return self.sock is None or bool(select.select([self.sock], [], [], 0)[0])


def proxy_error(host, why):
    return Fault("service.PROXY_ERROR", "error while proxying request to target server: %s: %s"
                 % (host, why), {"url": ("STR", host)})


class Peers:
    def __init__(self, cluster):
        self.addresses = Addresses(os.path.join(cluster["dir"], "cluster.json"))
        self.ports = cluster["ports"]
        self.tls = ssl.create_default_context(cafile=cluster["ca_file"])
        self._lock = threading.Lock()
        self._idle = {}

    def take(self, host, port_name):
        """A connection to give back when its answer was read to the end."""
        if host not in self.addresses:
            raise proxy_error(host, "unknown host")
        with self._lock:
            kept = self._idle.get((host, port_name), [])
            while kept:
                connection = kept.pop()
                if not connection.is_stale():
                    return connection
                connection.close()
        return _Connection(host, self.addresses[host], self.ports[port_name], self.tls)

    def give(self, host, port_name, connection):
        with self._lock:
            self._idle.setdefault((host, port_name), []).append(connection)

    def post(self, host, port_name, path, data, content_type):
        """(status, bytes). Nothing is sent twice: what a lost answer did is unknown."""
        connection = self.take(host, port_name)
        try:
            connection.request("POST", path, data, {"Content-Type": content_type})
            answer = connection.getresponse()
            body = answer.read()
        except LOST as e:
            connection.close()
            raise proxy_error(host, e) from e
        if answer.will_close:
            connection.close()
        else:
            self.give(host, port_name, connection)
        return answer.status, body

    def soap(self, host, port_name, token, request_xml, account_id=None, hops=0, target=None):
        """One request, passed on: (answer element as Xml, change token). Raises its fault."""
        if hops > MAX_HOPS:
            raise Fault("service.TOO_MANY_HOPS",
                        "mountpoint or proxy loop detected: too many hops to %s" % host)
        context = el("context", {"xmlns": "urn:zimbra", "hops": hops},
                     el("authToken", None, token), el("nosession"),
                     el("account", {"by": "id"}, account_id) if account_id else None,
                     el("targetServer", None, target) if target else None)
        text = Xml('<soap:Envelope xmlns:soap="%s"><soap:Header>%s</soap:Header><soap:Body>%s'
                   '</soap:Body></soap:Envelope>' % (SOAP12, context, request_xml))
        path = "/service/admin/soap/" if port_name == "admin" else "/service/soap/"
        _, data = self.post(host, port_name, path, text.encode("utf-8"),
                            "application/soap+xml; charset=utf-8")
        try:
            element, ns, change = parse_answer(data)
        except Exception as e:
            raise proxy_error(host, "no SOAP answer: %s" % e) from e
        if element.tag == "Fault":
            raise fault_of(element)
        return Answer(element, ns, change)


class Answer:
    """What another node answered."""

    def __init__(self, element, ns, change):
        self.element, self.ns, self.change = element, ns, change

    def xml(self):
        return serialize(self.element, self.ns)
