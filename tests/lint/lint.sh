#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Style that is not checked decays. Each check prints "file:line: what and why"; the last
# line counts the checks. usage: lint.sh [CHECK...], from anywhere; flags come from make.
set -u
cd "$(dirname "$0")/../.." || exit 2
export PYTHONDONTWRITEBYTECODE=1
flags=$(make -s --no-print-directory lint-flags) || exit 2
passed=0
failed=0

check() {
    name=$1
    shift
    if out=$("$@" 2>&1); then
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    [ -z "$out" ] || echo "$out"
    echo "  FAIL    lint $name"
}

run() {
    # shellcheck disable=SC2086
    case $1 in
    format) check format sh tests/lint/format.sh ;;
    headers) check headers sh tests/lint/headers.sh clang $flags ;;
    layers) check layers python3 tests/lint/layers.py ;;
    sizes) check sizes python3 tests/lint/sizes.py ;;
    banned) check banned python3 tests/lint/banned.py ;;
    python) check python python3 tests/lint/python.py ;;
    shell) check shell sh tests/lint/shell.sh ;;
    manuals) check manuals python3 tests/lint/manuals.py ;;
    docs) check docs python3 tests/lint/docs.py ;;
    next_steps) check next_steps python3 tests/lint/next_steps.py ;;
    tidy) check tidy python3 tests/lint/tidy.py $flags ;;
    *)
        echo "lint.sh: $1: no such check" >&2
        exit 2
        ;;
    esac
}

if [ $# = 0 ]; then
    set -- format headers layers sizes banned python shell manuals docs next_steps tidy
fi
for one in "$@"; do
    run "$one"
done
echo "lint: $passed passed, $failed failed"
[ $failed = 0 ]
