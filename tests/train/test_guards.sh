#!/bin/bash
# Steps that are not taken, in whole runs: train.max_skips, train.spike_sigma, train.rewind.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# shellcheck source=../support/poisoned.sh
. "$root/tests/support/poisoned.sh"

train() { "$lmtrain" --config a.json --quiet "$@"; }
at() { printf '%s/checkpoints/step-%010d.npz' "$1" "$2"; }
same_end() { cmp "$(at straight "$1")" "$(at run "$1")"; }
# lines RUN: metrics without what depends on the clock.
lines() { sed 's/,"tokens_per_s.*//; s/,"seconds.*//' "$1/metrics.jsonl"; }
same_lines() { cmp <(lines straight) <(lines run); }
events() { grep -c '"event":"'"$1"'"' run/metrics.jsonl; }
# each_step_once RUN N: lines of steps 1 to N, one each, in order.
each_step_once() { cmp <(seq 1 "$2") <(sed -n 's/^{"step":\([0-9]*\),.*"loss":.*"lr":.*/\1/p' "$1/metrics.jsonl"); }
# killed STEP: as if the run had been killed just before it wrote a checkpoint behind that step.
killed() {
    for c in run/checkpoints/step-*.npz; do
        [[ "$c" > "$(at run "$1")" ]] && rm "$c"
    done
    rm run/summary.json
}

not_finite() {
    given poisoned
    check "a gradient that is not finite ends a run by default" exits_saying 3 \
        "step 25: the gradient stopped being finite" train --set train.max_skips=0
    check "it says where the run can go on" says "step-0000000021.npz"
    check "no step was skipped" lacks '"event"' run/metrics.jsonl
    check "train.max_skips skips the step and says so" grep -q \
        "step 25 was not taken, 1 of 1 in a row (train.max_skips): the gradient stopped being finite" said
    check "which windows is said" grep -q "windows 192 to 199 are passed over" said
    check "the worst of them is named with its place and its text" grep -q \
        'the worst one, 197, is of train.bin, byte offset 12608: "ZZZZ' said
    check "metrics.jsonl holds the same" grep -q \
        '"step":24,"tokens":6144,"event":"skip","refused":25,"why":"the gradient .*"refused_grad_norm":null,.*"skips":1,"rewinds":0,"windows":\[192,199\],"worst":\[{"window":197,"source":"train.bin","file":"train.bin","token":6304,"byte":12608,"window_loss":5.54[0-9]*,"window_grad_norm":null,"text":"ZZZ' straight/metrics.jsonl
    check "each step stands in the metrics once" each_step_once straight 40
    check "summary.json counts it" grep -q '"skips": 1' straight/summary.json
    check "inspect counts it" exits_saying 0 "skipped      1 step" "$lmtrain" inspect "$(at straight 40)"
    check "inspect of the run counts it" exits_saying 0 "skipped      1 step" "$lmtrain" inspect straight
    check "watch counts it" exits_saying 0 "1 skipped" "$lmtrain" watch straight --once
    check "the report counts it" exits 0 "$lmtrain" report straight --output page.html
    check "with a tile" grep -q "Steps not taken</dt><dd>1<small>skipped" page.html
    rm -r run
    train --set train.max_skips=0 --set data.skip=192-199
    check "the weights are those of a run that never had these windows" exits_saying 0 "arrays agree" \
        "$lmtrain" diff "$(at straight 40)" "$(at run 40)"
}
scenario not_finite

same_bits() {
    given poisoned
    train --threads 2 --set train.micro_batch=1 2>said
    check "a run that skipped a step has the same bits with two threads and other micro-batches" same_end 40
    rm -rf run
    train --until 24
    check "the scalar kernels skip the same step" exits_saying 0 "step 25 was not taken" train --resume --cpu scalar --until 26
    train --resume
    check "and the run ends in the same bits" same_end 40
    rm -rf run
    check "with lanes the same step is skipped" exits_saying 0 "step 25 was not taken" train --set train.lanes=2
}
scenario same_bits

resumed() {
    given poisoned
    train --until 25 2>said
    check "a run that is paused behind a skipped step" grep -q "step 25 was not taken" said
    check "goes on" exits 0 train --resume
    check "to the same bits" same_end 40
    check "and the same lines" same_lines
    killed 21
    check "a run that was killed behind a skipped step skips it again" \
        exits_saying 0 "step 25 was not taken" train --resume
    check "and ends in the same bits" same_end 40
    check "with each line once" same_lines
}
scenario resumed

