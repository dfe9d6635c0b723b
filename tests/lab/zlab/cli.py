# SPDX-License-Identifier: Apache-2.0
"""What the stand-ins for Zimbra's commands share: talking to servers, and two ways to fail."""

import http.client
import json
import os
import socket
import ssl
from xml.etree import ElementTree

ADMIN, ACCOUNT, MAIL = "urn:zimbraAdmin", "urn:zimbraAccount", "urn:zimbraMail"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
CHUNK = 65536


class Failure(Exception):
    """A fault or something like it: ERROR on standard error, exit 2."""


class Usage(Exception):
    """A wrong command line: exit 1."""


class _Connection(http.client.HTTPSConnection):
    def __init__(self, host, address, port, tls, timeout):
        super().__init__(host, port, timeout=timeout, context=tls)
        self.address, self.tls = address, tls

    def connect(self):
        plain = socket.create_connection((self.address, self.port), self.timeout)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)


class Client:
    def __init__(self, cluster, node_name, timeout=60):
        self.cluster, self.timeout = cluster, timeout
        self.node = next(n for n in cluster["nodes"] if n["name"] == node_name)
        self.addresses = {n["host"]: n["address"] for n in cluster["nodes"]}
        self.tls = ssl.create_default_context(cafile=cluster["ca_file"])
        self.token = None

    def http(self, host, port, method, path, body=None, headers=None):
        number = self.cluster["ports"].get(port, port)
        connection = _Connection(host, self.addresses.get(host, host), number, self.tls,
                                 self.timeout or None)
        try:
            connection.request(method, path, body, headers or {})
            return connection, connection.getresponse()
        except OSError as e:
            raise Failure("zclient.IO_ERROR (invoke %s, server: %s)" % (e, host)) from None

    def soap(self, ns, name, inner="", host=None, port="admin", token=None, account=None,
             **attrs):
        from .soap import Xml, el
        context = el("context", {"xmlns": "urn:zimbra"}, el("nosession"),
                     el("authToken", None, token or self.token) if token or self.token else None,
                     el("account", {"by": "name"}, account) if account else None)
        text = ('<soap:Envelope xmlns:soap="%s"><soap:Header>%s</soap:Header><soap:Body>%s'
                '</soap:Body></soap:Envelope>' % (SOAP12, context, el(
                    name, {"xmlns": ns, **attrs}, Xml(inner))))
        path = "/service/admin/soap/" if port == "admin" else "/service/soap/"
        connection, answer = self.http(host or self.node["host"], port, "POST", path,
                                       text.encode("utf-8"))
        data = answer.read()
        connection.close()
        try:
            root = ElementTree.fromstring(data)
        except ElementTree.ParseError:
            raise Failure("soap.UNKNOWN (HTTP %d)" % answer.status) from None
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        body = root.find("Body")[0]
        if body.tag == "Fault":
            raise Failure("%s (%s)" % (body.findtext("Detail/Error/Code"),
                                       body.findtext("Reason/Text")))
        return body

    def local(self, what):
        """GET of a lab-only page of the node; {} if it does not answer."""
        try:
            connection, answer = self.http(self.node["host"], "admin", "GET", "/lab/" + what)
            data = json.loads(answer.read())
            connection.close()
            return data
        except (Failure, OSError, ValueError, http.client.HTTPException):
            return {**self.cluster.get(what, {}), **self.node.get(what, {})}


def localconfig(node):
    tree = ElementTree.parse(os.path.join(node["dir"], "conf", "localconfig.xml"))
    return {k.get("name"): k.findtext("value") for k in tree.iter("key")}


def words(text):
    from .soap import escape
    return escape(text)
