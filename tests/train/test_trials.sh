#!/bin/bash
# What a trial of a sweep needs: no checkpoint where nobody wants one, and a quick start.
# shellcheck source=../fault/run.sh
. tests/fault/run.sh

config() {
    given corpus
    tiny a
}
trial() { "$lmtrain" --config a.json --no-final-checkpoint "$@"; }
has_no_checkpoint() { [ -z "$(ls run/checkpoints)" ]; }

without_checkpoint() {
    given config
    check "a run with --no-final-checkpoint finishes" \
        exits_saying 0 "finished: run, without a checkpoint" trial --set checkpoint.every=0
    check "a run with --no-final-checkpoint writes none" has_no_checkpoint
    check "its summary says finished, and null for the checkpoint" \
        grep -q '"checkpoint_step": null' run/summary.json
    check "--no-final-checkpoint and checkpoint.final=true contradict each other" exits_saying 2 \
        "contradicts --set checkpoint.final=true" trial --set checkpoint.final=true --set run.dir=both
    cp -r run before
    check "--resume of a finished run without checkpoints has nothing to do" exits_saying 0 \
        "finished already: 40 steps" trial --set checkpoint.every=0 --resume
    check "--resume of a finished run without checkpoints refuses another result" exits_saying 2 \
        "optimizer.lr: 0.01 -> 0.02" trial --set checkpoint.every=0 --resume --set optimizer.lr=0.02
    check "a finished run without checkpoints is left as it is" diff -r before run
}
scenario without_checkpoint

with_earlier_ones() {
    given config
    trial --quiet --set checkpoint.every=20
    check "a checkpoint of the last step that is due anyway is not written either" \
        test ! -e run/checkpoints/step-0000000040.npz
    check "a finished run with an earlier checkpoint does not take its steps again" exits_saying 0 \
        "finished already: 40 steps" trial --set checkpoint.every=20 --resume
    check "it goes on from the earlier checkpoint when train.steps grew" exits_saying 0 \
        "going on after step 20" trial --set checkpoint.every=20 --resume --set train.steps=50
}
scenario with_earlier_ones

pauses() { given config && trial --quiet --until 9 && test -s run/checkpoints/step-0000000009.npz; }
scenario check "a run with --no-final-checkpoint that pauses writes a checkpoint all the same" pauses

same_figures_as_with() {
    given config
    trial --quiet && mv run without && "$lmtrain" --config a.json --quiet && same_figures without run
}
scenario check "a run has the same losses with and without its final checkpoint" same_figures_as_with

# An fsync may take longer than all steps of a short trial.
syncs_nothing() {
    given config
    FAULT=fsync:1 FAULT_MARK=mark LD_PRELOAD=$interpose trial --quiet --set checkpoint.every=0 &&
        [ ! -e mark ] && rm -r run || return 1
    FAULT=fsync:1 FAULT_MARK=mark LD_PRELOAD=$interpose "$lmtrain" --config a.json --quiet
    [ -e mark ]
}
if [ -e "$interpose" ]; then
    scenario check "a run without checkpoints syncs no file, one with checkpoints does" syncs_nothing
fi

# What a power failure leaves of files that were renamed, but not synced.
blank_files() {
    given config
    mkdir -p run/checkpoints
    : >run/resolved.json
    head -c 300 /dev/zero >run/summary.json
    check "a run whose files a power failure left empty begins again" \
        exits_saying 0 "starting at step 0" "$lmtrain" --config a.json --resume
}
scenario blank_files
