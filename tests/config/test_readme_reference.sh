#!/bin/bash
# The tables of keys in configs/README.md are what the program prints: `make reference` brings them up to
# date.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# COMMAND NAME
current() {
    "$lmtrain" "$1" --print-reference >want.md
    sed -n "/<!-- $2 reference: begin -->/,/<!-- $2 reference: end -->/p" "$root/configs/README.md" |
        sed '1d;$d' >have.md
    diff want.md have.md
}
scenario check "the config reference in configs/README.md is what the program prints (make reference)" current train config
scenario check "so is the sweep reference" current sweep sweep
