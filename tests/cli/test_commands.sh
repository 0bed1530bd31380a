#!/bin/bash
# Commands, options, help, suggestions and exit codes; inspect of shards.
# shellcheck source=../support/run.sh
. tests/support/run.sh

general_help() {
    check "lmtrain --help lists the commands" exits_saying 0 "tokenize" "$lmtrain" --help
    check "lmtrain help prints the exit codes" exits_saying 0 "Exit codes" "$lmtrain" help
    check "lmtrain without arguments exits with 2 and asks for a command" \
        exits_saying 2 "expected a command" "$lmtrain"
    check "--version names the instruction sets" exits_saying 0 "instruction sets: scalar" \
        "$lmtrain" --version
    cp out version
    check "-V succeeds" exits 0 "$lmtrain" -V
    check "-V prints what --version prints" cmp out version
    check "-V works behind a command too" exits_saying 0 "instruction sets: scalar" \
        "$lmtrain" eval -V
    check "--version works behind a command too" exits_saying 0 "instruction sets: scalar" \
        "$lmtrain" eval --version
}
scenario general_help

help_of_commands() {
    local command
    for command in train tokenize generate eval export inspect diff bench init help; do
        check "lmtrain $command --help has an example" exits_saying 0 "Example:" \
            "$lmtrain" $command --help
        check "lmtrain $command --help has the exit codes" says "interrupted: train has written"
        cp out want
        check "lmtrain help $command prints a usage" exits_saying 0 "Usage:" "$lmtrain" help $command
        check "lmtrain help $command and $command --help print the same" cmp out want
        check "lmtrain $command refuses an option it does not know" \
            exits_saying 2 "unknown option --frobnicate" "$lmtrain" $command --frobnicate
    done
    for command in train tokenize generate eval export inspect diff; do
        check "lmtrain $command without arguments exits with 2 and names the command" \
            exits_saying 2 "lmtrain: $command: " "$lmtrain" $command
    done
}
scenario help_of_commands

help_options() {
    for command in inspect watch report scaling generate "eval --data x" "export --to hf --output x" \
        "average --last 2 --output x" "import --output x" "diff nowhere" "sweep --join"; do
        # shellcheck disable=SC2086 # command is words
        check "${command%% *} exits with 1 where the directory does not exist" \
            exits_saying 1 "nowhere: cannot open: No such file or directory" "$lmtrain" $command nowhere
    done
    check "help of an unknown command gets a suggestion" exits_saying 2 'did you mean "eval"?' \
        "$lmtrain" help evl
    check "help names the shells that it has completions for" \
        exits_saying 2 "expected one of bash, zsh, fish" "$lmtrain" help --completion csh
    check "help takes one command" exits_saying 2 "found 2" "$lmtrain" help train eval
}
scenario help_options

bad_arguments() {
    check "an unknown command gets a suggestion" exits_saying 2 'did you mean "generate"?' \
        "$lmtrain" genrate
    check "an unknown option of a command gets a suggestion" \
        exits_saying 2 'did you mean "--checkpoint"?' "$lmtrain" eval --checkpont x
    check "an unknown option of lmtrain itself gets a suggestion" \
        exits_saying 2 'did you mean "--version"?' "$lmtrain" --verison
    check "an unknown instruction set gets a suggestion" exits_saying 2 "did you mean" \
        "$lmtrain" --config x --cpu scaler
    check "--help as the value of an option does not print help" \
        exits_saying 1 "nowhere: cannot open" \
        "$lmtrain" generate --prompt --help --checkpoint nowhere
    check "-h as the value of an option does not print help" exits_saying 1 "nowhere: cannot open" \
        "$lmtrain" generate --prompt -h --checkpoint nowhere
    check "an error names the program once" test "$(grep -c lmtrain out)" -eq 1
    check "an option that is required is named when it is missing" \
        exits_saying 2 "--checkpoint is required" "$lmtrain" eval
    check "an option without its value is refused" exits_saying 2 "expected FILE, found nothing" \
        "$lmtrain" --config
    check "a switch with a value is refused" exits_saying 2 "takes no value" "$lmtrain" --quiet=yes
    check "an option given twice is refused" exits_saying 2 "given twice" \
        "$lmtrain" --config a --config b
    check "an argument that no command expects is refused" exits_saying 2 "unexpected argument" \
        "$lmtrain" train a.json
    check "a negative number of tokens is refused" exits_saying 2 "expected a whole number from 0" \
        "$lmtrain" generate --checkpoint x --tokens -3
    check "a top-p above 1 is refused" exits_saying 2 "expected a number from 0 to 1" \
        "$lmtrain" generate --checkpoint x --top-p 1.5
}
scenario bad_arguments

