#!/bin/bash
# Sweeps of `lmtrain sweep` on the two nodes of cluster.sh, by hand and as root:
#
#     bash tests/slurm/sweep.sh ./lmtrain /var/tmp/slurm-sweep
#
# 1. `--emit slurm` makes an array, which Slurm runs on both nodes;
# 2. `--join` runs a worker on each node, which share a sweep with halving;
# 3. the same, but a node's worker and its trials are killed in the middle: the other node takes them over when
#    the heartbeat has been silent for so long.
# The results must be those of one worker on this machine.
set -u
# shellcheck source=begin.sh
. "$(dirname "$0")/begin.sh"
echo "the nodes share $shared by: $sharing"
# NAME.json: a sweep in the directory NAME with these keys, of so many steps.
sweep_file() {
    cat >"$1.json" <<JSON
{
  "sweep": {"dir": "$1", "heartbeat": 30, $2},
  "base": {
    "run": {"dir": "x"}, "model": {"d_model": 32, "n_layers": 2, "n_heads": 2, "context_length": 32},
    "data": {"train": "data/train.bin", "val": "data/val.bin"},
    "train": {"steps": $3, "batch": 8}, "eval": {"every": 10, "tokens": 500}, "checkpoint": {"every": 0}
  },
  "space": {"optimizer.lr": {"log_uniform": [1e-3, 3e-2]}, "model.d_ff": [64, 128]}
}
JSON
}
rm -rf plain emitted joined killed alone late ./*.out
# The leaderboard without seconds.
results() { cut -d, -f1-12,14- "$1/leaderboard.csv"; }
same_results() { cmp <(results "$1") <(results "$2"); }

# ---- 1 ----
sweep_file plain '"points": 5, "baseline": false' 40
sweep_file emitted '"points": 5, "baseline": false' 40
./lmtrain sweep --config plain.json --quiet --parallel 1 --threads 1 >/dev/null || exit 1
./lmtrain sweep --config emitted.json --emit slurm --parallel 2 >emitted.sbatch || exit 1
sbatch --wait --output=emitted-%a.out emitted.sbatch
check "sbatch runs the script that --emit slurm prints" test $? -eq 0
check "all trials of the array finished" test "$(grep -l '"state": "finished"' emitted/trials/*/summary.json | wc -l)" -eq 5
check "on both nodes" test "$(grep -o 'Allocate JobId=[0-9_]*([0-9]*) NodeList=n[12]' "$work/ctld.log" |
    sed 's/.*=//' | sort -u | tr '\n' ' ')" = "n1 n2 "
./lmtrain sweep --join emitted --quiet >emitted.out
check "a worker that comes later takes them for done, or makes the same of them" same_results plain emitted

# ---- 2 ----
halving='"points": 8, "seeds": 2, "halving": 2'
sweep_file alone "$halving" 160
sweep_file joined "$halving" 160
./lmtrain sweep --config alone.json --quiet --parallel 1 --threads 1 >/dev/null || exit 1
./lmtrain sweep --config joined.json --trial 0 --quiet >/dev/null 2>&1 # begins the sweep
cat >join.sbatch <<'SBATCH'
#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --output=join.out
srun --label sh -c 'echo "$SLURMD_NODENAME $(hostname) $(cat /proc/sys/kernel/random/boot_id)"
    exec ./lmtrain sweep --join joined --parallel 1 --threads 1 2>&1'
SBATCH
sbatch --wait join.sbatch
check "a worker on each node ends with exit code 0" test $? -eq 0
check "both nodes took tasks" test "$(ls joined/journals | cut -d- -f1 | sort -u | tr '\n' ' ')" = "n1 n2 "
wc -l joined/journals/*.jsonl
check "the results are those of one worker here" same_results alone joined
check "each task was run once" test "$(cat joined/journals/*.jsonl | grep -o '"trial":[0-9]*,"rung":[0-9]*' | sort | uniq -d | wc -l)" -eq 0

# ---- 3 ----
sweep_file killed "$halving" 160
./lmtrain sweep --config killed.json --trial 0 >/dev/null 2>&1
sed 's/joined/killed/; s/join.out/kill.out/' join.sbatch >kill.sbatch
sed -i 's/srun --label/srun --label --no-kill --kill-on-bad-exit=0/' kill.sbatch
sbatch --wait kill.sbatch &
waiting=$!
for _ in $(seq 300); do
    [ "$(cat killed/journals/n2-*.jsonl 2>/dev/null | wc -l)" -ge 2 ] && break
    sleep 0.1
done
worker=$(cat killed/workers/n2-* | cut -d' ' -f3)
# Stopped while it has a trial, so that it has a task without a result.
while kill -STOP "$worker" && ! pgrep -P "$worker" >/dev/null; do kill -CONT "$worker"; done
pgrep -P "$worker" | xargs kill -KILL "$worker"
echo "killed worker $worker of n2 and its trial, after $(cat killed/journals/n2-*.jsonl | wc -l) results of it"
before=$(date +%s)
wait $waiting
echo "n1 ended $(($(date +%s) - before)) s later"
check "n1 takes over what n2 had: the results are those of one worker here" same_results alone killed
check "a task of n2 was claimed again" sh -c 'ls killed/claims | grep -q "[.]1$"'
exit $failed
