"""Makes tests/fuzz/seeds/tensors/small.gguf and small.safetensors: small files that the Python packages
`gguf` and `safetensors` write, which tests/containers/test_tensors.c reads and writes again byte for byte.

    python3 tests/containers/make_tensors.py
"""
import os

import gguf
import numpy as np
from safetensors.numpy import save_file

TO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "seeds", "tensors")


def ramp(*shape):
    """0, 0.25, 0.5, ... in C order."""
    return (np.arange(np.prod(shape), dtype=np.float32) / 4).reshape(shape)


def bf16(x):
    """The upper halves of floats that have no lower one."""
    return (x.view(np.uint32) >> 16).astype(np.uint16)


def make_gguf(path):
    w = gguf.GGUFWriter(path, "llama")
    w.add_uint32("llama.block_count", 2)
    w.add_float32("llama.rope.freq_base", 10000.0)
    w.add_bool("tokenizer.ggml.add_bos_token", False)
    w.add_string("general.name", "naïve")
    w.add_array("tokenizer.ggml.tokens", ["a", "", "Ġb"])
    w.add_array("tokenizer.ggml.token_type", [1, -3, 6])
    w.add_array("tokenizer.ggml.scores", [0.5, -1.0])
    w.add_tensor("token_embd.weight", ramp(3, 32))
    w.add_tensor("output_norm.weight", ramp(5))
    w.add_tensor("half", ramp(2, 3).astype(np.float16))
    w.add_tensor("upper", bf16(ramp(7)).view(np.uint8), raw_shape=(14,), raw_dtype=gguf.GGMLQuantizationType.BF16)
    w.add_tensor("q", gguf.quants.quantize(ramp(2, 64), gguf.GGMLQuantizationType.Q8_0),
                 raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def make_safetensors(path):
    tensors = {
        "model.norm.weight": ramp(5),
        "model.embed_tokens.weight": ramp(3, 32),
        "half": ramp(2, 3).astype(np.float16),
        "nothing": ramp(0, 4),
        "scalar": np.array(2.5, np.float32),
        "count": np.array([7], np.int64),
    }
    save_file(tensors, path, metadata={"format": "pt"})


make_gguf(os.path.join(TO, "small.gguf"))
make_safetensors(os.path.join(TO, "small.safetensors"))
