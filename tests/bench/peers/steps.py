"""Training steps of PyTorch and of lmtrain in turns: interleaved pairs, written to a file, and what
they say together.

    steps.py LMTRAIN --preset 124m --precision bf16 --pairs 2 --out FILE     measures two more pairs
    steps.py LMTRAIN --out FILE --report                                     medians of all in FILE

A pair is: the machine's peak (lmtrain bench --only machine), some seconds of PyTorch's steps, the
same of lmtrain's (lmtrain bench --only step, which reads the peak meanwhile), each in the order of
that pair. A pair counts when both readings of the peak are within 5% of the best in the file for
its precision and instruction set. PyTorch runs as fast as it can: --mode fastest measures eager,
compiled and compiled with autotuning at first, and goes on with the fastest. --cpu avx2 holds both
to AVX2. A first call that compiles takes minutes; later ones find its cache.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

MODES = ("eager", "compile", "autotune")


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("lmtrain")
    p.add_argument("--preset", choices=("124m", "384", "128"), default="128")
    p.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    p.add_argument("--cpu", choices=("auto", "avx2"), default="auto")
    p.add_argument("--mode", choices=("fastest",) + MODES, default="fastest")
    p.add_argument("--pairs", type=int, default=7)
    p.add_argument("--seconds", type=float, default=2, help="of steps on each side of a pair")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--out", help="results are appended to this file, a JSON object a line")
    p.add_argument("--report", action="store_true", help="print what the file says; measure nothing")
    p.add_argument("--warm", action="store_true", help="compile, take a step and stop")
    return p.parse_args()


def bench(a, *options):
    command = [a.lmtrain, "bench", "--json", "--cpu", a.cpu, "--threads", str(a.threads), *options]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} failed: {run.stderr}")
    return json.loads(run.stdout)


def peak(a):
    """FLOP/s of the machine now, at the precision of the pair."""
    name = "bf16 dot product" if a.precision == "bf16" else "fp32 multiply-add"
    found = bench(a, "--only", "machine", "--match", name, "--seconds", "0.1")
    return next(row["best_flops_per_s"] for row in found["machine"] if row["name"] == name)


def ours(a):
    # The bench repeats steps ten times as long as it is told, after a first one that warms up.
    row = bench(a, "--only", "step", "--preset", a.preset, "--seconds", str(a.seconds / 10),
                "--set", f"train.precision={a.precision}")["step"][0]
    return {"median": row["seconds"], "best": row["best_seconds"], "share": row["share"],
            "best_share": row["best_share"], "flops": row["flops_per_s"] * row["seconds"],
            "peak": row["flops_per_s"] / row["share"]}


class Peer:
    """PyTorch's steps in one mode."""

    def __init__(self, a, mode):
        import gpt2
        import torch
        torch.set_num_threads(a.threads)
        self.training, self.mode = gpt2.Training(a.preset, a.precision, mode), mode
        self.windows = [self.training.random_batch() for _ in range(8)]
        self.training.step(self.windows[0])

    def measure(self, seconds):
        times = []
        end = time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            self.training.step(self.windows[len(times) % len(self.windows)])
            times.append(time.perf_counter() - start)
        return {"median": statistics.median(times), "best": min(times), "mode": self.mode}


def choose(a):
    """The mode given, or the fastest."""
    if a.mode != "fastest":
        return Peer(a, a.mode)
    best, best_time = None, float("inf")
    for mode in MODES:
        peer = Peer(a, mode)
        took = peer.measure(a.seconds)["best"]
        print(f"PyTorch, {mode}: {took * 1e3:.2f} ms", flush=True)
        if took < best_time:
            best, best_time = peer, took
    return best


def measure(a):
    import torch
    peer = choose(a)
    if a.warm:
        print(json.dumps(peer.measure(0)))
        return
    for i in range(a.pairs):
        pair = {"preset": a.preset, "precision": a.precision, "cpu": a.cpu, "threads": a.threads,
                "torch": torch.__version__, "time": time.time(), "peak": peak(a)}
        sides = {"theirs": lambda: peer.measure(a.seconds), "ours": lambda: ours(a)}
        for side in sorted(sides, reverse=i % 2 == 0):
            pair[side] = sides[side]()
        print(f"{a.preset} {a.precision} {a.cpu}: {pair['theirs']['median'] / pair['ours']['median']:.3f}x,"
              f" lmtrain {pair['ours']['median'] * 1e3:.2f} ms,"
              f" PyTorch ({peer.mode}) {pair['theirs']['median'] * 1e3:.2f} ms,"
              f" peak {pair['peak'] * 1e-9:.1f} and {pair['ours']['peak'] * 1e-9:.1f} GFLOP/s", flush=True)
        if a.out:
            with open(a.out, "a", encoding="utf-8") as file:
                file.write(json.dumps(pair) + "\n")


def report(a):
    with open(a.out, encoding="utf-8") as file:
        pairs = [json.loads(line) for line in file]
    print("| step | pairs kept | lmtrain / PyTorch, median | best / best | lmtrain: median, best of the peak"
          " | PyTorch: mode, median, best of the peak |\n|---|---|---|---|---|---|")
    bests = {}
    for p in pairs:
        key = (p["precision"], p["cpu"], p["threads"])
        bests[key] = max(bests.get(key, 0), p["peak"], p["ours"]["peak"])
    groups = {}
    for p in pairs:
        groups.setdefault((p["preset"], p["precision"], p["cpu"], p["threads"]), []).append(p)
    for key, group in groups.items():
        top = bests[key[1:]]
        kept = [p for p in group if min(p["peak"], p["ours"]["peak"]) >= 0.95 * top]
        if not kept:
            print(f"| {' '.join(map(str, key))} | 0 of {len(group)} | | | | |")
            continue
        def share(side, what, fold):
            return 100 * group[0]["ours"]["flops"] / fold(p[side][what] for p in kept) / top
        ratio = statistics.median(p["theirs"]["median"] / p["ours"]["median"] for p in kept)
        best = min(p["theirs"]["best"] for p in kept) / min(p["ours"]["best"] for p in kept)
        print(f"| {key[0]} {key[1]}, {key[2]}, {key[3]} threads | {len(kept)} of {len(group)}"
              f" | {ratio:.2f}x | {best:.2f}x"
              f" | {share('ours', 'median', statistics.median):.1f}%,"
              f" {share('ours', 'best', min):.1f}%"
              f" ({1e3 * statistics.median(p['ours']['median'] for p in kept):.1f} ms)"
              f" | {'/'.join(sorted({p['theirs']['mode'] for p in kept}))},"
              f" {share('theirs', 'median', statistics.median):.1f}%,"
              f" {share('theirs', 'best', min):.1f}%"
              f" ({1e3 * statistics.median(p['theirs']['median'] for p in kept):.1f} ms) |")
    print("peaks:", ", ".join(f"{k[0]} {k[1]} {v * 1e-9:.1f} GFLOP/s" for k, v in bests.items()))


def main():
    a = arguments()
    if a.report:
        report(a)
        return
    if a.cpu == "avx2":  # read when PyTorch is loaded
        os.environ.update(ATEN_CPU_CAPABILITY="avx2", ONEDNN_MAX_CPU_ISA="AVX2",
                          MKL_ENABLE_INSTRUCTIONS="AVX2")
    measure(a)


main()
