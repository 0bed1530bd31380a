#!/bin/bash
# The k-th open, write, sync, rename or allocation of an export fails, or is where the process is killed:
# the export before it or this one is there, and the same command goes through without --force.
# shellcheck source=run.sh
. tests/fault/run.sh

if [ ! -e "$interpose" ]; then
    echo "skip - no interposed library: not with sanitizers"
    exit 0
fi
[ "${FAULT_STEP:-6}" = 1 ] && FAULT_STEP=1000000

# A model, what it exports as, and an earlier export of another type.
models() {
    small
    "$lmtrain" --config small.json --quiet --set train.steps=2 &&
        "$lmtrain" export run --to hf --output want-hf && "$lmtrain" export run --to gguf --output want.gguf &&
        "$lmtrain" export run --to hf --output before-hf --dtype bf16 &&
        "$lmtrain" export run --to gguf --output before.gguf --dtype bf16
}
same() { # TO: what is there is the whole export
    if [ "$1" = hf ]; then diff -r want-hf out-hf; else cmp want.gguf out.gguf; fi
}

# every TO CALL [MODE]: as in test_faults.sh
every() {
    local to=$1 call=$2 mode=${3:-} k=1 code output=out-hf stopped=
    given models
    [ "$to" = hf ] || output=out.gguf
    while :; do
        rm -rf mark out-hf out.gguf out.gguf.tmp
        cp -r before-hf out-hf
        cp before.gguf out.gguf
        FAULT=$call:$k$mode FAULT_MARK=mark LD_PRELOAD=$interpose \
            "$lmtrain" export run --to "$to" --output $output >fault.out 2>&1
        code=$?
        [ -e mark ] || break
        case $mode$code in
        !137 | 0 | 1 | 2) ;;
        ^4) stopped=yes ;;
        *) echo "$call:$k$mode: exit code $code"; cat fault.out; return 1 ;;
        esac
        if [ "$mode" != '!' ] && ls out-hf/*.tmp out.gguf.tmp 2>/dev/null; then
            echo "$call:$k: a temporary file is left"; return 1
        fi
        if [ "$to$code" = gguf1 ] && ! cmp -s before.gguf out.gguf; then
            same gguf || { echo "$call:$k: neither the old file nor the new one"; return 1; }
        fi
        "$lmtrain" export run --to "$to" --output $output >again.out 2>&1 && same "$to" ||
            { echo "after $call:$k$mode, which said:"; cat fault.out again.out; return 1; }
        k=$((k + 1 + k / ${FAULT_STEP:-6}))
    done
    [ $code -eq 0 ] || { echo "$call:$k$mode: not reached, exit code $code"; return 1; }
    [ $k -gt 1 ] || { echo "$call is never called"; return 1; }
    [ "$mode" != ^ ] || [ $stopped ] || { echo "no signal stopped the export"; return 1; }
}
calls="open write pwrite fsync rename calloc realloc"
[ "${FAULT_STEP:-6}" = 6 ] || calls="$calls malloc" # hundreds of them: make test-fault
for to in hf gguf; do
    for call in $calls; do
        scenario check "an export to $to goes through after its k-th $call failed, for every k" \
            every "$to" "$call"
    done
    for call in write pwrite rename; do
        scenario check "an export to $to goes through after it was killed in its k-th $call, for every k" \
            every "$to" "$call" !
    done
    scenario check "an export to $to goes through after Ctrl-C in its k-th pwrite, for every k" \
        every "$to" pwrite ^
done

# Ctrl-C while CALL reads the model or writes the checkpoint: all of it is there, or nothing.
import_stops() {
    local call k=1 code codes=
    given models
    for call in pread pwrite; do
        for ((k = 1; ; k++)); do
            rm -rf mark in && mkdir in
            FAULT=$call:$k^ FAULT_MARK=mark LD_PRELOAD=$interpose \
                "$lmtrain" import want-hf --output in/model.npz >fault.out 2>&1
            code=$?
            [ -e mark ] || break
            codes="$codes $call$code"
            if ls in/*.tmp 2>/dev/null; then echo "$call:$k: a temporary file is left"; return 1; fi
            [ $code != 0 ] || "$lmtrain" inspect in/model.npz --verify >again.out 2>&1 ||
                { echo "$call:$k"; cat fault.out again.out; return 1; }
            [ $code = 0 ] || [ ! -e in/model.npz ] || { echo "$call:$k: exit code $code"; return 1; }
        done
    done
    case $codes in *pread130*pread4*pwrite0*) ;; *) echo "exit codes:$codes"; return 1 ;; esac
}
scenario check "an import that Ctrl-C stops leaves nothing" import_stops
