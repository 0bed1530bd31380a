"""Texts of this machine, and ids of them beside those of another program: what compare.py and
tests/interop/tokenizers.py share.

Texts are the valid UTF-8 below the folders in PLACES (separated by colons; an environment variable),
without the code points that libraries may class in different ways since their versions of Unicode
differ: those are listed where they occur. Needs the package regex."""
import array
import collections
import gzip
import hashlib
import json
import os
import re
import subprocess
import unicodedata
import zlib

import regex

PLACES = "/usr/share:/usr/include:/usr/lib/python3:/usr/lib/gcc:/usr/src"
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


def write(all_texts, path):
    """A file of JSON lines, which lmtrain reads."""
    with open(path, "w", encoding="utf-8") as file:
        for text in all_texts:
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
