#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pack.py ZIP FILE...: a flat zip as zmzimletctl wants it; the same files give the same bytes."""
import os
import sys
import zipfile


def main():
    target, files = sys.argv[1], sys.argv[2:]
    with zipfile.ZipFile(target + ".new", "w", zipfile.ZIP_DEFLATED) as out:
        for name in files:
            info = zipfile.ZipInfo(os.path.basename(name), (2020, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            with open(name, "rb") as f:
                out.writestr(info, f.read())
    os.replace(target + ".new", target)


main()
