#!/bin/bash
# eval --choices: log-likelihoods against the losses of eval --text, what counts as right, questions
# that are too long.
# shellcheck source=../support/run.sh
. tests/support/run.sh

learned() {
    mkdir docs
    for i in $(seq 60); do
        printf 'the sky is blue and the sea is deep.' >docs/a"$i"
        printf 'a cat says meow, a dog says woof.' >docs/b"$i"
    done
    "$lmtrain" tokenize --train --vocab-size 290 --input docs --output corpus
    tiny a
    "$lmtrain" --config a.json --quiet --set data.train=corpus/train.bin --set data.val=corpus/train.bin \
        --set train.steps=120 --set eval.every=0 --set checkpoint.every=0
    cat >q.jsonl <<'JSON'
{"context": "the sky is", "choices": ["deep", "blue"], "label": 1}
{"context": "a cat says ", "choices": ["meow", "woof woof", "nothing at all"], "label": 0}
{"context": "", "choices": ["the sea is deep.", "deep sea the is."], "label": 0}
{"context": "a dog", "choices": [" says woof.", "says it", "s"], "label": 0}
JSON
}
evaluate() { "$lmtrain" eval run --choices "$@"; }
# likelihood LINE CHOICE: of the choice of a question in `each`, counted from 1.
likelihood() { sed -n "s/^{\"line\": $1,.*\"log_likelihoods\": \[\([^]]*\)\].*/\1/p" each | cut -d, -f"$2" | tr -d ' '; }
# loss TEXT: of all tokens together, by eval --text.
loss() {
    printf %s "$1" | "$lmtrain" eval run --text - --json |
        sed 's/.*"tokens": \([0-9]*\), "loss": \([^,]*\),.*/\1 \2/' | awk '{ printf "%.6f", $1 * $2 }'
}
# agrees LINE CHOICE CONTEXT WHOLE: log p of the choice is what eval --text says.
agrees() {
    awk -v got="$(likelihood "$1" "$2")" -v whole="$(loss "$4")" -v context="${3:+$(loss "$3")}" \
        'BEGIN { d = got + whole - context; if (d < 0) d = -d; print got, whole, context; exit !(got < 0 && d < 2e-4) }'
}

likelihoods() {
    given learned
    check "eval --choices answers questions" exits 0 evaluate q.jsonl --each
    cp out each
    check "it counts them" says "questions      4 (plain), 10 choices"
    check "what the model knows by heart is right" says "accuracy       1.0000"
    check "guessing would find a share of the number of choices" says "chance         0.4167"
    check "a space stands between context and choice" agrees 1 1 "the sky is" "the sky is deep"
    check "the choices of a question share its context alone" agrees 1 2 "the sky is" "the sky is blue"
    check "white space at a context's end is its choices'" agrees 2 1 "a cat says" "a cat says meow"
    check "a longer choice" agrees 2 3 "a cat says" "a cat says nothing at all"
    check "without a context the whole choice counts" agrees 3 1 "" "the sea is deep."
    check "a choice that begins with a space gets none" agrees 4 1 "a dog" "a dog says woof."
    evaluate q.jsonl --each --threads 1 >one
    evaluate q.jsonl --each --threads 3 | diff <(grep '^{' one) <(grep '^{' /dev/stdin) >/dev/null
    check "the number of threads changes no bit" test $? -eq 0
    evaluate q.jsonl --each --join "" >joined
    check "--join says what stands between" fails cmp -s <(grep '^{' one) <(grep '^{' joined)
    for i in $(seq 60); do cat q.jsonl; done >many.jsonl
    evaluate many.jsonl --each | grep '^{' | cut -d, -f2- | sort -u >many
    check "a question has the same bits beside any others" diff many <(grep '^{' one | cut -d, -f2- | sort -u)
    check "--items answers the first ones" exits_saying 0 "questions      7 (plain)" evaluate many.jsonl --items 7
    gzip -k q.jsonl
    check "questions may be compressed" exits_saying 0 "questions      4" evaluate q.jsonl.gz
    check "or come from standard input" exits_saying 0 "questions      4" evaluate - <q.jsonl
    check "bf16 answers them too" exits_saying 0 "accuracy       1.0000" evaluate q.jsonl --precision bf16
    check "--json has all shares" exits_saying 0 '"accuracy_tokens": ' evaluate q.jsonl --json
}
scenario likelihoods

lengths() {
    given learned
    # The right one is longer: each of its bytes is likelier, all of them together are not.
    printf '{"context": "the sky is", "choices": ["q", "blue and the cat is deep."], "label": 1}\n' >long.jsonl
    evaluate long.jsonl --json >got
    check "length-normalised accuracy is another one" grep -q '"accuracy": 0, .*"accuracy_bytes": 1,' got
    context=$(seq -s ' ' 1 60)
    printf '{"context": "%s the sky is", "choices": ["blue", "deep"], "label": 0}\n' "$context" >cut.jsonl
    check "a context that is too long is cut on the left" exits_saying 0 "1 cut on the left" evaluate cut.jsonl
    check "and the question answered" says "accuracy       1.0000"
    printf '{"context": "a", "choices": ["%s", "b"], "label": 0}\n' "$context" >bad.jsonl
    check "a choice that does not fit is refused" \
        exits_saying 2 "tokens does not fit the model's context of 32 tokens" evaluate bad.jsonl
    check "with its place" says "bad.jsonl: line 1: a choice of "
    printf '{"context": "a"}\n' >bad.jsonl
    check "a line that is no question is refused" exits_saying 2 'bad.jsonl:1: expected a list at "choices"' \
        evaluate bad.jsonl
    check "--choices is not --data" exits_saying 2 "one of --data, --text and --choices" \
        evaluate cut.jsonl --data corpus/train.bin
    check "--each is of --choices" exits_saying 2 "are of --choices" \
        "$lmtrain" eval run --data corpus/train.bin --each
}
scenario lengths
