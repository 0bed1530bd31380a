#!/bin/bash
# lmtrain bench: its tables, its JSON, its comparison, its errors, and a signal. No test looks at how
# fast anything is.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# A config, and no run: benchmarks of it must not make one.
config() {
    given corpus
    tiny a
}
bench=("$lmtrain" bench --seconds 0.001)
# json EXPRESSION: is it true of the object j in the file out?
json() { python3 -c "import json; j = json.load(open('out')); assert ($1), j"; }
# bench_json SECTION EXPRESSION ARGUMENTS...
bench_json() {
    local section=$1 expression=$2
    shift 2
    exits 0 "${bench[@]}" --json --only "$section" "$@" && json "$expression"
}

machine() {
    check "bench --only machine prints a table of peaks" exits_saying 0 "fp32 multiply-add" \
        "${bench[@]}" --only machine
    check "bench says what the host did meanwhile" says "of the time stolen"
    check "bench --only machine --match measures the peaks that match" bench_json machine \
        "[r['name'] for r in j['machine']] == ['fp32 multiply-add']" --match multiply-add --threads 1
    check "bench takes --threads and --cpu" exits_saying 0 "1 thread, scalar" \
        "${bench[@]}" --only machine --threads 1 --cpu scalar
    check "bench --json has every peak of the machine" bench_json machine \
        "all(r['bytes_per_s' if 'memory' in r['name'] else 'seconds' if 'word' in r['name'] else
        'flops_per_s'] > 0 for r in j['machine'])"
    check "bench --json says what the host did meanwhile" json "set(j['host']) ==
        {'stolen', 'switches_per_s', 'word_seconds', 'marked'} and j['host']['marked'] >= 0"
    check "bench --json says on what it was measured" \
        json "j['threads'] >= 1 and 'scalar' in j['isas'] and j['cpu']"
}
scenario machine

kernels() {
    check "bench --only kernels --match prints the kernels that match" \
        exits_saying 0 "adam_f32" "${bench[@]}" --only kernels --match adam
    check "bench --only kernels --match leaves other kernels out" lacks gemm_f32 out
    check "bench --match with a text that no row has is refused" exits_saying 2 \
        'bench: --match: expected text in the name of a row, found "nosuch"' \
        "${bench[@]}" --only kernels --match nosuch
    check "bench --json has every kernel, each beside its scalar version" bench_json kernels \
        "len(j['kernels']) > 20 and all(r['times_scalar'] > 0 and r['share'] > 0 for r in j['kernels'])"
}
scenario kernels

gemm_and_layers() {
    check "bench --only gemm prints a row per precision and shape" \
        exits_saying 0 "bf16 tiny forward 64x64x64" "${bench[@]}" --only gemm --match tiny
    check "bench --json of matrix shapes has shares, best shares and spreads" bench_json gemm \
        "[r for r in j['gemm'] if r['best_share'] >= r['share'] > 0 and r['spread'] >= 0]" --match tiny
    check "bench --only layers prints the loss head" exits_saying 0 "bf16 128 loss head" \
        "${bench[@]}" --only layers --match "128 loss"
    check "bench --json of layers has attention in each precision" bench_json layers \
        "len(j['layers']) > 15 and sum(r['name'][4:] == ' 128 attention forward' for r in j['layers']) == 2 and
        all(r['share'] > 0 for r in j['layers'])" --match " 128 "
}
scenario gemm_and_layers

a_step() {
    given config
    check "bench --only step --config prints tokens per second" exits_saying 0 "tokens/s" \
        "${bench[@]}" --only step --config a.json
    check "bench of a step prints its phases" says "loss_head"
    check "bench --json of a config has one step" bench_json step "len(j['step']) == 1" \
        --config a.json
    check "bench --json of a step has its name and sizes" json "j['step'][0]['name'] == 'a.json fp32' and
        j['step'][0]['step_tokens'] == 256 and j['step'][0]['parameters'] > 0"
    check "the phases of a step add up to the whole" json "abs(sum(j['step'][0]['phases'].values()) - 1)
        < 1e-9 and all(x >= 0 for x in j['step'][0]['phases'].values())"
    check "bench --json of a step has the memory it took, where that is known" \
        json "j['step'][0]['peak_resident_bytes'] is None or
        j['step'][0]['peak_resident_bytes'] > 1000000"
    check "bench --set changes the step that is measured" bench_json step \
        "j['step'][0]['step_tokens'] == 384" --config a.json --set train.grad_accumulation=3
    check "bench of a config does not make its run directory" test ! -e run
    check "bench --preset with --set measures the preset made small" bench_json step \
        "j['step'][0]['name'].startswith('128')" --preset 128 --set model.n_layers=1 \
        --set train.micro_batch=1
}
scenario a_step

