#!/bin/bash
# Going on: from the newest good checkpoint, from a given one, with a changed config.
# shellcheck source=../support/run.sh
. tests/support/run.sh

corpus >/dev/null
tiny a
sed -i 's/"every": 7, "keep_last": 2/"every": 7, "keep_last": 9/' a.json
check "a straight run" "$lmtrain" --config a.json --quiet
cp -r run straight
at() { printf 'run/checkpoints/step-%010d.npz' "$1"; }
again() { rm -rf run && cp -r straight run; }
# The metrics without what depends on the clock.
figures() { sed -n 's/,"tokens_per_s.*//p; s/,"val_tokens.*//p' "$1/metrics.jsonl"; }
same_end() {
    cmp straight/checkpoints/step-0000000040.npz "$(at 40)" &&
        cmp <(figures straight) <(figures run)
}

check "--resume FILE goes on from it" exits_saying 0 "going on after step 14, from $(at 14)" \
    "$lmtrain" --config a.json --resume "$(at 14)"
check "what lies beyond was set aside" says "$(at 21).aside"
check "the end is the same" same_end
check "what was set aside is gone, its steps are done again" \
    bash -c "! ls run/checkpoints | grep -v '^step-[0-9]*\.npz$'"

again
check "a finished run from an old checkpoint, cut short" exits_saying 0 "finished" \
    "$lmtrain" --config a.json --resume="$(at 14)" --set train.steps=20
check "later checkpoints stay aside until their steps are done" test -s "$(at 35).aside"
check "the newest one is now that of step 20" exits_saying 0 "going on after step 20" \
    "$lmtrain" --config a.json --resume
check "a change of a key is listed" says "train.steps: 20 -> 40"

again
mv "$(at 21)" other.npz
check "a checkpoint from elsewhere is copied into the run" exits_saying 0 "after step 21" \
    "$lmtrain" --config a.json --resume other.npz
check "the end is the same again" same_end
check "the copy is the checkpoint" cmp other.npz "$(at 21)"

again
rm "$(at 28)" "$(at 35)"
mv "$(at 40)" other.npz
mv "$(at 21)" "$(at 28)"
check "one with another step's name is copied to its own" exits_saying 0 "set aside" \
    "$lmtrain" --config a.json --resume --set train.steps=21
check "and what has that name is set aside" bash -c "cmp straight/$(at 21 | cut -d/ -f2-) $(at 28).aside"
check "what was set aside can be gone on from" exits_saying 0 "going on after step 21" \
    "$lmtrain" --config a.json --resume "$(at 28).aside"
check "to the same end once more" same_end

again
printf damaged | dd of="$(at 21)" bs=1 seek=5000 conv=notrunc status=none
check "inspect --verify of a run finds it" exits_saying 1 "1 damaged checkpoint" \
    "$lmtrain" inspect run --verify
check "names it and the good ones" bash -c "grep -q 'step-0000000021.npz  .*damaged: array' out &&
    grep -q 'step-0000000014.npz  verified' out"
check "--resume FILE of a damaged one fails" exits_saying 1 "$(at 21): damaged" \
    "$lmtrain" --config a.json --resume "$(at 21)"
check "and moved nothing" bash -c "! ls run/checkpoints | grep aside"
check "--resume FILE of a missing one fails" exits_saying 1 "none.npz: cannot open" \
    "$lmtrain" --config a.json --resume none.npz
rm "$(at 28)" "$(at 35)" "$(at 40)"
check "the newest is damaged: named, the one before it is used" \
    exits_saying 0 "after step 14" "$lmtrain" --config a.json --resume
check "the damaged one was named with the reason" says "$(at 21): damaged: array"
check "the end is the same for all that" same_end

# None is good: that is not to begin again.
again
for step in 7 14 21 28; do rm "$(at $step)"; done
: >"$(at 40)"
printf damaged | dd of="$(at 35)" bs=1 seek=5000 conv=notrunc status=none
cp -r run before
check "all are damaged: refused" exits_saying 1 "checkpoints: no good checkpoint to go on from" \
    "$lmtrain" --config a.json --resume
check "the reason of each is said" bash -c \
    "grep -q 'step-0000000040.npz: expected the end' out && grep -q 'step-0000000035.npz: damaged: array' out"
check "and what to do" says "--resume FILE"
check "nothing was changed" diff -r before run
check "from one kept elsewhere it goes on" exits_saying 0 "after step 28" \
    "$lmtrain" --config a.json --resume straight/checkpoints/step-0000000028.npz
check "to the same end" same_end
rm -rf run before
check "without a run directory --resume begins one, and says so" \
    exits_saying 0 "no checkpoint to go on from: starting at step 0" "$lmtrain" --config a.json --resume
