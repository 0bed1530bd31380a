#!/bin/bash
# Sweeps by other programs, as configs/recipes.md shows them: the commands are taken from that file.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# run.json, of 6 steps; lmtrain is found by PATH, as in the recipes.
small() {
    corpus
    tiny run
    sed -i 's/"steps": 40/"steps": 6/; s/"every": 10/"every": 3/' run.json
    mkdir bin && ln -s "$lmtrain" bin/lmtrain
}
# The indented lines of the recipes from the comment "# $1" up to the next blank line.
recipe() { sed -n "/^    # $1/,/^\$/s/^    //p" "$root/configs/recipes.md" | grep -v '^#'; }
finished() { [ "$(grep -l '"state": "finished"' "$1"/*/summary.json | wc -l)" -eq "$2" ]; }

by_xargs() {
    given small
    recipe xargs >recipe.sh
    check "the recipe of xargs is found" grep -q "xargs -P 2" recipe.sh
    PATH=$PWD/bin:$PATH sh recipe.sh 2>err
    check "xargs runs all trials" finished runs 3
    recipe "which is best" >best.sh
    check "the best is found by its summary" sh -c 'sh best.sh | head -1 | grep -q "^runs/lr.*best_val_loss"'
    check "a list that is run again finds its trials finished" sh -c \
        'sed "s/--quiet/--quiet --resume/" recipe.sh | PATH=$PWD/bin:$PATH sh'
}
by_parallel() {
    given small
    if ! parallel --version 2>/dev/null | grep -q GNU; then
        echo "skip - GNU parallel is not installed: its recipe is not run"
        return
    fi
    recipe "GNU parallel" >recipe.sh
    PATH=$PWD/bin:$PATH sh recipe.sh 2>err
    check "GNU parallel runs all trials" finished runs 6
}
scenario by_xargs
scenario by_parallel
