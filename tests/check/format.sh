#!/bin/sh
# Every C file, header and .inc file is as clang-format leaves it. Versions differ in what they leave:
# only the one that formats this code checks it.
set -u
cd "$(dirname "$0")/../.." || exit 1
version=14

for clang_format in "clang-format-$version" clang-format ''; do
    command -v "$clang_format" >/dev/null && break
done
[ "$clang_format" ] || {
    echo "check-format: clang-format is missing: $(sh .ci/packages.sh line check)" >&2
    exit 1
}
found=$($clang_format --version | sed 's/.*version \([0-9]*\).*/\1/')
[ "$found" = "$version" ] || {
    echo "check-format: SKIPPED: the format is that of clang-format $version, found $found" >&2
    exit 0
}
git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.inc' | while read -r f; do
    [ -f "$f" ] && echo "$f"
done | xargs -r $clang_format --dry-run -Werror || exit 1
echo "check-format: clean"
