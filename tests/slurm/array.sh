#!/bin/bash
# A sweep as a Slurm array on two nodes of this one machine, by hand and as root: starts munged, slurmctld and
# two slurmd (Debian's slurm-wlm and munge), submits an array of trials, and stops all of it again.
#
#     bash tests/slurm/array.sh ./lmtrain /var/tmp/slurm-array
#
# Each slurmd has its own /tmp and /dev/shm, else both would use the same files there; so the program and the
# work directory are outside of them.
set -u
[ $# -eq 2 ] || { echo "usage: array.sh LMTRAIN DIRECTORY" >&2; exit 2; }
for need in munged slurmctld slurmd sbatch unshare; do
    command -v $need >/dev/null || PATH=$PATH:/usr/sbin
    command -v $need >/dev/null || { echo "array.sh: $need is missing: apt-get install slurm-wlm munge" >&2; exit 1; }
done
mkdir -p "$2" && work=$(cd "$2" && pwd) || exit 1
cp "$1" "$work/lmtrain" && cd "$work" || exit 1
host=$(hostname -s)
pids=()
stop() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done; }
trap stop EXIT

# ---- the cluster ----
mkdir -p munge state spool-n1 spool-n2
chmod 700 munge
head -c 1024 /dev/urandom >munge/key && chmod 600 munge/key
munged --foreground --force --key-file="$work/munge/key" --socket="$work/munge/socket" \
    --pid-file="$work/munge/pid" --log-file="$work/munge/log" --seed-file="$work/munge/seed" >/dev/null 2>&1 &
pids+=($!)
cat >slurm.conf <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17000
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CryptoType=crypto/munge
SlurmUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
SlurmctldPidFile=$work/ctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/ctld.log
SlurmdLogFile=$work/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
RequeueExit=75
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 CPUs=1 RealMemory=1000
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 CPUs=1 RealMemory=1000
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf
sleep 1
slurmctld -D >/dev/null 2>&1 &
pids+=($!)
for node in n1 n2; do
    unshare --mount --uts sh -c "mount -t tmpfs none /tmp; mount -t tmpfs none /dev/shm; exec slurmd -D -N $node" \
        >"slurmd-$node.out" 2>&1 &
    pids+=($!)
done
for _ in $(seq 100); do
    [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = 2 ] && break
    sleep 0.2
done
sinfo

# ---- the sweep ----
for i in $(seq 1 400); do
    echo "line $i: the quick brown fox number $((i * 7919 % 101)) jumps over the lazy dog"
done >text.txt
./lmtrain tokenize --tokenizer bytes --input text.txt --output data --val-fraction 0.1 --force >/dev/null || exit 1
cat >run.json <<'JSON'
{
  "run": {"dir": "runs/base", "threads": 1, "interrupt_exit_code": 75},
  "model": {"d_model": 32, "n_layers": 2, "n_heads": 2, "context_length": 32},
  "data": {"train": "data/train.bin", "val": "data/val.bin"},
  "train": {"steps": 60, "batch": 8},
  "eval": {"every": 20, "tokens": 500}
}
JSON
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
