"""compare.py LMTRAIN WORK [ROW...]: exports beside the programs that they are for.

Trains a small model for every row of the table of classes, exports it, and asks transformers and
llama.cpp (llama_cpp.mjs, unless LLAMA_CPP_NODE is empty) what they make of it:
- the log-probability of each of 200 tokens and more, against `lmtrain eval --token-losses`;
- 64 tokens, each the likeliest, against `lmtrain generate --temperature 0`;
- the ids of a text.
Everything is written below WORK. make test-interop calls it through compare.sh.
"""
import json
import os
import pathlib
import struct
import subprocess
import sys

import numpy as np
import torch
import transformers

TOLERANCE = 2e-5  # of a log-probability, absolute
GELU_IN_LLAMA_CPP = 5e-3  # which computes GELU from a table of half precision
NEAR = 1e-3  # the likeliest token may differ where the two best are so near
GREEDY, PROMPT = 64, 40
HERE = pathlib.Path(__file__).resolve().parent

LAYERNORM = {"norm": "layernorm"}
BIASED = {"norm": "layernorm", "bias": True}
GPT2 = {"norm": "layernorm", "bias": True, "position": "learned"}
LLAMA3 = {"rope_scaling": "llama3", "rope_factor": 8, "rope_original_context": 64}
# name, keys of the model, class in transformers, architecture in llama.cpp (None: none holds it)
ROWS = [
    ("llama", {}, "LlamaForCausalLM", "llama"),
    ("llama-gqa-untied", {"n_kv_heads": 2, "tie_embeddings": False, "rope_theta": 500000}, "LlamaForCausalLM", "llama"),
    ("llama-bias", {"bias": True}, "LlamaForCausalLM", "llama"),
    ("llama-head-dim", {"head_dim": 24, "n_kv_heads": 1}, "LlamaForCausalLM", "llama"),
    ("mistral", {"window": 220, "context_length": 320}, "MistralForCausalLM", "llama"),
    ("qwen2", {"qkv_bias": True, "n_kv_heads": 2}, "Qwen2ForCausalLM", "qwen2"),
    ("qwen2-window", {"qkv_bias": True, "window": 220, "context_length": 320}, "Qwen2ForCausalLM", "qwen2"),
    ("qwen3", {"qk_norm": True, "n_kv_heads": 2}, "Qwen3ForCausalLM", "qwen3"),
    ("qwen3-head-dim-window", {"qk_norm": True, "head_dim": 24, "window": 220, "context_length": 320}, "Qwen3ForCausalLM", "qwen3"),
    ("arcee", {"mlp": "relu2", "n_kv_heads": 2}, "ArceeForCausalLM", "arcee"),
    ("arcee-bias", {"mlp": "relu2", "bias": True}, "ArceeForCausalLM", None),
    ("starcoder2", {**BIASED, "mlp": "gelu_tanh", "n_kv_heads": 2}, "Starcoder2ForCausalLM", "starcoder2"),
    ("starcoder2-no-bias", {**LAYERNORM, "mlp": "gelu_tanh", "tie_embeddings": False}, "Starcoder2ForCausalLM", "starcoder2"),
    ("starcoder2-window", {**BIASED, "mlp": "gelu_tanh", "window": 220, "context_length": 320}, "Starcoder2ForCausalLM", "starcoder2"),
    ("starcoder2-gelu", {**BIASED, "mlp": "gelu"}, "Starcoder2ForCausalLM", None),
    ("starcoder2-qkv-bias", {**LAYERNORM, "qkv_bias": True, "mlp": "gelu_tanh"}, "Starcoder2ForCausalLM", "starcoder2"),
    ("nemotron", {**LAYERNORM, "norm_bias": True, "mlp": "relu2", "n_kv_heads": 2}, "NemotronForCausalLM", "nemotron"),
    ("nemotron-bias", {**BIASED, "mlp": "relu2"}, "NemotronForCausalLM", "nemotron"),
    ("nemotron-qkv-bias", {**LAYERNORM, "qkv_bias": True, "mlp": "relu2", "tie_embeddings": False}, "NemotronForCausalLM", "nemotron"),
    ("stablelm", {**LAYERNORM, "norm_bias": True, "mlp": "swiglu", "n_kv_heads": 2}, "StableLmForCausalLM", "stablelm"),
    ("stablelm-qkv-bias", {**LAYERNORM, "qkv_bias": True, "mlp": "swiglu"}, "StableLmForCausalLM", "stablelm"),
    ("gpt2", {**GPT2, "mlp": "gelu_tanh"}, "GPT2LMHeadModel", "gpt2"),
    ("gpt2-no-bias", {**GPT2, "bias": False, "mlp": "gelu_tanh", "tie_embeddings": False, "d_ff": 160}, "GPT2LMHeadModel", "gpt2"),
    ("gpt2-gelu", {**GPT2, "mlp": "gelu"}, "GPT2LMHeadModel", None),
    ("gpt2-relu2", {**GPT2, "mlp": "relu2"}, "GPT2LMHeadModel", None),
    ("llama-no-position", {"position": "none"}, "LlamaForCausalLM", "llama"),
    ("qwen3-no-position", {"position": "none", "qk_norm": True}, "Qwen3ForCausalLM", "qwen3"),
    ("arcee-no-position", {"position": "none", "mlp": "relu2"}, "ArceeForCausalLM", "arcee"),
    ("starcoder2-no-position", {**BIASED, "position": "none", "mlp": "gelu_tanh"}, "Starcoder2ForCausalLM", "starcoder2"),
    ("nemotron-no-position", {**BIASED, "position": "none", "mlp": "relu2"}, "NemotronForCausalLM", "nemotron"),
    ("stablelm-no-position", {**LAYERNORM, "position": "none", "mlp": "swiglu"}, "StableLmForCausalLM", "stablelm"),
    ("llama-linear", {"rope_scaling": "linear", "rope_factor": 3}, "LlamaForCausalLM", "llama"),
    ("llama-llama3", {**LLAMA3, "head_dim": 32}, "LlamaForCausalLM", "llama"),
    ("mistral-llama3", {**LLAMA3, "window": 220, "context_length": 320}, "MistralForCausalLM", "llama"),
    ("qwen2-llama3", {**LLAMA3, "qkv_bias": True}, "Qwen2ForCausalLM", None),
    ("qwen3-linear", {"rope_scaling": "linear", "qk_norm": True}, "Qwen3ForCausalLM", "qwen3"),
    ("arcee-llama3", {**LLAMA3, "mlp": "relu2"}, "ArceeForCausalLM", "arcee"),
    ("starcoder2-linear", {**BIASED, "rope_scaling": "linear", "mlp": "gelu_tanh"}, "Starcoder2ForCausalLM", "starcoder2"),
    ("nemotron-half-linear", {**BIASED, "rope_dim": 8, "rope_scaling": "linear", "mlp": "relu2"}, "NemotronForCausalLM", "nemotron"),
    ("nemotron-part", {**BIASED, "head_dim": 28, "rope_dim": 6, "mlp": "relu2"}, "NemotronForCausalLM", None),
    ("stablelm-quarter", {**LAYERNORM, "norm_bias": True, "rope_dim": 4, "mlp": "swiglu"}, "StableLmForCausalLM", "stablelm"),
    ("llama-embedding-norm", {"embedding_norm": True}, "LlamaForCausalLM", "llama"),
    ("starcoder2-embedding-norm", {**BIASED, "embedding_norm": True, "mlp": "gelu_tanh"}, "Starcoder2ForCausalLM", "starcoder2"),
    ("nemotron-embedding-norm", {**LAYERNORM, "embedding_norm": True, "mlp": "relu2", "tie_embeddings": False}, "NemotronForCausalLM", "nemotron"),
]  # fmt: skip
KINDS = ["bytes", "bpe"]  # of tokenizers, which rows take in turn
TEXT = "Hello world! It's 2024 \u2014 na\u00efve caf\u00e9 \U0001f680\n\n  def f(x):\n\treturn x**2  \n"


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def make_corpora(lmtrain, work):
    root = HERE.parent.parent
    text = work / "text.txt"
    texts = [root / "README.md", *sorted(root.glob("src/*/*.h"))]
    text.write_bytes(b"".join(p.read_bytes() for p in texts)[:300000])
    (work / "sample.txt").write_text(TEXT)
    run(lmtrain, "tokenize", "--tokenizer", "bytes", "--input", text, "--val-fraction", 0.1, "--output", work / "bytes", "--force")
    run(lmtrain, "tokenize", "--train", "--vocab-size", 500, "--input", text, "--val-fraction", 0.1, "--output", work / "bpe", "--force")


