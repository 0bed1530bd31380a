#!/bin/sh
# Every C file, header and .inc file has no line above 100 columns, unless it is generated, and is as
# clang-format leaves it, which does not see to long comments. Versions differ in what they leave:
# only the one that formats this code checks it.
set -u
cd "$(dirname "$0")/../.." || exit 1
version=14

files=$(git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.inc' | while read -r f; do
    [ -f "$f" ] && echo "$f"
done)
echo "$files" | xargs -r awk '
    FNR == 1 { generated = 0 }
    FNR <= 2 && /(Generated|Written) by / { generated = 1 }
    !generated && length($0) > 100 {
        print FILENAME ":" FNR ": " length($0) " columns, expected at most 100"
        bad++
    }
    END { exit bad > 0 }' || exit 1

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
echo "$files" | xargs -r $clang_format --dry-run -Werror || exit 1
echo "check-format: clean"
