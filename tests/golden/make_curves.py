#!/usr/bin/env python3
"""Writes curves.h: the losses of 30 updates of the models of make_transformer.py, in float64.

AdamW with decay of matrices and embeddings only, clipping, two micro-batches per update, linear
warm-up and a cosine; learning rate, decay and eps of a parameter as its parametrization says;
n-gram tables by lazy Adam. tests/model/test_curves.c states the same run for the C code.
"""
import math
import os

import torch

from make_transformer import MODELS, further_loss, loss_of, make_parameters, multipliers

STEPS, WARMUP, LR, LEAST, MICRO_BATCHES = 30, 5, 3e-3, 0.1, 2


def learning_rate(step):
    if step < WARMUP:
        return LR * step / WARMUP
    done = (step - WARMUP) / (STEPS - WARMUP)
    return LR * (LEAST + (1 - LEAST) * (1 + math.cos(math.pi * done)) / 2)


def group(m, name, x):
    """Of one parameter: a layer's has a name that begins with its number."""
    branch, logits, _ = multipliers(m)  # 1 / m_L, 1 / m_w
    in_layer = name[0].isdigit()
    factor = logits if in_layer and x.dim() == 2 else 1.0
    return {"params": [x], "factor": factor, "weight_decay": 0.1 / factor if x.dim() == 2 else 0.0,
            "eps": 1e-8 * logits * (branch if in_layer else 1.0)}


class LazyAdam:
    """No first moment; elements without gradient stay, as does their second moment."""

    def __init__(self, parameters):
        self.state = [(x, torch.zeros_like(x)) for x in parameters]

    @torch.no_grad()
    def step(self, t, lr, beta2=0.95, eps=1e-8):
        for x, v in self.state:
            reached = x.grad != 0
            v[reached] = beta2 * v[reached] + (1 - beta2) * x.grad[reached] ** 2
            root = torch.sqrt(v[reached] / (1 - beta2**t)) + eps
            x[reached] -= lr * x.grad[reached] / root


def curve(m):
    p = make_parameters(m)
    batch, time = m["shape"][:2]
    tables = [x for name, x in p.items() if name.startswith("ngram")]
    groups = [group(m, name, x) for name, x in p.items() if not name.startswith("ngram")]
    lazy = LazyAdam(tables)
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=(0.9, 0.95), eps=1e-8)
    losses = []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        for x in tables:
            x.grad = None
        total = 0.0
        for micro in range(MICRO_BATCHES):
            first = ((step - 1) * MICRO_BATCHES + micro) * batch
            loss = loss_of(m, p, first) / (MICRO_BATCHES * batch * time)
            (loss + further_loss(m, p, first) / (MICRO_BATCHES * batch * time)).backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(p.values(), 1.0)
        for g in optimizer.param_groups:
            g["lr"] = learning_rate(step) * g["factor"]
        optimizer.step()
        lazy.step(step, learning_rate(step))
        losses.append(total)
    return losses


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "curves.h")
    with open(path, "w") as out:
        out.write("/* Written by make_curves.py. */\n")
        out.write("static const struct {\n    const char *name;\n    double loss[%d];\n" % STEPS)
        out.write("} golden_curves[] = {\n")
        for name, m in MODELS.items():
            losses = curve(m)
            print(name, losses[0], losses[-1])
            lines = [", ".join("%.12g" % x for x in losses[i:i + 5]) for i in range(0, STEPS, 5)]
            out.write('    {"%s",\n     {%s}},\n' % (name, ",\n      ".join(lines)))
        out.write("};\n")


if __name__ == "__main__":
    main()
