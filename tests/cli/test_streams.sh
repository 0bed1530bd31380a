#!/bin/bash
# Streams that are closed, full, or read by somebody who leaves early: nothing of the run is lost.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# An undisturbed run in the directory plain.
plain() {
    given corpus
    tiny a
    "$lmtrain" --config a.json --quiet --set run.dir=plain
}
untimed() { sed 's/,"\(tokens_per_s\|seconds\)":.*//' "$1/metrics.jsonl"; }
same_losses() { cmp <(untimed plain) <(untimed "$1"); }
same_files() {
    "$lmtrain" inspect --verify "$1/checkpoints/step-0000000040.npz" &&
        [ "$(cd "$1" && find . -type f | sort)" = "$(cd plain && find . -type f | sort)" ] &&
        [ ! -s "$1/.lock" ]
}

closed_streams() {
    given plain
    "$lmtrain" --config a.json --set run.dir=closed >&- 2>&-
    check "a run whose output streams are closed finishes" test $? -eq 0
    check "no message goes into the metrics of a run whose streams are closed" same_losses closed
    check "a run whose streams are closed writes the files of any run" same_files closed
}
scenario closed_streams

reader_that_leaves() {
    given plain
    "$lmtrain" --config a.json --set run.dir=left 2>&1 | head -n 1 >out
    check "a run whose output nobody reads on finishes" test "${PIPESTATUS[0]}" -eq 0
    check "the metrics of a run whose output nobody reads on are whole" same_losses left
    check "the summary of a run whose output nobody reads on says finished" \
        grep -q '"state": "finished"' left/summary.json
    "$lmtrain" generate --checkpoint plain --tokens 1000000 | head -c 5 >out
    check "generate stops when nobody reads on" test "$(wc -c <out)" -eq 5
}
scenario reader_that_leaves

full_disk() {
    given plain
    "$lmtrain" --config a.json --set run.dir=full 2>/dev/full
    check "a run whose progress goes to a full disk finishes" test $? -eq 0
    check "the metrics of a run whose progress goes to a full disk are whole" same_losses full
    local command
    for command in "generate --checkpoint plain --tokens 5" "eval --checkpoint plain --data val.bin" \
        "inspect plain" "--config a.json --dry-run" "--config a.json --print-config" \
        "train --print-schema" "--version"; do
        # shellcheck disable=SC2086
        "$lmtrain" $command >/dev/full 2>err
        check "lmtrain $command exits with 1 when its output goes to a full disk" test $? -eq 1
        check "lmtrain $command says why it could not write" \
            grep -q "standard output: cannot write: No space left" err
    done
}
if [ -e /dev/full ]; then scenario full_disk; fi

# A damaged checkpoint is named by whoever passes it over, on stderr.
passed_over() {
    given plain
    "$lmtrain" generate --checkpoint plain/checkpoints/step-0000000035.npz --tokens 9 >expected
    damage plain/checkpoints/step-0000000040.npz
    "$lmtrain" generate --checkpoint plain --tokens 9 >out 2>err
    check "generate takes the checkpoint before a damaged one" cmp expected out
    check "generate names a damaged checkpoint" grep -q "step-0000000040.npz: damaged" err
    "$lmtrain" eval --checkpoint plain --data val.bin >out 2>err
    check "eval takes the checkpoint before a damaged one" grep -q "step-0000000035.npz" out
    check "eval names a damaged checkpoint" grep -q "step-0000000040.npz: damaged" err
}
scenario passed_over

# What the system forbids or takes away is an error with a name, not a signal.
limited() {
    ulimit -f 100
    exec "$lmtrain" --config a.json --quiet --set checkpoint.every=0
}
shrinks() {
    cp train.bin shrinks.bin
    "$lmtrain" --config a.json --quiet --set data.train=shrinks.bin --set model.vocab_size=256 \
        --set train.steps=1000000 >out 2>&1 &
    local pid=$!
    until_true test -s run/metrics.jsonl
    : >shrinks.bin
    wait $pid
    [ $? -eq 1 ] && says "it changed while it was read"
}
what_the_system_takes() {
    given plain
    (limited) >out 2>&1
    check "a run that meets a limit on the size of files exits with 1" test $? -eq 1
    check "a run that meets a limit on the size of files names it" \
        says "cannot write: File too large"
    rm -rf run
    check "a run whose corpus is cut off while it is read exits with 1 and says so" shrinks
}
scenario what_the_system_takes
