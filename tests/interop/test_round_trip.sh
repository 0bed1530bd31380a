# Models of other programs, in, out and in again: the same bits. The models: make_import.py, make_binary.py.

. tests/support/run.sh

models=$root/tests/interop/import

# take_in NAME SOURCE: NAME.npz
take_in() { "$lmtrain" import "$2" --output "$1.npz" --force --tokenizer none >said; }
# config_of A: without the deviation of initial weights, which GGUF does not say
config_of() { "$lmtrain" inspect --config "$1.npz" | sed -e 1d -e /init_std/d -e /written/d; }
# same A B: the weights and the config of A.npz and B.npz
same() {
    "$lmtrain" diff "$1.npz" "$2.npz" | grep -q 'arrays agree' &&
        cmp <(config_of "$1" | sed '/^array/,$d') <(config_of "$2" | sed '/^array/,$d')
}
# there_and_back SOURCE FORMAT [OPTIONS]: true when import, export and import end where the first did
there_and_back() {
    take_in first "$1" && "$lmtrain" export first.npz --to "$2" --output "out.$2" --force "${@:3}" &&
        take_in second "out.$2" && same first second
}

every_class() {
    for model in llama llama_bias mistral qwen2 qwen3 arcee nemotron stablelm starcoder2 gpt2; do
        check "$model goes to transformers and back bit for bit" there_and_back "$models/$model" hf
    done
    for model in llama llama_bias qwen2 qwen3 arcee nemotron stablelm gpt2; do
        check "$model goes to llama.cpp and back bit for bit" there_and_back "$models/$model" gguf
    done
}
scenario every_class

other_formats() {
    for version in llama2c llama2c-v1; do
        for model in v0 v1 v2; do
            check "$version: a file of version ${model#v} goes there and back bit for bit" \
                there_and_back "$models/llama2c_$model.bin" $version
        done
    done
    check "llm.c: a model goes there and back bit for bit" there_and_back "$models/llmc_v3.bin" llmc
    check "llm.c: one of bf16 too" there_and_back "$models/llmc_v5.bin" llmc --dtype bf16
    check "half precision loses nothing that was in it" there_and_back "$models/mistral" hf --dtype f16
    check "bf16 neither" there_and_back "$models/llama_bias" hf --dtype bf16
    check "nanoGPT's model goes to transformers and back" \
        there_and_back "$models/nanogpt.safetensors" hf
    check "blocks become what they mean" there_and_back "$models/q4.gguf" gguf
}
scenario other_formats

