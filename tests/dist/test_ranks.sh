#!/bin/bash
# Runs of several processes: the same file to the bit for every number of them, whatever instruction sets
# they have, and when the number changes; errors; signals; processes that are killed.
# MPI_ALL=1: every combination; KILLS=n: so many killed processes.
# shellcheck source=../support/run.sh
. tests/support/run.sh
# shellcheck source=../support/poisoned.sh
. "$root/tests/support/poisoned.sh"

if [ -z "${LMTRAIN_MPI:-}" ] || ! command -v mpirun >/dev/null; then
    echo "skip - SKIPPED: RUNS OF SEVERAL PROCESSES need mpirun and MPI (sh .ci/packages.sh line mpi), no sanitizers"
    exit 0
fi
export LMTRAIN_MPI LMTRAIN=$lmtrain
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl=self,vader OMPI_MCA_btl_base_warn_component_unused=0 PRTE_ALLOW_RUN_AS_ROOT=1
export HOME=${HOME:-/tmp}

# ranks N ARGUMENTS...: the program in N processes. MIXED=1: each with other instruction sets. Process i
# leaves its number in pid.i; that of number AT, or all, has FAULT_THERE, SLOW_THERE and LACKS_THERE (tests/fault/interpose.c).
# LIMIT: seconds after which it hangs; a machine that is busy with twenty other things is slow, which is no fault.
export INTERPOSE=${BUILD:-$root/build/gcc}/tests/fault/interpose.so
cat >"$scratch/rank" <<'SH'
#!/bin/sh
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
echo $$ >"pid.$rank"
case ${AT:-} in "$rank" | all) export LD_PRELOAD="$INTERPOSE" FAULT="$FAULT_THERE" SLOW="$SLOW_THERE" LACKS="$LACKS_THERE" ;; esac
[ -z "${MIXED:-}" ] || case $((rank % 3)) in
0) set -- "$@" --cpu scalar ;;
1) set -- "$@" --cpu avx2 ;;
esac
exec "$LMTRAIN_MPI" "$@"
SH
chmod +x "$scratch/rank"
ranks() {
    local n=$1
    shift
    timeout -k 5 "${LIMIT:-900}" mpirun -np "$n" "$scratch/rank" "$@"
}
# Without AVX2, "avx2" names nothing that there is.
grep -qw avx2 /proc/cpuinfo 2>/dev/null || sed -i '/avx2/d' "$scratch/rank"

config() {
    given corpus
    tiny a
    sed -i 's/"grad_accumulation": 2/"batch": 8/; s/"steps": 40/"steps": 20/' a.json
}
last=checkpoints/step-0000000020.npz
# same RUN RUN: equal files, and equal figures.
same() { cmp "$1/$last" "$2/$last" && same_figures "$1" "$2"; }

# reference LANES PRECISION OPTIMIZER: that run in one process, in the directory of this name; once.
reference() {
    one=$scratch/one-$1-$2-$3
    settings=(--config a.json --quiet --set "train.lanes=$1" --set "train.precision=$2" --set "optimizer.name=$3"
        --set log.digest_every=2 --set log.layers_every=5)
    [ -e "$one" ] || "$lmtrain" "${settings[@]}" --set "run.dir=$one"
}
# row LANES P PRECISION OPTIMIZER HOW: straight, mixed, or the number of processes that go on.
row() {
    local what="$1 lanes in $2 processes, $3, $4" n
    rm -rf run
    reference "$1" "$3" "$4"
    case $5 in
    straight) ranks "$2" "${settings[@]}" ;;
    mixed) what+=", each with other instruction sets" && MIXED=1 ranks "$2" "${settings[@]}" ;;
    *)
        what+=", from step 9 on in $5"
        n=$5
        ranks "$2" "${settings[@]}" --until 9 && ranks "$n" "${settings[@]}" --resume
        ;;
    esac >out 2>&1
    check "$what: the file that one process writes" same "$one" run
}

some() {
    given config
    row 8 3 fp32 adamw straight
    row 8 4 bf16 muon straight
    row 8 2 bf16 adamw 3
    row 8 1 fp32 muon 4
    row 4 3 bf16 muon 2
    row 4 4 fp32 adamw 1
    row 4 2 fp32 muon mixed
    row 4 3 fp32 adamw mixed
    row 2 2 bf16 adamw mixed
    row 2 1 fp32 adamw 2
    row 2 2 fp32 muon 1
    row 1 1 bf16 muon straight
}
all() {
    given config
    for lanes in 1 2 4 8; do
        for p in 1 2 3 4; do
            [ "$p" -le "$lanes" ] || continue
            next=$((p % (lanes < 4 ? lanes : 4) + 1))
            for precision in fp32 bf16; do
                for optimizer in adamw muon; do
                    for how in straight mixed $next; do row $lanes $p $precision $optimizer "$how"; done
                done
            done
        done
    done
}
scenario "$([ -n "${MPI_ALL:-}" ] && echo all || echo some)"