def our_ids(lmtrain, work, kind):
    """The ids of TEXT, without the token that begins a document."""
    tokenizer = "bytes" if kind == "bytes" else work / "bpe" / "tokenizer.json"
    run(lmtrain, "tokenize", "--tokenizer", tokenizer, "--input", work / "sample.txt", "--output", work / f"sample-{kind}", "--force")
    ids = np.fromfile(work / f"sample-{kind}" / "train.bin", dtype="<u2").tolist()
    return ids if kind == "bytes" else ids[1:]


class Row:
    def __init__(self, lmtrain, work, number, name, model, hf, gguf):
        self.lmtrain, self.name, self.model, self.hf, self.gguf = lmtrain, name, model, hf, gguf
        self.kind = KINDS[number % len(KINDS)]
        self.data, self.run = work / self.kind, work / "runs" / name
        self.hf_path, self.gguf_path = work / "hf" / name, work / "gguf" / f"{name}.gguf"
        self.config = work / f"{name}.json"

    def train(self):
        sizes = {"d_model": 64, "n_layers": 3, "n_heads": 4, "context_length": 256}
        self.config.write_text(json.dumps({
            "run": {"dir": str(self.run), "threads": 1},
            "model": {**sizes, **self.model},
            "data": {"train": str(self.data / "train.bin"), "val": str(self.data / "val.bin")},
            "train": {"steps": 80, "micro_batch": 4},
            "optimizer": {"lr": 1e-2},
        }))  # fmt: skip
        run("rm", "-rf", self.run, self.hf_path, self.gguf_path)
        self.plan = run(self.lmtrain, "--config", self.config, "--dry-run")
        run(self.lmtrain, "--config", self.config, "--quiet")

    def export(self):
        for to, path, expected in (("hf", self.hf_path, self.hf), ("gguf", self.gguf_path, self.gguf)):
            if expected is None:
                refused = subprocess.run([self.lmtrain, "export", self.run, "--to", to, "--output", path], capture_output=True)
                assert refused.returncode == 2, f"{self.name}: --to {to} should be refused"
                assert f"not {to}: " in self.plan, f"{self.name}: the plan says nothing of {to}"
            else:
                path.parent.mkdir(exist_ok=True)
                said = run(self.lmtrain, "export", self.run, "--to", to, "--output", path)
                assert f"{path}: {expected} " in said, f"{self.name}: expected {expected}, found {said}"
                assert f"{to} ({expected})" in self.plan, f"{self.name}: expected {to} ({expected}) in {self.plan}"

    def evaluate(self):
        losses = self.run / "losses.jsonl"
        run(self.lmtrain, "eval", self.run, "--data", self.data / "val.bin", "--tokens", 256, "--token-losses", losses)
        window = json.loads(losses.read_text().splitlines()[0])
        self.ids, self.losses = window["ids"], np.array(window["losses"])
        assert len(self.losses) >= 200
        prompt = " ".join(map(str, self.ids[:PROMPT]))
        self.greedy = [int(i) for i in run(
            self.lmtrain, "generate", self.run, "--tokens-in", prompt, "--tokens-out", "--temperature", 0,
            "--tokens", GREEDY, "--ignore-end").split()][-GREEDY:]  # fmt: skip


