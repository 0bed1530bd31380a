# A Slurm cluster of two nodes on this one machine, for scripts that are run by hand and as root: munged,
# slurmctld and two slurmd (Debian's slurm-wlm and munge).
#
#     work=/var/tmp/x                        # a directory outside of /tmp: each node has its own /tmp
#     . tests/slurm/cluster.sh               # begins it; all of it ends with the script
#
# A job that exits with 75 is put back into the queue (RequeueExit). Jobs of the partition `urgent` take the nodes of
# those of `patient`, which are told by SIGTERM, end within 30 s and go back into the queue.
#
# Each node has a mount and a host name of its own, and its own boot id, so that programs take the nodes for
# two machines. $shared is a directory that both nodes see at its path: through sshfs, each node by a mount of
# its own (a file system with a server, without locks or fresh attributes between nodes), where sshfs,
# sftp-server and socat are installed; else it is the same directory. $sharing says which.
# shellcheck shell=bash
for need in munged slurmctld slurmd sbatch unshare; do
    command -v $need >/dev/null || PATH=$PATH:/usr/sbin
    command -v $need >/dev/null || { echo "$0: $need is missing: apt-get install slurm-wlm munge" >&2; exit 1; }
done
host=$(hostname -s)
shared=$work/shared
pids=()
stop() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done; }
trap stop EXIT

cd "$work" || exit 1
rm -rf state spool-n1 spool-n2 ctld.log
mkdir -p munge state spool-n1 spool-n2 shared export
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
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=n1,n2 PriorityTier=9 MaxTime=INFINITE State=UP
PartitionName=patient Nodes=n1,n2 PriorityTier=1 GraceTime=30 MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf
sleep 1
slurmctld -D >/dev/null 2>&1 &
pids+=($!)

sftp=/usr/lib/openssh/sftp-server
sharing="one directory, without a file system between the nodes (sshfs, sftp-server or socat is missing)"
if command -v sshfs >/dev/null && command -v socat >/dev/null && [ -x $sftp ] && [ -e /dev/fuse ]; then
    sharing="sshfs, a mount for each node"
fi
# What a node does in its namespaces; $1 is its name. The server sees the directory by another path, which the
# mount does not hide.
echo "exec sshfs ':$work/export' '$shared' -o passive -f" >mount.sh
cat >node.sh <<NODE
mount -t tmpfs none /tmp
mount -t tmpfs none /dev/shm
hostname \$1
uuidgen >/tmp/boot_id 2>/dev/null || echo "\$1" >/tmp/boot_id
mount --bind /tmp/boot_id /proc/sys/kernel/random/boot_id
mount --bind '$shared' '$work/export'
case "$sharing" in
sshfs*)
    socat EXEC:$sftp "EXEC:sh mount.sh" &
    for _ in \$(seq 100); do mountpoint -q '$shared' && break; sleep 0.1; done ;;
esac
exec slurmd -D -N \$1
NODE
for node in n1 n2; do
    unshare --mount --uts sh node.sh $node >"slurmd-$node.out" 2>&1 &
    pids+=($!)
done
for _ in $(seq 100); do
    [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = 2 ] && break
    sleep 0.2
done
sinfo
[ "$(sinfo -h -t idle -o %D)" = 2 ] || { echo "$0: the nodes do not begin: slurmd-n1.out, slurmd-n1.log" >&2; exit 1; }
