#!/bin/sh
# gemm.sh [THREADS (1) [CPU (avx2) [MATCH [SECONDS (0.3) [CACHES]]]]]: our matrix products beside OpenBLAS's and
# BLIS's, shape by shape (gemm.c). Not part of `make test`: what it prints is for people.
#
# The peers are Debian's packages, unpacked into PEERS, outside of the repository; OPENBLAS and BLIS name
# libraries to use instead; set but empty: leave that one out. CPU avx2 holds OpenBLAS to an AVX2 kernel
# (OPENBLAS_CORETYPE, by default Zen); BLIS 0.9 aborts when BLIS_ARCH_TYPE is set, and takes zen3, which is one, on
# any Zen. The first line of a table says which kernel the peer chose. Exit code 1 when a peer could not be compared.
cd "$(dirname "$0")/../../.." || exit 1
threads=${1:-1} cpu=${2:-avx2}
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/lmtrain/peers}
[ "$threads" = 1 ] && kind=serial || kind=pthread
missing=0
mkdir -p "$peers" || exit 1

package() { # NAME LIBRARY: the path of that library out of a Debian package
    found=$(find "$peers/$1" -name "$2" 2>/dev/null | head -n 1)
    if [ ! "$found" ]; then
        (cd "$peers" && apt-get download "$1" && dpkg -x "$1"_*.deb "$1") >"$peers/$1.log" 2>&1
        found=$(find "$peers/$1" -name "$2" 2>/dev/null | head -n 1)
    fi
    echo "${found:-$peers/$1}"
}

: "${OPENBLAS=$(package "libopenblas0-$kind" libopenblas.so.0)}"
: "${BLIS=$(package "libblis4-$kind" libblis.so.4)}"
[ "$cpu" != avx2 ] || export OPENBLAS_CORETYPE="${OPENBLAS_CORETYPE:-Zen}"

${MAKE:-make} --no-print-directory build/gcc/liblmtrain.a >/dev/null || exit 1
packages=$(pkg-config --libs libcjson zlib)
for optional in libzstd libutf8proc libpcre2-8; do
    packages="$packages $(pkg-config --libs $optional 2>/dev/null)"
done
# shellcheck disable=SC2086
gcc -std=c11 -O2 -Wall -Wextra -D_GNU_SOURCE -Isrc -I. -o build/gemm-peers \
    tests/bench/peers/gemm.c build/gcc/liblmtrain.a $packages -lm -ldl -pthread || exit 1

compare() { # NAME LIBRARY
    if [ ! -f "$2" ]; then
        echo "NOT COMPARED: $1 is not there and cannot be had from apt-get download ($peers)" >&2
        missing=1
        return
    fi
    shift
    build/gemm-peers "$@" || missing=1
}
shift $(($# < 2 ? $# : 2))
[ -z "$OPENBLAS" ] || compare OpenBLAS "$OPENBLAS" "$threads" "$cpu" "$@"
[ -z "$BLIS" ] || compare BLIS "$BLIS" "$threads" "$cpu" "$@"
exit $missing
