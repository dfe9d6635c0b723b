#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone. usage: headers.sh CC FLAGS...
set -u
failed=0
probe=$(mktemp --suffix=.c)
trap 'rm -f "$probe"' EXIT
for header in $(git ls-files --cached --others --exclude-standard '*.h'); do
    printf '#include "%s"\nextern int probe;\n' "$header" > "$probe"
    if ! "$@" -fsyntax-only "$probe" 2>/dev/null; then
        echo "$header:1: does not compile alone"
        failed=1
    fi
done
exit $failed
