#!/bin/bash
# Training on an emulated ARM ends in the checkpoint of this machine, byte for byte: at both
# precisions, with every value of the model's options, and when the run moves from one machine to
# the other half-way. Run by run.sh, which says where the programs are.
# shellcheck source=../support/run.sh
. tests/support/run.sh

arm() { qemu-aarch64 "$LMTRAIN_ARM" "$@"; }
check "the emulated machine is an ARM with NEON" bash -c "qemu-aarch64 '$LMTRAIN_ARM' --version | grep -q 'sets: scalar neon$'"
corpus >/dev/null
cat >a.json <<END
{
  "run": {"dir": "run"},
  "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "context_length": 40},
  "data": {"train": "../train.bin", "val": "../val.bin"},
  "train": {"steps": 8, "micro_batch": 3, "grad_accumulation": 2},
  "optimizer": {"lr": 1e-2},
  "eval": {"every": 4, "tokens": 200},
  "checkpoint": {"every": 4, "keep_last": 2}
}
END
here() { "$lmtrain" "$@"; }
# on MACHINE DIRECTORY OPTIONS...: the run, in a directory of its own since its name is in the checkpoint.
on() {
    local machine=$1 where=$2
    shift 2
    mkdir -p "$where" && (cd "$where" && $machine --config ../a.json --quiet "$@")
}
last=run/checkpoints/step-0000000008.npz
half=run/checkpoints/step-0000000004.npz
same() { # NAME OPTIONS...
    local name=$1
    shift
    on here "$name-here" "$@" && on arm "$name-arm" "$@" && cmp "$name-here/$last" "$name-arm/$last"
}
# moved NAME FROM TO OPTIONS...: FROM's checkpoint of half the way, gone on with on TO.
moved() {
    local name=$1 from=$2 to=$3
    shift 3
    mkdir -p "$name-$from-$to/run/checkpoints" && cp "$name-$from/run/config.json" "$name-$from-$to/run/" &&
        cp "$name-$from/$half" "$name-$from-$to/$half" &&
        on "$to" "$name-$from-$to" --resume "$@" && cmp "$name-$from/$last" "$name-$from-$to/$last"
}
for precision in fp32 bf16; do
    set -- --set train.precision=$precision
    check "$precision: a run on ARM ends in the same checkpoint as here" same $precision "$@"
    check "$precision: a run begun here and resumed on ARM ends in the same checkpoint" moved $precision here arm "$@"
    check "$precision: a run begun on ARM and resumed here ends in the same checkpoint" moved $precision arm here "$@"
done
check "training at bf16 ends in another checkpoint than at fp32" bash -c "! cmp -s fp32-arm/$last bf16-arm/$last"
check "a run on ARM writes the same losses as here" cmp <(sed -n 's/,"tokens_per_s.*//p' fp32-here/run/metrics.jsonl) \
    <(sed -n 's/,"tokens_per_s.*//p' fp32-arm/run/metrics.jsonl)
for column in $(seq "$(option_columns)"); do
    mapfile -t options < <(every_option "$column")
    check "model options, values $column: a run on ARM ends in the same checkpoint as here" same "options-$column" "${options[@]}"
done