# Text of random letters behind line 300: the gradient norm of two steps in a row is a spike.
spiky() {
    blotted 300 "$(awk 'BEGIN { srand(3); for (i = 0; i < 400; i++) printf "%c", 33 + int(rand() * 90) }')"
    tiny a
    sed -i -e 's/"dir": "run"/"dir": "run", "threads": 1/' -e 's/"steps": 40/"steps": 90, "max_skips": 2, "spike_sigma": 6/' -e 's/"val": "val.bin"/"shuffle": false/' \
        -e '/"eval"/d' -e 's/"every": 7/"every": 20/' -e 's/"keep_last": 2/"keep_last": 9/' a.json
    "$lmtrain" --config a.json --quiet 2>said
    mv run straight
}
spikes() {
    given spiky
    check "spikes are skipped and counted in a row" test "$(grep -c 'was not taken, [12] of 2 in a row' said)" -eq 2
    check "by how much is said" grep -q 'the gradient norm [0-9.]* is [0-9.]* sigma above the mean' said
    check "each step stands in the metrics once" each_step_once straight 90
    check "one spike more than allowed ends the run and tells of those before" exits_saying 3 \
        "the 1 step before it was skipped (train.max_skips)" train --set train.max_skips=1
    rm -r run
    train --until 75 2>/dev/null
    check "a run with spikes that is paused" exits 0 train --resume
    check "ends in the same bits, with the figures that spikes are measured by" same_end 90
    check "and the same lines" same_lines
    check "a checkpoint holds them" grep -aq '"taken_losses": \[[0-9.]' "$(at run 60)"
    rm -r run
    train --set train.spike_sigma=0
    check "without train.spike_sigma no step is one" lacks '"event"' run/metrics.jsonl
    rm -r run
    check "train.spike_sigma without anybody to skip is refused" exits_saying 2 \
        "train.spike_sigma has no effect when train.max_skips is 0" train --set train.max_skips=0 --set train.spike_sigma=6
}
scenario spikes

# The run goes back from step 25 to step 21 and behind the 8 windows of step 25.
rewinding() {
    given poisoned
    rm -r straight
    sed -i 's/"max_skips": 1/"rewind": true/; s/"keep_last": 9/"keep_last": 1/' a.json
    "$lmtrain" --config a.json --quiet 2>said
    mv run straight
}
went_back() {
    given rewinding
    check "a run goes back to its newest checkpoint and says so" grep -q \
        "goes back to step 21 (run/checkpoints/step-0000000021.npz), 1 of 3 times in a row (train.rewind)" said
    check "it names the windows that did it" grep -q \
        'behind windows 192 to 199, which did it; 32 windows are passed over; the worst one, 197, is of train.bin, byte offset 12608: "ZZZZ' said
    check "metrics.jsonl tells the story behind the step that the run went back to" grep -q \
        '"step":21,"tokens":5376,"event":"rewind","refused":25,"why":"the gradient .*"rewinds":1,"checkpoint":"run/checkpoints/step-0000000021.npz","passed_over":\[168,199\],"windows":\[192,199\],"worst":\[{"window":197' straight/metrics.jsonl
    check "each step stands in the metrics once" each_step_once straight 40
    check "the steps that are done again are set aside" cmp <(seq 22 24) \
        <(sed -n 's/^{"step":\([0-9]*\),.*/\1/p' straight/metrics.jsonl.aside)
    check "summary.json counts it" grep -q '"rewinds": 1' straight/summary.json
    check "watch counts it" exits_saying 0 "went back 1x" "$lmtrain" watch straight --once
    check "inspect counts it" exits_saying 0 "went back    1 time" "$lmtrain" inspect "$(at straight 40)"
    train --set train.rewind=false --set data.skip=168-199
    check "the weights are those of a run that never had these windows" exits_saying 0 "arrays agree" \
        "$lmtrain" diff "$(at straight 40)" "$(at run 40)"
    check "and so are the lines, but for the story" cmp <(lines straight | grep -v '"event"') <(lines run)
}
scenario went_back

rewind_same_bits() {
    given rewinding
    train --threads 2 --set train.micro_batch=1 2>said
    check "a run that went back has the same bits with two threads and other micro-batches" same_end 40
    rm -rf run
    train --until 24
    check "the scalar kernels go back as well" exits_saying 0 "goes back to step 21" train --resume --cpu scalar --until 26
    train --resume
    check "and the run ends in the same bits" same_end 40
    rm -rf run
    train 2>/dev/null --set train.ema=0.9 --set optimizer.name=muon --set train.lanes=2
    mv run other
    train 2>/dev/null --set train.ema=0.9 --set optimizer.name=muon --set train.lanes=2 --set train.rewind=false \
        --set data.skip=168-199
    check "averages, lanes and other optimizers go back too" exits_saying 0 "arrays agree" \
        "$lmtrain" diff "$(at other 40)" "$(at run 40)"
}
scenario rewind_same_bits

