#!/bin/bash
# What bf16 does to the loss: the quickstart model is trained for some steps from several seeds in fp32
# and in bf16, and the final validation losses are compared seed by seed.
#
#     make lmtrain data/headers && bash tests/bench/precision.sh [seeds (8)] [steps (300)] [--set ...]
#
# Two trainings that differ by one rounding drift apart, so a difference is only as telling as what
# chance makes: "control" is fp32 again with a learning rate one part in ten million higher. The
# same figures come out on every machine that has the same corpus. Minutes to an hour.
set -eu
cd "$(dirname "$0")/../.."
seeds=${1:-8} steps=${2:-300}
shift $(($# < 2 ? $# : 2))
dir=$(mktemp -d build/precision.XXXXXX)
trap 'rm -rf "$dir"' EXIT

loss() { # NAME SEED OPTIONS...: the final validation loss
    local run=$dir/$1-$2 seed=$2
    shift 2
    ./lmtrain --config configs/quickstart.json --quiet --set run.dir="$run" --set run.seed="$seed" \
        --set train.steps="$steps" --set eval.every=0 --set checkpoint.every=0 "$@"
    sed -n 's/^ *"val_loss": \([0-9.]*\).*/\1/p' "$run/summary.json"
}
echo "digests of the corpus: $(sed -n 's/.*"xxh64": *"\([^"]*\)".*/\1/p' data/headers/{train,val}.json | xargs)"
echo "seed  fp32     bf16     control  bf16 - fp32  control - fp32"
for seed in $(seq "$seeds"); do
    fp32=$(loss fp32 "$seed" "$@")
    bf16=$(loss bf16 "$seed" "$@" --set train.precision=bf16)
    control=$(loss control "$seed" "$@" --set optimizer.lr=3.0000003e-3)
    echo "$seed $fp32 $bf16 $control"
done | awk '
    function row(i, x) { n[i]++; sum[i] += x; squares[i] += x * x }
    function mean(i) { return sum[i] / n[i] }
    function deviation(i) { return n[i] < 2 ? 0 : sqrt((squares[i] - sum[i] ^ 2 / n[i]) / (n[i] - 1)) }
    function say(name, i) { printf "%-15s mean %+.4f, standard error %.4f, deviation %.4f\n", name,
        mean(i), deviation(i) / sqrt(n[i]), deviation(i) }
    { printf "%4d  %.5f  %.5f  %.5f  %+.5f     %+.5f\n", $1, $2, $3, $4, $3 - $2, $4 - $2; fflush()
      row(1, $2); row(2, $3 - $2); row(3, $4 - $2) }
    END { printf "fp32 over seeds: mean %.4f, deviation %.4f\n", mean(1), deviation(1)
      say("bf16 - fp32:", 2); say("control - fp32:", 3) }'
