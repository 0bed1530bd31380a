"""Writes src/sweep/sobol.inc (the direction numbers of Joe & Kuo) and tests/sweep/sobol.inc (points
that SciPy makes of them). Needs SciPy; the build and the tests do not.

    python3 tests/sweep/make_sobol.py
"""
import os

import numpy as np
import scipy.stats
from scipy.stats import qmc

MOST = 64
here = os.path.dirname(os.path.abspath(__file__))
table = np.load(os.path.join(os.path.dirname(scipy.stats.__file__), "_sobol_direction_numbers.npz"))
poly, vinit = table["poly"], table["vinit"]

with open(os.path.join(here, "../../src/sweep/sobol.inc"), "w") as out:
    out.write("/* clang-format off */\n/* Written by tests/sweep/make_sobol.py: the direction numbers new-joe-kuo-6 (Joe & Kuo 2008, table of\n"
              " * criterion D6), of the dimensions behind the first: the coefficients of the primitive\n"
              " * polynomial as bits, highest first, and m_1, m_2, ... */\n")
    for d in range(1, MOST):
        degree = int(poly[d]).bit_length() - 1
        m = ", ".join(str(int(x)) for x in vinit[d][:degree])
        out.write(f"{{{int(poly[d])}, {{{m}}}}},\n")

# Dimensions and indices all over the table; 2^30 x, whole numbers.
indices = [0, 1, 2, 3, 4, 5, 6, 7, 8, 100, 1000, 1023, 1024]
points = qmc.Sobol(MOST, scramble=False, bits=30).random(1025)
with open(os.path.join(here, "sobol.inc"), "w") as out:
    out.write("/* clang-format off */\n")
    out.write(f"/* Written by make_sobol.py, by SciPy {scipy.__version__}: scipy.stats.qmc.Sobol({MOST}, scramble=False,\n"
              " * bits=30), times 2^30; a row for each index of sobol_indices. */\n")
    out.write("static const int sobol_indices[] = {" + ", ".join(map(str, indices)) + "};\n")
    out.write(f"static const uint32_t sobol_points[][{MOST}] = {{\n")
    for i in indices:
        row = [str(int(x * 2**30)) for x in points[i]]
        out.write("    {")
        for k in range(0, MOST, 8):
            out.write(("\n     " if k else "") + ", ".join(row[k:k + 8]) + ("," if k + 8 < MOST else ""))
        out.write("},\n")
    out.write("};\n")
