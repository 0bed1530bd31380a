#!/bin/bash
# lmtrain sweep: trials one by one, the scripts that it prints, what it refuses.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# sweep.json, four settings and the base: the base config is base.json, of 6 steps.
small() {
    given corpus
    tiny base
    sed -i 's/"run": .*//; s/"steps": 40/"steps": 6/; s/"every": 10/"every": 3/' base.json
    cat >sweep.json <<'JSON'
{
  "sweep": {"dir": "sw", "method": "grid"},
  "base": "base.json",
  "space": {
    "optimizer.lr": [1e-2, 1e-3],
    "data.val": ["val.bin", {"it's \"x\"": "val.bin"}]
  }
}
JSON
}
one_trial() {
    given small
    check "--dry-run lists every trial with its values" exits_saying 0 \
        'trial     3  optimizer.lr = 0.001, data.val = "val.bin"' \
        "$lmtrain" sweep --config sweep.json --dry-run
    check "a trial runs alone" exits 0 "$lmtrain" sweep --config sweep.json --trial 3
    check "a trial's run directory is named by its number" test -e sw/trials/00003/summary.json
    check "a trial's command is printed" exits_saying 0 "--set optimizer.lr=0.001" \
        "$lmtrain" sweep --config sweep.json --trial 3 --dry-run
    sh -c "$(sed 's|sw/trials|elsewhere|' out)" 2>err
    check "a trial's command gives the same run" same_figures sw/trials/00003 elsewhere/00003
    check "a trial beyond the last is refused" exits_saying 2 "expected 0 to 4, found 5" \
        "$lmtrain" sweep --config sweep.json --trial 5
    check "another directory finds the sweep and its paths" exits_saying 0 "finished already" \
        env -C / "$lmtrain" sweep --join "$PWD/sw" --trial 3
    sed -i 's/1e-3/2e-3/' sweep.json
    check "a directory with another sweep is refused" exits_saying 2 "holds another sweep" \
        "$lmtrain" sweep --config sweep.json --trial 3
    mkdir full && : >full/notes
    check "a directory with other files is refused" exits_saying 2 "it holds notes" \
        "$lmtrain" sweep --config <(sed 's/"sw"/"full"/' sweep.json) --trial 3
}
# Four trials and the base, run by what --emit prints and by single trials: the same runs.
emitted() {
    given small
    "$lmtrain" sweep --config sweep.json --emit commands >commands
    check "--emit commands prints a line for each trial" test "$(wc -l <commands)" -eq 5
    mv sweep.json gone.json
    sh commands 2>err
    check "the commands run without the sweep file" test -e sw/trials/00004/summary.json
    mv gone.json sweep.json
    sed 's/"sw"/"slurm"/' sweep.json >slurm.json
    "$lmtrain" sweep --config slurm.json --emit slurm >array.sh
    check "the script for Slurm has an array of all trials" grep -q '^#SBATCH --array=0-4$' array.sh
    SLURM_ARRAY_TASK_ID=2 sh array.sh 2>err
    check "an element of the array is its trial" same_figures sw/trials/00002 slurm/trials/00002
    check "hostile strings stay text in scripts" grep -qF "it's" sw/trials/00002/resolved.json
    if command -v parallel >/dev/null && parallel --version 2>/dev/null | grep -q GNU; then
        sed 's/"sw"/"par"/' sweep.json >par.json
        "$lmtrain" sweep --config par.json --emit parallel >par.sh
        sh par.sh 2>err
        check "GNU parallel runs all trials" same_figures sw/trials/00004 par/trials/00004
    else
        echo "skip - GNU parallel is not installed: its script is not run"
    fi
    sed 's/"method": "grid"/"points": 2, "halving": 2/' sweep.json >halving.json
    check "halving is not emitted" exits_saying 2 "--join" \
        "$lmtrain" sweep --config halving.json --emit commands
}
printed() {
    "$lmtrain" sweep --print-schema >schema
    check "the schema knows each key of the reference" test -z "$(
        "$lmtrain" sweep --print-reference | sed -n 's/^| `sweep\.\([a-z_]*\)`.*/\1/p' |
            while read -r key; do grep -q "\"$key\"" schema || echo "$key"; done)"
    [ -z "$python" ] || check "the schema is JSON" "$python" -m json.tool schema
    check "the command needs a sweep" exits_saying 2 "expected --config FILE" "$lmtrain" sweep
}
scenario one_trial
scenario emitted
scenario printed
