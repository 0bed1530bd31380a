#!/bin/bash
# tokenize with the tokenizers of others: what it shows of them.
# shellcheck source=../support/run.sh
. tests/support/run.sh

small=$root/tests/tokenizer/small_gpt2.json

inspected_text() {
    check "tokenize --inspect shows pieces with their tokens and ids" \
        exits_saying 0 '"H" 40  "el" 301  "l" 76  "o" 79' \
        "$lmtrain" tokenize --tokenizer "$small" --inspect 'Hello you'
    check "tokenize --inspect counts bytes, pieces and tokens" says "9 bytes, 2 pieces, 8 tokens"
    check "tokenize --inspect takes special tokens for text" \
        exits_saying 0 '"<" ' "$lmtrain" tokenize --tokenizer "$small" --inspect 'a<|endoftext|>'
    check "tokenize --inspect --allow-special takes them for tokens" \
        exits_saying 0 '"<|endoftext|>" 0' \
        "$lmtrain" tokenize --tokenizer "$small" --inspect 'a<|endoftext|>' --allow-special
}
scenario inspected_text

decoded_ids() {
    "$lmtrain" tokenize --tokenizer "$small" --decode '40, 301 76 79' >text
    check "tokenize --decode prints the text of ids" test "$(cat text)" = Hello
    printf '40\n301\n76\n79\n' | "$lmtrain" tokenize --tokenizer "$small" --decode - >text
    check "tokenize --decode - reads ids from standard input" test "$(cat text)" = Hello
    check "tokenize --decode refuses an id beyond the vocabulary" \
        exits_saying 2 'expected ids from 0 to 340, found "341"' \
        "$lmtrain" tokenize --tokenizer "$small" --decode '341'
    check "tokenize --decode refuses what is no number" exits_saying 2 'found "x"' \
        "$lmtrain" tokenize --tokenizer "$small" --decode 'x'
}
scenario decoded_ids

fit_of_a_tokenizer() {
    printf 'Hello you\n' >text
    check "tokenize --stats prints bytes per token" exits_saying 0 "1.1111 bytes per token" \
        "$lmtrain" tokenize --tokenizer "$small" --input text --stats
    check "tokenize --stats prints the share of ids that occur" says "8 of 341 ids occur (2.3%)"
    check "tokenize --stats writes nothing" exits_saying 2 "leave out --inspect, --decode, --output" \
        "$lmtrain" tokenize --tokenizer "$small" --input text --stats --output out
}
scenario fit_of_a_tokenizer

bad_tokenizers() {
    sed 's/"byte_fallback": false/"byte_fallback": true/' "$small" >changed.json
    check "tokenize names what a tokenizer's file asks for in vain" \
        exits_saying 1 "byte_fallback true, which lmtrain does not have" \
        "$lmtrain" tokenize --tokenizer changed.json --inspect x
    check "tokenize without --output asks for it" exits_saying 2 "--output is required" \
        "$lmtrain" tokenize --tokenizer bytes --input "$small"
}
scenario bad_tokenizers

# A corpus of two documents and a model that was trained on it for some steps.
trained() {
    mkdir docs
    seq 1 900 >docs/a.txt
    seq 1000 1700 >docs/b.txt
    "$lmtrain" tokenize --tokenizer "$small" --input docs --output corpus
    cp corpus/train.bin val.bin
    sed 's/"tokenizer.json"/"corpus.json"/' corpus/train.json >val.json
    cp corpus/tokenizer.json corpus.json
    tiny a
    "$lmtrain" --config a.json --quiet --set data.train=corpus/train.bin --set data.val=val.bin
}

tokens_with_a_file() {
    given trained
    check "tokenize puts the document token in front of each document" test \
        "$(od -An -v -tu2 -w2 corpus/train.bin | grep -c '^ *0$')" -eq 2
    check "the first token of a corpus is the document token" test \
        "$(od -An -tu2 -N2 corpus/train.bin)" -eq 0
    check "the manifest names the tokenizer's file" grep -q '"tokenizer_file": "tokenizer.json"' \
        corpus/train.json
    check "model.document_token comes from the manifest" exits 0 "$lmtrain" --config a.json --quiet \
        --set data.train=corpus/train.bin --set data.val=val.bin --set run.dir=masked \
        --set model.document_mask=true --set train.steps=2
    check "the resolved config says it" grep -q '"document_token": 0' masked/resolved.json
    check "the vocabulary comes from the manifest" grep -q '"vocab_size": 341' run/resolved.json
    check "metrics have bits per byte" grep -q '"val_bits_per_byte"' run/metrics.jsonl
    check "inspect --verify reads a checkpoint with a tokenizer" \
        exits_saying 0 "bpe, the member tokenizer.json" "$lmtrain" inspect run/checkpoints/*40.npz --verify
    unzip -p run/checkpoints/*40.npz tokenizer.json >member.json
    check "a checkpoint holds the tokenizer of its corpus" cmp member.json corpus/tokenizer.json
    rm -r corpus
    check "generate needs the checkpoint alone" exits 0 \
        "$lmtrain" generate --checkpoint run --prompt 1234 --tokens 20
    check "generate goes on from the prompt" test "$(head -c 4 out)" = 1234
    check "generate takes an empty prompt" exits 0 "$lmtrain" generate --checkpoint run --tokens 20
    check "generate prints no document token" lacks endoftext out
    check "eval gives bits per byte" exits_saying 0 "bits per byte" \
        "$lmtrain" eval --checkpoint run --data val.bin
}
scenario tokens_with_a_file

another_tokenizer() {
    given trained
    local other=$root/tests/tokenizer/small_digits.json
    check "tokenize --force replaces the tokenizer's file of lmtrain" exits 0 \
        "$lmtrain" tokenize --tokenizer "$other" --input docs --output corpus --force
    check "a run whose validation data have another tokenizer is refused" \
        exits_saying 2 'holds tokens of "bpe" of another file' "$lmtrain" --config a.json \
        --set data.train=corpus/train.bin --set data.val=val.bin --set run.dir=new
    check "eval refuses tokens of another tokenizer" exits_saying 2 'found "bpe" of another file' \
        "$lmtrain" eval --checkpoint run --data corpus/train.bin
    cp "$other" corpus/tokenizer.json
    sed -i 's/"special": true/"special": false/' corpus/tokenizer.json
    check "a tokenizer's file that was changed is refused" \
        exits_saying 1 "corpus/tokenizer.json: expected the tokenizer with digest" \
        "$lmtrain" --config a.json --set data.train=corpus/train.bin --set run.dir=new \
        --set data.val=corpus/train.bin
    check "tokenize does not replace a tokenizer's file that is not lmtrain's" \
        exits_saying 2 "is not lmtrain's" \
        "$lmtrain" tokenize --tokenizer "$small" --input docs --output corpus --force
    rm val.json
    check "data.tokenizer takes the path of a tokenizer's file for shards without a manifest" exits 0 \
        "$lmtrain" --config a.json --set data.train=val.bin --set data.val=val.bin --quiet \
        --set data.tokenizer="$small" --set run.dir=new --set train.steps=2
}
scenario another_tokenizer
