# For the tests of this folder: a run of a few steps, what it should end like, and faults in it.
# shellcheck shell=bash
[ -d /dev/shm ] && [ -w /dev/shm ] && export TMPDIR=/dev/shm # many small files, synced often
. tests/support/run.sh
interpose=${BUILD:-$root/build/gcc}/tests/fault/interpose.so

# small.json, a run of 6 steps and 6 checkpoints that takes a hundredth of a second.
small() {
    given corpus
    head -c 4000 text.txt >short.txt
    "$lmtrain" tokenize --tokenizer bytes --input short.txt --output . --val-fraction 0.1 --force \
        >/dev/null
    cat >small.json <<JSON
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
JSON
}