generate() {
    check "bench --only generate prints tokens per second" exits_saying 0 "tokens/s" \
        "${bench[@]}" --only generate --preset 128
    check "bench --json of generation has a prompt and a token" bench_json generate \
        "[r['name'] for r in j['generate']] == ['128 fp32 prompt of 64', '128 fp32 token',
        '128 bf16 prompt of 64', '128 bf16 token'] and
        j['generate'][0]['flops_per_s'] > 0 and j['generate'][1]['bytes_per_s'] > 0 and
        all(r['tokens_per_s'] > 0 and r['share'] > 0 for r in j['generate'])" --preset 128
    check "bench --set changes the model that generates" bench_json generate \
        "[r['name'] for r in j['generate']] == ['128 fp32 prompt of 9']" --preset 128 \
        --match 'fp32 prompt' --set model.context_length=9
}
scenario generate

optimizers() {
    check "bench --only optimizers says what an update moves" \
        exits_saying 0 "28 bytes an element: the gradient read, 3 arrays read and written" \
        "${bench[@]}" --only optimizers --preset 128 --match adamw
    check "bench --json of optimizers has each that updates by element" bench_json optimizers \
        "[(r['name'], r['bytes_per_element']) for r in j['optimizers']] == [('128 ' + n, b) for n, b in
        (('sgd', 12), ('momentum', 20), ('adam', 28), ('adamw', 28), ('lion', 20), ('ademamix', 36),
        ('schedule_free', 28), ('muon beside its products', 20))] and all(r['share'] > 0 for r in j['optimizers'])" --preset 128 --threads 1
    check "bench of optimizers measures one thread beside all" bench_json optimizers \
        "[r['name'] for r in j['optimizers']] == ['128 lion', '128 lion, one thread']" --preset 128 \
        --threads 2 --match lion --set model.n_layers=1
}
scenario optimizers

options() {
    given config
    check "bench --only options prints what an option costs beside the plain run" \
        exits_saying 0 "of plain" "${bench[@]}" --only options --config a.json
    check "bench --only options prints the plain run" says "a.json fp32 plain"
    check "bench --json of options has each as a share of the plain run" bench_json options \
        "len(j['options']) > 20 and all(('of_plain' in r) != r['name'].endswith('plain')
        for r in j['options'] if 'skipped' not in r)
        and all(r.get('of_plain', 1) > 0 for r in j['options'])" --config a.json
    check "an option that the config cannot have is skipped with the reason" bench_json options \
        "any('divisible' in r.get('skipped', '') for r in j['options'])" --config a.json \
        --match n_kv_heads --set model.n_heads=1
    check "bench of a preset's options has a plain run per precision" bench_json options \
        "[r['name'] for r in j['options']] ==
        ['128 fp32 plain', '128 fp32 z_loss=0.02', '128 bf16 plain', '128 bf16 z_loss=0.02']" \
        --preset 128 --match z_loss --set model.n_layers=1 --set train.micro_batch=1
}
scenario options

