#!/bin/bash
# Going on: from the newest good checkpoint, from a given one, with a changed config.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# A finished run of 40 steps in the directory straight and a copy of it in run, every checkpoint kept.
trained() {
    given corpus
    tiny a
    sed -i 's/"keep_last": 2/"keep_last": 9/' a.json
    "$lmtrain" --config a.json --quiet
    cp -r run straight
}
at() { printf 'run/checkpoints/step-%010d.npz' "$1"; }
resume() { "$lmtrain" --config a.json --resume "$@"; }
same_end() {
    cmp straight/checkpoints/step-0000000040.npz "$(at 40)" && same_figures straight run
}
# no_file PATTERN: none of run/checkpoints has a name that matches.
no_file() { ! find run/checkpoints -mindepth 1 | grep -- "$1"; }

from_a_given_checkpoint() {
    given trained
    check "--resume FILE goes on from FILE" \
        exits_saying 0 "going on after step 14, from $(at 14)" resume "$(at 14)"
    check "--resume FILE sets later checkpoints aside" says "$(at 21).aside"
    check "a run that went on from a checkpoint of its own ends in the same bits" same_end
    check "--resume FILE says how to delete what was set aside" says "rm run/checkpoints/*.aside*"
    check "checkpoints set aside stay when their steps are done again" \
        cmp straight/checkpoints/step-0000000021.npz "$(at 21).aside"
    check "lines of metrics of steps done again are kept" \
        cmp <(sed -n 's/,"tokens_per_s.*//p' straight/metrics.jsonl | tail -n +15) \
        <(sed -n 's/,"tokens_per_s.*//p' run/metrics.jsonl.aside)
    check "--resume FILE says where lines of metrics went" says "run/metrics.jsonl.aside"
}
scenario from_a_given_checkpoint

cut_short() {
    given trained
    check "a finished run goes on from an old checkpoint with fewer steps" \
        exits_saying 0 "finished" \
        "$lmtrain" --config a.json --resume="$(at 14)" --set train.steps=20
    check "later checkpoints stay aside until their steps are done" test -s "$(at 35).aside"
    check "--resume then takes the checkpoint of the last step done" \
        exits_saying 0 "going on after step 20" resume
    check "--resume lists a key that was changed" says "train.steps: 20 -> 40"
}
scenario cut_short

from_elsewhere() {
    given trained
    mv "$(at 21)" other.npz
    check "--resume FILE goes on from a checkpoint outside of the run" \
        exits_saying 0 "after step 21" resume other.npz
    check "a run that went on from a checkpoint outside of it ends in the same bits" same_end
    check "--resume FILE copies a checkpoint from outside into the run" cmp other.npz "$(at 21)"
}
scenario from_elsewhere

name_of_another_step() {
    given trained
    rm "$(at 28)" "$(at 35)"
    mv "$(at 40)" other.npz
    mv "$(at 21)" "$(at 28)"
    check "a checkpoint that has another step's name is copied to its own name" \
        exits_saying 0 "set aside" resume --set train.steps=21
    check "the file with another step's name is set aside" \
        cmp straight/checkpoints/step-0000000021.npz "$(at 28).aside"
    check "--resume FILE goes on from a checkpoint that was set aside" \
        exits_saying 0 "going on after step 21" resume "$(at 28).aside"
    check "a run that went on from a checkpoint that was set aside ends in the same bits" same_end
}
scenario name_of_another_step

one_damaged() {
    given trained
    damage "$(at 21)"
    check "inspect --verify of a run counts damaged checkpoints" \
        exits_saying 1 "1 damaged checkpoint" "$lmtrain" inspect run --verify
    check "inspect --verify of a run names the damaged checkpoint with the reason" \
        grep -q 'step-0000000021.npz  .*damaged: array' out
    check "inspect --verify of a run names the good checkpoints" \
        grep -q 'step-0000000014.npz  verified' out
    check "--resume FILE of a damaged checkpoint fails" \
        exits_saying 1 "$(at 21): damaged" resume "$(at 21)"
    check "--resume FILE of a damaged checkpoint sets nothing aside" no_file aside
    check "--resume FILE of a file that does not exist names it" \
        exits_saying 1 "none.npz: cannot open" resume none.npz
    rm "$(at 28)" "$(at 35)" "$(at 40)"
    check "--resume takes the checkpoint before a damaged one" exits_saying 0 "after step 14" resume
    check "--resume names the damaged checkpoint with the reason" says "$(at 21): damaged: array"
    check "a run whose newest checkpoint was damaged ends in the same bits" same_end
}
scenario one_damaged

