#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone. usage: headers.sh CC FLAGS...
# Nothing is compiled when no header changed since the last time all were good.
set -u
stamp=build/lint/headers.ok
mkdir -p build/lint
list=$(git ls-files --cached --others --exclude-standard '*.h')
if [ -e "$stamp" ] && [ "$list" = "$(cat "$stamp")" ]; then
    # shellcheck disable=SC2086
    newer=$(find $list build/generated -name '*.h' -newer "$stamp" 2>/dev/null | head -1)
    [ -n "$newer" ] || exit 0
fi
one() {
    header=$1
    shift
    if ! why=$(printf '#include "%s"\nextern int probe;\n' "$header" |
               "$@" -fsyntax-only -x c - 2>&1); then
        echo "$header:1: does not compile alone: $(echo "$why" | grep -m1 'error' |
            sed 's/^.*error: //')"
        return 1
    fi
}
failed=0
for header in $list; do
    [ -e "$header" ] || continue
    one "$header" "$@" || failed=1
done
[ $failed = 0 ] && echo "$list" > "$stamp"
exit $failed
