#!/bin/bash
# lmtrain scaling: points out of CSV and runs, a law, budgets; errors that name their place.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# Points of loss = 1.8 + 400/N^0.34 + 2000/D^0.37, without noise.
points() {
    awk 'BEGIN { print "loss,tokens,parameters,seconds"
        for (n = 1e6; n < 1e9; n *= 4) for (d = 1e8; d < 1e11; d *= 5)
            printf "%.12g,%g,%g,%g\n", 1.8 + 400 / n ^ 0.34 + 2000 / d ^ 0.37, d, n, 6 * n * d / 1e11 }' \
        >points.csv
}
scaling() { "$lmtrain" scaling --bootstrap 20 "$@"; }

known_law() {
    points
    check "a fit to points without noise finds their law" exits 0 scaling points.csv \
        --budget "1e20 flop" --budget 8h
    for figure in "E  *1.8 " "A  *400 " "B  *2000 " "alpha  *0.34 " "beta  *0.37 "; do
        check "the law has $figure" grep -Eq "^$figure" out
    done
    # G = (alpha A / (beta B))^(1 / 0.71) = 0.0920; N = G (1e20/6)^(0.37/0.71).
    check "the best size for a budget of FLOPs is the closed form's" \
        grep -q "budget 1e20 flop: 957 M parameters (9.* M to 9.* M), 17.4 G tokens" out
    check "a budget of hours goes by the speed of the runs" grep -q "budget 8h: .* 2.88 PFLOP, 8:00:00" out
    check "nothing speaks against a law that its points show" lacks "^note:" out
    check "a budget far beyond the runs is noted" exits_saying 0 "note: 1e26 flop: far outside of the runs: " \
        scaling points.csv --budget "1e26 flop"
}
scenario known_law

runs() {
    given corpus
    tiny a
    for width in 16 32; do
        for steps in 10 20 40; do
            "$lmtrain" --config a.json --quiet --no-final-checkpoint --set "run.dir=runs/$width-$steps" \
                --set "model.d_model=$width" --set "train.steps=$steps" || return
        done
    done
    "$lmtrain" --config a.json --quiet --until 5
}
of_runs() {
    given runs
    check "finished runs are points, and others are passed over" \
        exits_saying 0 "passed over: run: it is not finished" scaling runs/* run --json
    check "their number is said" says '"points": 6'
    check "what speaks against a law of a few tiny runs is in the JSON" says \
        "6 points are few for a law of 5 figures, which fits almost any"
    check "and in the text" exits_saying 0 "note: 6 points are few for a law" scaling runs/* --budget "1e15 flop"
    check "so is what they do not cover of a budget" grep -q "^note: 1e15 flop: " out
}
scenario of_runs

wrong() {
    printf 'parameters,tokens\n1,2\n' >columns.csv
    printf '# a comment\n\nparameters,tokens,loss\n1e6,x,3\n' >number.csv
    printf 'parameters,tokens,loss\n1e6,1e7,3\n1e6,3\n' >fields.csv
    printf 'parameters,tokens,loss\n1e6,1e7,3\n' >few.csv
    : >none.csv
    check "a CSV without a column names it" \
        exits_saying 2 'columns.csv:1: expected columns parameters, tokens and loss, found no "loss"' \
        scaling columns.csv
    check "what is no number is named with its line" exits_saying 2 \
        'number.csv:4: tokens: expected a number above 0, found "x"' scaling number.csv
    check "a line of fewer fields is refused" \
        exits_saying 2 "fields.csv:3: expected 3 fields, found 2" scaling fields.csv
    check "too few points are refused by one line with their file" exits_saying 2 \
        "lmtrain: few.csv: expected at least 5 finished runs or points, found 1" scaling few.csv
    check "no warning stands before it" test "$(wc -l <out)" -eq 1
    check "an empty CSV is refused" exits_saying 2 "names columns, found none" scaling none.csv
    check "a directory that is no run is refused" exits_saying 2 "found a directory without one" scaling .
    points
    { echo parameters,tokens,loss; for n in 1 2 3 4 5 6; do echo "${n}e6,$((n * n))e7,2.5"; done; } >equal.csv
    check "losses that are all equal are warned of" exits_saying 0 "warning: all losses are 2.5" scaling equal.csv
    check "a budget that is no length is refused" exits_saying 2 "--budget 3x: expected" \
        scaling points.csv --budget 3x
}
scenario wrong
