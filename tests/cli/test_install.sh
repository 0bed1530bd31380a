#!/bin/bash
# make install and make uninstall, into a path with spaces.
# shellcheck source=../support/run.sh
. tests/support/run.sh

install_to() { # TARGET
    # -o: the binary, which other tests run at this time, is not made again.
    make -C "$root" --no-print-directory -o "${build#"$root"/}/lmtrain" \
        BUILD="${build#"$root"/}" DESTDIR="$PWD/a root" PREFIX="/opt/my tools" "$1"
}
same_as_printed() { # FILE OPTIONS...: lmtrain help OPTIONS prints FILE
    local file=$1
    shift
    "$lmtrain" help "$@" | cmp - "$share/$file"
}
installed() {
    local share="a root/opt/my tools/share" bin="a root/opt/my tools/bin/lmtrain"
    check "make install takes a PREFIX and a DESTDIR with spaces" install_to install
    check "the installed binary runs" exits_saying 0 "instruction sets" "$bin" --version
    check "the installed binary has no symbols" fails grep -q lm_commands_run "$bin"
    check "make install installs the manual page" same_as_printed man/man1/lmtrain.1 --man
    check "make install installs the completion for bash" \
        same_as_printed bash-completion/completions/lmtrain --completion bash
    check "make install installs the completion for zsh" \
        same_as_printed zsh/site-functions/_lmtrain --completion zsh
    check "make install installs the completion for fish" \
        same_as_printed fish/vendor_completions.d/lmtrain.fish --completion fish
    check "make install installs the example config" \
        cmp "$root/configs/quickstart.json" "$share/doc/lmtrain/configs/quickstart.json"
    check "make install installs the example of a sweep" \
        cmp "$root/configs/sweeps/lr.json" "$share/doc/lmtrain/configs/sweeps/lr.json"
    check "make uninstall succeeds" install_to uninstall
    check "make uninstall leaves no file" test -z "$(find "a root" -type f)"
}
build=${BUILD:-build/gcc}
if command -v make >/dev/null; then scenario installed; else echo "skip - make install: make is missing"; fi
