#!/bin/bash
# train.budget: steps out of time, tokens or FLOPs, in a run and its directory.
# shellcheck source=../support/run.sh
. tests/support/run.sh

config() {
    given corpus
    tiny a
    sed -i 's/"steps": 40, //' a.json
}
within() { "$lmtrain" --config a.json --set train.budget="$@"; }
steps_are() { grep -q "\"steps\": $1," run/resolved.json && lacks budget run/resolved.json; }
is_budget() { grep -q "\"budget\": \"$1\"" run/summary.json; }

of_tokens() {
    given config
    check "a budget of tokens is divided by a step's" \
        exits_saying 0 "budget    6k tokens: train.steps = 23" within "6k tokens" --until 10
    check "resolved.json has the steps in place of the budget" steps_are 23
    check "a run of resolved.json has these steps" \
        exits_saying 0 '"steps": 23,' "$lmtrain" --config run/resolved.json --print-config
    check "resume keeps the steps" exits_saying 0 "finished: run" within "6k tokens" --resume
    check "the end says how far the budget was missed" says "5888 tokens, 1.87% less than that"
    check "so does the summary" grep -q '"budget_missed": -0.0187' run/summary.json
    check "the same steps without a budget make the same run" same_run
    check "a larger budget goes on with a finished run" \
        exits_saying 0 "train.steps: 23 -> 39" within "10k tokens" --resume
    check "a budget of more steps than a run can take is refused" exits_saying 2 "comes to more than 9999999999 steps" \
        within "9000T tokens"
}
same_run() {
    mv run budget
    "$lmtrain" --config a.json --quiet --set train.steps=23 &&
        cmp {run,budget}/checkpoints/step-0000000023.npz
    local code=$?
    rm -rf run && mv budget run
    return $code
}
scenario of_tokens

of_time() {
    given config
    check "a budget of time is measured" exits_saying 0 "budget    2s: train.steps = " within 2s \
        --until 1
    steps=$(sed -n 's/.*train.steps = //p' out)
    check "a run that is resumed does not measure again" \
        exits_saying 0 "budget    2s: train.steps = $steps" within 2s --until 2 --resume
    check "the summary has the budget" is_budget 2s
    check "--dry-run says the speed and the time" exits_saying 0 "tokens/s, measured over" within 2s \
        --set run.dir=other --dry-run
    check "--dry-run makes nothing" test ! -e other
}
scenario of_time

refused() {
    given config
    check "a budget that is no length is refused with examples" \
        exits_saying 2 'train.budget: expected a length such as "2M tokens", "30m" or "1e15 flop"' \
        within 3x
    check "a budget of steps is refused" exits_saying 2 "train.budget: expected" within 300
    check "a budget beside steps is refused" exits_saying 2 "leave one of them out" within 2m \
        --set train.steps=3
    check "and that is said once" test "$(wc -l <out)" -eq 1
    sed -i 's/"train": {/"train": {"steps": 30, /' a.json
    check "a budget on the command line replaces the file's steps" \
        exits_saying 0 "train.steps has no effect when train.budget is given" within "300 tokens"
    sed -i 's/"steps": 30/"budget": "2h"/' a.json
    check "steps on the command line replace the file's budget" \
        exits_saying 0 "train.budget has no effect when train.steps is given" "$lmtrain" \
        --config a.json --set train.steps=2 --set run.dir=third
    check "a config whose steps are not known prints its budget" \
        exits_saying 0 '"budget": "2h"' "$lmtrain" --config a.json --print-config
}
scenario refused

changing_batch() {
    given config
    within "3100 tokens" --set 'schedule.batch={"stages": [[0, 4], ["50%", 8]]}'
}
scenario check "a budget of tokens counts the windows of a batch that changes" \
    exits_saying 0 " and 3072 tokens, 0.90% less than that" changing_batch
