#!/bin/bash
# Parameter groups in whole runs: equal values change no bit, others do, and a run goes on exactly.
# shellcheck source=../support/run.sh
. tests/support/run.sh

trained() {
    corpus && tiny a && sed -i 's/"steps": 40/"steps": 14/' a.json && "$lmtrain" --config a.json --quiet
}
groups='optimizer.groups={"e": {"match": "wte.*", "lr": 0.03, "beta1": 0.5}, "q": {"match": "*.qkv.q.1.*", "lr_scale": 0.5}, "n": {"match": "*ln_*,h.1.attn.qkv.v.*", "name": "momentum", "lr": 0.1}}'

equal_values() {
    given trained
    check "a run whose groups hold the values of the optimizer has its bits" \
        eval '"$lmtrain" --config a.json --quiet --set run.dir=same --set optimizer.groups.e.match=wte.* --set optimizer.groups.e.lr=0.01 --set "optimizer.groups.q.match=*.qkv.q.1.*" --set optimizer.groups.q.lr_scale=1 --set "optimizer.groups.r.match=*" &&
              same_figures run same && "$lmtrain" diff run same'
    check "a run whose groups hold other values does not" \
        eval '"$lmtrain" --config a.json --quiet --set run.dir=other --set optimizer.groups.e.match=wte.* --set optimizer.groups.e.lr=0.02 && ! same_figures run other'
}
scenario equal_values

going_on() {
    given trained
    "$lmtrain" --config a.json --quiet --set run.dir=whole --set "$groups" --threads 1
    check "a run with groups of several kinds goes on to the same bits on two threads" \
        eval '"$lmtrain" --config a.json --quiet --set run.dir=cut --set "$groups" --until 8 --threads 2 &&
              "$lmtrain" --config a.json --quiet --set run.dir=cut --set "$groups" --resume --threads 2 &&
              same_figures whole cut && "$lmtrain" diff whole/checkpoints/step-0000000014.npz cut/checkpoints/step-0000000014.npz'
    check "and on scalar kernels" \
        eval '"$lmtrain" --config a.json --quiet --set run.dir=scalar --set "$groups" --cpu scalar && same_figures whole scalar'
    check "going on without the group of another kind names the state that is missing" \
        exits_saying 1 "expected an array m/h.0.ln_1.weight" "$lmtrain" --config a.json --quiet --set run.dir=cut --set train.steps=50 --resume
    check "a dry run says what each group has" \
        eval 'exits 0 "$lmtrain" --config a.json --set run.dir=new --set "$groups" --dry-run && says "groups    e: 8.19 k parameters, match wte.*, lr 0.03, beta1 0.5"'
    check "a pattern that matches no array is refused before anything is made" \
        eval 'exits_saying 2 "h.*.attn.qkv.q.weight" "$lmtrain" --config a.json --set run.dir=new --set optimizer.groups.x.match=embed.* && [ ! -e new ]'
}
scenario going_on
