#!/bin/bash
# Models of other programs as they are: what inspect says of them, what needs their tokenizer, and memory.
# shellcheck source=../support/run.sh
. tests/support/run.sh

models=$root/tests/interop/import

inspects() {
    check "inspect knows a directory of transformers" exits_saying 0 \
        "$models/llama: a model of Hugging Face, LlamaForCausalLM" "$lmtrain" inspect "$models/llama"
    check "says its sizes" says "2 layers of 16, 4 heads, 2 of keys and values, context 32, vocabulary 32"
    check "its tensors by their names" says "model.layers.0.self_attn.q_proj.weight"
    check "its special tokens" says "ends at      2"
    check "that it has no tokenizer" says "tokenizer    none came along"
    check "and that import takes it" says "import       takes it"
    check "it knows a GGUF file" exits_saying 0 "a model of GGUF, llama" "$lmtrain" inspect "$models/q4.gguf" --verify
    check "whose types it counts" says "21, 9.88 KiB: 2 Q8_0, 5 F32, 7 Q4_0, 7 Q4_1"
    check "and whose template it sees" says "a chat template of 14 bytes"
    check "it reads all weights when asked to" says "verified: every number is finite"
    check "it prints what their config would be" exits_saying 0 '"d_model": 32' "$lmtrain" inspect "$models/q4.gguf" --config
    check "it knows llama2.c's files" exits_saying 0 "a model of llama2.c, Llama" "$lmtrain" inspect "$models/llama2c_v0.bin"
    check "those of int8" exits_saying 0 "16 I8" "$lmtrain" inspect "$models/llama2c_v2.bin"
    check "those of llm.c" exits_saying 0 "28 BF16" "$lmtrain" inspect "$models/llmc_v5.bin"
    check "and nanoGPT's" exits_saying 0 "GPT of nanoGPT" "$lmtrain" inspect "$models/nanogpt.safetensors"
    check "tensors without a model are listed" exits_saying 0 "tensors, of no model that it names" \
        "$lmtrain" inspect "$models/llama/model-00001-of-00003.safetensors"
    check "and said to be none" says "import       refuses it"
    check "a model has no tokens to decode" exits_saying 2 "--decode: expected token shards, found a model" \
        "$lmtrain" inspect "$models/q4.gguf" --decode 3
    cp -r "$models/llama" m
    sed -i 's/"model_type": "llama"/"model_type": "gemma3"/' m/config.json
    check "what import refuses is described all the same" exits_saying 0 "m: a model of Hugging Face" "$lmtrain" inspect m
    check "with the reason" says "refuses it: m/config.json: key model_type: expected one of llama,"
    check "and its tensors" says "model.layers.1.mlp.up_proj.weight"
    check "--verify fails then" exits_saying 2 "key model_type" "$lmtrain" inspect m --verify
    printf '\002\0\0\0\001\0\0\0\001\0\0\0\001\0\0\0\001\0\0\0\004\0\0\0\010\0\0\0\001\0\0\0' >tokens.bin
    check "tokens that begin as a model of llama2.c are tokens" exits_saying 0 "tokens.bin: tokens, raw uint32" \
        "$lmtrain" inspect tokens.bin
}
scenario inspects

# Its tokenizer is there and cannot be read: commands that do without it do.
unread_tokenizer() {
    cp -r "$models/llama" m
    echo '{"model": {"type": "WordPiece"}}' >m/tokenizer.json
    printf '%01000d' 0 | tr '0' '\0' >ids.bin
    check "eval on tokens does without a tokenizer" exits_saying 0 \
        "warning: bits per byte are not known: m/tokenizer.json:1:31: a model of type" \
        "$lmtrain" eval m --data ids.bin --token-bytes 2
    check "generate with ids too" exits 0 "$lmtrain" generate m --tokens-in 1 --tokens-out --tokens 2
    check "inspect says it" exits_saying 0 "tokenizer    not read: m/tokenizer.json" "$lmtrain" inspect m
    check "eval on text needs it" exits_saying 1 "m/tokenizer.json:1:31: " "$lmtrain" eval m --text "$root/README.md"
    check "generate with text" exits_saying 1 "m/tokenizer.json:1:31: " "$lmtrain" generate m --prompt x
    check "import, which says how to do without" exits_saying 1 "--tokenizer none" "$lmtrain" import m --output m.npz
    check "export" exits_saying 1 "m/tokenizer.json:1:31: " "$lmtrain" export m --to gguf --output m.gguf
    printf '{"run": {"dir": "r", "init_from": "m"}, "data": {"train": "ids.bin"}, "train": {"steps": 1}}' >r.json
    check "and a run, in whose checkpoints it belongs" exits_saying 1 "run.init_from: m/tokenizer.json:1:31: " \
        "$lmtrain" --config r.json
}
scenario unread_tokenizer

