#!/bin/bash
# Whole sweeps: the results do not depend on how many workers there are, nor on which of them are killed;
# no step runs twice; what ends a sweep, and what does not.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# NAME.json, a sweep in the directory NAME with these keys: runs of 16 steps.
sweep_file() {
    cat >"$1.json" <<JSON
{
  "sweep": {"dir": "$1", $2},
  "base": {
    "model": {"d_model": 32, "n_layers": 1, "n_heads": 2, "context_length": 16},
    "data": {"train": "train.bin", "val": "val.bin"},
    "train": {"steps": 16, "batch": 4},
    "eval": {"every": 2, "tokens": 200}, "checkpoint": {"every": 0}
  },
  "space": {"optimizer.lr": {"log_uniform": [1e-4, 3e-2]}, "model.d_ff": {"power_of_two": [32, 128]}}
}
JSON
}
halving='"points": 8, "seeds": 2, "halving": 2'
# The leaderboard without seconds.
results() { cut -d, -f1-12,14- "$1/leaderboard.csv"; }
same_results() { cmp <(results "$1") <(results "$2") && cmp <(sed '/"dir"/d' "$1/best.json") <(sed '/"dir"/d' "$2/best.json"); }
# Steps 1, 2, ... stand in every run's metrics once, and nothing was done again.
steps_once() {
    ! ls "$1"/trials/*/metrics.jsonl.aside 2>/dev/null &&
        for m in "$1"/trials/*/metrics.jsonl; do
            sed -n 's/^{"step":\([0-9]*\),.*"loss":.*"lr".*/\1/p' "$m" | awk '$1 != NR { exit 1 }' || return 1
        done
}
alone() {
    given corpus
    sweep_file one "$halving"
    "$lmtrain" sweep --config one.json --parallel 1 --threads 1
}
whole() {
    given alone
    check "the leaderboard has a row for each trial" test "$(wc -l <one/leaderboard.csv)" -eq 19
    check "halving runs 8, 4, 2 and 1 settings" test "$(cut -d, -f3,11 one/leaderboard.csv | sort -u |
        grep -v ^0, | cut -d, -f2 | sort -n | uniq -c | tr -s ' \n' ' ')" = " 1 step 4 2 2 4 1 8 1 16 "
    check "no step runs twice" steps_once one
    check "the best setting's checkpoints are kept, of others none" \
        test "$(ls -d one/trials/*/checkpoints/*.npz | cut -d/ -f3 | sort -u | wc -l)" -eq 2
    best=$(sed -n 2p one/leaderboard.csv | cut -d, -f14)
    sh -c "$("$lmtrain" sweep --config one.json --trial "$((10#${best#trials/}))" --dry-run |
        sed 's|one/trials|straight|')" 2>err
    check "a promoted trial is the run that never paused" same_figures "one/$best" "straight/${best#trials/}"
    check "best.json is ready to run" exits 0 "$lmtrain" --config one/best.json --quiet
    check "it is the best trial" same_figures "one/$best" one/best
    check "a complete sweep has nothing to do" exits 0 "$lmtrain" sweep --config one.json
    check "it ends with the same results" exits 0 "$lmtrain" sweep --join one --quiet
    check "lmtrain report prints a sweep's page" sh -c '"$1" report one --output - | grep -q "a sweep of 18 trials"' sh "$lmtrain"
    check "its table is the leaderboard" sh -c '"$1" report one --csv | cmp - one/leaderboard.csv' sh "$lmtrain"
    check "lmtrain scaling takes the finished trials of a sweep" exits_saying 2 "passed over: 14 of 18 runs in one/trials" \
        "$lmtrain" scaling one
    check "and says how many there are" says "expected at least 5 finished runs or points, found 4"
    if [ -n "$python" ]; then
        check "the leaderboard's figures are those of the losses" "$python" - one/leaderboard.json <<'PYTHON'
import json, math, sys
import numpy as np
rows = json.load(open(sys.argv[1]))
settings = {}
for r in rows: settings.setdefault(r["setting"], []).append(r)
for n, (setting, s) in enumerate(settings.items()):
    losses = np.array([r["loss"] for r in s])
    assert all(r["rank"] == n + 1 for r in s)
    assert math.isclose(s[0]["mean"], losses.mean(), rel_tol=1e-12), s
    assert math.isclose(s[0]["stderr"], losses.std(ddof=1) / math.sqrt(len(losses)), rel_tol=1e-9)
    if setting:
        base = []
        for r in s:
            metrics = [json.loads(l) for l in open(f"one/trials/{r['seed'] - 1:05d}/metrics.jsonl")]
            base.append([m["val_loss"] for m in metrics if m["step"] == r["step"] and "val_loss" in m][0])
        d = losses - base
        assert math.isclose(s[0]["difference"], d.mean(), rel_tol=1e-9, abs_tol=1e-12)
        assert math.isclose(s[0]["difference_stderr"], d.std(ddof=1) / math.sqrt(len(d)), rel_tol=1e-6, abs_tol=1e-12)
PYTHON
    fi
}
scenario whole

