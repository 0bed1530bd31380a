#!/bin/bash
# One config, one seed: the same final checkpoint, byte for byte, for every number of threads, every
# instruction set, and killed and resumed or not.
# shellcheck source=../support/run.sh
. tests/support/run.sh

final=run/checkpoints/step-0000000040.npz
isas=$("$lmtrain" --version | sed -n 's/^instruction sets: //p')
config() {
    given corpus
    tiny a
    sed -i 's/"keep_last": 2/"keep_last": 9/' a.json
}
train() { "$lmtrain" --config a.json --quiet "$@"; }
# A model with every option that has code of its own.
options=()
for option in preset=llama mlp=relu2 qk_norm=true embedding_norm=true window=5 attention_softcap=5 \
    logit_softcap=9 label_smoothing=0.1 z_loss=1e-3 dropout=0.2 document_mask=true \
    document_token=101 recompute=block; do
    options+=(--set "model.$option")
done
# What every other run must equal: one thread, in the directory straight.
straight() { config && train --threads 1 "$@" && mv run straight; }
plain_fp32() { straight --set train.precision=fp32; }
plain_bf16() { straight --set train.precision=bf16; }
options_fp32() { straight --set train.precision=fp32 "${options[@]}"; }
options_bf16() { straight --set train.precision=bf16 "${options[@]}"; }
same_end() { cmp "straight/checkpoints/step-0000000040.npz" $final; }

# same_bits OPTIONS...: a straight run, and one that goes on half-way from the checkpoint of one thread.
same_bits() {
    train "$@" && same_end || return 1
    rm -rf run
    cp -r straight run
    rm run/checkpoints/step-00000000{28,35,40}.npz
    train --resume "$@" && same_end
}
on_every_machine() {
    local precision=$1 isa threads
    given plain_$precision
    for isa in $isas; do
        for threads in 1 2 3; do
            rm -rf run
            check "$precision, $isa, $threads threads, straight and resumed: the same final checkpoint" \
                same_bits --set train.precision=$precision --cpu $isa --threads $threads
        done
    done
}
scenario on_every_machine fp32
scenario on_every_machine bf16

with_every_option() {
    local precision=$1 isa
    given options_$precision
    for isa in $isas; do
        rm -rf run
        check "every option, $precision, $isa, straight and resumed: the same final checkpoint" \
            same_bits --set train.precision=$precision "${options[@]}" --cpu $isa --threads 3
    done
}
scenario with_every_option fp32
scenario with_every_option bf16

# If these were equal the comparisons above would show nothing.
differ() {
    (given "$1" && mv straight "$1-straight") && (given "$2" && mv straight "$2-straight") &&
        ! cmp "$1-straight/checkpoints/step-0000000040.npz" "$2-straight/checkpoints/step-0000000040.npz"
}
scenario check "training at bf16 ends in another checkpoint than at fp32" differ plain_fp32 plain_bf16
scenario check "training with every option ends in another checkpoint than without" \
    differ plain_fp32 options_fp32

killed() {
    given plain_fp32
    local delay pid
    for delay in 0.02 0.05 0.08 0.1 0.12 0.15 0.2 0.3; do
        "$lmtrain" --config a.json --quiet --resume &
        pid=$!
        sleep $delay
        kill -KILL $pid 2>/dev/null
        wait $pid 2>/dev/null
    done
    check "a run that was killed eight times is finished by --resume" train --resume
    check "a run that was killed eight times ends in the same checkpoint" same_end
    check "a run that was killed eight times has every line of metrics once" same_figures straight run
}
scenario killed

# Interrupted at a step of its own choosing.
interrupted() {
    config
    "$lmtrain" --config a.json --set train.steps=100000 --quiet 2>err &
    local pid=$!
    until_true more_lines run/metrics.jsonl 3
    kill -INT $pid
    wait $pid
    check "an interrupted run exits with 4" test $? -eq 4
    check "an interrupted run says how to go on" grep -q -- "--resume" err
    check "an interrupted run says so in its summary" \
        grep -q '"reason": "interrupted"' run/summary.json
    step=$(sed -n 's/.*"step": \([0-9]*\),/\1/p' run/summary.json)
    check "an interrupted run has written a checkpoint of its last step" \
        test -s "run/checkpoints/step-$(printf %010d "$step").npz"
}
scenario interrupted

damaged() {
    given plain_fp32
    cp -r straight run
    rm $final
    damage run/checkpoints/step-0000000035.npz
    check "--resume of a run whose newest checkpoint is damaged finishes" \
        exits 0 "$lmtrain" --config a.json --resume
    check "--resume names the damaged checkpoint" says "step-0000000035.npz: damaged"
    check "a run whose newest checkpoint was damaged ends in the same checkpoint" same_end
}
scenario damaged
