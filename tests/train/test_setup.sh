#!/bin/bash
# What is decided, checked and refused before the first step, and where runs are made.
# shellcheck source=../support/run.sh
. tests/support/run.sh

corpus >/dev/null
tiny a

# What the data decides.
check "--print-config is fully resolved" exits_saying 0 '"vocab_size": 256' \
    "$lmtrain" --config a.json --print-config
check "so is the tokenizer" says '"tokenizer": "bytes"'
check "so is the MLP's width" says '"d_ff": 96'
cp out printed.json
check "the run has the same config" exits 0 "$lmtrain" --config a.json --quiet
check "to the letter" cmp printed.json run/config.json
check "so has its checkpoint" bash -c \
    "'$lmtrain' inspect --config run/checkpoints/step-0000000040.npz | grep -q '\"tokenizer\": \"bytes\"'"
check "without data the rest is resolved" exits_saying 0 '"d_ff": 96' \
    "$lmtrain" --config a.json --print-config --set data.train=none.bin
check "and what is missing is said" says "warning: keys that depend on the data are not resolved: data.train"
check "a tokenizer that is spelled out is no change" exits_saying 0 "finished already" \
    "$lmtrain" --config a.json --resume --set data.tokenizer=bytes
check "a finished run keeps its config" exits_saying 0 "finished already" \
    "$lmtrain" --config a.json --resume --set optimizer.lr=0.5
check "as it was" cmp printed.json run/config.json

# Training and validation data.
sed 's/"bytes"/"other"/' val.json >other.json && cp val.bin other.bin
check "validation tokens of another tokenizer are refused" exits_saying 2 \
    'data.val: other.bin holds tokens of "other", data.train of "bytes"' \
    "$lmtrain" --config a.json --set run.dir=r1 --set data.val=other.bin
rm other.bin other.json
check "a directory of shards that has the validation data in it" exits_saying 0 \
    "warning: ./val.bin is in data.train too" \
    "$lmtrain" --config a.json --set run.dir=r1 --set data.train=. --set data.val=./val.bin
check "the plan says so too" exits_saying 0 "warning: val.bin is in data.train too" \
    "$lmtrain" --config a.json --set run.dir=r2 --set data.train=. --dry-run
check "other data is not warned of" bash -c \
    "! '$lmtrain' --config a.json --set run.dir=r2 --dry-run | grep warning"

# The token that begins a document.
masked=(--dry-run --set run.dir=r2 --set model.document_mask=true)
check "a document_token beyond the manifest's vocabulary" exits_saying 2 \
    "train.json: vocab_size: model.document_token: expected a token from 0 to 255 (model.vocab_size - 1), found 256" \
    "$lmtrain" --config a.json "${masked[@]}" --set model.document_token=256
cp train.bin bare.bin
check "beyond the tokenizer's" exits_saying 2 \
    'data.tokenizer = "bytes": model.document_token: expected a token from 0 to 255 (model.vocab_size - 1), found 300' \
    "$lmtrain" --config a.json "${masked[@]}" --set model.document_token=300 \
    --set data.train=bare.bin --set data.tokenizer=bytes
check "beyond the config's own" exits_saying 2 "model.document_token: expected a token from 0 to 255 (model.vocab_size - 1), found 256" \
    "$lmtrain" --config a.json "${masked[@]}" --set model.document_token=256 --set model.vocab_size=256
check "a document_token that never occurs is warned of" exits_saying 0 \
    "warning: model.document_token = 0 never occurs in train.bin: model.document_mask does nothing" \
    "$lmtrain" --config a.json "${masked[@]}" --set model.document_token=0
once() { exits 0 "$lmtrain" --config a.json --quiet --set run.dir=r6 --set model.document_mask=true \
    --set model.document_token=0 && [ "$(grep -c "never occurs in train.bin" out)" -eq 1 ]; }
check "by a run too, once" once
check "one that occurs is not" bash -c \
    "! '$lmtrain' --config a.json ${masked[*]} --set model.document_token=10 | grep warning"

# The plan.
# plan_adds_up OPTIONS...: the lines of memory, that of writing a checkpoint among them, make the total,
# but for the digits that are not printed.
plan_adds_up() {
    exits 0 "$lmtrain" --config a.json --set run.dir=r2 --dry-run "$@" && awk '
        BEGIN { unit["B"] = 1; unit["KiB"] = 1024; unit["MiB"] = 1048576; unit["GiB"] = 1073741824 }
        /^memory/ { inside = 1; next }
        inside && $1 == "total" { total = $2 * unit[$3]; exit }
        inside { sum += $2 * unit[$3]; if ($1 == "saving") saving = $2 * unit[$3] }
        END { print sum, total, saving
              exit !(saving > 2e6 && sum > 0.99 * total && sum < 1.01 * total) }' out
}
check "the plan adds up, writing a checkpoint included" plan_adds_up
check "on more threads too" plan_adds_up --threads 5
check "keeping every checkpoint is a plan of those there are" exits_saying 0 "finished" \
    "$lmtrain" --config a.json --set run.dir=all --set checkpoint.keep_last=1000000000
check "all are kept" test "$(find all/checkpoints -name 'step-*' | wc -l)" -eq 6
check "sizes beyond 64 bits are refused" exits_saying 1 "do not fit 64 bits" "$lmtrain" \
    --config a.json --set train.micro_batch=2147483647 --set train.grad_accumulation=2147483647 \
    --set run.dir=r3 --dry-run
check "without figures that mean nothing" bash -c "! grep -q total out"

# The run directory.
mkdir -p r4/checkpoints
check "a directory that nothing was trained in may be used" exits_saying 0 "finished" \
    "$lmtrain" --config a.json --set run.dir=r4
check "a file in the way is named" exits_saying 1 "a.json: cannot make the directory" \
    "$lmtrain" --config a.json --set run.dir=a.json
mkdir r5
: >r5/checkpoints
check "also below" exits_saying 1 "r5/checkpoints: cannot make the directory" \
    "$lmtrain" --config a.json --set run.dir=r5 --resume
