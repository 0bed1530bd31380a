#!/bin/bash
# lmtrain bench: its tables, its JSON, its comparison, its errors, and a signal. No test looks at how
# fast anything is.
# shellcheck source=../support/run.sh
. tests/support/run.sh
make_corpus
tiny a

bench=("$lmtrain" bench --seconds 0.001)
# json EXPRESSION: of the object j in the file out.
json() { python3 -c "import json; j = json.load(open('out')); assert ($1), j"; }
# bench_json SECTION EXPRESSION ARGUMENTS...
bench_json() {
    local section=$1 expression=$2
    shift 2
    exits 0 "${bench[@]}" --json --only "$section" "$@" && json "$expression"
}

check "machine" exits_saying 0 "fp32 multiply-add" "${bench[@]}" --only machine
check "machine, one thread, scalar" exits_saying 0 "1 thread, scalar" \
    "${bench[@]}" --only machine --threads 1 --cpu scalar
check "machine as JSON" bench_json machine \
    "all(r['bytes_per_s' if 'memory' in r['name'] else 'flops_per_s'] > 0 for r in j['machine'])"
check "JSON says what was measured" json "j['threads'] >= 1 and 'scalar' in j['isas'] and j['cpu']"
check "kernels" exits_saying 0 "adam_f32" "${bench[@]}" --only kernels --match adam
check "--match leaves others out" bash -c "! grep -q gemm_f32 out"
check "kernels as JSON: every one, each beside scalar" bench_json kernels \
    "len(j['kernels']) > 20 and all(r['times_scalar'] > 0 and r['share'] > 0 for r in j['kernels'])"
check "gemm" exits_saying 0 "bf16 tiny forward 64x64x64" "${bench[@]}" --only gemm --match tiny
check "gemm as JSON" bench_json gemm \
    "[r for r in j['gemm'] if r['best_share'] >= r['share'] > 0 and r['spread'] >= 0]" --match tiny
cp out gemm.json

check "layers" exits_saying 0 "bf16 128 loss head" "${bench[@]}" --only layers --match "128 loss"
check "layers as JSON: attention and the loss head in each precision" bench_json layers \
    "len(j['layers']) > 15 and sum('attention forward' in r['name'] for r in j['layers']) == 2 and
    all(r['share'] > 0 for r in j['layers'])" --match " 128 "

# A step of a run, on its data; the run directory is not touched.
check "a step of a config" exits_saying 0 "tokens/s" "${bench[@]}" --only step --config a.json
check "its phases" says "loss_head"
check "a step as JSON" bench_json step "len(j['step']) == 1" --config a.json
check "its name and size" json "j['step'][0]['name'] == 'a.json fp32' and
    j['step'][0]['step_tokens'] == 256 and j['step'][0]['parameters'] > 0"
check "its phases add up" json "abs(sum(j['step'][0]['phases'].values()) - 1) < 1e-9 and
    all(x >= 0 for x in j['step'][0]['phases'].values())"
check "it took memory" json "j['step'][0]['peak_resident_bytes'] is None or
    j['step'][0]['peak_resident_bytes'] > 1000000"
check "--set reaches it" bench_json step "j['step'][0]['step_tokens'] == 384" \
    --config a.json --set train.grad_accumulation=3
check "nothing was written" test ! -e run
check "a preset, made small" bench_json step "j['step'][0]['name'].startswith('128')" --preset 128 \
    --set model.n_layers=1 --set train.micro_batch=1
check "options of a config, beside it" exits_saying 0 "of plain" "${bench[@]}" --only options \
    --config a.json
check "the plain run itself" says "a.json fp32 plain"
check "options as JSON" bench_json options "len(j['options']) > 20 and
    all(('of_plain' in r) != r['name'].endswith('plain') for r in j['options'] if 'skipped' not in r)
    and all(r.get('of_plain', 1) > 0 for r in j['options'])" --config a.json
check "an option that the run cannot have is skipped, and why" bench_json options \
    "any('divisible' in r.get('skipped', '') for r in j['options'])" --config a.json \
    --match n_kv_heads --set model.n_heads=1
check "options of a preset" bench_json options "[r['name'] for r in j['options']] ==
    ['128 fp32 plain', '128 fp32 z_loss', '128 bf16 plain', '128 bf16 z_loss']" --preset 128 \
    --match z_loss --set model.n_layers=1 --set train.micro_batch=1
check "sections together" exits 0 "${bench[@]}" --only machine --only step --config a.json
check "in their order" bash -c "grep -n '^machine:' out | grep -q '^3:' && grep -q '^step:' out"

# Comparison: the recorded figures are moved far below and far above what was measured.
sed 's/"best_share": [0-9.e-]*/"best_share": 1e-9/' gemm.json >low.json
sed 's/"best_share": [0-9.e-]*/"best_share": 1e9/' gemm.json >high.json
check "no row fell" exits_saying 0 "none more than 15% below low.json" \
    "${bench[@]}" --only gemm --match tiny --compare low.json
