#!/bin/bash
# lmtrain export: what it writes and says, and what it refuses.
# shellcheck source=../support/run.sh
. tests/support/run.sh

trained() {
    corpus
    tiny a
    "$lmtrain" --config a.json --quiet --set train.steps=6 --set model.n_kv_heads=1
}

hf() {
    given trained
    check "export says what it wrote" exits_saying 0 "hf: LlamaForCausalLM of step 6 as f32" \
        "$lmtrain" export run --to hf --output hf
    for file in config.json generation_config.json model.safetensors tokenizer.json \
        tokenizer_config.json README.md lmtrain.json; do
        check "the directory for transformers has $file" test -s hf/$file
    done
    check "config.json says the number of key/value heads" \
        grep -q '"num_key_value_heads": 1' hf/config.json
    check "the model card tells the steps" grep -q "6 steps" hf/README.md
    check "lmtrain.json has the run's config" grep -q '"n_kv_heads": 1' hf/lmtrain.json
    check "no temporary file is left" fails ls hf/*.tmp
    [ "$python" ] || { echo "ok - # SKIP NumPy is missing"; return; }
    cat >read.py <<'PYTHON'
import glob, json, struct, numpy as np
z = np.load(max(glob.glob("run/checkpoints/*.npz")))
def ours(name): return np.ascontiguousarray(np.moveaxis(z[name], 0, -1)).view("<f4")[..., 0]
raw = open("hf/model.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8 : 8 + n])
def theirs(name):
    t = head[name]
    begin, end = t["data_offsets"]
    assert t["dtype"] == "F32"
    return np.frombuffer(raw[8 + n + begin : 8 + n + end], "<f4").reshape(t["shape"])
assert head["__metadata__"]["format"] == "pt" and len(head) == 1 + 1 + 2 * 9 + 1
assert (theirs("model.embed_tokens.weight") == ours("wte.weight")).all()
for i in range(2):
    a = f"model.layers.{i}.self_attn."
    qkv = np.concatenate([theirs(a + p + "_proj.weight") for p in "qkv"])
    assert (qkv == ours(f"h.{i}.attn.qkv.weight")).all()
    assert (theirs(f"model.layers.{i}.mlp.up_proj.weight") == ours(f"h.{i}.mlp.up.weight")).all()
PYTHON
    check "the weights are those of the checkpoint, by the names of Hugging Face" \
        "$python" read.py
}
scenario hf

gguf() {
    given trained
    check "a GGUF file of blocks says what it is" exits_saying 0 "m.gguf: llama of step 6 as q8_0" \
        "$lmtrain" export run --to gguf --output m.gguf --dtype q8_0 --name mine
    check "it is a quarter as large as one of f32" exits 0 \
        "$lmtrain" export run --to gguf --output f32.gguf
    check "a file of q8_0 is smaller" test "$(($(wc -c <m.gguf) * 2))" -lt "$(wc -c <f32.gguf)"
    check "nothing is said where all matrices have whole blocks" lacks "stored as f16" out
    "$lmtrain" --config a.json --quiet --set train.steps=1 --set model.d_ff=50 --set run.dir=odd
    check "matrices that have not are said to be of f16" \
        exits_saying 0 "2 of 20 tensors are stored as f16: blocks of q8_0 are of 32 elements" \
        "$lmtrain" export odd --to gguf --output odd.gguf --dtype q8_0
    check "the name given is in the file" grep -aq "mine" m.gguf
    check "a name is text" exits 0 \
        "$lmtrain" export run --to gguf --output named.gguf --name "$(printf 'a\377b')"
    check "whatever bytes it has" grep -aqF 'a\xffb' named.gguf
    check "an empty one is refused" exits_saying 2 "--name: expected a name" \
        "$lmtrain" export run --to gguf --output named.gguf --name ""
    check "a checkpoint is exported as its run" exits 0 \
        "$lmtrain" export run/checkpoints/step-0000000006.npz --to gguf --output c.gguf
    check "a run and its checkpoint give the same file" cmp c.gguf f32.gguf
    check "what was exported is exported again from there" exits 0 \
        "$lmtrain" export f32.gguf --to hf --output from-gguf
    "$lmtrain" export run --to hf --output hf >out
    check "and it is the same model" cmp hf/model.safetensors from-gguf/model.safetensors
}
scenario gguf

outputs() {
    given trained
    "$lmtrain" export run --to gguf --output m.gguf >out
    check "an export replaces its own file" exits 0 "$lmtrain" export run --to gguf --output m.gguf
    echo text >notes
    check "it does not replace another file" exits_saying 2 "add --force" \
        "$lmtrain" export run --to gguf --output notes
    check "which is as it was" grep -q text notes
    check "unless it is told to" exits 0 "$lmtrain" export run --to gguf --output notes --force
    check "a directory is no place for a GGUF file" exits_saying 2 "found a directory" \
        "$lmtrain" export run --to gguf --output run
    check "a file is no place for a directory" exits_saying 2 "expected a directory" \
        "$lmtrain" export run --to hf --output m.gguf
    mkfifo pipe.gguf && mkdir -p held/config.json
    check "a pipe is not replaced, even by force" exits_saying 2 "expected a regular file" \
        "$lmtrain" export run --to gguf --output pipe.gguf --force
    check "it is a pipe still" test -p pipe.gguf
    check "nor is a directory of a file's name" exits_saying 2 "found a directory" \
        "$lmtrain" export run --to hf --output held --force
    check "and nothing is written beside it" fails ls held/model.safetensors
    check "the size of shards is refused where there are none" \
        exits_saying 2 "--shard-bytes is of --to hf: --to gguf writes one file" \
        "$lmtrain" export run --to gguf --output m.gguf --shard-bytes 1000
}
outputs_without_disk() {
    given trained
    (ulimit -f 20; trap '' XFSZ; "$lmtrain" export run --to gguf --output big.gguf) >out 2>&1
    check "a file that cannot be written whole is an error" says "big.gguf"
    check "and leaves nothing" fails ls big.gguf big.gguf.tmp
}
scenario outputs
scenario outputs_without_disk

shards() {
    given trained
    check "weights are cut into files of the size asked for" \
        exits 0 "$lmtrain" export run --to hf --output hf --shard-bytes 30000
    check "which are numbered" test -s hf/model-00001-of-00005.safetensors
    check "and listed in an index" grep -q '"total_size": 131712' hf/model.safetensors.index.json
    check "every tensor is in it" grep -q '"model.norm.weight": "model-00005-of-00005.safetensors"' \
        hf/model.safetensors.index.json
    check "one file in their place removes them" exits 0 "$lmtrain" export run --to hf --output hf
    check "with their index" fails ls hf/model-0* hf/model.safetensors.index.json
    "$lmtrain" export run --to hf --output cut --shard-bytes 1 >out
    check "a model of many files is read back" exits 0 \
        "$lmtrain" export cut --to hf --output whole
    check "to the same bits" cmp hf/model.safetensors whole/model.safetensors
}
scenario shards

what_came_in() {
    given trained
    "$lmtrain" export run --to hf --output hf >out
    printf '{%% for m in messages %%}CHAT{%% endfor %%}' >hf/chat_template.jinja
    sed -i 's/"eos_token_id": [0-9a-z]*/"eos_token_id": 7/' hf/config.json hf/generation_config.json
    "$lmtrain" import hf --output came.npz >out
    check "a chat template that came in goes out to llama.cpp" exits 0 \
        "$lmtrain" export came.npz --to gguf --output came.gguf
    cp out said
    check "as it was" grep -aq "{% for m in messages %}CHAT{% endfor %}" came.gguf
    "$lmtrain" export came.npz --to hf --output again >out
    check "and to transformers" cmp hf/chat_template.jinja again/chat_template.jinja
    check "with the token that ends texts" grep -q '"eos_token_id": 7' again/config.json
    check "which generation is told of too" grep -q '"eos_token_id": 7' again/generation_config.json
    printf 'a\377' >hf/chat_template.jinja
    check "a template that is no text is refused" \
        exits_saying 1 "byte offset 1: expected UTF-8 text, found the byte 0xFF" \
        "$lmtrain" import hf --output bad.npz
    rm hf/chat_template.jinja
    sed -i '2s|^|"chat_template": [{"name": "tool_use", "template": "TOOLS"}, {"name": "default", "template": "CHAT"}],|' \
        hf/tokenizer_config.json
    check "of a list of templates the default one is taken" exits_saying 0 \
        'of 2 chat templates only "default" is taken over' "$lmtrain" import hf --output list.npz
    "$lmtrain" export list.npz --to hf --output listed >out
    check "and goes out" test "$(cat listed/chat_template.jinja)" = CHAT
    sed -i 's/"normalizer": null/"normalizer": {"type": "NFC"}/' hf/tokenizer.json
    "$lmtrain" --version | grep -q utf8proc || { echo "ok - # SKIP utf8proc is missing"; return; }
    check "that llama.cpp knows no normalization form is said" exits_saying 0 \
        "does not bring text into Unicode's normalization form C" \
        "$lmtrain" export hf --to gguf --output nfc.gguf
    check "and not of the model before" lacks "normalization" said
}
scenario what_came_in

