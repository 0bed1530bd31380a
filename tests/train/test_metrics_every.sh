#!/bin/bash
# log.metrics_every: which lines metrics.jsonl has, and that nothing else changes.
# shellcheck source=../support/run.sh
. tests/support/run.sh

train() { "$lmtrain" --config a.json --quiet --set run.dir="$@"; }
trained() {
    corpus && tiny a && train all
}
# steps RUN WHAT: the steps of the lines with that figure.
steps() { sed -n "/\"$2\":/s/{\"step\":\([0-9]*\),.*/\1/p" "$1/metrics.jsonl" | tr '\n' ' '; }
has_steps() { [ "$(steps "$1" "$2")" = "$3 " ] || { steps "$1" "$2"; return 1; }; }
# Lines of all that are in the other run too, figure by figure.
a_part_of() { diff <(figures "$2") <(figures "$1") >parts; lacks '^>' parts; }
thinned=(--set log.metrics_every=15)

lines() {
    given trained
    train some "${thinned[@]}" --set log.layers_every=6 --set log.sample_every=16 --set log.sample_tokens=4 \
        --set log.tensorboard=true --set log.report_seconds=0
    check "every 15th step has a line, and the first and the last" has_steps some loss "1 15 30 40"
    check "evaluations have theirs" has_steps some val_loss "10 20 30 40"
    check "layers have theirs" has_steps some layers "6 12 18 24 30 36"
    check "samples have theirs" has_steps some sample "16 32 40"
    check "the figures are those of all lines" a_part_of some all
    check "no bit of the training changes" \
        cmp all/checkpoints/step-0000000040.npz some/checkpoints/step-0000000040.npz
    check "diff finds the runs equal" \
        exits_saying 0 "metrics agree: 8 lines; 36 steps have a line in one of the runs only" "$lmtrain" diff all some
    check "digests of weights are in the lines that there are" has_steps some weights_digest "30 40"
    check "the loss of the summary is that of the last step" \
        cmp <(grep train_loss all/summary.json) <(grep train_loss some/summary.json)
    check "the table has a row for each step with a line of any kind" \
        test "$("$lmtrain" report some --csv | cut -d, -f2 | tail -n +2 | tr '\n' ' ')" = "1 6 10 12 15 18 20 24 30 36 40 "
    check "the page is written" grep -q '"loss"' some/report.html
    check "the picture shows the last step" exits_saying 0 "step 40 of 40" "$lmtrain" watch some --once
    check "inspect draws the curve" exits_saying 0 ". training loss" "$lmtrain" inspect some --curve
    python3 -c '' 2>/dev/null || { echo "skip - events: no python3"; return; }
    python3 "$root/tests/report/read_events.py" some >read
    check "events of TensorBoard have the same steps" \
        test "$(awk '$2 == "loss" { print $1 }' read | tr '\n' ' ')" = "1 15 30 40 "
    check "and layers at their own" \
        test "$(awk '$2 ~ /^update_ratio/ { print $1 }' read | sort -nu | tr '\n' ' ')" = "6 12 18 24 30 36 "
}
scenario lines

going_on() {
    given trained
    train whole "${thinned[@]}"
    train cut "${thinned[@]}" --until 20
    check "a run that pauses between lines has none of that step" has_steps cut loss "1 15"
    before=$(sed -n 's/.*"seconds": \([0-9.]*\).*/\1/p' cut/summary.json | head -n 1)
    "$lmtrain" --config a.json --set run.dir=cut "${thinned[@]}" --resume >log 2>&1
    check "and goes on to the lines of a run that never paused" same_figures whole cut
    check "without a word about lines that were never there" lacks "no lines" log
    check "with the time of the steps since the last line" awk -v before="$before" '
        /"step":30,.*"loss"/ { sub(/.*"seconds":/, ""); exit !($0 + 0 >= before + 0) }' cut/metrics.jsonl
    rm cut/checkpoints/*40.npz cut/summary.json
    "$lmtrain" --config a.json --set run.dir=cut --resume >log 2>&1
    check "a killed run that goes on with every line has them from there on" \
        has_steps cut loss "1 15 30 $(seq -s ' ' 36 40)"
    check "without a word about the lines before" lacks "no lines" log
    rm whole/checkpoints/*40.npz whole/summary.json
    sed -i '/"step":30,/d' whole/metrics.jsonl
    check "a line that was lost is missed" exits_saying 0 "no lines of steps 21 to 35" \
        "$lmtrain" --config a.json --set run.dir=whole "${thinned[@]}" --resume
}
scenario going_on

diverging() {
    given trained
    exits 3 train high "${thinned[@]}" --set optimizer.name=sgd --set optimizer.lr=1e6 --set train.clip_norm=0
    last=$(sed -n 's/^ *"step": \([0-9]*\),.*/\1/p' high/summary.json)
    check "a run that diverges ends with the last step whose loss was finite" \
        eval 'tail -n 1 high/metrics.jsonl | grep -q "^{\"step\":$last,.*\"loss\"" && [ "$last" -gt 1 ] || { cat out high/metrics.jsonl; false; }'
    check "log.metrics_every of 0 is a usage error" \
        exits_saying 2 "log.metrics_every" "$lmtrain" --config a.json --set run.dir=none --set log.metrics_every=0
}
scenario diverging
