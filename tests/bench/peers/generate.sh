#!/bin/sh
# generate.sh LMTRAIN [OPTION...]: generation beside llama.cpp (generate.py: its head says which options there are).
# Builds generate.c. llama.cpp is LLAMA_BENCH (a llama-bench built for this machine), or else LLAMA_CPP_NODE (a directory
# whose node_modules has node-llama-cpp), or that is installed into PEERS, outside of the repository. No part of the
# tests: it is for a quiet machine.
lmtrain=$1
[ -x "$lmtrain" ] || { echo "generate.sh LMTRAIN [OPTION...]" >&2; exit 2; }
lmtrain=$(cd "$(dirname "$lmtrain")" && pwd)/$(basename "$lmtrain")
shift
if [ -n "${LLAMA_BENCH:-}" ]; then
    [ -x "$LLAMA_BENCH" ] || { echo "NOTHING WAS COMPARED: LLAMA_BENCH=$LLAMA_BENCH is no program" >&2; exit 1; }
    LLAMA_BENCH=$(cd "$(dirname "$LLAMA_BENCH")" && pwd)/$(basename "$LLAMA_BENCH")
    export LLAMA_BENCH
fi
cd "$(dirname "$0")/../../.." || exit 1
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/lmtrain/peers}
node_llama_cpp=3.22.1 # its llama.cpp is v0.5.0
: "${LLAMA_CPP_NODE=$peers/npm}"
if [ -z "${LLAMA_BENCH:-}" ] && [ ! -d "$LLAMA_CPP_NODE/node_modules/node-llama-cpp" ]; then
    mkdir -p "$LLAMA_CPP_NODE"
    npm install --prefix "$LLAMA_CPP_NODE" --ignore-scripts --omit=optional -E --silent \
        node-llama-cpp@$node_llama_cpp "@node-llama-cpp/linux-x64@$node_llama_cpp" >/dev/null || {
        echo "NOTHING WAS COMPARED: node-llama-cpp is not there and cannot be installed" >&2
        exit 1
    }
fi
export LLAMA_CPP_NODE

${MAKE:-make} --no-print-directory build/gcc/liblmtrain.a >/dev/null || exit 1
packages=$(pkg-config --libs libcjson zlib)
for optional in libzstd libutf8proc libpcre2-8; do
    packages="$packages $(pkg-config --libs $optional 2>/dev/null)"
done
# shellcheck disable=SC2086
gcc -std=c11 -O2 -Wall -Wextra -D_GNU_SOURCE -Isrc -I. -o build/generate-peers \
    tests/bench/peers/generate.c build/gcc/liblmtrain.a $packages -lm -pthread || exit 1
exec python3 tests/bench/peers/generate.py "$lmtrain" build/generate-peers "$@"
