#!/bin/bash
# Commands, options, help, suggestions, exit codes, and output that goes nowhere.
# shellcheck source=../support/run.sh
. tests/support/run.sh

check "--help lists the commands" exits_saying 0 "tokenize" "$lmtrain" --help
check "help does too" exits_saying 0 "Exit codes" "$lmtrain" help
check "no arguments: help and exit 2" exits_saying 2 "expected a command" "$lmtrain"
check "--version names ISAs" exits_saying 0 "instruction sets: scalar" "$lmtrain" --version
for command in train tokenize generate eval inspect diff bench; do
    check "$command --help has an example" exits_saying 0 "Example:" "$lmtrain" $command --help
    check "$command --help has exit codes" says "interrupted: train has written"
    check "help $command is the same" exits_saying 0 "Usage:" "$lmtrain" help $command
    check "$command: unknown option" exits_saying 2 "unknown option --frobnicate" \
        "$lmtrain" $command --frobnicate
done
for command in train tokenize generate eval inspect diff; do
    check "$command without arguments" exits_saying 2 "lmtrain: $command: " "$lmtrain" $command
done
check "unknown command gets a suggestion" exits_saying 2 'did you mean "generate"?' \
    "$lmtrain" genrate
check "unknown option gets a suggestion" exits_saying 2 'did you mean "--checkpoint"?' \
    "$lmtrain" eval --checkpont x
check "so do those of lmtrain itself" exits_saying 2 'did you mean "--version"?' "$lmtrain" --verison
check "they work behind a command too" exits_saying 0 "instruction sets: scalar" \
    "$lmtrain" eval --version
check "--help as the value of an option does not ask for help" exits_saying 1 "nowhere: cannot open" \
    "$lmtrain" generate --prompt --help --checkpoint nowhere
check "-h as the value of an option does not ask for help" exits_saying 1 "nowhere: cannot open" \
    "$lmtrain" generate --prompt -h --checkpoint nowhere
check "errors name the command once" test "$(grep -c lmtrain out)" -eq 1
check "a missing option is named" exits_saying 2 "--checkpoint is required" "$lmtrain" eval
check "a missing value is named" exits_saying 2 "expected FILE, found nothing" "$lmtrain" --config
check "a switch takes no value" exits_saying 2 "takes no value" "$lmtrain" --quiet=yes
check "an option given twice" exits_saying 2 "given twice" "$lmtrain" --config a --config b
check "a stray argument" exits_saying 2 "unexpected argument" "$lmtrain" train a.json
check "numbers are checked" exits_saying 2 "expected a whole number from 0" \
    "$lmtrain" generate --checkpoint x --tokens -3
check "and their ranges" exits_saying 2 "expected a number from 0 to 1" \
    "$lmtrain" generate --checkpoint x --top-p 1.5
check "an unknown ISA gets a suggestion" exits_saying 2 "did you mean" \
    "$lmtrain" --config x --cpu scaler
check "a directory without checkpoints" exits_saying 1 "expected a checkpoint" \
    "$lmtrain" generate --checkpoint .
echo text >some.txt
check "a file that is no checkpoint" exits_saying 1 "some.txt" \
    "$lmtrain" eval --checkpoint some.txt --data some.txt
check "inspect of something else" exits_saying 2 "expected a checkpoint" "$lmtrain" inspect some.txt
check "--print-schema prints a schema" exits_saying 0 "json-schema.org/draft/2020-12" \
    "$lmtrain" train --print-schema
if [ -e /dev/full ]; then
    check "a full disk is noticed" bash -c "'$lmtrain' --help >/dev/full 2>err; [ \$? -eq 1 ] &&
        grep -q 'cannot write' err"
fi
make_corpus
tiny a
check "--print-config prints every key" exits_saying 0 '"keep_last": 2' \
    "$lmtrain" --config a.json --print-config
cp out printed.json
check "what it prints is a config" exits 0 "$lmtrain" --config printed.json --print-config
check "the same one" cmp out printed.json
check "--set overrides" exits_saying 0 '"lr": 0.125' \
    "$lmtrain" --config a.json --set optimizer.lr=0.125 --print-config
check "--set is checked" exits_saying 2 'did you mean "optimizer.lr"?' \
    "$lmtrain" --config a.json --set optimizer.l=3

