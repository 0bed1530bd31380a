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

bad_tokenizers() {
    sed 's/"byte_fallback": false/"byte_fallback": true/' "$small" >changed.json
    check "tokenize names what a tokenizer's file asks for in vain" \
        exits_saying 1 "byte_fallback true, which lmtrain does not have" \
        "$lmtrain" tokenize --tokenizer changed.json --inspect x
    check "tokenize without --output asks for it" exits_saying 2 "--output is required" \
        "$lmtrain" tokenize --tokenizer bytes --input "$small"
}
scenario bad_tokenizers
