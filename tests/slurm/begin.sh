# What the scripts of this folder that are run begin with: their arguments LMTRAIN and DIRECTORY, the cluster, what
# they train on, and check, which sets failed=1.
# shellcheck shell=bash
[ $# -eq 2 ] || { echo "usage: $(basename "$0") LMTRAIN DIRECTORY" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2" && work=$(cd "$2" && pwd) || exit 1
cp "$1" "$work/lmtrain" || exit 1
# shellcheck source=cluster.sh
. "$here/cluster.sh"
# shellcheck source=data.sh
. "$here/data.sh"
failed=0
check() {
    local what=$1
    shift
    if "$@"; then echo "ok - $what"; else echo "not ok - $what" && failed=1; fi
}
