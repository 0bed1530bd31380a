#!/bin/bash
# The NEON kernels, cross-compiled and run under emulation: only base/, machine/ and kernels/, so
# that no package for that architecture is needed (base/json.c needs cJSON and is left out).
# shellcheck source=../support/run.sh
. tests/support/run.sh

cc=aarch64-linux-gnu-gcc
run=qemu-aarch64
for tool in $cc $run; do
    command -v $tool >/dev/null || {
        echo "skip - NEON kernels: $tool is missing (apt-get install gcc-aarch64-linux-gnu qemu-user)"
        exit 0
    }
done

# build COMPILER PROGRAM ARGUMENTS...: compare_main.c with the scalar kernels, and with what
# ARGUMENTS add: flags and files.
build() {
    local compiler=$1 out=$PWD/$2
    shift 2
    # shellcheck disable=SC2046
    (cd "$root" && "$compiler" -std=c11 -O2 -fno-math-errno -fno-trapping-math -ffp-contract=off \
        -Wall -Wextra -Werror -D_GNU_SOURCE -DLM_VERSION='"test"' -Isrc -I. -pthread -o "$out" \
        $(ls src/base/*.c | grep -v /json.c) src/machine/*.c src/kernels/*.c src/kernels/scalar/*.c \
        tests/support/kernel_*.c tests/kernels/compare_main.c "$@" -lm)
}
neon() {
    build $cc compare -static -DLM_ISA=neon "$root"/src/kernels/neon/*.c "$root"/src/kernels/v16/*.c
}
# The digests of this machine's scalar kernels: the functions that fill in other instruction sets are empty.
here() {
    for isa in avx2 avx512 avx512bf16; do
        echo "void lm_kernels_fill_$isa(void *k);"
        echo "void lm_kernels_fill_$isa(void *k) { (void)k; }"
    done >none.c
    build "${CC:-cc}" compare_here "$PWD/none.c" && ./compare_here >here
}

has_digest() { grep -q "^$1 $2\$" neon; } # KERNEL DIGEST
compared() {
    check "the NEON kernels compile without warnings" neon
    check "the comparison of NEON with scalar kernels runs to its end" sh -c "$run ./compare >neon"
    check "the emulated CPU has NEON" grep -q 'of neon has' neon
    grep 'ok - ' neon
    check "the comparison of kernels runs on this machine" here
    grep -v 'ok - ' here >digests
    while read -r name digest; do
        check "$name: NEON gives the bits of $(uname -m)" has_digest "$name" "$digest"
    done <digests
}
scenario compared
