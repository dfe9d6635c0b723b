#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the browser tests need besides building: Chromium, node and npm, Java for the YUI compressor.
set -eu

missing=""
command -v chromium >/dev/null || missing="$missing chromium fonts-dejavu-core"
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"
command -v java >/dev/null || missing="$missing default-jre-headless"
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "run as root: apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    echo "installing:$missing"
    log=$(mktemp)
    # shellcheck disable=SC2086
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } \
        >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        echo "apt-get could not install:$missing (whole log: $log)" >&2
        exit 1
    fi
    rm -f "$log"
fi

# The packages of the lock file, and only when it has changed.
here=tests/browser
place=build/browser/npm
mkdir -p "$place"
if ! cmp -s "$here/package-lock.json" "$place/package-lock.json" || [ ! -d "$place/node_modules/playwright-core" ]; then
    cp "$here/package.json" "$here/package-lock.json" "$place/"
    npm ci --prefix "$place" --no-audit --no-fund --loglevel=error
fi
