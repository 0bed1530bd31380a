#!/bin/bash
# lmtrain coord-check: what passes and what fails, its picture and its JSON, and no run.
# shellcheck source=../support/run.sh
. tests/support/run.sh

small() {
    given corpus
    tiny a
}
# Few steps; three widths unless WIDTHS says others.
check_of() {
    "$lmtrain" coord-check --config a.json --widths "${WIDTHS:-32,64,128}" --steps 3 --seeds 3 \
        --set train.micro_batch=8 --set train.grad_accumulation=1 --set model.init_std=0 \
        --set model.embedding_norm=true --set optimizer.lr="${lr-0.001}" "$@"
}
# at LR COMMAND...
at() {
    local lr=$1
    shift
    "$@"
}
slope_of() { awk -v name="$1" '$1 == name { print $5 }' out; }

widths() {
    given small
    check "activations of a standard model change more where it is wider" exits_saying 1 \
        "coord-check: 5 of 5 slopes fail, the first of them embedding over d_model" check_of
    check "a standard model's slope is far from 0" awk -v s="$(slope_of h.1)" \
        'BEGIN { exit !(s > 0.5) }'
    check "with mup they change by as much" exits 0 check_of --set model.parametrization=mup
    check "its slope is near 0" awk -v s="$(slope_of h.1)" 'BEGIN { exit !(s > -0.15 && s < 0.15) }'
    check "with Muon too" exits 0 at 0.003 check_of --set model.parametrization=mup \
        --set optimizer.name=muon
    check "with SGD too" exits 0 at 0.05 check_of --set model.parametrization=mup \
        --set optimizer.name=sgd
    check "with wider heads too" exits 0 check_of --set model.parametrization=mup --wider-heads
    check "no run directory is made" test ! -e run
}
scenario widths

depths() {
    given small
    deep=(--depths 2,4,8)
    check "a standard model's last layer changes more where it is deeper" exits 1 \
        check_of "${deep[@]}"
    check "the table names the last layer" grep -q "^last layer .* fails" out
    check "with completep it changes by as much" exits 0 \
        check_of "${deep[@]}" --set model.parametrization=completep
}
scenario depths

output() {
    given small
    check "--svg writes a picture, --json an object" exits 0 \
        check_of --set model.parametrization=mup --json --svg a.svg --threads 1
    check "the object has the slopes" grep -q '"slope": ' out
    check "the object says that the check passes" grep -q '^  "passes": true' out
    cp out 1.json
    check "the picture names its lines" grep -q '>h.1 [+-]0.[0-9]*</text>' a.svg
    cp a.svg 1.svg
    check "the same figures on two threads" exits 0 \
        check_of --set model.parametrization=mup --json --svg a.svg --threads 2
    check "the same object" cmp out 1.json
    check "a picture of lmtrain's is replaced" cmp a.svg 1.svg
    echo mine >mine.svg
    check "another's file is not" exits_saying 2 "mine.svg: lmtrain did not write this file" \
        check_of --svg mine.svg
    check "the file is as it was" test "$(cat mine.svg)" = mine
}
scenario output

wide() { WIDTHS=$1 check_of; }
refused() {
    given small
    check "one width is too few" exits_saying 2 "--widths: expected two numbers or more, found one" \
        wide 32
    check "widths rise" exits_saying 2 "--widths: expected rising numbers, found 32 behind 64" \
        wide 64,32
    check "widths are numbers" exits_saying 2 \
        '--widths: expected numbers separated by commas, found "32,x"' wide 32,x
    check "heads must be whole" exits_saying 2 \
        "a model of width 40 would have model.n_heads = 2 * 40 / 32, which is no whole number" \
        wide 40,80
    check "activations that are not finite fail" exits_saying 1 "nan  fails" \
        at 1e6 check_of --set optimizer.name=sgd
}
scenario refused
