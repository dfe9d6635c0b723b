#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what building and testing need on Debian 12; says what is missing when it may not.
set -eu

wanted="gcc make pkg-config protobuf-c-compiler libprotobuf-c-dev libuv1-dev
libcurl4-openssl-dev libxml2-dev libldap-dev libsqlite3-dev libssl-dev libarchive-dev
libzstd-dev libconfuse-dev libjansson-dev libmicrohttpd-dev libgnutls28-dev
libcmocka-dev slapd ldap-utils openssl curl python3 clang clang-format clang-tidy libclang-rt-14-dev mandoc
procps util-linux ca-certificates"

missing=""
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "missing packages:$missing" >&2
    echo "run as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "installing:$missing"
# The lab starts a slapd of its own; the package's must not occupy the machine's port 389.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "apt-get could not install:$missing (whole log: $log)" >&2
    exit 1
fi
rm -f "$log"
