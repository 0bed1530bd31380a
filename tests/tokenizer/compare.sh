#!/bin/sh
# compare.sh LMTRAIN MEGABYTES: compare.py, with the peer installed by pip where it is not there.
cd "$(dirname "$0")/../.." || exit 1
peers=${BUILD:-build}/peers
python=python3
if ! "$python" -c 'import tokenizers' 2>/dev/null; then
    python=$peers/bin/python
    if ! { [ -x "$python" ] || python3 -m venv "$peers"; } ||
        ! "$python" -m pip install --quiet --disable-pip-version-check tokenizers; then
        echo "NOTHING WAS COMPARED: the Python package tokenizers is not there and cannot be" \
            "installed" >&2
        exit 1
    fi
fi
exec "$python" tests/tokenizer/compare.py "$1" "$2"
