"""Makes tests/interop/import/: one small random model per class of Hugging Face's transformers that lmtrain
reads, and the logits that transformers computes with it in float32; GGUF files of every type of blocks that
lmtrain reads, and what the package gguf makes of them.

    python3 tests/interop/make_import.py             # needs torch, transformers, safetensors, gguf, numpy

Each folder holds what save_pretrained wrote, and logits.bin: float32 [POSITIONS, vocab_size] for the tokens
(7 i + 3) % vocab_size, i = 0 .. POSITIONS - 1.
"""
import json
import os
import shutil

import gguf
import numpy as np
import torch
import transformers as tf

HERE = os.path.dirname(os.path.abspath(__file__))
TO = os.path.join(HERE, "import")
POSITIONS = 24
VOCAB = 32
SIZES = dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=32, bos_token_id=1, eos_token_id=2, pad_token_id=None)
THETA = {"rope_type": "default", "rope_theta": 500.0}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
LINEAR = {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.0}

# name: (class of the config, class of the model, keys beside SIZES, dtype, size of a shard)
MODELS = {
    "llama": (tf.LlamaConfig, tf.LlamaForCausalLM, dict(rope_parameters=THETA), torch.float32, "8KB"),
    "llama_bias": (tf.LlamaConfig, tf.LlamaForCausalLM,
                   dict(rope_parameters=LLAMA3, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
                        head_dim=8), torch.bfloat16, "1GB"),
    "mistral": (tf.MistralConfig, tf.MistralForCausalLM, dict(rope_parameters=THETA, sliding_window=5),
                torch.float16, "1GB"),
    "qwen2": (tf.Qwen2Config, tf.Qwen2ForCausalLM, dict(rope_parameters=THETA), torch.float32, "1GB"),
    "qwen3": (tf.Qwen3Config, tf.Qwen3ForCausalLM, dict(rope_parameters=LINEAR, head_dim=8,
                                                        tie_word_embeddings=True), torch.float32, "1GB"),
    "arcee": (tf.ArceeConfig, tf.ArceeForCausalLM, dict(rope_parameters=THETA), torch.float32, "1GB"),
    "nemotron": (tf.NemotronConfig, tf.NemotronForCausalLM,
                 dict(rope_parameters={**THETA, "partial_rotary_factor": 0.5}), torch.float32, "1GB"),
    "stablelm": (tf.StableLmConfig, tf.StableLmForCausalLM,
                 dict(rope_parameters={**THETA, "partial_rotary_factor": 0.5}, use_qkv_bias=True), torch.float32,
                 "1GB"),
    "starcoder2": (tf.Starcoder2Config, tf.Starcoder2ForCausalLM,
                   dict(rope_parameters=THETA, sliding_window=7), torch.float32, "1GB"),
    "gpt2": (tf.GPT2Config, tf.GPT2LMHeadModel,
             dict(n_embd=16, n_layer=2, n_head=2, n_positions=32, activation_function="gelu_new"), torch.float32,
             "1GB"),
}


def tokens(n=POSITIONS, vocab=VOCAB):
    return torch.tensor([[(7 * i + 3) % vocab for i in range(n)]])


def randomise(model):
    """Weights of a size at which nothing is lost in rounding, norms and biases away from 1 and 0."""
    generator = torch.Generator().manual_seed(11)
    for name, p in sorted(model.named_parameters()):
        scale = 0.3 if p.ndim == 1 else 0.15
        p.data = (p.data * (p.ndim == 1) + scale * torch.randn(p.shape, generator=generator)).to(p.dtype)


def logits_of(model):
    model.eval()
    with torch.no_grad():
        return model(tokens()).logits[0].float().numpy().astype(np.float32)


def make_model(name, config_class, model_class, keys, dtype, shard):
    folder = os.path.join(TO, name)
    shutil.rmtree(folder, ignore_errors=True)
    sizes = SIZES if name != "gpt2" else dict(vocab_size=VOCAB, bos_token_id=1, eos_token_id=2)
    model = model_class(config_class(attn_implementation="eager", **{**sizes, **keys}))
    randomise(model)
    model = model.to(dtype)
    model.save_pretrained(folder, max_shard_size=shard)
    again = model_class.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    logits_of(again).tofile(os.path.join(folder, "logits.bin"))
    return again


