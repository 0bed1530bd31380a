#!/bin/bash
# What the plan says of more processes than there are: --dry-run --ranks --network.
# shellcheck source=../support/run.sh
. tests/support/run.sh

plans() {
    given corpus
    tiny a
    sed -i 's/"grad_accumulation": 2/"batch": 8, "lanes": 8/' a.json
    check "a plan for 3 processes is made" exits 0 "$lmtrain" --config a.json --dry-run --ranks 3 --network 1Gbit
    check "it says how the lanes are shared, and how unevenly" says "ranks     3 processes, each with 2 or 3 of 8 lanes: the busiest takes 12.5% longer"
    check "what each of them needs" says "          memory: "
    check "and how long a step takes with that network" says "forecast  1 Gbit/s between 3 machines like this one: a step takes about "
    check "with that alone" test "$(grep -c ^forecast out)" -eq 1
    check "nothing is written" test ! -e run
    check "processes do not compute lanes side by side, and are not taken to" exits_saying 0 \
        "all threads of a process compute one of its lanes after another" \
        "$lmtrain" --config a.json --dry-run --ranks 2 --network 1Gbit --threads 2
    check "without a network three are compared" exits 0 "$lmtrain" --config a.json --dry-run --ranks 8
    check "which are 1, 10 and 100 Gbit/s" test "$(sed -n 's/^forecast *\([0-9]*\) Gbit.*/\1/p' out | tr '\n' ' ')" = "1 10 100 "
    check "one process sends nothing" eval 'exits 0 "$lmtrain" --config a.json --dry-run --ranks 1 && lacks ^forecast out'
    check "more processes than lanes are an error" exits_saying 2 "train.lanes = 8: 9 processes need 16 lanes" \
        "$lmtrain" --config a.json --dry-run --ranks 9
    check "a wrong rate is an error that names what it may be" exits_saying 2 "--network 10Gbps: expected a number and its unit" \
        "$lmtrain" --config a.json --dry-run --ranks 2 --network 10Gbps
    check "a network is between processes" exits_saying 2 "--ranks is missing" "$lmtrain" --config a.json --dry-run --network 1Gbit
    check "--ranks starts no processes" exits_saying 2 "--ranks belongs to --dry-run" "$lmtrain" --config a.json --ranks 2
}
scenario plans