check "to the same end again" same_end

again
ln -s nowhere "$(at 42)"
check "one that cannot be read now may be good: not passed over" exits_saying 1 \
    "cannot tell the newest good checkpoint (--resume FILE names one): $(at 42): cannot open" \
    "$lmtrain" --config a.json --resume
rm "$(at 42)" && mkdir "$(at 42)"
check "what is no file is none" exits_saying 0 "$(at 42): expected a regular file" \
    "$lmtrain" --config a.json --resume --set train.steps=45
check "it is set aside" test -d "$(at 42).aside"

again
check "fewer steps than are done: nothing is" exits_saying 0 \
    "finished already: 40 steps are done, train.steps is 25" \
    "$lmtrain" --config a.json --resume --set train.steps=25
check "as before" diff -r straight run

# metrics.jsonl without its end, or without lines that the checkpoint knows of.
again
rm "$(at 28)" "$(at 35)" "$(at 40)"
cp -r run half
truncate -s -17 run/metrics.jsonl
check "half a last line is written again" exits 0 "$lmtrain" --config a.json --resume --quiet
check "none is missing" same_end
rm -rf run && mv half run
head -n 11 straight/metrics.jsonl >run/metrics.jsonl && printf '{"step":11,' >>run/metrics.jsonl
check "lines that cannot be written again are missed" exits_saying 0 \
    "warning: run/metrics.jsonl has no lines of steps 11 to 21, which the checkpoint holds" \
    "$lmtrain" --config a.json --resume
check "the others are there" cmp <(figures straight | sed '12,23d') <(figures run)

again
check "a link to the run directory is the run directory" bash -c "mv run real && ln -s real run &&
    rm real/checkpoints/step-00000000{35,40}.npz && '$lmtrain' --config a.json --resume --quiet"
check "its end is the same" same_end
rm -rf run real

# Checkpoints larger than files may be.
rm -rf run
check "a limit on the size of files: the run goes on without checkpoints" \
    exits_saying 1 "$(at 40).tmp: cannot write: File too large" \
    bash -c "ulimit -f 100; '$lmtrain' --config a.json"
check "each was missed" bash -c "grep -q 'no checkpoint at step 7:' out && grep -q 'no checkpoint at step 35:' out"
check "all steps were made" test "$(grep -c '"loss"' run/metrics.jsonl)" -eq 40
check "without the limit it is made anew" exits_saying 0 finished "$lmtrain" --config a.json --resume
check "to the same end as ever" same_end
check "nothing is left over" bash -c "! ls run/checkpoints | grep tmp"

# A new run from another's weights only.
first_loss() { sed -n '1s/.*"loss":\([0-9.]*\).*/\1/p' "$1/metrics.jsonl"; }
tune=(--set run.dir=tuned --set train.steps=5 --set optimizer.name=sgd --set optimizer.lr=0.01)
check "run.init_from begins with a run's newest weights" exits_saying 0 \
    "weights from straight/checkpoints/step-0000000040.npz, step 40" \
    "$lmtrain" --config a.json "${tune[@]}" --set run.init_from=straight
check "at step 1, with the loss they had" awk "BEGIN {exit !($(first_loss tuned) < 1.8)}"
mv straight away
check "it goes on without them" exits_saying 0 "finished: tuned" \
    "$lmtrain" --config a.json "${tune[@]}" --set run.init_from=straight --set train.steps=6 --resume
mv away straight
rm -rf tuned
check "weights of another shape are refused" exits_saying 1 "run.init_from: straight/checkpoints" \
    "$lmtrain" --config a.json "${tune[@]}" --set run.init_from=straight --set model.d_ff=64
check "naming both shapes" says "expected shape [64, 32], found [96, 32]"
check "weights left out are refused" exits_saying 2 "is not of this run's model" \
    "$lmtrain" --config a.json "${tune[@]}" --set run.init_from=straight --set model.n_layers=1
check "other differences are listed" exits_saying 0 "model.rope_theta: 10000 -> 5000" \
    "$lmtrain" --config a.json "${tune[@]}" --set run.init_from=straight \
    --set model.rope_theta=5000

again
check "keys that cannot change are refused, naming both values" \
    exits_saying 2 "model.d_model cannot change when a run is resumed: it was 32, it is now 64" \
    "$lmtrain" --config a.json --resume --set model.d_model=64 --set run.seed=5
check "all of them" says "run.seed cannot change when a run is resumed: it was 1, it is now 5"
sed 's/fox/dog/g' text.txt >other.txt
"$lmtrain" tokenize --tokenizer bytes --input other.txt --output other >/dev/null
check "other data is refused" exits_saying 2 "was trained on other data" \
    "$lmtrain" --config a.json --resume --set data.train=other/train.bin
