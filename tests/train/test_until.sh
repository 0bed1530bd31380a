#!/bin/bash
# --until: a run pauses after a step, and goes on as if it had not.
# shellcheck source=../support/run.sh
. tests/support/run.sh

config() {
    given corpus
    tiny a
}
until_step() { "$lmtrain" --config a.json --until "$@"; }
is_at() { # STATE STEP
    grep -q "\"state\": \"$1\"" run/summary.json && grep -q "\"step\": $2," run/summary.json
}
straight() {
    given config
    "$lmtrain" --config a.json --quiet
    mv run straight
}
same_end() {
    local last=checkpoints/step-0000000040.npz
    cmp straight/$last run/$last && same_figures straight run
}

in_parts() {
    given straight
    check "--until pauses a run with exit code 0 and says how to go on" \
        exits_saying 0 "paused: run after step 13 of 40" until_step 13
    check "the summary of a paused run says paused" is_at paused 13
    check "a paused run has a checkpoint of its step" test -s run/checkpoints/step-0000000013.npz
    check "a paused run does not evaluate where eval.every does not ask for it" \
        lacks '"step":13,.*val_loss' run/metrics.jsonl
    check "a paused run that is asked for no more steps has nothing to do" \
        exits_saying 0 "paused already: 13 of 40 steps are done" until_step 13 --resume
    check "--dry-run says that there is nothing to do" \
        exits_saying 0 "run is paused, 13 of 40 steps are done" until_step 5 --resume --dry-run
    check "a paused run goes on to the next pause" \
        exits_saying 0 "going on after step 13" until_step 20 --resume
    check "an evaluation that is due where a run pauses is made" \
        grep -q '"step":20,.*val_loss' run/metrics.jsonl
    check "--until behind the last step trains to the end" \
        exits_saying 0 "finished: run" until_step 50 --resume
    check "the summary of a run that was paused says finished at its end" is_at finished 40
    check "a run that was paused twice ends in the bits of one that was not" same_end
}
scenario in_parts

killed_before_the_summary() {
    given config
    until_step 9 --quiet
    sed -i 's/"paused"/"running"/' run/summary.json
    check "a session killed between its last checkpoint and its summary is mended" \
        exits_saying 0 "paused: run after step 9" until_step 9 --resume
    check "the mended summary says paused" is_at paused 9
}
scenario killed_before_the_summary

longer() {
    given config
    until_step 40 --quiet
    check "a finished run goes on when train.steps grew, up to --until" \
        exits_saying 0 "paused: run after step 45 of 60" until_step 45 --resume --set train.steps=60
}
scenario longer

not_a_step() { given config && exits_saying 2 "--until" until_step 0; }
scenario check "--until 0 is refused" not_a_step
