#!/bin/bash
# Resume is bit-identical for every optimizer, schedule, model option, precision, number of lanes,
# micro-batch, number of threads and instruction set: rows that hold every pair of values of two keys,
# each trained straight and gone on with half-way by other threads, another instruction set and
# micro-batches of another size. Keys and their values are those of
# the config's schema, so that a new optimizer, schedule or option is covered by being there.
# shellcheck source=../support/run.sh
. tests/support/run.sh

config() {
    given corpus
    cat >a.json <<JSON
{
  "run": {"dir": "run"},
  "model": {"d_model": 8, "n_layers": 2, "n_heads": 2, "context_length": 12},
  "data": {"train": "train.bin", "val": "val.bin"},
  "train": {"steps": 7, "batch": 4},
  "optimizer": {"lr": 1e-2},
  "schedule": {"warmup_steps": 2},
  "eval": {"every": 2, "tokens": 50},
  "checkpoint": {"every": 3, "keep_last": 9},
  "log": {"digest_every": 1}
}
JSON
}
# The file keys: a key per line, with its values.
keys() {
    {
        tried_keys
        echo "train.micro_batch 1 3 4"
        echo "--threads 1 2 3"
        echo "--cpu $("$lmtrain" --version | sed -n 's/^instruction sets: //p')"
    } >keys
}
all_keys() {
    given keys
    local key
    for key in optimizer.name schedule.name model.norm model.mlp model.recompute model.document_mask \
        model.window train.lanes train.precision data.shuffle; do
        check "$key is one of the keys whose values are combined" grep -q "^$key .* " keys
    done
}
scenario all_keys

# The file rows: rows until every pair stands in one: of some random rows that with the most pairs not seen yet.
rows() {
    given keys
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
}

last=checkpoints/step-0000000007.npz
# The row as options, those that have an effect; document_mask has a token of its own.
options() {
    all_options "$1" | applying
}
all_options() {
    local item
    for item in $1; do
        case $item in
        --*) echo "$item" ;;
        *) printf '%s\n' --set "$item" ;;
        esac
    done
    case $1 in *document_mask=true*) printf '%s\n' --set model.document_token=101 ;; esac
}
# same_bits ROW THREADS ISA MICRO_BATCH: straight, and gone on with half-way by those.
same_bits() {
    local row=() other=()
    echo "$1"
    given config
    mapfile -t row < <(options "$1")
    mapfile -t other < <(options "$(echo "$1" | sed "s/--threads=[^ ]*/--threads=$2/; s/--cpu=[^ ]*/--cpu=$3/
        s/train.micro_batch=[^ ]*/train.micro_batch=$4/")")
    "$lmtrain" --config a.json --quiet "${row[@]}" || return 1
    cp -r run straight
    rm run/checkpoints/step-000000000[67].npz
    exits_saying 0 "going on after step 3" "$lmtrain" --config a.json --resume "${other[@]}" &&
        cmp straight/$last run/$last && same_figures straight run
}
scenario given rows
check "there are rows of values" test -s "$scratch/given-rows/rows"
threads=1
cpu=scalar
micro_batch=2
number=0
while read -r row; do
    number=$((number + 1))
    scenario check "row $number, $(echo "$row" | sed 's/.* \(train.micro_batch\)/\1/'), gone on with by $threads threads and $cpu in micro-batches of $micro_batch: the same bits" \
        same_bits "$row" $threads $cpu $micro_batch
    threads=$(echo "$row" | sed 's/.*--threads=\([^ ]*\).*/\1/')
    cpu=$(echo "$row" | sed 's/.*--cpu=\([^ ]*\).*/\1/')
    micro_batch=$(echo "$row" | sed 's/.*train.micro_batch=\([^ ]*\).*/\1/')
done <"$scratch/given-rows/rows"
