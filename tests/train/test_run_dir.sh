#!/bin/bash
# The run directory: whose files are replaced, where a run stands by its summary, and what --resume
# makes of a directory that is finished, killed, copied or half gone.
# shellcheck source=../support/run.sh
. tests/support/run.sh

trained() {
    given corpus
    tiny a
    "$lmtrain" --config a.json --quiet
    cp -r run straight
}
train() { "$lmtrain" --config a.json "$@"; }
resume() { train --resume "$@"; }
state_is() { grep -q "^  \"state\": \"$1\",\$" run/summary.json; }

users_own_config() {
    given trained
    rm -r run
    mkdir run
    { echo '// my notes'; cat a.json; } >run/config.json
    cp run/config.json mine
    check "a config that its user keeps in its own run directory trains" \
        exits 0 "$lmtrain" --config run/config.json --quiet
    check "a run prints no warning about such a config" test ! -s out
    check "a run leaves its user's config as it is" cmp mine run/config.json
    check "--resume of such a run finds it finished" \
        exits_saying 0 "finished already" "$lmtrain" --config run/config.json --resume
    check "--resume leaves its user's config as it is" cmp mine run/config.json
    check "inspect prints the resolved config" exits_saying 0 "resolved.json:" "$lmtrain" inspect run
}
scenario users_own_config

foreign_files() {
    given trained
    rm -r run
    mkdir run
    cp a.json run/resolved.json
    check "a file of the user's own is not replaced by resolved.json" \
        exits_saying 2 "run/resolved.json: lmtrain did not write this file" train --resume
    check "a resolved.json of the user's own is left as it is" cmp a.json run/resolved.json
    mv run/resolved.json run/config.json
    echo '{"note": "mine"}' >run/summary.json
    check "a file of the user's own is not replaced by summary.json" \
        exits_saying 2 "run/summary.json: lmtrain did not write this file" train --resume
    check "a run that is refused for its directory leaves it as it is" \
        diff <(ls -A run) <(printf 'config.json\nsummary.json\n')
}
scenario foreign_files

