#!/bin/sh
# steps.sh LMTRAIN [OPTION...]: steps.py (its head says which options there are) with a Python that has
# PyTorch: $PEERS_PYTHON, python3, or one that is installed into PEERS, outside of the repository.
# same_loss.py first checks, at the smallest shape, that both sides compute the same. torch.compile
# needs a C++ compiler. No part of the tests: a comparison takes minutes of a quiet machine.
lmtrain=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/lmtrain/peers}
mkdir -p "$peers" || exit 1

for python in ${PEERS_PYTHON:-} python3 "$peers/venv/bin/python"; do
    "$python" -c 'import torch' 2>/dev/null && break
done
if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "installing torch into $peers/venv" >&2
    python=$peers/venv/bin/python
    if ! { [ -x "$python" ] || python3 -m venv "$peers/venv"; } ||
        ! "$python" -m pip install --quiet --disable-pip-version-check torch numpy; then
        echo "NOTHING WAS COMPARED: PyTorch is not there and cannot be installed" >&2
        exit 1
    fi
fi
command -v c++ >/dev/null || echo "no C++ compiler (c++): PyTorch cannot compile, use --mode eager" >&2
TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-$peers/inductor}
export TORCHINDUCTOR_CACHE_DIR

case " $* " in
*" --report "* | *" --warm "*) ;;
*) "$python" "$here/same_loss.py" "$lmtrain" 128 || exit 1 ;;
esac
exec "$python" "$here/steps.py" "$lmtrain" "$@"