# An average of the weights, evaluated as a blend, and the noise scale out of the lanes' norms; all
# processes agree on when eval.patience ends the run.
averages() {
    given config
    local settings=(--config a.json --quiet --set train.lanes=4 --set train.noise_scale=true --set train.ema=0.8
        --set train.ema_start=4 --set train.ema_blend=0.6 --set eval.every=4 --set log.digest_every=2)
    "$lmtrain" "${settings[@]}" --set run.dir=one
    check "an average and the noise scale in 3 processes are those of one" \
        eval 'ranks 3 "${settings[@]}" && same one run'
    rm -rf run
    check "and from step 9 on in 2" \
        eval 'ranks 3 "${settings[@]}" --until 9 && ranks 2 "${settings[@]}" --resume && same one run'
    rm -rf run one
    settings+=(--set eval.patience=2 --set optimizer.lr=0.5 --set schedule.name=constant --set train.steps=200)
    "$lmtrain" "${settings[@]}" --set run.dir=one
    check "3 processes stop by eval.patience where one does" \
        eval 'ranks 3 "${settings[@]}" && same_figures one run && grep -q stopped_early run/summary.json'
}
scenario averages

# What no row above has.
together() {
    given config
    local settings=(--config a.json --quiet --set train.lanes=4 --set log.digest_every=2 "${@:2}")
    "$lmtrain" "${settings[@]}" --set run.dir=one
    check "$1: 3 processes with different instruction sets, and 2 to step 9 and 3 from there, as one" \
        eval 'MIXED=1 ranks 3 "${settings[@]}" && same one run && rm -rf run &&
            ranks 2 "${settings[@]}" --until 9 && ranks 3 "${settings[@]}" --resume && same one run'
}
scenario together "schedule_free, the noise scale and targets" --set optimizer.name=schedule_free \
    --set schedule.name=constant --set train.noise_scale=true --set 'eval.targets=[5,4,3]'
scenario together "rows that begin as nothing" --set model.x0_residual=true --set model.value_embeddings=1 \
    --set model.smear=true --set model.qk_norm=true --set model.qk_gain=1 --set train.precision=bf16 \
    --set model.multi_token=[0.5,0.25] --set schedule.multi_token=linear
# Lanes of 2 windows of 32 tokens reach few lines of 4,096, in two passes each; lanes of one thread are not computed
# side by side.
scenario together "embeddings that are the head too" --set model.vocab_size=4096 --set model.tie_embeddings=true \
    --set train.micro_batch=1 --set run.threads=1
# Step 25 is refused: it is skipped, or the run goes back, in all processes at once.
bad_steps() {
    given poisoned
    rm -rf straight run
    local settings skip
    for skip in 1 0; do
        settings=(--config a.json --quiet --set train.lanes=4 --set train.micro_batch=2 --set train.max_skips=$skip
            --set train.rewind=$([ $skip = 1 ] && echo false || echo true))
        "$lmtrain" "${settings[@]}" --set run.dir=one 2>one.said
        check "$([ $skip = 1 ] && echo "a skipped step" || echo "a run that goes back"): said once" eval \
            'ranks 3 "${settings[@]}" >out 2>&1; test "$(grep -c "the gradient stopped being finite" out)" -eq 1'
        check "and 3 processes end as one" eval 'cmp {one,run}/checkpoints/step-0000000040.npz && same_figures one run'
        rm -rf run
        check "so do 2 to step 23 and 4 from there" eval 'ranks 2 "${settings[@]}" --until 23 && ranks 4 "${settings[@]}" --resume &&
            cmp {one,run}/checkpoints/step-0000000040.npz && same_figures one run'
        rm -rf run one
    done
}
scenario bad_steps

