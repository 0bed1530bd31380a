#!/bin/sh
# Two compilers, the same bits: a short run by each of the programs given ends in the same
# checkpoint, at every precision.
set -eu
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lmtrain-compilers.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
for program in "$@"; do
    for precision in fp32 bf16; do
        here=$scratch/$(echo "$program" | tr '/ ' '--')-$precision
        mkdir -p "$here"
        ln -s "$(cd "$(dirname "$program")" && pwd)/$(basename "$program")" "$here/lmtrain"
        cat >"$here/run.json" <<JSON
{
  "run": {"dir": "run"},
  "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "context_length": 48},
  "data": {"train": "train.bin", "val": "val.bin"},
  "train": {"steps": 8, "micro_batch": 4, "precision": "$precision"},
  "optimizer": {"lr": 1e-2},
  "eval": {"every": 4}
}
JSON
        cat src/*.md README.md >"$here/text"
        (cd "$here" && ./lmtrain tokenize --tokenizer bytes --input text --output . --val-fraction 0.2 \
            >/dev/null && ./lmtrain --config run.json --quiet)
        first=$scratch/first-$precision.npz
        last=$here/run/checkpoints/step-0000000008.npz
        [ -e "$first" ] || cp "$last" "$first"
        cmp "$first" "$last" || { echo "check-compilers: $program: other bits than $1 ($precision)"; exit 1; }
    done
done
echo "check-compilers: the same bits"
