# Two hosts on this one machine, for scripts that are run by hand and as root: two network namespaces with a
# link between them, each with a host name and /dev/shm of its own, so that programs take them for two machines.
#
#     work=/var/tmp/x                      # a directory for what this needs
#     . tests/dist/hosts.sh                # makes them; all of it ends with the script
#     link 1gbit                           # shapes the link, both ways
#     on a COMMAND...                      # runs a command on host "a" or "b"
#     across 2 COMMAND...                  # mpirun on a: so many processes, the first half of them on a
#
# The address of a is 10.77.0.1, that of b is 10.77.0.2.
# shellcheck shell=bash
skip() {
    echo "skip - SKIPPED: TWO HOSTS ON ONE MACHINE: $1"
    exit 0
}
[ "$(id -u)" = 0 ] || skip "only root makes network namespaces"
for need in ip tc unshare mpirun python3; do
    command -v $need >/dev/null || PATH=$PATH:/usr/sbin:/sbin
    command -v $need >/dev/null || skip "$need is missing (apt-get install iproute2 util-linux openmpi-bin python3)"
done
mkdir -p "$work" && cd "$work" || exit 1

netns=lmtrain$$
end_hosts() {
    for h in a b; do ip netns pids $netns$h 2>/dev/null | xargs -r kill -KILL 2>/dev/null; done
    for h in a b; do ip netns delete $netns$h 2>/dev/null; done
}
trap end_hosts EXIT
trap 'exit 1' INT TERM
ip netns add ${netns}a && ip netns add ${netns}b || skip "network namespaces cannot be made here"
ip link add va$$ netns ${netns}a type veth peer name vb$$ netns ${netns}b || skip "veth pairs cannot be made here"
n=0
for h in a b; do
    n=$((n + 1))
    ip -n $netns$h address add 10.77.0.$n/24 dev v$h$$
    ip -n $netns$h link set v$h$$ up
    ip -n $netns$h link set lo up
done

link() {
    local h
    for h in a b; do
        tc -n $netns$h qdisc replace dev v$h$$ root tbf rate "$1" burst 256kb latency 20ms ||
            skip "tc cannot shape the link (the kernel's module sch_tbf is missing?)"
    done
}
# Becomes the command on a host.
cat >enter <<ENTER
#!/bin/sh
h=\$1; shift
exec ip netns exec $netns\$h unshare --uts --mount --ipc sh -c '
    hostname \$0; mount -t tmpfs none /dev/shm; cd "$PWD"; exec "\$@"' \$h "\$@"
ENTER
# In place of ssh: Open MPI gives options, an address and a command line.
cat >agent <<AGENT
#!/bin/sh
while [ "\${1#-}" != "\$1" ]; do shift; done
case \$1 in 10.77.0.1) h=a ;; *) h=b ;; esac
shift
exec "$PWD/enter" \$h sh -c "\$*"
AGENT
chmod +x enter agent
on() { "$PWD/enter" "$@"; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
across() {
    local ranks=$1 each
    shift
    each=$(((ranks + 1) / 2))
    on a mpirun -np "$ranks" --host 10.77.0.1:$each,10.77.0.2:$each --bind-to none --oversubscribe \
        --mca plm_rsh_agent "$PWD/agent" --mca btl self,vader,tcp --mca btl_tcp_if_include 10.77.0.0/24 \
        --mca oob_tcp_if_include 10.77.0.0/24 --mca btl_base_warn_component_unused 0 "$@"
}