# Stopped at step 23 with a checkpoint, before the step that makes the run go back: it goes back to
# step 21 all the same. Then in the middle of going back, and behind it.
rewind_interrupted() {
    given rewinding
    train --until 23
    check "a stop before the rewind keeps the checkpoint that the run goes back to" test -e "$(at run 21)"
    cp -r run before
    check "a run that was stopped before goes back to the same step" exits_saying 0 "goes back to step 21" train --resume
    check "and ends in the same bits" same_end 40
    check "and the same lines" same_lines
    check "the checkpoint of the steps that are done again is set aside" test -e "$(at run 23).aside"
    rm -r run
    mv before run
    mv "$(at run 23)" "$(at run 23).aside"
    check "a run that was killed while it went back goes on" exits_saying 0 "goes back to step 21" train --resume
    check "to the same bits" same_end 40
    check "and the same lines" same_lines
    rm -r run
    train --until 23 2>/dev/null
    train --resume --until 24 2>/dev/null
    train --resume --until 26 2>/dev/null
    check "a run that is stopped behind the rewind goes on" exits 0 train --resume
    check "to the same bits" same_end 40
    check "and the same lines" same_lines
    rm -r run
    for i in $(seq 1 6); do
        "$lmtrain" --config a.json --resume --quiet 2>/dev/null &
        sleep "0.$((10 + i * 7 % 23))"
        kill -9 $! 2>/dev/null
        wait $! 2>/dev/null
    done
    check "a run that was killed six times, at any moment, ends" exits 0 train --resume
    check "in the same bits" same_end 40
    check "and the same lines" same_lines
}
scenario rewind_interrupted

# Without a checkpoint yet.
to_the_start() {
    given rewinding
    rm -r straight
    sed -i 's/"every": 7/"every": 50/' a.json
    check "without a checkpoint a run goes back to its start" exits_saying 0 "goes back to step 0 (its start)" train
    check "each step stands in the metrics once" each_step_once run 40
    mv run straight
    train --set train.rewind=false --set data.skip=0-199
    check "the weights are those of a run that never had these windows" exits_saying 0 "arrays agree" \
        "$lmtrain" diff "$(at straight 40)" "$(at run 40)"
    rm -r run
    train --until 20
    check "a run that was stopped before goes back to its start" exits_saying 0 "goes back to step 0" train --resume
    check "and ends in the same bits" same_end 40
    check "and the same lines" same_lines
}
scenario to_the_start

# Two spikes in a row from step 75 on: after the first rewind the second one comes at step 71.
in_a_row() {
    given spiky
    rm -r straight
    both="--set train.max_skips=0 --set train.rewind=true --set checkpoint.every=35"
    # shellcheck disable=SC2086
    check "a run may go back to the same checkpoint twice" exits_saying 0 \
        "goes back to step 70 (run/checkpoints/step-0000000070.npz), 2 of 3 times in a row" train $both
    check "each step stands in the metrics once" each_step_once run 90
    check "both rewinds are told of" test "$(events rewind)" -eq 2
    mv run straight
    # shellcheck disable=SC2086
    check "more rewinds than allowed end the run with the story" exits_saying 3 \
        "the run went back to step 70 1 time in a row (train.max_rewinds); metrics.jsonl names the windows" \
        train $both --set train.max_rewinds=1
    check "which is diverged" grep -q '"state": "diverged"' run/summary.json
    rm -r run
    check "steps are skipped first" exits_saying 0 "1 of 1 in a row (train.max_skips)" \
        train --set train.max_skips=1 --set train.rewind=true
    check "then the run goes back, once" says "1 of 3 times in a row (train.rewind)"
    check "both are told of" test "$(events skip) $(events rewind)" = "0 1"
    check "each step stands in the metrics once" each_step_once run 90
}
scenario in_a_row

# Nothing but poison.
hopeless() {
    given rewinding
    rm -r straight
    printf 'Z%.0s' $(seq 20000) >text.txt
    "$lmtrain" tokenize --tokenizer bytes --input text.txt --output z
    check "a run that cannot go on ends" exits_saying 3 "went back to step 0 3 times in a row" train --set data.train=z --set data.val=
    check "and does so when it is resumed" exits_saying 3 "went back to step 0 3 times in a row" train --resume --set data.train=z --set data.val=
}
scenario hopeless

# Several processes come to the same, step by step.
several() {
    given rewinding
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
    export OMPI_MCA_btl=self,vader OMPI_MCA_btl_base_warn_component_unused=0 PRTE_ALLOW_RUN_AS_ROOT=1 HOME=${HOME:-/tmp}
    sed -i 's/"rewind": true/"rewind": true, "lanes": 2/; s/"every": 7/"every": 50/' a.json
    for how in "--set train.max_skips=0" "--set train.max_skips=1" "--set checkpoint.every=7"; do
        rm -rf run straight
        # shellcheck disable=SC2086
        train $how 2>said
        mv run straight
        # shellcheck disable=SC2086
        check "two processes do what one does with $how" exits_saying 0 "step 25" \
            timeout 120 mpirun -np 2 "$LMTRAIN_MPI" --config a.json --quiet $how
        check "and end in the same bits" same_end 40
        check "and the same lines" same_lines
    done
}
if [ -n "${LMTRAIN_MPI:-}" ] && command -v mpirun >/dev/null; then
    scenario several
else
    echo "skip - several processes: need mpirun and MPI"
fi
