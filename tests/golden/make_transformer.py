#!/usr/bin/env python3
"""Writes transformer_<name>.bin: loss, logits and gradients of tiny transformers, by PyTorch in
float64.

    python3 tests/golden/make_transformer.py          (needs PyTorch; the tests do not)

An independent statement of the model: it shares with the C code only the list of models
(models.json) and the formula of the weights and tokens (value(), token()), which both sides derive
from integers. A file holds, little-endian: the sum of the losses in nats (float64); the logits
[B, T, V] without dropout (float32); then for each parameter row, in the order of the model's table,
the gradient of the mean loss (float32), to which multi_token adds losses that the first number does
not contain.
"""
import json
import os
import struct

import torch
import torch.nn.functional as functional

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

HERE = os.path.dirname(os.path.abspath(__file__))
EPS, THETA = 1e-5, 10000.0  # the config's defaults


def read_models():
    """models.json: what a run config has under "model"; `shape` is B, T, V, C, L, H, K, F, D."""
    with open(os.path.join(HERE, "models.json")) as file:
        models = {case["name"]: dict(case["model"], batch=case["batch"])
                  for case in json.load(file)["models"]}
    keys = ("batch", "context_length", "vocab_size", "d_model", "n_layers", "n_heads",
            "n_kv_heads", "d_ff", "head_dim")
    for m in models.values():
        m.setdefault("head_dim", m["d_model"] // m["n_heads"])
        m["shape"] = tuple(m[key] for key in keys)
    return models


MODELS = read_models()
SEED, FIRST_SAMPLE = 7, 5  # of dropout


def mix(x):
    """32-bit integer hash."""
    x &= 0xFFFFFFFF
    x = ((x ^ x >> 16) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ x >> 15) * 0x846CA68B) & 0xFFFFFFFF
    return x ^ x >> 16


def value(row, i, center, spread):
    """Element i of parameter row `row`: center + spread * u, u uniform in [-1, 1), as float32."""
    x = center + spread * (mix(row * 1000003 + i) / 2147483648.0 - 1.0)
    return struct.unpack("<f", struct.pack("<f", x))[0]


def token(b, t, vocab):
    return mix(b * 4099 + t + 77777) % vocab


