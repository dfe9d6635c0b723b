# SPDX-License-Identifier: Apache-2.0
"""SOAP 1.2 as Zimbra speaks it: envelopes read into elements without namespaces, answers and
faults written as text.
"""

import threading
import time
import zlib
from xml.etree import ElementTree

from .faultcodes import Fault

SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
ZIMBRA, ADMIN, ACCOUNT, MAIL = ("urn:zimbra" + x for x in ("", "Admin", "Account", "Mail"))


# --- writing ------------------------------------------------------------------------------------

class Xml(str):
    """Text that is XML already."""


def escape(text):
    """Text and attribute values. Line ends stay what they are: a reader would change them."""
    text = str(text)
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if '"' in text:
        text = text.replace('"', "&quot;")
    if "\r" in text:
        text = text.replace("\r", "&#13;")
    return text if text.isprintable() else "".join(
        c if c >= " " or c in "\n\t" else " " for c in text)


def el(tag, attrs=None, *children):
    """One element as Xml. Attributes that are None are left out; children are Xml or text."""
    named = ""
    if attrs:
        for name, value in attrs.items():
            if value is not None:
                if "\n" in str(value) or "\t" in str(value):
                    value = Xml(escape(value).replace("\n", "&#10;").replace("\t", "&#9;"))
                    named += ' %s="%s"' % (name, value)
                else:
                    named += ' %s="%s"' % (name, escape(value))
    if not children:
        return Xml("<%s%s/>" % (tag, named))
    body = "".join(c if isinstance(c, Xml) else escape(c) for c in children if c is not None)
    return Xml("<%s%s>%s</%s>" % (tag, named, body, tag))


def answer(request, attrs=None, *children):
    """The response element that goes with a request."""
    return el(request.name[:-7] + "Response", {"xmlns": request.ns, **(attrs or {})}, *children)


def envelope(context, body):
    return Xml('<soap:Envelope xmlns:soap="%s"><soap:Header><context xmlns="urn:zimbra">%s'
               '</context></soap:Header><soap:Body>%s</soap:Body></soap:Envelope>'
               % (SOAP12, context, body))


def fault_element(fault, in_batch=False):
    arguments = "".join(el("a", {"n": n, "t": t}, v) for n, (t, v) in fault.arguments.items())
    trace = "%s:%d:%08x" % (threading.current_thread().name, time.time() * 1000,
                            zlib.crc32(fault.reason.encode("utf-8", "replace")))
    extra = {"xmlns:soap": SOAP12} if in_batch else None
    return el("soap:Fault", extra,
              el("soap:Code", None, el("soap:Value", None,
                                       "soap:Sender" if fault.sender else "soap:Receiver")),
              el("soap:Reason", None, el("soap:Text", None, fault.reason)),
              el("soap:Detail", None, el("Error", {"xmlns": ZIMBRA}, el("Code", None, fault.code),
                                         el("Trace", None, trace), Xml(arguments))))


# --- reading ------------------------------------------------------------------------------------

class Request:
    """A request element: `name`, namespace `ns`, and the element with plain tags."""

    def __init__(self, element, ns):
        self.element, self.ns, self.name = element, ns, element.tag
        self.get, self.find = element.get, element.find
        self.findall, self.findtext, self.iter = element.findall, element.findtext, element.iter

    def xml(self):
        return serialize(self.element, self.ns)


def _split(tag):
    ns, _, name = tag.rpartition("}")
    return ns[1:], name


def parse(data):
    """(context element or None, Request, [Request of each part of a batch])."""
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError) as e:
        raise Fault("service.PARSE_ERROR", "error while parsing request: %s" % e) from None
    head = body = None
    for child in root:
        name = _split(child.tag)[1]
        if name == "Header":
            head = child
        elif name == "Body":
            body = child
    if body is None or len(body) == 0:
        raise Fault("service.INVALID_REQUEST", "invalid request: no request in the envelope")
    context = None
    if head is not None:
        for node in head.iter():
            node.tag = _split(node.tag)[1]
        context = head.find("context")
    ns, name = _split(body[0].tag)
    parts = []
    if name == "BatchRequest":
        for child in body[0]:
            part_ns = _split(child.tag)[0]
            _plain(child)
            parts.append(Request(child, part_ns))
        body[0].tag = name
    else:
        _plain(body[0])
    return context, Request(body[0], ns), parts


def _plain(element):
    for node in element.iter():
        if node.tag[0] == "{":
            node.tag = node.tag.rpartition("}")[2]


def parse_answer(data):
    """(body's first element with plain tags, its namespace, change token or None)."""
    root = ElementTree.fromstring(data)
    for child in root:
        if _split(child.tag)[1] == "Body":
            ns = _split(child[0].tag)[0]
            break
    _plain(root)
    change = root.find("Header/context/change")
    return root.find("Body")[0], ns, None if change is None else int(change.get("token"))


def serialize(element, ns=None):
    """An element with plain tags as Xml again."""
    attrs = dict(element.attrib)
    if ns:
        attrs = {"xmlns": ns, **attrs}
    children = []
    if element.text:
        children.append(escape(element.text))
    for child in element:
        children.append(serialize(child))
        if child.tail and child.tail.strip():
            children.append(escape(child.tail))
    return el(element.tag, attrs, *map(Xml, children))


def fault_of(element):
    """The Fault that a Fault element (plain tags) says."""
    error = element.find("Detail/Error")
    arguments = {}
    if error is not None:
        arguments = {a.get("n"): (a.get("t"), a.text or "") for a in error.findall("a")}
    return Fault(element.findtext("Detail/Error/Code") or "service.FAILURE",
                 element.findtext("Reason/Text") or "", arguments,
                 "Sender" in (element.findtext("Code/Value") or ""))


def flag(value):
    """A boolean attribute."""
    return value in ("1", "true", "TRUE", True)