# What an older lmtrain left: config.json, and a "reason" in its summary.
older_run() {
    given trained
    mv run/resolved.json run/config.json
    sed -i 's/"state"/"reason"/; /"pid"/d; /"host"/d; /"started"/d' run/summary.json
    check "inspect reads the config of an older run" exits_saying 0 "config.json:" \
        "$lmtrain" inspect run
    check "a run of an older lmtrain goes on" exits_saying 0 "finished: run" \
        resume --set train.steps=45
    cp -r run before
    rm run/resolved.json run/checkpoints/*
    sed -i 's/"state"/"reason"/' run/summary.json
    check "an older run whose checkpoints are gone is compared with its config.json" \
        exits_saying 2 "optimizer.lr: 0.01 -> 0.02" resume --set optimizer.lr=0.02
}
scenario older_run

copied() {
    given trained
    cp -r run copy
    check "a config in a copied run directory that names the original is warned of" exits_saying 0 \
        "warning: copy/resolved.json lies in a run directory, but its run.dir is run: that one is trained" \
        "$lmtrain" --config copy/resolved.json --resume --quiet
    check "run.dir on the command line trains the copy without a warning" \
        exits 0 "$lmtrain" --config copy/resolved.json --resume --quiet --set run.dir=copy
    check "run.dir on the command line is no reason for a warning" test ! -s out
}
scenario copied

# start OPTIONS...: goes on with the 40 steps in the background, endlessly; its id in $pid. The
# checkpoint of step 40 stays the newest, however many steps it makes before it is killed.
start() {
    "$lmtrain" --config a.json --set train.steps=1000000 --set checkpoint.every=0 "$@" \
        >run.out 2>&1 &
    pid=$!
    until_true more_lines run/metrics.jsonl 60
}
states() {
    given trained
    check "a finished run says so" state_is finished
    start --resume
    check "a run that goes on says that it is running" state_is running
    check "a running run names its process" grep -q "\"pid\": $pid,\$" run/summary.json
    check "a running run names its machine" grep -q "\"host\": \"$(uname -n)\"" run/summary.json
    check "a running run says since when" \
        grep -q "\"started\": \"$(date -u +%Y-%m-%d)T" run/summary.json
    check "inspect knows that the run is running" \
        exits_saying 0 "running: process $pid on" "$lmtrain" inspect run
    kill -KILL $pid
    wait $pid 2>/dev/null
    check "inspect knows that the run was killed" \
        exits_saying 0 "not running: process $pid was killed" "$lmtrain" inspect run
    check "--resume says that the session before was killed" exits_saying 0 \
        "the session before (process $pid, since " resume --set train.steps=60
    check "a killed run that went on is finished" state_is finished
    sed -i 's/"finished"/"running"/; s/"host": ".*"/"host": "elsewhere"/' run/summary.json
    check "inspect does not guess about another machine" \
        exits_saying 0 "running on elsewhere, or killed there" "$lmtrain" inspect run
    check "--resume --quiet warns of a session that another machine may be running" exits_saying 0 \
        "on elsewhere trains here since" resume --quiet --set train.steps=61
}
scenario states

killed_before_its_summary() {
    given trained
    cp -r run before
    sed -i 's/"finished"/"running"/' run/summary.json
    check "a run that was killed between its last checkpoint and its summary is finished by --resume" \
        exits_saying 0 "finished: run" resume
    check "its summary then says so" state_is finished
    check "its metrics stay as they were" cmp before/metrics.jsonl run/metrics.jsonl
    check "its checkpoints stay as they were" diff -r before/checkpoints run/checkpoints
}
scenario killed_before_its_summary

checkpoints_gone() {
    given trained
    rm run/checkpoints/*
    cp -r run before
    check "a finished run whose checkpoints are gone is finished" \
        exits_saying 0 "finished already: 40 steps" resume
    check "a finished run whose checkpoints are gone refuses another result" \
        exits_saying 2 "optimizer.lr: 0.01 -> 0.02" resume --set optimizer.lr=0.02
    check "a finished run whose checkpoints are gone cannot go on" \
        exits_saying 1 "it cannot go on to 80 steps" resume --set train.steps=80
    check "a finished run whose checkpoints are gone stays as it is" diff -r before run
}
scenario checkpoints_gone

other_validation_data() {
    given trained
    tr a-z b-za <text.txt >other.txt
    "$lmtrain" tokenize --tokenizer bytes --input other.txt --output other >/dev/null
    check "a finished run refuses other validation data" exits_saying 2 "data.val: digest" \
        resume --set data.val=other/train.bin
    cp val.bin val2.bin && cp val.json val2.json
    check "a finished run accepts the same data under another name" \
        exits_saying 0 "finished already" resume --set data.val=val2.bin
}
scenario other_validation_data

no_checkpoint_yet() {
    given trained
    rm run/checkpoints/*
    sed -i 's/"finished"/"running"/' run/summary.json
    sed 's/"tokens_per_s.*//' run/metrics.jsonl >old
    check "a run killed before its first checkpoint begins again and says so" \
        exits_saying 0 "holds no checkpoint to go on from: starting at step 0" resume --quiet
    check "a run that begins again keeps the old metrics" cmp old <(sed 's/"tokens_per_s.*//' run/metrics.jsonl.aside)
    check "a run that begins again ends in the same bits" \
        cmp straight/checkpoints/step-0000000040.npz run/checkpoints/step-0000000040.npz
}
scenario no_checkpoint_yet