# What a model brings along goes out again.
kept() {
    take_in first "$models/q4.gguf" && "$lmtrain" export first.npz --to hf --output exported >said && take_in second exported
    check "special tokens and the chat template are kept" cmp - <(unzip -p first.npz interop.json) <<END
{
  "bos_token_id": 1,
  "eos_token_id": 2,
  "chat_template": "{{ messages }}"
}
END
    check "special tokens go out again" grep -q '"eos_token_id": 2' <(unzip -p second.npz interop.json)
    printf '{"run": {"dir": "tuned", "init_from": "first.npz"}, "data": {"train": "x.bin"}, "train": {"steps": 2}}' \
        >tune.json
    printf '%01000d' 0 | tr '0' '\0' >x.bin
    check "a run begins with an imported model" exits_saying 0 "weights from first.npz" \
        "$lmtrain" --config tune.json --set model.context_length=16
    check "what was kept is in its checkpoints" cmp <(unzip -p first.npz interop.json) \
        <(unzip -p tuned/checkpoints/step-0000000002.npz interop.json)
    cp -r tuned killed && rm killed/checkpoints/*.npz killed/summary.json
    check "a run that was killed before its first checkpoint begins again" exits_saying 0 "starting at step 0" \
        "$lmtrain" --config tune.json --set model.context_length=16 --set run.dir=killed --resume
    check "in the same file" cmp tuned/checkpoints/step-0000000002.npz killed/checkpoints/step-0000000002.npz
    check "and after it goes on" exits_saying 0 "finished: tuned" \
        "$lmtrain" --config tune.json --set model.context_length=16 --set train.steps=3 --resume
    check "it is there still" cmp <(unzip -p first.npz interop.json) \
        <(unzip -p tuned/checkpoints/step-0000000003.npz interop.json)
    for key in window=8 rope_theta=5000 rope_scaling=linear; do
        check "${key%=*} says how imported weights are meant: it may not differ" \
            exits_saying 2 "model.${key%=*}: " "$lmtrain" --config tune.json \
            --set run.dir=other --set model.context_length=16 --set model.$key
    done
    check "context_length says it too: it may not be longer" exits_saying 2 "model.context_length: " \
        "$lmtrain" --config tune.json --set run.dir=other --set model.context_length=64
    check "a longer context is an error that names both values" says "model.context_length: 32 -> 64"
    check "of the file itself, too" exits_saying 2 "model.window: 0 -> 8" "$lmtrain" --config tune.json \
        --set run.dir=other --set model.window=8 --set run.init_from="$models/q4.gguf"
    check "no window is a value as well" exits_saying 2 "model.window: 5 -> 0" "$lmtrain" \
        --config tune.json --set run.dir=other --set model.window=0 --set run.init_from="$models/mistral"
    check "a run begins with another program's model as it is" \
        exits_saying 0 "weights from $models/q4.gguf" "$lmtrain" --config tune.json \
        --set model.context_length=16 --set run.dir=direct --set run.init_from="$models/q4.gguf"
    check "to the same weights" grep -q "arrays agree" <("$lmtrain" diff \
        tuned/checkpoints/step-0000000002.npz direct/checkpoints/step-0000000002.npz)
}
scenario kept

# near A B: the losses of all tokens, in two files of --token-losses, are 1e-6 apart at most
near() {
    paste <(grep -o '[0-9.e+-]*' "$1") <(grep -o '[0-9.e+-]*' "$2") |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > most) most = d; n++ }
             END { print n, most; exit !(n > 500 && most <= 1e-6) }'
}
# What is folded or filled in: trained for some steps, out as FORMAT, and in again.
folded_or_filled() {
    local format=$1 where=out.$1
    shift
    "$lmtrain" --config a.json --set train.steps=8 --set run.dir=folded "$@" --quiet &&
        "$lmtrain" export folded --to "$format" --output "$where" --force &&
        "$lmtrain" eval folded --data val.bin --tokens 500 --token-losses here &&
        "$lmtrain" eval "$where" --data val.bin --tokens 500 --token-losses there &&
        near here there
    local ended=$?
    rm -rf folded
    return $ended
}
folds() {
    corpus >said 2>&1 && tiny a
    check "a norm of the embedding is folded into it" \
        folded_or_filled hf --set model.embedding_norm=true
    check "in llama.cpp's file too" folded_or_filled gguf --set model.embedding_norm=true
    check "positions that do not enter stay out" folded_or_filled hf --set model.position=none
    check "biases that GPT-2 has are filled with zeros" folded_or_filled hf \
        --set model.position=learned --set model.norm=layernorm --set model.mlp=gelu_tanh
    check "and those of llm.c" folded_or_filled llmc \
        --set model.position=learned --set model.norm=layernorm --set model.mlp=gelu_tanh
}
scenario folds

# Tokens that end a text: a list in config.json, more in generation_config.json.
several_ends() {
    rm -rf m && cp -r "$models/llama" m
    sed -i 's/"eos_token_id": 2/"eos_token_id": [2, 30]/' m/config.json
    local ids end before prompt=(--tokens-in "1 2 3" --temperature 0 --tokens 8)
    ids=$("$lmtrain" generate m "${prompt[@]}" --tokens-out --ignore-end)
    before=$(echo "$ids" | cut -d ' ' -f 1-8) # of which none is the next one
    end=$(echo "$ids" | cut -d ' ' -f 9)
    echo "{\"bos_token_id\": 5, \"eos_token_id\": [30, $end, null], \"pad_token_id\": 7}" >m/generation_config.json
    check "generate stops at a token that generation_config.json names" \
        grep -q '"ended": "document"' <("$lmtrain" generate m "${prompt[@]}" --json)
    check "before it" test "$("$lmtrain" generate m "${prompt[@]}" --tokens-out)" = "$before"
    check "and goes on when asked to" test "$("$lmtrain" generate m "${prompt[@]}" --tokens-out --ignore-end)" = "$ids"
    check "all ends are taken over" exits 0 "$lmtrain" import m --output m.npz
    kept_ends="\"eos_token_id\": [2, 30, $end]"
    check "from both files" grep -qF "$kept_ends" <(unzip -p m.npz interop.json)
    check "what only one of them says is too" grep -q '"pad_token_id": 7' <(unzip -p m.npz interop.json)
    check "the checkpoint's text ends there too" test "$("$lmtrain" generate m.npz "${prompt[@]}" --tokens-out)" = "$before"
    "$lmtrain" export m.npz --to hf --output hf >said && "$lmtrain" export m.npz --to gguf --output m.gguf >said
    check "they go out again" grep -qF "$kept_ends" hf/config.json
    check "to both files" grep -qF "$kept_ends" hf/generation_config.json
    "$lmtrain" import m.gguf --output gguf.npz >said
    check "llama.cpp's file has keys for three" grep -qF "$kept_ends" <(unzip -p gguf.npz interop.json)
    sed -i "s/null/31/" m/generation_config.json
    check "and of more it is said" exits_saying 0 "of 4 tokens that end a text, the file names the first 3" \
        "$lmtrain" export m --to gguf --output m.gguf
    seq -s , 0 31 | sed 's/.*/{"eos_token_id": [&]}/' >m/generation_config.json
    check "32 of them are taken" exits_saying 0 "" "$lmtrain" import m --output m.npz --force
    check "a generation_config.json that is none is an error" exits_saying 1 "m/generation_config.json:2:1: " \
        sh -c 'echo "{" >m/generation_config.json; "$0" import m --output m.npz --force' "$lmtrain"
}
scenario several_ends

