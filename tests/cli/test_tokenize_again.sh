#!/bin/bash
# tokenize: two jobs in one directory, the same job again, the files of the tokenizer, the tokens
# around documents, progress.
# shellcheck source=../support/run.sh
. tests/support/run.sh

small=$root/tests/tokenizer/small_gpt2.json
text=$root/tests/tokenizer/test_scan.c
other=$root/tests/tokenizer/test_bpe.c
train() { "$lmtrain" tokenize --train --vocab-size 400 --output out1 "$@"; }
ids_of() { od -An -v -tu2 -w2 "$1" | tr -d ' ' | tr '\n' ' '; }

two_jobs() {
    mkfifo pipe
    exec 7<>pipe
    "$lmtrain" tokenize --tokenizer bytes --input - --output out1 <pipe >first 2>&1 7>&- &
    local job=$!
    check "a job begins" until_true test -e out1/train.bin.tmp
    check "a second job in its directory is refused" \
        exits_saying 1 "out1: another lmtrain tokenize is writing there" \
        "$lmtrain" tokenize --tokenizer bytes --input "$text" --output out1 --force
    check "a job that trains is refused likewise" exits_saying 1 "another lmtrain tokenize" \
        train --input "$text" --tokenizer-only
    check "a job in another directory is not" exits 0 \
        "$lmtrain" tokenize --tokenizer bytes --input "$text" --output out2
    echo text >pipe
    exec 7>&-
    wait $job
    check "the first job ends well" test $? -eq 0
    check "and has let its directory go" exits 0 \
        "$lmtrain" tokenize --tokenizer bytes --input "$text" --output out1 --force
    check "nothing of the lock is left" test "$(ls -A out1 | tr '\n' ' ')" = "train.bin train.json "
}
scenario two_jobs

files_of_a_tokenizer() {
    "$lmtrain" tokenize --tokenizer "$small" --input "$text" --output out1 >/dev/null
    check "tokenizer_config.json stands beside tokenizer.json" \
        grep -q '"eos_token": "<|endoftext|>"' out1/tokenizer_config.json
    printf "Hello you 12\n\n<|endoftext|>don't" >in
    "$lmtrain" tokenize --tokenizer "$small" --allow-special --input in --output out2 >/dev/null
    { (cd out2 && cksum tokenizer.json tokenizer_config.json) && ids_of out2/train.bin; } >found
    check "transformers.AutoTokenizer was given these files, and had these ids" \
        diff found "$root/tests/cli/auto_tokenizer.txt"
    sed -i 's/false/true/' out1/tokenizer_config.json
    check "a tokenizer_config.json that was changed stays" \
        exits_saying 0 "out1/tokenizer_config.json is not lmtrain's: it stays" \
        "$lmtrain" tokenize --tokenizer "$small" --input "$text" --output out1 --force
    check "as it was" grep -q true out1/tokenizer_config.json
    rm out1/*
    train --input "$text" --special '</s>' --tokenizer-only >/dev/null
    check "a trained tokenizer names its own token" grep -q '"eos_token": "</s>"' \
        out1/tokenizer_config.json
    check "the same tokenizer may be trained again" exits 0 \
        train --input "$text" --special '</s>' --tokenizer-only
    check "another one is refused" exits_saying 2 "of another tokenizer: add --force" \
        train --input "$other" --tokenizer-only
    check "a configuration that lmtrain wrote is replaced with the tokenizer" exits 0 \
        train --input "$text" --tokenizer-only --force
    check "by what suits the new one" grep -q '"eos_token": "<|endoftext|>"' out1/tokenizer_config.json
    check "bytes has no such files" exits 0 "$lmtrain" tokenize --tokenizer bytes --input in --output out3
    check "nor writes them" test ! -e out3/tokenizer_config.json
}
scenario files_of_a_tokenizer

around_documents() {
    printf 'a\n\nb\n\nc' >in
    tokenize() { rm -rf o; "$lmtrain" tokenize --input in --separator '\n\n' --output o "$@" >said 2>&1; }
    found() {
        local expected=$1
        shift
        tokenize "$@" || { cat said; return 1; }
        local ids
        ids="$(ids_of o/train.bin)"
        [ "$ids" = "$expected " ] || { echo "expected $expected, found $ids"; return 1; }
    }
    check "bytes: 0x00 stands between documents" found "97 0 98 0 99" --tokenizer bytes
    check "bytes --prepend-bos: in front of each" found "0 97 0 98 0 99" --tokenizer bytes --prepend-bos
    check "bytes --append-eot: behind each" found "97 0 98 0 99 0" --tokenizer bytes --append-eot
    check "bytes, both" found "0 97 0 0 98 0 0 99 0" --tokenizer bytes --append-eot --prepend-bos
    check "the document token stands in front" found "0 65 0 66 0 67" --tokenizer "$small"
    check "--prepend-bos says that" found "0 65 0 66 0 67" --tokenizer "$small" --prepend-bos
    check "--append-eot: behind each document alone" found "65 0 66 0 67 0" --tokenizer "$small" --append-eot
    check "both" found "0 65 0 0 66 0 0 67 0" --tokenizer "$small" --append-eot --prepend-bos
    printf 'one\ntwo\nthree\nfour\n' >in
    tokenize --tokenizer bytes --val-fraction 0.3 --append-eot
    check "--append-eot: a document whose end is held out ends there" \
        test "$(od -An -tu2 -v -w2 o/train.bin | grep -c '^ *0$') $(od -An -tu2 -v -w2 o/val.bin | tail -n 1)" \
        = "0      0"
    sed 's/<|endoftext|>/<|x|>/g' "$small" >none.json
    check "a tokenizer without such a token is refused" exits_saying 2 "no such token" \
        "$lmtrain" tokenize --tokenizer none.json --input in --output o2 --append-eot
}
scenario around_documents

# Text that comes in two parts, the second after more than a second.
slowly() { seq 1 60000; sleep 1.2; seq 1 60000; }
on_a_terminal() {
    mkfifo pipe
    slowly >pipe &
    script -qec "'$lmtrain' tokenize --tokenizer bytes --input - --output out1 <pipe" typescript \
        >/dev/null 2>&1
    wait
    check "on a terminal tokenize shows how far it is" grep -q "tokenize  [0-9.]* KiB  [0-9.]* KiB/s" typescript
    check "progress is not part of what is piped on" \
        test "$(slowly | "$lmtrain" tokenize --tokenizer bytes --input - --output out2 2>&1 | wc -l)" -eq 1
}
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    scenario on_a_terminal
else
    echo "skip - script(1) is not installed: there is no terminal to tokenize on"
fi
