"""Generation beside llama.cpp: the same model of 124M parameters in F32 and in BF16, the same threads, both
programs loaded and asked in turns.

    generate.py LMTRAIN OURS [--threads N] [--pairs N] [--prompt N] [--tokens N] [--cpu ISA] [--dtype TYPE]

OURS: generate.c, built by generate.sh. llama.cpp is its own llama-bench where LLAMA_BENCH names that program (started
for each figure; LLAMA_BENCH_OPTIONS: more of its options, as "-fa on"), else node-llama-cpp. Keys and values are F32 as
ours are; a llama-bench as it is distributed knows f16 and less: LLAMA_BENCH_CACHE=f16, or f32 once its function
ggml_type_from_name has that name. For each type: the tokens a second of the prompt and of the tokens after it, the
median ratio of the pairs and that of the bests, and the tokens as a share of what reading the weights allows, whose
rate is measured beside each pair."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
CONTEXT = 256
MODEL = {"n_layers": 12, "d_model": 768, "n_heads": 12, "context_length": CONTEXT, "vocab_size": 50304,
         "mlp": "gelu_tanh", "norm": "layernorm", "position": "learned"}
MATRICES = 12 * 12 * 768 * 768 + 50304 * 768


def run(*command, cwd):
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]}: {done.stderr}")


def make_models(lmtrain, work, types):
    """A run of one step, exported as GGUF."""
    (work / "text").write_text("".join(f"{i} is one less than {i + 1}.\n" for i in range(9000)))
    run(lmtrain, "tokenize", "--tokenizer", "bytes", "--input", "text", "--output", "data", cwd=work)
    config = {"run": {"dir": "run"}, "data": {"train": "data"}, "model": MODEL,
              "train": {"steps": 1, "micro_batch": 1, "grad_accumulation": 1}}
    (work / "run.json").write_text(json.dumps(config))
    run(lmtrain, "--config", "run.json", cwd=work)
    for dtype in types:
        run(lmtrain, "export", "run", "--to", "gguf", "--output", f"{dtype}.gguf", "--dtype", dtype, cwd=work)


class Peer:
    def __init__(self, *command):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer or answer == ["error"]:
            sys.exit(f"no answer from {self.process.args[0]}")
        return [float(x) for x in answer]

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)


class LlamaBench:
    """llama-bench, once for the prompt and once for tokens after it; it knows no last token."""

    def __init__(self, program, gguf, threads):
        cache = os.environ.get("LLAMA_BENCH_CACHE", "f32")
        self.command = [program, "-m", str(gguf), "-t", str(threads), "-ctk", cache, "-ctv", cache, "-r", "1",
                        "-o", "json", *os.environ.get("LLAMA_BENCH_OPTIONS", "").split()]

    def rate(self, *test):
        done = subprocess.run([*self.command, *map(str, test)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(self.command)}: {done.stderr[:300]}")
        return json.loads(done.stdout)[0]["avg_ts"]

    def ask(self, line):
        prompt, tokens = line.split()
        return [self.rate("-p", prompt, "-n", 0), self.rate("-p", 0, "-n", tokens, "-d", prompt), None]

    def end(self):
        pass


def compare(o, work, dtype):
    gguf = work / f"{dtype}.gguf"
    ours = Peer(o.ours, gguf, "bf16" if dtype == "bf16" else "fp32", o.threads, *([o.cpu] if o.cpu else []))
    bench = os.environ.get("LLAMA_BENCH")
    theirs = LlamaBench(bench, gguf, o.threads) if bench else \
        Peer("node", HERE / "generate.mjs", gguf, o.threads, CONTEXT)
    rows, agree = [], 0
    line = f"{o.prompt} {o.tokens}"
    for peer in (ours, theirs):
        peer.ask(line)
    for pair in range(o.pairs):
        first, second = (ours, theirs) if pair % 2 == 0 else (theirs, ours)
        before = ours.ask("read")[0]
        a, b = first.ask(line), second.ask(line)
        a, b = (a, b) if first is ours else (b, a)
        limit = max(before, ours.ask("read")[0]) / (MATRICES * (2 if dtype == "bf16" else 4))
        agree += a[2] == b[2]
        rows.append((a[0], b[0], a[1], b[1], a[1] / limit, b[1] / limit))
    ours.end()
    theirs.end()
    for name, i in (("prompt", 0), ("tokens", 2)):
        x, y = [r[i] for r in rows], [r[i + 1] for r in rows]
        ratio = statistics.median(a / b for a, b in zip(x, y))
        print(f"{dtype:5} {name}: {statistics.median(x):8.1f} and {statistics.median(y):8.1f} tokens/s (best "
              f"{max(x):.1f}, {max(y):.1f}), median ratio {ratio:.3f}, of bests {max(x) / max(y):.3f}")
    shares = [statistics.median(r[i] for r in rows) for i in (4, 5)]
    same = "" if bench else f"; {agree} of {o.pairs} pairs ended in the same token"
    print(f"{dtype:5} of what reading the weights allows: {shares[0]:.1%} and {shares[1]:.1%} (median); best "
          f"{max(r[4] for r in rows):.1%}{same}", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("lmtrain")
    p.add_argument("ours")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--pairs", type=int, default=7)
    p.add_argument("--prompt", type=int, default=128)
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--cpu", default="")
    p.add_argument("--dtype", choices=("f32", "bf16"), action="append")
    p.add_argument("--models", help="a directory to keep the models in, and to take them from")
    o = p.parse_args()
    o.lmtrain, o.ours = os.path.abspath(o.lmtrain), os.path.abspath(o.ours)
    types = o.dtype or ["f32", "bf16"]
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(o.models or temporary)
        work.mkdir(exist_ok=True)
        if not all((work / f"{t}.gguf").exists() for t in types):
            make_models(o.lmtrain, work, types)
        print(f"124M, prompt of {o.prompt}, {o.tokens} tokens, {o.threads} threads: lmtrain and llama.cpp")
        for dtype in types:
            compare(o, work, dtype)


main()
