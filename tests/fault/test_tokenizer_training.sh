#!/bin/bash
# The k-th allocation, open, write, sync or rename of `tokenize --train` fails: the exit code says
# so, and tokenizer.json is whole or not there.
# shellcheck source=run.sh
. tests/fault/run.sh

if [ ! -e "$interpose" ]; then
    echo "skip - no interposed library: not with sanitizers"
    exit 0
fi

train() {
    "$lmtrain" tokenize --train --vocab-size 600 --tokenizer-only --threads 2 --input text.txt \
        --output "$1"
}
trained() { given corpus && train straight >/dev/null; }

# every CALL: for k = 1, 2, ... until the k-th CALL is no longer reached.
every() {
    local call=$1 k=1 code
    given trained
    while :; do
        rm -rf out1 mark
        FAULT=$call:$k FAULT_MARK=mark LD_PRELOAD=$interpose train out1 >fault.out 2>&1
        code=$?
        if [ ! -e out1/tokenizer.json ]; then
            [ "$code" -eq 1 ] || [ "$code" -eq 2 ]
        else
            [ "$code" -le 1 ] && cmp straight/tokenizer.json out1/tokenizer.json
        fi || { echo "$call:$k: exit code $code"; cat fault.out; return 1; }
        [ -e mark ] || break
        k=$((k + 1 + k / 40))
    done
    [ "$code" -eq 0 ] || { echo "$call:$k: not reached, exit code $code"; return 1; }
    [ "$k" -gt 1 ] || { echo "$call is never called"; return 1; }
}
for call in malloc calloc realloc open write fsync rename; do
    scenario check "a tokenizer is trained or not after the k-th $call failed, for every k" \
        every "$call"
done

# Killed at the k-th rename or sync, the same command goes on: with the tokenizer, then the shards.
whole() {
    "$lmtrain" tokenize --train --vocab-size 600 --threads 2 --input text.txt --shard-tokens 2000 \
        --output "$1"
}
made() { given corpus && whole straight >/dev/null; }
killed_at_every() {
    local call=$1 k=1 code
    given made
    while :; do
        rm -rf out1 mark
        FAULT="$call:$k!" FAULT_MARK=mark LD_PRELOAD=$interpose whole out1 >fault.out 2>&1
        code=$?
        [ -e mark ] || break
        [ "$code" -eq 137 ] || { echo "$call:$k: exit code $code"; cat fault.out; return 1; }
        # The last kill may leave nothing to do.
        whole out1 >again.out 2>&1 || grep -q "exists already" again.out || { cat again.out; return 1; }
        diff -r -I '"modified"' -x unfinished.json straight out1 || { echo "$call:$k"; return 1; }
        k=$((k + 1))
    done
    [ "$k" -gt 3 ] || { echo "$call is called $k times alone"; return 1; }
}
for call in rename fsync; do
    scenario check "tokenize --train goes on by the same command after a kill at the k-th $call, for every k" \
        killed_at_every "$call"
done
