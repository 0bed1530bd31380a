#!/bin/bash
# lmtrain diff: where two runs part.
# shellcheck source=../support/run.sh
. tests/support/run.sh

make_corpus
tiny a
sed -i 's/"keep_last": 2/"keep_last": 9/' a.json
train() { "$lmtrain" --config a.json --quiet --set run.dir="$1" "${@:2}"; }
check "a run" train a
check "the same on other threads" train b --threads 1
check "they are equal" exits_saying 0 "metrics agree: 44 lines" "$lmtrain" diff a b
check "their newest checkpoints too" says " arrays agree"
check "digests stand in every line" \
    test "$(grep -c '"digest":"[0-9a-f]\{16\}"' a/metrics.jsonl)" -eq 44
cp -r a c
check "another learning rate from step 21 on" \
    "$lmtrain" --config a.json --quiet --set run.dir=c --resume c/checkpoints/step-0000000021.npz \
    --set optimizer.lr=0.02
check "is found there" exits_saying 1 "the runs differ first at step 22: lr is" "$lmtrain" diff a c
check "with the next checkpoint of both" says "step-0000000028.npz"
check "its first element" says "the first element that differs: wte.weight[0, 0] is "
check "both values" bash -c "grep -q 'is [-0-9.e]* (0x[0-9a-f]\{8\}) and [-0-9.e]* (0x[0-9a-f]\{8\})' out"
check "and how much differs" says "arrays differ, "
# Data alone: the loss of step 1 may agree to the last digit, its batch does not.
check "another seed" train d --set run.seed=2
check "differs at step 1" exits_saying 1 "differ first at step 1:" "$lmtrain" diff a d
# Weights that do not show in any figure yet.
sed 's/"digest":"[0-9a-f]*"/"digest":"0123456789abcdef"/' a/metrics.jsonl | tail -n +11 >tail.jsonl
cp -r a e && { head -n 10 a/metrics.jsonl; cat tail.jsonl; } >e/metrics.jsonl
check "a digest alone tells" exits_saying 1 "digest is " "$lmtrain" diff a e
check "a run that ends earlier" train f --set train.steps=40 --set eval.every=0
rm f/checkpoints/*
check "other evaluations are no difference, no common checkpoints are said" \
    exits_saying 0 "no checkpoints of the same step" "$lmtrain" diff a f
head -n 20 a/metrics.jsonl >f/metrics.jsonl
check "steps of one alone are" exits_saying 1 "is in a only; the steps before it agree" \
    "$lmtrain" diff a f
check "two checkpoints" exits_saying 1 "the first element that differs" "$lmtrain" diff \
    a/checkpoints/step-0000000007.npz a/checkpoints/step-0000000014.npz
check "with where they stand" says "step is 7 and 14"
zero=(--set optimizer.name=sgd --set optimizer.lr=1e-30)
check "a run that learns nothing" train g "${zero[@]}" --set train.steps=2 --set checkpoint.every=1
check "equal arrays of different steps are not equal checkpoints" exits_saying 1 "samples is 8 and 16" \
    "$lmtrain" diff g/checkpoints/step-0000000001.npz g/checkpoints/step-0000000002.npz
check "though their arrays are" says " arrays agree"
# Another optimizer has other arrays, another model other shapes: that is a difference, not an error.
check "a run with another optimizer" train h --set optimizer.name=sgd
for pair in "a h" "h a"; do
    check "diff $pair" exits_saying 1 "arrays are only in a/checkpoints/step-0000000007.npz: m/wte.weight" \
        "$lmtrain" diff $pair
    check "says where the runs part" says "the runs differ first at step 2: loss is "
    check "and how much of the rest does" says "of 16 arrays differ"
done
check "a run of another model" train i --set model.d_ff=64
check "has other shapes" exits_saying 1 "h.0.mlp.proj.weight has shape [32, 96] and [32, 64]" "$lmtrain" diff a i
cp -r a j
printf damaged | dd of=j/checkpoints/step-0000000040.npz bs=1 seek=5000 conv=notrunc status=none
check "a damaged checkpoint is an error" exits_saying 1 "step-0000000040.npz: damaged" "$lmtrain" diff a j
check "behind what was found before it" says "metrics agree: 44 lines"
check "one and itself" exits_saying 0 " arrays agree" "$lmtrain" diff \
    a/checkpoints/step-0000000007.npz b/checkpoints/step-0000000007.npz
check "two are expected" exits_saying 2 "expected 2 arguments (runs or checkpoints), found 1" "$lmtrain" diff a
check "of what is there" exits_saying 1 "none.npz: cannot open" "$lmtrain" diff \
    a/checkpoints/step-0000000007.npz none.npz
check "and of one kind" exits_saying 2 "a is a run, none is not" "$lmtrain" diff none a
