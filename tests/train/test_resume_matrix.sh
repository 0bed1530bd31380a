#!/bin/bash
# Resume is bit-identical for every optimizer, schedule, model option, precision, number of threads
# and instruction set: rows that hold every pair of values of two keys, each trained straight and gone
# on with half-way by other threads and another instruction set. Keys and their values are those of
# the config's schema, so that a new optimizer, schedule or option is covered by being there.
# shellcheck source=../support/run.sh
. tests/support/run.sh

corpus >/dev/null
cat >a.json <<END
{
  "run": {"dir": "run"},
  "model": {"d_model": 8, "n_layers": 2, "n_heads": 2, "context_length": 12},
  "data": {"train": "train.bin", "val": "val.bin"},
  "train": {"steps": 7, "micro_batch": 2},
  "optimizer": {"lr": 1e-2},
  "schedule": {"warmup_steps": 2},
  "eval": {"every": 2, "tokens": 50},
  "checkpoint": {"every": 3, "keep_last": 9},
  "log": {"digest_every": 1}
}
END
{
    tried_keys
    echo "--threads 1 2 3"
    echo "--cpu $("$lmtrain" --version | sed -n 's/^instruction sets: //p')"
} >keys
for key in optimizer.name schedule.name model.norm model.mlp model.recompute model.document_mask \
    model.window train.grad_accumulation train.precision data.shuffle; do
    check "$key is one of the keys" grep -q "^$key .* " keys
done

# Rows until every pair stands in one: of some random rows that with the most pairs not seen yet.
awk '
    { key[++n] = $1; values[n] = NF - 1; for (i = 2; i <= NF; i++) value[n, i - 2] = $i }
    function number(row, a, b) { return a " " row[a] " " b " " row[b] }
    function fresh(row,    a, b, count) {
        for (a = 1; a <= n; a++) for (b = a + 1; b <= n; b++) count += !(number(row, a, b) in seen)
        return count
    }
    END {
        srand(1)
        for (a = 1; a <= n; a++) for (b = a + 1; b <= n; b++) left += values[a] * values[b]
        while (left > 0) {
            best = -1
            for (try = 0; try < 30; try++) {
                for (a = 1; a <= n; a++) row[a] = int(rand() * values[a])
                if ((count = fresh(row)) <= best) continue
                best = count
                for (a = 1; a <= n; a++) chosen[a] = row[a]
            }
            if (best == 0) continue
            left -= best
            for (a = 1; a <= n; a++) {
                for (b = a + 1; b <= n; b++) seen[number(chosen, a, b)]
                printf "%s=%s%s", key[a], value[a, chosen[a]], a < n ? " " : "\n"
            }
        }
    }' keys >rows
check "there are rows" test -s rows

last=checkpoints/step-0000000007.npz
figures() { sed -n 's/,"tokens_per_s.*//p; s/,"val_tokens.*//p' "$1/metrics.jsonl"; }
# The row as options; document_mask has a token of its own.
options() {
    local item
    for item in $1; do
        case $item in
        --*) echo "$item" ;;
        *) printf '%s\n' --set "$item" ;;
        esac
    done
    case $1 in *document_mask=true*) printf '%s\n' --set model.document_token=101 ;; esac
}
same() {
    local row=() other=()
    echo "$1"
    mapfile -t row < <(options "$1")
    mapfile -t other < <(options "$(echo "$1" | sed "s/--threads=[^ ]*/--threads=$2/; s/--cpu=[^ ]*/--cpu=$3/")")
    rm -rf run straight
    "$lmtrain" --config a.json --quiet "${row[@]}" || return 1
    cp -r run straight
    rm run/checkpoints/step-000000000[67].npz
    "$lmtrain" --config a.json --resume "${other[@]}" >out 2>&1 || { cat out; return 1; }
    says "going on after step 3" && cmp straight/$last run/$last && cmp <(figures straight) <(figures run)
}
threads=1
cpu=scalar
number=0
while read -r row; do
    number=$((number + 1))
    check "row $number, $(echo "$row" | sed 's/.* \(--threads\)/\1/'), then $threads and $cpu" same "$row" $threads $cpu
    threads=$(echo "$row" | sed 's/.*--threads=\([^ ]*\).*/\1/')
    cpu=$(echo "$row" | sed 's/.*--cpu=\([^ ]*\).*/\1/')
done <rows
