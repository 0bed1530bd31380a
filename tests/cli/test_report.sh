# lmtrain report: pages and tables of runs, and the page that a run writes itself.
. tests/support/run.sh

trained() {
    corpus
    tiny a
    "$lmtrain" --config a.json --set run.dir=a --quiet --profile
    "$lmtrain" --config a.json --set run.dir=b --quiet --set optimizer.lr=5e-4
}
is_page() { head -c 15 "$1" | grep -qF '<!doctype html>' && tail -c 16 "$1" | grep -qF '</body></html>'; }

pages() {
    given trained
    check "a run's page is written beside it, and its path printed" \
        exits_saying 0 "a/report.html" "$lmtrain" report a
    check "it is a whole page" is_page a/report.html
    check "it has the charts of the run" grep -qF 'data-chart="loss"' a/report.html
    check "with --profile it says where time goes" grep -qF "Where time goes" a/report.html
    check "it has the memory plan" grep -qF "activations" a/report.html
    check "a second page replaces the first" exits 0 "$lmtrain" report a
    check "a page of two runs" exits 0 "$lmtrain" report a b --output ab.html
    check "names what differs" grep -qF 'differs">optimizer.lr' ab.html
    mkdir all && mv a b all
    check "a directory of runs is a page of them" exits 0 "$lmtrain" report all --output all.html
    check "with both" grep -qF "2 runs compared" all.html
    check "the page can go to standard output" exits_saying 0 "<!doctype html>" \
        "$lmtrain" report all/a --output -
    echo mine >all/a/report.html
    check "a file that lmtrain did not write stays" \
        exits_saying 2 "did not write" "$lmtrain" report all/a
    check "as it was" grep -qx mine all/a/report.html
    check "what is no run is a usage error" exits_saying 2 "expected a run directory" \
        "$lmtrain" report text.txt
}
scenario pages

tables() {
    given trained
    check "a run's figures are printed as a table" exits_saying 0 "run,step,tokens,seconds,loss" \
        "$lmtrain" report a --csv
    steps=$(grep -c '"loss"' a/metrics.jsonl)
    check "with a line for each step" test "$(grep -c '^a,' out)" = "$steps"
    check "a table of two runs goes to a file" exits 0 "$lmtrain" report a b --csv --output t.csv
    check "with the lines of both" test "$(grep -c '^b,' t.csv)" = "$steps"
    check "a full disk is an error" exits_saying 1 "cannot write" sh -c \
        '"$1" report a --csv >/dev/full' - "$lmtrain"
    [ "$python" ] && check "python reads the losses that metrics.jsonl has" "$python" -c '
import csv, json
rows = list(csv.DictReader(open("t.csv")))
want = [json.loads(l) for l in open("a/metrics.jsonl")]
got = [float(r["loss"]) for r in rows if r["run"] == "a"]
assert got == [w["loss"] for w in want if "loss" in w], got'
}
scenario tables

own_page() {
    given trained
    check "a run that takes long writes its own page" \
        exits 0 "$lmtrain" --config a.json --set run.dir=c --quiet --set log.report_seconds=0.01
    check "which says that it is finished" grep -qF 'state finished' c/report.html
    check "a short run has none" test ! -e a/report.html
    check "nor has one with log.report = false" sh -c \
        '"$1" --config a.json --set run.dir=d --quiet --set log.report_seconds=0.01 \
         --set log.report=false && test ! -e d/report.html' - "$lmtrain"
    check "the page changes no figure" same_figures a c
    mkdir -p e/report.html
    check "a page that cannot be written does not end the run" \
        exits 0 "$lmtrain" --config a.json --set run.dir=e --set log.report_seconds=0.01
    check "which warns once" test "$(grep -c 'warning: no report' out)" = 1
    check "and has all its figures" same_figures a e
    mkdir f && echo mine >f/report.html
    check "a file of the user's by that name stays" \
        exits_saying 0 "did not write" "$lmtrain" --config a.json --set run.dir=f \
        --set log.report_seconds=0.01
    check "as it was, too" grep -qx mine f/report.html
    check "a diverged run has a page" exits 3 "$lmtrain" --config a.json --set run.dir=g --quiet \
        --set optimizer.lr=1e6 --set optimizer.name=sgd --set train.clip_norm=0 \
        --set log.report_seconds=0
    check "which says so" grep -qF 'state diverged' g/report.html
    check "and why, as summary.json does" sh -c \
        'grep -q "class=\"error\">step.*stopped being finite" g/report.html && grep -q "\"error\": \"step" g/summary.json'
}
scenario own_page
