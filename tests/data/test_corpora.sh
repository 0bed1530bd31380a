#!/bin/bash
# Corpora of others, and corpora that change under a run.
# shellcheck source=../support/run.sh
. tests/support/run.sh

config() {
    given corpus
    tiny a
}
train() { "$lmtrain" --config a.json --quiet "$@"; }
# uint32_of FILE: its uint16 ids as uint32.
uint32_of() { od -An -v -tu2 -w2 "$1" | awk '{ printf "\\x%02x\\x%02x\\0\\0", $1 % 256, $1 / 256 }' | { read -r x; printf "$x"; }; }
int32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }

of_others() {
    given config
    local tokens
    tokens=$(($(stat -c %s train.bin) / 2))
    "$lmtrain" --config a.json --quiet --set run.dir=reference
    vocab=(--set model.vocab_size=256 --set data.tokenizer=bytes)
    { printf "$(int32 20240520)$(int32 1)$(int32 $tokens)"; head -c 1012 /dev/zero; cat train.bin; } >fineweb
    { printf '\x93NUMPY\1\0\x76\0'
      printf '%-117s\n' "{'descr': '<u2', 'fortran_order': False, 'shape': ($tokens,), }"; cat train.bin; } >a.npy
    uint32_of train.bin >wide.bin
    cp train.bin bare
    for corpus in fineweb a.npy wide.bin bare; do
        rm -rf run
        wide=(--set data.token_bytes=$([ $corpus = wide.bin ] && echo 4 || echo 0))
        check "a run on $corpus finishes" exits 0 train "${vocab[@]}" "${wide[@]}" --set data.train=$corpus
        check "a run on $corpus has the losses of the run on raw uint16" same_figures run reference
        check "inspect takes $corpus" exits_saying 0 "$tokens in 1 shard" "$lmtrain" inspect $corpus --verify
    done
    rm -rf run
    check "uint32 ids that the vocabulary does not ask for are refused" \
        exits_saying 1 "looks like uint32: every second id is 0" \
        train "${vocab[@]}" --set data.train=wide.bin
    check "data.token_bytes = 3 is refused" exits_saying 2 "data.token_bytes: expected 0, 2 or 4" \
        train --set data.token_bytes=3
    mv train.json kept.json
    echo '{"license": "CC0"}' >train.json
    check "a .json of somebody else's beside a shard does not stop a run" exits 0 \
        train "${vocab[@]}"
}
scenario of_others

# An id beyond the vocabulary was read beyond the end of the embedding.
changed_in_place() {
    given config
    train --set train.steps=1000000 --set checkpoint.every=5 >out 2>&1 &
    local pid=$!
    until_true test -e run/checkpoints/step-0000000010.npz
    head -c "$(stat -c %s train.bin)" /dev/zero | tr '\0' '\377' |
        dd of=train.bin conv=notrunc status=none
    wait $pid
    check "a run whose shard is changed in place exits with 1" test $? -eq 1
    check "a run whose shard is changed in place says where" \
        grep -q "train.bin: byte offset [0-9]*: expected token ids below 256 (model.vocab_size), found 65535: it changed while it was read" out
    check "a run whose shard is changed in place says where it can go on" \
        grep -q "it changed while it was read; the last good checkpoint is run/checkpoints/step-" out
    check "a run whose shard is changed in place keeps its checkpoints" \
        exits 0 "$lmtrain" inspect --verify run
    check "the run directory has checkpoints" test -n "$(ls run/checkpoints)"
    check "the summary of a run whose shard is changed says that it failed" grep -q failed run/summary.json
}
scenario changed_in_place

# vouched FILE: a manifest that vouches for it, which it does not deserve: what is read is found out.
vouched() {
    cat >"${1%.bin}.json" <<JSON
{"format": "lmtrain tokens", "version": 1, "dtype": "uint16", "tokenizer": "bytes", "vocab_size": 256,
 "tokens": $(($(stat -c %s "$1") / 2)), "xxh64": "0123456789abcdef",
 "size": $(stat -c %s "$1"), "modified": "$(stat -c %.9Y "$1")", "largest_id": 255}
JSON
}
# A sparse file that would take half a minute to read.
far_larger_than_memory() {
    given config
    export XDG_CACHE_HOME=$PWD/cache
    truncate -s 64G far.bin 2>out || { echo "ok - no sparse files here # SKIP"; return; }
    touch -d '1 hour ago' far.bin
    vouched far.bin
    check "a corpus of 64 GB that is vouched for trains at once" \
        exits 0 timeout 10 "$lmtrain" --config a.json --quiet --set data.train=far.bin --set train.steps=20
    check "memory does not grow with the corpus" \
        awk -F'[:,]' '/peak_resident/ { exit $2 > 3e8 }' run/summary.json
    rm -rf run far.json
    "$lmtrain" --config a.json --set data.train=far.bin --set model.vocab_size=256 >out 2>&1 &
    local pid=$!
    check "a check that takes long says how far it is" until_true says "lmtrain: checking far.bin: "
    kill $pid
    SECONDS=0
    wait $pid
    check "a signal ends a check at once" test $? -eq 143 -a $SECONDS -le 2
    check "a check that was ended makes no run" test ! -e run
    "$lmtrain" --config a.json --set data.train=far.bin --set model.vocab_size=256 --quiet >out 2>&1 &
    pid=$!
    sleep 1
    kill $pid
    wait $pid
    check "--quiet says nothing about a check" lacks checking out
}
scenario far_larger_than_memory