# N-gram tables, of which only lines that a step reaches travel, in blocks of 128 lines here: with an average kept by
# gaps, and with one table that is not updated lazily.
tables() {
    given config
    local settings=(--config a.json --quiet --set train.lanes=4 --set log.digest_every=2 --set train.batch=16
        --set 'model.ngram_tables=[{"order":2,"rows":1000},{"order":3,"rows":3000}]' --set model.d_model=256
        --set model.d_ff=64 --set model.n_layers=1)
    check "a plan says what is sent of n-gram tables" exits_saying 0 "and at most 1.00 MiB of n-gram tables" \
        "$lmtrain" "${settings[@]}" --dry-run --ranks 3
    local average=(--set train.ema=0.8 --set eval.every=4)
    "$lmtrain" "${settings[@]}" "${average[@]}" --set run.dir=one
    check "n-gram tables, in 2 processes to step 9 and in 3 from there, end as in one" eval 'ranks 2 "${settings[@]}" "${average[@]}" \
        --until 9 && ranks 3 "${settings[@]}" "${average[@]}" --resume && same one run'
    rm -rf one run
    settings+=(--set train.precision=bf16 --set train.noise_scale=true --set dist.shared_filesystem=false
        --set 'optimizer.groups={"three":{"match":"ngram.3*","lazy":false}}')
    "$lmtrain" "${settings[@]}" --set run.dir=one
    check "so do tables of which one is not updated lazily, in 3 processes" eval 'ranks 3 "${settings[@]}" && same one run'
}
scenario tables

# One of the two ends with this error, and the launcher ends the other; what it passes on of their output may be lost
# then, so they write it to files.
strangers() {
    # shellcheck disable=SC2016
    timeout 60 mpirun -np 2 sh -c 'exec "$LMTRAIN" --config a.json --quiet --set train.steps=100000 \
        2>"said.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"' >out 2>&1
    grep -q "mpirun has started 2 copies" said.0 said.1
}
errors() {
    given config
    check "more processes than lanes are one error that names train.lanes" exits_saying 2 "train.lanes = 1: 2 processes need" \
        ranks 2 --config a.json
    check "one line says it" test "$(grep -c 'lmtrain:' out)" -eq 1
    check "nothing is written then" test ! -e run
    # shellcheck disable=SC2016
    check "processes with different configs are refused" exits_saying 1 "rank 1 on" timeout 300 mpirun -np 2 sh -c \
        'exec "$LMTRAIN_MPI" --config a.json --set train.lanes=2 --set run.seed=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}'
    rm -rf run
    # shellcheck disable=SC2016
    check "what fails in one process is said with its rank" exits_saying 1 "rank 1 on" timeout 300 mpirun -np 2 sh -c \
        '[ ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} = 0 ] || set -- --set data.train=nothing.bin
        exec "$LMTRAIN_MPI" --config a.json --set train.lanes=2 "$@"' sh
    check "copies that do not know of each other say why the run directory is in use" strangers
    rm -rf run
    "$lmtrain" --config a.json --quiet --set train.steps=100000 &
    until_true test -s run/metrics.jsonl
    check "so does a copy that is started late" env OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=1 bash -c \
        '"$LMTRAIN" --config a.json --quiet 2>&1 | grep "mpirun has started 2 copies"'
    kill $! && wait $!
    rm -rf run
    check "a plan names what is sent" exits_saying 0 "exchange" ranks 2 --config a.json --set train.lanes=4 --dry-run
    check "a plan is said once" test "$(grep -c '^memory' out)" -eq 1
    check "with 8 lanes in 3 processes it says their subtrees and imbalance" eval 'exits_saying 0 "2 or 3 of 8 lanes: the busiest takes 12.5% longer" \
        ranks 3 --config a.json --set train.lanes=8 --dry-run && says "gradients (sums of up to 2 subtrees) and"'
}
scenario errors

# Where there is one CPU alone, nothing can be idle.
placement() {
    [ "$(nproc)" -ge 2 ] || return
    given config
    local settings=(--config a.json --set train.lanes=2 --dry-run)
    local alone first
    alone=$("$lmtrain" --config a.json --dry-run | sed -n 's/^machine *\([0-9]*\) .*/\1/p')
    first=$(taskset -pc $$ | sed 's/.*: //; s/[-,].*//')
    check "processes that are bound to one CPU of several are told of the option" exits_saying 0 "mpirun --bind-to none" \
        timeout 300 mpirun --bind-to none -np 2 taskset -c "$first" "$LMTRAIN_MPI" "${settings[@]}"
    check "in one line" test "$(grep -c 'bind-to none' out)" -eq 1
    check "processes that share all CPUs are not, and share them out" exits_saying 0 "machine   $((alone > 1 ? alone / 2 : 1)) thread" \
        timeout 300 mpirun --bind-to none -np 2 "$LMTRAIN_MPI" "${settings[@]}"
    check "nothing is warned of then" lacks warning out
}
scenario placement

