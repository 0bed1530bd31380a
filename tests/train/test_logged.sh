# What a run logs beside its losses: events for TensorBoard, figures of layers, samples.
. tests/support/run.sh

reader=$root/tests/report/read_events.py
weights() { ls "$1"/checkpoints/*.npz | tail -n 1; }
same_weights() { cmp "$(weights "$1")" "$(weights "$2")"; }
all="--set log.tensorboard=true --set log.layers_every=3 --set log.sample_every=5 --set log.sample_tokens=20"

plain() {
    corpus
    tiny a
    "$lmtrain" --config a.json --quiet
}

no_bit_changes() {
    given plain
    "$lmtrain" --config a.json --quiet --set run.dir=b $all --set log.report_seconds=0
    check "what is logged changes no bit of the training" same_weights run b
    for more in "train.precision=\"bf16\"" "model.dropout=0.2" "train.lanes=2"; do
        "$lmtrain" --config a.json --quiet --set run.dir=c --set "$more"
        "$lmtrain" --config a.json --quiet --set run.dir=d --set "$more" $all
        check "nor with $more" same_weights c d
        rm -rf c d
    done
    "$lmtrain" --config a.json --quiet --set run.dir=e $all --threads 1
    grep -F '"layers"' b/metrics.jsonl | sed 's/,"seconds.*//' >two
    grep -F '"layers"' e/metrics.jsonl | sed 's/,"seconds.*//' >one
    check "figures of layers have the same bits for any number of threads" cmp one two
    check "there is a line of them every 3 steps" test "$(wc -l <one)" = 13
    grep -F '"sample"' b/metrics.jsonl | sed 's/,"seconds.*//' >two
    grep -F '"sample"' e/metrics.jsonl | sed 's/,"seconds.*//' >one
    check "so have samples" cmp one two
    check "there is one every 5 steps" test "$(wc -l <one)" = 8
    "$lmtrain" --config a.json --quiet --set run.dir=f --set log.sample_every=7
    check "and one at the end" test "$(grep -c '"sample"' f/metrics.jsonl)" = 6
}
scenario no_bit_changes

layers() {
    given plain
    "$lmtrain" --config a.json --quiet --set run.dir=b --set log.layers_every=1 \
        --set checkpoint.every=1 --set checkpoint.keep_last=40 --set train.steps=3
    [ "$python" ] || { echo "skip - the norms of layers: no python3 with NumPy"; return; }
    check "norms are those of the checkpoints' weights" "$python" -c '
import json, numpy
def load(step):
    z = numpy.load("b/checkpoints/step-%010d.npz" % step)
    out = {}
    for name in z.files:
        if name.endswith(".json") or name.startswith(("m/", "v/")): continue
        p = z[name]
        if p.dtype == numpy.uint8:
            p = numpy.ascontiguousarray(numpy.moveaxis(p, 0, -1)).view("<f4")[..., 0]
        out[name] = p.astype("f8")
    return out
rows = {r["step"]: r["layers"] for r in map(json.loads, open("b/metrics.jsonl")) if "layers" in r}
a, b = load(2), load(3)
assert set(rows[3]) == set(b), (set(rows[3]) ^ set(b))
norm = lambda x: float((x * x).sum() ** .5)
near = lambda x, y: abs(x - y) <= 2e-5 * abs(y) + 1e-12
for name, f in rows[3].items():
    assert near(f["weight_norm"], norm(b[name])), name
    assert near(f["update_norm"], norm(b[name] - a[name])), (name, f, norm(b[name] - a[name]))
    assert near(f["update_ratio"], f["update_norm"] / f["weight_norm"]), name
grad = {r["step"]: r["grad_norm"] for r in map(json.loads, open("b/metrics.jsonl")) if "grad_norm" in r}
assert near(sum(f["grad_norm"] ** 2 for f in rows[3].values()) ** .5, grad[3])'
    check "the plan counts the memory for them" sh -c \
        '"$1" --config a.json --dry-run --set run.dir=z --set log.layers_every=1 | grep -q "layers  "' - "$lmtrain"
}
scenario layers

samples() {
    given plain
    hostile='</script>\u2028\u001b[31m,"loss":9'
    check "a hostile prompt is text" exits 0 "$lmtrain" --config a.json --set run.dir=b \
        --set log.sample_every=10 --set "log.sample_prompt=\"$(printf %s "$hostile" | sed 's/"/\\"/g')\"" \
        --set log.report_seconds=0 --set log.tensorboard=true
    check "in the lines of progress" lacks "$(printf '\033')" out
    check "in the page" lacks '</script>.\?\\u2028' b/report.html
    check "which shows it" grep -qF '&lt;/script&gt;\u2028\x1b[31m' b/report.html
    check "and is no loss" test "$("$lmtrain" report b --csv | grep -c ',9$')" = 0
    check "events show it too" sh -c \
        'python3 "$1" b | grep -q "sample.*</script>.*x1b"' - "$reader"
    "$lmtrain" tokenize --tokenizer bytes --input text.txt --output raw >/dev/null 2>&1
    rm -f raw/*.json
    check "without a tokenizer a sample is a usage error" exits_saying 2 "log.sample_every" \
        "$lmtrain" --config a.json --set run.dir=c --set log.sample_every=10 \
        --set data.train=raw/train.bin --set data.val= --set model.vocab_size=256
    check "before anything is made" test ! -e c
}
scenario samples

events() {
    given plain
    python3 -c '' 2>/dev/null || { echo "skip - events: no python3"; return; }
    "$lmtrain" --config a.json --quiet --set run.dir=b $all
    check "an independent reader reads the events" sh -c 'python3 "$1" b >read' - "$reader"
    check "with a loss for each step" test "$(grep -c ' loss ' read)" = 40
    check "evaluations" test "$(grep -c ' val_loss ' read)" = 4
    check "samples" test "$(grep -c '^[0-9]* sample b' read)" = 8
    check "figures of layers" grep -q 'update_ratio/h.0' read
    check "and the config" grep -q '^0 config .*d_model' read
    python3 -c '
import json
for r in map(json.loads, open("b/metrics.jsonl")):
    if "loss" in r: print(r["step"], round(r["loss"], 5))' >want
    awk '$2 == "loss" { printf "%d %s\n", $1, $3 }' read |
        python3 -c 'import sys
for l in sys.stdin: s, v = l.split(); print(s, round(float(v), 5))' >got
    check "losses are those of metrics.jsonl" cmp want got
    # Killed after a checkpoint: the steps after it come a second time.
    "$lmtrain" --config a.json --quiet --set run.dir=c --until 20 $all
    "$lmtrain" --config a.json --quiet --set run.dir=c --resume $all
    rm -f c/checkpoints/*40.npz c/summary.json
    "$lmtrain" --config a.json --quiet --set run.dir=c --resume $all
    check "a run that was resumed has files of its sessions" test "$(ls c/events* | wc -l)" = 3
    python3 "$reader" c >read
    check "and each step once" test "$(awk '$2 == "loss" { print $1 }' read | sort -un | wc -l):$(grep -c ' loss ' read)" = 40:40
    check "each sample once" test "$(grep -c '^[0-9]* sample b' read)" = 8
    check "with the same losses" sh -c "awk '\$2 == \"loss\" { print \$1, \$3 }' read >again;
        python3 '$reader' b | awk '\$2 == \"loss\" { print \$1, \$3 }' >once; cmp once again"
    check "metrics of a resumed run have each sample once" test "$(grep -c '"sample"' c/metrics.jsonl)" = 8
    check "and each line of layers" test "$(grep -c '"layers"' c/metrics.jsonl)" = 13
}
scenario events
