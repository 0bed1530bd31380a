#!/bin/bash
# Completions in real shells: keys are typed into bash and zsh on a terminal, fish is asked.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# bash and zsh: a function lmtrain prints the words that the shell made of what was typed.
files() {
    mkdir -p runs/alpha beta
    touch runs/alpha/x 'my run.json' book.txt
    printf '%s\n' 'lmtrain() { printf "<%s>" "$@"; echo; }' >functions
}
# typed KEYS...: types a line each into $shell; what the lines became goes to the file typed.
typed() {
    { cat prelude; printf '%b\n' "$@"; echo exit; } >keys
    TERM=dumb timeout 60 script -qec "$shell" /dev/null <keys 2>&1 | tr -d '\r' >typed
}
became() { grep -qF -- "$1" typed || { cat typed; return 1; }; }
# $with stands between an option that was completed and its value.
completes() {
    typed 'lmtrain toke\t--force' 'lmtrain tokenize --outp\tx' 'lmtrain --dry\t--conf\ty' \
        'lmtrain eval --cpu sca\tx' 'lmtrain --config my\t--quiet' 'lmtrain --config=boo\t--quiet' \
        'lmtrain tokenize --output b\tx' 'lmtrain --set optimizer.we\t0.5' \
        'lmtrain --set schedule.name=lin\tx' 'lmtrain --set=model.bi\tfal\tx' \
        'lmtrain --set run.dir=ru\talp\tx' 'lmtrain inspect book\t--verify' 'lmtrain help insp\tx'
    check "$name completes commands" became '<tokenize><--force>'
    check "$name completes options of a command" became "<tokenize><--output${with}x>"
    check "$name completes options of train without a command" became "<--dry-run><--config${with}y>"
    check "$name completes an option's choices" became '<eval><--cpu><scalar><x>'
    check "$name completes files with spaces" became '<--config><my run.json><--quiet>'
    check "$name completes files behind =" became '<--config=book.txt><--quiet>'
    check "$name completes only directories where a directory is meant" became \
        '<tokenize><--output><beta/x>'
    check "$name completes keys of the config" became '<--set><optimizer.weight_decay=0.5>'
    check "$name completes values of a key" became '<--set><schedule.name=linear><x>'
    check "$name completes a key and its value behind --set=" became '<--set=model.bias=false><x>'
    check "$name completes paths of a key" became '<--set><run.dir=runs/alpha/x>'
    check "$name completes arguments" became '<inspect><book.txt><--verify>'
    check "$name completes commands behind help" became '<help><inspect><x>'
}

in_bash() {
    name=bash with='><' shell='bash --norc --noprofile -i'
    files
    "$lmtrain" help --completion bash >script
    check "the completion for bash is a script without errors" bash -n script
    echo '. ./functions; . ./script' >prelude
    completes
}
in_zsh() {
    name=zsh with='=' shell='zsh -f -i'
    files
    mkdir site
    "$lmtrain" help --completion zsh >site/_lmtrain
    check "the completion for zsh is a script without errors" zsh -n site/_lmtrain
    echo '. ./functions; fpath=($PWD/site $fpath); autoload -Uz compinit; compinit -u -D' >prelude
    completes
    echo '. ./functions; autoload -Uz compinit; compinit -u -D; source site/_lmtrain' >prelude
    typed 'lmtrain toke\t--force'
    check "the completion for zsh may be sourced" became '<tokenize><--force>'
}

offers() { # LINE CANDIDATE: fish offers it
    XDG_CONFIG_HOME=$PWD XDG_DATA_HOME=$PWD fish -c '. ./script; complete -C "$argv[1]"' "$1" >offered 2>&1
    cut -f1 offered | grep -qxF -- "$2" || { cat offered; return 1; }
}
offers_not() { ! offers "$@"; }
in_fish() {
    files
    "$lmtrain" help --completion fish >script
    check "the completion for fish is a script without errors" fish -n script
    check "fish completes commands" offers 'lmtrain toke' tokenize
    check "fish offers no file for a command" offers_not 'lmtrain bo' book.txt
    check "fish completes options of a command" offers 'lmtrain tokenize --outp' --output
    check "fish completes options of train without a command" offers 'lmtrain --dry' --dry-run
    check "fish offers no option of another command" offers_not 'lmtrain eval --outp' --output
    check "fish completes an option's choices" offers 'lmtrain eval --cpu sca' scalar
    check "fish completes files" offers 'lmtrain --config my' 'my run.json'
    check "fish completes files behind =" offers 'lmtrain --config=boo' --config=book.txt
    check "fish completes directories" offers 'lmtrain tokenize --output b' beta/
    check "fish offers no file where a directory is meant" offers_not \
        'lmtrain tokenize --output b' book.txt
    check "fish completes the value that --resume may have" offers 'lmtrain --resume boo' book.txt
    check "fish completes keys of the config" offers 'lmtrain --set optimizer.we' \
        optimizer.weight_decay=
    check "fish completes values of a key" offers 'lmtrain --set schedule.name=lin' \
        schedule.name=linear
    check "fish completes paths of a key" offers 'lmtrain --set run.dir=ru' run.dir=runs/
    check "fish completes arguments" offers 'lmtrain inspect book' book.txt
    check "fish completes commands behind help" offers 'lmtrain help insp' inspect
}

if ! script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    echo "skip - completions in bash and zsh: script(1) is missing, or terminals are"
else
    scenario in_bash
    if command -v zsh >/dev/null; then scenario in_zsh; else echo "skip - completions in zsh: zsh is missing"; fi
fi
if command -v fish >/dev/null; then scenario in_fish; else echo "skip - completions in fish: fish is missing"; fi