def philox(key, counter):
    """Philox4x32-10 of Salmon et al. 2011."""
    k, c = list(key), list(counter)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & 0xFFFFFFFF, a >> 32 ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def drop(m, site, x):
    """Dropout of x [B, T, C]; purpose 4 is dropout's."""
    if not m.get("dropout"):
        return x
    batch, time, channels = x.shape
    threshold = round(m["dropout"] * 65536)
    keep = torch.zeros(batch, time, channels)
    for b in range(batch):
        for t in range(time):
            for c in range(channels):
                row = (FIRST_SAMPLE + m["first"] + b) * time + t
                block = row * ((channels + 7) // 8) + c // 8
                word = philox((SEED, 0), (block & 0xFFFFFFFF, block >> 32, site, 4))[c % 8 // 2]
                keep[b, t, c] = (word >> 16 * (c % 2) & 0xFFFF) >= threshold
    return x * keep * 65536 / (65536 - threshold)


def beginnings(m, tokens):
    """[B, T]: where each token's document begins."""
    begins = torch.zeros_like(tokens)
    for b in range(tokens.shape[0]):
        for t in range(1, tokens.shape[1]):
            begins[b, t] = t if tokens[b, t] == m["document_token"] else begins[b, t - 1]
    return begins


def parameter_rows(m):
    """(name, shape) in the order of the table."""
    _, t, v, c, layers, h, k, f, d = m["shape"]
    layernorm_bias = (m["bias"] or m.get("norm_bias")) and m["norm"] == "layernorm"
    rows = [("wte", (v, c))]
    if m["position"] == "learned":
        rows.append(("wpe", (t, c)))

    def norm(name):
        rows.append((name + ".w", (c,)))
        if layernorm_bias:
            rows.append((name + ".b", (c,)))

    def linear(name, out, inner, bias=m["bias"]):
        rows.append((name + ".w", (out, inner)))
        if bias:
            rows.append((name + ".b", (out,)))

    if m.get("embedding_norm"):
        norm("lne")
    for i in range(layers):
        norm(f"{i}.ln1")
        linear(f"{i}.qkv", (h + 2 * k) * d, c, m["bias"] or m.get("qkv_bias"))
        if m.get("qk_norm"):
            rows.append((f"{i}.lnq.w", (d,)))
            rows.append((f"{i}.lnk.w", (d,)))
        linear(f"{i}.proj", c, h * d)
        norm(f"{i}.ln2")
        if m["mlp"] == "swiglu":
            linear(f"{i}.gate", f, c)
            linear(f"{i}.up", f, c)
        else:
            linear(f"{i}.fc", f, c)
        linear(f"{i}.down", c, f)
    norm("lnf")
    if not m["tie_embeddings"]:
        rows.append(("head", (v, c)))
    for i in range(layers):
        if m.get("x0_residual"):
            rows += [(f"{i}.mix.x.w", (1,)), (f"{i}.mix.x0.w", (1,))]
        if m.get("qk_gain"):
            rows.append((f"{i}.gain.w", (h,)))
    for i in value_layers(m):
        rows += [(f"{i}.value.w", (v, k * d)), (f"{i}.gate_of_values.w", (k * min(12, c),))]
    if m.get("smear"):
        rows += [("smear.w", (1,)), ("gate_of_smear.w", (min(12, c),))]
    for order, count in ngram_tables(m):
        rows.append((f"ngram{order}", (count, c)))
    return rows


def value_layers(m):
    every = m.get("value_embeddings", 0)
    return sorted(range(m["n_layers"] - 1, -1, -every)) if every else []


def ngram_tables(m):
    """(order, rows) of each table; without rows, or with too many, all n-grams have one."""
    v = m["vocab_size"]
    tables = [(t["order"], v * (v + 1) ** (t["order"] - 1), t.get("rows"))
              for t in m.get("ngram_tables", [])]
    return [(order, min(rows or every, every)) for order, every, rows in tables]


def ngram_row(m, order, rows, newest_first):
    """The row of an n-gram; newest_first lacks the tokens before the window or document."""
    v, mask = m["vocab_size"], (1 << 64) - 1
    gram = (newest_first + [v] * order)[:order]
    if rows == v * (v + 1) ** (order - 1):
        number = 0
        for c in reversed(gram[1:]):
            number = number * (v + 1) + c
        return number * v + gram[0]
    h = 0
    for c in gram:
        h = (h + c + 1) * 0x9E3779B97F4A7C15 & mask
        h ^= h >> 32
    return (h >> 32) * rows >> 32


def ngrams(m, p, tokens, begins):
    """[B, T, C]: what all tables add to the embedding."""
    total = 0
    for order, rows in ngram_tables(m):
        at = torch.zeros_like(tokens)
        for b in range(tokens.shape[0]):
            for t in range(tokens.shape[1]):
                first = 0 if begins is None else int(begins[b, t])
                at[b, t] = ngram_row(m, order, rows, tokens[b, first:t + 1].flip(0).tolist())
        total = total + p[f"ngram{order}"][at]
    return total


def make_parameters(m):
    parameters = {}
    for row, (name, shape) in enumerate(parameter_rows(m)):
        count = shape[0] * (shape[1] if len(shape) == 2 else 1)
        vector = len(shape) == 1 and name.endswith(".w")
        center, spread = (1.0, 0.5) if vector else (0.0, 0.4 if len(shape) == 2 else 0.3)
        x = torch.tensor([value(row, i, center, spread) for i in range(count)]).reshape(shape)
        parameters[name] = x.requires_grad_(True)
    return parameters


def multipliers(m):
    """Of branches, of logits, of q.k: the table of Yang et al. 2022 and of Dey et al. 2025."""
    width, depth = 1, 1
    kind = m.get("parametrization", "standard")
    if kind != "standard":
        width = m["d_model"] / m["base_d_model"]
    if kind == "completep":
        depth = m["n_layers"] / m["base_n_layers"]
    power = 0.5 if kind == "standard" or m.get("qk_norm") else 1
    return 1 / depth, 1 / width, m["head_dim"]**-power


def normalise(m, p, name, x):
    if m["norm"] == "layernorm":
        return functional.layer_norm(x, x.shape[-1:], p[name + ".w"], p.get(name + ".b"),
                                     m.get("norm_eps", EPS))
    return rms(m, x, p[name + ".w"])


def rms(m, x, w):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + m.get("norm_eps", EPS)) * w


def project(p, name, x):
    return functional.linear(x, p[name + ".w"], p.get(name + ".b"))


def frequencies(m, size):
    """Radians a position, of each pair: unscaled, linear (Chen et al. 2023), or llama3: by how often
    a pair turns within the context that the model was first trained on."""
    plain = m.get("rope_theta", THETA) ** (-2.0 * torch.arange(size // 2) / size)
    scaling = m.get("rope_scaling", "none")
    if scaling == "none":
        return plain
    slow = plain / m["rope_factor"]
    if scaling == "linear":
        return slow
    turns = m["rope_original_context"] * plain / (2 * torch.pi)
    low, high = m["rope_low_freq_factor"], m["rope_high_freq_factor"]
    return torch.lerp(slow, plain, ((turns - low) / (high - low)).clamp(0, 1))


def rotate(m, x):
    """x [B, heads, T, D]: pairs (j, j + R/2) of the first R channels as complex numbers."""
    time, size = x.shape[-2], m.get("rope_dim") or x.shape[-1]
    pair = torch.complex(x[..., : size // 2], x[..., size // 2: size])
    angle = torch.arange(time)[:, None] * frequencies(m, size)[None, :]
    turned = pair * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag, x[..., size:]], -1)


def attend(m, p, i, x, begins, tokens):
    b, t, _ = x.shape
    h, k, _, d = m["shape"][5:]
    q, key, v = project(p, f"{i}.qkv", x).split([h * d, k * d, k * d], -1)
    if i in value_layers(m):
        w = p[f"{i}.gate_of_values.w"].reshape(k, -1)
        gate = 2 * torch.sigmoid(x[..., :w.shape[1]] @ w.T)
        row = p[f"{i}.value.w"][tokens].reshape(b, t, k, d)
        v = v + (gate[..., None] * row).flatten(2)
    q = q.reshape(b, t, h, d).transpose(1, 2)
    key = key.reshape(b, t, k, d).transpose(1, 2)
    v = v.reshape(b, t, k, d).transpose(1, 2)
    if m.get("qk_norm"):
        q, key = rms(m, q, p[f"{i}.lnq.w"]), rms(m, key, p[f"{i}.lnk.w"])
    if m.get("qk_gain"):
        q = q * p[f"{i}.gain.w"][:, None, None]
    if m["position"] == "rope":
        q, key = rotate(m, q), rotate(m, key)
    key = key.repeat_interleave(h // k, 1)
    v = v.repeat_interleave(h // k, 1)
    scores = q @ key.transpose(-1, -2) * multipliers(m)[2]
    if m.get("attention_softcap"):
        scores = m["attention_softcap"] * torch.tanh(scores / m["attention_softcap"])
    hidden = torch.ones(t, t, dtype=torch.bool).triu(1)
    if m.get("window"):
        hidden |= torch.ones(t, t, dtype=torch.bool).tril(-m["window"])
    if begins is not None:  # [B, 1, T, T]
        hidden = hidden | (begins[:, None, :, None] != begins[:, None, None, :])
    out = scores.masked_fill(hidden, -torch.inf).softmax(-1) @ v
    return project(p, f"{i}.proj", out.transpose(1, 2).reshape(b, t, h * d))


def feed_forward(m, p, i, x):
    if m["mlp"] == "swiglu":
        y = functional.silu(project(p, f"{i}.gate", x)) * project(p, f"{i}.up", x)
    elif m["mlp"] == "relu2":
        y = functional.relu(project(p, f"{i}.fc", x)) ** 2
    else:
        tanh = "tanh" if m["mlp"] == "gelu_tanh" else "none"
        y = functional.gelu(project(p, f"{i}.fc", x), approximate=tanh)
    return project(p, f"{i}.down", y)


def logits_and_targets(m, p, first=0):
    """[B, T, V] and [B, T], of the rows of tokens from `first` on."""
    m = dict(m, first=first)
    batch, time, vocab, _, layers = m["shape"][:5]
    tokens = torch.tensor([[token(first + b, t, vocab) for t in range(time + 1)]
                           for b in range(batch)])
    begins = beginnings(m, tokens[:, :-1]) if "document_token" in m else None
    x = p["wte"][tokens[:, :-1]]
    if m["position"] == "learned":
        place = torch.arange(time).expand(batch, time)
        x = x + p["wpe"][place if begins is None else place - begins]
    x = x + ngrams(m, p, tokens[:, :-1], begins)
    if m.get("embedding_norm"):
        x = normalise(m, p, "lne", x)
    if m.get("smear"):
        w = p["gate_of_smear.w"]
        share = p["smear.w"] * torch.sigmoid(x[..., :len(w)] @ w)
        begun = torch.zeros(batch, time, dtype=torch.long) if begins is None else begins
        share = share * (torch.arange(time) > begun)
        x = x + share[..., None] * x.roll(1, 1)
    x = drop(m, 0, x)
    branch, out, _ = multipliers(m)
    x0 = x
    for i in range(layers):
        if m.get("x0_residual"):
            x = p[f"{i}.mix.x.w"] * x + p[f"{i}.mix.x0.w"] * x0
        attended = attend(m, p, i, normalise(m, p, f"{i}.ln1", x), begins, tokens[:, :-1])
        x = x + branch * drop(m, 2 * i + 1, attended)
        fed = feed_forward(m, p, i, normalise(m, p, f"{i}.ln2", x))
        x = x + branch * drop(m, 2 * i + 2, fed)
    logits = out * normalise(m, p, "lnf", x) @ p["wte" if m["tie_embeddings"] else "head"].T
    if m.get("logit_softcap"):
        logits = m["logit_softcap"] * torch.tanh(logits / m["logit_softcap"])
    return logits, tokens[:, 1:]


def loss_of(m, p, first=0):
    logits, targets = logits_and_targets(m, p, first)
    loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum",
                                    label_smoothing=m.get("label_smoothing", 0.0))
    return loss + m.get("z_loss", 0.0) * (logits.logsumexp(-1) ** 2).sum()


def further_loss(m, p, first=0):
    """Of the tokens behind each token's first target, by the same logits; they lie in the window or
    behind it, and with documents no farther than the next document_token."""
    weights = m.get("multi_token", [])
    batch, time, vocab = m["shape"][:3]
    logits = logits_and_targets(m, p, first)[0] if weights else None
    tokens = [[token(first + b, t, vocab) for t in range(time + 1 + len(weights))]
              for b in range(batch)]
    loss = torch.zeros(())
    for k, weight in enumerate(weights):
        for b in range(batch):
            for t in range(time):
                if m.get("document_token") in tokens[b][t + 1: t + 2 + k]:
                    continue
                nll = -logits[b, t].log_softmax(-1)[tokens[b][t + 2 + k]]
                loss = loss + weight * nll
    return loss


def main():
    for name, m in MODELS.items():
        p = make_parameters(m)
        loss = loss_of(m, p)
        ((loss + further_loss(m, p)) / (m["shape"][0] * m["shape"][1])).backward()
        logits = logits_and_targets(dict(m, dropout=0), p)[0].flatten().tolist()
        path = os.path.join(HERE, f"transformer_{name}.bin")
        with open(path, "wb") as out:
            out.write(struct.pack("<d", loss.item()))
            out.write(struct.pack(f"<{len(logits)}f", *logits))
            for x in p.values():
                g = x.grad.reshape(-1).tolist()
                out.write(struct.pack(f"<{len(g)}f", *g))
        print(f"{os.path.basename(path)}: loss {loss.item():.6f}, "
              f"{sum(x.numel() for x in p.values())} gradients")


if __name__ == "__main__":
    main()
