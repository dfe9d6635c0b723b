# SPDX-License-Identifier: Apache-2.0
"""Auth tokens as Zimbra makes them: signed claims, good on every node of the cluster.

A token is of a user, of an administrator, or delegated: an administrator acting as the user.
It carries the account's zimbraAuthTokenValidityValue; when that changes, the token is void.
"""

import hashlib
import hmac
import time

from .faultcodes import Fault


class Token:
    def __init__(self, account_id, expires_ms, is_admin=False, admin_id=None, validity=None,
                 text=None):
        self.account_id, self.expires_ms, self.is_admin = account_id, expires_ms, is_admin
        self.admin_id, self.validity, self.text = admin_id, validity, text

    @property
    def is_delegated(self):
        return bool(self.admin_id)


class Mint:
    """Makes and reads tokens with the cluster's key."""

    def __init__(self, key_hex):
        self.key = bytes.fromhex(key_hex)

    def _sign(self, data):
        return hmac.new(self.key, data, hashlib.sha256).hexdigest()

    def make(self, account_id, lifetime_s, is_admin=False, admin_id=None, validity=None):
        expires_ms = int((time.time() + lifetime_s) * 1000)
        claims = [("id", account_id), ("exp", str(expires_ms))]
        if is_admin:
            claims.append(("admin", "1"))
        if admin_id:
            claims.append(("aid", admin_id))
        if validity is not None:
            claims.append(("vv", str(validity)))
        claims += [("type", "zimbra"), ("tid", "%d" % (time.monotonic_ns() & 0x7FFFFFFF))]
        data = "".join("%s=%d:%s;" % (k, len(v), v) for k, v in claims).encode()
        return "0_%s_%s" % (self._sign(data), data.hex())

    def read(self, text):
        """The Token; a forged or malformed one is service.AUTH_EXPIRED, as at Zimbra."""
        try:
            _, signature, coded = text.strip().split("_")
            data = bytes.fromhex(coded)
            if not hmac.compare_digest(signature, self._sign(data)):
                raise ValueError
            claims = {}
            for part in data.decode().split(";"):
                name, equals, value = part.partition("=")
                if equals:
                    claims[name] = value.partition(":")[2]
            token = Token(claims["id"], int(claims["exp"]), claims.get("admin") == "1",
                          claims.get("aid"), claims.get("vv"), text.strip())
        except (ValueError, KeyError, UnicodeDecodeError):
            raise Fault("service.AUTH_EXPIRED", "auth credentials have expired") from None
        if token.expires_ms < time.time() * 1000:
            raise Fault("service.AUTH_EXPIRED", "auth credentials have expired")
        return token
