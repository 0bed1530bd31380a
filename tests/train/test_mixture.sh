#!/bin/bash
# Several sources of training data, and several validation sets.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# Two corpora: train.bin, val.bin of text; code/train.bin, code/val.bin of something else.
sources() {
    corpus
    for i in $(seq 1 200); do echo "int f$i(int x) { return x * $((i * 31 % 17)) + $i; }"; done >code.txt
    "$lmtrain" tokenize --tokenizer bytes --input code.txt --output code --val-fraction 0.1
    tiny a
    mixture='[{"path": "train.bin", "weight": 0.7, "name": "text"}, {"path": "code/train.bin", "weight": 0.3, "name": "code"}]'
    sed -e "s#\"train\": \"train.bin\"#\"train\": $mixture#" \
        -e 's#"val": "val.bin"#"val": {"text": "val.bin", "code": "code/val.bin"}#' a.json >mixed.json
}
train() { "$lmtrain" --config "$@"; }
# figure KEY FILE: its last value there.
figure() { grep -o "\"$1\": *[^,}]*" "$2" | tail -n 1 | sed 's/.*: *//'; }
same_checkpoints() { cmp "$1/checkpoints/step-0000000040.npz" "$2/checkpoints/step-0000000040.npz"; }

one_source() {
    given sources
    train a.json --quiet
    mv run plain
    check "a list of one source trains" exits 0 train a.json --quiet \
        --set 'data.train=[{"path": "train.bin", "weight": 0.01}]'
    check "a list of one source is the run on its path, bit for bit" same_checkpoints run plain
    check "one source without a name has no figures of its own" lacks '"tokens\.' run/metrics.jsonl
}
scenario one_source

mixed() {
    given sources
    check "the plan says what a run takes of each source" exits_saying 0 \
        "70.00% text, train.bin: 23.0 k tokens, of which the run takes 7.17 k, 0.3128 epochs" \
        train mixed.json --dry-run
    check "a mixture trains" exits 0 train mixed.json --quiet
    mv run whole
    check "metrics say how many tokens were of each source" \
        test "$(figure tokens.text whole/metrics.jsonl) $(figure tokens.code whole/metrics.jsonl)" = "7168 3072"
    check "the summary says it too" \
        test "$(figure tokens.text whole/summary.json) $(figure tokens.code whole/summary.json)" = "7168 3072"
    check "metrics say how many epochs of each source were" \
        test "$(figure epochs.code whole/metrics.jsonl)" = "$(figure epochs.code whole/summary.json)"
    train mixed.json --quiet --threads 1 --cpu scalar --set checkpoint.every=3 --set checkpoint.keep_last=20
    check "a mixture has the same bits for other threads and instructions" same_checkpoints run whole
    rm run/checkpoints/step-000000004*.npz run/checkpoints/step-000000003*.npz
    check "a mixture is resumed" exits 0 train mixed.json --quiet --resume
    check "a mixture that is resumed goes on to the same bits" same_checkpoints run whole
    check "a mixture that is resumed has the same figures of its sources" \
        test "$(figure tokens.code run/metrics.jsonl)" = 3072
    rm run/checkpoints/step-000000004*.npz
    check "other weights are other data" exits_saying 2 "was trained on other data" train mixed.json --quiet \
        --resume --set 'data.train=[{"path": "train.bin", "weight": 0.6}, {"path": "code/train.bin", "weight": 0.4}]'
    check "the same shares by other weights and names are the same data" exits 0 train mixed.json --quiet \
        --resume --set 'data.train=[{"path": "./train.bin", "weight": 7}, {"path": "code/train.bin", "weight": 3}]'
}
scenario mixed

validation_sets() {
    given sources
    train mixed.json >out 2>&1
    check "progress shows the loss of each validation set" grep -q "bits/byte; text [0-9.]*, code [0-9.]*$" out
    check "val_loss is that of the first set" \
        test "$(figure val_loss run/metrics.jsonl)" = "$(figure val_loss.text run/metrics.jsonl)"
    loss=$("$lmtrain" eval --checkpoint run --data code/val.bin --tokens 500 --batch 4 --json | grep -o '"loss": [^,]*')
    check "the loss of a set is what lmtrain eval finds on it" \
        test "$loss" = "\"loss\": $(figure val_loss.code run/metrics.jsonl)"
    rm run/checkpoints/step-0000000040.npz
    "$lmtrain" --config mixed.json --quiet --resume --set eval.every=0 --set train.steps=1000000 >out 2>&1 &
    local pid=$!
    until_true grep -q '"step":60' run/metrics.jsonl
    kill $pid
    wait $pid
    check "a session without an evaluation keeps the losses of the sets" \
        test "$(figure val_loss.code run/summary.json)" = "$(grep '"step":30,.*val_loss' run/metrics.jsonl | figure val_loss.code /dev/stdin)"
    "$lmtrain" --config mixed.json --quiet --resume --set eval.every=0 --set train.steps=1000000 \
        --set 'data.val={"more": "code/val.bin", "text": "val.bin"}' >out 2>&1 &
    pid=$!
    until_true grep -q '"val_loss.more": null' run/summary.json
    check "sets keep their losses by name, and a new one has none yet" \
        test "$(figure val_loss.text run/summary.json)" = "$(grep '"step":30,.*val_loss' run/metrics.jsonl | figure val_loss.text /dev/stdin)"
    kill $pid
    wait $pid
}
scenario validation_sets

sources_that_do_not_fit() {
    given sources
    mkdir other
    sed 's/"bytes"/"other"/' train.json >other/train.json
    cp -p train.bin other/train.bin
    check "sources must be of one tokenizer" exits_saying 2 \
        'data.train[1]: other/train.bin holds tokens of "other", data.train[0] of "bytes"' \
        train mixed.json --set 'data.train=[{"path": "train.bin", "weight": 1}, {"path": "other/train.bin", "weight": 1}]'
    check "sets must be of the tokenizer of the sources" exits_saying 2 \
        'data.val.b: other/train.bin holds tokens of "other", data.train[0] of "bytes"' \
        train mixed.json --set 'data.val={"a": "val.bin", "b": "other/train.bin"}'
    check "a source that is missing is named" exits_saying 1 "data.train[1]: none.bin" \
        train mixed.json --set 'data.train=[{"path": "train.bin", "weight": 1}, {"path": "none.bin", "weight": 1}]'
    check "a source without a window is named" exits_saying 2 "data.train[0]: train.bin: expected at least" \
        train mixed.json --set model.context_length=100000
    head -c 20000 train.bin >bare.bin
    check "a source without a manifest is of the tokenizer of the others" exits 0 train mixed.json --quiet --set run.dir=bare \
        --set 'data.train=[{"path": "bare.bin", "weight": 1}, {"path": "code/train.bin", "weight": 1}]'
}
scenario sources_that_do_not_fit
