# What the scripts of this folder train on, made in $shared, which becomes the working directory: data/, run.json.
# shellcheck shell=bash
cp "$work/lmtrain" "$shared/lmtrain" && cd "$shared" || exit 1
for i in $(seq 1 400); do
    echo "line $i: the quick brown fox number $((i * 7919 % 101)) jumps over the lazy dog"
done >text.txt
./lmtrain tokenize --tokenizer bytes --input text.txt --output data --val-fraction 0.1 --force >/dev/null || exit 1
cat >run.json <<'JSON'
{
  "run": {"dir": "runs/base", "threads": 1, "interrupt_exit_code": 75},
  "model": {"d_model": 32, "n_layers": 2, "n_heads": 2, "context_length": 32},
  "data": {"train": "data/train.bin", "val": "data/val.bin"},
  "train": {"steps": 60, "batch": 8},
  "eval": {"every": 20, "tokens": 500}
}
JSON
