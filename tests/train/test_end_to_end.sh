#!/bin/bash
# A run from text to sample, its files, and the errors a user meets on the way.
# shellcheck source=../support/run.sh
. tests/support/run.sh

make_corpus
tiny a
check "a run finishes" exits_saying 0 "finished: run" "$lmtrain" --config a.json
check "it wrote config.json" test -s run/config.json
check "metrics have a line a step and one an evaluation" \
    test "$(wc -l <run/metrics.jsonl)" -eq 44
check "the last checkpoint is there" test -s run/checkpoints/step-0000000040.npz
check "the older ones went, but for one" test "$(find run/checkpoints -type f | wc -l)" -eq 2
check "summary says finished" grep -q '"reason": "finished"' run/summary.json
# figures KEY: the values of KEY in the metrics, a line each.
figures() { sed -n 's/.*"'"$1"'":\([-+.e0-9]*\)[,}].*/\1/p' run/metrics.jsonl; }
falls() {
    diff <(grep -v val_loss run/metrics.jsonl | sed 's/{"step":\([0-9]*\),.*/\1/') <(seq 1 40) &&
        diff <(grep val_loss run/metrics.jsonl | sed 's/{"step":\([0-9]*\),.*/\1/') \
            <(seq 10 10 40) &&
        figures loss | awk 'NR == 1 { first = $1 } END { exit !(NR == 40 && first > 5.3 && $1 < 3) }' &&
        paste <(figures val_bits_per_byte) <(figures val_loss) | awk '
            { off = $1 * log(2) - $2; if (off > 1e-9 || off < -1e-9) exit 1; n++ }
            END { exit n != 4 }' &&
        [ "$(figures tokens | tail -n 1)" -eq $((40 * 2 * 4 * 32)) ] &&
        grep -q "\"best_val_loss\": $(figures val_loss | sort -g | head -n 1)," run/summary.json
}
check "losses fall, figures are consistent" falls

check "a directory with a run is refused" \
    exits_saying 2 "add --resume" "$lmtrain" --config a.json
check "resuming a finished run exits 0 at once" \
    exits_saying 0 "finished already" "$lmtrain" --config a.json --resume
check "--quiet says nothing" exits 0 "$lmtrain" --config a.json --resume --quiet
check "--quiet said nothing" test ! -s out
check "eval prints the loss" exits_saying 0 "bits per byte" \
    "$lmtrain" eval --checkpoint run --data val.bin
eval_agrees() {
    "$lmtrain" eval --checkpoint run --data val.bin --tokens 500 --batch 4 --json >eval.json &&
        grep -qF "\"loss\": $(figures val_loss | tail -n 1)," eval.json
}
check "eval agrees with training to the bit" eval_agrees
check "generate makes text" exits_saying 0 "the quick" \
    "$lmtrain" generate --checkpoint run --prompt "the quick" --tokens 20 --threads 1
cp out first
check "the same seed makes the same text" \
    exits 0 "$lmtrain" generate --checkpoint run --prompt "the quick" --tokens 20 --threads 2
check "it is the same" cmp out first
check "generate goes on beyond the context" \
    exits 0 "$lmtrain" generate --checkpoint run --tokens 100 --temperature 0
check "inspect reads a checkpoint" \
    exits_saying 0 "wte.weight" "$lmtrain" inspect run/checkpoints/step-0000000040.npz --verify
check "inspect reads a run" exits_saying 0 "summary.json" "$lmtrain" inspect run
check "inspect lists checkpoints" exits_saying 0 "step-0000000040.npz" \
    "$lmtrain" inspect run/checkpoints
check "inspect takes patterns of shards" exits_saying 0 "in 2 shards" "$lmtrain" inspect '[tv]*.bin'
check "inspect reads a shard" exits_saying 0 "vocabulary" "$lmtrain" inspect train.bin

check "--dry-run prints the plan" exits_saying 0 "parameters" \
    "$lmtrain" --config a.json --set run.dir=other --dry-run
check "and writes nothing" test ! -e other
check "a plan that does not fit is refused" \
    exits_saying 1 "of memory" "$lmtrain" --config a.json --set run.dir=other \
    --set model.d_model=1000000 --set model.n_layers=100
check "a missing config is named" exits_saying 2 "none.json: cannot open" \
    "$lmtrain" --config none.json
check "missing data is named" exits_saying 1 "none.bin" \
    "$lmtrain" --config a.json --set data.train=none.bin --set run.dir=other
check "data.val is checked too" exits_saying 1 "data.val: none.bin" \
    "$lmtrain" --config a.json --set data.val=none.bin --set run.dir=other
printf '\001\000\377\001\002\000' >wide.bin
check "ids beyond the vocabulary are found" exits_saying 1 "wide.bin: byte offset 2" \
    "$lmtrain" --config a.json --set data.train=wide.bin --set model.context_length=2 \
    --set model.vocab_size=256 --set data.val=wide.bin --set run.dir=other
check "divergence exits 3 and says what" exits_saying 3 "stopped being finite" \
    "$lmtrain" --config a.json --set run.dir=diverged --set optimizer.lr=1e6 \
    --set train.clip_norm=0 --set optimizer.name=sgd --set schedule.name=constant
check "its summary says so" grep -q '"reason": "diverged"' diverged/summary.json
check "the last good checkpoint is named and kept" exits_saying 3 \
    "the last good checkpoint is diverged2/checkpoints/step-0000000002.npz" \
    "$lmtrain" --config a.json --set run.dir=diverged2 --set optimizer.lr=1e6 \
    --set train.clip_norm=0 --set optimizer.name=sgd --set schedule.name=constant \
    --set schedule.warmup_steps=20 --set checkpoint.every=2
check "it is good" exits_saying 0 "verified" \
    "$lmtrain" inspect --verify diverged2/checkpoints/step-0000000002.npz
check "weights that are not finite are not written over good ones" exits_saying 3 \
    "step 2: the weights stopped being finite; no checkpoint was written; the last good one is" \
    "$lmtrain" --config a.json --set run.dir=poisoned --set optimizer.lr=1e6 \
    --set optimizer.weight_decay=1e6 --set schedule.name=constant --set schedule.warmup_steps=0 \
    --set checkpoint.every=1 --set checkpoint.keep_last=1
check "which stay" bash -c "ls poisoned/checkpoints | diff - <(echo step-0000000001.npz) &&
    '$lmtrain' inspect --verify poisoned/checkpoints/step-0000000001.npz"
locked() {
    "$lmtrain" --config a.json --set run.dir=locked --set train.steps=100000 --quiet &
    local pid=$!
    for _ in $(seq 1 100); do [ -s locked/metrics.jsonl ] && break; sleep 0.05; done
    exits_saying 1 "another process" "$lmtrain" --config a.json --set run.dir=locked --resume
    local result=$?
    kill -KILL $pid
    wait $pid 2>/dev/null
    return $result
}
check "two processes do not train in one directory" locked
