#!/bin/bash
# lmtrain lr-find: a picture and a suggestion, JSON, and no file.
# shellcheck source=../support/run.sh
. tests/support/run.sh

finds() {
    given corpus
    tiny a
    check "lr-find draws the loss and suggests a rate" \
        exits_saying 0 "suggestion         optimizer.lr = " "$lmtrain" lr-find --config a.json
    rate=$(sed -n 's/^suggestion.* = //p' out)
    check "the rate is between those that learn nothing and those that diverge" \
        awk -v rate="$rate" 'BEGIN { exit !(rate > 1e-4 && rate < 0.3) }'
    check "the picture has a scale" grep -q '1e-06 .*e+00$\|1e-06 .*e-0[12]$' out
    check "lr-find makes no run directory" test ! -e run
    check "the same config gives the same losses" same_losses
    check "rates that do not rise are refused" exits_saying 2 "expected --from below --to" \
        "$lmtrain" lr-find --config a.json --from 1 --to 0.1
    check "--json has all losses" exits_saying 0 '"losses": [' "$lmtrain" lr-find --config a.json \
        --steps 20 --json
}
same_losses() {
    for threads in 1 2; do
        "$lmtrain" lr-find --config a.json --steps 30 --json --threads $threads >$threads.json || return
    done
    cmp 1.json 2.json
}
scenario finds
