#!/bin/bash
# Schedules in whole runs: the short form and its object, batches and windows that change, runs that go on.
# shellcheck source=../support/run.sh
. tests/support/run.sh

trained() {
    corpus && tiny a && sed -i 's/"steps": 40/"steps": 14/' a.json && "$lmtrain" --config a.json --quiet
}
train() { "$lmtrain" --config a.json --quiet --set run.dir="$@"; }
all=(--set 'schedule.lr={"shape": "wsd", "warmup": "300 tokens", "decay": "50%"}' --set optimizer.name=momentum --set optimizer.lr=0.1
    --set 'schedule.momentum={"start": 0.5, "warmup": 6}' --set 'schedule.weight_decay=linear'
    --set 'schedule.batch={"stages": [[0, 3], ["900 tokens", 6]]}' --set train.lanes=2
    --set 'schedule.window={"shape": "constant", "start": 4, "warmup": "70%"}'
    --set model.multi_token=[0.5,0.25] --set 'schedule.multi_token={"shape": "linear", "end": 0}')

short_forms() {
    given trained
    check "schedule.lr as an object is its short form, bit for bit" \
        eval 'train object --set "schedule.lr={\"shape\": \"cosine\", \"warmup\": 1, \"end\": 0.1}" && same_figures run object && "$lmtrain" diff run object/checkpoints/step-0000000014.npz'
    check "another end is another run" \
        eval 'train other --set "schedule.lr={\"shape\": \"cosine\", \"warmup\": 1}" && ! same_figures run other'
    check "further targets whose weight is 0 from the first step on change no bit" \
        eval 'train same --set model.multi_token=[0.5] --set "schedule.multi_token={\"stages\": [[0, 0]]}" && same_figures run same && rm -r same'
    check "schedules that keep every value where it is change no bit" \
        eval 'train same --set schedule.weight_decay=constant --set schedule.batch=constant --set schedule.window=constant && same_figures run same'
}
scenario short_forms

batches() {
    given trained
    train cut "${all[@]}" --until 6
    check "steps take the windows of the schedule, rounded down to the lanes" \
        eval '[ "$(sed "s/.*\"tokens\":\([0-9]*\),.*/\1/" cut/metrics.jsonl | sort -nu | tr "\n" " ")" = "64 128 192 256 320 384 " ] || { cat cut/metrics.jsonl; false; }'
    train cut "${all[@]}" --resume --threads 2
    train whole "${all[@]}" --threads 1
    check "a run whose rates, batch and window change goes on to the same bits" \
        eval 'same_figures cut whole && "$lmtrain" diff cut whole/checkpoints/step-0000000014.npz'
    check "and is the same on scalar kernels and in micro-batches" \
        eval 'train scalar "${all[@]}" --cpu scalar --set train.micro_batch=1 --set train.grad_accumulation=8 && same_figures whole scalar'
    check "the plan counts the tokens of the steps that there will be" \
        eval 'exits 0 "$lmtrain" --config a.json --set run.dir=new --set "schedule.batch={\"stages\": [[0, 2], [4, 4]]}" --dry-run && says "training  14 steps of up to 256 tokens: 1.54 k tokens"'
    local rest=()
    for part in batch window momentum weight_decay multi_token; do
        rest=("${all[@]/#schedule.$part=*/schedule.$part=constant}")
        check "without schedule.$part the run is another one" \
            eval 'train "no_$part" "${rest[@]}" && ! same_figures whole "no_$part"'
    done
}
scenario batches

horizon() {
    given trained
    check "a longer run says what becomes of the learning rate" \
        exits_saying 0 "learning rate of step 15: 0.005238 now; the run ended at step 14 with 0.001" \
        "$lmtrain" --config a.json --set train.steps=28 --set schedule.warmup_steps=1 --resume
    "$lmtrain" --config a.json --quiet --set run.dir=cut --until 7
    check "another schedule says what becomes of the learning rate" \
        exits_saying 0 "learning rate of step 8: 0.004958 -> 0.005154" \
        "$lmtrain" --config a.json --set run.dir=cut --set schedule.name=linear --resume
}
scenario horizon
