#!/bin/bash
# The NEON kernels, cross-compiled and run under emulation: only base/, machine/ and kernels/, so
# that no package for that architecture is needed (base/json.c needs cJSON and is left out).
set -u
cd "$(dirname "$0")/../.." || exit 1
cc=aarch64-linux-gnu-gcc
run=qemu-aarch64
for tool in $cc $run; do
    command -v $tool >/dev/null || {
        echo "skip - NEON kernels: $tool is missing (apt-get install gcc-aarch64-linux-gnu qemu-user)"
        exit 0
    }
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/lmtrain-neon.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
base=$(ls src/base/*.c | grep -v /json.c)
build() { # compiler output extra-flags-and-kernels...
    local compiler=$1 out=$2
    shift 2
    # shellcheck disable=SC2086
    "$compiler" -std=c11 -O2 -fno-math-errno -fno-trapping-math -ffp-contract=off -Wall -Wextra \
        -Werror -D_GNU_SOURCE -DLM_VERSION='"test"' -Isrc -I. -pthread -o "$out" $base \
        src/machine/*.c src/kernels/*.c src/kernels/scalar/*.c tests/support/kernel_*.c \
        tests/kernels/compare_main.c "$@" -lm
}
build $cc "$dir/compare" -static -DLM_ISA=neon src/kernels/neon/*.c src/kernels/v16/*.c || {
    echo "not ok - the NEON kernels compile without warnings"
    exit 1
}
$run "$dir/compare" >"$dir/neon" || echo "not ok - the comparison of NEON with scalar kernels runs to its end"
grep 'ok - ' "$dir/neon"
grep -q 'of neon has' "$dir/neon" || echo "not ok - NEON is detected by the emulated CPU"

# The same bits as this machine's: digests of every result.
for isa in avx2 avx512 avx512bf16; do
    echo "void lm_kernels_fill_$isa(void *k);"
    echo "void lm_kernels_fill_$isa(void *k) { (void)k; }"
done >"$dir/none.c"
build "${CC:-cc}" "$dir/here" "$dir/none.c" && "$dir/here" >"$dir/scalar" || {
    echo "not ok - the comparison of kernels runs on this machine"
    exit 1
}
grep -v 'ok - ' "$dir/scalar" | while read -r name digest; do
    if grep -q "^$name $digest\$" "$dir/neon"; then
        echo "ok - $name: NEON gives the bits of $(uname -m)"
    else
        echo "not ok - $name: NEON gives the bits of $(uname -m)"
    fi
done
