#!/bin/sh
# Runs the test programs and scripts it is given, shows the output of those that fail, and closes
# with totals. A program is a cmocka binary; a script prints "ok - what" or "not ok - what" lines.
# RUN=command runs programs by it, an emulator. T=text runs only those whose path contains text. JOBS=n runs n at a time (default: all CPUs).
set -u
run_one() { # path log-directory
    name=$(echo "$1" | sed 's|.*/tests/||; s|^tests/||; s|/|-|g')
    case $1 in
    *.sh) bash "$1" >"$2/$name.out" 2>&1 ;;
    *) ${RUN:-} "$1" >"$2/$name.out" 2>&1 ;;
    esac
    status=$?
    passed=$(grep -c -e '^\[       OK \]' -e '^ok - ' "$2/$name.out")
    failed=$(grep -c -e '^\[  FAILED  \] [a-zA-Z0-9_]*$' -e '^not ok - ' "$2/$name.out")
    skipped=$(grep -c -e '^\[  SKIPPED \] [a-zA-Z0-9_]*$' -e '^skip - ' "$2/$name.out")
    [ "$status" -ne 0 ] && [ "$failed" -eq 0 ] && failed=1 # crashed, or a sanitizer spoke
    # cmocka repeats the names of failed tests in its summary: count each once
    unique=$(grep -e '^\[  FAILED  \] [a-zA-Z0-9_]*$' "$2/$name.out" | sort -u | wc -l)
    [ "$unique" -gt 0 ] && failed=$unique
    if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ] && [ "$skipped" -eq 0 ]; then failed=1; fi
    echo "$passed $failed $skipped" >"$2/$name.count"
    if [ "$failed" -ne 0 ]; then
        echo "FAILED $name (exit $status)"
        tail -n 60 "$2/$name.out"
    else
        echo "ok     $name ($passed passed$([ "$skipped" -gt 0 ] && echo ", $skipped skipped"))"
        grep '^skip - ' "$2/$name.out"
    fi
    return 0
}

if [ "${1:-}" = --one ]; then
    run_one "$2" "$3"
    exit 0
fi

log=$(mktemp -d "${TMPDIR:-/tmp}/lmtrain-test.XXXXXX") || exit 1
trap 'rm -rf "$log"' EXIT INT TERM
started=$(date +%s)
for test in "$@"; do
    case $test in *"${T:-}"*) printf '%s\n' "$test" ;; esac
done | xargs -P "${JOBS:-$(nproc)}" -I{} sh "$0" --one {} "$log"

totals=$(cat "$log"/*.count 2>/dev/null | awk '{p+=$1; f+=$2; s+=$3} END {print p+0, f+0, s+0}')
set -- $totals
echo "tests took $(($(date +%s) - started)) s"
echo "$1 passed, $2 failed, $3 skipped"
[ "$2" -eq 0 ] && [ "$1" -gt 0 ]
