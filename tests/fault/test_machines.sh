#!/bin/bash
# Machines as they are: filesystems without locks or sizes, no /proc, OMP_NUM_THREADS.
# shellcheck source=run.sh
. tests/fault/run.sh

prepared() { corpus >/dev/null && small; }
# without WHAT COMMAND...: on a machine that lacks it.
without() { LACKS=$1 LD_PRELOAD=$interpose "${@:2}"; }

no_locks() {
    given prepared
    local reason # ENOSYS, ENOLCK, EOPNOTSUPP
    for reason in 38 37 95; do
        rm -rf run
        check "flock fails with errno $reason: the run trains, and says so once under --quiet" \
            exits_saying 0 "cannot lock files" without flock=$reason "$lmtrain" --config small.json --quiet
        check "flock fails with errno $reason: the warning is one line" test "$(wc -l <out)" -eq 1
        check "flock fails with errno $reason: the run ends like any other" grep -q '"step":6,' run/metrics.jsonl
    done
    rm -rf run
    "$lmtrain" --config small.json --quiet
    sed -i 's/"finished"/"running"/; s/"pid": .*/"pid": '$$',/' run/summary.json
    check "without locks, a process that still runs by the summary keeps a second one out" \
        exits_saying 1 "another process is training in this run directory: $$, by its summary" \
        without flock=38 "$lmtrain" --config small.json --quiet --resume --set train.steps=7
    rm -rf run
    check "any other failure to lock stops the run" \
        exits_saying 1 "cannot lock" without flock=5 "$lmtrain" --config small.json --quiet
}
no_sizes() {
    given prepared
    check "a filesystem that reports no sizes is not full: the run trains without a warning" \
        exits 0 without sizes "$lmtrain" --config small.json --quiet
    check "a filesystem that reports no sizes: the run prints nothing" test ! -s out
}
available() { sed -n 's/^  available *//p' out; }
no_proc() {
    given prepared
    check "without /proc the plan is made" exits 0 without proc "$lmtrain" --config small.json --dry-run
    local without_proc
    without_proc=$(available)
    check "without /proc the plan's memory is that of the machine ($without_proc), not 16 EiB" \
        grep -qE '^[0-9.]+ [MGT]iB$' <<<"$without_proc"
    check "a plan of more than the installed memory is refused without /proc" \
        exits_saying 1 "are available" without proc "$lmtrain" --config small.json --dry-run \
        --set train.micro_batch=1000000000
}
omp() {
    given prepared
    if [ "$(nproc)" -lt 2 ]; then
        echo "skip - one CPU: nothing that OMP_NUM_THREADS could change"
        return
    fi
    sed -i 's/, "threads": 1//' small.json
    export OMP_NUM_THREADS=1
    check "OMP_NUM_THREADS sets the threads, and that is said" \
        exits_saying 0 "OMP_NUM_THREADS makes the number of threads 1" \
        "$lmtrain" --config small.json --dry-run
    check "OMP_NUM_THREADS=1 gives a plan of one thread" says "machine   1 thread,"
    check "run.threads wins over OMP_NUM_THREADS" exits_saying 0 "machine   2 threads" \
        "$lmtrain" --config small.json --dry-run --set run.threads=2
    check "nothing is said of OMP_NUM_THREADS where run.threads is given" lacks OMP_NUM out
    "$lmtrain" --config small.json --print-config --set run.threads=2 >two.json 2>&1
    check "--threads wins over run.threads of the file" exits_saying 0 "machine   1 thread," \
        "$lmtrain" --config two.json --dry-run --threads 1
    check "--threads and --set run.threads must agree" exits_saying 2 "--threads 1: contradicts --set run.threads=2" \
        "$lmtrain" --config small.json --dry-run --set run.threads=2 --threads 1
    check "--threads wins over OMP_NUM_THREADS" exits_saying 0 "machine   2 threads" \
        "$lmtrain" --config small.json --dry-run --threads 2
    check "a run trains with OMP_NUM_THREADS=1" exits 0 "$lmtrain" --config small.json --quiet
    check "generate says that OMP_NUM_THREADS sets the threads" exits_saying 0 "OMP_NUM_THREADS makes the number of threads 1" \
        "$lmtrain" generate --checkpoint run --tokens 3
}
scalar_only() {
    given prepared
    check "with the scalar kernels alone a run says how slow they are" \
        exits_saying 0 "about 100 times slower" "$lmtrain" --config small.json --quiet --cpu scalar
    check "with the scalar kernels alone a run says so once" test "$(wc -l <out)" -eq 1
}
if [ -e "$interpose" ]; then
    scenario no_locks
    scenario no_sizes
    scenario no_proc
else
    echo "skip - no interposed library: not with sanitizers"
fi
scenario omp
scenario scalar_only
