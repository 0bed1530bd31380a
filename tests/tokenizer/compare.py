#!/usr/bin/env python3
"""compare.py LMTRAIN MEGABYTES: trains a tokenizer for each split on texts of this machine, and compares the ids that
lmtrain and Hugging Face's tokenizers give for all of them by the tokenizer.json that was written. The same with splits
by other patterns (where lmtrain was built with PCRE2), with a small vocabulary of SentencePiece, its spaces put in front
in each way, and with characters. Needs the package tokenizers. Texts are the valid UTF-8 below the folders in PLACES,
in the order of their names."""
import array
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

PLACES = ["/usr/share/doc", "/usr/share/man", "/usr/include", "/usr/lib/python3", "/usr/share/perl", "/usr/lib/gcc",
          "/usr/share/i18n", "/usr/share/common-licenses", "/usr/share/vim", "/usr/share/X11"]
SPLITS = ["gpt2", "llama3", "qwen2", "o200k"]
VOCAB = 16000
PATTERNS = {
    "nanochat": [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*"
                 r"|\s*[\r\n]|\s+(?!\S)|\s+"],
    "deepseek": [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
                 "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
                 " ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"],
    "words": ["[a-z]+"],
}
SENTENCE = "tests/tokenizer/small_sentence.json"
METASPACES = [("first", False), ("always", False), ("never", False), ("first", True)]


def texts(most):
    total = 0
    for place in PLACES:
        for folder, folders, files in os.walk(place):
            folders.sort()
            for name in sorted(files):
                path = os.path.join(folder, name)
                try:
                    with (gzip.open if name.endswith(".gz") else open)(path, "rb") as file:
                        text = file.read(4_000_000).decode("utf-8")
                except (OSError, EOFError, UnicodeDecodeError, gzip.BadGzipFile):
                    continue
                if "\0" in text or not re.search("[A-Za-z0-9]", text):
                    continue
                yield text
                total += len(text.encode())
                if total >= most:
                    return


def documents(path, first):
    """The ids of each document of a shard; `first` begins documents."""
    ids = array.array("H", open(path, "rb").read())
    begins = [i for i, token in enumerate(ids) if token == first] + [len(ids)]
    return [ids[begin + 1:end].tolist() for begin, end in zip(begins, begins[1:])]


def compare(lmtrain, split, source, all_texts, output, tokenizer=None, first="<|endoftext|>"):
    """By a tokenizer.json that is there, or one that is trained."""
    given = ["--train", "--vocab-size", str(VOCAB), "--pretokenizer", split]
    if tokenizer:
        given = ["--tokenizer", tokenizer]
    subprocess.run([lmtrain, "tokenize", *given, "--input", source, "--output", output], check=True)
    theirs = Tokenizer.from_file(tokenizer if tokenizer and tokenizer != "chars" else f"{output}/tokenizer.json")
    theirs.encode_special_tokens = True
    if first:
        ours = documents(f"{output}/train.bin", theirs.token_to_id(first))
    else:  # characters: nothing stands between documents
        manifest = json.load(open(f"{output}/train.json", encoding="utf-8"))
        kind = "I" if manifest["dtype"] == "uint32" else "H"
        ids = array.array(kind, open(f"{output}/train.bin", "rb").read()).tolist()
        ends = [0]
        for text in all_texts:
            ends.append(ends[-1] + len(text))
        assert ends[-1] == len(ids), f"{ends[-1]} characters went in, {len(ids)} came out"
        ours = [ids[begin:end] for begin, end in zip(ends, ends[1:])]
    assert len(ours) == len(all_texts), f"{len(all_texts)} documents went in, {len(ours)} came out"
    different = 0
    for at in range(0, len(all_texts), 500):
        encoded = theirs.encode_batch(all_texts[at:at + 500], add_special_tokens=False)
        for text, a, b in zip(all_texts[at:at + 500], ours[at:at + 500], encoded):
            if a == b.ids:
                continue
            different += 1
            i = next((i for i, (x, y) in enumerate(zip(a, b.ids)) if x != y), min(len(a), len(b.ids)))
            print(f"{split}: a document differs from token {i} on: {theirs.decode(b.ids[max(i - 3, 0):i + 5])!r}")
    print(f"{split}: {sum(map(len, ours))} tokens, {len(ours)} documents, {different} differ", flush=True)
    return different


def others(trained):
    """Names and files of tokenizers that are not trained here."""
    for name, patterns in PATTERNS.items():
        steps = [{"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
                 for pattern in patterns]
        steps.append({"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False})
        changed = dict(trained, pre_tokenizer={"type": "Sequence", "pretokenizers": steps})
        yield name, changed, "<|endoftext|>"
    sentence = json.load(open(SENTENCE, encoding="utf-8"))
    yield "sentence", sentence, "</s>"
    for scheme, split in METASPACES:
        metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}
        yield f"sentence-{scheme}-{split}", dict(sentence, normalizer=None, pre_tokenizer=metaspace), "</s>"


def main():
    lmtrain, most = sys.argv[1], int(float(sys.argv[2]) * 1e6)
    all_texts = list(texts(most))
    size = sum(len(text.encode()) for text in all_texts)
    print(f"{len(all_texts)} texts, {size / 1e6:.1f} MB", flush=True)
    if size < most:
        print(f"fewer than the {most / 1e6:.0f} MB asked for: that is all there is on this machine", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        source = f"{folder}/texts.jsonl"
        with open(source, "w", encoding="utf-8") as file:
            for text in all_texts:
                file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
        failed = [split for split in SPLITS if compare(lmtrain, split, source, all_texts, f"{folder}/{split}")]
        version = subprocess.run([lmtrain, "--version"], check=True, capture_output=True, text=True).stdout
        trained = json.load(open(f"{folder}/gpt2/tokenizer.json", encoding="utf-8"))
        for name, tokenizer, first in others(trained):
            if name in PATTERNS and "without PCRE2" in version:
                print(f"{name}: NOT COMPARED: {lmtrain} was built without PCRE2", flush=True)
                continue
            path = f"{folder}/{name}.json"
            with open(path, "w", encoding="utf-8") as file:
                json.dump(tokenizer, file)
            if compare(lmtrain, name, source, all_texts, f"{folder}/{name}", path, first):
                failed.append(name)
        if compare(lmtrain, "chars", source, all_texts, f"{folder}/chars", "chars", None):
            failed.append("chars")
    sys.exit(f"ids differ: {', '.join(failed)}" if failed or not all_texts else 0)


if __name__ == "__main__":
    main()
