#!/bin/bash
# Runs of several processes on the two nodes of cluster.sh, by hand and as root; LMTRAIN is that of `make MPI=1`:
#
#     bash tests/slurm/ranks.sh LMTRAIN /var/tmp/slurm-ranks
#
# 1. srun with PMIx and PMI2, and mpirun in a job: the files of one process;
# 2. srun without PMI starts copies, which say so;
# 3. a signal to the job, the end of its time (checkpoint.before_wall) and a more urgent job: the run saves, exits
#    with 75, goes back into the queue and goes on, to the file of a run that nothing stopped;
# 4. so do a process that hangs (dist.timeout), and one that is killed, where the job's script asks for it;
# 5. a sweep with a worker on each node.
set -u
# shellcheck source=begin.sh
. "$(dirname "$0")/begin.sh"
export OMPI_MCA_btl_base_warn_component_unused=0 OMPI_MCA_btl=self,vader,tcp OMPI_MCA_btl_tcp_if_include=lo
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
newest() { ls "$1"/checkpoints/*.npz | tail -n 1; }
same() { cmp "$(newest "$1")" "$(newest "$2")"; }
rm -rf one runs ./*.out ./*.sbatch several single
sed 's/"batch": 8/"batch": 8, "lanes": 4/' run.json >lanes.json
./lmtrain --config lanes.json --quiet --set run.dir=one || exit 1

# ---- 1 ----
both_nodes() { test "$(sort -u "$1" | tr '\n' ' ')" = "n1 n2 "; }
for kind in pmix pmi2; do
    srun --mpi=list 2>&1 | grep -q $kind || { echo "skip - this Slurm has no $kind" && continue; }
    srun -N2 -n2 --mpi=$kind sh -c 'echo "$SLURMD_NODENAME" >>where-'$kind'; exec ./lmtrain --config lanes.json --quiet \
        --set run.dir=runs/'$kind >$kind.out 2>&1
    if grep -q "has started 2 copies\|PMI\|pmi" $kind.out; then
        echo "skip - this MPI does not speak $kind: $(grep -o 'srun has started.*\|.*[Pp][Mm][Ii].*' $kind.out | head -n 1)"
        continue
    fi
    check "srun --mpi=$kind over both nodes writes the file of one process" same one runs/$kind
    check "a process on each node" both_nodes where-$kind
done
cat >mpirun.sbatch <<'SBATCH'
#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --output=mpirun.out
mpirun -np 2 --bind-to none sh -c 'echo "$(hostname)" >>where-mpirun; exec ./lmtrain --config lanes.json --quiet --set run.dir=runs/mpirun'
SBATCH
rm -f where-mpirun
sbatch --wait mpirun.sbatch
check "mpirun in a job does too" same one runs/mpirun
check "on both nodes" both_nodes where-mpirun

# ---- 2 ----
srun -N1 -n2 -O --mpi=none ./lmtrain --config lanes.json --quiet --set train.steps=3000 --set run.dir=runs/none >none.out 2>&1
check "copies that srun starts without PMI say why" grep -q "srun has started 2 copies" none.out
check "eval in srun says that it is one process's, once" \
    sh -c 'srun -N2 -n2 ./lmtrain eval one >eval.out 2>&1; test $(grep -c "srun has started 2 copies" eval.out) -eq 1'

# ---- 3 ----
# So many steps take about as many seconds.
began=$(date +%s%N)
srun -N2 -n2 --mpi=pmix ./lmtrain --config lanes.json --quiet --set train.steps=1500 --set eval.every=0 --set run.dir=runs/speed || exit 1
rate=$((1500 * 1000000000 / ($(date +%s%N) - began) + 1))
echo "a run of two processes takes $rate steps a second"
# long NAME STEPS OPTIONS...: a job that goes on until its run is finished; NAME.job is its number. EVERY: steps between
# checkpoints; THEN: the job's script behind srun.
long() {
    local name=$1 steps=$2
    shift 2
    cat >$name.sbatch <<SBATCH
#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --requeue --open-mode=append --output=$name.out $*
srun --mpi=pmix --kill-on-bad-exit ./lmtrain --config lanes.json --quiet --resume --set train.steps=$steps \
    --set eval.every=0 --set checkpoint.every=${EVERY:-0} --set checkpoint.before_wall=${BEFORE_WALL:-0} \
    --set dist.timeout=${TIMEOUT:-600} --set run.dir=runs/$name
${THEN:-}
SBATCH
    sbatch --parsable $name.sbatch >$name.job
}
straight() { ./lmtrain --config lanes.json --quiet --set train.steps=$1 --set eval.every=0 --set checkpoint.every=0 --set run.dir=runs/straight-$2; }
running() { for _ in $(seq 600); do [ -s runs/$1/metrics.jsonl ] && return; sleep 0.1; done; }
# Slurm lets a job that was put back into the queue wait for a while; it need not, once what it left has ended.
finished() {
    local i
    for i in $(seq 3000); do
        grep -q '"state": "finished"' runs/$1/summary.json 2>/dev/null && return
        [ $((i % 50)) = 0 ] && scontrol update JobId="$(cat $1.job)" StartTime=now 2>/dev/null
        sleep 0.2
    done
    return 1
}
restarts() { scontrol show job "$(cat $1.job)" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p'; }
ends_like_straight() {
    local name=$1 steps=$2 what=$3
    check "$what: the run is finished in the end" finished $name
    check "$what: the job went back into the queue" test "$(restarts $name)" -ge 1
    straight $steps $name
    check "$what: its file is that of a run that nothing stopped" same runs/straight-$name runs/$name
}
steps=$((8 * rate))
long signal $steps
running signal && sleep 1 && scancel --signal=TERM "$(cat signal.job)"
ends_like_straight signal $steps "SIGTERM to a job's processes"

steps=$((90 * rate))
BEFORE_WALL=35 long wall $steps --time=1
ends_like_straight wall $steps "the end of a job's time"

steps=$((10 * rate))
long preempted $steps --partition=patient
running preempted && sleep 1
sbatch --wait --partition=urgent --nodes=2 --ntasks-per-node=1 --output=urgent.out --wrap "srun sleep 1" >/dev/null
ends_like_straight preempted $steps "a more urgent job"

# ---- 4 ----
# process_of NAME: the number of one of the run's two processes, the second one to begin.
process_of() {
    local p
    for p in $(pgrep -f "set run.dir=runs/$1"); do
        case $(readlink /proc/$p/exe) in */lmtrain) echo $p ;; esac
    done | tail -n 1
}
steps=$((10 * rate))
TIMEOUT=10 EVERY=$rate long hangs $steps
running hangs && sleep 3 && kill -STOP "$(process_of hangs)"
ends_like_straight hangs $steps "a process that hangs"
check "it is named, with its host and the reason" grep -q "on n[12] has been silent for 10 s (dist.timeout)" hangs.out

