#!/bin/bash
# Streams that are closed, full, or read by somebody who leaves early: nothing of the run is lost.
# shellcheck source=../support/run.sh
. tests/support/run.sh

make_corpus
tiny a
"$lmtrain" --config a.json --quiet --set run.dir=plain || exit 1
untimed() { sed 's/,"\(tokens_per_s\|seconds\)":.*//' "$1/metrics.jsonl"; }
same_losses() { cmp <(untimed plain) <(untimed "$1"); }
same_files() {
    "$lmtrain" inspect --verify "$1/checkpoints/step-0000000040.npz" &&
        [ "$(cd "$1" && find . -type f | sort)" = "$(cd plain && find . -type f | sort)" ] &&
        [ ! -s "$1/.lock" ]
}

"$lmtrain" --config a.json --set run.dir=closed >&- 2>&-
check "nowhere to write to: the run finishes" test $? -eq 0
check "nothing but metrics went into the metrics" same_losses closed
check "the files are those of any run" same_files closed

"$lmtrain" --config a.json --set run.dir=left 2>&1 | head -n 1 >out
check "a reader that leaves: the run finishes all the same" test "${PIPESTATUS[0]}" -eq 0
check "its metrics are whole" same_losses left
check "its summary says finished" grep -q '"reason": "finished"' left/summary.json

if [ -e /dev/full ]; then
    "$lmtrain" --config a.json --set run.dir=full 2>/dev/full
    check "a full disk under the progress: the run finishes" test $? -eq 0
    check "its metrics are whole too" same_losses full
    for command in "generate --checkpoint plain --tokens 5" "eval --checkpoint plain --data val.bin" \
        "inspect plain" "--config a.json --dry-run" "--config a.json --print-config" \
        "train --print-schema" "--version"; do
        # shellcheck disable=SC2086
        "$lmtrain" $command >/dev/full 2>err
        check "$command >/dev/full exits with 1" test $? -eq 1
        check "and says why" grep -q "standard output: cannot write: No space left" err
    done
fi
"$lmtrain" generate --checkpoint plain --tokens 1000000 | head -c 5 >out
check "generate stops when nobody reads on" test "$(wc -c <out)" -eq 5

# A damaged checkpoint is named by whoever passes it over, on stderr.
"$lmtrain" generate --checkpoint plain/checkpoints/step-0000000035.npz --tokens 9 >expected
printf 'x' | dd of=plain/checkpoints/step-0000000040.npz bs=1 seek=5000 conv=notrunc 2>/dev/null
"$lmtrain" generate --checkpoint plain --tokens 9 >out 2>err
check "generate takes the one before a damaged one" cmp expected out
check "and says so" grep -q "step-0000000040.npz: damaged" err
"$lmtrain" eval --checkpoint plain --data val.bin >out 2>err
check "so does eval" grep -q "step-0000000035.npz" out
check "which says so too" grep -q "step-0000000040.npz: damaged" err

# What the system forbids or takes away is an error with a name, not a signal.
check "a limit on file sizes" exits_saying 1 "cannot write: File too large" \
    bash -c "ulimit -f 100; exec '$lmtrain' --config a.json --quiet --set run.dir=limited \
        --set checkpoint.every=0"
cp train.bin shrinks.bin
shrinks() {
    "$lmtrain" --config a.json --quiet --set run.dir=shrinks --set data.train=shrinks.bin \
        --set model.vocab_size=256 --set train.steps=1000000 >out 2>&1 &
    local pid=$!
    for _ in $(seq 1 200); do [ -s shrinks/metrics.jsonl ] && break; sleep 0.02; done
    : >shrinks.bin
    wait $pid
    [ $? -eq 1 ] && says "a file became shorter while it was read"
}
check "a corpus that is cut off while it is read" shrinks
