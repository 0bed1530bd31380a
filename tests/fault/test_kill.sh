#!/bin/bash
# SIGKILL at random moments, KILLS of them (20; make test-fault: 200), each gone on from: the run ends
# with the straight run's bits and metrics. And two processes on one run directory.
# shellcheck source=run.sh
. tests/fault/run.sh

last=checkpoints/step-0000000040.npz
config() {
    given corpus
    tiny small
    sed -i 's/"every": 7/"every": 1/; s/"every": 10/"every": 4/' small.json
}
# A finished run in the directory straight, and the microseconds that it took.
straight() {
    given config
    local started
    started=$(date +%s%N)
    "$lmtrain" --config small.json --quiet || return 1
    echo $((($(date +%s%N) - started) / 1000)) >took
    mv run straight
}
same_end() { cmp straight/$last run/$last && same_figures straight run; }

killed() {
    given straight
    local kills=0 ends=0 pid delay took
    took=$(cat took)
    RANDOM=12345
    while [ $kills -lt "${KILLS:-20}" ] || [ $ends -eq 0 ]; do
        "$lmtrain" --config small.json --quiet --resume 2>kill.out &
        pid=$!
        delay=$(((RANDOM * 32768 + RANDOM) % took))
        sleep "$(printf '%d.%06d' $((delay / 1000000)) $((delay % 1000000)))"
        kill -KILL $pid 2>/dev/null && kills=$((kills + 1))
        wait $pid 2>/dev/null
        case $? in
        137) ;;
        0)
            ends=$((ends + 1))
            same_end || return 1
            rm -rf run
            ;;
        *) cat kill.out; return 1 ;;
        esac
    done
    [ -e run ] || return 0
    "$lmtrain" --config small.json --quiet --resume && same_end
}
scenario check "a run that is killed at ${KILLS:-20} random moments ends in the same bits and metrics" killed

second_process() {
    given config
    "$lmtrain" --config small.json --quiet --set train.steps=1000000 2>/dev/null &
    local pid=$!
    until_true test -s run/metrics.jsonl
    check "a second process on one run directory is refused" \
        exits_saying 1 "another process" "$lmtrain" --config small.json --resume
    kill -KILL $pid
    wait $pid 2>/dev/null
    # The lock died with its process.
    "$lmtrain" --config small.json --quiet --resume --set train.steps=1000001 2>/dev/null &
    pid=$!
    check "a run goes on once the process that held its directory was killed" \
        until_true more_lines run/metrics.jsonl $(($(wc -l <run/metrics.jsonl) + 2))
    kill -TERM $pid
    wait $pid
    check "the run that went on ends with 4 when it is stopped" test $? -eq 4
}
scenario second_process
