#!/bin/bash
# lmtrain average: the mean of checkpoints is a model like any other.
# shellcheck source=../support/run.sh
. tests/support/run.sh

config() {
    given corpus
    tiny a
    sed -i 's/"d_model": 32/"d_model": 8/; s/"context_length": 32/"context_length": 16/; s/"keep_last": 2/"keep_last": 9/' a.json
}
run() {
    config
    "$lmtrain" --config a.json --quiet --set checkpoint.every=10
}
average() { "$lmtrain" average "$@"; }
loss() { "$lmtrain" eval "$1" --data val.bin --json | sed 's/.*"loss": \([^,]*\),.*/\1/'; }
step() { echo "run/checkpoints/step-00000000$1.npz"; }

whole() {
    given run
    check "the last three of a run are averaged" exits_saying 0 "step 40" average run --last 3 --output mean
    check "each is named with its share" says "0.3333 x  run/checkpoints/step-0000000020.npz (step 20)"
    check "the same checkpoints by name give the same file" eval \
        'average $(step 20) $(step 30) $(step 40) --output mean.npz && cmp mean.npz mean/checkpoints/step-0000000040.npz'
    check "one thread writes the same file" eval \
        'average $(step 20) $(step 30) $(step 40) --threads 1 --output one.npz && cmp mean.npz one.npz'
    check "the mean of one checkpoint has its loss" eval \
        'average run --output one.npz --force && test "$(loss one.npz)" = "$(loss run)"'
    check "a weight of 0 leaves a checkpoint out" eval \
        'average $(step 10) $(step 40) --weights 0,2 --output zero.npz && test "$(loss zero.npz)" = "$(loss run)"'
    check "the mean has a loss of its own" eval 'test "$(loss mean)" != "$(loss run)"'
    check "generate takes it" eval '"$lmtrain" generate mean --prompt line --tokens 5 >text && test -s text'
    check "export takes it" exits 0 "$lmtrain" export mean --to hf --output mean.hf
    check "inspect --verify finds it good" exits 0 "$lmtrain" inspect mean.npz --verify
    check "a run begins with it" exits_saying 0 "weights from mean" "$lmtrain" --config a.json \
        --set run.dir=next --set run.init_from=mean --set train.steps=1
    check "a run cannot go on from it, for want of the optimizer" exits_saying 1 'm/wte.weight' \
        "$lmtrain" --config a.json --set run.dir=other --resume mean.npz
}
scenario whole

refused() {
    given run
    "$lmtrain" --config a.json --quiet --set run.dir=wide --set model.d_model=16 --set train.steps=1
    check "shapes that differ are refused by name" exits_saying 2 "expected array wte.weight of shape" \
        average run wide --output no
    check "nothing is made then" test ! -e no
    check "more than there are" exits_saying 2 "run/checkpoints holds 4 checkpoints" average run --last 5 --output no
    check "too few weights" exits_saying 2 "expected a number for each of 2 checkpoints, found 1" \
        average "$(step 10)" "$(step 20)" --weights 1 --output no
    check "weights that are none" exits_saying 2 "expected numbers with commas between them" \
        average "$(step 10)" "$(step 20)" --weights 1,x --output no
    check "weights without a sum" exits_saying 2 "expected a sum above 0" \
        average "$(step 10)" "$(step 20)" --weights 1,-1 --output no
    check "a run of training is not written to" exits_saying 2 "run holds a run of training" average run --output run
    check "a file that is there is kept" eval \
        'average run --output a.npz && exits_saying 2 "add --force" average run --output a.npz'
    check "a directory with another checkpoint is refused" eval \
        'average "$(step 20)" --output mean && exits_saying 2 "holds another checkpoint" average run --output mean'
    check "no model at all" exits_saying 2 "expected" average --output no
    check "a damaged checkpoint is an error that names it" eval \
        'damage "$(step 30)" 9000; fails average run --last 3 --output no >out 2>&1 && says step-0000000030.npz'
    check "and nothing is written" test ! -e no/checkpoints/step-0000000040.npz
    "$lmtrain" export "$(step 40)" --to hf --output other >/dev/null
    check "a model of another program is to be imported first" exits_saying 2 "lmtrain import" \
        average other --output no.npz
}
scenario refused
