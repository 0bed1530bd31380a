#!/bin/bash
# tokenize --train: the tokenizer it makes, out of which text, and the corpus that it writes with it.
# shellcheck source=../support/run.sh
. tests/support/run.sh

text=$root/tests/tokenizer/test_scan.c
other=$root/tests/tokenizer/test_bpe.c
train() { "$lmtrain" tokenize --train --vocab-size 500 --output out1 "$@"; }
only() { "$lmtrain" tokenize --train --vocab-size 500 --tokenizer-only "$@"; }
ids_of() { od -An -v -tu2 -w2 "$1"; }

a_corpus() {
    check "tokenize --train says what it made" \
        exits_saying 0 "tokenizer out1/tokenizer.json: 500 tokens from" train --input "$text"
    check "tokenize --train writes shards with that tokenizer" says "train out1/train.bin: "
    check "the manifest has the size of the vocabulary" grep -q '"vocab_size": 500' out1/train.json
    ids_of out1/train.bin | "$lmtrain" tokenize --tokenizer out1 --decode - |
        sed '1s/^<|endoftext|>//' >back
    check "the shards hold the text" cmp "$text" back
    check "there are fewer tokens than half of the bytes" \
        test "$(wc -c <out1/train.bin)" -lt "$(wc -c <"$text")"
    check "the document token is the last one" \
        exits_saying 0 '"<|endoftext|>" 499' \
        "$lmtrain" tokenize --tokenizer out1 --allow-special --inspect '<|endoftext|>'
    check "the first ids are the bytes" \
        exits_saying 0 '"~" 126' "$lmtrain" tokenize --tokenizer out1 --inspect '~'
}
scenario a_corpus

special_tokens() {
    check "--special may be repeated" exits_saying 0 "500 tokens" \
        only --input "$text" --output out1 --special '<user>' --special '<pad>'
    check "special tokens stand at the end, as given" exits_saying 0 '"<user>" 498' \
        "$lmtrain" tokenize --tokenizer out1 --allow-special --inspect '<user><pad>'
    check "the second special token stands behind the first" says '"<pad>" 499'
    check "--tokenizer-only writes no corpus" test ! -e out1/train.bin
    check "a special token that is given twice is refused" exits_saying 2 'given twice' \
        only --input "$text" --output out2 --special '<a>' --special '<a>'
    check "a special token that is a word of the text is refused" \
        exits_saying 2 'special token "static" has the name' \
        only --input "$text" --output out2 --special static
}
scenario special_tokens

pretokenizers() {
    for split in gpt2 llama3 qwen2 o200k; do
        check "--pretokenizer $split trains a tokenizer" exits 0 \
            only --input "$text" --output "$split" --pretokenizer "$split"
    done
    check "--pretokenizer may be left out" exits 0 only --input "$text" --output default
    check "gpt2 is the pre-tokenizer by default" cmp default/tokenizer.json gpt2/tokenizer.json
    check "digits go together, three at most, in llama3's pre-tokenizer" exits_saying 0 '3 pieces' \
        "$lmtrain" tokenize --tokenizer llama3 --inspect 'a123456'
    check "digits stand one by one in qwen2's pre-tokenizer" exits_saying 0 '7 pieces' \
        "$lmtrain" tokenize --tokenizer qwen2 --inspect 'a123456'
    check "an unknown pre-tokenizer gets a suggestion" exits_saying 2 'did you mean "llama3"' \
        only --input "$text" --output out1 --pretokenizer lama3
}
scenario pretokenizers

training_documents_alone() {
    only --input "$text" --output alone >/dev/null
    only --input "$text" --val-input "$other" --output beside >/dev/null
    only --input "$text" "$other" --output both >/dev/null
    check "--val-input is not trained on" cmp alone/tokenizer.json beside/tokenizer.json
    check "another --input is trained on" exits 1 cmp alone/tokenizer.json both/tokenizer.json
    "$lmtrain" tokenize --tokenizer bytes --input "$text" --output bytes --val-fraction 0.4 >/dev/null
    ids_of bytes/train.bin | awk '{ printf "%c", $1 }' >head
    only --input head --output head1 >/dev/null
    only --input "$text" --output held --val-fraction 0.4 >/dev/null
    check "what is held out is not trained on" cmp head1/tokenizer.json held/tokenizer.json
}
scenario training_documents_alone