# None is good: that is not to begin again.
all_damaged() {
    given trained
    for step in 7 14 21 28; do rm "$(at $step)"; done
    : >"$(at 40)"
    damage "$(at 35)"
    cp -r run before
    check "--resume of a run whose checkpoints are all damaged is refused" \
        exits_saying 1 "checkpoints: no good checkpoint to go on from" resume
    check "the refusal gives the reason for an empty checkpoint" \
        grep -q 'step-0000000040.npz: expected the end' out
    check "the refusal gives the reason for a damaged checkpoint" \
        grep -q 'step-0000000035.npz: damaged: array' out
    check "the refusal says what helps" says "--resume FILE"
    check "--resume that is refused changes nothing in the run" diff -r before run
    check "--resume FILE of a checkpoint kept elsewhere goes on with such a run" \
        exits_saying 0 "after step 28" resume straight/checkpoints/step-0000000028.npz
    check "a run whose checkpoints were all damaged ends in the same bits" same_end
}
scenario all_damaged

no_run() {
    given trained
    rm -rf run
    check "--resume --quiet without a run begins one and warns with the absolute path" \
        exits_saying 0 "warning: $PWD/run holds no checkpoint to go on from: starting at step 0" \
        resume --quiet
    check "a run that began with --resume ends in the same bits" same_end
}
scenario no_run

unreadable() {
    given trained
    ln -s nowhere "$(at 42)"
    check "--resume does not pass over a checkpoint that cannot be read and may be good" exits_saying 1 \
        "cannot tell the newest good checkpoint (--resume FILE names one): $(at 42): cannot open" resume
}
scenario unreadable

no_file_at_all() {
    given trained
    mkdir "$(at 42)"
    check "--resume passes over a directory that has a checkpoint's name" \
        exits_saying 0 "$(at 42): expected a regular file" resume --set train.steps=45
    check "a directory that has a checkpoint's name is set aside" test -d "$(at 42).aside"
}
scenario no_file_at_all

nothing_left_to_do() {
    given trained
    check "--resume with fewer steps than are done is refused" exits_saying 2 \
        "train.steps: 40 -> 25" resume --set train.steps=25
    check "--resume with fewer steps than are done changes nothing" diff -r straight run
}
scenario nothing_left_to_do

# metrics.jsonl without its end, or without lines that the checkpoint knows of.
metrics_cut_off() {
    given trained
    rm "$(at 28)" "$(at 35)" "$(at 40)"
    truncate -s -17 run/metrics.jsonl
    check "--resume goes on with metrics whose last line is cut off" exits 0 resume --quiet
    check "no line is missing from metrics that were cut off" same_end
}
scenario metrics_cut_off

metrics_lost() {
    given trained
    rm "$(at 28)" "$(at 35)" "$(at 40)"
    { head -n 11 straight/metrics.jsonl; printf '{"step":11,'; } >run/metrics.jsonl
    check "--resume warns of lines of metrics that are lost" exits_saying 0 \
        "warning: run/metrics.jsonl has no lines of steps 11 to 21, which the checkpoint holds" resume
    check "all other lines of metrics are there" cmp <(figures straight | sed '12,23d') <(figures run)
}
scenario metrics_lost

linked() {
    given trained
    mv run real
    ln -s real run
    rm real/checkpoints/step-00000000{35,40}.npz
    check "a run goes on in a directory that is a symbolic link" resume --quiet
    check "a run in a directory that is a symbolic link ends in the same bits" same_end
}
scenario linked

# Checkpoints larger than files may be.
small_files() {
    ulimit -f 100
    exec "$lmtrain" --config a.json
}
limit_on_files() {
    given trained
    rm -rf run
    (small_files) >out 2>&1
    check "a run whose last checkpoint cannot be written exits with 1" test $? -eq 1
    check "a run whose checkpoint cannot be written says why" \
        says "$(at 40).tmp: cannot write: File too large"
    check "a run names the first checkpoint that it could not write" \
        grep -q 'no checkpoint at step 7:' out
    check "a run tries each later checkpoint too" grep -q 'no checkpoint at step 35:' out
    check "a run makes all its steps though no checkpoint can be written" \
        test "$(grep -c '"loss"' run/metrics.jsonl)" -eq 40
    check "--resume makes the run anew once files may be large" exits_saying 0 finished resume
    check "a run without earlier checkpoints ends in the same bits" same_end
    check "a checkpoint that could not be written leaves no file" no_file tmp
}
scenario limit_on_files