regions() {
    given config
    check "bench --only regions prints the tasks of a step and what more cores would make of them" \
        exits_saying 0 "fp32, 128 cores:" "${bench[@]}" --only regions --config a.json
    check "bench --only regions names regions by phase, file and task" says "attention: attention forward"
    check "bench --json of regions has a row for each number of cores" bench_json regions \
        "[r['cores'] for r in j['regions']][-3:] == [8, 32, 128] and
        all(0 <= r['serial'] < 1 and 1 <= r['speedup'] <= r['cores'] and
        abs(sum(k['share'] for k in r['regions']) - 1) < 1e-9 and
        r['in_64_tasks'] <= r['in_32_tasks'] <= 1 for r in j['regions'])" --config a.json
    check "bench --match picks a number of cores" bench_json regions \
        "[r['name'] for r in j['regions']] == ['a.json fp32, 32 cores']" --config a.json \
        --match " 32 cores"
    check "bench of regions does not make the run directory" test ! -e run
}
scenario regions

two_sections() {
    given config
    check "bench measures two sections" exits 0 "${bench[@]}" --only machine --only step --config a.json
    check "bench prints sections in a fixed order" \
        test "$(grep -n '^machine:' out | cut -d: -f1)" -lt "$(grep -n '^step:' out | cut -d: -f1)"
}
scenario two_sections

# Comparison: the recorded figures are far below and far above what is measured now.
recorded() {
    "${bench[@]}" --only gemm --match tiny --json >gemm.json || return 1
    sed 's/"best_share": [0-9.e-]*/"best_share": 1e-9/' gemm.json >low.json
    sed 's/"best_share": [0-9.e-]*/"best_share": 1e9/' gemm.json >high.json
    echo text >text.txt
}
# Slower or noise: that depends on what else the machine does. tests/bench/test_compare.c has the rules.
lower() {
    "${bench[@]}" --only gemm --match "fp32 tiny" --compare high.json >out 2>&1
    local code=$? verdict
    verdict=$(sed -n 's/^  measured [3-6] times: //p' out)
    case $code-$verdict in
    1-fell) says "slower than recorded in high.json:" && ! grep -q noise out ;;
    0-noise) says "noise: lower, but the host did not leave the machine alone" ;;
    *) echo "exit code $code, verdict '$verdict'"; cat out; false ;;
    esac && says "gemm fp32 tiny forward 64x64x64: best_share"
}
lower_json() {
    "${bench[@]}" --json --only gemm --match "fp32 tiny" --compare high.json >out 2>err
    json "[r for r in j['gemm'] if r['recorded'] == 1e9 and (r['measured'], r['verdict']) in
        [(n, 'fell') for n in (3, 4, 5, 6)] + [(6, 'noise')]]"
}
comparison() {
    given recorded
    check "bench --compare says when no row is slower than recorded" \
        exits_saying 0 "none more than 15% below low.json" \
        "${bench[@]}" --only gemm --match tiny --compare low.json
    check "a row that is as fast as recorded is measured once" lacks 'measured .* times' out
    check "bench --json --compare has the verdict on rows that are as fast as recorded" \
        bench_json gemm "all((r['measured'], r['verdict'], r['recorded']) == (1, 'held', 1e-9)
        for r in j['gemm'])" --match tiny --compare low.json
    check "a row that is slower than recorded is measured again, then it is slower or noise" lower
    check "bench --json --compare has the verdict on rows that are slower than recorded" lower_json
    check "bench --compare fails when no row was recorded" exits_saying 1 "none of the rows" \
        "${bench[@]}" --only kernels --match add_f32 --compare low.json
    check "bench --compare with text that is not JSON names the place" exits_saying 1 \
        "text.txt: expected a JSON object, found text that cannot be parsed at line 1, column" \
        "${bench[@]}" --only gemm --match tiny --compare text.txt
    echo '{"gemm": []}' >empty.json
    check "bench --compare refuses a record of no rows" exits_saying 1 \
        "empty.json: expected what lmtrain bench --json printed" \
        "${bench[@]}" --only gemm --match tiny --compare empty.json
    check "bench --compare counts rows on record that were not measured" exits_saying 0 \
        "not measured: 1 row of low.json, the first: gemm bf16 tiny forward 64x64x64" \
        "${bench[@]}" --only gemm --match "fp32 tiny" --compare low.json
    check "bench --json --compare counts rows on record that were not measured" \
        bench_json gemm "j['not_measured'] == 1" --match "fp32 tiny" --compare low.json
    check "bench --compare names a file that does not exist" exits_saying 1 "none.json" \
        "${bench[@]}" --only gemm --match tiny --compare none.json
}
scenario comparison

