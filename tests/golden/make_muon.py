#!/usr/bin/env python3
"""Writes muon.h (then: clang-format -i muon.h): twenty updates of a matrix by Muon in float64, the oracle of tests/optim/test_muon.c.

The polar factor comes from PyTorch's SVD and the polynomial applied to the singular values alone, so
it shares nothing with the iteration that is tested. The gradient of step t is g = a w + b(t); both
sides build a, b, w from the same formula.
"""
import math
import os

import torch

STEPS, LR, MOMENTUM, DECAY = 20, 0.02, 0.95, 0.1
POLYNOMIALS = {
    "polar_express": (1.02, 1e-6, [
        (8.156554524902461, -22.48329292557795, 15.878769915207462),
        (4.042929935166739, -2.808917465908714, 0.5000178451051316),
        (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
        (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
        (2.3465413258596377, -1.7097828382687081, 0.42323551169305323)]),
    "newton_schulz": (1.0, 1e-7, [(3.4445, -4.7750, 2.0315)] * 5),
}
SCALES = {
    "match_rms": lambda r, c: 0.2 * math.sqrt(max(r, c)),
    "spectral": lambda r, c: math.sqrt(r / c),
    "aspect": lambda r, c: math.sqrt(max(1, r / c)),
}
# name of the polynomial, scale, beta of NorMuon, lines, columns, lines of a head (0: none)
ROWS = [
    ("newton_schulz", "aspect", 0.0, 4, 6, 0),
    ("newton_schulz", "match_rms", 0.0, 6, 4, 0),
    ("polar_express", "match_rms", 0.9, 6, 4, 0),
    ("polar_express", "spectral", 0.9, 4, 6, 0),
    ("polar_express", "match_rms", 0.95, 6, 8, 3),
]


def hash01(i):
    return ((i * 2654435761 + 12345) % 4294967296) / 4294967296


def filled(first, lines, columns, shift):
    return torch.tensor([[hash01(first + i * columns + j) - shift for j in range(columns)]
                         for i in range(lines)], dtype=torch.float64)


def polar(u, name):
    safety, eps, steps = POLYNOMIALS[name]
    left, s, right = torch.linalg.svd(u / (safety * u.norm() + eps), full_matrices=False)
    for a, b, c in steps:
        s = a * s + b * s ** 3 + c * s ** 5
    return left @ torch.diag(s) @ right


def run(name, scale, beta, lines, columns, head):
    w = filled(0, lines, columns, 0.5)
    a = filled(100, lines, columns, 0)
    m = torch.zeros_like(w)
    each = head or lines
    seconds = [torch.zeros(max(each, columns), dtype=torch.float64) for _ in range(lines // each)]
    for t in range(STEPS):
        g = a * w + filled(1000 + 100 * t, lines, columns, 0.5)
        m = MOMENTUM * m + (1 - MOMENTUM) * g
        u = (1 - MOMENTUM) * g + MOMENTUM * m
        for k in range(lines // each):
            part = slice(k * each, (k + 1) * each)
            o = polar(u[part], name)
            if beta:
                across = 1 if each >= columns else 0
                seconds[k] = beta * seconds[k] + (1 - beta) * (o ** 2).mean(across)
                before = o.norm()
                o = o / seconds[k].clamp(min=1e-10).sqrt().unsqueeze(across)
                o = o * before / o.norm()
            w[part] = w[part] * (1 - LR * DECAY) - LR * SCALES[scale](each, columns) * o
    return w.flatten().tolist()


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "muon.h"), "w") as f:
    f.write("/* Written by make_muon.py. */\n")
    f.write("static const struct {\n    const char *polar, *scale;\n    double line_beta2;\n"
            "    int lines, columns, head;\n    double weights[48];\n} golden_muon[] = {\n")
    for row in ROWS:
        w = run(*row)
        f.write("    {\"%s\", \"%s\", %r, %d, %d, %d,\n     {%s}},\n" % (
            *row, ",\n      ".join(", ".join(repr(x) for x in w[i:i + 4])
                                  for i in range(0, len(w), 4))))
    f.write("};\n")
