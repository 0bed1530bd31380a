#!/usr/bin/env python3
"""Writes optimizers.h: ten updates by PyTorch in float64, the oracle of tests/optim/.

The gradient of step t is g_i = a_i w_i + b_i(t); both sides build a, b, w from the same formula.
PyTorch's AdamW takes the decay before the update, scaled by lr, as ours does.
"""
import os
import torch

N, STEPS = 8, 10


def hash01(i):
    return ((i * 2654435761 + 12345) % 4294967296) / 4294967296


def run(make):
    w = torch.tensor([hash01(i) - 0.5 for i in range(N)], dtype=torch.float64, requires_grad=True)
    optimizer = make([w])
    for t in range(STEPS):
        a = torch.tensor([hash01(100 + i) for i in range(N)], dtype=torch.float64)
        b = torch.tensor([hash01(1000 + 10 * t + i) - 0.5 for i in range(N)], dtype=torch.float64)
        w.grad = a * w.detach() + b
        optimizer.step()
    return w.detach().tolist()


o = torch.optim
rows = [
    ("sgd", "lr 0.05", run(lambda p: o.SGD(p, lr=0.05))),
    ("momentum", "lr 0.05, momentum 0.9", run(lambda p: o.SGD(p, lr=0.05, momentum=0.9))),
    ("adam", "lr 0.01, beta1 0.9, beta2 0.95, eps 1e-8",
     run(lambda p: o.Adam(p, lr=0.01, betas=(0.9, 0.95), eps=1e-8))),
    ("adamw", "the same, weight_decay 0.1",
     run(lambda p: o.AdamW(p, lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1))),
]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.h"), "w") as f:
    f.write("/* Written by make_optimizers.py. */\n")
    f.write("static const struct {\n    const char *name;\n    double weights[%d];\n" % N)
    f.write("} golden_optimizers[] = {\n")
    for name, comment, w in rows:
        f.write("    /* %s */\n    {\"%s\",\n     {%s}},\n" % (
            comment, name, ",\n      ".join(", ".join(repr(x) for x in w[i:i + 4])
                                             for i in range(0, N, 4))))
    f.write("};\n")
