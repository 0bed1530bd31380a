#!/bin/sh
# compare.sh LMTRAIN [ROW...]: compare.py and exported_ids.py with their peers: transformers, torch, safetensors
# and gguf (Python), llama.cpp (node-llama-cpp), the sources of llama2.c and llm.c, the model stories260K. Those
# that are not found are installed into PEERS, outside of the repository. PEERS_PYTHON, LLAMA_CPP_NODE (a directory
# with node_modules), LLAMA2C_SOURCE, LLMC_SOURCE and STORIES260K (a directory with stories260K.bin and tok512.bin)
# name those that are there; set but empty: leave that one out. What cannot be had is not compared, which is said
# loudly and ends in exit code 1. Beside the rows of compare.py there are c, stories and ids, the exported
# tokenizers on TEXT_MEGABYTES (default 4) of texts of this machine.
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

modules='import gguf, numpy, regex, safetensors, torch, transformers'
for python in ${PEERS_PYTHON:-} python3 "$peers/venv/bin/python"; do
    "$python" -c "$modules" 2>/dev/null && break
done
if ! "$python" -c "$modules" 2>/dev/null; then
    echo "installing torch, transformers, regex, safetensors and gguf into $peers/venv" >&2
    python=$peers/venv/bin/python
    if ! { [ -x "$python" ] || python3 -m venv "$peers/venv"; } ||
        ! "$python" -m pip install --quiet --disable-pip-version-check torch transformers regex safetensors gguf; then
        echo "NOTHING WAS COMPARED: the Python packages torch, transformers, regex, safetensors and gguf are" \
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

# source_of VARIABLE OWNER/NAME [FOLDER]: the sources at github.com, of which FOLDER is meant
source_of() {
    eval "there=\${$1-unset}"
    if [ "$there" = unset ]; then
        there=$peers/${2#*/}
        [ -d "$there" ] || git clone --quiet --depth 1 "https://github.com/$2" "$there" || {
            lacks "github.com/$2"
            there=
        }
        [ -z "$there" ] || there=$there${3:+/$3}
    fi
    eval "$1=\$there"
    export "${1?}"
}
source_of LLAMA2C_SOURCE karpathy/llama2.c
source_of LLMC_SOURCE karpathy/llm.c
source_of STORIES260K DaveBben/esp32-llm data
export LLAMA_CPP_NODE

export PYTHONDONTWRITEBYTECODE=1
"$python" tests/interop/compare.py "$lmtrain" "$work" "$@" || missing=1
case " $* " in
"  " | *" ids "*) "$python" tests/interop/exported_ids.py "$lmtrain" "$work" "${TEXT_MEGABYTES:-4}" || missing=1 ;;
esac
exit $missing
