#!/bin/bash
# The table of keys in configs/README.md is what the program prints: `make reference` brings it up to
# date.
# shellcheck source=../support/run.sh
. tests/support/run.sh

current() {
    "$lmtrain" train --print-reference >want.md
    sed -n '/<!-- config reference: begin -->/,/<!-- config reference: end -->/p' "$root/configs/README.md" |
        sed '1d;$d' >have.md
    diff want.md have.md
}
scenario check "the config reference in configs/README.md is what the program prints (make reference)" current
