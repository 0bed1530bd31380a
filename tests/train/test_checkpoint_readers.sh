#!/bin/bash
# Checkpoints by readers that are not ours: unzip, Python's zipfile, NumPy.
# shellcheck source=../support/run.sh
. tests/support/run.sh

file=run/checkpoints/step-0000000003.npz
trained() {
    given corpus
    tiny a
    "$lmtrain" --config a.json --quiet --set train.steps=3
}

by_unzip() {
    given trained
    check "unzip -t finds a checkpoint whole" unzip -t $file
}
if command -v unzip >/dev/null; then
    scenario by_unzip
else
    echo "skip - unzip is not installed: checkpoints are not read by it"
fi

by_numpy() {
    given trained
    check "NumPy and zipfile read the arrays, names, shapes and CRCs of a checkpoint" "$python" - <<PYTHON
import json, zipfile
import numpy as np
z = np.load("$file")
meta = json.loads(z["meta.json"])
assert meta["step"] == 3 and meta["config"]["model"]["d_model"] == 32
assert [a["name"] for a in meta["arrays"]] == [n for n in z.files if n != "meta.json"]
for a in meta["arrays"]:
    w = np.ascontiguousarray(np.moveaxis(z[a["name"]], 0, -1)).view("<f4")[..., 0]
    assert list(w.shape) == a["shape"], a
    assert np.isfinite(w).all(), a
w = np.ascontiguousarray(np.moveaxis(z["wte.weight"], 0, -1)).view("<f4")[..., 0]
assert w.shape == (256, 32) and 0.01 < w.std() < 0.1, w.std()
assert z["m/wte.weight"].shape == (4, 256, 32)
assert zipfile.ZipFile("$file").testzip() is None
PYTHON
}
if [ -n "$python" ]; then
    scenario by_numpy
else
    echo "skip - python3 with NumPy is not installed: checkpoints are not read by it"
fi
