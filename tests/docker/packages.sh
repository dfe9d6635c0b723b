#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs Debian's Docker Engine; its service is not started, the test runs one of its own.
set -eu
command -v dockerd >/dev/null 2>&1 && command -v ip >/dev/null 2>&1 && exit 0
if [ "$(id -u)" != 0 ]; then
    echo "run as root: apt-get install --no-install-recommends docker.io iproute2" >&2
    exit 1
fi
echo "installing: docker.io iproute2"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends docker.io iproute2; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    exit 1
fi
rm -f "$log"
