"""exported_ids.py LMTRAIN WORK MEGABYTES: the ids of exported tokenizers beside those of lmtrain.

Of each kind of tokenizer, a model is exported to transformers and to GGUF, and texts of this machine
(tests/tokenizer/texts.py) are encoded by lmtrain, by transformers (AutoTokenizer of the directory) and by
the real llama.cpp (exported_ids.mjs, which loads the vocabulary of the file alone; unless LLAMA_CPP_NODE is
empty). ONLY names some of the tokenizers. Everything is written below WORK. compare.sh calls this.
"""
import array
import json
import os
import pathlib
import subprocess
import sys

import tokenizers
import transformers

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent / "tokenizer"
sys.path.insert(0, str(TESTS))
import make_splits  # noqa: E402
import texts  # noqa: E402

VOCAB = 16000
TRAINED = ["gpt2", "llama3", "qwen2", "o200k"]
LOADED = {"digits": "small_digits.json", "sentence": "small_sentence.json"}
NAMES = [f"trained-{split}" for split in TRAINED] + list(LOADED) + ["bytes", "chars"]


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def how_of(name):
    """What lmtrain is told of the tokenizer."""
    if name.startswith("trained-"):
        return ["--train", "--vocab-size", VOCAB, "--pretokenizer", name.split("-")[1]]
    return ["--tokenizer", TESTS / LOADED[name] if name in LOADED else name]


def export(lmtrain, data, folder):
    """A model that has seen a step of the data, as a directory and as a file."""
    config = folder / "run.json"
    config.write_text(json.dumps({
        "run": {"dir": str(folder / "run"), "threads": 1},
        "model": {"d_model": 16, "n_layers": 1, "n_heads": 1, "context_length": 32},
        "data": {"train": str(data / "train.bin")},
        "train": {"steps": 1, "batch": 1},
    }))  # fmt: skip
    run(lmtrain, "--config", config, "--quiet")
    for to, path in (("hf", folder / "hf"), ("gguf", folder / "model.gguf")):
        run(lmtrain, "export", folder / "run", "--to", to, "--output", path)


def of_transformers(path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)

    def encode_all(batch):
        return tokenizer(batch, add_special_tokens=False, split_special_tokens=True).input_ids

    return encode_all, tokenizer.decode


def of_llama_cpp(gguf, source, output):
    run("node", HERE / "exported_ids.mjs", gguf, source, output)
    file = open(output, "rb")

    def read(n):
        return array.array("I", file.read(4 * n)).tolist()

    return lambda batch: [read(read(1)[0]) for _ in batch]


def of_split(path, pattern):
    """A tokenizer.json with another split, by the package tokenizers."""
    file = json.loads(path.read_text(encoding="utf-8"))
    file["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": pattern}
    changed = tokenizers.Tokenizer.from_str(json.dumps(file))
    changed.encode_special_tokens = True
    return lambda batch: [e.ids for e in changed.encode_batch(batch, add_special_tokens=False)]


def o200k_of_llama_cpp():
    """Where o200k asks for classes of letters, llama.cpp (v0.5.0, LLAMA_VOCAB_PRE_TYPE_GPT4O) takes every
    letter beyond ASCII for one of both cases, and marks, which o200k has in words, for none."""
    pattern = make_splits.PATTERNS["o200k"]
    pattern = pattern.replace(make_splits.UPPER, r"(?:(?=\p{L})[^a-z])")
    pattern = pattern.replace(make_splits.LOWER, r"(?:(?=\p{L})[^A-Z])")
    return pattern.replace(make_splits.SUFFIX, "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])")


def compare_llama_cpp(name, folder, ours, first, all_texts, source, decode):
    """How many documents differ from what is expected."""
    theirs = of_llama_cpp(folder / "model.gguf", source, folder / "ids")
    if name != "trained-o200k":
        return texts.compare(f"{name} in llama.cpp", ours, first, all_texts, theirs, decode)
    documents = [array.array(ours.typecode, ids) for ids in theirs(all_texts)]
    together = array.array(ours.typecode)
    at = same = 0
    for ids in documents:
        together.append(first)
        together.extend(ids)
        end = next((i for i in range(at + 1, len(ours)) if ours[i] == first), len(ours))
        same += ours[at + 1 : end] == ids
        at = end
    cut = of_split(folder / "hf" / "tokenizer.json", o200k_of_llama_cpp())
    different = texts.compare(f"{name} in llama.cpp, as it splits", together, first, all_texts, cut, decode)
    print(f"{name} in llama.cpp: {len(documents) - same} documents are not split as o200k, all for letters"
          " beyond ASCII and marks: see o200k_of_llama_cpp")  # fmt: skip
    return different


def main():
    lmtrain, work, most = sys.argv[1], pathlib.Path(sys.argv[2]) / "tokenizers", int(float(sys.argv[3]) * 1e6)
    only, failed = os.environ.get("ONLY", "").split(), []
    work.mkdir(parents=True, exist_ok=True)
    transformers.utils.logging.set_verbosity_error()
    source, all_texts = work / "texts.jsonl", texts.gather(most)
    texts.write(all_texts, source)
    for name in NAMES:
        if only and name not in only:
            continue
        folder = work / name
        folder.mkdir()
        ours, first = texts.encode(lmtrain, source, folder / "data", *map(str, how_of(name)))
        if name == "bytes":  # a 0x00 stands between two documents alone
            ours, first = array.array(ours.typecode, [0]) + ours, 0
        export(lmtrain, folder / "data", folder)
        encode_all, decode = of_transformers(folder / "hf")
        if texts.compare(f"{name} in transformers", ours, first, all_texts, encode_all, decode):
            failed.append(f"{name} in transformers")
        if not os.environ.get("LLAMA_CPP_NODE"):
            continue
        if compare_llama_cpp(name, folder, ours, first, all_texts, source, decode):
            failed.append(f"{name} in llama.cpp")
    if failed:
        sys.exit(f"ids differ: {', '.join(failed)}")


if __name__ == "__main__":
    main()
