#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs test programs one after another; each prints its own closing lines. Ends with a sum, exit 1 if any failed.
passed=0
failed=""
for program in "$@"; do
    if "$program"; then
        passed=$((passed + 1))
    else
        echo "FAILED: $program (exit $?)"
        failed="$failed $program"
    fi
done
count=0
for program in $failed; do
    count=$((count + 1))
done
echo "programs: $passed passed, $count failed"
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
