#!/bin/bash
# The manual page: what is in it, and that readers of manual pages find nothing wrong.
# shellcheck source=../support/run.sh
. tests/support/run.sh

named() { # WORDS...: the page, as plain text, has a line that begins with each
    local word
    for word in "$@"; do
        grep -qE "^ +(-[a-zA-Z], )?$word([ ,]|\$)" page.txt || { echo "no \"$word\""; return 1; }
    done
}
options_of_commands() {
    "$lmtrain" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | while read -r command; do
        "$lmtrain" help "$command" | sed -n 's/^  \(-[a-zA-Z], \)\{0,1\}\(--[a-z-]*\).*/\2/p'
    done
}
formatted() {
    check "help --man prints a page" exits 0 "$lmtrain" help --man
    mv out lmtrain.1
    check "man formats the page without a warning" test -z "$(groff -man -ww -Tutf8 -k lmtrain.1 2>&1 >/dev/null)"
    groff -man -Tascii -P-cbou lmtrain.1 >page.txt
    # shellcheck disable=SC2046
    check "the page has every option of every command" named $(options_of_commands)
    # shellcheck disable=SC2046
    check "the page has every key of the config" named $("$lmtrain" train --print-config \
        --config "$root/configs/quickstart.json" 2>/dev/null |
        awk '/^  "/ { gsub(/[ ":{]/, ""); s = $0 } /^    "/ { sub(/:.*/, ""); gsub(/[ "]/, ""); print s "\\." $0 }')
    check "the page has every exit code" named 0 1 2 3 4 130
}
linted() {
    "$lmtrain" help --man >lmtrain.1
    check "mandoc finds nothing to warn of in the page" mandoc -Tlint -Wwarning lmtrain.1
}
if command -v groff >/dev/null; then scenario formatted; else echo "skip - the manual page formatted: groff is missing"; fi
if command -v mandoc >/dev/null; then scenario linted; else echo "skip - the manual page checked: mandoc is missing"; fi
