#!/bin/bash
# Checkpoints by readers that are not ours: unzip, Python's zipfile, NumPy.
# shellcheck source=../support/run.sh
. tests/support/run.sh

make_corpus
tiny a
"$lmtrain" --config a.json --quiet --set train.steps=3 || exit 1
file=run/checkpoints/step-0000000003.npz
if command -v unzip >/dev/null; then
    check "unzip -t" unzip -t $file
else
    echo "skip - unzip is not installed"
fi
if [ -n "$python" ]; then
    check "numpy reads the planes, shapes and CRCs" "$python" - <<END
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
END
else
    echo "skip - python3 with numpy is not installed"
fi
