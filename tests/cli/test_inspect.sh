#!/bin/bash
# inspect of token shards: whatever training takes, and the text in them.
# shellcheck source=../support/run.sh
. tests/support/run.sh

shards() {
    corpus
    "$lmtrain" tokenize --tokenizer bytes --input text.txt --output cut --shard-tokens 10000
    "$lmtrain" tokenize --train --vocab-size 300 --input text.txt --output bpe
    tiny a
}
inspect() { "$lmtrain" inspect "$@"; }

decoded() {
    given shards
    inspect train.bin --decode 100 --at 50 >out
    check "--decode prints the text of tokens, and nothing else" cmp out <(head -c 150 text.txt | tail -c 100; echo)
    inspect cut --decode 12345 --at 9990 >out
    check "--decode goes on from shard to shard" cmp out <(head -c 22335 text.txt | tail -c 12345; echo)
    inspect cut --decode 999999999 >out
    check "--decode ends where the tokens end" cmp out text.txt
    check "--at must be a token of the corpus" exits_saying 2 "--at: expected a token below 25457, found 25457" \
        inspect cut --decode 1 --at 25457
    inspect bpe/train.bin --decode 999999 >out
    check "--decode uses the tokenizer beside the shards" cmp <(sed 's/^<|endoftext|>//' out) text.txt
    mv bpe/tokenizer.json bpe/elsewhere.json
    check "a tokenizer that is not beside the shards is missed by its name" \
        exits_saying 1 "bpe/tokenizer.json: cannot open the tokenizer that the manifest of bpe/train.bin" \
        inspect bpe/train.bin --decode 1
    mv bpe/elsewhere.json bpe/tokenizer.json
    inspect bpe/train.bin cut --decode 999999 >out
    check "--decode takes several corpora" test "$(wc -l <out)" = 800
    mv train.json kept
    check "--decode of a shard without a manifest asks for its tokenizer" exits_saying 2 \
        "train.bin has no manifest that says its tokenizer: name it by --tokenizer" inspect train.bin --decode 9
    inspect train.bin --decode 99 --tokenizer bytes >out
    check "--tokenizer names it" cmp out <(head -c 99 text.txt; echo)
    check "another one than the manifest's is refused" exits_saying 2 \
        '--tokenizer: "bytes" does not agree with the manifest of bpe, which says "bpe" of another file' \
        inspect bpe --decode 9 --tokenizer bytes
    printf 'a\0\xff\x01' >wide.bin
    check "an id that the tokenizer does not have is named" exits_saying 1 \
        "wide.bin: token 1: expected ids below 256 (the tokenizer's vocabulary), found 511" \
        inspect wide.bin --decode 2 --tokenizer bytes --token-bytes 2
}
scenario decoded

what_has_no_text() {
    given shards
    "$lmtrain" --config a.json --quiet --set train.steps=1
    check "--decode of a run directory is refused" exits_saying 2 "expected token shards, found a run directory: run" \
        inspect run --decode 9
    check "--decode of a checkpoint is refused" exits_saying 2 "expected token shards, found a checkpoint" \
        inspect run/checkpoints/*.npz --decode 9
    check "--decode of a directory of checkpoints is refused" exits_saying 2 "expected token shards, found checkpoints" \
        inspect run/checkpoints --decode 9
    check "--at alone means nothing" exits_saying 2 "--at and --tokenizer are of --decode" inspect train.bin --at 9
}
scenario what_has_no_text

# Each value that data.train takes, inspect takes.
what_training_takes() {
    given shards
    echo notes >cut/README
    for data in train.bin ./cut "cut/train-*.bin" bpe/train.bin; do
        check "training takes $data" exits 0 "$lmtrain" --config a.json --dry-run --set "data.val=$data" --set "data.train=$data"
        check "inspect takes $data" exits_saying 0 "tokens, raw uint16" inspect "$data"
    done
    check "inspect says what it passes over" exits_saying 0 "1 file that is no shard by its name" inspect cut
}
scenario what_training_takes

# What stands in metrics.jsonl and is no line of it.
unreadable_metrics() {
    given shards
    "$lmtrain" --config a.json --quiet
    printf 'x\n{"step":\n\n' >>run/metrics.jsonl
    check "inspect says which lines of the metrics it cannot read" \
        exits_saying 0 "3 lines of metrics.jsonl cannot be read, line " inspect run
    rm run/metrics.jsonl && mkdir run/metrics.jsonl
    check "and that it cannot read the file" exits_saying 1 "metrics.jsonl: expected a regular file, found a directory" inspect run
}
scenario unreadable_metrics
