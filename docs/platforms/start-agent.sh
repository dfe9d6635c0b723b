#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Starts your image's own entry point, and the agent beside it; the container ends with either.
set -u
/opt/zimbra-start.sh "$@" &
yours=$!
while kill -0 "$yours" 2>/dev/null && [ ! -s /opt/zimbra/conf/localconfig.xml ]; do
    sleep 2
done
if command -v runuser >/dev/null 2>&1; then
    runuser -u zimbra -- zmferry-agent &
else
    su zimbra -c zmferry-agent &
fi
agent=$!
trap 'kill "$yours" "$agent" 2>/dev/null' TERM INT
while kill -0 "$yours" 2>/dev/null && kill -0 "$agent" 2>/dev/null; do
    sleep 2
done
kill "$yours" "$agent" 2>/dev/null
wait "$yours"
