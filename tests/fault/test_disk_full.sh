#!/bin/bash
# A small filesystem that fills up under a run: the run goes on, older checkpoints stay, and when
# there is room again what waited is written. Needs root or user namespaces.
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
mkdir -p disk && mount -t tmpfs -o size=8m none disk || { echo "skip - cannot mount a tmpfs"; exit 0; }
trap 'cd /; umount "$scratch/disk"; rm -rf "$scratch"' EXIT
corpus >/dev/null
tiny small
sed -i 's/"dir": "run"/"dir": "disk\/run"/; s/"every": 7/"every": 10/' small.json
run=(--set train.steps=1000000 --set schedule.name=constant --set eval.every=0 --set checkpoint.every=500)
holds() { ls disk/run/checkpoints/*.npz 2>/dev/null | tr '\n' ' '; }
fills_up() {
    local pid before
    "$lmtrain" --config small.json "${run[@]}" >full.out 2>&1 &
    pid=$!
    for _ in $(seq 1 500); do [ "$(holds | wc -w)" -eq 2 ] && break; sleep 0.02; done
    dd if=/dev/zero of=disk/ballast bs=4k 2>/dev/null
    before=$(holds)
    for _ in $(seq 1 500); do grep -q "lines of metrics wait" full.out && grep -q "no checkpoint at" full.out && break; sleep 0.02; done
    kill -0 $pid || { echo "the run ended:"; cat full.out; return 1; }
    grep -q "a checkpoint needs up to .* of disk" full.out || { cat full.out; return 1; }
    "$lmtrain" inspect --verify $(holds) >/dev/null || return 1
    rm disk/ballast
    for _ in $(seq 1 500); do grep -q "is up to date again" full.out && [ "$(holds)" != "$before" ] && break; sleep 0.02; done
    [ "$(holds)" != "$before" ] || { echo "no checkpoint after there was room"; cat full.out; return 1; }
    kill -TERM $pid
    wait $pid
    [ $? -eq 4 ] || { cat full.out; return 1; }
    # No line of the metrics is lost, doubled or torn.
    awk -F'[:,]' '{ if ($2 != NR) { print "line " NR " is of step " $2; exit 1 } }' disk/run/metrics.jsonl
}
check "the disk fills up and is cleared again" fills_up
rm -rf disk/run
full_at_end() {
    "$lmtrain" --config small.json --quiet --set train.steps=20 || return 1
    dd if=/dev/zero of=disk/ballast bs=4k 2>/dev/null
    exits 1 "$lmtrain" --config small.json --quiet --resume || return 1
    "$lmtrain" inspect --verify $(holds) >/dev/null || return 1
    rm disk/ballast
    "$lmtrain" --config small.json --quiet --resume
}
check "full when the run goes on: refused, and nothing is lost" full_at_end
left_over() {
    # Killed in writing: what it left would take the room that the next checkpoint needs.
    "$lmtrain" --config small.json --quiet --set train.steps=20 || return 1
    local half=disk/run/checkpoints/step-0000000025.npz.tmp
    dd if=/dev/zero of=$half bs=4k count=1000 2>/dev/null
    dd if=/dev/zero of=disk/ballast bs=4k 2>/dev/null
    truncate -s -4k disk/ballast
    "$lmtrain" --config small.json --quiet --resume && [ ! -e $half ] && rm disk/ballast
}
rm -rf disk/run
check "what a killed writer left makes room" left_over
rm -rf disk/run
no_room_at_all() {
    dd if=/dev/zero of=disk/ballast bs=4k 2>/dev/null
    exits_saying 1 "of disk" "$lmtrain" --config small.json --quiet
}
check "no room for the plan: refused before the first step" no_room_at_all