# Root may write anywhere: a directory in the place of a file cannot be written by anybody.
cannot_go_on() {
    given trained
    rm run/metrics.jsonl run/checkpoints/step-0000000040.npz
    mkdir run/metrics.jsonl
    cp -r run before
    check "a run whose metrics cannot be written does not begin" exits_saying 1 \
        "run/metrics.jsonl: cannot open: Is a directory" \
        resume straight/checkpoints/step-0000000035.npz --set optimizer.lr=0.02
    check "a run that cannot go on changes nothing" diff -r before run
    check "a new run that cannot begin makes no directory" \
        exits_saying 1 "run.init_from" train --set run.dir=new/x --set run.init_from=none.npz
    check "a new run that cannot begin leaves nothing" test ! -e new
}
scenario cannot_go_on

# What a checkpoint holds determines the result and nothing else.
equal_runs() {
    given trained
    check "a run that differs in what never changes a bit trains" exits 0 train --quiet \
        --set run.dir=elsewhere/b --set run.threads=1 --set run.interrupt_exit_code=9 --set log.every=3 \
        --set checkpoint.every=5 --set checkpoint.keep_last=4 --set model.recompute=block
    check "runs that differ in what never changes a bit end in files equal to the byte" cmp run/checkpoints/step-0000000040.npz \
        elsewhere/b/checkpoints/step-0000000040.npz
    check "inspect --config of a checkpoint prints what determines the result" \
        exits_saying 0 '"lr": 0.01' "$lmtrain" inspect --config run/checkpoints/step-0000000040.npz
    check "inspect --config of a checkpoint prints nothing that does not determine the result" lacks '"dir"\|"threads"\|"keep_last"\|"recompute"' out
    check "resolved.json has the other keys" grep -q '"threads": 1' elsewhere/b/resolved.json
}
scenario equal_runs

from_a_directory() {
    given trained
    check "--resume RUN goes on from the newest checkpoint of another run" exits_saying 0 \
        "going on after step 40, from longer/checkpoints/step-0000000040.npz" \
        resume straight --set run.dir=longer --set checkpoint.keep_last=9 --set train.steps=50
    check "--resume RUN copies that checkpoint" test -s longer/checkpoints/step-0000000040.npz
    check "--resume DIRECTORY without a checkpoint is refused" exits_saying 1 \
        "expected a checkpoint (step-*.npz), found no good one" resume . --set run.dir=other
    check "--resume DIRECTORY that is refused makes no run" test ! -e other
}
scenario from_a_directory

plan() { train --dry-run "$@"; }
dry_runs() {
    given trained
    cp -r run before
    check "--dry-run refuses a directory that holds a run" \
        exits_saying 2 "holds a run already" plan
    check "--dry-run prints the plan before it refuses" says "parameters"
    check "--dry-run --resume says where the run would go on" exits_saying 0 \
        "start     run goes on after step 40" plan --resume --set train.steps=50
    check "--dry-run --resume of a finished run says so" \
        exits_saying 0 "start     nothing to do" plan --resume
    check "--dry-run --resume refuses a key that cannot change" \
        exits_saying 2 "model.d_model cannot change" plan --resume --set model.d_model=64
    check "--dry-run --resume refuses another result of a finished run" \
        exits_saying 2 "optimizer.lr: 0.01 -> 0.5" plan --resume --set optimizer.lr=0.5
    check "--dry-run refuses weights to start from that are missing" exits_saying 1 \
        "run.init_from: none.npz" plan --set run.dir=new --set run.init_from=none.npz
    check "--dry-run refuses a directory that cannot be made" exits_saying 1 \
        "a.json/new: cannot make the directory" plan --set run.dir=a.json/new
    check "--dry-run of a new run says so" \
        exits_saying 0 "start     a new run in new" plan --set run.dir=new
    check "--dry-run makes no directory" test ! -e new
    check "--dry-run changes nothing in a run" diff -r before run
    start --resume
    check "--dry-run --resume refuses a directory that another process trains in" \
        exits_saying 1 "another process" plan --resume --set train.steps=1000000
    kill $pid
    wait $pid
}
scenario dry_runs
