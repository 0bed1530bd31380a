# For test scripts: a scratch directory that is removed, ok / not ok lines, and a tiny run.
# shellcheck shell=bash
set -u
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lmtrain-test.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
root=$PWD
cd "$scratch" || exit 1
lmtrain=${LMTRAIN:-$root/lmtrain}

# A python3 with NumPy, for readers that are not ours; empty when there is none.
python=
for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import numpy' 2>/dev/null && python=$candidate && break
done

# check WHAT COMMAND...: ok when the command succeeds.
check() {
    local what=$1
    shift
    if "$@" >check.out 2>&1; then
        echo "ok - $what"
    else
        echo "not ok - $what"
        sed 's/^/    /' check.out | tail -n 20
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
# says TEXT: the last exits' output has it.
says() { grep -qF -- "$1" out || { echo "expected \"$1\" in:"; cat out; return 1; }; }
# Both: run, compare the code, find the text.
exits_saying() {
    local code=$1 text=$2
    shift 2
    exits "$code" "$@" && says "$text"
}

# A corpus of text that a tiny model learns something of, as train.bin and val.bin.
make_corpus() {
    for i in $(seq 1 400); do
        echo "line $i: the quick brown fox number $((i * 7919 % 101)) jumps over the lazy dog"
    done >text.txt
    "$lmtrain" tokenize --tokenizer bytes --input text.txt --output . --val-fraction 0.1 >/dev/null
}
# tiny NAME [JSON...]: NAME.json, a run of 40 steps in run directory NAME.
tiny() {
    cat >"$1.json" <<END
{
  "run": {"dir": "run"},
  "model": {"d_model": 32, "n_layers": 2, "n_heads": 2, "context_length": 32},
  "data": {"train": "train.bin", "val": "val.bin"},
  "train": {"steps": 40, "micro_batch": 4, "grad_accumulation": 2},
  "optimizer": {"lr": 1e-2},
  "eval": {"every": 10, "tokens": 500},
  "checkpoint": {"every": 7, "keep_last": 2}
}
END
}