# A record that is made part by part.
parts() {
    local tiny=(--only gemm --match tiny)
    check "bench --record makes the file and says how many rows it has" \
        exits_saying 0 "record.json: 2 rows recorded" "${bench[@]}" "${tiny[@]}" --record record.json
    check "bench --record prints its tables all the same" says "fp32 tiny forward 64x64x64"
    check "bench --record puts another section beside the first" \
        exits 0 "${bench[@]}" --only kernels --match add_f32 --record record.json
    cp record.json out
    check "a record that was made in two parts has the rows of both" json \
        "[len(j[s]) for s in ('kernels', 'gemm')] == [1, 2] and 'host' not in j and j['threads'] >= 1"
    sed -i 's/"best_share": [0-9.e-]*/"best_share": 1e-9/; s/"times_scalar": [0-9.e-]*/"times_scalar": 1e-9/
        s/, "marks": "[a-z, ]*"//' record.json
    check "a record that was made in parts is one to compare with" \
        exits_saying 0 "not measured: 1 row of record.json, the first: kernels add_f32" \
        "${bench[@]}" "${tiny[@]}" --compare record.json
    check "bench --json --record prints the run's own rows" \
        bench_json gemm "len(j['gemm']) == 1 and 'kernels' not in j" --match "bf16 tiny" --record record.json
    cp record.json out
    check "rows that a run did not measure stay on record" json "j['gemm'][0]['best_share'] == 1e-9"
    check "bench --record refuses a record of other instruction sets before it measures" \
        exits_saying 2 'record.json: --record: expected rows with "isas" "scalar", as here, found' \
        "${bench[@]}" "${tiny[@]}" --cpu scalar --record record.json
    cp record.json before.json
    check "bench --record with a text that no row has is refused" exits_saying 2 \
        'expected text in the name of a row' "${bench[@]}" --only gemm --match nosuch --record record.json
    check "the record is what it was before" cmp record.json before.json
    check "bench refuses to compare and to record at once" exits_saying 2 "--compare or --record, not both" \
        "$lmtrain" bench --compare record.json --record record.json
}
scenario parts

bad_arguments() {
    given config
    check "an unknown section of bench gets a suggestion" exits_saying 2 'did you mean "kernels"?' \
        "$lmtrain" bench --only kernel
    check "bench lists its sections when it refuses one" \
        says "machine, kernels, gemm, layers, step, generate, optimizers, options"
    check "bench lists its presets when it refuses one" exits_saying 2 "expected one of 124m" \
        "$lmtrain" bench --preset 999
    check "bench refuses a config together with a preset" exits_saying 2 "not both" \
        "$lmtrain" bench --config a --preset 128
    check "bench names a config that does not exist" exits_saying 2 "nowhere.json" \
        "$lmtrain" bench --only step --config nowhere.json
    check "bench --set of an unknown key gets a suggestion" exits_saying 2 'did you mean' \
        "$lmtrain" bench --only step --preset 128 --set model.n_layer=1
    check "bench --seconds 0 is refused" exits_saying 2 "expected a number" \
        "$lmtrain" bench --seconds 0
    check "bench of a step that diverges exits with 3" exits_saying 3 "stopped being finite" \
        "${bench[@]}" --only step --config a.json --set optimizer.lr=1e6 \
        --set schedule.warmup_steps=0 --set optimizer.name=sgd --set train.clip_norm=0
}
scenario bad_arguments

# interrupted SIGNAL SAYS OPTIONS...: a signal, once the handler is there; what is said then promises
# nothing that only training does.
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
signals() {
    check "Ctrl-C ends a benchmark with exit code 4" interrupted INT "Ctrl-C again stops"
    check "what was measured before Ctrl-C is printed" says "machine:"
    check "SIGTERM ends a benchmark with exit code 4" interrupted TERM "a second signal stops" --json
    check "the JSON of an interrupted benchmark is whole and says so" json "j['interrupted']"
}
scenario signals
