#!/bin/bash
# eval.targets: what a run took to each loss; eval.patience: a run that no longer improves ends.
# shellcheck source=../support/run.sh
. tests/support/run.sh

config() {
    given corpus
    tiny a
    sed -i 's/"d_model": 32/"d_model": 8/; s/"context_length": 32/"context_length": 16/
        s/"every": 10, "tokens": 500/"every": 4, "tokens": 300/; s/"keep_last": 2/"keep_last": 9/' a.json
}
train() { "$lmtrain" --config a.json "$@"; }
losses() { sed -n 's/.*"step":\([0-9]*\),.*"val_loss":\([^,]*\),.*/\1 \2/p' run/metrics.jsonl; }
# target LOSS: its object in the summary, without times, which differ from run to run.
target() { grep "{\"loss\": $1," run/summary.json | sed 's/"seconds": [0-9.]*//g; s/,$//'; }

reached() {
    config
    local targets='eval.targets=[4.3, 0.01, 3.8]' step
    check "a run with targets trains to its end" exits 0 train --set "$targets"
    check "a target that was reached is told at the end" says "target    4.3 at step "
    check "one that was not is told too" says "target    0.01 not reached"
    step=$(losses | awk '$2 <= 3.8 { print $1; exit }')
    check "the step is that of the first evaluation with that loss" \
        eval 'target 3.8 | grep -q "\"step\": $step, \"tokens\": $((step * 128)), \"flops\": "'
    check "the FLOPs are the tokens times those of a token" \
        eval 'target 3.8 | grep -q "\"flops\": $((step * 128 * $(sed -n "s/.*\"flops_per_token\": \([0-9]*\).*/\1/p" run/summary.json))),"'
    check "a line between evaluations crosses the loss before that" eval \
        'target 3.8 | sed "s/.*interpolated\": {\"step\": \([0-9.]*\).*/\1/" |
            awk -v s=$step "{ exit !(\$1 > s - 4 && \$1 <= s) }"'
    check "a target that was not reached has null" eval 'target 0.01 | grep -q "\"step\": null"'
    check "the evaluation that reached it says so in the metrics" \
        grep -q "\"step\":$step,.*\"val_loss\".*\"targets\":\[.*3.8\]" run/metrics.jsonl
    local straight
    straight=$(target 4.3; target 3.8; target 0.01)
    rm -rf run
    train --set "$targets" --until 30 --quiet
    train --set "$targets" --resume --quiet
    check "a run in two sessions tells the same" test "$(target 4.3; target 3.8; target 0.01)" = "$straight"
    rm -rf run
    train --until 30 --quiet
    train --set "$targets" --resume --quiet
    check "targets that are given later are found in the metrics so far" \
        test "$(target 4.3; target 3.8; target 0.01)" = "$straight"
    rm -rf run
    train --quiet --set eval.targets=4.3
    check "a target may be a number alone" eval 'target 4.3 | grep -q "\"step\": [0-9]"'
    check "a target that is no number is refused" \
        exits_saying 2 "eval.targets: expected a number from 0 to 1000, or a list of at most 16 of them" \
        train --dry-run --set 'eval.targets=["low"]'
}
scenario reached

# train_on PATIENCE ARGUMENTS...
train_on() { train "${options[@]}" --set eval.patience="$1" "${@:2}"; }
patience() {
    config
    # A rate at which the loss only wanders.
    local options=(--set optimizer.lr=0.5 --set train.steps=400 --set schedule.name=constant)
    check "a run that no longer improves ends with exit code 0" exits_saying 0 "(eval.patience)" train_on 3
    check "it says so in its summary, as finished" \
        eval 'grep -q "\"state\": \"finished\"" run/summary.json && grep -q "\"stopped_early\": true" run/summary.json'
    local step
    step=$(sed -n 's/^  "step": \([0-9]*\),/\1/p' run/summary.json)
    check "it ends after three evaluations in a row that were not the best" test "$step" = \
        "$(losses | awk 'NR == 1 || $2 < best { best = $2; since = -1 } ++since == 3 { print $1; exit }')"
    check "before its last step" test "$step" -lt 400
    check "and has a checkpoint of that step" test -s "run/checkpoints/step-$(printf %010d "$step").npz"
    check "--resume has nothing to do" exits_saying 0 "eval.patience; a larger one goes on" train_on 3 --resume
    check "other keys are refused, as of any finished run" exits_saying 2 "raise eval.patience to go on" \
        train_on 3 --set eval.tokens=500 --resume
    cp -r run stopped
    check "with more patience it goes on" exits 0 train_on 5 --resume
    local longer
    longer=$(sed -n 's/^  "step": \([0-9]*\),/\1/p' run/summary.json)
    check "and takes more steps" test "$longer" -gt "$step"
    rm -rf run
    train_on 5 --quiet
    check "to where a run that had it from the start ends" \
        test "$longer" = "$(sed -n 's/^  "step": \([0-9]*\),/\1/p' run/summary.json)"
    rm -rf run
    train_on 3 --until $((step - 6)) --quiet
    train_on 3 --resume --quiet
    check "a run in two sessions stops at the same step with the same bits" \
        cmp {stopped,run}/checkpoints/step-"$(printf %010d "$step")".npz
}
scenario patience
