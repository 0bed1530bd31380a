#!/bin/bash
# The average of the weights (train.ema): what is evaluated, saved, generated from and exported; it
# changes nothing in training, and has the same bits everywhere.
# shellcheck source=../support/run.sh
. tests/support/run.sh

last=checkpoints/step-0000000040.npz
isas=$("$lmtrain" --version | sed -n 's/^instruction sets: //p')
config() {
    given corpus
    tiny a
    sed -i 's/"keep_last": 2/"keep_last": 9/; s/"d_model": 32/"d_model": 8/; s/"context_length": 32/"context_length": 16/
        s/"micro_batch": 4, "grad_accumulation": 2/"batch": 8/' a.json
}
train() { "$lmtrain" --config a.json --quiet --set log.digest_every=1 "$@"; }
tables=(--set 'model.ngram_tables=[{"order": 2, "rows": 64}, {"order": 3, "rows": 512}]')
plain() { config && train; }
averaged() { config && train --set train.ema=0.9; }
blended() { config && train --set train.ema=0.8 --set train.ema_start=50% --set train.ema_blend=0.6; }
figure() { sed -n "s/.*\"step\":$1,.*\"$2\":\([^,}]*\).*/\1/p" run/metrics.jsonl; }
digests() { sed -n 's/.*"step":\([0-9]*\),.*"weights_digest":"\([0-9a-f]*\)".*/\1 \2/p' "$1"; }
# loss OPTIONS...: what eval says of the newest checkpoint.
loss() {
    "$lmtrain" eval run --data val.bin --tokens 500 --json "$@" | sed 's/.*"loss": \([^,]*\),.*/\1/'
}
is() { [ "$1" = "$2" ] || { echo "expected $2, found $1"; return 1; }; }
arrays() { unzip -l "run/checkpoints/step-$(printf %010d "$1").npz" | grep -c " ema/"; }

unchanged() {
    given averaged
    mv run with
    train
    check "the weights of every step are those of a run without an average" \
        cmp <(digests with/metrics.jsonl) <(digests run/metrics.jsonl)
    check "the digests that this compares are there" is "$(digests run/metrics.jsonl | wc -l)" 40
    check "a run without an average has no val_loss_raw" lacks val_loss_raw run/metrics.jsonl
    check "its loss is the val_loss_raw of the run with one" \
        is "$(figure 40 val_loss)" "$(sed -n 's/.*"step":40,.*"val_loss_raw":\([^,]*\).*/\1/p' with/metrics.jsonl)"
    check "the average has another loss" fails is "$(figure 40 val_loss)" \
        "$(sed -n 's/.*"step":40,.*"val_loss":\([^,]*\).*/\1/p' with/metrics.jsonl)"
    mv run without
    train --set train.ema=0.9 --set train.ema_blend=0.5 --set eval.every=1 --set log.sample_every=3 --set log.sample_tokens=4
    check "evaluations and samples of a blend after every step change none of them" \
        cmp <(digests without/metrics.jsonl) <(digests run/metrics.jsonl)
    check "there were as many evaluations as steps" is "$(grep -c val_loss_raw run/metrics.jsonl)" 40
    mv without run.0 && rm -rf run && mv run.0 run
    check "eval.raw=false leaves val_loss_raw out" \
        eval 'rm -rf run && train --set train.ema=0.9 --set eval.raw=false && lacks val_loss_raw run/metrics.jsonl'
}
scenario unchanged

