#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""messages.py DIR: the zimlet's properties as a script for the controller's page (on stdout)."""
import json
import re
import sys


def properties(path):
    texts = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            line = line.strip()
            if line and not line.startswith("#"):
                key, _, value = line.partition("=")
                texts[key.strip()] = re.sub(
                    r"\\u([0-9a-f]{4})", lambda m: chr(int(m.group(1), 16)), value.strip())
    return texts


def main():
    base = sys.argv[1] + "/com_zmferry"
    texts = {"en": properties(base + ".properties"), "de": properties(base + "_de.properties")}
    if set(texts["en"]) != set(texts["de"]):
        sys.exit("keys in one language only: %s" % sorted(set(texts["en"]) ^ set(texts["de"])))
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("window.ZmFerryMessages = %s;" % json.dumps(texts, indent=1, sort_keys=True))


main()
