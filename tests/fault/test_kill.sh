#!/bin/bash
# SIGKILL at random moments, KILLS of them (20; make test-fault: 200), each gone on from: the run ends
# with the straight run's bits and metrics. And two processes on one run directory.
# shellcheck source=run.sh
. tests/fault/run.sh

corpus >/dev/null
tiny small
sed -i 's/"every": 7/"every": 1/; s/"every": 10/"every": 4/' small.json
last=checkpoints/step-0000000040.npz
started=$(date +%s%N)
check "the straight run" "$lmtrain" --config small.json --quiet
took=$((($(date +%s%N) - started) / 1000)) # microseconds
mv run straight
RANDOM=12345
killed() {
    local kills=0 ends=0 pid delay
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
            cmp straight/$last run/$last && cmp <(figures straight) <(figures run) || return 1
            rm -rf run
            ;;
        *) cat kill.out; return 1 ;;
        esac
    done
    [ -e run ] || return 0
    "$lmtrain" --config small.json --quiet --resume && cmp straight/$last run/$last &&
        cmp <(figures straight) <(figures run)
}
check "killed at ${KILLS:-20} random moments" killed

locked() {
    rm -rf run
    "$lmtrain" --config small.json --quiet --set train.steps=1000000 &
    local pid=$! result
    for _ in $(seq 1 500); do [ -s run/metrics.jsonl ] && break; sleep 0.02; done
    exits_saying 1 "another process" "$lmtrain" --config small.json --resume
    result=$?
    kill -KILL $pid
    wait $pid 2>/dev/null
    [ $result -eq 0 ] || return 1
    # The lock died with its process.
    "$lmtrain" --config small.json --quiet --resume --set train.steps=1000001 &
    pid=$!
    local lines
    lines=$(wc -l <run/metrics.jsonl)
    for _ in $(seq 1 500); do [ "$(wc -l <run/metrics.jsonl)" -gt $((lines + 2)) ] && break; sleep 0.02; done
    kill -TERM $pid
    wait $pid
    [ $? -eq 4 ]
}
check "a second process is refused, but not after the first was killed" locked
