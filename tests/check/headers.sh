#!/bin/sh
# Every header compiles alone.
set -u
cd "$(dirname "$0")/../.." || exit 1
bad=0
for header in $(find src tests -name '*.h' | sort); do
    isa=$(echo "$header" | sed -n 's|src/kernels/\([a-z0-9]*\)/.*|\1|p')
    case $isa in
    avx2) flags='-mavx2 -mfma' ;;
    avx512 | avx512bf16) flags='-mavx512f -mavx512vl -mavx512bw -mavx512dq -mavx512bf16 -mfma' ;;
    *) flags= ;;
    esac
    case $isa:$(uname -m) in
    neon:x86_64 | avx*:aarch64) continue ;;
    esac
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror $flags $CPPFLAGS -I. -include "$header" -fsyntax-only -x c /dev/null || {
        echo "check-headers: $header does not compile alone"
        bad=1
    }
done
[ "$bad" -eq 0 ] && echo "check-headers: clean"
exit "$bad"
