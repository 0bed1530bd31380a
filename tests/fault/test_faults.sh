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
corpus >/dev/null
small
check "the straight run" "$lmtrain" --config small.json --quiet
mv run straight
# Half of a run, whose newest checkpoint is damaged.
check "half a run" "$lmtrain" --config small.json --quiet --set train.steps=4
printf damaged | dd of=run/checkpoints/step-0000000004.npz bs=1 seek=900 conv=notrunc status=none
mv run half

# every FROM CALL MODE: for k = 1, 2, ... until the call is no longer reached; FROM is a run to go on
# with, or "nothing".
every() {
    local from=$1 call=$2 mode=$3 k=1 code
    while :; do
        rm -rf run mark
        [ "$from" = nothing ] || cp -r "$from" run
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
[ "${FAULT_STEP:-6}" = 1 ] && FAULT_STEP=1000000
# The calls given that are wanted.
chosen() {
    local call
    for call; do case " ${FAULT_CALLS:-$*} " in *" $call "*) echo "$call" ;; esac; done
}
for call in $(chosen open pread write pwrite fsync fdatasync rename unlink opendir mmap malloc calloc realloc); do
    check "$call fails in a new run" every nothing $call ""
    check "$call fails in a resumed run" every half $call ""
done
for call in $(chosen mkdir); do check "$call fails" every nothing "$call" ""; done
for call in $(chosen ftruncate); do check "$call fails" every half "$call" ""; done
for call in $(chosen write pwrite fsync); do
    check "$call fails from then on" every nothing $call +
done
for call in $(chosen open write pwrite fsync fdatasync rename unlink); do
    check "killed in $call of a new run" every nothing $call !
    check "killed in $call of a resumed run" every half $call !
done
