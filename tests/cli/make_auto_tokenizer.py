#!/usr/bin/env python3
"""make_auto_tokenizer.py LMTRAIN >tests/cli/auto_tokenizer.txt: what transformers.AutoTokenizer makes of the directory
that lmtrain tokenize writes: the checksums of the files that it was given, and the ids of a text. Needs the package
transformers."""
import subprocess
import sys
import tempfile

from transformers import AutoTokenizer

TEXT = "Hello you 12\n\n<|endoftext|>don't"

with tempfile.TemporaryDirectory() as folder:
    open(f"{folder}/in", "w").write(TEXT)
    subprocess.run([sys.argv[1], "tokenize", "--tokenizer", "tests/tokenizer/small_gpt2.json", "--input",
                    f"{folder}/in", "--output", f"{folder}/out"], check=True, stdout=subprocess.DEVNULL)
    print(subprocess.run(["cksum", "tokenizer.json", "tokenizer_config.json"], cwd=f"{folder}/out", check=True,
                         capture_output=True, text=True).stdout, end="")
    tokenizer = AutoTokenizer.from_pretrained(f"{folder}/out")
    assert tokenizer.eos_token == "<|endoftext|>", tokenizer.eos_token
    # Our shards begin with the document token.
    print(*[tokenizer.eos_token_id] + tokenizer(TEXT)["input_ids"], end=" ")