# A new run from another's weights only.
tune() {
    "$lmtrain" --config a.json --set run.dir="${tuned-tuned}" --set train.steps="${steps-5}" \
        --set optimizer.name=sgd --set optimizer.lr=0.01 --set run.init_from="${weights-straight}" "$@"
}
other_weights() {
    given trained
    check "run.init_from begins with the newest weights of a run" \
        exits_saying 0 "weights from straight/checkpoints/step-0000000040.npz, step 40" tune
    "$lmtrain" --config a.json --quiet --set run.dir=tables --set model.ngram_tables='[{"order": 2}]' \
        --set train.steps=1
    tuned=from-tables weights=tables
    check "run.init_from knows how many rows a table has that leaves them out" \
        exits_saying 0 "weights from tables/checkpoints" tune \
        --set model.ngram_tables='[{"order": 2}]' --dry-run
    tuned=tuned weights=straight
    cp a.json straight/config.json
    check "a run directory is one whatever else lies in it" \
        exits_saying 0 "step 40" "$lmtrain" eval straight --data val.bin --tokens 500
    check "run.init_from begins at step 1" grep -q '^{"step":1,' <(head -n 1 tuned/metrics.jsonl)
    check "run.init_from begins with the loss that the weights had" \
        awk "BEGIN { exit !($(sed -n '1s/.*"loss":\([0-9.]*\).*/\1/p' tuned/metrics.jsonl) < 1.8) }"
    mv straight away
    steps=6
    check "a run made by run.init_from goes on without the run it began with" \
        exits_saying 0 "finished: tuned" tune --resume
}
scenario other_weights

weights_that_do_not_fit() {
    given trained
    check "run.init_from refuses a key of the model that is not that of the weights" \
        exits_saying 2 "run.init_from: straight/checkpoints" tune --set model.d_ff=64
    check "run.init_from names the key and both its values" says "model.d_ff: 96 -> 64"
    check "run.init_from names all such keys" \
        exits_saying 2 "model.d_model: 32 -> 48" tune --set model.d_model=48 --set model.n_layers=1
    check "run.init_from names all such keys, one a line" says "model.n_layers: 2 -> 1"
    check "run.init_from lists other differences between the models" \
        exits_saying 0 "model.rope_theta: 10000 -> 5000" tune --set model.rope_theta=5000
    "$lmtrain" --config a.json --quiet --set run.dir=learned --set train.steps=1 --set model.position=learned
    check "run.init_from refuses another context of learned positions" \
        exits_saying 2 "model.context_length: $(sed -n 's/.*"context_length": \([0-9]*\).*/\1/p' learned/resolved.json) -> 8" \
        "$lmtrain" --config a.json --set run.dir=shorter --set run.init_from=learned \
        --set model.position=learned --set model.context_length=8
}
scenario weights_that_do_not_fit

# What the data says is no key that the config gives.
masked() {
    "$lmtrain" tokenize --train --vocab-size 300 --input "$root/README.md" --output text >out
    printf '{"run": {"dir": "plain"}, "model": {"d_model": 8, "n_layers": 1, "n_heads": 1, "context_length": 16},
        "data": {"train": "text/train.bin"}, "train": {"steps": 1, "batch": 1}}' >plain.json
    "$lmtrain" --config plain.json --quiet
    check "documents may be masked in a run that begins with weights" \
        exits_saying 0 "model.document_mask: false -> true" "$lmtrain" --config plain.json \
        --set run.dir=masked --set run.init_from=plain --set model.document_mask=true
    check "whose document token is that of the data" grep -q '"document_token": 299' masked/resolved.json
    check "which is no difference" lacks "document_token" out
}
scenario masked

