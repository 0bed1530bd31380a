#!/bin/bash
# What is decided, checked and refused before the first step, and where runs are made.
# shellcheck source=../support/run.sh
. tests/support/run.sh

config() {
    given corpus
    tiny a
}
train() { "$lmtrain" --config a.json "$@"; }

what_the_data_decides() {
    given config
    check "--print-config prints the vocabulary of the data" \
        exits_saying 0 '"vocab_size": 256' train --print-config
    check "--print-config prints the tokenizer of the data" says '"tokenizer": "bytes"'
    check "--print-config prints the width of the MLP" says '"d_ff": 96'
    mv out printed.json
    check "a run of the printed config finishes" exits 0 train --quiet
    check "a run's resolved.json is what --print-config prints" cmp printed.json run/resolved.json
    check "a checkpoint holds the resolved config" exits_saying 0 '"tokenizer": "bytes"' \
        "$lmtrain" inspect --config run/checkpoints/step-0000000040.npz
    check "--resume with the resolved tokenizer spelled out is no change" \
        exits_saying 0 "finished already" train --resume --set data.tokenizer=bytes
    check "--resume of a finished run refuses another learning rate and names both" \
        exits_saying 2 "optimizer.lr: 0.01 -> 0.5" train --resume --quiet --set optimizer.lr=0.5
    check "--resume of a finished run accepts keys that never change a bit" \
        exits_saying 0 "finished already" train --resume --set checkpoint.every=3 \
        --set run.threads=1 --set log.every=2 --set model.recompute=block
    check "--resume of a finished run leaves its resolved.json" cmp printed.json run/resolved.json
    check "--print-config without data resolves the rest" \
        exits_saying 0 '"d_ff": 96' train --print-config --set data.train=none.bin
    check "--print-config without data warns that keys are not resolved" \
        says "warning: keys that depend on the data are not resolved: data.train"
}
scenario what_the_data_decides

validation_data() {
    given config
    mkdir elsewhere
    sed 's/"bytes"/"other"/' val.json >elsewhere/other.json
    cp val.bin elsewhere/other.bin
    check "validation tokens of another tokenizer are refused" exits_saying 2 \
        'data.val: elsewhere/other.bin holds tokens of "other", data.train of "bytes"' \
        train --set data.val=elsewhere/other.bin
    check "a run warns when its validation data is training data too" exits_saying 0 \
        "warning: ./val.bin is in data.train too" train --set data.train=. --set data.val=./val.bin
    check "the plan warns when validation data is training data too" exits_saying 0 \
        "warning: val.bin is in data.train too" train --set run.dir=new --set data.train=. --dry-run
    check "a plan with validation data of its own is printed" exits 0 train --set run.dir=new --dry-run
    check "a plan with validation data of its own has no warning" lacks warning out
    check "a plan warns of a parametrization without a base" exits_saying 0 \
        "warning: model.parametrization = completep without model.base_d_model and base_n_layers" \
        train --set run.dir=new --dry-run --set model.parametrization=completep \
        --set model.base_d_model=8
    check "a plan with a base has no warning" exits 0 train --set run.dir=new --dry-run \
        --set model.parametrization=mup --set model.base_d_model=8
    check "a plan with a base has no warning, as it says" lacks warning out
    check "a base of a standard model is refused" exits_saying 2 \
        "model.base_d_model has no effect when model.parametrization is \"standard\"" \
        train --set run.dir=new --dry-run --set model.base_d_model=8
}
scenario validation_data

