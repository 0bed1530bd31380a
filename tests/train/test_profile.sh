#!/bin/bash
# --profile: where the time of a run's steps goes; it changes no bit.
# shellcheck source=../support/run.sh
. tests/support/run.sh

last=checkpoints/step-0000000040.npz
plain() { given corpus && tiny a && "$lmtrain" --config a.json --quiet && mv run plain; }

# phases_add_up: of every step, the seconds by kind of work make at least its time, and not twice that
# of all steps.
phases_add_up() {
    awk '/"phases":/ {
            split($0, at, /"tokens_per_s":/); took = 256 / at[2]
            phases = $0; sub(/.*"phases":/, "", phases)
            n = split(phases, part, ":"); sum = 0
            for (i = 2; i <= n; i++) sum += part[i] + 0
            if (sum < 0.99 * took - 1e-5) { print "step of " took " s: " sum; bad = 1 }
            all += sum; steps += took; lines++
        }
        END { print lines, all, steps; exit bad || lines != 40 || all > 2 * steps }' run/metrics.jsonl
}
# layers_add_up: the seconds of matrix products, of which each line of the profile has one figure.
layers_add_up() {
    awk '/"profile":/ { inside = 1 }
        inside && /"gemm":/ {
            gemm = $0; sub(/.*"gemm": ?/, "", gemm); rows++
            if (rows == 1) all = gemm + 0; else sum += gemm
        }
        END { print rows, all, sum; exit !(rows == 4 && all > 0 && sum > 0.999 * all - 1e-5 && sum < 1.001 * all + 1e-5) }' \
        run/summary.json
}
profiled() {
    given plain
    check "a run is profiled" exits 0 "$lmtrain" --config a.json --quiet --profile
    check "a profiled run ends in the same checkpoint" cmp run/$last plain/$last
    check "diff finds a profiled run equal" exits_saying 0 "metrics agree" "$lmtrain" diff run plain
    check "the seconds of a step by kind of work add up to its time" phases_add_up
    check "the seconds of the layers, and outside of them, add up to those of the steps" layers_add_up
    check "the summary says how many steps were profiled" grep -q '"steps": 40,$' run/summary.json
    check "only steps have phases" test "$(grep -c phases run/metrics.jsonl)" -eq 40
    rm run/$last
    check "a profiled run goes on" exits 0 "$lmtrain" --config a.json --quiet --profile --resume
    check "and is profiled from there" grep -A1 '"profile"' run/summary.json
    check "with the steps of this session" grep -q '^    "steps": 5,$' run/summary.json
    check "a run is not profiled unasked" \
        fails grep -e phases -e profile plain/metrics.jsonl plain/summary.json
}
scenario profiled
