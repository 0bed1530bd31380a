#!/bin/bash
# generate and eval: documents begin and end, stop texts, token ids, text itself.
# shellcheck source=../support/run.sh
. tests/support/run.sh

# A model that knows three short documents by heart.
documents() {
    mkdir docs
    printf 'alpha beta gamma.\n' >docs/a
    printf 'delta epsilon zeta.\n' >docs/b
    printf 'eta theta iota kappa.\n' >docs/c
    mkdir many
    for i in $(seq 40); do for d in a b c; do cp docs/$d many/$d$i; done; done
}
learn() {
    tiny a
    "$lmtrain" --config a.json --quiet --set data.train=corpus/train.bin --set data.val=corpus/train.bin \
        --set train.steps=250 --set eval.every=0 --set checkpoint.every=0 --set model.context_length=64 "$@"
}
of_bytes() {
    documents
    "$lmtrain" tokenize --tokenizer bytes --input many --output corpus
    learn
}
of_pieces() {
    documents
    "$lmtrain" tokenize --train --vocab-size 300 --input many --output corpus
    learn
}
generate() { "$lmtrain" generate run --temperature 0 "$@"; }
# is TEXT COMMAND...: the command prints just this.
is() {
    local text=$1
    shift
    "$@" >out 2>err || { cat err; return 1; }
    [ "$(cat out)" = "$text" ] || { echo "expected \"$text\", found:"; cat out err; return 1; }
}

whole_documents() {
    given "$1"
    check "a manifest of documents names what is between them ($1)" \
        grep -q '"document_token": ' corpus/train.json
    check "an empty prompt begins a document ($1)" grep -qE '^(alpha|delta|eta) ' <(generate)
    check "generation stops at the document's end ($1)" \
        is "alpha beta gamma." generate --prompt "alpha"
    check "--ignore-end goes on ($1)" \
        grep -qE '^(alpha|delta|eta) ' <(generate --prompt "alpha" --ignore-end --tokens 60 | tail -n +2)
    check "what is between documents is not printed ($1)" \
        is 0 sh -c "'$lmtrain' generate run --ignore-end --tokens 80 | LC_ALL=C grep -c -P '\\x00|endoftext'
            true"
    check "--stop ends before a text ($1)" is "alpha beta " generate --prompt "alpha" --stop gam
    check "the first of several --stop counts ($1)" \
        is "alpha b" generate --prompt "alpha" --stop gam --stop eta
    check "--stop is not searched in the prompt ($1)" \
        is "alpha beta gamma." generate --prompt "alpha" --stop alpha --stop "pha b"
    check "an empty --stop is refused ($1)" exits_saying 2 "expected a text, found none" generate --stop ""
    printf 'eta theta' >prompt
    check "--prompt-file reads the prompt ($1)" \
        is "eta theta iota kappa." generate --prompt-file prompt
    check "--prompt-file - reads standard input ($1)" \
        is "eta theta iota kappa." generate --prompt-file - <prompt
    check "prompts exclude each other ($1)" exits_saying 2 "exclude each other" \
        generate --prompt a --prompt-file prompt
}
scenario whole_documents of_bytes
scenario whole_documents of_pieces

ids_in_and_out() {
    given of_pieces
    generate --prompt "alpha" --tokens-out >ids
    check "--tokens-out prints ids, the prompt's too" \
        is "alpha beta gamma." "$lmtrain" tokenize --tokenizer corpus --decode - <ids
    check "--tokens-in takes them" is "alpha beta gamma." generate --tokens-in "$(cut -d' ' -f1-2 ids)"
    check "--tokens-in - reads standard input" is "$(cat ids)" generate --tokens-in - --tokens-out \
        < <(cut -d' ' -f1-2 ids)
    check "--tokens-in refuses what is no id" exits_saying 2 '--tokens-in: expected ids from 0 to' \
        generate --tokens-in "1 400"
    local last
    last=$(($(sed -n 's/.*"vocab_size": \([0-9]*\).*/\1/p' corpus/train.json) - 1))
    check "--begin-document puts the document token in front" \
        is "$last 97" generate --begin-document --tokens-in 97 --tokens 0 --tokens-out
    check "--begin-document --prompt generates the document" \
        is "alpha beta gamma." generate --begin-document --prompt alpha
    # A tokenizer whose file puts the document token in front of every text, as Llama's does.
    sed 's/"post_processor": null/"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {}}/' \
        corpus/tokenizer.json >begins.json
    "$lmtrain" tokenize --tokenizer begins.json --input many --output begins >/dev/null
    "$lmtrain" --config a.json --quiet --set data.train=begins/train.bin --set data.val=begins/train.bin \
        --set run.dir=llama --set train.steps=2 2>/dev/null
    check "a tokenizer that begins every text begins prompts too" is "$last 97" \
        "$lmtrain" generate llama --prompt a --tokens 0 --tokens-out
    check "ids are taken as they are" is "97" \
        "$lmtrain" generate llama --tokens-in 97 --tokens 0 --tokens-out
    rm corpus/train.json
    "$lmtrain" --config a.json --quiet --set data.train=corpus/train.bin --set data.val=corpus/train.bin \
        --set model.vocab_size=300 --set run.dir=unknown --set train.steps=2
    check "a run of an unknown tokenizer asks for ids" exits_saying 2 "give the prompt by --tokens-in" \
        "$lmtrain" generate unknown --prompt x
    check "a run of an unknown tokenizer takes and gives ids" exits 0 \
        "$lmtrain" generate unknown --tokens-in "97 98" --tokens 5 --tokens-out --ignore-end
    check "it gives as many as asked for" test "$(wc -w <out)" -eq 7
    check "a run of an unknown tokenizer has no text to evaluate" exits_saying 2 "by --data" \
        "$lmtrain" eval unknown --text docs
}
scenario ids_in_and_out

