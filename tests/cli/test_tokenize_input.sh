#!/bin/bash
# tokenize: which documents it takes out of which files, and what it holds out.
. tests/support/run.sh

tree() {
    mkdir -p tree/b tree/.hidden
    printf 'one' >tree/a.h
    printf 'three' >tree/b/c.h
    printf 'two' >tree/b.h
    printf 'no\000text' >tree/binary.h
    printf 'other' >tree/x.c
    printf 'hidden' >tree/.hidden/y.h
    ln -s .. tree/b/loop
}
tokenize() { "$lmtrain" tokenize --tokenizer bytes --output out1 "$@"; }
text_of() { tr -d '\000' <"$1"; }
# Ids of the bytes tokenizer as text, | between documents.
documents_of() { od -An -v -tu2 -w2 "$1" | awk '{ printf "%c", $1 == 0 ? 124 : $1 }'; }

a_tree() {
    given tree
    check "tokenize names and counts what is no text" \
        exits_saying 0 "passed over: 1 file, binary (0x00 bytes): tree/binary.h" \
        tokenize --input tree --extension .h
    check "tokenize counts files of other extensions" says "1 file without an extension that was asked for"
    check "tokenize counts names that begin with a dot" says "1 name that begins with a dot"
    check "tokenize counts links to directories" says "1 symbolic link to a directory"
    check "tokenize takes the files of a tree in sorted order" \
        test "$(text_of out1/train.bin)" = onetwothree
    check "tokenize puts a zero byte between documents" test "$(wc -c <out1/train.bin)" -eq 26
    check "tokenize without --val-fraction writes no val.bin" test ! -e out1/val.bin
    check "tokenize does not overwrite a corpus" exits_saying 2 "add --force" tokenize --input tree
    check "tokenize --force overwrites a corpus" exits 0 tokenize --input tree --force
}
scenario a_tree

several_paths() {
    given tree
    check "several paths may follow --input" exits_saying 0 "3 documents" \
        tokenize --input tree/b.h tree/a.h tree/x.c
    check "paths are read in the order given" test "$(documents_of out1/train.bin)" = "two|one|other"
    check "a pattern in quotes is expanded" exits_saying 0 "2 documents" \
        tokenize --input 'tree/[ab].h' --force
    check "a pattern that matches nothing is refused" exits_saying 2 "no file matches" \
        tokenize --input 'tree/*.zig' --force
    check "an option ends the paths" exits_saying 2 'unexpected argument "tree/b.h"' \
        tokenize --input tree/a.h --force tree/b.h
    ln -s ../tree/x.c tree/link
    check "a symbolic link to a file is followed" exits_saying 0 "1 file found more than once" \
        tokenize --input tree --force
    check "a file named by a link is read" exits 0 tokenize --input tree/link --force
    check "what the link leads to was read" test "$(text_of out1/train.bin)" = other
}
scenario several_paths

the_end_of_a_directory_name() {
    mkdir lm
    for i in $(seq 120); do seq "$i" $((2 * i)) >lm/f"$i"; done
    "$lmtrain" tokenize --tokenizer bytes --input lm --output o1 --val-fraction 0.1 >/dev/null
    "$lmtrain" tokenize --tokenizer bytes --input lm/ --output o2 --val-fraction 0.1 >/dev/null
    cp -r lm elsewhere
    "$lmtrain" tokenize --tokenizer bytes --input elsewhere --output o3 --val-fraction 0.1 >/dev/null
    check "--input lm and --input lm/ hold out the same" cmp o1/val.bin o2/val.bin
    check "another directory holds out the same" cmp o1/val.bin o3/val.bin
    check "all the rest is trained on" cmp o1/train.bin o3/train.bin
}
scenario the_end_of_a_directory_name

