#!/bin/bash
# What README.md says of checkpoints: its lines of Python run as printed, and a model that NumPy
# computes by its table of arrays has the loss that lmtrain prints.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# The indented lines of README's section on checkpoints.
printed_lines() { sed -n '/^## Checkpoints/,/^## /s/^    //p' "$root/README.md"; }

quickstart() {
    given corpus
    "$lmtrain" --config "$root/configs/quickstart.json" --quiet --set data.train=train.bin \
        --set data.val=val.bin --set train.steps=2 --set checkpoint.every=1
}
python_lines() {
    given quickstart
    printed_lines >lines.py
    check "README has three lines of Python in its section on checkpoints" \
        test "$(wc -l <lines.py)" -eq 3
    check "the three lines of Python run as printed" "$python" lines.py
    cat >>lines.py <<'PYTHON'
assert w.shape == (256, 128) and w.dtype == "<f4" and 0.01 < w.std() < 0.1, (w.shape, w.std())
assert z.zip.filename.endswith("step-0000000002.npz"), z.zip.filename
PYTHON
    check "the three lines of Python give the weights of the newest checkpoint" "$python" lines.py
}

# The order of q, k and v, how heads share key/value heads, half-split rotations, gate and up.
model_by_the_table() {
    given corpus
    tiny a
    "$lmtrain" --config a.json --quiet --set model.preset=llama --set model.n_heads=4 \
        --set model.n_kv_heads=2 --set model.bias=true --set train.steps=30
    check "eval prints the loss" exits 0 "$lmtrain" eval --checkpoint run --data val.bin --json
    { printed_lines | sed 's|runs/quickstart|run|'; cat <<'PYTHON'
import json
def array(name):
    return np.ascontiguousarray(np.moveaxis(z[name], 0, -1)).view("<f4")[..., 0].astype(float)
T, C, L, H, K, D = 32, 32, 2, 4, 2, 8
def norm(x, name): return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * array(name + ".weight")
def linear(x, name): return x @ array(name + ".weight").T + array(name + ".bias")
angle = np.arange(T)[:, None] * 10000.0 ** (-2 * np.arange(D // 2) / D)
cos, sin = np.cos(angle), np.sin(angle)
def rotate(x):  # Hugging Face's rotate_half
    a, b = x[:, : D // 2], x[:, D // 2 :]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)
def logits(ids):
    x = array("wte.weight")[ids]
    for i in range(L):
        h = f"h.{i}."
        qkv = linear(norm(x, h + "ln_1"), h + "attn.qkv").reshape(T, H + 2 * K, D)
        out = []
        for head in range(H):
            kv = head // (H // K)
            q, k, v = qkv[:, head], qkv[:, H + kv], qkv[:, H + K + kv]
            s = rotate(q) @ rotate(k).T / np.sqrt(D) + np.triu(np.full((T, T), -np.inf), 1)
            p = np.exp(s - s.max(-1, keepdims=True))
            out.append(p / p.sum(-1, keepdims=True) @ v)
        x = x + linear(np.concatenate(out, -1), h + "attn.proj")
        y = norm(x, h + "ln_2")
        gate = linear(y, h + "mlp.gate")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(y, h + "mlp.up"), h + "mlp.proj")
    return norm(x, "ln_f") @ array("lm_head.weight").T
ids = np.fromfile("val.bin", "<u2").astype(int)
losses = []
for at in range(0, len(ids) - T, T):
    y = logits(ids[at : at + T])
    y -= y.max(-1, keepdims=True)
    losses += list(np.log(np.exp(y).sum(-1)) - y[np.arange(T), ids[at + 1 : at + T + 1]])
want = json.load(open("out"))
assert len(losses) == want["tokens"], (len(losses), want)
# fp32 against double: some 1e-7 per operation, averaged over hundreds of tokens
assert abs(np.mean(losses) - want["loss"]) < 1e-5 and want["loss"] < 4.5, (np.mean(losses), want)
PYTHON
    } >model.py
    check "a LLaMA that NumPy computes by README's table of arrays has the loss that eval prints" \
        "$python" model.py
}

keys_exist() {
    "$lmtrain" train --print-reference | sed -n 's/^| `\([a-z_0-9.]*\)`.*/\1/p' | LC_ALL=C sort -u >there
    grep -ohE '`(run|model|data|train|optimizer|schedule|eval|checkpoint|log)\.[a-z_0-9]+`' \
        "$root"/README.md "$root"/configs/README.md "$root"/data/README.md | tr -d '`' |
        grep -vE '\.(bin|json|jsonl|py)$' | LC_ALL=C sort -u >named
    check "every key that a README names exists" test -z "$(LC_ALL=C comm -13 there named)"
    check "the READMEs name most keys" test "$(wc -l <named)" -gt 50
}
scenario keys_exist

if [ -n "$python" ]; then
    scenario python_lines
    scenario model_by_the_table
else
    echo "skip - python3 with NumPy is not installed: README's lines of Python are not run"
fi
