#!/bin/bash
# Checkpoints of two processes that each reach the run's directory by a mount of its own, as two hosts do; by hand and
# as root, with sshfs, bindfs, sftp-server, socat and Open MPI:
#
#     bash tests/dist/mounts.sh LMTRAIN_WITH_MPI DIRECTORY
#
# The files must be those of one process, with sshfs and bindfs as they are, and with everything kept in memory for as
# long as they can: names, also of files that are not there, attributes and pages.
set -u
[ $# -eq 2 ] || { echo "usage: mounts.sh LMTRAIN_WITH_MPI DIRECTORY" >&2; exit 2; }
for need in sshfs bindfs socat mpirun unshare; do
    command -v $need >/dev/null || { echo "skip - SKIPPED: A MOUNT FOR EACH PROCESS: $need is missing"; exit 0; }
done
mkdir -p "$2" && work=$(cd "$2" && pwd) && mkdir -p "$work/server" "$work/mount" || exit 1
cp "$1" "$work/lmtrain" && cd "$work/server" || exit 1
export work OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl=self,vader OMPI_MCA_btl_base_warn_component_unused=0

# Becomes lmtrain in a namespace in which $work/mount is a mount of $work/server; $mounts is how.
cat >"$work/rank" <<'RANK'
#!/bin/sh
exec unshare --mount --propagation private sh -c '
    case $mounts in
    sshfs*)
        echo "exec sshfs \":$work/server\" \"$work/mount\" -o passive${mounts#sshfs} -f" >"$work/begin.$OMPI_COMM_WORLD_RANK"
        socat EXEC:/usr/lib/openssh/sftp-server "EXEC:sh $work/begin.$OMPI_COMM_WORLD_RANK" & ;;
    bindfs*) bindfs -f ${mounts#bindfs} "$work/server" "$work/mount" & ;;
    esac
    server=$!
    for _ in $(seq 100); do mountpoint -q "$work/mount" && break; sleep 0.1; done
    cd "$work/mount" && mountpoint -q . && "$work/lmtrain" "$@"
    code=$?
    cd / && umount "$work/mount" && wait $server
    exit $code' sh "$@"
RANK
chmod +x "$work/rank"
for i in $(seq 1 400); do
    echo "line $i: the quick brown fox number $((i * 7919 % 101)) jumps over the lazy dog"
done >text.txt
"$work/lmtrain" tokenize --tokenizer bytes --input text.txt --output . --val-fraction 0.1 --force >/dev/null || exit 1
cat >run.json <<'JSON'
{
  "run": {"dir": "run", "threads": 1},
  "model": {"d_model": 320, "n_layers": 1, "n_heads": 2, "d_ff": 850, "context_length": 32},
  "data": {"train": "train.bin", "val": "val.bin"},
  "train": {"steps": 6, "batch": 4, "micro_batch": 1, "lanes": 4},
  "checkpoint": {"every": 1, "keep_last": 10}
}
JSON
rm -rf run one
"$work/lmtrain" --config run.json --quiet --set run.dir=one || exit 1
same() { for i in 1 2 3 4 5 6; do cmp one/checkpoints/step-000000000$i.npz run/checkpoints/step-000000000$i.npz || return; done; }
failed=0
kept=attr_timeout=600,entry_timeout=600,negative_timeout=600
for mounts in sshfs "sshfs,kernel_cache,$kept,dcache_timeout=600" bindfs "bindfs -o kernel_cache,$kept"; do
    export mounts
    for shared in true false; do
        rm -rf run
        if mpirun --oversubscribe --bind-to none -np 2 "$work/rank" --config run.json --quiet \
            --set dist.shared_filesystem=$shared && same; then
            echo "ok - $mounts, dist.shared_filesystem=$shared: the files of one process"
        else
            echo "not ok - $mounts, dist.shared_filesystem=$shared: the files of one process" && failed=1
        fi
    done
done
exit $failed
