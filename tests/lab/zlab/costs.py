# SPDX-License-Identifier: Apache-2.0
"""What calls take. 0, the default, is as fast as the lab can."""

import time

from zlab.switches import Switches

STORAGE = [
    ("import_item_ms", 0.0, "an import pays this for each item (performance B)"),
    ("tgz_export_mb_s", 0.0, "most that an export with fmt=tgz gives per second (performance A)"),
    ("tar_export_mb_s", 0.0, "most that an export with fmt=tar gives per second (performance A)"),
    ("burn_id_ms", 0.0, "resetimapuid pays this for each id (identity 2)"),
    ("bump_change_ms", 0.0, "a change of flags, tags or colours pays this (identity 2)"),
    ("add_message_ms", 0.0, "AddMsg pays this for each message, its mailbox held (live-preseed 5)"),
]

SERVER = [
    ("request_ms", 0.0, "a mail request pays this and holds nothing; a batch pays once "
     "(live-preseed 5)"),
    ("cli_start_s", 0.0, "zmmailbox and zmprov take this long to start (zimbra 8.3)"),
]


class Costs(Switches):
    kind = "cost"

    def __init__(self, values=None):
        super().__init__(STORAGE + SERVER, values)


def pay(milliseconds):
    if milliseconds > 0:
        time.sleep(milliseconds / 1000.0)


class Debt:
    """Many small sums, paid together: a sleep of less than a few ms is never exact."""

    def __init__(self, least_ms=4.0):
        self.least_ms, self.owed = least_ms, 0.0

    def add(self, milliseconds):
        self.owed += milliseconds
        if self.owed >= self.least_ms:
            start = time.monotonic()
            time.sleep(self.owed / 1000.0)
            self.owed -= (time.monotonic() - start) * 1000.0
