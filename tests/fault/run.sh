# For the tests of this folder: a run of a few steps, what it should end like, and faults in it.
# shellcheck shell=bash
[ -d /dev/shm ] && [ -w /dev/shm ] && export TMPDIR=/dev/shm # many small files, synced often
. tests/support/run.sh
interpose=${BUILD:-$root/build/gcc}/tests/fault/interpose.so

# small: small.json, a run of 6 steps and 6 checkpoints that takes a hundredth of a second.
small() {
    head -c 4000 text.txt >short.txt
    "$lmtrain" tokenize --tokenizer bytes --input short.txt --output . --val-fraction 0.1 --force \
        >/dev/null
    cat >small.json <<END
{
  "run": {"dir": "run", "threads": 1},
  "model": {"d_model": 8, "n_layers": 1, "n_heads": 1, "context_length": 8},
  "data": {"train": "train.bin", "val": "val.bin"},
  "train": {"steps": 6, "micro_batch": 2},
  "optimizer": {"name": "momentum", "lr": 1e-2},
  "schedule": {"name": "constant"},
  "eval": {"every": 2, "tokens": 50},
  "checkpoint": {"every": 1, "keep_last": 2}
}
END
}
figures() { sed -n 's/,"tokens_per_s.*//p; s/,"val_tokens.*//p' "$1/metrics.jsonl"; }
# resumes: the run directory goes on to the bits of the straight run.
resumes() {
    "$lmtrain" --config small.json --quiet --resume >resume.out 2>&1 ||
        { echo "cannot be resumed:"; cat resume.out; return 1; }
    cmp straight/checkpoints/step-0000000006.npz run/checkpoints/step-0000000006.npz &&
        cmp <(figures straight) <(figures run)
}