# shellcheck disable=SC2016
THEN='code=$?
case $code in 137) scontrol requeue $SLURM_JOB_ID ;; esac
exit $code' EVERY=$rate long killed $steps
running killed && sleep 3 && kill -KILL "$(process_of killed)"
began=$(date +%s)
for _ in $(seq 600); do [ "$(restarts killed)" = 0 ] || break; sleep 0.1; done
echo "the job of a process that was killed went back into the queue after $(($(date +%s) - began)) s"
ends_like_straight killed $steps "a process that is killed"

# ---- 5 ----
sweep_file() {
    cat >$1.json <<JSON
{"sweep": {"dir": "$1", "points": 6, "seeds": 1, "halving": 2, "heartbeat": 30},
 "base": {"model": {"d_model": 32, "n_layers": 2, "n_heads": 2, "context_length": 32},
          "data": {"train": "data/train.bin", "val": "data/val.bin"},
          "train": {"steps": 80, "batch": 8}, "eval": {"every": 10, "tokens": 500}, "checkpoint": {"every": 0}},
 "space": {"optimizer.lr": {"log_uniform": [1e-3, 3e-2]}, "model.d_ff": [64, 128]}}
JSON
}
sweep_file single && sweep_file several
./lmtrain sweep --config single.json --quiet --parallel 1 --threads 1 >/dev/null
srun -N2 -n2 --mpi=pmix ./lmtrain sweep --config several.json >sweep.out 2>&1
check "srun of a sweep ends with exit code 0" test $? -eq 0
check "a worker on each node" test "$(ls several/journals | cut -d- -f1 | sort -u | tr '\n' ' ')" = "n1 n2 "
check "the table is printed once" test "$(grep -c 'leaderboard.csv has all trials' sweep.out)" -eq 1
results() { cut -d, -f1-12,14- "$1/leaderboard.csv"; }
check "the results are those of one worker" cmp <(results single) <(results several)
exit $failed
