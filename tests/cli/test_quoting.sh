#!/bin/bash
# Nothing from outside writes lines or escape sequences of its own to a terminal or a log: paths, keys,
# values, names in run directories (tests/checkpoint has those of arrays).
# shellcheck source=../support/run.sh
. tests/support/run.sh

esc=$'\e'
# shown TEXT: the output of the last `exits` holds TEXT and no raw escape.
shown() { says "$1" && ! grep -q "$esc" out; }

hostile_paths() {
    check "a config that cannot be opened, with an escape sequence in its path" \
        exits 2 "$lmtrain" --config "no$esc[31msuch.json"
    check "is named with the sequence shown as text" shown 'no\x1b[31msuch.json: cannot open'
    check "a file that cannot be opened, with a newline in its path" \
        exits 1 "$lmtrain" inspect $'no\nlmtrain: finished.npz'
    check "begins no line of its own" shown 'no\nlmtrain: finished.npz'
    check "a command that does not exist" exits 2 "$lmtrain" "tra$esc""in"
    check "is named with its escape shown" shown 'tra\x1bin'
    check "an option that does not exist" exits 2 "$lmtrain" train "--con$esc""fig"
    check "is named with its escape shown too" shown '--con\x1bfig'
}
trained() { corpus >/dev/null && tiny a && "$lmtrain" --config a.json --quiet --set train.steps=2; }
hostile_config() {
    given trained
    printf '{"run": {"dir": "r", "\\u001b[2Jkey": 1, "\\u009b2J": 2, "d\\nlmtrain: ok": 3}}' >bad.json
    check "keys with control characters" exits 2 "$lmtrain" --config bad.json
    check "are shown with escapes" shown 'run.\x1b[2Jkey'
    check "C1 controls too" says 'run.\u009b2J'
    check "and newlines" says 'run.d\nlmtrain: ok'
    check "a value with an escape, from --set" \
        exits 2 "$lmtrain" --config a.json --set "optimizer.name=ad$esc""am"
    check "is shown with it" shown 'ad\x1bam'
    check "a run whose directory has an escape in its name" \
        exits 0 "$lmtrain" --config a.json --set "run.dir=dir$esc/run" --set train.steps=2
    check "shows it as text" shown 'dir\x1b/run'
    check "a config that is printed" \
        exits 0 "$lmtrain" --config a.json --print-config --set "run.dir=dir$esc/x"
    check "has it as a JSON escape" shown 'dir\u001b/x'
    ln -s train.bin "tr$esc.bin"
    check "a plan of data with an escape in its name" exits 0 "$lmtrain" --config a.json --dry-run \
        --set "data.train=tr$esc.bin" --set run.dir=z --set data.tokenizer=bytes
    check "shows it as text too" shown 'tr\x1b.bin'
}
hostile_run() {
    given trained
    local file=run/checkpoints/step-0000000002.npz
    printf '{"state": "%s[31m"}' "$esc" >run/summary.json
    check "a summary that somebody else wrote is inspected" exits 0 "$lmtrain" inspect run
    check "without its escapes" shown '\x1b[31m'
    mv "$file" "run/checkpoints/step-0000000002$esc.npz"
    check "names of files in a run directory" exits 0 "$lmtrain" inspect run
    check "are listed with escapes" shown 'step-0000000002\x1b.npz'
}
scenario hostile_paths
scenario hostile_config
scenario hostile_run