what_files_are() {
    seq 1000 >a.txt
    gzip -k a.txt
    cat a.txt.gz a.txt.gz >two.gz
    head -c 700 a.txt.gz >cut.gz
    printf '\377\376a\000b\000' >wide.txt
    printf 'PAR1xxxx' >a.parquet
    printf '\3757zXZ\000\000' >a.xz
    printf '\037\213xxxxxxxxxxxxxxxxx' >bad.gz
    : >empty.txt
    tokenize --input a.txt a.txt >/dev/null && mv out1 plain
    check "gzip is read" exits 0 tokenize --input a.txt.gz
    check "the text in gzip is the text" cmp out1/train.bin plain/train.bin
    check "the members of gzip are read" exits_saying 0 "7.60 KiB of text, 1 doc" \
        tokenize --input two.gz --force
    check "gzip that is cut off is an error" exits_saying 1 "cut.gz: gzip-compressed, and over" \
        tokenize --input cut.gz --force
    check "damaged gzip is an error" exits_saying 1 "bad.gz: the gzip data is damaged" \
        tokenize --input bad.gz --force
    check "UTF-16 is named, with what to do" exits_saying 2 "wide.txt: expected text, found what is UTF-16; use: iconv" \
        tokenize --input wide.txt --force
    check "Parquet is named, with what to do" exits_saying 2 "Parquet; use: python3 -c" \
        tokenize --input a.parquet --force
    check "xz is named, with what to do" exits_saying 2 "xz-compressed; use: xz -dc" \
        tokenize --input a.xz --force
    check "an empty file is named" exits_saying 2 "passed over: 1 file, empty: empty.txt" \
        tokenize --input empty.txt --force
    check "on a line of its own" grep -qx "passed over: 1 file, empty: empty.txt" out
    check "a corpus that was there stays after errors" test -s out1/train.bin
    mkdir all
    mv wide.txt a.parquet a.xz empty.txt a.txt all
    check "of a directory the text is taken" exits_saying 0 "1 document" \
        tokenize --input all --force
    check "in a directory UTF-16 is named likewise" says "1 file, UTF-16: all/wide.txt"
    check "in a directory xz is named likewise" says "1 file, xz-compressed: all/a.xz"
    check "in a directory an empty file is named likewise" says "1 file, empty: all/empty.txt"
    if "$lmtrain" --version | grep -q "without libzstd"; then
        printf '\050\265\057\375xxxxxxxx' >a.zst
        check "without libzstd .zst is refused with what to install" \
            exits_saying 2 "built without libzstd: install" tokenize --input a.zst --force
    elif command -v zstd >/dev/null; then
        zstd -q all/a.txt -o a.zst
        cat a.zst a.zst >two.zst
        check "zstd is read" exits 0 tokenize --input a.zst --force
        check "the text in zstd is the text" cmp out1/train.bin plain/train.bin
        check "the frames of zstd are read" exits_saying 0 "7.60 KiB of text, 1 doc" \
            tokenize --input two.zst --force
        head -c 700 a.zst >cut.zst
        check "zstd that is cut off is an error" exits_saying 1 "cut.zst: zstd-compressed, and over" \
            tokenize --input cut.zst --force
    else
        skip "zstd is read: there is no zstd"
    fi
}
scenario what_files_are

standard_input() {
    seq 100000 >a.txt
    tokenize --input a.txt --val-fraction 0.1 >/dev/null && mv out1 plain
    check "standard input is read" exits 0 tokenize --input - --val-fraction 0.1 <a.txt
    check "standard input trains as a file" cmp out1/train.bin plain/train.bin
    check "standard input validates as a file" cmp out1/val.bin plain/val.bin
    check "nothing is left of the copy" test "$(ls -A out1 | wc -l)" -eq 4
    # shellcheck disable=SC2002
    check "a compressed pipe is read" exits 0 \
        sh -c "gzip -c a.txt | '$lmtrain' tokenize --tokenizer bytes --output out2 --input -"
    check "nothing on standard input is said" exits_saying 2 "1 file, empty: standard input" \
        tokenize --input - --force </dev/null
    check "standard input is not read twice" exits_saying 2 "given twice" \
        tokenize --input - - --force </dev/null
}
scenario standard_input

