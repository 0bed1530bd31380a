#!/bin/bash
# Stopping and saving when asked: signals, the end of a scheduler's job, exit codes.
# shellcheck source=../support/run.sh
. tests/support/run.sh

config() {
    given corpus
    tiny a
}
# start OPTIONS...: an endless run in the background, its id in $pid, what it prints in run.out.
start() {
    given config
    ${launcher:-} "$lmtrain" --config a.json --set train.steps=1000000 --set checkpoint.every=0 "$@" \
        >run.out 2>&1 &
    pid=$!
}
trains() { until_true more_lines run/metrics.jsonl "${1:-3}"; }
goes_on() { trains "$(($(wc -l <run/metrics.jsonl) + 20))"; }
ends() { # CODE
    local got
    wait "$pid"
    got=$?
    [ $got -eq "$1" ] || { echo "exit code $got, expected $1"; cat run.out; return 1; }
}
has_checkpoint() { ls run/checkpoints/*.npz; }

save_asked() {
    start && trains && kill -USR1 "$pid" && until_true has_checkpoint && goes_on &&
        kill -TERM "$pid" && ends 4 && grep -q "saved as asked by SIGUSR1" run.out
}
scenario check "SIGUSR1 makes a run write a checkpoint and go on" save_asked

own_code() {
    start --set run.interrupt_exit_code=75 && trains && kill -TERM "$pid" && ends 75 &&
        grep -q '"exit_code": 75' run/summary.json && grep -q '"state": "interrupted"' run/summary.json
}
scenario check "an interrupted run exits with run.interrupt_exit_code" own_code

code_of_something_else() {
    given config
    exits_saying 2 "run.interrupt_exit_code: expected" \
        "$lmtrain" --config a.json --set run.interrupt_exit_code=3
}
scenario check "run.interrupt_exit_code may not be a code that means something else" code_of_something_else

twice() { start && trains && { kill -TERM "$pid"; kill -TERM "$pid"; } && ends 4; }
scenario check "two SIGTERM at the same moment are one request" twice

# The tests themselves may be run under nohup.
hangup() {
    local launcher="env --default-signal=HUP"
    start && trains && kill -HUP "$pid" && sleep 0.01
    kill -HUP "$pid" 2>/dev/null
    ends 4 && grep -q "by signal 1 " run.out && has_checkpoint
}
scenario check "a run whose terminal closes writes a checkpoint" hangup

under_nohup() {
    trap '' HUP
    start && trains && kill -HUP "$pid" && goes_on && kill -TERM "$pid" && ends 4
}
scenario check "a run under nohup goes on when the terminal closes" under_nohup

# A step that takes seconds.
at_once() {
    start --cpu scalar --set model.d_model=512 --set model.context_length=128 \
        --set train.micro_batch=32 && until_true test -e run/metrics.jsonl && sleep 0.2 &&
        kill -INT "$pid" &&
        until_true grep -q "^lmtrain: finishing the step, then saving; Ctrl-C again stops" run.out &&
        sleep 0.3 && kill -INT "$pid" && ends 130 && ! has_checkpoint &&
        grep -q "^lmtrain: .*stopped at once" run.out
}
scenario check "SIGINT is answered before the step ends; a second one ends the run at once" at_once

# Ctrl-C pressed at a terminal, which has a line of progress on it.
pressed() {
    given config
    mkfifo keys
    script -qec "$lmtrain --config a.json --set train.steps=1000000" typed <keys >/dev/null &
    pid=$!
    exec 3>keys
    trains && printf '\003' >&3
    wait "$pid"
    local code=$?
    exec 3>&-
    tr '\r' '\n' <typed >run.out
    [ $code -eq 4 ] && grep -q "^lmtrain: finishing the step" run.out &&
        grep -q "^lmtrain: .*stopped by signal 2" run.out || { echo "exit code $code"; cat -v typed; return 1; }
}
if command -v script >/dev/null; then
    scenario check "Ctrl-C at a terminal is answered on a line of its own" pressed
else
    echo "skip - script(1) is not installed: there is no terminal to press Ctrl-C at"
fi

before_the_wall() {
    export SLURM_JOB_END_TIME=$(($(date +%s) + 4))
    start --set checkpoint.before_wall=2 && ends 4 && grep -q "the job's end is near" run.out &&
        [ "$(date +%s)" -le "$SLURM_JOB_END_TIME" ] && has_checkpoint
}
scenario check "a run ends before the scheduler's job does" before_the_wall

not_before_the_wall() {
    export SLURM_JOB_END_TIME=$(($(date +%s) + 4))
    start --set checkpoint.before_wall=0 && trains 50 && kill -TERM "$pid" && ends 4 &&
        grep -q "by signal 15" run.out
}
scenario check "a run with checkpoint.before_wall 0 ignores the end of the job" not_before_the_wall

# squeue LINE...: a squeue that is this script; calls has its arguments and the format of times.
squeue() {
    mkdir bin
    { echo '#!/bin/sh' && echo 'echo "$* $SLURM_TIME_FORMAT" >>calls' && printf '%s\n' "$@"; } >bin/squeue
    chmod +x bin/squeue
    export PATH=$PWD/bin:$PATH SLURM_JOB_ID=4711
    unset SLURM_JOB_END_TIME
}
asks_squeue() {
    squeue "echo $(date -d '+4 seconds' +%Y-%m-%dT%H:%M:%S)"
    start --set checkpoint.before_wall=2 && ends 4 && grep -q "the job's end is near" run.out && has_checkpoint &&
        [ "$(cat calls)" = "-h -j 4711 -o %e standard" ]
}
scenario check "where Slurm does not set SLURM_JOB_END_TIME a run asks squeue, once" asks_squeue

# notes WHY COMMAND...: the run trains on with a note.
notes() {
    local why=$1
    shift
    squeue "$@"
    start --set checkpoint.before_wall=2 && trains && kill -TERM "$pid" && ends 4 && grep -q "by signal 15" run.out &&
        grep -q "note: when the job ends is not known ($why): checkpoint.before_wall does nothing" run.out
}
scenario check "a run goes on when squeue fails" notes "squeue failed" "exit 1"
scenario check "a run goes on when squeue does not know" notes 'squeue says "N/A"' "echo N/A"
scenario check "a run goes on when squeue hangs" notes "squeue gave no answer in 5 s" "exec sleep 1000"

does_not_ask() {
    squeue "exit 1"
    start --set checkpoint.before_wall=0 && trains && kill -TERM "$pid" && ends 4 && [ ! -e calls ]
}
scenario check "a run with checkpoint.before_wall 0 does not ask squeue" does_not_ask

# Signals of schedulers and limits, which some of them repeat.
as_sigterm() { # SIGNAL
    start && trains && kill "-$1" "$pid" && sleep 0.2
    kill "-$1" "$pid" 2>/dev/null
    ends 4 && grep -q "by signal" run.out && has_checkpoint
}
for signal in USR2 XCPU; do
    scenario check "SIG$signal, also when it is repeated, makes a run write a checkpoint and stop" as_sigterm $signal
done

# A pipe that is full from the start and that nobody empties.
full_pipe() {
    given config
    mkfifo pipe
    exec 3<>pipe
    head -c 65536 /dev/zero >&3
    "$lmtrain" --config a.json --set train.steps=1000000 --set log.every=1 2>&3 &
    pid=$!
    trains && goes_on
    local result=$?
    kill -TERM "$pid"
    ends 4 && has_checkpoint && [ $result -eq 0 ]
}
scenario check "a reader that does not empty its pipe keeps neither the run nor its checkpoint" full_pipe

# An evaluation of seconds, in which the run is stopped.
long_evaluation=(--quiet --set model.d_model=96 --set data.val=train.bin --set eval.every=1
    --set eval.tokens=0 --set checkpoint.every=1 --set train.steps=2)
straight() {
    given config
    "$lmtrain" --config a.json "${long_evaluation[@]}"
    mv run straight
}
cut_short() {
    given straight
    "$lmtrain" --config a.json "${long_evaluation[@]}" --cpu scalar >run.out 2>&1 &
    pid=$!
    trains 0 && kill -TERM "$pid"
    check "a run that is stopped in an evaluation exits with 4" ends 4
    check "an evaluation that was cut short leaves no line of metrics" \
        test "$(wc -l <run/metrics.jsonl)" -eq 1
    check "a run that was stopped in an evaluation goes on" \
        "$lmtrain" --config a.json "${long_evaluation[@]}" --resume
    check "a run that was stopped in an evaluation ends in the same bits" \
        cmp straight/checkpoints/step-0000000002.npz run/checkpoints/step-0000000002.npz
    check "an evaluation that was cut short is done again, to the same metrics" \
        same_figures straight run
}
scenario cut_short
