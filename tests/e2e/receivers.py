# SPDX-License-Identifier: Apache-2.0
"""Who gets alerts in a test: a mail server and a webhook, each one thread per connection."""
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import socketserver
import threading


class MailHandler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 receiver ESMTP")
        for line in self.rfile:
            verb = line.strip().split(b":")[0].upper()
            if verb.startswith(b"EHLO"):
                self.say("250 receiver")
            elif verb == b"DATA":
                self.say("354 go on")
                self.take()
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            elif verb == b"RCPT TO" and self.server.refuses:
                self.say(self.server.refuses)
            else:
                self.say("250 ok")

    def take(self):
        lines = []
        for line in self.rfile:
            if line.rstrip(b"\r\n") == b".":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        self.server.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))
        self.say("250 taken")


class HookHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        want = "sha256=" + hmac.new(self.server.secret, body, hashlib.sha256).hexdigest()
        self.server.calls.append(json.loads(body))
        self.server.signed.append(hmac.compare_digest(want, self.headers.get("X-Zmferry-Signature", "")))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address, handler):
        super().__init__((address, 0), handler)
        self.mails, self.calls, self.signed = [], [], []
        self.refuses, self.secret = "", b""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def stop(self):
        self.shutdown()
        self.server_close()


def mail_server(address):
    return Server(address, MailHandler)


def webhook(address, secret):
    server = Server(address, HookHandler)
    server.secret = secret
    return server
