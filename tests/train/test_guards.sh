#!/bin/bash
# Steps that are not taken: train.max_skips and train.spike_sigma in whole runs.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# blotted N LINE: text with LINE behind line N, as train.bin and val.bin.
blotted() {
    for i in $(seq 1 400); do
        echo "line $i: the quick brown fox number $((i * 7919 % 101)) jumps over the lazy dog"
        [ "$i" -ne "$1" ] || printf '%s\n' "$2"
    done >text.txt
    "$lmtrain" tokenize --tokenizer bytes --input text.txt --output . --val-fraction 0.1
}
# A model whose gradient overflows in windows of nothing but Z: the embedding of Z is 0, and norm_eps
# all but 0, so that each of its norms multiplies the gradient by 1e15. Nothing else is wrong with it:
# its windows 197 and 198 are such, in step 25.
poisoned() {
    blotted 100 "$(printf 'Z%.0s' $(seq 100))"
    cat >seed.json <<'JSON'
{
  "run": {"dir": "seed"},
  "model": {"preset": "llama", "d_model": 32, "n_layers": 2, "n_heads": 2, "context_length": 32, "norm_eps": 1e-30},
  "data": {"train": "train.bin"},
  "train": {"steps": 1, "micro_batch": 4}
}
JSON
    "$lmtrain" --config seed.json --quiet
    "$lmtrain" export seed --to hf --output hf
    header=$(od -A n -t u8 -N 8 hf/model.safetensors)
    dd if=/dev/zero of=hf/model.safetensors bs=1 seek=$((8 + header + 90 * 128)) count=128 \
        conv=notrunc status=none
    cat >a.json <<'JSON'
{
  "run": {"dir": "run", "init_from": "hf"},
  "data": {"train": "train.bin", "val": "val.bin", "shuffle": false},
  "train": {"steps": 40, "batch": 8, "micro_batch": 4, "max_skips": 1},
  "optimizer": {"lr": 1e-2},
  "eval": {"every": 10, "tokens": 500},
  "checkpoint": {"every": 7, "keep_last": 9}
}
JSON
    "$lmtrain" --config a.json --quiet 2>said
    mv run straight
}
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
        '"step":24,"tokens":6144,"event":"skip","refused":25,"why":"the gradient .*"refused_grad_norm":null,.*"skips":1,"windows":\[192,199\],"worst":\[{"window":197,"source":"train.bin","file":"train.bin","token":6304,"byte":12608,"window_loss":5.54[0-9]*,"window_grad_norm":null,"text":"ZZZ' straight/metrics.jsonl
    check "each step stands in the metrics once" each_step_once straight 40
    check "summary.json counts it" grep -q '"skips": 1' straight/summary.json
    check "inspect counts it" exits_saying 0 "skipped      1 step" "$lmtrain" inspect "$(at straight 40)"
    rm -r run
    train --set train.max_skips=0 --set data.skip=192-199
    check "the weights are those of a run that never had these windows" exits_saying 0 "arrays agree" \
        "$lmtrain" diff "$(at straight 40)" "$(at run 40)"
}
scenario not_finite

same_bits() {
    given poisoned
    for how in "--threads 2" "--cpu scalar" "--set train.micro_batch=1" "--set train.micro_batch=8"; do
        rm -rf run
        # shellcheck disable=SC2086
        train $how 2>>said
        check "a run that skipped a step ends in the same bits with $how" same_end 40
    done
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
    sed -i -e 's/"steps": 40/"steps": 90, "max_skips": 2, "spike_sigma": 6/' -e 's/"val": "val.bin"/"shuffle": false/' \
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
