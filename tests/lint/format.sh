#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-format has nothing to say; `make format` does what it wants.
set -u
list=$(git ls-files --cached --others --exclude-standard '*.c' '*.h')
existing=""
for file in $list; do
    [ -e "$file" ] && existing="$existing $file"
done
# shellcheck disable=SC2086
out=$(clang-format --dry-run -Werror $existing 2>&1) && exit 0
echo "$out" | sed -n 's/^\([^ :]*\):\([0-9]*\):[0-9]*: error:.*/\1:\2: not formatted; run: make format/p' |
    sort -t: -k1,1 -u
exit 1
