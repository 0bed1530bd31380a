"""The model of `lmtrain bench --only step` in PyTorch, and a training step of it.

The layers are PyTorch's own (SDPA, Linear, LayerNorm, GELU, cross_entropy); the step is what a
careful user writes: fused AdamW, clip_grad_norm_, gradients set to None.
"""
import torch
import torch.nn.functional as functional
from torch import nn

# The presets of src/bench/training.c: windows a step, context, d_model, layers, heads, vocabulary.
SHAPES = {
    "124m": (4, 256, 768, 12, 12, 50304),
    "384": (16, 256, 384, 6, 6, 65),
    "128": (12, 64, 128, 4, 4, 65),
}


class Block(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.ln_2 = nn.LayerNorm(channels)
        self.fc = nn.Linear(channels, 4 * channels)
        self.down = nn.Linear(4 * channels, channels)

    def forward(self, x):
        batch, time, channels = x.shape
        q, k, v = (part.view(batch, time, self.heads, -1).transpose(1, 2)
                   for part in self.qkv(self.ln_1(x)).split(channels, dim=2))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(batch, time, channels))
        return x + self.down(functional.gelu(self.fc(self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self, time, channels, layers, heads, vocab):
        super().__init__()
        self.wte = nn.Embedding(vocab, channels)
        self.wpe = nn.Embedding(time, channels)
        self.blocks = nn.ModuleList(Block(channels, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, vocab, bias=False)
        self.head.weight = self.wte.weight
        for name, p in self.named_parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, tokens, targets):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.ln_f(x))
        return functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))


class Training:
    """Steps of a preset. mode: eager, compile, or autotune (compile with max-autotune)."""

    def __init__(self, preset, precision="fp32", mode="eager", lr=1e-3):
        torch.manual_seed(1)
        self.batch, self.time, channels, layers, heads, self.vocab = SHAPES[preset]
        self.model = GPT2(self.time, channels, layers, heads, self.vocab)
        self.bf16 = precision == "bf16"
        decayed = [p for p in self.model.parameters() if p.dim() > 1]
        others = [p for p in self.model.parameters() if p.dim() == 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
            lr=lr, betas=(0.9, 0.95), eps=1e-8, fused=True)
        self.run = self.model
        if mode == "compile":
            self.run = torch.compile(self.model)
        elif mode == "autotune":
            self.run = torch.compile(self.model, mode="max-autotune-no-cudagraphs")

    def random_batch(self):
        return torch.randint(self.vocab, (self.batch, self.time + 1))

    def step(self, window):
        """One step on windows [B, T + 1]: (loss, norm of the gradient), as tensors."""
        self.optimizer.zero_grad(set_to_none=True)
        tokens, targets = window[:, :-1], window[:, 1:].contiguous()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.run(tokens, targets)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.detach(), norm
