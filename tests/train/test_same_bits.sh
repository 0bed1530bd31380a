#!/bin/bash
# One config, one seed: the same final checkpoint, byte for byte, for every number of threads, every
# instruction set, and killed and resumed or not.
# shellcheck source=../support/run.sh
. tests/support/run.sh

corpus >/dev/null
tiny a
final=run/checkpoints/step-0000000040.npz
# The run's directory is part of the config that a checkpoint holds: each run has its own parent.
run_in() {
    local where=$1
    shift
    mkdir -p "$where"
    cp a.json train.bin train.json val.bin val.json "$where/"
    (cd "$where" && "$lmtrain" --config a.json --quiet "$@")
}

# The matrix: precision x instruction set x threads x (straight, resumed half-way from a checkpoint
# that another instruction set and number of threads wrote).
isas=$("$lmtrain" --version | sed -n 's/^instruction sets: //p')
resume_in() { # directory, to start from, options: goes on from step 21 of that one
    local where=$1 from=$2
    shift 2
    run_in "$where" --dry-run && cp -r "$from/run" "$where/" && rm "$where"/run/checkpoints/step-00000000{28,35,40}.npz &&
        (cd "$where" && "$lmtrain" --config a.json --quiet --resume "$@")
}
sed -i 's/"keep_last": [0-9]*/"keep_last": 9/' a.json
for precision in fp32 bf16; do
    sed -i "s/\"train\": *{/&\"precision\": \"$precision\", /" a.json
    check "$precision, one thread" run_in $precision-t1 --threads 1
    for isa in $isas; do
        for threads in 1 2 3; do
            name=$precision-$isa-$threads
            same() {
                run_in $name --cpu $isa --threads $threads &&
                    cmp $precision-t1/$final $name/$final &&
                    resume_in $name-r $precision-t1 --cpu $isa --threads $threads &&
                    cmp $precision-t1/$final $name-r/$final
            }
            check "$precision, $isa, $threads threads, straight and resumed: same final checkpoint" same
        done
    done
    sed -i "s/\"precision\": \"$precision\", //" a.json
done
check "bf16 is not fp32" bash -c "! cmp -s fp32-t1/$final bf16-t1/$final"
mv fp32-t1 t1

# Every value of the model's options, in as many runs as an option has values; test_resume_matrix.sh
# resumes such runs.
for column in $(seq "$(option_columns)"); do
    mapfile -t options < <(every_option "$column")
    for precision in fp32 bf16; do
        name=options-$column-$precision
        set -- --set train.precision=$precision "${options[@]}"
        check "options $column, $precision, one thread" run_in $name --threads 1 "$@"
        for isa in $isas; do
            same() { run_in $name-$isa --cpu $isa --threads 3 "$@" && cmp $name/$final $name-$isa/$final; }
            check "options $column, $precision, $isa: same final checkpoint" same "$@"
        done
    done
done
other_options() { ! cmp -s options-2-fp32/$final options-3-fp32/$final; }
check "other options end in another checkpoint" other_options

# SIGKILL at several moments, resumed each time.
killed() {
    local where=killed runs=0 pid
    mkdir -p $where
    cp a.json train.bin train.json val.bin val.json $where/
    for delay in 0.02 0.05 0.08 0.1 0.12 0.15 0.2 0.3; do
        (cd $where && exec "$lmtrain" --config a.json --quiet --resume) &
        pid=$!
        sleep $delay
        kill -KILL $pid 2>/dev/null
        wait $pid 2>/dev/null
        runs=$((runs + 1))
    done
    (cd $where && "$lmtrain" --config a.json --quiet --resume)
}
check "killed and resumed eight times" killed
check "same final checkpoint" cmp "t1/$final" "killed/$final"
check "same losses, none lost or doubled" \
    bash -c "cmp <(sed -n 's/,\"tokens_per_s.*//p' t1/run/metrics.jsonl) \
                 <(sed -n 's/,\"tokens_per_s.*//p' killed/run/metrics.jsonl)"

# Interrupted at a step of its own choosing.
interrupted() {
    mkdir -p int
    cp a.json train.bin train.json val.bin val.json int/
    (cd int && exec "$lmtrain" --config a.json --set train.steps=100000 --quiet) 2>int.err &
    local pid=$!
    for _ in $(seq 1 200); do [ "$(wc -l <int/run/metrics.jsonl 2>/dev/null || echo 0)" -gt 3 ] && break; sleep 0.02; done
    kill -INT $pid
    wait $pid
    [ $? -eq 4 ] && grep -q -- "--resume" int.err
}
check "SIGINT: exit 4 and how to go on" interrupted
check "its summary says interrupted" grep -q '"reason": "interrupted"' int/run/summary.json
step=$(sed -n 's/.*"step": \([0-9]*\),/\1/p' int/run/summary.json)
check "the checkpoint is of the last step" \
    test -s "int/run/checkpoints/step-$(printf %010d "$step").npz"

# A damaged newest checkpoint is named, and the one before it is used.
damaged() {
    run_in damaged && rm "damaged/$final" &&
        printf 'x' | dd of=damaged/run/checkpoints/step-0000000035.npz bs=1 seek=5000 conv=notrunc &&
        (cd damaged && "$lmtrain" --config a.json --resume >out 2>&1) &&
        grep -q "step-0000000035.npz: damaged" damaged/out
}
rm -rf damaged
check "a damaged checkpoint is passed over" damaged
check "the end is the same" cmp "t1/$final" "damaged/$final"
check "a key that cannot change is refused" \
    bash -c "cd damaged && ! '$lmtrain' --config a.json --resume --set model.d_model=64 2>err &&
             grep -q 'model.d_model cannot change' err"