# The token that begins a document.
masked=(--set model.document_mask=true)
document_token() {
    given config
    check "a document_token beyond the manifest's vocabulary is refused" exits_saying 2 \
        "train.json: vocab_size: model.document_token: expected a token from 0 to 255 (model.vocab_size - 1), found 256" \
        train --dry-run "${masked[@]}" --set model.document_token=256
    cp train.bin bare.bin
    check "a document_token beyond the tokenizer's vocabulary is refused" exits_saying 2 \
        'data.tokenizer = "bytes": model.document_token: expected a token from 0 to 255 (model.vocab_size - 1), found 300' \
        train --dry-run "${masked[@]}" --set model.document_token=300 \
        --set data.train=bare.bin --set data.tokenizer=bytes
    check "a document_token beyond the config's own vocabulary is refused" exits_saying 2 \
        "model.document_token: expected a token from 0 to 255 (model.vocab_size - 1), found 256" \
        train --dry-run "${masked[@]}" --set model.document_token=256 --set model.vocab_size=256
    check "the plan warns of a document_token that never occurs" exits_saying 0 \
        "warning: model.document_token = 0 never occurs in train.bin: model.document_mask does nothing" \
        train --dry-run "${masked[@]}" --set model.document_token=0
    check "a run with a document_token that never occurs finishes" exits 0 \
        train --quiet "${masked[@]}" --set model.document_token=0
    check "a run warns once of a document_token that never occurs" \
        test "$(grep -c "never occurs in train.bin" out)" -eq 1
    check "a plan with a document_token that occurs is printed" exits 0 \
        train --set run.dir=new --dry-run "${masked[@]}" --set model.document_token=10
    check "a plan with a document_token that occurs has no warning" lacks warning out
}
scenario document_token

# plan_adds_up OPTIONS...: the lines of memory, that of writing a checkpoint among them, make the total,
# but for the digits that are not printed.
plan_adds_up() {
    exits 0 train --dry-run "$@" && awk '
        BEGIN { unit["B"] = 1; unit["KiB"] = 1024; unit["MiB"] = 1048576; unit["GiB"] = 1073741824 }
        /^memory/ { inside = 1; next }
        inside && $1 == "total" { total = $2 * unit[$3]; exit }
        inside { sum += $2 * unit[$3]; if ($1 == "saving") saving = $2 * unit[$3] }
        END { print sum, total, saving
              exit !(saving > 2e6 && sum > 0.99 * total && sum < 1.01 * total) }' out
}
the_plan() {
    given config
    check "the lines of the plan add up to its total" plan_adds_up
    check "the lines of the plan for 5 threads add up to its total" plan_adds_up --threads 5
    check "sizes that do not fit 64 bits are refused" exits_saying 1 "do not fit 64 bits" train \
        --set model.d_model=131072 --set model.d_ff=2000000000 --set model.n_layers=1000000 --dry-run
    check "sizes that do not fit 64 bits are not printed" lacks total out
    check "a plan for more checkpoints than the run writes fits on the disk" \
        exits_saying 0 "finished" train --set checkpoint.keep_last=1000000000
    check "all checkpoints of such a run are kept" \
        test "$(find run/checkpoints -name 'step-*' | wc -l)" -eq 6
}
scenario the_plan

# peak_as_planned: the most that the run had in memory, against the sum of its plan. Beside the plan are the
# program, the C library's heap and stacks, and the ends of huge pages: some MB.
peak_as_planned() {
    awk '/"memory":/ { n = split($0, part, /[:,}]/); for (i = 1; i < n; i++) planned += part[i] }
        /peak_resident/ { split($0, part, /[:,]/); peak = part[2] }
        END { print planned, peak; exit !(planned > 1e8 && peak > 0.95 * planned && peak < planned + 1.2e7) }' \
        run/summary.json
}
the_peak() {
    if grep -qE '__(asan|tsan)_init' "$lmtrain"; then
        echo "ok - the peak is that of the plan # SKIP with sanitizers, which have memory of their own"
        return
    fi
    given config
    local medium=(--quiet --threads 1 --set train.steps=1 --set eval.every=0 --set model.d_model=512 --set model.n_layers=3)
    check "a run of one pass a step has memory as planned" \
        exits 0 train "${medium[@]}" --set train.grad_accumulation=1
    check "its peak is that of the plan" peak_as_planned
    rm -rf run
    check "a run of two passes a step has memory as planned" exits 0 train "${medium[@]}" --set train.precision=bf16
    check "its peak is that of the plan too" peak_as_planned
}
scenario the_peak

