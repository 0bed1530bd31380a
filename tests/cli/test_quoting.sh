#!/bin/bash
# Nothing from outside writes lines or escape sequences of its own to a terminal or a log: paths, keys,
# values, names in run directories (tests/checkpoint has those of arrays).
# shellcheck source=../support/run.sh
. tests/support/run.sh

esc=$'\e'
# shown TEXT: the output of the last `exits` holds TEXT and no raw escape.
shown() { says "$1" && ! grep -q "$esc" out; }

hostile_paths() {
    check "a config with an escape sequence in its path cannot be opened" \
        exits 2 "$lmtrain" --config "no$esc[31msuch.json"
    check "a config with an escape sequence in its path is named in text" shown 'no\x1b[31msuch.json: cannot open'
    check "a file with a newline in its path cannot be opened" \
        exits 1 "$lmtrain" inspect $'no\nlmtrain: finished.npz'
    check "a file with a newline in its path is named on one line" shown 'no\nlmtrain: finished.npz'
    check "a command with an escape in its name does not exist" exits 2 "$lmtrain" "tra$esc""in"
    check "a command with an escape in its name is named in text" shown 'tra\x1bin'
    check "an option with an escape in its name does not exist" exits 2 "$lmtrain" train "--con$esc""fig"
    check "an option with an escape in its name is named in text" shown '--con\x1bfig'
}
trained() { corpus >/dev/null && tiny a && "$lmtrain" --config a.json --quiet --set train.steps=2; }
hostile_config() {
    given trained
    printf '{"run": {"dir": "r", "\\u001b[2Jkey": 1, "\\u009b2J": 2, "d\\nlmtrain: ok": 3}}' >bad.json
    check "a config whose keys have control characters is refused" exits 2 "$lmtrain" --config bad.json
    check "control characters of keys are shown as text" shown 'run.\x1b[2Jkey'
    check "C1 controls of keys are shown as text" says 'run.\u009b2J'
    check "newlines of keys are shown as text" says 'run.d\nlmtrain: ok'
    check "a value of --set with an escape is refused" \
        exits 2 "$lmtrain" --config a.json --set "optimizer.name=ad$esc""am"
    check "an escape in a value of --set is shown as text" shown 'ad\x1bam'
    check "a run trains in a directory with an escape in its name" \
        exits 0 "$lmtrain" --config a.json --set "run.dir=dir$esc/run" --set train.steps=2
    check "a run shows an escape in its directory's name as text" shown 'dir\x1b/run'
    check "--print-config prints a config with an escape" \
        exits 0 "$lmtrain" --config a.json --print-config --set "run.dir=dir$esc/x"
    check "--print-config prints an escape as a JSON escape" shown 'dir\u001b/x'
    ln -s train.bin "tr$esc.bin"
    check "--dry-run takes data with an escape in its name" exits 0 "$lmtrain" --config a.json --dry-run \
        --set "data.train=tr$esc.bin" --set run.dir=z --set data.tokenizer=bytes
    check "--dry-run shows an escape in the data's name as text" shown 'tr\x1b.bin'
}
hostile_run() {
    given trained
    local file=run/checkpoints/step-0000000002.npz
    printf '{"state": "%s[31m"}' "$esc" >run/summary.json
    check "a summary that somebody else wrote is inspected" exits 0 "$lmtrain" inspect run
    check "inspect shows escapes of a summary as text" shown '\x1b[31m'
    mv "$file" "run/checkpoints/step-0000000002$esc.npz"
    check "inspect takes a run with an escape in a file's name" exits 0 "$lmtrain" inspect run
    check "inspect shows an escape in a file's name as text" shown 'step-0000000002\x1b.npz'
}
scenario hostile_paths
scenario hostile_config
scenario hostile_run
