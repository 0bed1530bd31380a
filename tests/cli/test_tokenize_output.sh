#!/bin/bash
# tokenize: shards, disks that are full, and going on after the process was killed.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# The number of threads says how much text is encoded at once.
how=(--tokenizer bytes --separator '\n\n' --threads 2)
tokenize() { "$lmtrain" tokenize "${how[@]}" "$@"; }
# 400 documents of different sizes.
text() { for i in $(seq 400); do seq "$i" $((i * 3)); echo; done >text; }
# More than is read at once of a pipe, of which the process then waits for the rest.
long_text() { for i in $(seq 400); do seq "$i" $((i * 30)); echo; done >text; }

shards() {
    given text
    tokenize --input text --output one >/dev/null
    check "--shard-tokens cuts the corpus" exits_saying 0 "400 documents, 9 shards" \
        tokenize --input text --output cut --shard-tokens 80000
    check "shards are numbered" test -e cut/train-00000.bin -a -e cut/train-00008.bin
    check "each shard has a manifest" exits_saying 0 "80000" cat cut/train-00003.json
    check "a shard holds as many tokens as asked for" test "$(wc -c <cut/train-00007.bin)" -eq 160000
    cat cut/train-*.bin >joined
    check "all shards together are the corpus" cmp joined one/train.bin
    check "nothing unfinished is left" test ! -e cut/unfinished.json
    check "inspect takes a shard for whole" exits 0 "$lmtrain" inspect cut/train-00008.bin --verify
    check "shards that are there are not overwritten" exits_saying 2 "cut/train-00000.bin exists" \
        tokenize --input text --output cut
    check "--force replaces them" exits 0 tokenize --input text --output cut --shard-tokens 300000 \
        --val-fraction 0.1 --force
    check "shards of the earlier corpus are gone" test ! -e cut/train-00003.bin -a ! -e cut/train-00003.json
    check "validation is cut likewise" test -e cut/val-00000.bin
    check "--force replaces shards by one" exits 0 tokenize --input text --output cut --force
    check "none of the shards is left" test "$(ls -A cut | tr '\n' ' ')" = "train.bin train.json "
}
scenario shards

# Ends the process with signal 9 when it has made a restart point and waits for more text.
kill_when_waiting() {
    mkfifo pipe
    exec 7<>pipe
    "$lmtrain" tokenize "${how[@]}" --input - "${@:2}" <pipe >out 2>&1 &
    local process=$! tries=0
    head -c "$1" text >pipe
    until [ -e "$directory/unfinished.json" ] || [ $((tries++)) -gt 200 ]; do sleep 0.05; done
    kill -9 "$process"
    wait "$process" 2>/dev/null
    exec 7>&-
    rm pipe
}

killed() {
    given long_text
    local size directory=killed to=(--output killed --val-fraction 0.1 --shard-tokens 500000)
    tokenize --input - --output whole --val-fraction 0.1 --shard-tokens 500000 <text >said
    for size in 5000000 8000000; do
        rm -rf killed
        kill_when_waiting $size "${to[@]}"
        check "a job that was killed after $size bytes leaves where it was" test -s killed/unfinished.json
        check "an unfinished corpus is not used for a whole one" \
            exits_saying 1 "killed: expected a whole corpus, found an unfinished one" \
            "$lmtrain" inspect killed
        check "it does not go on with other options" exits_saying 2 "unfinished corpus of other options" \
            tokenize --input - "${to[@]}" --sample 0.5 <text
        check "it does not go on with other text" exits_saying 1 "the text is not what" \
            tokenize --input - "${to[@]}" < <(sed 's/7/8/' text)
        check "the same command goes on" exits_saying 0 "going on in killed behind" \
            tokenize --input - "${to[@]}" <text
        check "and says what an undisturbed job says" \
            test "$(sed 's/killed/whole/' out | grep -v 'going on')" = "$(cat said)"
        check "its corpus is that of an undisturbed job" diff -r -I '"modified"' killed whole
    done
    rm -rf killed
    kill_when_waiting 6000000 "${to[@]}"
    cp whole/train-00000.bin whole/train-00000.json killed
    check "by a pattern neither" exits_saying 1 "killed: expected a whole corpus" \
        "$lmtrain" inspect 'killed/train-0000[0].bin'
    check "a shard of it that is whole is used by its name" \
        exits 0 "$lmtrain" inspect killed/train-00000.bin
    check "--force begins anew" exits 0 tokenize --input - "${to[@]}" --force <text
    check "and makes the same corpus" diff -r -I '"modified"' killed whole
}
scenario killed

# The limit on the size of a file stands for a full disk.
full_disk() {
    given text
    tokenize --input text --output whole >/dev/null
    limited() { (ulimit -f 500; tokenize --input text --output "$@"); }
    check "a full disk is an error" exits_saying 1 "cannot write" limited early
    check "without a restart point nothing is left" test -z "$(ls -A early)"
    tokenize --input text --output cut --shard-tokens 200000 >/dev/null
    (
        # The second shard does not fit.
        ulimit -f 300
        tokenize --input text --output late --shard-tokens 100000 --val-fraction 0.3
    ) >/dev/null 2>&1
    check "shards below the limit fit" test -e late/train-00000.bin
}
scenario full_disk

disk_too_small() {
    given text
    truncate -s 8T huge
    printf 'text' | dd of=huge conv=notrunc status=none
    tr '\0' 'x' </dev/zero | head -c 2000000 | dd of=huge conv=notrunc status=none
    check "a corpus that surely does not fit is refused before it is begun" \
        exits_saying 1 "the shards take at least 16.0 TiB, and the disk has" \
        tokenize --input huge --output out1
}
scenario disk_too_small