which() {
    local kind=$1 name=$2
    given "$kind"
    check "$kind: eval gives the loss that the run had" is "$(loss)" "$(figure 40 val_loss)"
    check "$kind: eval --weights raw gives that of the weights" \
        is "$(loss --weights raw)" "$(figure 40 val_loss_raw)"
    check "$kind: eval names the weights" \
        exits_saying 0 "weights        $name" "$lmtrain" eval run --data val.bin
    check "$kind: keep_best goes by what is evaluated" \
        is "$(sed -n 's/.*"best_val_loss": \([^,]*\),/\1/p' run/summary.json)" \
        "$(sed -n 's/.*"val_loss":\([^,]*\),.*/\1/p' run/metrics.jsonl | sort -g | head -n 1)"
    "$lmtrain" generate run --prompt "line 1" --tokens 60 --temperature 0 >auto
    "$lmtrain" generate run --prompt "line 1" --tokens 60 --temperature 0 --weights raw >raw
    "$lmtrain" export run --to hf --output auto.hf >/dev/null
    "$lmtrain" export run --to hf --output raw.hf --weights raw >/dev/null
    check "$kind: export writes what is evaluated" fails cmp auto.hf/model.safetensors raw.hf/model.safetensors
    check "$kind: the card of an export says so" grep -q "weights | $name" auto.hf/README.md
    "$lmtrain" import auto.hf --output auto.npz >/dev/null
    check "$kind: an export has the loss that the run had" \
        is "$("$lmtrain" eval auto.npz --data val.bin --tokens 500 --json | sed 's/.*"loss": \([^,]*\),.*/\1/')" \
        "$(figure 40 val_loss)"
    "$lmtrain" generate auto.npz --prompt "line 1" --tokens 60 --temperature 0 >exported
    check "$kind: generate uses what is evaluated" cmp auto exported
    train --set run.dir=next --set run.init_from=run --set train.steps=1 --set eval.tokens=500 \
        --set optimizer.lr=1e-30 --set optimizer.weight_decay=0 --set schedule.warmup_steps=0
    check "$kind: run.init_from begins with what is evaluated" \
        is "$(sed -n 's/.*"val_loss":\([^,]*\),.*/\1/p' next/metrics.jsonl)" "$(figure 40 val_loss)"
}
scenario which averaged average
scenario which blended blend

of_tables() { config && train "${tables[@]}" --set train.ema=0.9 --set train.ema_blend=0.7; }
by_gaps() {
    given of_tables
    check "tables: eval gives the loss that the run had" is "$(loss)" "$(figure 40 val_loss)"
    check "tables: eval --weights raw gives that of the weights" \
        is "$(loss --weights raw)" "$(figure 40 val_loss_raw)"
    check "tables: run.init_from begins with what is evaluated" \
        train "${tables[@]}" --set run.dir=next --set run.init_from=run --set train.steps=1 --set eval.tokens=500 \
        --set optimizer.lr=1e-30 --set optimizer.weight_decay=0 --set schedule.warmup_steps=0
    check "tables: to the digit" is "$(sed -n 's/.*"val_loss":\([^,]*\),.*/\1/p' next/metrics.jsonl)" "$(figure 40 val_loss)"
    check "tables have gaps in the place of an average" is \
        "$(unzip -l run/$last | grep -c ' ema_gap/ngram')/$(unzip -l run/$last | grep -c ' ema/ngram')" 2/0
    check "tables that no lazy updates reach have an average" train "${tables[@]}" --set run.dir=all \
        --set train.ema=0.9 --set 'optimizer.groups.t={"match": "ngram.*", "lazy": false}'
    check "and no gaps" is \
        "$(unzip -l all/$last | grep -c ' ema_gap/ngram')/$(unzip -l all/$last | grep -c ' ema/ngram')" 0/2
    check "a mean of such a run is what it evaluates" \
        eval '"$lmtrain" average run/$last run/$last --output mean.npz >/dev/null && is "$("$lmtrain" eval mean.npz --data val.bin --tokens 500 --json | sed "s/.*\"loss\": \([^,]*\),.*/\1/")" "$(loss)"'
    check "a run with tables drops its average" train "${tables[@]}" --resume --set train.steps=50
    check "and takes up another" train "${tables[@]}" --resume --set train.steps=60 --set train.ema=0.9
}
scenario by_gaps

