#!/bin/bash
# Steps of two processes on two hosts (hosts.sh) with a link between them, beside what they must not exceed and
# beside PyTorch; by hand and as root, for some minutes of a quiet machine:
#
#     PEERS_PYTHON=... bash tests/dist/two_hosts.sh LMTRAIN_WITH_MPI DIRECTORY [RATE [SHAPE:WINDOWS...]]
#
# First a run that began on one machine goes on with two. RATE is tc's (1gbit). Shapes are those of `lmtrain bench`: 384 (10.7M parameters), 124m; WINDOWS of 256 tokens are
# a step's (384:64 is 16,384 tokens). Each process has one thread and half of the windows. For each shape:
#
#     wire       bytes that a step sends each way, over what the link carries when both sides send all they can
#     compute    a step of half of the windows in a process alone, on both hosts at once, while as many bytes
#                go to a sink (two_hosts.py)
#     step       of the run in two processes; its share is max(compute, wire) / step
#     PyTorch    the same model under DistributedDataParallel with gloo (tests/bench/peers/ddp.py)
set -u
[ $# -ge 2 ] || { echo "usage: two_hosts.sh LMTRAIN_WITH_MPI DIRECTORY [RATE [SHAPE:WINDOWS...]]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
work=$2
mkdir -p "$work" && cp "$1" "$work/lmtrain" || exit 1
# shellcheck source=hosts.sh
. "$here/hosts.sh"
rate=${3:-1gbit}
shift $(($# < 3 ? $# : 3))
[ $# -gt 0 ] || set -- 384:16 124m:4
link "$rate"
py=$here/two_hosts.py
python=${PEERS_PYTHON:-python3}
"$python" -c 'import torch' 2>/dev/null || python=

both() { # COMMAND...: on both hosts, with $own and $peer in it; prints what a's says
    on b sh -c "own=10.77.0.2 peer=10.77.0.1 host=b; $*" >both.b &
    on a sh -c "own=10.77.0.1 peer=10.77.0.2 host=a; $*"
    wait $!
}
bandwidth=$(both "python3 '$py' sink \$own \$peer 0 3")
echo "the link carries $(awk "BEGIN { printf \"%.1f\", $bandwidth / 1e6 }") MB/s each way"

# The value of an expression of awk.
calculate() { awk "BEGIN { printf \"%.4g\", ($*) }"; }
shape() {
    local name=$1 windows=$2 size vocabulary elements wire compute step theirs= limit
    case $name in
    384) size='"d_model": 384, "n_layers": 6, "n_heads": 6' vocabulary=65 ;;
    124m) size='"d_model": 768, "n_layers": 12, "n_heads": 12' vocabulary=50304 ;;
    *) echo "two_hosts.sh: unknown shape $name" >&2 && exit 2 ;;
    esac
    [ -e $vocabulary.bin ] || python3 "$py" tokens $vocabulary.bin $vocabulary
    cat >$name.json <<JSON
{
  "run": {"dir": "run", "threads": 1},
  "model": {$size, "vocab_size": $vocabulary, "context_length": 256, "norm": "layernorm", "position": "learned",
            "mlp": "gelu_tanh", "bias": true, "tie_embeddings": true},
  "data": {"train": "$vocabulary.bin"},
  "train": {"steps": ${STEPS:-6}, "batch": $windows, "lanes": 2, "clip_norm": 1},
  "optimizer": {"name": "adamw"},
  "checkpoint": {"every": 0, "final": false}
}
JSON
    rm -rf run alone-a alone-b
    across 2 "$PWD/lmtrain" --config $name.json --quiet || exit 1
    step=$(python3 "$py" median run/metrics.jsonl)
    elements=$("$PWD/lmtrain" --config $name.json --set run.dir=none --dry-run 2>/dev/null |
        sed -n 's/^  weights *\([0-9.]*\) \(.\)iB$/\1 \2/p' | awk '{ print $1 * ($2 == "G" ? 1073741824 : 1048576) / 4 }')
    wire=$(calculate "4 * $elements / $bandwidth")
    compute=$(both "timeout 300 python3 '$py' sink \$own \$peer $(calculate "4 * $elements / $step") 1000 >/dev/null & sink=\$!
        ./lmtrain --config $name.json --quiet --set train.batch=$((windows / 2)) --set train.lanes=1 --set run.dir=alone-\$host
        kill \$sink 2>/dev/null"; python3 "$py" median alone-a/metrics.jsonl)
    limit=$(calculate "$compute > $wire ? $compute : $wire")
    if [ -n "$python" ]; then
        theirs=$(both "MASTER_ADDR=10.77.0.1 MASTER_PORT=29500 WORLD_SIZE=2 RANK=\$((\$(echo \$own | cut -d. -f4) - 1)) \
            GLOO_SOCKET_IFNAME=\$(ip -o -4 addr show | awk '/10.77.0/ { print \$2 }') OMP_NUM_THREADS=1 \
            '$python' '$here/../bench/peers/ddp.py' $name ${STEPS:-6} $windows")
    fi
    echo "$name, $((windows * 256)) tokens: compute $compute s, wire $wire s, step $step s: share $(calculate "$limit / $step")" \
        "$([ -n "$theirs" ] && echo "PyTorch $theirs s: $(calculate "$theirs / $step") times as long")"
}
# As README says it: a run that began on one machine goes on with two, to the file that one alone would have written.
goes_on() {
    [ -e 65.bin ] || python3 "$py" tokens 65.bin 65
    cat >laptop.json <<JSON
{
  "run": {"dir": "laptop", "threads": 1},
  "model": {"d_model": 32, "n_layers": 2, "n_heads": 2, "vocab_size": 65, "context_length": 32},
  "data": {"train": "65.bin"}, "train": {"steps": 20, "batch": 8}
}
JSON
    rm -rf laptop straight
    ./lmtrain --config laptop.json --quiet --set train.lanes=8 --set run.dir=straight &&
        ./lmtrain --config laptop.json --quiet --set train.lanes=8 --until 9 &&
        across 2 "$PWD/lmtrain" --config laptop.json --quiet --set train.lanes=8 --resume &&
        cmp {laptop,straight}/checkpoints/step-0000000020.npz
}
goes_on && echo "ok - a run of one machine goes on with two, to the same file" || exit 1
[ -n "$python" ] || echo "NOT COMPARED WITH PYTORCH: no python3 with torch (PEERS_PYTHON)"
for s in "$@"; do shape "${s%:*}" "${s#*:}"; done
