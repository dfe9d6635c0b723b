#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every shell script parses.
set -u
failed=0
for script in $(git ls-files --cached --others --exclude-standard '*.sh' .ci/run tests/lab/lab); do
    [ -e "$script" ] || continue
    case $(head -n 1 "$script") in
    *bash*) shell=bash ;;
    *python*) continue ;;
    *) shell=sh ;;
    esac
    why=$($shell -n "$script" 2>&1) && continue
    echo "$why" | sed -n "1s|^[^:]*: *\(line \)*\([0-9]*\): *|$script:\2: |p"
    failed=1
done
exit $failed
