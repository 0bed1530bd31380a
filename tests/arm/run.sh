#!/bin/sh
# make test-arm: cross-builds for ARM and runs, under emulation, the kernels' tests and training runs
# that must end in the bits of this machine. ARM_TESTS names other tests (folder/test_name) to run.
set -eu
tests=${ARM_TESTS:-base/test_elementary kernels/test_accuracy kernels/test_kernels machine/test_pool}
skip() {
    printf '%s\n' "==== test-arm: SKIPPED: $1" "==== nothing was tested for ARM" >&2
    exit 0
}
[ "$(uname -m)" != aarch64 ] || skip "this machine is one: make test"
for tool in aarch64-linux-gnu-gcc qemu-aarch64 apt-get dpkg; do
    command -v $tool >/dev/null ||
        skip "$tool is missing (apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)"
done
root=build/arm64-packages/root
sh tests/arm/packages.sh "${root%/root}" || skip "the libraries' arm64 packages cannot be had"

binaries=
for test in $tests; do binaries="$binaries build/arm64/tests/$test"; done
libraries=$root/usr/lib/aarch64-linux-gnu
export PKG_CONFIG_LIBDIR="$libraries/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
# shellcheck disable=SC2086
${MAKE:-make} CC=aarch64-linux-gnu-gcc BUILD=build/arm64 build/arm64/lmtrain $binaries

export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu QEMU_SET_ENV="LD_LIBRARY_PATH=$PWD/$libraries"
# shellcheck disable=SC2086
RUN=qemu-aarch64 LMTRAIN_ARM="$PWD/build/arm64/lmtrain" sh tests/run.sh tests/arm/same_bits.sh $binaries
