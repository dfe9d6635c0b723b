#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs test programs, as many at once as there are processors; each prints its own closing lines,
# in one piece. Ends with a sum, exit 1 if any failed.
if [ "${1:-}" = --one ]; then
    out=$2 program=$3
    log=$(mktemp "$out/log.XXXXXX")
    "$program" >"$log" 2>&1 || {
        echo "FAILED: $program (exit $?)" >>"$log"
        echo "$program" >>"$out/failed"
    }
    exec flock "$out" cat "$log"
fi
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' sh "$0" --one "$out" '{}'
failed=$(cat "$out/failed" 2>/dev/null)
count=$(echo "$failed" | grep -c .)
echo "programs: $(($# - count)) passed, $count failed"
[ -z "$failed" ] || {
    echo "failed:" $failed
    exit 1
}