json_lines() {
    printf '%s\n' '{"text": "one", "n": 1}' '' '{"n": [{"a": "}"}], "text": "t\u0077o"}' \
        '{"text": null}' '{"text": " "}' >a.jsonl
    printf '{"text": "three"}\r\n{"text": "four"}' >>a.jsonl
    check "JSON lines are documents" exits_saying 0 "4 documents" tokenize --input a.jsonl
    check "escapes are resolved; a last line needs no end" \
        test "$(documents_of out1/train.bin)" = "one|two|three|four"
    check "null is counted" says '1 JSON line whose "text" is null'
    check "white space is no document" says "1 document without text"
    gzip a.jsonl
    check "compressed JSON lines are documents" exits_saying 0 "4 documents" \
        tokenize --input a.jsonl.gz --force
    check "--format jsonl reads standard input" exits_saying 0 "1 document" \
        tokenize --input - --format jsonl --field a.b.c --force <<<'{"a": {"b": {"c": "x"}}}'
    check "a key with dots in it is found too" exits_saying 0 "1 document" \
        tokenize --input - --format jsonl --field a.b.c --force <<<'{"a": {"b.c": "x"}}'
    printf '{"text": "a"}\n{"body": "b"}\n' >b.jsonl
    check "a missing field is named with its line" \
        exits_saying 1 'b.jsonl:2: expected the member "text" (--field), found none' \
        tokenize --input b.jsonl --force
    printf '{"text": "a"}\n\n{"text": 5}\n' >b.jsonl
    check "a field that is no string is named with its place" \
        exits_saying 1 'b.jsonl:3:10: expected a string at "text"' tokenize --input b.jsonl --force
    printf '{"text": "a"}\n{"text": "a" "b"}\n' >b.jsonl
    check "what is not JSON is named with its place" exits_saying 1 "b.jsonl:2:14: expected ','" \
        tokenize --input b.jsonl --force
}
scenario json_lines

separators() {
    printf 'one<|end|>two<|end|><|end|>\n<|end|>three' >a.txt
    check "--separator cuts documents" exits_saying 0 "3 documents" \
        tokenize --input a.txt --separator '<|end|>'
    check "the separator is in no document" \
        test "$(documents_of out1/train.bin)" = "one|two|three"
    check "what has no text is no document" says "2 documents without text"
    printf 'a\n\nb\n\n\\c' >b.txt
    check "--separator takes escapes" exits_saying 0 "3 documents" \
        tokenize --input b.txt --separator '\n\n' --force
    check "an unknown escape is refused" exits_saying 2 'at "\x"' \
        tokenize --input b.txt --separator 'a\x' --force
    check "an empty separator is refused" exits_saying 2 "expected a text, found none" \
        tokenize --input b.txt --separator '' --force
    check "--separator of JSON lines is refused" exits_saying 2 "cuts text" \
        tokenize --input b.txt --separator x --format jsonl --force
}
scenario separators

held_out_ends() {
    seq 100000 >long
    seq 100 >short
    check "--val-fraction of few documents holds out their ends" \
        exits_saying 0 "the ends of 2 documents" tokenize --input long short --val-fraction 0.05
    check "a large document and a small one give the same share" says "held out for validation: 5.00%"
    check "the ends begin at a line" test "$(documents_of out1/val.bin | head -n 1)" = 95094
    check "validation goes to the end" test "$(documents_of out1/val.bin | tail -n 1)" = 100
    printf 'a line without an end' >line
    check "a document of one line is cut at a character" exits 0 \
        tokenize --input line --val-fraction 0.4 --force
    check "both parts together are the text" \
        test "$(text_of out1/train.bin)$(text_of out1/val.bin)" = "$(cat line)"
}
scenario held_out_ends