workers() {
    given alone
    sweep_file two "$halving"
    sweep_file four "$halving"
    "$lmtrain" sweep --config two.json --parallel 2 --threads 1 2>err
    check "two trials at once give the same results" same_results one two
    "$lmtrain" sweep --config four.json --emit commands >/dev/null 2>&1
    "$lmtrain" sweep --config four.json --parallel 1 --threads 1 >out.0 2>&1 &
    until_true test -e four/sweep.json
    for i in 1 2 3; do "$lmtrain" sweep --join four --parallel 1 --threads 1 >"out.$i" 2>&1 & done
    wait
    check "four workers give the same results" same_results one four
    check "four workers did no step twice" steps_once four
    check "each task was run by one worker" test "$(cat four/journals/*.jsonl | grep -c '"rung":0')" -eq 18
}
scenario workers

# Kills the worker ($1: its number; $2: the signal) when it has that many results.
kill_at() {
    until_true sh -c "[ \"\$(cat $3/journals/*.jsonl 2>/dev/null | wc -l)\" -ge $4 ]"
    kill "-$2" "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}
killed() {
    given alone
    sweep_file kill "$halving"
    for results in 3 9 14; do
        "$lmtrain" sweep --config kill.json --parallel 2 --threads 1 >/dev/null 2>&1 &
        kill_at "$!" KILL kill "$results"
    done
    "$lmtrain" sweep --config kill.json --parallel 2 --threads 1 >/dev/null 2>err
    check "a sweep that was killed goes on to the same results" same_results one kill
    sweep_file stop "$halving"
    "$lmtrain" sweep --config stop.json --parallel 2 --threads 1 >/dev/null 2>err &
    pid=$!
    until_true sh -c '[ "$(cat stop/journals/*.jsonl 2>/dev/null | wc -l)" -ge 7 ]'
    kill -INT "$pid"
    wait "$pid"
    check "Ctrl-C ends it with exit code 4" test $? -eq 4
    check "Ctrl-C leaves no trial behind" sh -c '! pgrep -f "[t]rain --config stop/base.json"'
    check "Ctrl-C says how to go on" grep -q "sweep --join stop" err
    "$lmtrain" sweep --join stop --parallel 1 --threads 1 >/dev/null 2>err
    check "a sweep that was stopped goes on to the same results" same_results one stop
    check "best.json has the path that the file gives, also when it was joined" grep -q '"dir": "stop/best"' stop/best.json
    check "no step of it ran twice" steps_once stop
}
scenario killed

# Somebody deletes the directory of a sweep that runs.
vanished() {
    given alone
    sweep_file gone '"points": 4'
    sed -i 's/"steps": [0-9]*/"steps": 20000/' gone.json
    "$lmtrain" sweep --config gone.json --parallel 1 --threads 1 >out 2>&1 &
    until_true sh -c "ls gone/trials/*/metrics.jsonl"
    rm -rf gone
    kill -TERM "$(pgrep -f "[t]rain --config .*gone/base.json" | head -1)"
    wait "$!"
    check "a sweep whose directory is deleted ends with 1" test $? -eq 1
    check "and says so" grep -q "gone: the directory of the sweep is gone" out
}
scenario vanished

# A trial whose data is wrong, one that diverges, one that fails.
bad_ends() {
    given corpus
    sweep_file usage '"points": 2, "baseline": false'
    printf 'abcd' >short.bin
    sed -i 's|"optimizer.lr": {.*|"data.train": {"choice": ["train.bin", "short.bin"]}}|; s/"points": 2/"method": "grid"/' usage.json
    check "a usage error stops the sweep and names the trial's values" \
        exits_saying 2 'data.train = "short.bin"' "$lmtrain" sweep --config usage.json --parallel 1
    sed 's|"dir": "usage"|"dir": "missing"|; s|short.bin|missing.bin|' usage.json >missing.json
    check "data that is missing stops the sweep at once and names the trial's values" \
        exits_saying 1 'lmtrain: missing.json: trial 1 (data.train = "missing.bin"): data.train: missing.bin: cannot open' \
        "$lmtrain" sweep --config missing.json --parallel 1
    check "another worker ends so too" exits_saying 1 'missing.bin: cannot open' "$lmtrain" sweep --join missing --parallel 1
    check "--dry-run says the same" exits_saying 1 "missing.bin: cannot open" \
        "$lmtrain" sweep --config missing.json --dry-run
    check "it is tried once by each" test "$(cat missing/trials/*.log | grep -c missing.bin)" -eq 2
    sweep_file diverges '"method": "grid", "seeds": 2'
    sed -i 's|{"log_uniform": .*|[1e-3, 1e5], "optimizer.name": "if(optimizer.lr > 1, '"'momentum', 'adamw')\"}|" diverges.json
    sed -i 's|"batch": 4}|"batch": 4, "clip_norm": 0}|' diverges.json
    check "a trial that diverges is a result" exits_saying 0 diverged "$lmtrain" sweep --config diverges.json --parallel 2
    check "it is last in the leaderboard" sh -c 'tail -1 diverges/leaderboard.csv | grep -q ,diverged,,'
    check "and how many did is said" says "2 of 6 trials diverged"
    check "its step is in the leaderboard" sh -c 'tail -1 diverges/leaderboard.csv | cut -d, -f11 | grep -qx "[1-9][0-9]*"'
    sweep_file base '"points": 4, "halving": 2'
    sed -i 's|"train": {|"optimizer": {"name": "momentum", "lr": 1e5}, "train": {"clip_norm": 0, |' base.json
    check "where the base diverges, the others compete all the same" exits_saying 0 \
        "best.json is ready to run" "$lmtrain" sweep --config base.json --parallel 2 --threads 1
    check "and the base stands behind them" grep -q "diverged  *the base config as it is" out
    sweep_file fails '"method": "grid", "retries": 1'
    sed -i 's|{"log_uniform": .*|[1e-3, 2e-3]}|' fails.json
    "$lmtrain" sweep --config fails.json --emit commands >/dev/null
    mkdir -p fails/trials/00001/metrics.jsonl # its file cannot be written
    check "a trial that fails is named, and the others go on" exits_saying 1 "1 trials failed" \
        "$lmtrain" sweep --config fails.json --parallel 1
    check "what it said is in the warning" says "trial 1 failed: exit code"
    check "its setting is shown as failed" grep -q "failed  *optimizer.lr = 0.001" out
    check "the others have results" test "$(grep -c ,finished, fails/leaderboard.csv)" -eq 2
}
scenario bad_ends

# Generations of tpe see earlier ones alone.
tpe() {
    given corpus
    for name in a b; do sweep_file $name '"method": "tpe", "points": 12, "generation": 4'; done
    "$lmtrain" sweep --config a.json --parallel 1 --threads 1 >/dev/null 2>err
    "$lmtrain" sweep --config b.json --parallel 3 --threads 1 >/dev/null 2>err
    check "tpe proposes the same with one and three trials at once" same_results a b
    check "tpe has all of its settings" test "$(wc -l <a/leaderboard.csv)" -eq 14
}
scenario tpe

hostile() {
    given corpus
    sweep_file text '"method": "grid", "baseline": false, "objective": "train_loss"'
    sed -i 's|{"optimizer.lr": {.*|{"data.val": [{"=cmd(),\\"x\\"": "val.bin"}, {"</script>": "val.bin"}], "data.tokenizer": ["bytes"]}|' text.json
    check "values may hold any text" exits 0 "$lmtrain" sweep --config text.json --parallel 2
    check "it shows as text" sh -c '! LC_ALL=C grep -q "$(printf "\033")" out text/leaderboard.csv'
    if [ -n "$python" ]; then
        "$lmtrain" sweep --config text.json --dry-run >dry 2>&1
        check "the CSV has as many cells in each row" "$python" -c '
import csv
rows = list(csv.reader(open("text/leaderboard.csv")))
assert len(rows) == 3 and all(len(r) == 16 for r in rows), rows
assert not any(c[:1] in "=+@" for r in rows for c in r if c), rows'
    fi
}
scenario hostile