begins_late() {
    given blended
    check "a checkpoint before train.ema_start has no average" is "$(arrays 14)" 0
    check "one after it has as many arrays of it as weights" \
        is "$(arrays 21)" "$(unzip -l run/checkpoints/step-0000000021.npz | grep -c ' m/')"
    check "an evaluation before train.ema_start is of the weights" \
        lacks '"step":20,.*val_loss_raw' run/metrics.jsonl
    check "one after it is of both" grep -q '"step":30,.*val_loss_raw' run/metrics.jsonl
    check "--weights average of a checkpoint before it is refused" exits_saying 2 "had not begun yet" \
        "$lmtrain" eval run/checkpoints/step-0000000014.npz --data val.bin --weights average
    check "--weights average is the average without the blend" fails is "$(loss --weights average)" "$(loss)"
}
scenario begins_late

none() {
    given plain
    check "--weights average of a run without one is refused" exits_saying 2 "holds no average" \
        "$lmtrain" generate run --weights average
    check "a run takes up an average when it goes on" train --resume --set train.steps=50 --set train.ema=0.5
    check "which begins with the first step of that session" grep -q '"step":50,.*val_loss_raw' run/metrics.jsonl
    check "a run drops its average when it goes on without" train --resume --set train.steps=60
    check "and has none from then on" is "$(arrays 60)" 0
}
scenario none

# same_end OPTIONS...: straight, and half-way from a checkpoint of another session.
same_end() {
    rm -rf run
    train "$@" && cmp straight/$last run/$last && same_figures straight run || return 1
    rm run/checkpoints/step-00000000{28,35,40}.npz
    train --resume "$@" && cmp straight/$last run/$last
}
same_bits() {
    local what=$1 isa n=1
    shift
    config
    train --threads 1 --cpu scalar "$@"
    mv run straight
    for isa in $isas; do
        n=$((n % 3 + 1))
        check "$what, $isa, $n threads, straight and resumed: the same final checkpoint" \
            same_end --cpu "$isa" --threads $n "$@"
    done
}
scenario same_bits "an average" --set train.ema=0.9
scenario same_bits "a tail, blended, in two lanes at bf16" --set train.ema=0.8 --set train.ema_start=80% \
    --set train.ema_blend=0.6 --set train.lanes=2 --set train.precision=bf16
scenario same_bits "a half-life in tokens with a rising batch" --set train.ema_tokens=3000 \
    --set 'schedule.batch={"stages": [[10, 2], [20, 8]]}'
scenario same_bits "an average of n-gram tables" "${tables[@]}" --set train.ema=0.5 --set eval.every=3
scenario same_bits "a tail of n-gram tables, blended" "${tables[@]}" --set train.ema=0.8 \
    --set train.ema_start=40% --set train.ema_blend=0.6 --set train.lanes=2
scenario same_bits "a scheduled average" --set train.ema=0.95 \
    --set 'schedule.ema={"shape": "constant", "start": 0, "warmup": 20}'

options() {
    config
    check "the plan counts the average" eval \
        'exits_saying 0 "  average" "$lmtrain" --config a.json --dry-run --set train.ema=0.9'
    check "a plan without one does not name it" eval \
        'exits 0 "$lmtrain" --config a.json --dry-run && lacks "  average" out'
    check "an average too long for the run is warned of" exits_saying 0 "is long for this run" \
        "$lmtrain" --config a.json --dry-run --set train.ema=0.999
    check "train.ema_start without an average is refused" exits_saying 2 "train.ema_start has no effect" \
        "$lmtrain" --config a.json --dry-run --set train.ema_start=5
    check "train.ema beside train.ema_tokens is refused" exits_saying 2 "train.ema has no effect" \
        "$lmtrain" --config a.json --dry-run --set train.ema=0.9 --set train.ema_tokens=100
    check "a start that is no length is refused" exits_saying 2 'expected a length such as 300' \
        "$lmtrain" --config a.json --dry-run --set train.ema=0.9 --set train.ema_start=5mm
    check "a start may be given in tokens" eval \
        'exits 0 "$lmtrain" --config a.json --print-config --set train.ema=0.9 --set "train.ema_start=2k tokens" && says "\"ema_start\": \"2000 tokens\""'
}
scenario options
