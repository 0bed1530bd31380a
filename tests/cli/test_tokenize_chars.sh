#!/bin/bash
# tokenize --tokenizer chars: a set of characters out of text, shards, a model that is trained on them; meta.pkl of
# nanoGPT; vocabularies of SentencePiece.
# shellcheck source=../support/run.sh
. tests/support/run.sh

chars() { "$lmtrain" tokenize --tokenizer chars "$@"; }

a_corpus() {
    printf 'Hello, w\303\266rld \360\237\232\200\nok\n' >text
    check "tokenize --tokenizer chars writes shards" \
        exits_saying 0 "train out1/train.bin: 18 tokens" chars --input text --output out1
    check "the vocabulary is the characters that occur" grep -q '"vocab_size": 13' out1/train.json
    check "characters have ids in rising order of their codes" test \
        "$(od -An -v -tu2 -w100 out1/train.bin | tr -s ' ')" = " 3 5 7 7 8 2 1 10 11 9 7 4 1 12 0 8 6 0"
    check "ids give the text" cmp text <("$lmtrain" tokenize --tokenizer out1 \
        --decode "$(od -An -v -tu2 -w100 out1/train.bin)")
    check "a text of other characters is refused, with the first one" \
        exits_saying 2 'expected the 13 characters of the tokenizer, found "X" (U+0058)' \
        "$lmtrain" tokenize --tokenizer out1 --inspect 'lol X'
    check "the same command with the characters in another order of files writes the same" exits 0 \
        chars --input text --output out1 --force
    printf 'caf\351' >latin1
    check "bytes that are not UTF-8 are refused with their file and place" \
        exits_saying 2 'latin1: byte 3: expected characters in UTF-8, found the byte 0xE9' \
        chars --input latin1 --output out2
    check "a refused text leaves no corpus" test ! -e out2/train.bin
}
scenario a_corpus

held_out_characters() {
    seq 1 400 >text
    printf 'xyz\n' >other
    check "characters of validation text have ids too" exits 0 \
        chars --input text --val-input other --output out1
    check "they are in the vocabulary" grep -q '"vocab_size": 14' out1/val.json
}
scenario held_out_characters

as_nanogpt() {
    if ! command -v python3 >/dev/null; then
        echo "skip - meta.pkl as nanoGPT writes it: python3 is missing"
        return
    fi
    cp "$root/tests/tokenizer/make_chars.py" text
    cat >prepare.py <<'PREPARE'
import array, pickle
data = open("text", encoding="utf-8").read()
chars = sorted(list(set(data)))
stoi = {c: i for i, c in enumerate(chars)}
array.array("H", [stoi[c] for c in data]).tofile(open("theirs.bin", "wb"))
meta = {"vocab_size": len(chars), "itos": {i: c for c, i in stoi.items()}, "stoi": stoi}
pickle.dump(meta, open("meta.pkl", "wb"))
PREPARE
    python3 prepare.py
    chars --input text --output ours >/dev/null
    check "the ids of a text are nanoGPT's" cmp ours/train.bin theirs.bin
    "$lmtrain" tokenize --tokenizer meta.pkl --input text --output again >/dev/null
    check "meta.pkl is a tokenizer" cmp again/train.bin theirs.bin
    check "what is written of meta.pkl is what is made of the text" cmp again/tokenizer.json ours/tokenizer.json
    tiny a
    check "data.tokenizer takes meta.pkl for nanoGPT's shards" exits 0 "$lmtrain" --config a.json --quiet \
        --set data.train=theirs.bin --set data.tokenizer=meta.pkl --set data.val=theirs.bin
    check "a checkpoint of characters generates" exits 0 "$lmtrain" generate --checkpoint run --prompt def --tokens 9
    check "generate prints as many characters as it was asked for" test "$(wc -m <out)" -eq 13
    check "eval gives bits per byte of characters" exits_saying 0 "bits per byte" \
        "$lmtrain" eval --checkpoint run --data ours/train.bin
    check "generate refuses a prompt of other characters" exits_saying 2 'found "~" (U+007E)' \
        "$lmtrain" generate --checkpoint run --prompt '~'
}
scenario as_nanogpt

options_that_do_not_go_together() {
    echo text >text
    for given in "--pretokenizer gpt2" "--allow-special" "--inspect x" "--decode 1"; do
        # shellcheck disable=SC2086
        check "$given with --tokenizer chars is refused" exits_saying 2 "${given%% *} is for one that is there" \
            chars --input text --output out1 $given
    done
    check "standard input cannot be read twice" exits_saying 2 "standard input can be read once" \
        chars --input - --output out1 <text
    check "--stats counts characters" exits_saying 0 "4 of 4 ids occur" chars --input text --stats
    check "a kind that is read from a file is refused without one" exits_saying 2 '"bpe" is read from a file' \
        "$lmtrain" tokenize --tokenizer bpe --input text --output out1
}
scenario options_that_do_not_go_together

sentences() {
    printf 'Hello world\n' >text
    for file in small_sentence.json small_sentence.bin; do
        rm -rf out1
        check "$file encodes" exits 0 "$lmtrain" tokenize --tokenizer "$root/tests/tokenizer/$file" --input text \
            --output out1
        check "the first token of a document is there, and a space in front of the text ($file)" test \
            "$(od -An -v -tu2 -w6 -N6 out1/train.bin | tr -s ' ')" = " $([ $file = small_sentence.bin ] && echo 1 || echo 2) 430 75"
        od -An -v -tu2 -j2 -w100 out1/train.bin | "$lmtrain" tokenize --tokenizer out1 --decode - >back
        check "ids of $file give the text, without the space in front" cmp text back
    done
    tiny a
    check "a model of SentencePiece's tokens trains" exits 0 \
        "$lmtrain" --config a.json --quiet --set data.train=out1/train.bin --set data.val=out1/train.bin \
        --set model.context_length=4
    check "it generates text without the space in front" exits 0 \
        "$lmtrain" generate --checkpoint run --prompt Hello --tokens 3
    check "the text begins with the prompt" test "$(head -c 5 out)" = Hello
}
scenario sentences