# A long run, of which the process of this number is known when it has a checkpoint.
long() { ranks 3 --config a.json --quiet --set train.lanes=4 --set train.steps=100000 --set eval.every=0 "$@"; }
signals() {
    given config
    long --set run.interrupt_exit_code=75 --set checkpoint.every=0 >out 2>&1 &
    until_true test -s run/metrics.jsonl && until_true test -s pid.2
    kill -USR1 "$(cat pid.1)"
    check "SIGUSR1 to any process saves" until_true compgen -G 'run/checkpoints/*.npz'
    kill -TERM "$(cat pid.2)"
    wait $!
    check "SIGTERM to any process ends the run with the exit code for requeueing" test $? -eq 75
    check "a run of several processes that was stopped says so" grep -q '"state": "interrupted"' run/summary.json
}
scenario signals

# Faults of one process: it hangs, it is slow where it works alone, its disk fills up, it has no memory.
faults() {
    given config
    long --set dist.timeout=2 --set checkpoint.every=0 --set run.interrupt_exit_code=75 >out 2>&1 &
    until_true test -s run/metrics.jsonl && until_true test -s pid.1
    kill -STOP "$(cat pid.1)"
    wait $!
    check "a process that hangs ends the run with the exit code for requeueing" test $? -eq 75
    check "and is named, with its host and the reason" grep -q "rank 1 on .* has been silent for 2 s (dist.timeout)" out
    rm -rf run pid.*
    local few=(--config a.json --quiet --set train.lanes=2 --set train.batch=2 --set train.micro_batch=1
        --set train.steps=2 --set eval.every=0)
    AT=0 SLOW_THERE=30 check "a rank 0 that checks a checkpoint for longer than dist.timeout is not silent" \
        ranks 2 "${few[@]}" --set dist.timeout=2
    rm -rf run
    AT=1 FAULT_THERE=fsync:2~ check "nor is a process whose disk takes longer than that to sync" \
        ranks 2 "${few[@]}" --set dist.timeout=2
    "$lmtrain" "${few[@]}" --set run.dir=one
    rm -rf run
    AT=0 FAULT_THERE=pwrite:12 check "a disk that is full under rank 0 delays the run until there is room" \
        ranks 2 "${few[@]}" --set checkpoint.every=1
    check "and the file is that of one process" cmp one/checkpoints/step-0000000002.npz run/checkpoints/step-0000000002.npz
    rm -rf run
    AT=1 LACKS_THERE=memory check "a process without memory ends the run, with its rank and the reason" \
        eval 'exits_saying 1 "rank 1 on" ranks 2 "${few[@]}" && says memory'
    rm -rf run
    AT=1 FAULT_THERE=pread:100 check "a process that cannot read its data any more ends the run, with its rank and the reason" \
        eval 'exits_saying 1 "rank 1 of 3 on" long && says "train.bin: cannot read byte offset"'
    check "the summary is that of a run that did not end" grep -q '"state": "running"' run/summary.json
}
scenario faults