# The micro-batch that the plan chooses: at_once OPTIONS... prints it.
at_once() { plan "$@" --set train.batch=512 | sed -n 's/^batch .*; \([0-9]*\) computed at once.*/\1/p'; }
plan() {
    "$lmtrain" --config a.json --dry-run --threads "${threads:-2}" --set model.d_model=512 \
        --set model.d_ff=4096 --set model.n_layers=8 "$@"
}
in_little_memory() { (ulimit -v 1200000 && "$@"); }
micro_batches() {
    given config
    sed -i 's/"micro_batch": 4, "grad_accumulation": 2/"batch": 8/' a.json
    local most few
    most=$(at_once) few=$(in_little_memory at_once)
    check "the plan computes so many windows at once that a step is fast" test "$most" -eq 32
    check "and more of them on more threads" test "$(threads=8 at_once)" -eq 64
    check "the plan computes fewer windows at once where the memory is small" \
        test "$few" -gt 1 -a "$few" -lt 32
    check "what it chooses is as many as fit" \
        exits_saying 1 "the plan needs" in_little_memory plan --set train.batch=512 \
        --set train.micro_batch=$((few + few / 2))
    check "lanes bound what is computed at once" test "$(at_once --set train.lanes=32)" -eq 16
    check "the plan says the lanes and their arrays" exits_saying 0 \
        "512 windows a step in 32 lanes, whose gradients take 6 arrays; 16 computed at once" \
        plan --set train.batch=512 --set train.lanes=32
    check "and how many of a small model's lanes are computed at the same time" exits_saying 0 \
        "8 windows a step in 4 lanes, whose gradients take 3 arrays, 2 lanes at a time, a thread each" \
        "$lmtrain" --config a.json --dry-run --threads 2 --set train.lanes=4
    check "each of which has an array of its own" exits_saying 0 \
        "8 windows a step in 8 lanes, whose gradients take 5 arrays, 4 lanes at a time" \
        "$lmtrain" --config a.json --dry-run --threads 4 --set train.lanes=8
    check "which a number of threads that does not divide them leaves alone" \
        lacks "a thread each" <("$lmtrain" --config a.json --dry-run --threads 3 --set train.lanes=4)
    check "the plan of such a run adds up" plan_adds_up --threads 4 --set train.lanes=8
    check "a micro-batch that is given stays" \
        exits_saying 0 "; 5 computed at once at most" plan --set train.batch=512 --set train.micro_batch=5
    check "the plan of a run in lanes adds up" plan_adds_up --set train.lanes=4
    local last=run/checkpoints/step-0000000004.npz few=(--set train.steps=4 --set checkpoint.every=2)
    train --quiet "${few[@]}" && mv $last straight.npz
    check "a resumed run may change its micro-batch" \
        exits_saying 0 "going on after step 2" train "${few[@]}" --resume --set train.micro_batch=3
    check "of which it says nothing" lacks micro_batch out
    check "and goes on to the same bits" cmp $last straight.npz
}
scenario micro_batches

run_directories() {
    given config
    mkdir -p run/checkpoints file_below
    check "a directory that nothing was trained in may be used" exits_saying 0 "finished" train
    check "a file in the place of the run directory is named" \
        exits_saying 1 "a.json: cannot make the directory" train --set run.dir=a.json
    : >file_below/checkpoints
    check "a file in the place of the directory of checkpoints is named" \
        exits_saying 1 "file_below/checkpoints: cannot make the directory" \
        train --set run.dir=file_below --resume
}
scenario run_directories

paths_from_home() {
    corpus >/dev/null
    tiny a
    mkdir home && mv train.* val.* home/
    export HOME=$PWD/home
    sed -i 's/"dir": "run"/"dir": "~\/run"/; s/"train.bin"/"~\/train.bin"/' a.json
    mv a.json home/
    check "a config in the home directory, whose paths begin with ~/" exits 0 \
        "$lmtrain" --config=~/a.json --set 'data.val=~/val.bin' --set train.steps=2 --quiet
    check "trains there" test -e home/run/metrics.jsonl
    check "and makes no directory called ~" test ! -e '~'
    check "generate finds it there too" exits 0 "$lmtrain" generate --checkpoint=~/run --tokens 2
    check "~user is refused with a reason" exits_saying 2 "other users' home directories" \
        "$lmtrain" --config home/a.json --set run.dir='~nobody/run' --set 'data.val=~/val.bin'
    check "and makes no directory either" test ! -e '~nobody'
}
scenario paths_from_home
