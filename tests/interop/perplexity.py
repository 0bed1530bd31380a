"""perplexity.py LMTRAIN MODEL TEXT: the perplexity of an imported model on the first two windows of a text, beside
that of the real llama.cpp (llama_cpp.mjs) on what lmtrain exports of it in fp32, for the same tokens. Ends with 1
when they are more than 0.1% apart. Writes perplexity.* into the present directory. $LLAMA_CPP_NODE: as in recipe.sh.
"""
import json
import math
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BAR = 1e-3


def main(lmtrain, model, text):
    def run(*arguments):
        subprocess.run([str(a) for a in arguments], check=True, stdout=subprocess.DEVNULL)

    here = pathlib.Path.cwd()
    gguf, losses, jobs = here / "perplexity.gguf", here / "perplexity.jsonl", here / "perplexity.json"
    run(lmtrain, "export", model, "--to", "gguf", "--output", gguf, "--dtype", "f32", "--force")
    run(lmtrain, "eval", model, "--data", text, "--tokens", 1024, "--batch", 1, "--token-losses", losses)
    windows = [json.loads(line) for line in losses.read_text().splitlines()][:2]
    jobs.write_text(json.dumps([{"gguf": str(gguf), "context": len(w["ids"]) + 1, "ids": w["ids"], "prompt": [],
                                 "greedy": 0} for w in windows]))  # fmt: skip
    answers = subprocess.run(["node", str(HERE / "llama_cpp.mjs"), str(jobs)], check=True, capture_output=True,
                             text=True).stdout  # fmt: skip
    ours, theirs = [], []
    for window, answer in zip(windows, map(json.loads, answers.splitlines())):
        if "error" in answer:
            sys.exit(f"llama.cpp: {answer['error']}")
        ours += window["losses"]
        theirs += answer["losses"]
    assert len(ours) == len(theirs) > 100
    here_, there = (math.exp(sum(x) / len(x)) for x in (ours, theirs))
    print(f"{len(ours)} tokens: perplexity {here_:.4f} here, {there:.4f} in llama.cpp ({here_ / there - 1:+.4%})")
    if abs(here_ / there - 1) > BAR:
        sys.exit(f"more than {BAR:.1%} apart")


main(*sys.argv[1:])