import_command() {
    check "import says what it read" exits_saying 0 "GGUF, llama: " \
        "$lmtrain" import "$models/q4.gguf" --output m.npz
    check "import takes a shorter context" exits_saying 0 "context 8," \
        "$lmtrain" import "$models/q4.gguf" --output short.npz --context 8
    check "a longer context is refused" exits_saying 2 "has a context of 32" \
        "$lmtrain" import "$models/q4.gguf" --output long.npz --context 64
    check "learned positions are not cut" exits_saying 2 "learned positions" \
        "$lmtrain" import "$models/gpt2" --output long.npz --context 8
    check "a checkpoint is not overwritten" exits_saying 2 "add --force" \
        "$lmtrain" import "$models/q4.gguf" --output m.npz
    check "import makes a directory that other commands take" exits_saying 0 "written    run/checkpoints/" \
        "$lmtrain" import "$models/llama" --output run
    check "inspect shows it" exits_saying 0 "step-0000000000.npz" "$lmtrain" inspect run
    check "a device is no model" exits_saying 1 "expected a regular file" \
        "$lmtrain" import /dev/null --output none.npz
    check "--tokenizer takes one of its own" exits_saying 2 "has 256 tokens, its model only 32" \
        "$lmtrain" import "$models/llama" --output none.npz --tokenizer bytes
    check "an output without a name is refused" exits_saying 2 "--output: expected a name" \
        "$lmtrain" import "$models/llama" --output ""
    check "and one of an export" exits_saying 2 "--output: expected a name" \
        "$lmtrain" export "$models/llama" --to hf --output ""
    check "an imported model generates" exits_saying 0 "" \
        "$lmtrain" generate "$models/llama" --tokens-in "1 2 3" --tokens-out --tokens 3
}
scenario import_command

# altered KEYS: the Llama model with these keys in its config.json, as m/
altered() {
    rm -rf m
    cp -r "$models/llama" m
    sed -i "s|\"use_cache\": true|$1|" m/config.json
}

odd_configs() {
    altered '"rope_scaling": {"rope_type": "linear", "factor": 0.5}'
    sed -i '/rope_type": "default"/d; s/500.0,/500.0/' m/config.json
    check "a number that no checkpoint may have is refused" exits_saying 2 \
        "m: its model would have model.rope_factor = 0.5: expected a number from 1" \
        "$lmtrain" import m --output m.npz
    check "and nothing is written" fails ls m.npz
    altered '"use_cache": true'
    sed -i 's/"pad_token_id": null/"pad_token_id": 32/' m/config.json
    check "a special token beyond the vocabulary is left out" exits_saying 0 \
        "the padding token 32 is beyond the vocabulary of 32, and is left out" \
        "$lmtrain" import m --output m.npz
    rm -f m/tokenizer.json && touch m/tokenizer.model
    check "a tokenizer that is not read is named" exits_saying 0 "tokenizer.model of SentencePiece is not read" \
        "$lmtrain" import m --output m.npz --force
    check "and does not go out again" exits 0 "$lmtrain" export m.npz --to hf --output hf
    check "as the configs show" lacks '"pad_token_id": 32' hf/generation_config.json
    rm -rf mistral && cp -r "$models/mistral" mistral
    sed -i '/"sliding_window"/d; s/\("max_position_embeddings"\): [0-9]*/\1: 8192/' mistral/config.json
    "$lmtrain" export mistral --to hf --output window --threads 1 >out
    check "a window of Mistral's that is not said is the one it has by default" \
        grep -q '"sliding_window": 4096' window/config.json
    sed -i 's/"max_position/"sliding_window": null, "max_position/' mistral/config.json
    "$lmtrain" export mistral --to hf --output none --threads 1 >out
    check "and null is none" lacks '"sliding_window": [0-9]' none/config.json
    sed -i 's/"num_hidden_layers": 2/"num_hidden_layers": 1000/' m/config.json
    check "many layers that are not there are refused at once" \
        exits_saying 1 "expected a tensor model.layers.2." \
        timeout 2 "$lmtrain" import m --output m.npz --force
    printf '%s' '{"run": {"dir": "l3"}, "model": {"rope_scaling": "llama3", "d_model": 8, "n_layers": 1,
        "n_heads": 1, "context_length": 8, "vocab_size": 256}, "data": {"train": "x.bin"},
        "train": {"steps": 1, "batch": 1}}' >l3.json
    "$lmtrain" tokenize --tokenizer bytes --input "$root/README.md" --output l3data
    "$lmtrain" --config l3.json --quiet --set data.train=l3data/train.bin
    "$lmtrain" export l3 --to gguf --output l3.gguf
    check "keys of our own are known" exits 0 "$lmtrain" import l3.gguf --output l3.npz
    check "and not said to be passed over" lacks "passed over" out
}
scenario odd_configs
