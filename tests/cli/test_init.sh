#!/bin/bash
# lmtrain init: a config for the data that is there, which the program accepts and trains with.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# What init wrote: run.json passes --dry-run, and a few steps train.
usable() { # CONFIG
    "$lmtrain" --config "$1" --dry-run &&
        "$lmtrain" --config "$1" --quiet --set train.steps=3 --set train.micro_batch=2
}
key() { "$lmtrain" --config run.json --print-config | grep -E "\"$1\": [^{]" | sed 's/.*: //; s/,$//'; }
key_is() { [ "$(key "$1")" = "$2" ] || { echo "$1 is $(key "$1"), expected $2"; return 1; }; }

tokenized() { mkdir -p data/book && cd data/book && corpus; }

with_manifest() {
    given tokenized
    check "init writes a config for a corpus that tokenize made" \
        exits_saying 0 "k tokens in data/book/train.bin" "$lmtrain" init data/book
    check "init names the training data" key_is train '"data/book/train.bin"'
    check "init names the validation data" key_is val '"data/book/val.bin"'
    check "init names a run directory after the data" key_is dir '"runs/book"'
    check "init leaves the vocabulary to the manifest" lacks vocab_size run.json
    check "init chooses Muon, and a learning rate for it" \
        grep -q '"optimizer": { "name": "muon", "lr": 0.008 }' run.json
    check "the config of init has comments" grep -q '^ *//' run.json
    check "the config of init passes --dry-run and trains" usable run.json
    check "init does not overwrite a config" exits_saying 2 "add --force" "$lmtrain" init data/book
    check "init --force overwrites a config" exits 0 "$lmtrain" init data/book --force
    check "init does not name a run directory that is there" key_is dir '"runs/book-2"'
    check "init --output writes elsewhere" exits 0 "$lmtrain" init data/book --output other.json
    check "the config of init --output is the same but for its name" \
        test -z "$(diff <(sed s/other/run/ other.json) run.json)"
    check "init finds the one corpus below the directory" exits_saying 0 "data/book/train.bin" \
        "$lmtrain" init --force
    cp -r data/book data/more
    check "init does not choose among several corpora" \
        exits_saying 2 "name one of data/book, data/more" "$lmtrain" init --force
    cd data/book || exit
    check "init without an argument takes the directory it runs in" \
        exits_saying 0 "in train.bin" "$lmtrain" init
    check "init writes no file that would be taken for a manifest" \
        exits_saying 2 "manifest of the shard" "$lmtrain" init --force --output val.json
}
scenario with_manifest

# Little-endian uint16 ids without a manifest; the largest is 999.
raw() { # TOKENS
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) { x = i * 7919 % 1000
        printf "\\%03o\\%03o", x % 256, int(x / 256) } }' | xargs -0 printf
}
without_manifest() {
    mkdir fine
    raw 3000 >fine/x_train_000001.bin
    raw 3000 >fine/x_train_000002.bin
    raw 700 >fine/x_val_000000.bin
    check "init reads shards without a manifest" exits 0 "$lmtrain" init fine
    check "init names several training shards by a pattern" key_is train '"fine/x_train_00000*.bin"'
    check "init names the shard that is called val" key_is val '"fine/x_val_000000.bin"'
    check "init takes the vocabulary from the ids, rounded up" key_is vocab_size 1024
    check "the config for shards without a manifest passes --dry-run and trains" usable run.json
}
scenario without_manifest

odd_corpora() {
    mkdir -p parts/train parts/val one many
    raw 3000 >parts/train/a.bin
    raw 300 >parts/val/a.bin
    check "init takes the directories train and val" exits 0 "$lmtrain" init parts
    check "the config names the directory train" key_is train '"parts/train"'
    check "the config names the directory val" key_is val '"parts/val"'
    check "the config for the directories passes --dry-run and trains" usable run.json

    raw 20 >one/only.bin
    check "init takes a shard of a few tokens" exits 0 "$lmtrain" init one/only.bin --force
    check "the config says how to get validation data" grep -q 'val-fraction' run.json
    check "the config for a few tokens passes --dry-run and trains" usable run.json
    raw 1 >one/only.bin
    check "init refuses data without a single window" exits_saying 2 "at least 2 tokens" \
        "$lmtrain" init one --force

    raw 3000 >many/a.bin
    raw 3000 >many/b.bin
    check "init takes a directory of shards" exits 0 "$lmtrain" init many --force
    check "the config names the directory of shards" key_is train '"many"'

    { printf '\223NUMPY\001\000\166\000'
        printf '%-117s\n' "{'descr': '<u2', 'fortran_order': False, 'shape': (3000,), }"
        raw 3000; } >ids.npy
    check "init takes a NumPy array" exits 0 "$lmtrain" init ids.npy --force
    check "the config for a NumPy array passes --dry-run and trains" usable run.json
}
scenario odd_corpora

text_only() {
    mkdir -p notes/deep
    echo "some text" >notes/deep/a.txt
    check "init of text says how to make tokens of it" \
        exits_saying 2 "lmtrain tokenize --tokenizer bytes --input notes --output data/notes" \
        "$lmtrain" init notes
    check "init of text says what to do then" says "lmtrain init data/notes"
    check "init of text writes no config" fails test -e run.json
    mkdir empty
    check "init of nothing says what it expected" exits_saying 2 "expected tokens (*.bin, *.npy) or text" \
        "$lmtrain" init empty
    check "init names a directory that is not there" exits_saying 1 "nowhere" "$lmtrain" init nowhere
}
scenario text_only
