"""Whether the model that steps.py times computes what lmtrain computes: same_loss.py LMTRAIN [PRESET...]

PyTorch's initial weights are written as GPT-2's files and imported; both then take three steps on
the same windows (each step all of them) in fp32. Losses and norms of gradients must agree: forward
and backward at the first step, clipping and AdamW at those after it.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import torch

import gpt2

STEPS, LR = 3, 1e-3


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed: {done.stderr}")


def gpt2_names(model):
    """(name, tensor) as transformers' GPT2LMHeadModel has them, whose matrices lie transposed."""
    yield "transformer.wte.weight", model.wte.weight
    yield "transformer.wpe.weight", model.wpe.weight
    for i, block in enumerate(model.blocks):
        for ours, theirs in (("ln_1", "ln_1"), ("qkv", "attn.c_attn"), ("proj", "attn.c_proj"),
                             ("ln_2", "ln_2"), ("fc", "mlp.c_fc"), ("down", "mlp.c_proj")):
            layer, name = getattr(block, ours), f"transformer.h.{i}.{theirs}"
            yield name + ".weight", layer.weight.t() if layer.weight.dim() == 2 else layer.weight
            yield name + ".bias", layer.bias
    yield "transformer.ln_f.weight", model.ln_f.weight
    yield "transformer.ln_f.bias", model.ln_f.bias


def write_model(folder, training, shape):
    _, time, channels, layers, heads, vocab = shape
    header, data = {}, b""
    for name, tensor in gpt2_names(training.model):
        raw = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": vocab,
                   "n_positions": time, "n_embd": channels, "n_layer": layers, "n_head": heads,
                   "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
                   "tie_word_embeddings": True}, file)


def ours(lmtrain, folder, tokens, shape):
    """[(loss, norm)] of lmtrain's steps from the same weights."""
    batch, time, _, _, _, vocab = shape
    with open(os.path.join(folder, "tokens.bin"), "wb") as file:
        file.write(struct.pack(f"<{len(tokens)}H", *tokens))
    run(lmtrain, "import", folder, "--output", os.path.join(folder, "start.npz"), "--tokenizer", "none")
    config = {"run": {"dir": os.path.join(folder, "run"), "init_from": os.path.join(folder, "start.npz")},
              "data": {"train": os.path.join(folder, "tokens.bin"), "token_bytes": 2, "offsets": False},
              "model": {"vocab_size": vocab, "context_length": time},
              "train": {"micro_batch": batch, "steps": STEPS, "clip_norm": 1},
              "optimizer": {"name": "adamw", "lr": LR, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8,
                            "weight_decay": 0.1},
              "schedule": {"name": "constant", "warmup_steps": 0},
              "log": {"every": 1}}
    with open(os.path.join(folder, "run.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    run(lmtrain, "train", "--config", os.path.join(folder, "run.json"), "--quiet")
    with open(os.path.join(folder, "run", "metrics.jsonl"), encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return [(m["loss"], m["grad_norm"]) for m in lines if "loss" in m]


def compare(lmtrain, preset):
    shape = gpt2.SHAPES[preset]
    batch, time, vocab = shape[0], shape[1], shape[5]
    training = gpt2.Training(preset, lr=LR)
    tokens = torch.randint(vocab, (batch * time + 1,)).tolist()
    windows = torch.tensor([tokens[i * time:(i + 1) * time + 1] for i in range(batch)])
    with tempfile.TemporaryDirectory() as folder:
        write_model(folder, training, shape)
        found = ours(lmtrain, folder, tokens, shape)
    good = len(found) == STEPS
    for loss, norm in found:
        expected_loss, expected_norm = (x.item() for x in training.step(windows))
        close = abs(loss / expected_loss - 1) < 2e-5 and abs(norm / expected_norm - 1) < 1e-3
        good = good and close
        print(f"{preset}: loss {loss:.6f}, PyTorch {expected_loss:.6f}; norm {norm:.6f},"
              f" PyTorch {expected_norm:.6f}{'' if close else ': NOT THE SAME'}")
    return good


torch.set_num_threads(len(os.sched_getaffinity(0)))
results = [compare(sys.argv[1], preset) for preset in sys.argv[2:] or gpt2.SHAPES]
sys.exit(0 if all(results) else 1)