# A context of 131,072 tokens, of which hardly any are used.
long_context() {
    printf '%02000d' 0 | tr '0' '\0' >ids.bin
    cp -r "$models/llama" n
    sed -i 's/\("max_position_embeddings"\): [0-9]*/\1: 131072/' n/config.json
    check "tokens that are too few for a window are an error" exits_saying 2 "at least 131073 tokens" \
        "$lmtrain" eval n --data ids.bin --token-bytes 2
    check "that says what to do" says "(--context N evaluates windows of N tokens)"
    check "--context takes shorter windows" exits_saying 0 "tokens         992 in" \
        "$lmtrain" eval n --data ids.bin --token-bytes 2 --context 32
    "$lmtrain" eval n --data ids.bin --token-bytes 2 --context 32 --json >here
    "$lmtrain" eval "$models/llama" --data ids.bin --token-bytes 2 --json >there
    check "whose losses are those of a short context" test "$(grep -o '"loss": [0-9.]*' here)" = "$(grep -o '"loss": [0-9.]*' there)"
    check "a longer one than the model's is refused" exits_saying 2 "--context 64: $models/llama has a context of 32" \
        "$lmtrain" eval "$models/llama" --data ids.bin --token-bytes 2 --context 64
    check "learned positions take shorter windows as well" exits_saying 0 "tokens         992 in" \
        "$lmtrain" eval "$models/gpt2" --data ids.bin --token-bytes 2 --context 8
    head -c 300 "$root/README.md" >text.txt
    "$lmtrain" tokenize --tokenizer bytes --input text.txt --output data >said
    printf '%s' '{"run": {"dir": "r"}, "model": {"d_model": 64, "n_layers": 1, "n_heads": 2, "context_length": 16},
        "data": {"train": "data/train.bin"}, "train": {"steps": 1, "batch": 1}}' >r.json
    "$lmtrain" --config r.json --quiet
    "$lmtrain" export r --to hf --output long >said
    sed -i 's/\("max_position_embeddings"\): [0-9]*/\1: 8000000/' long/config.json
    check "the memory of eval --text follows from the text" exits_saying 0 "tokens         299 in" \
        sh -c 'ulimit -v 1500000; exec "$@"' sh "$lmtrain" eval long --text text.txt --threads 1
    echo '{"context": "The sky is", "choices": ["blue", "made of tea"], "label": 0}' >questions.jsonl
    check "that of eval --choices from the questions" exits_saying 0 "questions      1" \
        sh -c 'ulimit -v 1500000; exec "$@"' sh "$lmtrain" eval long --choices questions.jsonl --threads 1
    check "that of generate from what is asked for" exits 0 \
        sh -c 'ulimit -v 1500000; exec "$@"' sh "$lmtrain" generate long --tokens 20 --prompt x --threads 1
}
scenario long_context

outputs() {
    check "a source that is not there is said to be missing" exits_saying 1 "gone.gguf: cannot open: No such file" \
        "$lmtrain" import gone.gguf --output m
    mkfifo pipe.npz && : >file
    check "a source that is no file is said to be none" exits_saying 1 "pipe.npz: expected a regular file" \
        "$lmtrain" import pipe.npz --output m
    check "an empty file is no model" exits_saying 2 "file: expected a model" "$lmtrain" import file --output m
    check "a pipe is not replaced, even by force" exits_saying 2 "pipe.npz: expected a regular file" \
        "$lmtrain" import "$models/q4.gguf" --output pipe.npz --force
    check "it is a pipe still" test -p pipe.npz
    check "a file is no run directory" exits_saying 2 "file: expected a directory" \
        "$lmtrain" import "$models/q4.gguf" --output file
    check "a tokenizer that is not wanted is not said to be missing" exits_saying 0 "none, as --tokenizer says" \
        "$lmtrain" import "$models/llama" --output m.npz --tokenizer none
}
scenario outputs
