"""compare.py LMTRAIN WORK [ROW...]: exports beside the programs that they are for.

Trains a small model for every row of the table of classes, exports it, and asks transformers and
llama.cpp (llama_cpp.mjs, unless LLAMA_CPP_NODE is empty) what they make of it:
- the log-probability of each of 200 tokens and more, against `lmtrain eval --token-losses`;
- 64 tokens, each the likeliest, against `lmtrain generate --temperature 0`;
- the ids of a text.
Then lmtrain evaluates its exports, the other types of weights are compared with what the Python packages
gguf and torch make of the fp32 ones, and llama2.c's and llm.c's own code (LLAMA2C_SOURCE, LLMC_SOURCE:
directories; unless empty) is asked too; the model stories260K (STORIES260K: a directory; unless empty) must
tell the text that llama2.c's own test expects of it. Everything is written below WORK. make test-interop
calls this through compare.sh.
"""
import ast
import json
import os
import pathlib
import subprocess
import sys

import gguf
import numpy as np
import safetensors.torch
import torch
import transformers

TOLERANCE = 2e-5  # of a log-probability, absolute
GELU_IN_LLAMA_CPP = 5e-3  # which computes GELU from a table of half precision
NEAR = 1e-3  # the likeliest token may differ where the two best are so near
GREEDY, PROMPT = 64, 40
HERE = pathlib.Path(__file__).resolve().parent

TEXT = (
    "Hello world! It's 2024 \u2014 na\u00efve caf\u00e9 \U0001f680\n\n  def f(x):\n\treturn x**2  \n"
    "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u6f22\u5b57\u304b\u306a \u0627\u0644\u0639\u0631\u0628\u064a\u0629 1234567 '\u0660\u0661\u0662'\r\n\x7f\xa0\u3000 e\u0301\n"
    + (HERE.parent.parent / "README.md").read_text()
)

LAYERNORM = {"norm": "layernorm"}
BIASED = {"norm": "layernorm", "bias": True}
GPT2 = {"norm": "layernorm", "bias": True, "position": "learned"}
MUP = {"parametrization": "mup", "base_d_model": 16}
COMPLETEP = {"parametrization": "completep", "base_d_model": 16, "base_n_layers": 2}
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
    ("llama-padded-vocabulary", {"vocab_size": 640}, "LlamaForCausalLM", "llama"),
    ("llama-mup", {**MUP, "n_kv_heads": 2}, "LlamaForCausalLM", "llama"),
    ("llama-mup-untied", {**MUP, "tie_embeddings": False}, "LlamaForCausalLM", "llama"),
    ("llama-completep", COMPLETEP, "LlamaForCausalLM", "llama"),
    ("qwen3-mup", {**MUP, "qk_norm": True, "embedding_norm": True}, "Qwen3ForCausalLM", "qwen3"),
    ("gpt2-mup", {**GPT2, **MUP, "mlp": "gelu_tanh"}, "GPT2LMHeadModel", "gpt2"),
    ("gpt2-completep", {**GPT2, **COMPLETEP, "mlp": "gelu_tanh", "tie_embeddings": False}, "GPT2LMHeadModel", "gpt2"),
    ("starcoder2-completep", {**BIASED, **COMPLETEP, "mlp": "gelu_tanh"}, "Starcoder2ForCausalLM", "starcoder2"),
    ("gpt2-padded-vocabulary", {**GPT2, "mlp": "gelu_tanh", "vocab_size": 640}, "GPT2LMHeadModel", "gpt2"),
]  # fmt: skip
KINDS = ["bytes", "bpe"]  # of tokenizers, which rows take in turn


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
    for kind in KINDS:  # without its manifest, whose tokenizer is called another name in exports
        (work / f"{kind}.val.bin").write_bytes((work / kind / "val.bin").read_bytes())


