# For test scripts: data and a model that do not get along, so that a step goes wrong.
# shellcheck shell=bash

# blotted N LINE: text with LINE behind line N, as train.bin and val.bin.
blotted() {
    for i in $(seq 1 400); do
        echo "line $i: the quick brown fox number $((i * 7919 % 101)) jumps over the lazy dog"
        [ "$i" -ne "$1" ] || printf '%s\n' "$2"
    done >text.txt
    "$lmtrain" tokenize --tokenizer bytes --input text.txt --output . --val-fraction 0.1
}
# A model whose gradient overflows in windows of nothing but Z: the embedding of Z is 0, and norm_eps
# all but 0, so that each of its norms multiplies the gradient by 1e15. Nothing else is wrong with it:
# its windows 197 and 198 are such, in step 25.
poisoned() {
    blotted 100 "$(printf 'Z%.0s' $(seq 100))"
    cat >seed.json <<'JSON'
{
  "run": {"dir": "seed", "threads": 1},
  "model": {"preset": "llama", "d_model": 32, "n_layers": 2, "n_heads": 2, "context_length": 32, "norm_eps": 1e-30},
  "data": {"train": "train.bin"},
  "train": {"steps": 1, "micro_batch": 4}
}
JSON
    "$lmtrain" --config seed.json --quiet
    "$lmtrain" export seed --to hf --output hf
    header=$(od -A n -t u8 -N 8 hf/model.safetensors)
    dd if=/dev/zero of=hf/model.safetensors bs=1 seek=$((8 + header + 90 * 128)) count=128 \
        conv=notrunc status=none
    cat >a.json <<'JSON'
{
  "run": {"dir": "run", "init_from": "hf", "threads": 1},
  "data": {"train": "train.bin", "val": "val.bin", "shuffle": false},
  "train": {"steps": 40, "batch": 8, "micro_batch": 4, "max_skips": 1},
  "optimizer": {"lr": 1e-2},
  "eval": {"every": 10, "tokens": 500},
  "checkpoint": {"every": 7, "keep_last": 9}
}
JSON
    "$lmtrain" --config a.json --quiet 2>said
    mv run straight
}
