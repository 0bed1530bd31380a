#!/usr/bin/env python3
"""Writes optimizers.h: twenty updates in float64, the oracle of tests/optim/.

Gradient descent, Adam and AdamW are PyTorch's; the others, and cautious decay, are written out here
from the equations of their papers (PyTorch has none of them), as plain Python. schedule_free is
compared with the authors' package, if that is installed.

The gradient of step t is g_i = a_i w_i + b_i(t); both sides build a, b, w from the same formula.
PyTorch's AdamW takes the decay before the update, scaled by lr, as ours does.
"""
import math
import os
import torch

N, STEPS = 8, 20
TOKENS = 100  # of a step


def hash01(i):
    return ((i * 2654435761 + 12345) % 4294967296) / 4294967296


def gradient(i, t, w):
    return hash01(100 + i) * w + hash01(1000 + 10 * t + i) - 0.5


def by_torch(make):
    w = torch.tensor([hash01(i) - 0.5 for i in range(N)], dtype=torch.float64, requires_grad=True)
    optimizer = make([w])
    if hasattr(optimizer, "train"):  # schedulefree's, which holds the weights of training
        optimizer.train()
    for t in range(STEPS):
        w.grad = torch.tensor([gradient(i, t, x) for i, x in enumerate(w.tolist())], dtype=torch.float64)
        optimizer.step()
    return w.detach().tolist()


def by_hand(step):
    """step(g, w, state, t) -> (direction, decay): w <- w - decay w - direction."""
    w, states = [hash01(i) - 0.5 for i in range(N)], [{} for _ in range(N)]
    for t in range(STEPS):
        for i in range(N):
            direction, decay = step(gradient(i, t, w[i]), w[i], states[i], t + 1)
            w[i] = w[i] - decay * w[i] - direction
    return w


def ema(state, name, beta, x):
    state[name] = beta * state.get(name, 0.0) + (1 - beta) * x
    return state[name]


def decay_of(o, u, w):
    return 0.0 if o.get("cautious") and not u * w > 0 else o["lr"] * o.get("weight_decay", 0.0)


def adam(o):
    def step(g, w, s, t):
        beta2 = 0.5 ** (TOKENS / o["beta2_tokens"]) if "beta2_tokens" in o else o["beta2"]
        m, v = ema(s, "m", o["beta1"], g), ema(s, "v", beta2, g * g)
        u = (m / (1 - o["beta1"] ** t)) / (math.sqrt(v / (1 - beta2 ** t)) + o["eps"])
        return o["lr"] * u, decay_of(o, u, w)
    return step


def lion(o):
    def step(g, w, s, t):
        c = o["beta1"] * s.get("m", 0.0) + (1 - o["beta1"]) * g
        u = (c > 0) - (c < 0)
        ema(s, "m", o["beta2"], g)
        return o["lr"] * u, decay_of(o, u, w)
    return step


def ademamix(o):
    def half_life(beta):
        return math.log(0.5) / math.log(beta + 1e-8) - 1

    def step(g, w, s, t):
        rise = o.get("alpha_steps") or STEPS
        share, beta3 = min(1.0, t / rise), o["beta3"]
        if t < rise:
            h = (1 - share) * half_life(o["beta1"]) + share * half_life(o["beta3"])
            beta3 = 0.5 ** (1 / (h + 1))
        m, v = ema(s, "m", o["beta1"], g), ema(s, "v", o["beta2"], g * g)
        slow = ema(s, "s", beta3, g)
        u = m / (1 - o["beta1"] ** t) + o["alpha"] * share * slow
        u /= math.sqrt(v / (1 - o["beta2"] ** t)) + o["eps"]
        return o["lr"] * u, decay_of(o, u, w)
    return step


def momentum(o):
    def step(g, w, s, t):
        s["b"] = o["momentum"] * s.get("b", 0.0) + g
        u = g + o["momentum"] * s["b"] if o.get("nesterov") else s["b"]
        return o["lr"] * u, decay_of(o, u, w)
    return step


def sgd(o):
    return lambda g, w, s, t: (o["lr"] * g, decay_of(o, g, w))


def schedule_free(o):
    """The average x is kept as such, unlike in src/optim/schedule_free.c."""
    w = [hash01(i) - 0.5 for i in range(N)]
    z, x, v, squares = list(w), list(w), [0.0] * N, 0.0
    for t in range(STEPS):
        squares += o["lr"] ** 2
        share = o["lr"] ** 2 / squares
        for i in range(N):
            g = gradient(i, t, w[i])
            v[i] = o["beta2"] * v[i] + (1 - o["beta2"]) * g * g
            step = o["lr"] * g / (math.sqrt(v[i] / (1 - o["beta2"] ** (t + 1))) + o["eps"])
            z[i] -= step + decay_of(o, g, w[i]) * w[i]
            x[i] = (1 - share) * x[i] + share * z[i]
            w[i] = (1 - o["beta1"]) * z[i] + o["beta1"] * x[i]
    return w


