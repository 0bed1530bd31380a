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
    check "and warns of nothing" lacks warning out
    check "a trial's run directory is named by its number" test -e sw/trials/00003/summary.json
    check "a trial's command is printed" exits_saying 0 "--set optimizer.lr=0.001" \
        "$lmtrain" sweep --config sweep.json --trial 3 --dry-run
    check "a trial writes no page, as the sweep has one" says "--set log.report=false "
    sh -c "$(sed 's|sw/trials|elsewhere|' out)" 2>err
    sed 's|{|{"log": {"report": true},|;q' base.json >paged.json && sed 1d base.json >>paged.json
    sed 's|"base.json"|"paged.json"|; s|"sw"|"paged"|' sweep.json >paged-sweep.json
    check "unless the base config asks for it" sh -c '"$1" sweep --config paged-sweep.json --trial 3 --dry-run >paged.out &&
        grep -q -- --resume paged.out && ! grep -q log.report paged.out' sh "$lmtrain"
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
    mkdir own && sed 's/"steps": 6/"steps": 3/' base.json >own/base.json
    sed 's/"sw"/"own"/' sweep.json | tee own.json >own/sweep.json
    check "a directory with a config of somebody else is refused" exits_saying 2 "it holds base.json" \
        "$lmtrain" sweep --config own.json --trial 3
    check "and stays as it was" test "$(ls own | xargs)" = "base.json sweep.json"
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
    check "its trials have a thread each, and as many CPUs" test "$(grep -c -- ' --threads 1 ' array.sh) \
        $(grep -c -- '--cpus-per-task=1 ' array.sh)" = "5         1"
    "$lmtrain" sweep --config slurm.json --emit slurm --parallel 3 --threads 4 >four.sh
    check "--parallel and --threads reach the script" test "$(grep -c -- ' --threads 4 ' four.sh) \
        $(grep -c -- '--array=0-4%3$' four.sh) $(grep -c -- '--cpus-per-task=4 ' four.sh)" = "5         1 1"
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
    check "a script is of all trials" exits_saying 2 "--emit and --trial are given" \
        "$lmtrain" sweep --config slurm.json --emit commands --trial 1
}
# Settings of later generations exist when earlier ones have results. Two generations of two, and the base.
generations() {
    given small
    cat >sweep.json <<'JSON'
{
  "sweep": {"dir": "sw", "method": "tpe", "points": 4, "generation": 2, "parallel": 1, "threads": 1},
  "base": "base.json",
  "space": {"optimizer.lr": {"log_uniform": [1e-4, 1e-2]}}
}
JSON
    check "--dry-run says which settings tpe is to propose" exits_saying 0 "trials     3 to 4  proposed by tpe" \
        "$lmtrain" sweep --config sweep.json --dry-run
    check "a trial that tpe has not proposed yet does not run" exits_saying 2 "expected 0 to 2, found 3: tpe proposes" \
        "$lmtrain" sweep --config sweep.json --trial 3
    check "and begins nothing" test ! -e sw
    "$lmtrain" sweep --config sweep.json --quiet >out 2>err
    rate=$(sed -n 's/^[0-9]*,4,.*,\([^,]*\)$/\1/p' sw/leaderboard.csv)
    check "a trial that tpe proposed is printed with its values" exits_saying 0 "--set optimizer.lr=$rate " \
        "$lmtrain" sweep --config sweep.json --trial 4 --dry-run
    check "and goes on as it was" exits_saying 0 "finished already" "$lmtrain" sweep --join sw --trial 4
    check "--dry-run has all settings that were proposed" exits_saying 0 "trial     4  optimizer.lr = $rate" \
        "$lmtrain" sweep --config sweep.json --dry-run
}
# What goes wrong when the results are printed, and names that are no plain text.
results() {
    given small
    sed 's/"method": "grid"/"method": "grid", "parallel": 2, "threads": 1/; s/"sw"/"s\\u001bw"/;
        s/"space": {/& "log.tensorboard": false,/' sweep.json >esc.json
    "$lmtrain" sweep --config esc.json >out 2>err
    check "escape sequences in the name of a sweep's directory are shown as text" grep -qF 's\x1bw: 2 trials' err
    check "what all trials have matters to none" sh -c 'grep -q "^data.val *importance" out && ! grep -q tensorboard out'
    check "nothing of them reaches the terminal" sh -c '! LC_ALL=C grep -q "$(printf "\033")" out err'
    [ ! -e /dev/full ] || check "a sweep exits with 1 when its results go to a full disk" sh -c \
        '"$1" sweep --config esc.json --quiet 2>&1 >/dev/full | grep -q "standard output: cannot write"' sh "$lmtrain"
}
printed() {
    "$lmtrain" sweep --print-schema >schema
    check "the schema knows each key of the reference" test -z "$(
        "$lmtrain" sweep --print-reference | sed -n 's/^| `sweep\.\([a-z_]*\)`.*/\1/p' |
            while read -r key; do grep -q "\"$key\"" schema || echo "$key"; done)"
    [ -z "$python" ] || check "the schema is JSON" "$python" -m json.tool schema
    check "the command needs a sweep" exits_saying 2 "expected --config FILE" "$lmtrain" sweep
}
# A rung's line: trials and FLOP. With the same model and rungs of 1, 2 and 4 of 4 steps: 4 settings for
# one step, 2 for one more, 1 for two more are 8 steps of a setting; the base takes all 4.
costs() {
    given small
    sed 's/"steps": 6/"steps": 4/; s/"every": 3/"every": 1/' base.json >base.4 && mv base.4 base.json
    check "--dry-run says what all trials cost" exits_saying 0 "sweep     5 trials, " \
        "$lmtrain" sweep --config sweep.json --dry-run
    check "and how the time was found" grep -q "by steps measured here" out
    check "and the disk" grep -q "^disk      at most .*iB of checkpoints at once" out
    check "--dry-run writes nothing" test ! -e sw
    sed 's/"method": "grid"/"points": 4, "halving": 2, "seeds": 2/' sweep.json >halving.json
    check "with halving, --dry-run has the rungs" exits_saying 0 "rung 3    2 trials, " \
        "$lmtrain" sweep --config halving.json --dry-run
    flop() { sed -n "s/^$1 .* trials*, \([0-9.]*\) \([kMG]\)FLOP.*/\1 \2/p" out |
        awk '{ print $1 * ($2 == "k" ? 1e3 : $2 == "M" ? 1e6 : 1e9) }'; }
    check "rungs cost what their steps do" awk -v a="$(flop 'rung 1')" -v b="$(flop 'rung 2')" -v c="$(flop 'rung 3')" \
        -v base="$(flop base)" -v all="$(flop sweep)" \
        'function near(x, y) { return x > 0 && x / y > 0.98 && x / y < 1.02 }
        BEGIN { exit !(near(a, 2 * b) && near(b, c) && near(a, base) && near(all, 3 * a)) }'
    sed 's/"every": 7, "keep_last": 2/"every": 1, "keep_last": 1000000/; s/"steps": 4/"steps": 1000000/' base.json >base.big
    sed 's/base.json/base.big/; s/"seeds": 2/"seeds": 1000/' halving.json >big.json
    check "a sweep that the disk cannot hold is refused" exits_saying 1 "checkpoints of the sweep need up to" \
        "$lmtrain" sweep --config big.json --dry-run
    sed 's/train.bin/gone.bin/' base.json >base.gone
    sed 's/base.json/base.gone/' sweep.json >gone.json
    "$lmtrain" sweep --config gone.json --dry-run >out 2>err
    check "missing data is an error of --dry-run" grep -q "trial 0 (the base config as it is).*gone.bin" err
}
# train.budget in place of train.steps: 1600 tokens are 6 steps of 8 windows of 32.
budgets() {
    given small
    sed -i 's/"steps": 6/"budget": "1600 tokens"/' base.json
    cat >sweep.json <<'JSON'
{
  "sweep": {"dir": "sw", "points": 4, "halving": 2, "objective": "train_loss", "parallel": 2, "threads": 1},
  "base": "base.json",
  "space": {"optimizer.lr": {"log_uniform": [1e-4, 1e-2]}}
}
JSON
    check "a sweep takes a budget in tokens" exits 0 "$lmtrain" sweep --config sweep.json --quiet
    check "its steps are known, and rungs are parts of them" test \
        "$(sed 1d sw/leaderboard.csv | cut -d, -f11,12 | sort | uniq -c | tr -s ' \n' ' ')" = " 2 1,6 1 2,6 2 6,6 "
    check "--dry-run counts them" sh -c '"$1" sweep --config sweep.json --dry-run | grep -q "^base .* [0-9.]* MFLOP"' sh "$lmtrain"
    sed -i 's/1600 tokens/2s/' base.json
    sed -i 's/"sw"/"time"/' sweep.json
    check "halving refuses a budget in time" exits_saying 2 'trial 0 (the base config as it is): train.budget = "2s" is a time' \
        "$lmtrain" sweep --config sweep.json
    sed -i 's/"halving": 2, "objective": "train_loss", //' sweep.json
    check "--dry-run takes the time from the budget" sh -c \
        '"$1" sweep --config sweep.json --dry-run | grep "^sweep .* 5 trials, .* about 0:\(09\|1[01]\)$"' sh "$lmtrain"
    check "a text is quoted in the space" exits_saying 2 "a text is quoted: \"'2s'\"" \
        "$lmtrain" sweep --config <(sed 's/"space": {/&"train.budget": "2s", /' sweep.json) --dry-run
}
# The live table, in six rows: 4 settings, 2, 1 and the base are 8 tasks.
on_a_terminal() {
    given small
    sed -i 's/"method": "grid"/"points": 4, "halving": 2, "parallel": 2, "threads": 1/' sweep.json
    script -qec "stty rows 6; '$lmtrain' sweep --config sweep.json" typescript >/dev/null 2>&1 </dev/null
    check "the live table counts the tasks that ran" sh -c \
        'grep -q "8 of 8 tasks, rung 3 of 3" typescript && ! grep -qE "(9|1[0-9]) of 8 tasks" typescript'
    check "and stays in the terminal's rows" sh -c '! grep -qE "\[([6-9]|[1-9][0-9])A" typescript'
}
scenario one_trial
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    scenario on_a_terminal
else
    echo "skip - script(1) is not installed: there is no terminal for the live table"
fi
scenario budgets
scenario costs
scenario emitted
scenario generations
scenario results
scenario printed
