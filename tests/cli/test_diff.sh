#!/bin/bash
# lmtrain diff: where two runs part.
# shellcheck source=../support/run.sh
. tests/support/run.sh

train() { "$lmtrain" --config a.json --quiet --set run.dir="$1" "${@:2}" >train.out 2>&1; }
# A run in the directory a, every checkpoint kept.
trained() {
    given corpus
    tiny a
    sed -i 's/"keep_last": 2/"keep_last": 9/' a.json
    train a
}
at() { printf '%s/checkpoints/step-%010d.npz' "$1" "$2"; }

equal_runs() {
    given trained
    train b --threads 1
    check "diff of two runs that differ in threads finds the same metrics" \
        exits_saying 0 "metrics agree: 44 lines" "$lmtrain" diff a b
    check "diff of two equal runs finds the same arrays in their newest checkpoints" \
        says " arrays agree"
    check "every line of metrics has a digest" \
        test "$(grep -c '"digest":"[0-9a-f]\{16\}"' a/metrics.jsonl)" -eq 44
    check "diff of two equal checkpoints finds the same arrays" exits_saying 0 " arrays agree" \
        "$lmtrain" diff "$(at a 7)" "$(at b 7)"
}
scenario equal_runs

changed_half_way() {
    given trained
    cp -r a c
    train c --resume "$(at c 21)" --set optimizer.lr=0.02
    check "diff finds the step from which the learning rate differs" \
        exits_saying 1 "the runs differ first at step 22: lr is" "$lmtrain" diff a c
    check "diff compares the first checkpoints behind the step where runs part" \
        says "step-0000000028.npz"
    check "diff names the first element that differs" \
        says "the first element that differs: wte.weight[0, 0] is "
    check "diff prints both values of an element as numbers and as bits" \
        grep -q 'is [-0-9.e]* (0x[0-9a-f]\{8\}) and [-0-9.e]* (0x[0-9a-f]\{8\})' out
    check "diff says how many arrays differ" says "arrays differ, "
}
scenario changed_half_way

# Data alone: the loss of step 1 may agree to the last digit, its batch does not.
another_seed() {
    given trained
    train d --set run.seed=2
    check "diff of runs with different seeds finds step 1" \
        exits_saying 1 "differ first at step 1:" "$lmtrain" diff a d
}
scenario another_seed

# Weights that do not show in any figure yet.
digest_alone() {
    given trained
    cp -r a e
    sed -i '11,$s/"weights_digest":"[0-9a-f]*"/"weights_digest":"0123456789abcdef"/' e/metrics.jsonl
    check "diff notices weights that differ in their digest alone" \
        exits_saying 1 "the runs differ first at step 20: weights_digest is " "$lmtrain" diff a e
    train k --set log.digest_every=3
    check "how often weights enter a digest is no difference between runs" \
        exits_saying 0 "metrics agree: 44 lines" "$lmtrain" diff a k
    check "how often weights enter a digest does not change a byte of a checkpoint" \
        cmp "$(at a 40)" "$(at k 40)"
    check "weights enter a digest every log.digest_every steps" \
        test "$(grep -c '"weights_digest":"[0-9a-f]\{16\}"' k/metrics.jsonl)" -eq 13
}
scenario digest_alone

unlike_lines() {
    given trained
    train f --set eval.every=0
    rm f/checkpoints/*
    check "evaluations that one run lacks are no difference, and diff says that no checkpoints match" \
        exits_saying 0 "no checkpoints of the same step" "$lmtrain" diff a f
    head -n 20 a/metrics.jsonl >f/metrics.jsonl
    check "steps that one run lacks are a difference" \
        exits_saying 1 "is in a only; the steps before it agree" "$lmtrain" diff a f
    train l --set log.metrics_every=7 --set log.layers_every=5
    check "steps that log.metrics_every leaves out are no difference, and diff counts them" \
        exits_saying 0 "metrics agree: 11 lines; 33 steps have a line in one of the runs only" \
        "$lmtrain" diff a l
    train m --set log.metrics_every=9 --set log.layers_every=5
    check "lines of each kind are compared with lines of that kind" \
        exits_saying 0 "metrics agree: 14 lines; 9 steps have a line" "$lmtrain" diff l m
    sed -i '/"step":15,.*layers/s/"grad_norm":[^,]*/"grad_norm":7/' m/metrics.jsonl
    check "figures of layers differ where no line of the step stands beside them" \
        exits_saying 1 "the runs differ first at step 15: layers is " "$lmtrain" diff l m
}
scenario unlike_lines

