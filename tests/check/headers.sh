#!/bin/sh
# Every header compiles alone. Those of an instruction set's folder need its flags, which the Makefile
# passes (ISAS, ISA_FLAGS_avx2 and so on), and those of kernels/v16/ compile for each of V16_ISAS.
# A .inc file needs what its including file defines: it is checked where it is included.
set -u
cd "$(dirname "$0")/../.." || exit 1
bad=0
check() { # header flags...
    header=$1
    shift
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror "$@" $CPPFLAGS -I. -include "$header" -fsyntax-only -x c /dev/null || {
        echo "check-headers: $header does not compile alone"
        bad=1
    }
}
flags_of() { eval "echo \"\${ISA_FLAGS_$1-}\""; }
for header in $(find src tests -name '*.h' | sort); do
    isa=$(echo "$header" | sed -n 's|src/kernels/\([a-z0-9]*\)/.*|\1|p')
    case " $ISAS scalar " in
    *" ${isa:-scalar} "*) check "$header" $(flags_of "${isa:-scalar}") ;;
    *) [ "$isa" != v16 ] || for each in $V16_ISAS; do check "$header" $(flags_of "$each") "-DLM_ISA=$each"; done ;;
    esac
done
[ "$bad" -eq 0 ] && echo "check-headers: clean"
exit "$bad"