no_checkpoint() {
    check "generate refuses a directory without checkpoints" \
        exits_saying 1 "expected a checkpoint" "$lmtrain" generate --checkpoint .
    echo text >some.txt
    check "eval names a file that is no checkpoint" exits_saying 1 "some.txt" \
        "$lmtrain" eval --checkpoint some.txt --data some.txt
    for i in $(seq 1 40); do echo "line $i of text"; done >some.txt
    check "inspect says what a file of text looks like" exits_saying 1 "looks like text" \
        "$lmtrain" inspect some.txt
}
scenario no_checkpoint

full_disk() {
    "$lmtrain" --help >/dev/full 2>err
    check "--help on a full disk exits with 1" test $? -eq 1
    check "--help on a full disk says that it cannot write" grep -q 'cannot write' err
}
if [ -e /dev/full ]; then scenario full_disk; fi

printed_config() {
    given corpus
    tiny a
    check "--print-schema prints a JSON schema" exits_saying 0 "json-schema.org/draft/2020-12" \
        "$lmtrain" train --print-schema
    check "--print-config prints keys that the config does not change" \
        exits_saying 0 '"keep_last": 2' "$lmtrain" --config a.json --print-config
    cp out printed.json
    check "what --print-config prints is a config" exits 0 \
        "$lmtrain" --config printed.json --print-config
    check "what --print-config prints is the same config" cmp out printed.json
    check "--set overrides a key of the config" exits_saying 0 '"lr": 0.125' \
        "$lmtrain" --config a.json --set optimizer.lr=0.125 --print-config
    check "--set of an unknown key gets a suggestion" exits_saying 2 'did you mean "optimizer.lr"?' \
        "$lmtrain" --config a.json --set optimizer.l=3
}
scenario printed_config

# ---- files ----
pipes() {
    given corpus
    tiny a
    mkfifo pipe
    local command
    for command in "tokenize --tokenizer bytes --output out1 --input pipe" "inspect pipe" \
        "generate --checkpoint pipe" "eval --data train.bin --checkpoint pipe" \
        "--config a.json --set data.val=pipe"; do
        # shellcheck disable=SC2086
        check "a pipe that nobody writes to is refused: lmtrain $command" exits_saying 1 "expected a" \
            timeout 20 "$lmtrain" $command
    done
}
scenario pipes

inspected_shards() {
    given corpus
    check "inspect --verify reads all tokens of a shard" \
        exits_saying 0 "verified: ids are below 256" "$lmtrain" inspect train.bin --verify
    cp train.bin bad.bin
    cp train.json bad.json
    printf A | dd of=bad.bin bs=1 seek=100 conv=notrunc status=none
    check "inspect --verify finds that a token was changed" \
        exits_saying 1 "bad.bin: damaged: expected digest" "$lmtrain" inspect bad.bin --verify
    rm bad.json
    check "inspect --verify of a shard without a manifest has nothing to compare with" \
        exits_saying 0 "without a manifest there is no vocabulary" "$lmtrain" inspect bad.bin --verify
}
scenario inspected_shards