O = torch.optim
SGD = {"lr": 0.05}
ADAM = {"lr": 0.01, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8}
MIX = dict(ADAM, beta2=0.999, beta3=0.9999, alpha=5.0, weight_decay=0.1)
BETAS = (0.9, 0.95)
rows = [
    ("sgd", SGD, by_torch(lambda p: O.SGD(p, lr=0.05))),
    ("momentum", dict(SGD, momentum=0.9), by_torch(lambda p: O.SGD(p, lr=0.05, momentum=0.9))),
    ("momentum", dict(SGD, momentum=0.9, nesterov=True),
     by_torch(lambda p: O.SGD(p, lr=0.05, momentum=0.9, nesterov=True))),
    ("adam", ADAM, by_torch(lambda p: O.Adam(p, lr=0.01, betas=BETAS, eps=1e-8))),
    ("adamw", dict(ADAM, weight_decay=0.1),
     by_torch(lambda p: O.AdamW(p, lr=0.01, betas=BETAS, eps=1e-8, weight_decay=0.1))),
]
for name, o, by in [
    ("sgd", dict(SGD, weight_decay=0.5, cautious=True), sgd),
    ("momentum", dict(SGD, momentum=0.8, weight_decay=0.5, cautious=True), momentum),
    ("momentum", dict(SGD, momentum=0.8, weight_decay=0.5, nesterov=True, cautious=True), momentum),
    ("adamw", dict(ADAM, weight_decay=0.5, cautious=True), adam),
    ("adamw", dict(ADAM, weight_decay=0.1, beta2_tokens=700.0), adam),
    ("lion", dict(lr=0.003, beta1=0.9, beta2=0.99, weight_decay=0.3), lion),
    ("lion", dict(lr=0.003, beta1=0.9, beta2=0.99, weight_decay=0.3, cautious=True), lion),
    ("ademamix", MIX, ademamix),
    ("ademamix", dict(MIX, alpha_steps=7), ademamix),
    ("ademamix", dict(MIX, alpha_steps=1, alpha=2.0, cautious=True), ademamix),
]:
    rows.append((name, o, by_hand(by(o))))
for o in [dict(ADAM, weight_decay=0.1), dict(ADAM, weight_decay=0.5, cautious=True)]:
    rows.append(("schedule_free", o, schedule_free(o)))

# What is written out here agrees with PyTorch where that has it.
for i, by in [(1, momentum), (2, momentum), (3, adam), (4, adam)]:
    assert all(abs(x - y) < 1e-14 for x, y in zip(rows[i][2], by_hand(by(rows[i][1])))), rows[i][0]


# schedule_free agrees with the authors' package, where that is installed (pip install schedulefree).
try:
    from schedulefree import AdamWScheduleFree
except ImportError:
    AdamWScheduleFree = None
    print("schedulefree is not installed: schedule_free was not compared with it")
if AdamWScheduleFree:
    for _, o, w in [row for row in rows if row[0] == "schedule_free" and not row[1].get("cautious")]:
        official = by_torch(lambda p: AdamWScheduleFree(
            p, lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"],
            weight_decay=o["weight_decay"], foreach=False))
        print("schedule_free and the package differ by",
              max(abs(x - y) for x, y in zip(w, official)), "after", STEPS, "steps")
        assert all(abs(x - y) < 1e-14 for x, y in zip(w, official))


def text(x):
    return str(x).lower() if isinstance(x, bool) else repr(x)


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.h"), "w") as f:
    f.write("/* Written by make_optimizers.py. */\n#include \"optim/optimizer.h\"\n\n")
    f.write("enum { GOLDEN_N = %d, GOLDEN_STEPS = %d, GOLDEN_TOKENS = %d };\n" % (N, STEPS, TOKENS))
    f.write("static const struct {\n    const char *name;\n    lm_optimizer_options options;\n")
    f.write("    double weights[%d];\n} golden_optimizers[] = {\n" % N)
    for name, o, w in rows:
        f.write("    {\"%s\",\n     {%s},\n     {%s}},\n" % (
            name, ", ".join(".%s = %s" % (k, text(x)) for k, x in o.items()),
            ",\n      ".join(", ".join(repr(x) for x in w[i:i + 4]) for i in range(0, N, 4))))
    f.write("};\n")