def compare_greedy(ours, theirs):
    """theirs: (id, p, p of the second) each. What differs, or ''."""
    for i, (id_, first, second) in enumerate(theirs):
        if id_ != ours[i]:
            near = abs(np.log(first) - np.log(second))
            return "" if near <= NEAR else f"greedy token {i} is {id_}, ours {ours[i]} ({near:.2g} apart)"
    return ""


def report(row, where, worst, tolerance, problems):
    if not worst <= tolerance:
        problems = [f"log-probabilities differ by {worst:.3g}", *problems]
    problems = [p for p in problems if p]
    print(f"{'not ok' if problems else 'ok'} - {row.name} in {where}: {worst:.2g} {'; '.join(problems)}", flush=True)
    return not problems


def compare_hf(row, ids):
    model = transformers.AutoModelForCausalLM.from_pretrained(row.hf_path, dtype=torch.float32, attn_implementation="eager")
    tokenizer = transformers.AutoTokenizer.from_pretrained(row.hf_path)
    problems = [] if type(model).__name__ == row.hf else [f"class {type(model).__name__}"]
    with torch.no_grad():
        window = torch.tensor([row.ids])
        log_p = torch.log_softmax(model(window[:, :-1]).logits[0].double(), -1)
        losses = -log_p.gather(1, window[0, 1:, None])[:, 0].numpy()
        greedy, text = [], row.ids[:PROMPT]
        for _ in range(GREEDY):
            p = torch.softmax(model(torch.tensor([text])).logits[0, -1].double(), -1)
            best = torch.topk(p, 2)
            greedy.append((int(best.indices[0]), float(best.values[0]), float(best.values[1])))
            text = [*text, greedy[-1][0]]
    problems.append(compare_greedy(row.greedy, greedy))
    if tokenizer(TEXT, add_special_tokens=False).input_ids != ids:
        problems.append("ids of the text differ")
    elif tokenizer.decode(ids) != TEXT:
        problems.append("the text decodes to another")
    return report(row, "transformers", np.abs(losses - row.losses).max(), TOLERANCE, problems)


