# lmtrain watch: a picture of runs, once or live.
. tests/support/run.sh

trained() {
    corpus
    tiny a
    "$lmtrain" --config a.json --set run.dir=runs/a --quiet
    "$lmtrain" --config a.json --set run.dir=runs/b --quiet --set optimizer.lr=5e-4
}
has_no_escapes() { lacks "$(printf '\033')" "$1"; }

once() {
    given trained
    check "a run is shown" exits_saying 0 "step 40 of 40" "$lmtrain" watch runs/a
    check "without escape sequences where there is no terminal" has_no_escapes out
    check "with a curve in braille" grep -q '⠤\|⣀\|⠒' out
    check "or in ASCII" sh -c '"$1" watch runs/a --ascii | LC_ALL=C grep -q "[^ -~]" && exit 1 || exit 0' - "$lmtrain"
    check "several runs are a table" exits_saying 0 "best" "$lmtrain" watch runs/a runs/b
    check "a directory of runs is all of them" exits 0 "$lmtrain" watch runs
    check "with a line for each" test "$(grep -c finished out)" = 2
    check "what is no run is a usage error" exits_saying 2 "expected a run directory" "$lmtrain" watch text.txt
}
scenario once

# What a terminal of this program's own shows.
on_terminal() { script -qec "$1" /dev/null </dev/null >screen 2>&1; }

live() {
    given trained
    script -qec true /dev/null </dev/null >/dev/null 2>&1 || { echo "skip - no script(1)"; return; }
    "$lmtrain" --config a.json --set run.dir=c --quiet --set train.steps=100000 &
    trainer=$!
    until_true grep -q loss c/metrics.jsonl
    "$lmtrain" watch c --once >once
    check "a run that goes on says how long it will" grep -q "running.*left" once
    (sleep 1.5; kill -INT $trainer) &
    on_terminal "'$lmtrain' watch c"
    wait $trainer
    check "the picture on a terminal is live until the run ends" grep -q interrupted screen
    check "on a page of its own, which it leaves" grep -qF "$(printf '\033[?1049l')" screen
    check "with the cursor as it was" grep -qF "$(printf '\033[?25h')" screen
    check "in colours" grep -qF "$(printf '\033[38;5;')" screen
    NO_COLOR=1 on_terminal "'$lmtrain' watch c --once"
    check "but not with NO_COLOR" lacks "$(printf '\033\\[38')" screen
    "$lmtrain" --config a.json --set run.dir=d --quiet --set train.steps=100000 &
    trainer=$!
    until_true grep -q loss d/metrics.jsonl
    [ "$python" ] && check "q ends the picture, and the run goes on" "$python" -c '
import os, pty, sys, time, select
pid, fd = pty.fork()
if pid == 0: os.execv(sys.argv[1], [sys.argv[1], "watch", "d"])
seen = b""
end = time.time() + 10
while b"tok/s" not in seen and time.time() < end: seen += os.read(fd, 65536)
os.write(fd, b"q")
try:
    while time.time() < end: seen += os.read(fd, 65536)
except OSError: pass
assert os.waitpid(pid, 0)[1] == 0
assert b"\x1b[?2026h" in seen' "$lmtrain"
    check "no less" kill -0 $trainer
    kill -TERM $trainer
    wait $trainer
}
scenario live
