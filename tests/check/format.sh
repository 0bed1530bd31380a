#!/bin/sh
# Every C file, header and .inc file is as clang-format leaves it.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v clang-format >/dev/null || {
    echo "check-format: clang-format is missing: apt-get install clang-format" >&2
    exit 1
}
git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.inc' | while read -r f; do
    [ -f "$f" ] && echo "$f"
done | xargs -r clang-format --dry-run -Werror || exit 1
echo "check-format: clean"
