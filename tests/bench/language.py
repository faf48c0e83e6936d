"""A step of our GPT beside PyTorch's own encoder layers and beside plain functions; writing with and without a cache;
Kneser-Ney on the novels.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

V, T, N, E, LAYERS, HEADS = 81, 64, 32, 128, 4, 4
OURS, ENCODER, BY_HAND = "models.transformer.GPT", "nn.TransformerEncoder", "plain functions"
WRITTEN, PROMPT, CONTEXT = 192, 8, 256
ORDER = 8


def start(scores: Callable, weights: list) -> Callable[[], float]:
    """One step of AdamW on a batch of random tokens; everybody has the same loop."""
    import torch
    import torch.nn.functional as F

    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, V, (N, T + 1)))
    optimizer = torch.optim.AdamW(weights, lr=1e-3)

    def step() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(scores(tokens[:, :-1]).reshape(-1, V), tokens[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def first_model() -> Any:
    """Our network with the weights that everybody begins with."""
    import torch

    from coursekit.models.transformer import GPT

    return GPT(V, context=T, width=E, layers=LAYERS, heads=HEADS, rng=torch.Generator().manual_seed(0))


def ours() -> Callable[[], float]:
    model = first_model()
    return start(model, list(model.parameters()))


def encoder() -> Callable[[], float]:
    """PyTorch's layers with a causal mask, made to our size: no biases in its matrices, no dropout, one table."""
    from torch import nn
    from torch.nn import functional as F

    model = first_model()
    layer = nn.TransformerEncoderLayer(E, HEADS, 4 * E, 0.0, "gelu", batch_first=True, norm_first=True, bias=False)
    layer.norm1, layer.norm2 = nn.LayerNorm(E), nn.LayerNorm(E)
    body = nn.TransformerEncoder(layer, LAYERS, nn.LayerNorm(E), enable_nested_tensor=False)
    for theirs, block in zip(body.layers, model.blocks, strict=True):
        theirs.self_attn.in_proj_weight.data.copy_(block.attention.qkv.weight)
        theirs.self_attn.out_proj.weight.data.copy_(block.attention.out.weight)
        theirs.linear1.weight.data.copy_(block.mlp[0].weight)
        theirs.linear2.weight.data.copy_(block.mlp[2].weight)
    table, places = model.embed.weight, model.place.weight
    mask = nn.Transformer.generate_square_subsequent_mask(T)
    return start(
        lambda tokens: F.linear(body(F.embedding(tokens, table) + places, mask=mask, is_causal=True), table),
        [*body.parameters(), table, places],
    )


def by_hand() -> Callable[[], float]:
    """The same network as functions of a list of tensors: no modules, no checks."""
    import torch
    from torch.nn import functional as F

    model = first_model()
    table, places = model.embed.weight, model.place.weight
    blocks = [(b.attention.qkv.weight, b.attention.out.weight, b.mlp[0].weight, b.mlp[2].weight) for b in model.blocks]
    norms = [(norm.weight, norm.bias) for b in model.blocks for norm in (b.norm_1, b.norm_2)]
    last = model.norm.weight, model.norm.bias

    def scores(tokens: torch.Tensor) -> torch.Tensor:
        x = F.embedding(tokens, table) + places  # (N, T, E)
        for k, (qkv, out, up, down) in enumerate(blocks):
            h = F.layer_norm(x, (E,), *norms[2 * k])
            q, key, v = F.linear(h, qkv).view(N, T, 3, HEADS, E // HEADS).permute(2, 0, 3, 1, 4)
            a = F.scaled_dot_product_attention(q, key, v, is_causal=True)  # (N, H, T, S)
            x = x + F.linear(a.transpose(1, 2).reshape(N, T, E), out)
            x = x + F.linear(F.gelu(F.linear(F.layer_norm(x, (E,), *norms[2 * k + 1]), up)), down)
        return F.linear(F.layer_norm(x, (E,), *last), table)  # (N, T, V)

    return start(scores, list(model.parameters()))


CONTESTANTS = {OURS: ours, ENCODER: encoder, BY_HAND: by_hand}


def writers() -> dict[str, Callable[[], object]]:
    """Writing 192 tokens after a prompt, with keys and values kept and with all read again."""
    import torch

    from coursekit.models.language import generate
    from coursekit.models.transformer import GPT

    torch.manual_seed(0)
    model = GPT(V, context=CONTEXT, width=E, layers=LAYERS, heads=HEADS).eval()
    prompt = np.arange(PROMPT)

    def write(cache: bool) -> Callable[[], object]:
        return lambda: generate(model, prompt, WRITTEN, rng=np.random.default_rng(0), cache=cache)

    return {"with cache": write(True), "without": write(False)}


def counting() -> tuple[float, float, float]:
    """Seconds to fit Kneser-Ney of order 8 to the novels, to score their test part, and the bits a character."""
    from coursekit.corpora import austen
    from coursekit.text import CharTokenizer, KneserNey

    corpus = austen()
    letters = CharTokenizer(corpus.characters)
    train, test = letters.encode(corpus.train), letters.encode(corpus.test)
    begin = time.perf_counter()
    model = KneserNey(train, ORDER, letters.vocab_size)
    fitted = time.perf_counter()
    bits = -model.log_probs(test).mean() / np.log(2)
    return fitted - begin, time.perf_counter() - fitted, float(bits)
