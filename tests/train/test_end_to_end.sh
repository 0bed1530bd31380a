#!/bin/bash
# A run from text to sample, its files, and the errors a user meets on the way.
# shellcheck source=../support/run.sh
. tests/support/run.sh

config() {
    given corpus
    tiny a
}
trained() {
    given config
    "$lmtrain" --config a.json >train.out 2>&1
}
# values KEY: those of KEY in the metrics, one per line.
values() { sed -n 's/.*"'"$1"'":\([-+.e0-9]*\)[,}].*/\1/p' run/metrics.jsonl; }
steps_are() { sed 's/{"step":\([0-9]*\),.*/\1/' | diff - <(seq "$@"); }
loss_falls() { values loss | awk 'NR == 1 { first = $1 } END { exit !(NR == 40 && first > 5.3 && $1 < 3) }'; }
bits_are_losses() {
    paste <(values val_bits_per_byte) <(values val_loss) | awk '
        { off = $1 * log(2) - $2; if (off > 1e-9 || off < -1e-9) exit 1; n++ }
        END { exit n != 4 }'
}

a_run() {
    given trained
    check "a run says that it finished" grep -qF "finished: run" train.out
    check "a run writes its resolved.json" test -s run/resolved.json
    check "metrics have a line per step" steps_are 1 40 < <(grep -v val_loss run/metrics.jsonl)
    check "metrics have a line per evaluation" steps_are 10 10 40 < <(grep val_loss run/metrics.jsonl)
    check "metrics have no other line" test "$(wc -l <run/metrics.jsonl)" -eq 44
    check "a run writes a checkpoint at its end" test -s run/checkpoints/step-0000000040.npz
    check "a run keeps as many checkpoints as keep_last says" \
        test "$(find run/checkpoints -type f | wc -l)" -eq 2
    check "a finished run says so in its summary" grep -q '"state": "finished"' run/summary.json
    check "the training loss falls" loss_falls
    check "val_bits_per_byte and val_loss are the same figure" bits_are_losses
    check "metrics count the tokens that were trained on" \
        test "$(values tokens | tail -n 1)" -eq $((40 * 2 * 4 * 32))
    check "the summary has the best validation loss" \
        grep -q "\"best_val_loss\": $(values val_loss | sort -g | head -n 1)," run/summary.json
}
scenario a_run

once_more() {
    given trained
    check "a directory that holds a run is refused" exits_saying 2 "add --resume" \
        "$lmtrain" --config a.json
    check "--resume of a finished run exits with 0 at once" exits_saying 0 "finished already" \
        "$lmtrain" --config a.json --resume
    check "--resume --quiet of a finished run exits with 0" exits 0 \
        "$lmtrain" --config a.json --resume --quiet
    check "--quiet prints nothing" test ! -s out
}
scenario once_more

eval_agrees() {
    "$lmtrain" eval --checkpoint run --data val.bin --tokens 500 --batch 4 --json >eval.json &&
        grep -qF "\"loss\": $(values val_loss | tail -n 1)," eval.json
}
generate() { "$lmtrain" generate --checkpoint run --prompt "the quick" --tokens 20 "$@"; }
used() {
    given trained
    check "eval prints bits per byte" exits_saying 0 "bits per byte" \
        "$lmtrain" eval --checkpoint run --data val.bin
    check "eval finds the loss of the run's last evaluation to the last digit" eval_agrees
    check "generate continues its prompt" exits_saying 0 "the quick" generate --threads 1
    mv out first
    check "generate runs on two threads" exits 0 generate --threads 2
    check "generate prints the same text for the same seed on any number of threads" cmp out first
    check "generate goes on beyond the context" exits 0 \
        "$lmtrain" generate --checkpoint run --tokens 100 --temperature 0
}
scenario used