# A config without a model is that of the weights.
three_lines() {
    given trained
    printf '{"run": {"dir": "three", "init_from": "straight"}, "data": {"train": "%s"}}\n' \
        "$(sed -n 's/.*"train": *"\([^"]*\)".*/\1/p' a.json | head -n 1)" >three.json
    check "a config of run.dir, run.init_from and data.train is a whole one" \
        exits_saying 0 "finished: three" "$lmtrain" --config three.json --set train.steps=3
    check "its model is that of the weights" cmp \
        <(sed -n '/"model"/,/}/p' three/resolved.json | grep -v '"preset"') \
        <(sed -n '/"model"/,/}/p' straight/resolved.json | grep -v '"preset"')
    check "so says --print-config" cmp \
        <("$lmtrain" --config three.json --print-config | sed -n '/"model"/,/}/p') \
        <(sed -n '/"model"/,/}/p' three/resolved.json)
    check "a key that has no effect on it is refused" \
        exits_saying 2 "model.norm_bias has no effect in the model of the weights" \
        "$lmtrain" --config three.json --set run.dir=other --set model.norm_bias=true
    mv straight away
    check "it goes on without the run it began with" exits_saying 0 "finished: three" \
        "$lmtrain" --config three.json --set train.steps=4 --resume
    check "a key that is given must agree when it goes on" exits_saying 2 "model.d_ff cannot change" \
        "$lmtrain" --config three.json --set train.steps=5 --set model.d_ff=64 --resume
}
scenario three_lines

keys_that_cannot_change() {
    given trained
    check "--resume refuses a changed model key and names both values" exits_saying 2 \
        "model.d_model cannot change when a run is resumed: it was 32, it is now 64" \
        resume --set model.d_model=64 --set run.seed=5
    check "--resume names every key that cannot change" \
        says "run.seed cannot change when a run is resumed: it was 1, it is now 5"
    sed 's/fox/dog/g' text.txt >other.txt
    "$lmtrain" tokenize --tokenizer bytes --input other.txt --output other >/dev/null
    check "--resume refuses other training data" \
        exits_saying 2 "was trained on other data" resume --set data.train=other/train.bin
}
scenario keys_that_cannot_change

# A checkpoint that lacks data.offsets is of a run without them; a config that lacks it asks for none.
offsets() {
    given trained
    rm -r run
    "$lmtrain" --config a.json --quiet --set data.offsets=false
    mv run without
    check "without offsets a run has other windows" fails same_figures without straight
    cp -r without run
    rm run/checkpoints/step-0000000040.npz
    check "a run that is resumed has the offsets that it had" exits_saying 0 \
        "data.offsets is false, as in run/checkpoints/step-0000000035.npz" resume
    check "and goes on to the same bits" cmp "$(at 40)" without/checkpoints/step-0000000040.npz
    rm run/checkpoints/step-0000000040.npz
    check "other ones that the config asks for are refused" exits_saying 2 \
        "data.offsets cannot change when a run is resumed: it was false, it is now true" \
        resume --set data.offsets=true
}
scenario offsets

# More shards for a run that goes on.
grown() {
    given corpus
    mkdir shards
    for kind in bin json; do mv train.$kind shards/0.$kind; done
    tiny a
    sed -i 's#train.bin#shards#' a.json
    "$lmtrain" --config a.json --quiet
    cp -r run before
    sed 's/fox/dog/g' text.txt >more.txt
    "$lmtrain" tokenize --tokenizer bytes --input more.txt --output more >/dev/null
    for kind in bin json; do cp -p more/train.$kind shards/1.$kind; done
}
growing_corpus() {
    given grown
    more=(--set train.steps=60 --set checkpoint.keep_last=99)
    check "--resume with more shards is refused" exits_saying 2 "was trained on other data" resume "${more[@]}"
    check "it says how many came" says "in shards, which has 1 further shard, from shards/1.bin on"
    check "it says what to do" says "go on with these by data.continue=true"
    check "nothing was changed" same_figures before run
    check "data.continue goes on with more shards" exits_saying 0 "its order begins at epoch 0 (data.continue)" \
        resume "${more[@]}" --set data.continue=true
    check "what was trained before stays" test "$(grep -c '"loss"' run/metrics.jsonl)" = 60
    "$lmtrain" --config a.json --quiet --set run.dir=fresh --set run.init_from=before --set train.steps=2
    loss() { sed -n "s/.*\"step\":$2,.*\"loss\":\([^,]*\),.*/\1/p" "$1/metrics.jsonl"; }
    check "the first batch is the first one of the new data" test "$(loss run 41)" = "$(loss fresh 1)"
    cp -r run whole
    rm run/checkpoints/step-000000006*.npz run/checkpoints/step-000000005*.npz
    check "the data that it went on with are now its own" exits 0 resume "${more[@]}" --quiet
    check "and it ends in the same bits, however often it is resumed" \
        cmp run/checkpoints/step-0000000060.npz whole/checkpoints/step-0000000060.npz
    rm shards/1.*
    check "fewer shards are other data too" exits_saying 2 "was trained on other data" \
        resume --set train.steps=70 --set checkpoint.keep_last=99
}
scenario growing_corpus
