#!/bin/bash
# The gradient noise scale out of the lanes (train.noise_scale).
# shellcheck source=../support/run.sh
. tests/support/run.sh

isas=$("$lmtrain" --version | sed -n 's/^instruction sets: //p')
narrow() {
    tiny a
    sed -i 's/"d_model": 32/"d_model": 8/; s/"context_length": 32/"context_length": 16/' a.json
    sed -i 's/"keep_last": 2/"keep_last": 9/; s/"micro_batch": 4, "grad_accumulation": 2/"batch": 8, "lanes": 4/' a.json
}
config() {
    given corpus
    narrow
}
train() { "$lmtrain" --config a.json --quiet --set log.digest_every=1 "$@"; }
with() { config && train --threads 1 --set train.noise_scale=true && mv run straight; }
figure() { sed -n "s/.*\"step\":$1,.*\"$2\":\([^,}]*\).*/\1/p" "$3/metrics.jsonl"; }
digests() { sed -n 's/.*"step":\([0-9]*\),.*"weights_digest":"\([0-9a-f]*\)".*/\1 \2/p' "$1/metrics.jsonl"; }
is_number() { echo "$1" | grep -Eqx -- '-?[0-9.]+(e[-+]?[0-9]+)?' || { echo "found $1"; return 1; }; }

same() {
    given with
    check "every step tells the noise scale" test "$(grep -c '"noise_scale":' straight/metrics.jsonl)" -eq 40
    check "after 40 steps it is a number" is_number "$(figure 40 noise_scale straight)"
    check "it is the quotient of trace and signal" awk -v s="$(figure 40 noise_scale straight)" \
        -v t="$(figure 40 noise_trace straight)" -v g="$(figure 40 noise_signal straight)" \
        'BEGIN { q = t / g; exit !(q > 0.9999 * s && q < 1.0001 * s) }'
    train
    check "the weights of every step are those without it" cmp <(digests straight) <(digests run)
    check "without train.noise_scale no step tells it" lacks noise_ run/metrics.jsonl
    for isa in $isas; do
        [ "$isa" = scalar ] && continue # slow
        rm -rf run
        train --cpu "$isa" --threads 3 --set train.noise_scale=true --set train.micro_batch=1
        check "$isa, 3 threads, micro-batches of 1: the same figures" same_figures straight run
    done
    rm -rf run && cp -r straight run && rm run/checkpoints/step-00000000{28,35,40}.npz
    train --resume --set train.noise_scale=true
    check "a resumed run has the same figures" same_figures straight run
    "$lmtrain" report straight >/dev/null
    check "the report has a chart of it" grep -q "Gradient noise scale" straight/report.html
    check "one lane has no noise scale to tell" exits_saying 2 "train.noise_scale has no effect" \
        "$lmtrain" --config a.json --dry-run --set train.lanes=1 --set train.noise_scale=true
}
scenario same

# Windows that are all alike have no noise: what the lanes add up to is known.
no_noise() {
    narrow
    head -c 40000 /dev/zero | tr '\0' a >text.txt
    "$lmtrain" tokenize --tokenizer bytes --input text.txt --output . --val-fraction 0.1
    train --set train.noise_scale=true --set train.steps=1 --set data.offsets=false
    check "equal windows: the signal is the squared norm" awk -v n="$(figure 1 grad_norm run)" \
        -v g="$(figure 1 noise_signal run)" 'BEGIN { exit !(n > 0 && g > 0.99999 * n * n && g < 1.00001 * n * n) }'
    check "equal windows: there is no noise" awk -v t="$(figure 1 noise_trace run)" -v g="$(figure 1 noise_signal run)" \
        'BEGIN { exit !(t < 1e-3 * g && t > -1e-3 * g) }'
}
scenario no_noise