def our_ids(lmtrain, work, kind):
    """The ids of TEXT, without the token that begins a document."""
    tokenizer = "bytes" if kind == "bytes" else work / "bpe" / "tokenizer.json"
    run(lmtrain, "tokenize", "--tokenizer", tokenizer, "--input", work / "sample.txt", "--output", work / f"sample-{kind}", "--force")
    ids = np.fromfile(work / f"sample-{kind}" / "train.bin", dtype="<u2").tolist()
    return ids if kind == "bytes" else ids[1:]


class Row:
    def __init__(self, lmtrain, work, number, name, model, hf, gguf):
        self.lmtrain, self.name, self.model, self.hf, self.gguf = lmtrain, name, model, hf, gguf
        self.said = ""
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
        for path in (self.run, self.hf_path, self.gguf_path):
            run("rm", "-rf", path)
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
                self.said += said
                assert f"{path}: {expected} " in said, f"{self.name}: expected {expected}, found {said}"
                assert f"{to} ({expected})" in self.plan, f"{self.name}: expected {to} ({expected}) in {self.plan}"

    def losses_of(self, model):
        losses = self.run / "losses.jsonl"
        run(self.lmtrain, "eval", model, "--data", self.data.with_suffix(".val.bin"), "--token-bytes", 2, "--tokens", 256, "--token-losses", losses)
        return json.loads(losses.read_text().splitlines()[0])

    def losses_read_back(self, path):
        imported = self.run / "imported.npz"
        run(self.lmtrain, "import", path, "--tokenizer", "none", "--output", imported, "--force")
        return np.array(self.losses_of(imported)["losses"])

    def evaluate(self):
        window = self.losses_of(self.run)
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
    # AutoTokenizer does not heed the tokenizer.json of a Qwen2, which export says
    warned = "PreTrainedTokenizerFast" in row.said
    loader = transformers.PreTrainedTokenizerFast if warned else transformers.AutoTokenizer
    tokenizer = loader.from_pretrained(row.hf_path)
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


def compare_again(row):
    """lmtrain's own evaluation of its exports."""
    good = True
    # where folding rounds: a depth of 3/2 times the base's is no power of two
    rounds = row.model.get("embedding_norm") or row.model.get("parametrization") == "completep"
    for where, path, holds in (("hf read back", row.hf_path, row.hf), ("gguf read back", row.gguf_path, row.gguf)):
        if not holds or (where.startswith("gguf") and "window" in row.model):
            continue
        worst = np.abs(row.losses_read_back(path) - row.losses).max()
        good &= report(row, where, worst, 1e-5 if rounds else 1e-6, [])
    return good


def compare_types(row):
    """Weights as bf16, f16 and q8_0 beside what others make of the f32 ones."""
    problems = []
    floats = {t.name: t for t in gguf.GGUFReader(row.gguf_path).tensors}
    for dtype, kind in (("bf16", "BF16"), ("f16", "F16"), ("q8_0", "Q8_0")):
        path = row.gguf_path.with_suffix(f".{dtype}.gguf")
        run(row.lmtrain, "export", row.run, "--to", "gguf", "--dtype", dtype, "--output", path, "--force")
        for t in gguf.GGUFReader(path).tensors:
            x = floats[t.name].data
            # vectors stay F32, and rows that are no whole blocks become F16
            expected = "F32" if x.ndim == 1 or t.name.startswith("position_embd") else kind
            expected = "F16" if expected == "Q8_0" and x.shape[-1] % 32 else expected
            want = gguf.quants.quantize(x, gguf.GGMLQuantizationType[expected])
            if t.tensor_type.name != expected or want.tobytes() != t.data.tobytes():
                problems.append(f"{dtype}: {t.name}")
    floats = safetensors.torch.load_file(row.hf_path / "model.safetensors")
    for dtype, kind in (("bf16", torch.bfloat16), ("f16", torch.float16)):
        path = row.hf_path.with_suffix(f".{dtype}")
        run(row.lmtrain, "export", row.run, "--to", "hf", "--dtype", dtype, "--output", path, "--force")
        for name, t in safetensors.torch.load_file(path / "model.safetensors").items():
            if t.dtype != kind or not torch.equal(t, floats[name].to(kind)):
                problems.append(f"{dtype}: {name}")
        loaded = transformers.AutoModelForCausalLM.from_pretrained(path)
        if loaded.dtype != kind:
            problems.append(f"transformers loads {dtype} as {loaded.dtype}")
    path = row.hf_path.with_suffix(".shards")
    run(row.lmtrain, "export", row.run, "--to", "hf", "--shard-bytes", 100000, "--output", path, "--force")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).state_dict()
    if len(list(path.glob("model-*.safetensors"))) < 3 or any(not torch.equal(loaded[n], t) for n, t in floats.items()):
        problems.append("shards differ")
    return report(row, "gguf and torch, other types", 0, 0, problems)


