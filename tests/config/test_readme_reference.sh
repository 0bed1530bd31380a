#!/bin/bash
# README's table of keys is what the program prints: `make reference` brings it up to date.
# shellcheck source=../support/run.sh
. tests/support/run.sh

"$lmtrain" train --print-reference >want.md
sed -n '/<!-- config reference: begin -->/,/<!-- config reference: end -->/p' "$root/README.md" |
    sed '1d;$d' >have.md
check "README's config reference is current (make reference)" diff want.md have.md
