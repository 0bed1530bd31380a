#!/bin/sh
# packages.sh line|install PURPOSE...: the packages that a purpose needs, by this system's package manager.
# `line` prints the command that installs them; `install` prints it and runs it (as root, or by sudo).
# Purposes: build (the binary), mpi (make MPI=1), test (make test), check (make check), ci (what .ci/run uses
# beside those).
set -eu
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin # this script works where PATH names nothing

# One row per purpose and package manager. "-": nothing more, or not known to that manager; tests that need
# it are then skipped by name. pkgconfig(...) names what a package provides, whatever it is called.
table() {
    cat <<'ROWS'
build apt    gcc libc6-dev make pkg-config libcjson-dev zlib1g-dev
build dnf    gcc make pkgconf-pkg-config pkgconfig(libcjson) pkgconfig(zlib)
build zypper gcc make pkg-config pkgconfig(libcjson) pkgconfig(zlib)
build pacman gcc make pkgconf cjson zlib
build apk    gcc musl-dev linux-headers make pkgconf cjson-dev zlib-dev
build brew   gcc make pkgconf cjson zlib
mpi   apt    libopenmpi-dev openmpi-bin
mpi   dnf    openmpi-devel
mpi   zypper openmpi4-devel
mpi   pacman openmpi
mpi   apk    openmpi-dev openmpi
mpi   brew   open-mpi
test  apt    libcmocka-dev libopenmpi-dev openmpi-bin unzip python3 python3-numpy libzstd-dev zstd libutf8proc-dev libpcre2-dev
test  dnf    pkgconfig(cmocka) unzip python3-numpy pkgconfig(libzstd) zstd pkgconfig(libutf8proc) pkgconfig(libpcre2-8)
test  zypper pkgconfig(cmocka) unzip python3-numpy pkgconfig(libzstd) zstd pkgconfig(libutf8proc) pkgconfig(libpcre2-8)
test  pacman cmocka unzip python-numpy zstd libutf8proc pcre2
test  apk    cmocka-dev bash coreutils unzip py3-numpy zstd-dev zstd utf8proc-dev pcre2-dev
test  brew   cmocka numpy zstd utf8proc pcre2
check apt    clang clang-format git
check dnf    clang clang-tools-extra git
check zypper clang clang-tools git
check pacman clang git
check apk    clang clang-extra-tools git
check brew   llvm git
ci    apt    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user groff mandoc zsh fish
ROWS
}

manager() {
    for m in apt-get dnf zypper pacman apk brew; do
        command -v $m >/dev/null 2>&1 && { echo "${m%-get}"; return; }
    done
}

manager=$(manager)
[ $# -ge 2 ] || { echo "usage: packages.sh line|install PURPOSE..." >&2; exit 2; }
action=$1
shift
packages=
for purpose in "$@"; do
    packages="$packages $(table | awk -v p="$purpose" -v m="$manager" \
        '$1 == p && $2 == m { for (i = 3; i <= NF; i++) printf "%s ", ($i ~ /\(/) ? "\047" $i "\047" : $i }')"
done
packages=$(echo $packages)

case $manager in
apt) command="apt-get install -y --no-install-recommends $packages" ;;
dnf) command="dnf install -y $packages" ;;
zypper) command="zypper --non-interactive install $packages" ;;
pacman) command="pacman -S --needed --noconfirm $packages" ;;
apk) command="apk add $packages" ;;
brew) command="brew install $packages" ;;
*)
    echo "a C compiler, make, pkg-config and the development files of cJSON, zlib and (for tests) cmocka"
    [ "$action" = line ] && exit 0
    echo "packages.sh: no package manager known here (apt, dnf, zypper, pacman, apk, brew)" >&2
    exit 1
    ;;
esac
sudo=
[ "$(id -u)" -eq 0 ] || [ "$manager" = brew ] || sudo="sudo "
if [ "$action" = line ]; then
    echo "$sudo$command"
    exit 0
fi
if [ -n "$sudo" ] && ! command -v sudo >/dev/null 2>&1; then
    echo "there is no sudo here; as root, run: $command" >&2
    exit 1
fi
echo "installing what is missing: $sudo$command" >&2
if [ "$manager" = apt ]; then
    # The lists of a fresh system are empty. A source that cannot be reached matters only when a
    # package is missing from what was reached: the installation says so.
    export DEBIAN_FRONTEND=noninteractive
    ${sudo:+sudo} apt-get -qq update || true
    command="env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 ${command#apt-get }"
fi
eval "$sudo$command" >&2