inspected() {
    given trained
    check "inspect --verify of a checkpoint lists its arrays" exits_saying 0 "wte.weight" \
        "$lmtrain" inspect run/checkpoints/step-0000000040.npz --verify
    check "inspect of a run names its summary" exits_saying 0 "summary.json" "$lmtrain" inspect run
    check "inspect of a directory of checkpoints lists them" exits_saying 0 "step-0000000040.npz" \
        "$lmtrain" inspect run/checkpoints
    check "inspect of a shard prints its vocabulary" exits_saying 0 "vocabulary" \
        "$lmtrain" inspect train.bin
    check "inspect takes a pattern of shards" exits_saying 0 "in 2 shards" \
        "$lmtrain" inspect '[tv]*.bin'
}
scenario inspected

refused_before_the_first_step() {
    given config
    check "--dry-run prints the plan" exits_saying 0 "parameters" "$lmtrain" --config a.json --dry-run
    check "--dry-run writes nothing" test ! -e run
    check "a plan that does not fit into memory is refused" exits_saying 1 "of memory" \
        "$lmtrain" --config a.json --set model.d_model=100000 --set model.n_layers=100
    check "a config that does not exist is named" exits_saying 2 "none.json: cannot open" \
        "$lmtrain" --config none.json
    check "training data that does not exist is named" exits_saying 1 "none.bin" \
        "$lmtrain" --config a.json --set data.train=none.bin
    check "validation data that does not exist is named with its key" \
        exits_saying 1 "data.val: none.bin" "$lmtrain" --config a.json --set data.val=none.bin
    printf '\001\000\377\001\002\000' >wide.bin
    check "a token beyond the vocabulary is found before the first step" \
        exits_saying 1 "wide.bin: byte offset 2" \
        "$lmtrain" --config a.json --set data.train=wide.bin --set model.context_length=2 \
        --set model.vocab_size=256 --set data.val=wide.bin
}
scenario refused_before_the_first_step

diverges() {
    "$lmtrain" --config a.json --set optimizer.lr=1e6 --set schedule.name=constant "$@"
}
divergence() {
    given config
    check "a run that diverges exits with 3 and says what is not finite" \
        exits_saying 3 "stopped being finite" \
        diverges --set train.clip_norm=0 --set optimizer.name=sgd
    check "what is not a number has no sign, which CPUs choose" \
        sh -c '! grep -q -e -nan run/summary.json'
    check "a run that diverges says so in its summary" grep -q '"state": "diverged"' run/summary.json
}
scenario divergence

divergence_after_checkpoints() {
    given config
    check "a run that diverges names its last good checkpoint" exits_saying 3 \
        "the last good checkpoint is run/checkpoints/step-0000000002.npz" \
        diverges --set train.clip_norm=0 --set optimizer.name=sgd --set schedule.warmup_steps=20 \
        --set checkpoint.every=2
    check "the last good checkpoint of a run that diverged is good" exits_saying 0 "verified" \
        "$lmtrain" inspect --verify run/checkpoints/step-0000000002.npz
}
scenario divergence_after_checkpoints

poisoned_weights() {
    given config
    check "weights that are not finite are not written as a checkpoint" exits_saying 3 \
        "step 2: the weights stopped being finite; no checkpoint was written; the last good checkpoint is" \
        diverges --set optimizer.weight_decay=1e6 --set schedule.warmup_steps=0 \
        --set checkpoint.every=1 --set checkpoint.keep_last=1
    check "the checkpoint before weights that are not finite stays alone" \
        diff <(ls run/checkpoints) <(echo step-0000000001.npz)
    check "the checkpoint before weights that are not finite is good" \
        "$lmtrain" inspect --verify run/checkpoints/step-0000000001.npz
}
scenario poisoned_weights

second_process() {
    given config
    "$lmtrain" --config a.json --set train.steps=100000 --quiet &
    local pid=$!
    until_true test -s run/metrics.jsonl
    exits_saying 1 "another process" "$lmtrain" --config a.json --resume
    local result=$?
    kill -KILL $pid
    wait $pid 2>/dev/null
    return $result
}
scenario check "two processes do not train in one directory" second_process
