#!/bin/bash
# Stopping and saving when asked: signals, the end of a scheduler's job, exit codes.
# shellcheck source=../support/run.sh
. tests/support/run.sh

corpus >/dev/null
tiny a
figures() { sed -n 's/,"tokens_per_s.*//p; s/,"val_tokens.*//p' "$1/metrics.jsonl"; }
# until COMMAND...: waits for it to succeed, ten seconds at most.
until_true() {
    for _ in $(seq 1 500); do "$@" 2>/dev/null && return 0; sleep 0.02; done
    echo "waited in vain for: $*"
    return 1
}
lines() { [ "$(wc -l <"$1/metrics.jsonl")" -gt "$2" ]; }
# start DIR OPTIONS...: an endless run in the background, its id in $pid.
start() {
    local dir=$1
    shift
    ${launcher:-} "$lmtrain" --config a.json --set run.dir="$dir" --set train.steps=1000000 \
        --set checkpoint.every=0 "$@" >"$dir.out" 2>&1 &
    pid=$!
}
ends() {
    local got
    wait "$pid"
    got=$?
    [ $got -eq "$1" ] || { echo "exit code $got, expected $1"; cat "$2.out"; return 1; }
}

save_asked() {
    start usr1 && until_true lines usr1 3 && kill -USR1 "$pid" &&
        until_true eval 'ls usr1/checkpoints | grep -q "npz$"' &&
        until_true lines usr1 "$(($(wc -l <usr1/metrics.jsonl) + 20))" &&
        kill -TERM "$pid" && ends 4 usr1 && grep -q "saved as asked by SIGUSR1" usr1.out
}
check "SIGUSR1 saves, and the run goes on" save_asked
own_code() {
    start code --set run.interrupt_exit_code=75 && until_true lines code 3 && kill -TERM "$pid" &&
        ends 75 code && grep -q '"exit_code": 75' code/summary.json &&
        grep -q '"reason": "interrupted"' code/summary.json
}
check "the exit code of interruption is the config's" own_code
check "which is a code of its own" exits_saying 2 "run.interrupt_exit_code: expected" \
    "$lmtrain" --config a.json --set run.interrupt_exit_code=3
twice() {
    start twice && until_true lines twice 3 && { kill -TERM "$pid"; kill -TERM "$pid"; } &&
        ends 4 twice
}
check "one request by two ways is one request" twice
# The tests themselves may be run under nohup.
hangup() {
    local launcher="env --default-signal=HUP"
    start hangup && until_true lines hangup 3 && kill -HUP "$pid" && sleep 0.2
    kill -HUP "$pid" 2>/dev/null
    ends 4 hangup && grep -q "by signal 1 " hangup.out && ls hangup/checkpoints/*.npz
}
check "a terminal that goes leaves a checkpoint" hangup
under_nohup() {
    trap '' HUP
    start nohup && until_true lines nohup 3 && kill -HUP "$pid" &&
        until_true lines nohup "$(($(wc -l <nohup/metrics.jsonl) + 20))" && kill -TERM "$pid" &&
        ends 4 nohup
    local result=$?
    trap - HUP
    return $result
}
check "under nohup nothing happens" under_nohup
# A step that takes seconds.
slow=(--cpu scalar --set model.d_model=512 --set model.context_length=128 --set train.micro_batch=32)
at_once() {
    start second "${slow[@]}" && until_true test -e second/metrics.jsonl && sleep 0.2 &&
        kill -INT "$pid" &&
        until_true grep -q "^lmtrain: finishing the step, then saving; Ctrl-C again stops" second.out &&
        sleep 0.3 && kill -INT "$pid" && ends 130 second &&
        ! ls second/checkpoints/*.npz 2>/dev/null && grep -q "^lmtrain: .*stopped at once" second.out
}
check "SIGINT is answered before the step ends; a second one ends it at once" at_once
# Ctrl-C pressed at a terminal, which has a line of progress on it.
pressed() {
    mkfifo keys
    script -qec "$lmtrain --config a.json --set run.dir=keyed --set train.steps=1000000" typed <keys \
        >/dev/null &
    pid=$!
    exec 3>keys
    until_true lines keyed 3 && printf '\003' >&3
    wait "$pid"
    local code=$?
    exec 3>&-
    tr '\r' '\n' <typed >keyed.out
    [ $code -eq 4 ] && grep -q "^lmtrain: finishing the step" keyed.out &&
        grep -q "^lmtrain: .*stopped by signal 2" keyed.out || { echo "exit code $code"; cat -v typed; return 1; }
}
if command -v script >/dev/null; then
    check "Ctrl-C at a terminal is answered on a line of its own" pressed
else
    echo "skip - no script(1): no terminal to press Ctrl-C at"
fi
wall() {
    start wall --set checkpoint.before_wall=2 && ends 4 wall &&
        grep -q "the job's end is near" wall.out && [ "$(date +%s)" -le "$SLURM_JOB_END_TIME" ] &&
        ls wall/checkpoints/*.npz
}
export SLURM_JOB_END_TIME=$(($(date +%s) + 4))
check "a run ends before its job does" wall
no_wall() { start nowall --set checkpoint.before_wall=0 && until_true lines nowall 50 &&
    kill -TERM "$pid" && ends 4 nowall && grep -q "by signal 15" nowall.out; }
check "unless it should not look" no_wall
unset SLURM_JOB_END_TIME

# An evaluation of seconds is cut short, and done again when the run goes on.
long=(--quiet --set model.d_model=96 --set data.val=train.bin --set eval.every=1
    --set eval.tokens=0 --set checkpoint.every=1 --set train.steps=2 --set run.dir=run)
cut_short() {
    mkdir -p cut && cp a.json train.* val.* cut/ && cd cut || return 1
    "$lmtrain" --config a.json "${long[@]}" --cpu scalar >out 2>&1 &
    pid=$!
    until_true lines run 0 && kill -TERM "$pid"
    wait "$pid"
    [ $? -eq 4 ] && [ "$(wc -l <run/metrics.jsonl)" -eq 1 ] &&
        "$lmtrain" --config a.json "${long[@]}" --resume
    local result=$?
    cd ..
    return $result
}
check "an evaluation is cut short by a signal" cut_short
check "the straight run" "$lmtrain" --config a.json "${long[@]}"
check "both end the same" cmp run/checkpoints/step-0000000002.npz cut/run/checkpoints/step-0000000002.npz
check "with the same metrics" cmp <(figures run) <(figures cut/run)