held_out_documents() {
    mkdir many
    for i in $(seq 300); do seq "$i" $((i + 50)) >many/f"$i"; done
    cp many/f7 many/same
    check "--val-fraction of many documents holds out whole ones" \
        exits_saying 0 "held out for validation: 1" tokenize --input many --val-fraction 0.1
    local of_7="7 8 9 10 11"
    check "equal documents are held out together, or trained on together" test \
        "$(documents_of out1/train.bin | tr '\n|' '  ' | grep -o " $of_7 " | wc -l)" != 1
    head -c 1000000 /dev/zero | tr '\0' x >many/large
    check "a share far from the asked one is a warning" \
        exits_saying 0 "warning: " tokenize --input many --val-fraction 0.1 --force
    check "a fraction of which nothing comes is refused" \
        exits_saying 2 "is too little of 302 documents" \
        tokenize --input many --val-fraction 0.0001 --force
    check "tokenize --force without validation data succeeds" exits 0 tokenize --input many --force
    check "tokenize --force leaves the new train.bin" test -e out1/train.bin
    check "tokenize --force removes the earlier corpus's val.bin" test ! -e out1/val.bin
    check "tokenize --force removes the earlier corpus's val.json" test ! -e out1/val.json
}
scenario held_out_documents

named_validation() {
    given tree
    check "--val-input names what is held out" exits 0 \
        tokenize --input tree --extension .h --val-input tree/b.h
    check "--val-input is validated on" test "$(documents_of out1/val.bin)" = two
    check "--val-input is not trained on" test "$(documents_of out1/train.bin)" = "one|three"
    check "--val-input and --val-fraction exclude each other" exits_saying 2 "exclude each other" \
        tokenize --input tree --val-input tree/b.h --val-fraction 0.1 --force
    check "--val-input alone leaves nothing to train on" exits_saying 2 "all 1 documents are held out" \
        tokenize --input tree/b.h --val-input tree/b.h --force
}
scenario named_validation

samples() {
    mkdir many
    for i in $(seq 200); do seq "$i" $((i + 20)) >many/f"$i"; done
    check "--sample takes a share of the documents" exits_saying 0 "documents that --sample left out" \
        tokenize --input many --sample 0.3
    check "--sample takes about its share" test "$(wc -c <out1/train.bin)" -lt 15000
    check "--max-bytes takes no more than that" exits_saying 0 "the text beyond --max-bytes" \
        tokenize --input many --max-bytes 500 --force
    check "--max-bytes takes all of that" test "$(text_of out1/train.bin | wc -c)" -ge 497
    printf 'ab\303\244cd' >one
    check "--max-bytes of a single file takes its beginning" exits_saying 0 "the text beyond" \
        tokenize --input one --max-bytes 6 --force
}
scenario samples

val_of_another_corpus() {
    given tree
    mkdir out1
    printf 'val' >out1/val.bin
    check "tokenize without --force refuses where there is a val.bin" \
        exits_saying 2 "out1/val.bin exists already" tokenize --input tree
    check "tokenize that refuses a val.bin writes no train.bin" test ! -e out1/train.bin
}
scenario val_of_another_corpus

nothing_to_tokenize() {
    given tree
    check "tokenize that finds no file says so" exits_saying 2 "no file has an extension that was asked" \
        tokenize --input tree --extension .zig
    check "an unknown tokenizer gets a suggestion" exits_saying 2 'did you mean "bytes"?' \
        "$lmtrain" tokenize --tokenizer byte --input tree --output out1
    check "tokenize names an input that does not exist" exits_saying 1 "nowhere: cannot open" \
        tokenize --input nowhere
    check "tokenize that can hold out nothing says so" exits_saying 2 "is too little of 1 document" \
        tokenize --input tree/a.h --input tree/./a.h --val-fraction 0.2
    check "tokenize that can hold out nothing writes no shard" \
        fails test -e out1/train.bin -o -e out1/val.bin
}
scenario nothing_to_tokenize

# A stream larger than the memory that may be used.
a_stream_of_any_size() {
    limited() { (ulimit -v 200000; yes "$1" | head -c "$2" | tokenize --input - --max-bytes "$2" "${@:3}"); }
    check "200 MB of standard input need no memory of that size" \
        exits_saying 0 "1 document" limited 'a line of text' 200000000
    check "one line of 200 MB needs no memory of that size" exits_saying 0 "199999997 tokens" \
        limited "$(printf '%1000s' '' | tr ' ' x)" 200000000 --force
}
scenario a_stream_of_any_size