check "such rows are measured once" bash -c "! grep -q 'measured .* times' out"
# Slower or noise: that depends on what else the machine does. tests/bench/test_compare.c has the rules.
lower() {
    "${bench[@]}" --only gemm --match "fp32 tiny" --compare high.json >out 2>&1
    local code=$? verdict
    verdict=$(sed -n 's/^  measured [3-6] times: //p' out)
    case $code-$verdict in
    1-fell) says "slower than recorded in high.json:" && ! grep -q noise out ;;
    0-noise) says "noise: lower, but so was the peak beside them" ;;
    *) echo "exit code $code, verdict '$verdict'"; cat out; false ;;
    esac && says "gemm fp32 tiny forward 64x64x64: best_share"
}
check "a row that is lower is measured again, then slower or noise" lower
lower_json() {
    "${bench[@]}" --json --only gemm --match "fp32 tiny" --compare high.json >out 2>err
    json "[r for r in j['gemm'] if r['recorded'] == 1e9 and (r['measured'], r['verdict']) in
        [(n, 'fell') for n in (3, 4, 5, 6)] + [(6, 'noise')]]"
}
check "JSON says it too" lower_json
check "and when it was not" bench_json gemm "all((r['measured'], r['verdict'], r['recorded']) ==
    (1, 'held', 1e-9) for r in j['gemm'])" --match tiny --compare low.json
check "nothing to compare" exits_saying 1 "none of the rows" \
    "${bench[@]}" --only kernels --match add_f32 --compare low.json
check "--compare with text that is not JSON names the place" exits_saying 1 \
    "text.txt: expected a JSON object, found text that cannot be parsed at line 1, column" \
    "${bench[@]}" --only gemm --match tiny --compare text.txt
echo '{"gemm": []}' >empty.json
check "--compare with a record of no rows" exits_saying 1 \
    "empty.json: expected what lmtrain bench --json printed" \
    "${bench[@]}" --only gemm --match tiny --compare empty.json
check "rows on record that were not measured are counted" exits_saying 0 \
    "not measured: 1 row of low.json, the first: gemm bf16 tiny forward 64x64x64" \
    "${bench[@]}" --only gemm --match "fp32 tiny" --compare low.json
check "JSON counts them too" bench_json gemm "j['not_measured'] == 1" --match "fp32 tiny" \
    --compare low.json
check "--match with a text that no row has" exits_saying 2 \
    'bench: --match: expected text in the name of a row, found "nosuch"' \
    "${bench[@]}" --only kernels --match nosuch
check "--compare with a file that is not there" exits_saying 1 "none.json" \
    "${bench[@]}" --only gemm --match tiny --compare none.json

check "an unknown section gets a suggestion" exits_saying 2 'did you mean "kernels"?' \
    "$lmtrain" bench --only kernel
check "sections are listed" says "machine, kernels, gemm, layers, step, options"
check "an unknown preset" exits_saying 2 "expected one of 124m" "$lmtrain" bench --preset 999
check "a config or a preset" exits_saying 2 "not both" "$lmtrain" bench --config a --preset 128
check "a config that is not there" exits_saying 2 "nowhere.json" \
    "$lmtrain" bench --only step --config nowhere.json
check "a key that is not there" exits_saying 2 'did you mean' \
    "$lmtrain" bench --only step --preset 128 --set model.n_layer=1
check "seconds are checked" exits_saying 2 "expected a number" "$lmtrain" bench --seconds 0
check "a step that diverges" exits_saying 3 "stopped being finite" "${bench[@]}" --only step \
    --config a.json --set optimizer.lr=1e6 --set schedule.warmup_steps=0 --set optimizer.name=sgd \
    --set train.clip_norm=0

# A signal, once the handler is there: what was measured so far is printed, and nothing promised that
# only training does.
# interrupted SIGNAL SAYS OPTIONS...
interrupted() {
    local signal=$1 says=$2
    shift 2
    "$lmtrain" bench --seconds 1000 --only machine --only kernels "$@" >out 2>err &
    local pid=$! mask=0
    for _ in $(seq 1 1000); do
        mask=$(awk '/^SigCgt/ {print $2}' /proc/$pid/status)
        [ $((0x${mask:-0} & 2)) -ne 0 ] && break
        sleep 0.01
    done
    kill -"$signal" $pid
    wait $pid
    local code=$?
    [ $code -eq 4 ] && grep -q "stopped by signal $(kill -l "$signal")" err &&
        grep -qx "lmtrain: stopping after the repetition at hand; $says at once" err &&
        ! grep -q "sav\|the step" err || { echo "code $code"; cat err; false; }
}
check "a signal ends it" interrupted INT "Ctrl-C again stops"
check "what was measured is printed" says "machine:"
check "another one too, and JSON is printed" interrupted TERM "a second signal stops" --json
check "which is whole" json "j['interrupted']"