def compare_llama_cpp(rows, ids, work):
    jobs = work / "jobs.json"
    # A window that llama.cpp does not have is exact within it. A full context would be shifted.
    short = [min(row.model.get("window", 240), 240) for row in rows]
    jobs.write_text(json.dumps([
        {"gguf": str(row.gguf_path), "ids": row.ids[: n + 1], "prompt": row.ids[:PROMPT], "context": 256,
         "greedy": min(GREEDY, n - PROMPT), "text": TEXT}
        for row, n in zip(rows, short)
    ]))  # fmt: skip
    answers = [json.loads(line) for line in run("node", HERE / "llama_cpp.mjs", jobs).splitlines()]
    good = True
    for row, answer, n in zip(rows, answers, short):
        if "error" in answer:
            good = report(row, "llama.cpp", float("nan"), 0, [answer["error"]])
            continue
        worst = np.abs(np.array(answer["losses"]) - row.losses[:n]).max()
        problems = [compare_greedy(row.greedy, answer["greedy"])]
        if answer["tokens"] != ids[row.kind]:
            problems.append("ids of the text differ")
        tolerance = GELU_IN_LLAMA_CPP if row.model.get("mlp") == "gelu_tanh" else TOLERANCE
        good &= report(row, "llama.cpp", worst, tolerance, problems)
    return good


def main():
    lmtrain, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    work.mkdir(parents=True, exist_ok=True)
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)  # small models; threads that wait for one another are slower
    transformers.utils.logging.set_verbosity_error()
    make_corpora(lmtrain, work)
    ids = {kind: our_ids(lmtrain, work, kind) for kind in KINDS}
    rows = [Row(lmtrain, work, i, *row) for i, row in enumerate(ROWS) if not sys.argv[3:] or row[0] in sys.argv[3:]]
    good = True
    for row in rows:
        row.train()
        row.export()
        row.evaluate()
        good &= compare_hf(row, ids[row.kind])
    if os.environ.get("LLAMA_CPP_NODE"):
        good &= compare_llama_cpp([row for row in rows if row.gguf], ids, work)
    sys.exit(not good)


main()