threads() {
    for n in 1 2 3 5; do only --input "$root/src" --threads "$n" --output "t$n" >/dev/null; done
    for n in 2 3 5; do
        check "the same tokenizer on $n threads as on one" cmp t1/tokenizer.json "t$n/tokenizer.json"
    done
}
scenario threads

little_text() {
    printf 'abab abab' >little
    check "a text that is too small for the vocabulary makes a smaller one" \
        exits_saying 0 "259 tokens" only --input little --output out1
    check "a vocabulary that is smaller than asked for is pointed out" says "fewer than --vocab-size 500"
}
scenario little_text

standard_input() {
    check "standard input trains a tokenizer" \
        exits_saying 0 "500 tokens" only --input - --output piped <"$text"
    only --input "$text" --output named >/dev/null
    check "standard input gives the tokenizer that a file of the same text gives" cmp piped/tokenizer.json named/tokenizer.json
    check "standard input that was trained on cannot be read again for the corpus" exits_saying 2 "--tokenizer-only" \
        train --input - <"$text"
}
scenario standard_input

files_that_are_there() {
    only --input "$text" --output out1 >/dev/null
    check "a tokenizer that is there stays" exits_saying 2 "add --force" only --input "$other" --output out1
    check "--force replaces a tokenizer that is there" exits 0 only --input "$other" --output out1 --force
    mkdir corpus
    : >corpus/train.bin
    check "a corpus that is there stays" \
        exits_saying 2 "corpus/train.bin exists already" "$lmtrain" tokenize --train --vocab-size 500 --input "$text" --output corpus
    check "no tokenizer is made beside a corpus that is there" test ! -e corpus/tokenizer.json
    mkdir theirs
    printf '{"model": {}}' >theirs/tokenizer.json
    check "a tokenizer that lmtrain did not write is refused with --force too" \
        exits_saying 2 "is not lmtrain's" only --input "$text" --output theirs --force
    check "a tokenizer that lmtrain did not write is left as it was" test "$(cat theirs/tokenizer.json)" = '{"model": {}}'
    mkdir named
    printf '{"model": {"vocab": {"lmtrain": 7}}}' >named/tokenizer.json
    check "a tokenizer of others that has lmtrain for a token is refused with --force too" \
        exits_saying 2 "is not lmtrain's" only --input "$text" --output named --force
}
scenario files_that_are_there

options_that_do_not_go_together() {
    check "--vocab-size is required" exits_saying 2 "--vocab-size is required" \
        "$lmtrain" tokenize --train --input "$text" --output out1
    check "a vocabulary without room for the bytes is refused" \
        exits_saying 2 "expected a vocabulary of 258" \
        "$lmtrain" tokenize --train --vocab-size 257 --special a --special b --input "$text" --output o
    for given in "--vocab-size 500" "--special x" "--tokenizer-only"; do
        # shellcheck disable=SC2086
        check "$given without --train is refused" exits_saying 2 "${given%% *} is for --train" \
            "$lmtrain" tokenize --tokenizer bytes --input "$text" --output out1 $given
    done
    for given in "--tokenizer bytes" "--inspect x" "--decode 1" "--allow-special"; do
        # shellcheck disable=SC2086
        check "$given with --train is refused" exits_saying 2 "${given%% *} is for one" \
            train --input "$text" $given
    done
    check "neither --tokenizer nor --train is refused" exits_saying 2 "--tokenizer is required" \
        "$lmtrain" tokenize --input "$text" --output out1
}
scenario options_that_do_not_go_together