def losses_by(program, source, model, ids, work):
    built = work / program
    run("cc", "-O2", "-w", "-I", source, "-o", built, HERE / f"{program}.c", "-lm")
    out = subprocess.run([built, model], input=" ".join(map(str, ids)), capture_output=True, text=True, check=True).stdout
    return np.array([float(line.split()[1]) for line in out.splitlines() if line.startswith("loss ")])


def compare_c(lmtrain, work):
    """llama2.c and llm.c, by their own code."""
    good = True
    for name, model, to, program, variable in (
        ("llama2c", {"preset": "llama", "n_kv_heads": 2}, "llama2c", "peer_llama2c", "LLAMA2C_SOURCE"),
        ("llama2c-tied", {"preset": "llama", "tie_embeddings": True}, "llama2c", "peer_llama2c", "LLAMA2C_SOURCE"),
        ("llmc", {"preset": "gpt2"}, "llmc", "peer_llmc", "LLMC_SOURCE"),
        ("llmc-no-bias", {"preset": "gpt2", "bias": False}, "llmc", "peer_llmc", "LLMC_SOURCE"),
    ):
        if not os.environ.get(variable):
            continue
        row = Row(lmtrain, work, 1, name, model, None, None)
        row.train()
        row.evaluate()
        out = work / "c" / name
        run(lmtrain, "export", row.run, "--to", to, "--output", out, "--force")
        theirs = losses_by(program, os.environ[variable], out / "model.bin", row.ids, work)
        good &= report(row, f"{to}'s own code", np.abs(theirs - row.losses).max(), TOLERANCE, [])
        worst = np.abs(row.losses_read_back(out / "model.bin") - row.losses).max()
        good &= report(row, f"{to} read back", worst, 1e-6, [])
    return good


def compare_stories(lmtrain, work):
    """200 tokens of stories260K, each the likeliest, against the text that llama2.c's test_all.py holds."""
    folder, source = os.environ.get("STORIES260K"), os.environ.get("LLAMA2C_SOURCE")
    if not folder or not source:
        return True
    test = ast.parse((pathlib.Path(source) / "test_all.py").read_text())
    published = [ast.literal_eval(node.value) for node in test.body
                 if isinstance(node, ast.Assign) and node.targets[0].id == "expected_stdout"]  # fmt: skip
    imported = work / "stories260K.npz"
    run(lmtrain, "import", f"{folder}/stories260K.bin", "--tokenizer", f"{folder}/tok512.bin", "--output", imported)
    text = run(lmtrain, "generate", imported, "--temperature", 0, "--tokens", 200, "--ignore-end")
    good = text.removesuffix("\n").encode() == published[0]
    print(f"{'ok' if good else 'not ok'} - stories260K: {len(published[0])} bytes of greedy text as llama2.c's test has them")
    if not good:
        print(f"expected {published[0]!r}\nfound {text!r}")
    return good


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
        good &= compare_again(row)
        if row.name in ("llama", "gpt2", "nemotron"):
            good &= compare_types(row)
    if os.environ.get("LLAMA_CPP_NODE"):
        good &= compare_llama_cpp([row for row in rows if row.gguf], ids, work)
    if not sys.argv[3:] or "c" in sys.argv[3:]:
        good &= compare_c(lmtrain, work)
    if not sys.argv[3:] or "stories" in sys.argv[3:]:
        good &= compare_stories(lmtrain, work)
    sys.exit(not good)


main()