checkpoints_of_two_steps() {
    given trained
    check "diff of two checkpoints of one run finds the first element that differs" \
        exits_saying 1 "the first element that differs" "$lmtrain" diff "$(at a 7)" "$(at a 14)"
    check "diff of two checkpoints prints their steps" says "step is 7 and 14"
    train g --set optimizer.name=sgd --set optimizer.lr=1e-30 --set train.steps=2 \
        --set checkpoint.every=1
    check "checkpoints of different steps differ even if their arrays are equal" \
        exits_saying 1 "samples is 8 and 16" "$lmtrain" diff "$(at g 1)" "$(at g 2)"
    check "diff says when arrays are equal though the steps differ" says " arrays agree"
}
scenario checkpoints_of_two_steps

# A directory without metrics, as import makes it, stands for its newest checkpoint.
newest_checkpoints() {
    given trained
    mkdir -p k/checkpoints
    cp "$(at a 40)" k/checkpoints
    check "diff of a run and a directory of checkpoints compares their newest ones" \
        exits_saying 0 " arrays agree" "$lmtrain" diff a k
    check "diff of a checkpoint and a directory of checkpoints does likewise" \
        exits_saying 1 "step is 7 and 40" "$lmtrain" diff "$(at a 7)" k
}
scenario newest_checkpoints

# Another optimizer has other arrays, another model other shapes: that is a difference, not an error.
other_arrays() {
    given trained
    train h --set optimizer.name=sgd
    local pair
    for pair in "a h" "h a"; do
        # shellcheck disable=SC2086
        check "diff $pair, of two optimizers, names an array that one checkpoint alone has" exits_saying 1 \
            "arrays are only in a/checkpoints/step-0000000007.npz: m/wte.weight" "$lmtrain" diff $pair
        check "diff $pair says where the runs part" says "the runs differ first at step 2: loss is "
        check "diff $pair says how many of the common arrays differ" says "of 16 arrays differ"
    done
    train i --set model.d_ff=64
    check "diff of two models names an array with both shapes" \
        exits_saying 1 "h.0.mlp.proj.weight has shape [32, 96] and [32, 64]" "$lmtrain" diff a i
}
scenario other_arrays

damaged_checkpoint() {
    given trained
    cp -r a j
    damage "$(at j 40)"
    check "diff reports a damaged checkpoint as an error" \
        exits_saying 1 "step-0000000040.npz: damaged" "$lmtrain" diff a j
    check "diff prints what it compared before it met a damaged checkpoint" \
        says "metrics agree: 44 lines"
}
scenario damaged_checkpoint

bad_arguments() {
    given trained
    check "diff of one run alone asks for two" exits_saying 2 \
        "expected 2 arguments (runs or checkpoints), found 1" "$lmtrain" diff a
    check "diff names a checkpoint that does not exist" \
        exits_saying 1 "none.npz: cannot open" "$lmtrain" diff "$(at a 7)" none.npz
    check "diff names a directory that does not exist" \
        exits_saying 1 "none: cannot open" "$lmtrain" diff none a
    mkdir empty
    check "diff of a directory without a checkpoint asks for one" \
        exits_saying 1 "empty: expected a checkpoint (step-*.npz)" "$lmtrain" diff a empty
}
scenario bad_arguments
