# SPDX-License-Identifier: Apache-2.0
"""Zimbra's encoding of an item's metadata: BEncoding whose string lengths count UTF-16 units.

"d3:fldd5:email7:a@b.netee"; keys come sorted, as from a TreeMap.
"""

import re

_PLAIN = re.compile("[\x00-\uffff]*")
_NUMBER = re.compile(r"(\d+):")
DEPTH_MAX = 64


def _units(text):
    return len(text) if _PLAIN.fullmatch(text) else len(text) + sum(c > "\uffff" for c in text)


def encode(value):
    out = []
    _encode(value, out.append)
    return "".join(out)


def _encode(value, put):
    if isinstance(value, str):
        put("%d:%s" % (_units(value), value))
    elif isinstance(value, bool):
        put("1:1" if value else "1:0")
    elif isinstance(value, int):
        put("i%de" % value)
    elif isinstance(value, dict):
        put("d")
        for key in sorted(value):
            if value[key] is not None:
                put("%d:%s" % (_units(key), key))
                _encode(value[key], put)
        put("e")
    elif isinstance(value, (list, tuple)):
        put("l")
        for one in value:
            _encode(one, put)
        put("e")
    else:
        raise TypeError("cannot encode %r" % (value,))


def decode(text):
    """ValueError if it is not that."""
    value, end = _decode(text, 0, 0)
    if end != len(text):
        raise ValueError("bytes behind the end")
    return value


def _decode(text, at, depth):
    kind = text[at:at + 1]
    if depth > DEPTH_MAX:
        raise ValueError("too deep")
    if kind == "i":
        end = text.index("e", at)
        return int(text[at + 1:end]), end + 1
    if kind == "l":
        found, at = [], at + 1
        while text[at:at + 1] != "e":
            one, at = _decode(text, at, depth + 1)
            found.append(one)
        return found, at + 1
    if kind == "d":
        named, at = {}, at + 1
        while text[at:at + 1] != "e":
            key, at = _string(text, at)
            named[key], at = _decode(text, at, depth + 1)
        return named, at + 1
    return _string(text, at)


def _string(text, at):
    match = _NUMBER.match(text, at)
    if not match:
        raise ValueError("no length at %d" % at)
    units, start = int(match.group(1)), match.end()
    found = text[start:start + units]
    if _PLAIN.fullmatch(found) and len(found) == units:
        return found, start + units
    end = start
    while units > 0:
        if end >= len(text):
            raise ValueError("cut")
        units -= 2 if text[end] > "\uffff" else 1
        end += 1
    return text[start:end], end
