"""Makes the files of llama2.c (versions 0, 1 and 2) and llm.c (versions 3 and 5) in tests/interop/import/, with
those programs' own code, and the logits of their own models:

    LLAMA2C=checkout LLMC=checkout python3 tests/interop/make_binary.py     # needs torch

The checkouts are github.com/karpathy/llama2.c and github.com/karpathy/llm.c. NAME.logits.bin: as in
make_import.py.
"""
import os
import sys

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
TO = os.path.join(HERE, "import")
POSITIONS = 24
VOCAB = 32

sys.path.insert(0, os.environ["LLAMA2C"])
import export  # noqa: E402
import model as llama2c  # noqa: E402

sys.path.insert(0, os.environ["LLMC"])
import train_gpt2 as llmc  # noqa: E402


def tokens():
    return torch.tensor([[(7 * i + 3) % VOCAB for i in range(POSITIONS)]])


def randomise(module):
    generator = torch.Generator().manual_seed(7)
    for name, p in sorted(module.named_parameters()):
        scale = 0.3 if p.ndim == 1 else 0.15
        p.data = p.data * (p.ndim == 1) + scale * torch.randn(p.shape, generator=generator)


def write(name, logits):
    logits[0].detach().float().numpy().astype(np.float32).tofile(os.path.join(TO, name + ".logits.bin"))


def llama(tied):
    m = llama2c.Transformer(llama2c.ModelArgs(dim=16, n_layers=2, n_heads=4, n_kv_heads=2, vocab_size=VOCAB,
                                              hidden_dim=32, max_seq_len=32))
    if not tied:  # the model ties them
        m.output.weight = torch.nn.Parameter(torch.zeros_like(m.output.weight))
    randomise(m)
    return m.eval()


with torch.no_grad():
    for name, tied, write_model in (("llama2c_v0", False, export.legacy_export),
                                    ("llama2c_v1", True, export.version1_export)):
        m = llama(tied)
        write_model(m, os.path.join(TO, name + ".bin"))
        write(name, m(tokens(), targets=tokens()))
    m = llama(False)
    export.version2_export(m, os.path.join(TO, "llama2c_v2.bin"), group_size=8)
    for name, p in m.named_parameters():
        if p.ndim == 2:
            q, scale, _ = export.quantize_q80(p, 8)
            p.copy_((q.float() * scale[:, None]).reshape(p.shape))
    write("llama2c_v2", m(tokens(), targets=tokens()))

    llmc.pad_vocab = lambda t: torch.nn.functional.pad(t, (0, 0, 0, -len(t) % 128))
    gpt = llmc.GPT(llmc.GPTConfig(block_size=32, vocab_size=VOCAB, n_layer=2, n_head=2, n_embd=16)).eval()
    randomise(gpt)
    llmc.write_model(gpt, os.path.join(TO, "llmc_v3.bin"), "float32")
    write("llmc_v3", gpt(tokens(), tokens())[0])
    llmc.write_model(gpt, os.path.join(TO, "llmc_v5.bin"), "bfloat16")
    for p in gpt.parameters():
        p.copy_(p.bfloat16().float())
    write("llmc_v5", gpt(tokens(), tokens())[0])
