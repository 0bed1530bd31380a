#!/bin/bash
# A small filesystem that fills up under a run: the run goes on, or at its end waits, older checkpoints
# stay, and when there is room again what waited is written. Needs root or user namespaces.
# shellcheck source=run.sh
. tests/fault/run.sh

if [ "${1:-}" != inside ]; then
    if mkdir -p probe && mount -t tmpfs -o size=64k none probe 2>/dev/null; then
        umount probe
    elif unshare -rm true 2>/dev/null; then
        cd "$root" && exec unshare -rm bash tests/fault/test_disk_full.sh inside
    else
        echo "skip - neither root nor user namespaces: no filesystem to fill"
        exit 0
    fi
fi
trap 'cd /; umount "$scratch"/*/disk 2>/dev/null; rm -rf "$scratch"' EXIT
# with_disk FUNCTION: calls it where the directory disk is a filesystem of 8 MiB.
with_disk() {
    given corpus
    tiny small
    sed -i 's/"dir": "run"/"dir": "disk\/run"/; s/"every": 7/"every": 10/' small.json
    mkdir disk && mount -t tmpfs -o size=8m none disk || return 1
    "$1"
    local result=$?
    umount disk
    return $result
}
train() { "$lmtrain" --config small.json "$@"; }
fill() { dd if=/dev/zero of=disk/ballast bs=4k 2>/dev/null; }
holds() { ls disk/run/checkpoints/*.npz 2>/dev/null | tr '\n' ' '; }
two_checkpoints() { [ "$(holds | wc -w)" -eq 2 ]; }
# shellcheck disable=SC2046
all_good() { "$lmtrain" inspect --verify $(holds) >/dev/null; }

waits() { grep -q "lines of metrics wait" full.out && grep -q "no checkpoint at" full.out; }
catches_up() { grep -q "is up to date again" full.out && [ "$(holds)" != "$1" ]; }
fills_up() {
    local pid before
    "$lmtrain" --config small.json --set train.steps=1000000 --set schedule.name=constant \
        --set eval.every=0 --set checkpoint.every=500 >full.out 2>&1 &
    pid=$!
    until_true two_checkpoints
    fill
    before=$(holds)
    until_true waits
    kill -0 $pid || { echo "the run ended:"; cat full.out; return 1; }
    grep -q "a checkpoint needs up to .* of disk" full.out || { cat full.out; return 1; }
    all_good || return 1
    rm disk/ballast
    until_true catches_up "$before" || { cat full.out; return 1; }
    kill -TERM $pid
    wait $pid
    [ $? -eq 4 ] || { cat full.out; return 1; }
    # No line of the metrics is lost, doubled or torn.
    awk -F'[:,]' '{ if ($2 != NR) { print "line " NR " is of step " $2; exit 1 } }' disk/run/metrics.jsonl
}
scenario check "a run goes on while the disk is full, and catches up when there is room" \
    with_disk fills_up

# A small run whose metrics, 2500 lines of it, fill the disk before its end: a checkpoint fits no more then.
narrow=(--config small.json --set schedule.name=constant --set eval.every=0
    --set checkpoint.every=100 --set model.d_model=8 --set train.micro_batch=1 --set train.grad_accumulation=1)
# begun ARGUMENTS...: starts it in the background, $pid.
begun() {
    fill
    truncate -s -420k disk/ballast
    "$lmtrain" "${narrow[@]}" --set train.steps="${steps-2500}" --quiet "$@" >full.out 2>&1 &
    pid=$!
}
is_waiting() { grep -q "waiting until there is room" full.out; }
# ends CODE: the background run does so.
ends() {
    wait $pid
    local code=$?
    [ $code -eq "$1" ] || { echo "exit code $code, expected $1:"; cat full.out; return 1; }
}
has_state() { grep -q "\"state\": \"$1\"" disk/run/summary.json; }

room_at_the_end() {
    local pid newest
    begun
    until_true is_waiting || { cat full.out; return 1; }
    grep -q "step 2500: the last checkpoint cannot be written: disk/run/checkpoints: a checkpoint needs" full.out &&
        grep -q "for example the older checkpoints of this run (.*): all but disk/run/checkpoints/step-" full.out ||
        { cat full.out; return 1; }
    has_state running && all_good || return 1
    rm disk/ballast
    ends 0 && grep -q "there is room again; the last checkpoint was written" full.out || { cat full.out; return 1; }
    newest=checkpoints/step-0000002500.npz
    has_state finished && [ -e disk/run/$newest ] && all_good || return 1
    mv disk/run waited
    "$lmtrain" "${narrow[@]}" --set train.steps="${steps-2500}" --quiet && cmp disk/run/$newest waited/$newest && same_figures disk/run waited
}
scenario check "a finished run waits on a full disk, also under --quiet, and ends well when there is room" \
    with_disk room_at_the_end

given_up_at_the_end() {
    local pid
    begun
    until_true is_waiting || { cat full.out; return 1; }
    kill -TERM $pid
    ends 1 && grep -q "gave up waiting for room, by signal 15, after step 2500" full.out || { cat full.out; return 1; }
    all_good || return 1
    rm disk/ballast
    exits_saying 0 "finished: disk/run" "$lmtrain" "${narrow[@]}" --set train.steps="${steps-2500}" --resume
}
scenario check "a signal ends the wait of a finished run with exit code 1, and --resume goes on" \
    with_disk given_up_at_the_end

stopped_on_a_full_disk() {
    local pid
    steps=10000000 begun
    until_true waits || { cat full.out; return 1; }
    kill -TERM $pid
    until_true is_waiting || { cat full.out; return 1; }
    rm disk/ballast
    ends 4 && has_state interrupted && all_good
}
scenario check "a run that is stopped on a full disk waits for room, then exits with 4" \
    with_disk stopped_on_a_full_disk

stopped_twice_on_a_full_disk() {
    local pid
    steps=10000000 begun
    until_true waits || { cat full.out; return 1; }
    kill -TERM $pid
    until_true is_waiting || { cat full.out; return 1; }
    sleep 0.2
    kill -TERM $pid
    ends 143 && all_good
}
scenario check "a second SIGTERM ends that wait at once" with_disk stopped_twice_on_a_full_disk

full_at_end() {
    train --quiet --set train.steps=20 || return 1
    fill
    exits 1 "$lmtrain" --config small.json --quiet --resume || return 1
    all_good || return 1
    rm disk/ballast
    train --quiet --resume
}
scenario check "--resume on a full disk is refused, and the run loses nothing" with_disk full_at_end

gives_up_soon() {
    local pid
    begun --wait-for-room 1
    ends 5 && grep -q "gave up waiting for room after 1 s, after step 2500" full.out || { cat full.out; return 1; }
    all_good || return 1
    rm disk/ballast
    exits_saying 0 "finished: disk/run" "$lmtrain" "${narrow[@]}" --set train.steps="${steps-2500}" --resume
}
scenario check "--wait-for-room ends the wait with exit code 5, and --resume goes on" with_disk gives_up_soon

# 64 KB are left: enough for a sweep's own files, not for a checkpoint.
full_sweep() {
    sed 's/"dir": "disk.run"/"dir": "x"/' small.json >base.json
    echo '{"sweep": {"dir": "disk/sweep", "method": "grid", "parallel": 1, "threads": 1}, "base": "base.json",
        "space": {"optimizer.lr": [1e-3, 2e-3]}}' >sweep.json
    "$lmtrain" sweep --config sweep.json --trial 0 --quiet >out 2>&1 || return 1
    fill
    truncate -s -64k disk/ballast
    exits_saying 1 "make room and go on with: lmtrain sweep --join disk/sweep" \
        "$lmtrain" sweep --config sweep.json --quiet || return 1
    rm disk/ballast
    exits 0 "$lmtrain" sweep --join disk/sweep --quiet || return 1
    [ "$(grep -c ,finished, disk/sweep/leaderboard.csv)" -eq 3 ] || { cat disk/sweep/leaderboard.csv; return 1; }
}
scenario check "a sweep on a full disk stops and says so; no trial counts as failed" with_disk full_sweep

left_over() {
    # Killed in writing: what it left would take the room that the next checkpoint needs.
    train --quiet --set train.steps=20 || return 1
    local half=disk/run/checkpoints/step-0000000025.npz.tmp
    dd if=/dev/zero of=$half bs=4k count=1000 2>/dev/null
    fill
    truncate -s -4k disk/ballast
    train --quiet --resume && [ ! -e $half ]
}
scenario check "--resume removes the half checkpoint of a killed process to make room" \
    with_disk left_over

no_room_at_all() {
    fill
    exits_saying 1 "of disk" "$lmtrain" --config small.json --quiet
}
scenario check "a run that does not fit on the disk is refused before the first step" \
    with_disk no_room_at_all
