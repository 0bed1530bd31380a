# For test scripts: scenarios in directories of their own, and "ok - what" lines.
#
#     trained() { given corpus; tiny a; "$lmtrain" --config a.json --quiet; }
#     interrupted_run() {
#         given trained
#         check "a run that was interrupted says so in its summary" grep -q interrupted run/summary.json
#     }
#     scenario interrupted_run
#     scenario check "what one function proves" FUNCTION
#
# shellcheck shell=bash
set -u
export SHELL=/bin/sh # what script(1) runs its command by, whoever runs the tests
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lmtrain-test.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
root=$PWD
cd "$scratch" || exit 1
lmtrain=${LMTRAIN:-$root/lmtrain}
scenarios=0

# A python3 with NumPy, for readers that are not ours; empty when there is none.
python=
for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import numpy' 2>/dev/null && python=$candidate && break
done

# scenario COMMAND...: runs the command, mostly a function of checks, in an empty directory and in a
# subshell, so that neither files nor variables reach the next scenario.
scenario() {
    scenarios=$((scenarios + 1))
    local where=$scratch/scenario-$scenarios
    mkdir "$where"
    (
        cd "$where" || exit
        "$@"
        : >"$where.ended"
    )
    [ -e "$where.ended" ] || echo "not ok - the scenario \"$1\" runs to its end"
    rm -rf "$where"
}
# given FUNCTION: a copy of what FUNCTION makes in an empty directory; it is called once per script.
# Ends the scenario when it fails.
given() {
    local made=$scratch/given-$1
    if [ ! -e "$made" ]; then
        mkdir "$made"
        (cd "$made" && "$1") >"$made.out" 2>&1 || {
            echo "not ok - \"$1\", which a scenario begins with, can be made"
            sed 's/^/    /' "$made.out" | tail -n 20
            exit 1
        }
    fi
    cp -a "$made/." .
}

# check WHAT COMMAND...: ok when the command succeeds. WHAT is a sentence that says what is proved, also
# to a reader who sees that line alone.
check() {
    local what=$1
    shift
    if "$@" >"$scratch/check.out" 2>&1; then
        echo "ok - $what"
    else
        echo "not ok - $what"
        sed 's/^/    /' "$scratch/check.out" | tail -n 20
    fi
}
# exits CODE COMMAND...: runs it with its output in out; true when it exits with CODE.
exits() {
    local code=$1 got
    shift
    "$@" >out 2>&1
    got=$?
    [ "$got" -eq "$code" ] || { echo "exit code $got, expected $code:"; cat out; return 1; }
}
# says TEXT: the output of the last `exits` has it.
says() { grep -qF -- "$1" out || { echo "expected \"$1\" in:"; cat out; return 1; }; }
# Both: run, compare the code, find the text.
exits_saying() {
    local code=$1 text=$2
    shift 2
    exits "$code" "$@" && says "$text"
}
# fails COMMAND...: true when the command does not succeed.
fails() { ! "$@"; }
# lacks PATTERN FILE: no line of FILE matches.
lacks() { [ -e "$2" ] && ! grep -- "$1" "$2"; }
# until_true COMMAND...: waits for it to succeed, a minute at most: on a busy machine programs begin late.
until_true() {
    for _ in $(seq 1 3000); do "$@" 2>/dev/null && return 0; sleep 0.02; done
    echo "waited in vain for: $*"
    return 1
}
# more_lines FILE N: FILE has more than N lines.
more_lines() { [ "$(wc -l <"$1")" -gt "$2" ]; }
# damage FILE [PLACE]: overwrites a few bytes there.
damage() { printf damaged | dd of="$1" bs=1 seek="${2:-5000}" conv=notrunc status=none; }
# figures RUN: its metrics without what depends on the clock.
figures() { sed -n 's/,"tokens_per_s.*//p; s/,"val_tokens.*//p' "$1/metrics.jsonl"; }
same_figures() { cmp <(figures "$1") <(figures "$2"); }

# A corpus of text that a tiny model learns something of, as train.bin and val.bin.
corpus() {
    for i in $(seq 1 400); do
        echo "line $i: the quick brown fox number $((i * 7919 % 101)) jumps over the lazy dog"
    done >text.txt
    "$lmtrain" tokenize --tokenizer bytes --input text.txt --output . --val-fraction 0.1
}
# tried_keys: what a step depends on, one key per line with the values to test: all choices, true
# and false, the numbers that the table of keys names. An option in that table is tested.
tried_keys() {
    "$lmtrain" train --print-schema | awk '
        /^    "[a-z$]*": {$/ { gsub(/[": {]/, ""); section = $0 }
        /^        "[a-z_0-9]*": {$/ { gsub(/[": {]/, ""); name = $0 }
        section !~ /^(model|optimizer|schedule|train|data)$/ || name == "preset" { next }
        /"type": "boolean"/ { print section "." name, "false", "true" }
        /"enum":/ { sub(/.*\[/, ""); gsub(/[]",]/, ""); print section "." name, $0 }
        /"\$comment": "tests try / {
            sub(/.*tests try /, ""); sub(/",?$/, ""); gsub(/\\"/, "\"")
            tries = $0
        }
        /"default":/ && tries {
            sub(/.*: /, "")
            print section "." name, $0, tries
            tries = ""
        }'
}
# applying: reads arguments, one per line, and writes those without "--set" of keys that have no
# effect beside the others; a.json is the config.
applying() {
    local arguments without
    mapfile -t arguments
    without=$("$lmtrain" --config a.json --dry-run "${arguments[@]}" 2>&1 |
        sed -n 's/.*: \([a-z.0-9_]*\) has no effect when .*/\1/p')
    printf '%s\n' "${arguments[@]}" | awk -v without="$without" '
        BEGIN { n = split(without, names, "\n"); for (i = 1; i <= n; i++) none[names[i]] }
        $0 == "--set" { next }
        /^--/ { print; next }
        { name = $0; sub(/=.*/, "", name); if (!(name in none)) print "--set\n" $0 }'
}
# every_option COLUMN: arguments, one per line, that give each key of the model its value number
# COLUMN, or its last one, where the key has an effect. Documents of the corpus begin with "e" (101).
# option_columns: how many columns there are; the first is 1.
every_option() {
    tried_keys | awk -v column="$1" '/^model\./ {
        print "--set\n" $1 "=" (column + 1 < NF ? $(column + 1) : $NF)
        if ($1 == "model.document_mask" && column > 1)
            print "--set\nmodel.document_token=101"
    }' | applying
}
option_columns() {
    tried_keys | awk '/^model\./ && NF > most { most = NF } END { print most - 1 }'
}
# tiny NAME: NAME.json, a run of 40 steps in the directory run.
tiny() {
    cat >"$1.json" <<JSON
{
  "run": {"dir": "run"},
  "model": {"d_model": 32, "n_layers": 2, "n_heads": 2, "context_length": 32, "init_std": 0.02},
  "data": {"train": "train.bin", "val": "val.bin"},
  "train": {"steps": 40, "micro_batch": 4, "grad_accumulation": 2},
  "optimizer": {"lr": 1e-2},
  "eval": {"every": 10, "tokens": 500},
  "checkpoint": {"every": 7, "keep_last": 2}
}
JSON
}
