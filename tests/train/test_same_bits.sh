#!/bin/bash
# One config, one seed: the same final checkpoint, byte for byte, for every number of threads, every
# instruction set, every micro-batch, and killed and resumed or not.
# shellcheck source=../support/run.sh
. tests/support/run.sh

final=run/checkpoints/step-0000000040.npz
isas=$("$lmtrain" --version | sed -n 's/^instruction sets: //p')
config() {
    given corpus
    tiny a
    sed -i 's/"keep_last": 2/"keep_last": 9/; s/"micro_batch": 4, "grad_accumulation": 2/"batch": 8/' a.json
}
train() { "$lmtrain" --config a.json --quiet "$@"; }
# What every other run must equal: one thread, in the directory straight.
straight() { config && train --threads 1 "$@" && mv run straight; }
plain_fp32() { straight --set train.precision=fp32; }
plain_bf16() { straight --set train.precision=bf16; }
same_end() { cmp "straight/checkpoints/step-0000000040.npz" $final; }

# same_bits OPTIONS...: a straight run, and one that goes on half-way from the checkpoint of one thread.
same_bits() {
    train "$@" && same_end && same_figures straight run || return 1
    rm -rf run
    cp -r straight run
    rm run/checkpoints/step-00000000{28,35,40}.npz
    train --resume "$@" && same_end
}
micro_batches=(1 3 8 5 0 2)
on_every_machine() {
    local precision=$1 isa threads n=0 micro_batch
    given plain_$precision
    for isa in $isas; do
        for threads in 1 2 3; do
            rm -rf run
            micro_batch=${micro_batches[n++ % ${#micro_batches[@]}]}
            check "$precision, $isa, $threads threads, micro-batches of $micro_batch, straight and resumed: the same final checkpoint" \
                same_bits --set train.precision=$precision --cpu $isa --threads $threads \
                --set train.micro_batch=$micro_batch
        done
    done
}
scenario on_every_machine fp32
scenario on_every_machine bf16

# Lanes are part of the result; micro-batches do not reach across them. Windows of odd length. One
# thread computes lane after lane, several compute as many lanes at the same time.
thread_counts=(2 4 3 8)
with_lanes() {
    local lanes=$1 precision=$2 isa n=0 micro_batch threads
    shift 2
    config
    sed -i 's/"context_length": 32/"context_length": 31/' a.json
    straight --set train.lanes=$lanes --set train.precision=$precision "$@"
    for isa in ${isas#scalar }; do # scalar is slow, and is above
        rm -rf run
        threads=${thread_counts[n % ${#thread_counts[@]}]}
        micro_batch=${micro_batches[n++ % ${#micro_batches[@]}]}
        check "$lanes lanes, $precision, $isa, $threads threads, micro-batches of $micro_batch, straight and resumed: the same final checkpoint" \
            same_bits --set train.lanes=$lanes --set train.precision=$precision --cpu $isa \
            --threads $threads --set train.micro_batch=$micro_batch "$@"
    done
}
scenario with_lanes 2 fp32
scenario with_lanes 8 fp32
scenario with_lanes 4 bf16 --set model.dropout=0.1 --set model.multi_token=[0.5] --set model.window=9

lanes_differ() {
    given plain_fp32
    train --set train.lanes=2 --set train.precision=fp32 && ! same_end
}
scenario check "training in two lanes ends in another checkpoint than in one" lanes_differ

# Every value of the model's options, in as many runs as an option has values; test_resume_matrix.sh
# resumes such runs.
with_options() {
    local column=$1 precision=$2 isa options
    config
    mapfile -t options < <(every_option "$column")
    options+=(--set "train.precision=$precision")
    check "options $column, $precision: one thread trains to the end" straight "${options[@]}"
    same() { rm -rf run && train --cpu "$1" --threads 3 "${options[@]}" && same_end; }
    for isa in $isas; do
        check "options $column, $precision, $isa, 3 threads: the same final checkpoint" same "$isa"
    done
}
for column in $(seq "$(option_columns)"); do
    scenario with_options "$column" fp32
    scenario with_options "$column" bf16
done

# If these were equal the comparisons above would show nothing.
precisions_differ() {
    given plain_fp32
    train --set train.precision=bf16 && ! same_end
}
scenario check "training at bf16 ends in another checkpoint than at fp32" precisions_differ
options_differ() {
    local other
    config
    mapfile -t other < <(every_option 2)
    straight "${other[@]}" || return 1
    mapfile -t other < <(every_option 3)
    train "${other[@]}" && ! same_end
}
scenario check "training with other options of the model ends in another checkpoint" options_differ

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
        grep -q '"state": "interrupted"' run/summary.json
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