def permuted(weight, heads):
    """Rows of each head as llama.cpp's architecture llama turns them."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def make_gguf(name, model, types):
    """A llama as GGUF: types says which type the matrices of each layer have, embedding first."""
    path = os.path.join(TO, name + ".gguf")
    w = gguf.GGUFWriter(path, "llama")
    c = model.config
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_block_count(c.num_hidden_layers)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(c.num_key_value_heads)
    w.add_rope_freq_base(c.rope_parameters["rope_theta"])
    w.add_rope_dimension_count(c.hidden_size // c.num_attention_heads)
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    w.add_string("tokenizer.ggml.model", "none")
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_chat_template("{{ messages }}")
    state = model.state_dict()
    values = {}

    def put(theirs, ours, kind, heads=0):
        x = state[ours].float().numpy()
        if heads:
            x = permuted(x, heads)
        if x.ndim == 1:
            kind = gguf.GGMLQuantizationType.F32
        q = gguf.quants.quantize(x, kind)
        values[ours] = gguf.quants.dequantize(q, kind).reshape(x.shape).astype(np.float32)
        if heads:
            half = values[ours].shape[0] // heads // 2
            values[ours] = values[ours].reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(x.shape)
        w.add_tensor(theirs, q, raw_dtype=kind)

    put("token_embd.weight", "model.embed_tokens.weight", types[0])
    for i in range(c.num_hidden_layers):
        kind, hf, at = types[1 + i % (len(types) - 1)], f"model.layers.{i}.", f"blk.{i}."
        put(at + "attn_norm.weight", hf + "input_layernorm.weight", kind)
        put(at + "attn_q.weight", hf + "self_attn.q_proj.weight", kind, c.num_attention_heads)
        put(at + "attn_k.weight", hf + "self_attn.k_proj.weight", kind, c.num_key_value_heads)
        put(at + "attn_v.weight", hf + "self_attn.v_proj.weight", kind)
        put(at + "attn_output.weight", hf + "self_attn.o_proj.weight", kind)
        put(at + "ffn_norm.weight", hf + "post_attention_layernorm.weight", kind)
        put(at + "ffn_gate.weight", hf + "mlp.gate_proj.weight", kind)
        put(at + "ffn_up.weight", hf + "mlp.up_proj.weight", kind)
        put(at + "ffn_down.weight", hf + "mlp.down_proj.weight", kind)
    put("output_norm.weight", "model.norm.weight", types[0])
    put("output.weight", "lm_head.weight", types[0])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    with torch.no_grad():
        for key, value in values.items():
            state[key].copy_(torch.from_numpy(value))
    logits_of(model).tofile(os.path.join(TO, name + ".logits.bin"))


def make_blocks():
    """blocks.gguf: a row of random blocks in each type, and blocks.bin: what gguf makes of them, one after
    another."""
    rng = np.random.default_rng(3)
    path = os.path.join(TO, "blocks.gguf")
    w = gguf.GGUFWriter(path, "blocks")
    out = []
    types = gguf.GGMLQuantizationType
    for kind in (types.F32, types.F16, types.BF16, types.Q8_0, types.Q4_0, types.Q4_1):
        block, size = gguf.GGML_QUANT_SIZES[kind]
        raw = rng.integers(0, 256, (1, 512 // block * size), dtype=np.uint8)
        if kind in (types.F32, types.F16, types.BF16):  # no infinities and NaN
            raw = gguf.quants.quantize(rng.standard_normal((1, 512), dtype=np.float32), kind)
        else:  # scales that are finite
            heads = raw.reshape(-1, size)
            heads[:, :2] = rng.standard_normal((len(heads), 1)).astype(np.float16).view(np.uint8)
            if kind == types.Q4_1:
                heads[:, 2:4] = rng.standard_normal((len(heads), 1)).astype(np.float16).view(np.uint8)
        w.add_tensor(kind.name, raw, raw_dtype=kind)
        out.append(gguf.quants.dequantize(raw, kind).reshape(-1).astype(np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    np.concatenate(out).tofile(os.path.join(TO, "blocks.bin"))


def make_nanogpt(model):
    """GPT-2's weights with nanoGPT's names, shapes and GELU, as its documented conversion writes them."""
    from safetensors.torch import save_file
    model.transformer.h[0].mlp.act = model.transformer.h[1].mlp.act = torch.nn.GELU()
    matrices = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
    state = {k: v.t().contiguous() if k.endswith(matrices) else v.clone()
             for k, v in model.state_dict().items() if "lm_head" not in k}
    arguments = dict(n_layer=2, n_head=2, n_embd=16, block_size=32, bias=True, vocab_size=VOCAB, dropout=0.0)
    save_file(state, os.path.join(TO, "nanogpt.safetensors"), {"nanogpt": json.dumps(arguments)})
    logits_of(model).tofile(os.path.join(TO, "nanogpt.logits.bin"))


os.makedirs(TO, exist_ok=True)
made = {name: make_model(name, *row) for name, row in MODELS.items()}
kinds = gguf.GGMLQuantizationType
wide = tf.LlamaForCausalLM(tf.LlamaConfig(attn_implementation="eager", rope_parameters=THETA,
                                          **{**SIZES, "hidden_size": 32, "intermediate_size": 32}))
randomise(wide)
make_gguf("q8_0", wide, [kinds.F16, kinds.Q8_0, kinds.BF16])
make_gguf("q4", wide, [kinds.Q8_0, kinds.Q4_0, kinds.Q4_1])
make_blocks()
make_nanogpt(made["gpt2"])
