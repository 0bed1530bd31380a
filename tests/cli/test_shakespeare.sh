#!/bin/bash
# configs/shakespeare-*.json: `make data/shakespeare` cuts a text as nanoGPT does, and each config
# and sweep can be run as it is.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# What make would do, done here. 8,001 characters, of which nine tenths are not whole.
data() {
    local i
    ln -s "$lmtrain" lmtrain
    for i in $(seq 1 160); do
        echo "line $i: the quick brown fox $((i * 79 % 90 + 10)) jumps over the very lazy dogs"
    done | head -c 8000 >text.txt
    echo >>text.txt
    (cd "$root" && MAKEFLAGS='' MAKELEVEL='' \
        make --no-print-directory -n data/shakespeare TEXT="$1") >recipe
}
cut() {
    data "$PWD/text.txt"
    sed -n '/^mkdir -p data\/shakespeare/,$p' recipe >lines.sh # without what builds the program
    sh lines.sh
}
the_cut() {
    given cut
    check "make data/shakespeare trains on nine tenths of the characters, rounded down" \
        test "$(wc -c <data/shakespeare/train.bin)" -eq $((7200 * 2))
    check "make data/shakespeare holds out the rest" \
        test "$(wc -c <data/shakespeare/val.bin)" -eq $((801 * 2))
    data /nonexistent
    check "make data/shakespeare says what it needs when there is no text" \
        exits_saying 2 "expected the file of tinyshakespeare" \
        sh <(sed -n '/^\[ -f/,/exit 2/p' recipe)
}
scenario the_cut

configs() {
    given cut
    local f name
    for f in "$root"/configs/shakespeare-*.json; do
        name=$(basename "$f" .json)
        check "$name trains as it is" exits 0 "$lmtrain" --config "$f" --quiet \
            --set run.dir="$name" --set train.steps=2 --set schedule.warmup_steps=1
        check "$name evaluates all of the validation data" grep -q '"tokens": 0' "$f"
    done
    ln -s "$root/configs" configs
    for f in configs/sweeps/shakespeare-*.json; do
        check "$f names settings that its config takes" exits 0 \
            "$lmtrain" sweep --config "$f" --dry-run
    done
}
scenario configs
