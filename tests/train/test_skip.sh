#!/bin/bash
# data.skip in whole runs: what is refused, what is said, going on.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# A finished run of 40 steps of 8 windows in the directory straight.
trained() {
    given corpus
    tiny a
    "$lmtrain" --config a.json --quiet --set run.dir=straight
}
train() { "$lmtrain" --config a.json "$@"; }
end_of() { printf '%s/checkpoints/step-0000000040.npz' "$1"; }

refused() {
    given trained
    check "what is no list of windows is refused with its place" \
        exits_saying 2 'a.json:4:20: data.skip: expected windows or ranges of windows' \
        sh -c "sed -i 's/\"data\": {/\"data\": {\"skip\": \"9-3\", /' a.json; $lmtrain --config a.json"
    check "the refusal shows what was found" says 'found "9-3"'
}
scenario refused

passed_over() {
    given trained
    check "data.skip empty is the run without it, bit for bit" exits 0 train --quiet --set data.skip=
    check "the checkpoints are the same file" cmp "$(end_of straight)" "$(end_of run)"
    rm -r run
    check "the windows that are passed over are said" \
        exits_saying 0 "not used of data.train: 17 windows by data.skip" train --set data.skip=96-111,4
    train --set data.skip=96-111,4 --set run.dir=again >/dev/null 2>said
    check "windows that the run reaches need no warning" fails grep -q "data.skip names" said
    check "the run ends elsewhere" fails cmp "$(end_of straight)" "$(end_of run)"
    mv run whole
    train --quiet --set data.skip=96-111,4 --until 9
    check "a run with data.skip that is paused and resumed ends in the same bits" \
        exits 0 train --quiet --set data.skip=96-111,4 --resume
    check "its last checkpoint is the same file" cmp "$(end_of whole)" "$(end_of run)"
}
scenario passed_over

# 40 steps of 8 windows, 2 of which are passed over: the last one is 321.
beyond() {
    given trained
    check "windows behind the run's last one are a warning" exits_saying 0 \
        "warning: data.skip names 11 windows that the run does not reach: the last one it takes is 321" \
        train --set data.skip=3,5,322,1000-1009
}
scenario beyond

given_later() {
    given trained
    train --quiet --set data.skip=200-215
    mv run whole
    train --quiet --until 20
    check "a run that goes on may be given windows to pass over" \
        exits_saying 0 'data.skip: "" -> "200-215"' train --resume --set data.skip=200-215
    check "it ends in the bits of the run that had them from the start" \
        cmp "$(end_of whole)" "$(end_of run)"
}
scenario given_later
