#!/bin/sh
# compare.sh LMTRAIN [ROW...]: compare.py with its peers: transformers, torch, safetensors and gguf (Python),
# llama.cpp (node-llama-cpp), the sources of llama2.c and llm.c. Those that are not found are installed
# into PEERS, outside of the repository. PEERS_PYTHON, LLAMA_CPP_NODE (a directory with node_modules),
# LLAMA2C_SOURCE and LLMC_SOURCE name those that are there; set but empty: leave that one out. What cannot be
# had is not compared, which is said loudly and ends in exit code 1.
lmtrain=$1
shift
cd "$(dirname "$0")/../.." || exit 1
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/lmtrain/peers}
work=$(mktemp -d "${TMPDIR:-/tmp}/lmtrain-interop.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
missing=0
mkdir -p "$peers" || exit 1

lacks() {
    echo "NOT COMPARED: $1 is not there and cannot be installed" >&2
    missing=1
}

modules='import gguf, numpy, safetensors, torch, transformers'
for python in ${PEERS_PYTHON:-} python3 "$peers/venv/bin/python"; do
    "$python" -c "$modules" 2>/dev/null && break
done
if ! "$python" -c "$modules" 2>/dev/null; then
    echo "installing torch, transformers, safetensors and gguf into $peers/venv" >&2
    python=$peers/venv/bin/python
    if ! { [ -x "$python" ] || python3 -m venv "$peers/venv"; } ||
        ! "$python" -m pip install --quiet --disable-pip-version-check torch transformers safetensors gguf; then
        echo "NOTHING WAS COMPARED: the Python packages torch, transformers, safetensors and gguf are" \
            "not there and cannot be installed" >&2
        exit 1
    fi
fi

# This version's llama.cpp is v0.5.0. Without its optional packages, which are builds for graphics cards.
node_llama_cpp=3.22.1
: "${LLAMA_CPP_NODE=$peers/npm}"
if [ "$LLAMA_CPP_NODE" ] && [ ! -d "$LLAMA_CPP_NODE/node_modules/node-llama-cpp" ]; then
    mkdir -p "$LLAMA_CPP_NODE"
    npm install --prefix "$LLAMA_CPP_NODE" --ignore-scripts --omit=optional -E --silent \
        node-llama-cpp@$node_llama_cpp "@node-llama-cpp/linux-x64@$node_llama_cpp" >/dev/null || {
        lacks "node-llama-cpp (llama.cpp)"
        LLAMA_CPP_NODE=
    }
fi

# source VARIABLE NAME: the sources of github.com/karpathy/NAME
source_of() {
    eval "there=\${$1-$peers/$2}"
    if [ "$there" = "$peers/$2" ]; then
        [ -d "$there" ] || git clone --quiet --depth 1 "https://github.com/karpathy/$2" "$there" || {
            lacks "the source of $2"
            there=
        }
    fi
    eval "$1=\$there"
    export "${1?}"
}
source_of LLAMA2C_SOURCE llama2.c
source_of LLMC_SOURCE llm.c
export LLAMA_CPP_NODE

"$python" tests/interop/compare.py "$lmtrain" "$work" "$@" || missing=1
exit $missing
