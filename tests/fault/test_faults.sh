#!/bin/bash
# The k-th open, write, sync, rename, unlink, map or allocation fails, or is where the process is
# killed: whatever happens, the run directory goes on to the same bits. FAULT_STEP=1 tries every k;
# by default they grow sparse. FAULT_CALLS="write fsync" tries those alone.
# shellcheck source=run.sh
. tests/fault/run.sh

if [ ! -e "$interpose" ]; then
    echo "skip - no interposed library: not with sanitizers"
    exit 0
fi
[ "${FAULT_STEP:-6}" = 1 ] && FAULT_STEP=1000000

# A finished run, in the directory straight.
new() {
    small
    "$lmtrain" --config small.json --quiet && mv run straight
}
# The same, and half of a run whose newest checkpoint is damaged, in the directory half.
resumed() {
    given new
    "$lmtrain" --config small.json --quiet --set train.steps=4 &&
        damage run/checkpoints/step-0000000004.npz 900 && mv run half
}
# The run directory goes on to the bits of the straight run.
resumes() {
    "$lmtrain" --config small.json --quiet --resume >resume.out 2>&1 ||
        { echo "cannot be resumed:"; cat resume.out; return 1; }
    cmp straight/checkpoints/step-0000000006.npz run/checkpoints/step-0000000006.npz &&
        same_figures straight run
}

# every RUN CALL [MODE]: for k = 1, 2, ... until the k-th CALL is no longer reached, in a run that is new or
# resumed. MODE +: every call from the k-th on fails; !: the process is killed there.
every() {
    local from=$1 call=$2 mode=${3:-} k=1 code
    given "$from"
    while :; do
        rm -rf run mark
        [ "$from" = new ] || cp -r half run
        FAULT=$call:$k$mode FAULT_MARK=mark LD_PRELOAD=$interpose \
            "$lmtrain" --config small.json --quiet --resume >fault.out 2>&1
        code=$?
        if [ ! -e mark ]; then
            [ $code -eq 0 ] || { echo "$call:$k$mode: not reached, exit code $code"; return 1; }
            break
        fi
        case $mode$code in
        !137 | 0 | 1 | 2 | +0 | +1) ;;
        *) echo "$call:$k$mode: exit code $code"; cat fault.out; return 1 ;;
        esac
        resumes || { echo "after $call:$k$mode, which said:"; cat fault.out; return 1; }
        k=$((k + 1 + k / ${FAULT_STEP:-6}))
    done
    [ $k -gt 1 ] || { echo "$call is never called"; return 1; }
}
# The calls given that are wanted.
chosen() {
    local call
    for call; do case " ${FAULT_CALLS:-$*} " in *" $call "*) echo "$call" ;; esac; done
}
fails_in() { # RUN CALL
    scenario check "a $1 run goes on to the same bits after its k-th $2 failed, for every k" every "$1" "$2"
}
for call in $(chosen open pread write pwrite fsync fdatasync rename unlink opendir mmap malloc calloc realloc); do
    fails_in new "$call"
    fails_in resumed "$call"
done
for call in $(chosen mkdir); do fails_in new "$call"; done
for call in $(chosen ftruncate); do fails_in resumed "$call"; done
for call in $(chosen write pwrite fsync); do
    scenario check "a new run goes on to the same bits after every $call from the k-th on failed" \
        every new "$call" +
done
for call in $(chosen open write pwrite fsync fdatasync rename unlink); do
    for run in new resumed; do
        scenario check "a $run run goes on to the same bits after it was killed in its k-th $call, for every k" \
            every $run "$call" !
    done
done
