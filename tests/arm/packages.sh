#!/bin/sh
# packages.sh DIRECTORY: Debian's arm64 packages of the libraries, unpacked under DIRECTORY/root. They are
# not installed: apt works on lists of its own, so that neither root nor `dpkg --add-architecture` is
# needed and the system stays as it is. Once they are there nothing is downloaded.
set -eu
packages="libcjson-dev libcjson1 zlib1g-dev zlib1g libcmocka-dev libcmocka0"
[ ! -e "$1/root/complete" ] || exit 0
rm -rf "$1"
mkdir -p "$1/lists/partial" "$1/cache/archives/partial" "$1/root"
cd "$1"
apt() {
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
        -o Dir::State="$PWD" -o Dir::State::status=/dev/null -o Dir::Cache="$PWD/cache" \
        -o Acquire::Languages=none -o Acquire::Retries=2 "$@"
}
apt update || true # sources without this architecture do not matter; download says what does
# shellcheck disable=SC2086
apt download $packages
for package in ./*.deb; do dpkg -x "$package" root; done
rm -rf lists cache ./*.deb
: >root/complete