text_itself() {
    given "$1"
    # As many tokens as whole windows take: then both evaluate the same.
    "$lmtrain" eval run --data corpus/train.bin --json >data.json
    "$lmtrain" eval run --text many --json >text.json 2>err
    value() { sed "s/.*\"$1\": \([^,}]*\).*/\1/" "$2"; }
    near() { awk -v a="$1" -v b="$2" -v most="$3" 'BEGIN { exit !(a - b < most && b - a < most) }'; }
    check "eval --text finds the loss that the shard of the same text has ($1)" \
        near "$(value loss data.json)" "$(value loss text.json)" 0.01
    check "eval --text has the bits per byte of the shard ($1)" \
        near "$(value bits_per_byte data.json)" "$(value bits_per_byte text.json)" 0.01
    local ids
    ids=$(($(wc -c <corpus/train.bin) / 2))
    check "eval --text predicts every token but the first ($1)" test "$(value tokens text.json)" -eq $((ids - 1))
    check "eval --text counts documents ($1)" test "$(value documents text.json)" -eq 120
    cat many/* >all
    check "eval --text - reads standard input ($1)" exits_saying 0 "documents      1" \
        "$lmtrain" eval run --text - <all
    printf '{"a": {"b": "alpha beta gamma."}}\n' >one.jsonl
    check "eval --text takes JSON lines ($1)" exits_saying 0 "bits per byte" \
        "$lmtrain" eval run --text one.jsonl --field a.b
    check "eval --tokens ends early ($1)" exits_saying 0 "tokens         64 in" \
        "$lmtrain" eval run --text all --tokens 10 --batch 1
    check "eval takes --data or --text ($1)" exits_saying 2 "expected one of --data, --text and --choices" \
        "$lmtrain" eval run --text all --data corpus/train.bin
    check "--field without --text is refused ($1)" exits_saying 2 "are of --text" \
        "$lmtrain" eval run --data corpus/train.bin --field a
}
scenario text_itself of_bytes
scenario text_itself of_pieces

either_way() {
    given of_bytes
    check "--checkpoint names the run too" is "alpha beta gamma." \
        "$lmtrain" generate --checkpoint run --temperature 0 --prompt "alpha"
    check "a run that is given twice is refused" exits_saying 2 "leave one out" \
        "$lmtrain" generate run --checkpoint run
    check "a run that is not given is asked for" exits_saying 2 "RUN_OR_FILE or --checkpoint is required" \
        "$lmtrain" eval --text x
    check "text of one token is refused" exits_saying 2 "at least two tokens" \
        "$lmtrain" eval run --text - < <(printf x)
    check "eval --precision computes at another precision" exits 0 \
        "$lmtrain" eval run --data corpus/train.bin --precision bf16
}
scenario either_way

several_texts() {
    given of_pieces
    draw() { "$lmtrain" generate run --temperature 1.5 --prompt alpha --tokens 12 --ignore-end "$@"; }
    draw --samples 3 --threads 1 >three
    check "--samples puts a line in front of each text" test "$(grep -c '^--- [123] of 3 ---$' three)" -eq 3
    draw >one
    check "the first of several texts is that of one" diff one <(sed -n '2,/^--- 2/p' three | sed '$d')
    draw --samples 3 --threads 2 >again
    check "texts do not depend on the number of threads" cmp three again
    draw --samples 5 >five
    check "nor on how many there are" diff <(sed 's/ of 3/ of 5/' three) <(sed '/^--- 4/,$d' five)
    check "texts differ" test "$(draw --samples 5 --json | cut -d'"' -f 4- | sort -u | wc -l)" -gt 1
    draw --samples 5 --tokens-out >ids
    check "--tokens-out has a line for each" test "$(wc -l <ids)" -eq 5
    draw --samples 5 --seed 2 --tokens-out >other
    check "another seed gives other texts" fails cmp -s ids other
    draw --samples 2 --json >json
    check "--json has an object a line for each" test "$(grep -c '^{"sample": [01], ' json)" -eq 2
    check "with the ids" grep -qF "\"tokens\": [$(sed -n 1p ids | cut -d' ' -f2- | sed 's/ /, /g')]" json
    check "and why it ended" grep -q '"ended": "length"' json
    generate --json --prompt alpha >json
    check "--json has the text that was generated" grep -qF '"text": " beta gamma.\n", "ended": "document"' json
    check "--json and --tokens-out exclude each other" exits_saying 2 "leave --tokens-out out" \
        generate --json --tokens-out
}
scenario several_texts

drawing() {
    given of_pieces
    check "--min-p 1 takes the likeliest" \
        is "alpha beta gamma." "$lmtrain" generate run --temperature 3 --prompt alpha --min-p 1
    generate --prompt alpha --ignore-end --tokens 40 >without
    generate --prompt alpha --ignore-end --tokens 40 --repetition-penalty 50 >with
    check "--repetition-penalty changes the text" fails cmp -s without with
    generate --prompt alpha --ignore-end --tokens 12 --repetition-penalty 100 --tokens-out >ids
    check "a large one repeats nothing" test "$(tr ' ' '\n' <ids | sort | uniq -d | wc -l)" -eq 0
    check "--precision computes at another precision" \
        is "alpha beta gamma." generate --prompt alpha --precision bf16
    check "an unknown precision gets a suggestion" exits_saying 2 'did you mean "bf16"' \
        generate --precision bf61
    check "a context that is full is gone on from" exits 0 \
        generate --prompt alpha --ignore-end --tokens 200 --samples 2 --tokens-out
    check "to the end" test "$(head -n 1 out | wc -w)" -eq 201
}
scenario drawing