refusals() {
    given corpus
    tiny a
    check "the plan says what a model exports as" \
        exits_saying 0 "exports   hf (LlamaForCausalLM), gguf (llama), llama2c (Llama)" \
        "$lmtrain" --config a.json --dry-run
    check "the plan says what cannot be exported, and why" \
        exits_saying 0 "not gguf: model.logit_softcap is 30; " \
        "$lmtrain" --config a.json --dry-run --set model.logit_softcap=30
    "$lmtrain" --config a.json --quiet --set train.steps=2 --set model.logit_softcap=30
    check "a model that nothing holds is refused by the name of the key" \
        exits_saying 2 "model.logit_softcap is 30; llama needs 0" \
        "$lmtrain" export run --to gguf --output m.gguf
    check "which writes nothing" fails test -e m.gguf
    check "an unknown format is refused" exits_saying 2 "expected one of hf, gguf" \
        "$lmtrain" export run --to onnx --output x
    rm -r run
    "$lmtrain" --config a.json --quiet --set train.steps=2
    check "a type that the format lacks is refused" \
        exits_saying 2 "--to hf has no q8_0: expected one of f32, bf16, f16" \
        "$lmtrain" export run --to hf --output hf --dtype q8_0
    check "a second tokenizer is refused" exits_saying 2 "has the tokenizer of its tokens in it" \
        "$lmtrain" export run --to hf --output hf --tokenizer bytes
    rm -r run
    "$lmtrain" --config a.json --quiet --set train.steps=2 \
        --set 'model.ngram_tables=[{"order":2},{"order":3,"rows":512}]'
    check "tables of n-grams are refused, however many" \
        exits_saying 2 "model.ngram_tables is [" "$lmtrain" export run --to gguf --output m.gguf
    rm -r run
    "$lmtrain" --config a.json --quiet --set train.steps=2 --set model.zero_head=true \
        --set model.tie_embeddings=false --set model.embedding_std=0.5
    check "how a model began does not matter" exits 0 \
        "$lmtrain" export run --to gguf --output m.gguf
}
scenario refusals

token_losses() {
    given trained
    "$lmtrain" eval run --data val.bin --token-losses data.jsonl --json >out
    check "eval of text writes the losses of its tokens" exits 0 \
        "$lmtrain" eval run --text text.txt --tokens 100 --token-losses text.jsonl
    check "each window is a line" test "$(grep -c losses text.jsonl)" -ge 4
    "$lmtrain" eval run --data val.bin --json >out
    [ "$python" ] || { echo "ok - # SKIP NumPy is missing"; return; }
    cat >mean.py <<'PYTHON'
import json
windows = [json.loads(line) for line in open("data.jsonl")]
losses = [x for w in windows for x in w["losses"]]
assert all(len(w["ids"]) == len(w["losses"]) + 1 == 33 for w in windows)
want = json.load(open("out"))
assert len(losses) == want["tokens"] and abs(sum(losses) / len(losses) - want["loss"]) < 1e-5
PYTHON
    check "their mean is the loss that eval prints" "$python" mean.py
    check "a file that cannot be written is an error" exits 1 \
        "$lmtrain" eval run --data val.bin --token-losses no/such/place
}
scenario token_losses