# tokenize
mkdir -p tree/b tree/.hidden
printf 'one' >tree/a.h
printf 'three' >tree/b/c.h
printf 'two' >tree/b.h
printf 'no\000text' >tree/binary.h
printf 'other' >tree/x.c
printf 'hidden' >tree/.hidden/y.h
ln -s .. tree/b/loop
check "tokenize walks in sorted order" exits_saying 0 "1 file skipped: not text" \
    "$lmtrain" tokenize --tokenizer bytes --input tree --extension .h --output out1
check "documents have a zero byte between them" bash -c \
    "[ \"\$(tr -d '\\000' <out1/train.bin)\" = onetwothree ] &&
     [ \"\$(wc -c <out1/train.bin)\" -eq 26 ]"
check "no validation was asked for" test ! -e out1/val.bin
check "tokenize does not overwrite" exits_saying 2 "add --force" \
    "$lmtrain" tokenize --tokenizer bytes --input tree --output out1
check "--force does" exits 0 "$lmtrain" tokenize --tokenizer bytes --input tree --output out1 --force
check "a single file is cut" exits_saying 0 "val " \
    "$lmtrain" tokenize --tokenizer bytes --input tree/b/c.h --val-fraction 0.4 --output out2
check "its end is for validation" bash -c "[ \"\$(tr -d '\\000' <out2/val.bin)\" = ee ]"
check "whole files are held out" exits 0 \
    "$lmtrain" tokenize --tokenizer bytes --input tree --extension .h --val-fraction 0.3 --output out3
check "one of them" bash -c "grep -q . out3/val.bin && [ \"\$(wc -c <out3/val.bin)\" -le 10 ]"
check "nothing to tokenize" exits_saying 2 "found none" \
    "$lmtrain" tokenize --tokenizer bytes --input tree --extension .zig --output out4
check "unknown tokenizers get a suggestion" exits_saying 2 'did you mean "bytes"?' \
    "$lmtrain" tokenize --tokenizer byte --input tree --output out4
check "missing input is named" exits_saying 1 "nowhere: cannot open" \
    "$lmtrain" tokenize --tokenizer bytes --input nowhere --output out4
check "val.bin of an earlier corpus goes" exits 0 \
    "$lmtrain" tokenize --tokenizer bytes --input tree --extension .h --output out3 --force
check "it went" bash -c "[ -e out3/train.bin ] && [ ! -e out3/val.bin ] && [ ! -e out3/val.json ]"
printf 'val' >out4.bin
mkdir -p out4 && mv out4.bin out4/val.bin
check "but not without --force" exits_saying 2 "out4/val.bin exists already" \
    "$lmtrain" tokenize --tokenizer bytes --input tree --output out4
check "nothing was written" test ! -e out4/train.bin
check "one file in both shares is not possible" exits_saying 2 "expected text for it" \
    "$lmtrain" tokenize --tokenizer bytes --input tree/a.h --input tree/./a.h --val-fraction 0.2 \
    --output out5
check "neither shard was written" bash -c "! ls out5/*.bin"
mkfifo pipe
for argument in "tokenize --tokenizer bytes --output out6 --input" "inspect" \
    "generate --checkpoint" "eval --data train.bin --checkpoint" "--config a.json --set data.val="; do
    [ "${argument%=}" = "$argument" ] && argument="$argument "
    # shellcheck disable=SC2086
    check "a pipe nobody writes to is refused: $argument" exits_saying 1 "expected a" \
        timeout 20 "$lmtrain" ${argument}pipe
done

# inspect of shards
check "--verify reads the tokens" exits_saying 0 "verified: ids are below 256" \
    "$lmtrain" inspect train.bin --verify
cp train.bin bad.bin && cp train.json bad.json && printf 'A' | dd of=bad.bin bs=1 seek=100 conv=notrunc 2>/dev/null
check "a changed token is found" exits_saying 1 "bad.bin: damaged: expected digest" \
    "$lmtrain" inspect bad.bin --verify
rm bad.json
check "without a manifest there is nothing to compare with" exits_saying 0 "without a manifest there is no vocabulary" \
    "$lmtrain" inspect bad.bin --verify
