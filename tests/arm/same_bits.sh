#!/bin/bash
# Training on an emulated ARM ends in the checkpoint of this machine, byte for byte: at both
# precisions, with every value of the model's options, and when the run moves from one machine to
# the other half-way. Run by run.sh, which says where the programs are.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# The machines.
here() { "$lmtrain" "$@"; }
arm() { qemu-aarch64 "$LMTRAIN_ARM" "$@"; }
is_arm() { arm --version | grep -q 'sets: scalar neon$'; }
scenario check "the emulated machine is an ARM with NEON" is_arm

last=run/checkpoints/step-0000000008.npz
half=run/checkpoints/step-0000000004.npz
config() {
    given corpus
    cat >a.json <<JSON
{
  "run": {"dir": "run"},
  "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "context_length": 40},
  "data": {"train": "../train.bin", "val": "../val.bin"},
  "train": {"steps": 8, "batch": 6, "lanes": 2},
  "optimizer": {"lr": 1e-2},
  "eval": {"every": 4, "tokens": 200},
  "checkpoint": {"every": 4, "keep_last": 2}
}
JSON
}
# on MACHINE DIRECTORY OPTIONS...: the run, below a directory of its own since its name is in the
# checkpoint.
on() {
    local machine=$1 where=$2
    shift 2
    mkdir -p "$where" && (cd "$where" && $machine --config ../a.json --quiet "$@")
}
same_end() { cmp "$1/$last" "$2/$last"; } # DIRECTORY DIRECTORY
on_both() { on here here "$@" && on arm arm "$@" && same_end here arm; } # OPTIONS...
# moved FROM TO OPTIONS...: the checkpoint that FROM made half-way, gone on with on TO in other
# micro-batches.
moved() {
    local from=$1 to=$2 where=$1-to-$2
    shift 2
    set -- "$@" --set train.micro_batch=2
    mkdir -p "$where/run/checkpoints" && cp "$from/run/resolved.json" "$where/run/" &&
        cp "$from/$half" "$where/$half" && on "$to" "$where" --resume "$@" && same_end "$from" "$where"
}

at_precision() { # PRECISION
    local options=(--set "train.precision=$1")
    config
    check "$1: a run on ARM ends in the same checkpoint as here" on_both "${options[@]}"
    check "$1: a run on ARM writes the same losses as here" same_figures here/run arm/run
    check "$1: a run begun here and resumed on ARM ends in the same checkpoint" \
        moved here arm "${options[@]}"
    check "$1: a run begun on ARM and resumed here ends in the same checkpoint" \
        moved arm here "${options[@]}"
}
scenario at_precision fp32
scenario at_precision bf16

precisions_differ() {
    config
    on arm fp32 --set train.precision=fp32 && on arm bf16 --set train.precision=bf16 &&
        ! same_end fp32 bf16
}
scenario check "training at bf16 ends in another checkpoint than at fp32" precisions_differ

with_options() { # COLUMN
    local options
    config
    mapfile -t options < <(every_option "$1")
    on_both "${options[@]}"
}
for column in $(seq "$(option_columns)"); do
    scenario check "model options, values $column: a run on ARM ends in the same checkpoint as here" \
        with_options "$column"
done
