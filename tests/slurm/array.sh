#!/bin/bash
# A sweep as a Slurm array that was written by hand, on the two nodes of cluster.sh, by hand and as root:
#
#     bash tests/slurm/array.sh ./lmtrain /var/tmp/slurm-array
set -u
# shellcheck source=begin.sh
. "$(dirname "$0")/begin.sh"

cat >sweep.sbatch <<'SBATCH'
#!/bin/bash
#SBATCH --array=0-5 --ntasks=1 --requeue --output=slurm-%A_%a.out
rates=(1e-3 3e-3 1e-2)
rate=${rates[SLURM_ARRAY_TASK_ID % 3]} seed=$((SLURM_ARRAY_TASK_ID / 3))
echo "$SLURMD_NODENAME"
exec ./lmtrain --config run.json --quiet --resume --set optimizer.lr=$rate --set run.seed=$seed \
    --set run.dir=runs/lr$rate-seed$seed
SBATCH
rm -rf runs slurm-*.out
sbatch --wait sweep.sbatch
code=$?
echo "sbatch exited with $code, on nodes: $(cat slurm-*.out | grep '^n[12]$' | sort | uniq -c | tr '\n' ' ')"
finished=$(grep -l '"state": "finished"' runs/*/summary.json | wc -l)
echo "$finished of 6 trials finished"
[ $code -eq 0 ] && [ "$finished" -eq 6 ]