# Checkpoints that all processes write, or that go through rank 0: the same file, with arrays of several chunks that
# end in slices of other processes; and what happens when one of them cannot write.
# folders SHARED_OR_NOT ARGUMENTS...: two processes, each in a directory of its own.
folders() {
    # shellcheck disable=SC2016
    timeout 300 mpirun -np 2 sh -c 'cd "own.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" && exec "$LMTRAIN_MPI" "$@"' sh \
        "${few[@]}" --set dist.shared_filesystem="$1" "${@:2}"
}
files() {
    given config
    local p few
    few=(--config a.json --quiet --set train.lanes=4 --set train.batch=4 --set train.micro_batch=1 --set train.steps=2
        --set eval.every=0 --set checkpoint.every=0 --set model.d_model=320 --set model.d_ff=850 --set model.n_layers=1)
    "$lmtrain" "${few[@]}" --set run.dir=one
    for p in 0 1; do mkdir own.$p && cp ./*.json ./*.bin own.$p; done
    check "a process that does not see the directory ends the run before it begins" exits_saying 2 "rank 1 on" folders true
    check "the error names the key" says "dist.shared_filesystem"
    rm -rf run
    AT=all LACKS_THERE=parts check "so does a filesystem on which hosts overwrite what others write, by an error that names the key" \
        exits_saying 2 "set dist.shared_filesystem to false" ranks 2 "${few[@]}"
    check "nothing is left of the trial" eval 'test -d run/checkpoints && test -z "$(ls run/checkpoints)"'
    rm -rf own.?/run run
    check "with the key false only rank 0 has it" eval 'folders false --until 1 && test ! -e own.1/run && mv own.0/run run'
    AT=1 FAULT_THERE=pwrite:11 check "others go on from that and write together; a disk that is full under one delays them" \
        ranks 3 "${few[@]}" --resume
    check "the file is that of one process, with nothing beside it" eval \
        'cmp {one,run}/checkpoints/step-0000000002.npz && test -z "$(ls run/checkpoints | grep -v "^step-000000000[12].npz$")"'
    rm -rf run
    AT=1 FAULT_THERE=pwrite:11 check "without waiting it ends the run, with its rank and the code of a full disk" \
        exits_saying 5 "rank 1 on" ranks 2 "${few[@]}" --wait-for-room 0
    check "no file is left" eval 'test -d run/checkpoints && test -z "$(ls run/checkpoints)"'
    rm -rf run
    AT=1 FAULT_THERE=fsync:2 check "a process that cannot sync ends the run" exits_saying 1 "cannot sync" \
        ranks 2 "${few[@]}" --until 1
    check "no file is left then" eval 'test -d run/checkpoints && test -z "$(ls run/checkpoints)"'
}
scenario files

# Processes killed one after the other, each in a run of another number of them; the end is that of a
# run that was not killed. When a process is killed while it joins the others, Open MPI 4.1's mpirun may hang once all
# of them have ended ("PMIX ERROR: UNREACHABLE"): it is ended then.
kills() {
    given config
    local kills=${KILLS:-3} p pid i
    reference 4 fp32 adamw
    settings+=(--set checkpoint.every=1)
    RANDOM=1
    for i in $(seq 1 "$kills"); do
        p=$((RANDOM % 3 + 2))
        rm -f pid.*
        [ -e run/$last ] && rm -rf run
        LIMIT=30 ranks $p "${settings[@]}" --resume >out 2>&1 &
        pid=$!
        until_true test -s pid.$((p - 1)) && { [ $((RANDOM % 2)) = 0 ] || until_true test -s run/metrics.jsonl; }
        sleep 0.$((RANDOM % 60 + 10))
        kill -KILL "$(cat pid.$((RANDOM % p)))" 2>/dev/null
        wait $pid
    done
    check "a run goes on after $kills killed processes" ranks 3 "${settings[@]}" --resume
    check "a run whose processes were killed ends in the bits of one whose were not" same "$one" run
}
scenario kills

# A sweep in several processes has a worker in each; other commands are one process's.
sweeps() {
    given corpus
    sed 's/PLACE/one/' >one.json <<'JSON'
{"sweep": {"dir": "PLACE", "points": 6, "seeds": 1, "halving": 2},
 "base": {"model": {"d_model": 32, "n_layers": 1, "n_heads": 2, "context_length": 16},
          "data": {"train": "train.bin", "val": "val.bin"}, "train": {"steps": 16, "batch": 4},
          "eval": {"every": 2, "tokens": 200}, "checkpoint": {"every": 0}},
 "space": {"optimizer.lr": {"log_uniform": [1e-4, 3e-2]}, "model.d_ff": [32, 64]}}
JSON
    sed 's/"one"/"several"/' one.json >several.json
    "$lmtrain" sweep --config one.json --parallel 1 --threads 1 >one.out 2>&1
    ranks 3 sweep --config several.json --parallel 1 --threads 1 >out 2>&1
    check "a sweep in 3 processes ends well" test $? -eq 0
    check "a worker in each of them" test "$(ls several/journals | wc -l)" -eq 3
    check "its results are those of one worker" cmp <(cut -d, -f1-12,14- one/leaderboard.csv) <(cut -d, -f1-12,14- several/leaderboard.csv)
    check "one process prints the table" test "$(grep -c 'leaderboard.csv has all trials' out)" -eq 1
    check "and the progress" test "$(grep -c 'at once' out)" -eq 1
    sed 's/"points": 6/"points": -1/' one.json >wrong.json
    check "a mistake is said once" exits_saying 2 "sweep.points" ranks 2 sweep --config wrong.json
    check "that is one line" test "$(grep -c 'lmtrain: ' out)" -eq 1
    check "a command of one process names the launcher" exits_saying 2 "mpirun has started 2 copies" ranks 2 eval run
    check "also that is said once" test "$(grep -c 'lmtrain: ' out)" -eq 1
}
scenario sweeps
