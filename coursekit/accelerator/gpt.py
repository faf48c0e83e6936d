"""How far does a GPT of ten million weights get on Austen's novels, and does the loss follow a curve in size and time?

The large run is measured on the whole test part, beside the n-gram model. The study trains three sizes for three
budgets each, every run with its own schedule, and is measured on the validation part.
"""

import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn import functional as F

from coursekit.corpora import austen
from coursekit.metrics import bits_per_character
from coursekit.models.language import log_probs
from coursekit.models.transformer import GPT
from coursekit.text import CharTokenizer, KneserNey
from coursekit.train import fit
from coursekit.train.muon import Muon, matrices_and_others, warm_constant_linear
from coursekit.train.pytorch import TorchStep

__all__ = ["FULL_SIZE", "PEAKS", "Windows", "flops_per_token", "measure"]

FULL_SIZE = {
    "width": 384,
    "layers": 6,
    "heads": 6,
    "context": 256,
    "batch": 64,
    "steps": 5000,
    "dropout": 0.2,
    "lr": 0.02,
    "adam_lr": 3e-3,
    "study_widths": (64, 128, 256),
    "study_steps": (500, 1500, 4500),
    "seed": 0,
    "characters": None,
}
PEAKS = {  # floating-point operations a second in bfloat16, dense, as the makers state them
    "H200": 989e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "4090": 165e12,
    "3090": 71e12,
}


def measure(
    device: str,
    *,
    width: int,
    layers: int,
    heads: int,
    context: int,
    batch: int,
    steps: int,
    dropout: float,
    lr: float,
    adam_lr: float,
    study_widths: tuple[int, ...],
    study_steps: tuple[int, ...],
    seed: int,
    characters: int | None,
) -> dict[str, Any]:
    """Train the large model, then the sizes of the study.

    Parameters
    ----------
    device : str
    width, layers, heads, context : int
        Of the large model; those of the study have as many layers, and heads of as many numbers.
    batch, steps, seed : int
    dropout : float
        Of the large model; those of the study have none.
    lr, adam_lr : float
        Of Muon, and of AdamW beside it.
    study_widths, study_steps : tuple of int
    characters : int or None
        So much of each part of the novels only: to try the experiment out.

    Returns
    -------
    dict
        "summary": parameters, bits per character on the test part and those of the n-gram model, tokens a second, and
        the share of the chip's peak that was used (None where the peak is not known). "rows": parameters, steps,
        tokens, computation and bits per character on the validation part, a row for each run of the study.
    """
    corpus = austen()
    alphabet = CharTokenizer(corpus.characters)
    parts = {name: alphabet.encode(getattr(corpus, name)[:characters]) for name in ("train", "validation", "test")}
    shared = {"context": context, "batch": batch, "lr": lr, "adam_lr": adam_lr, "seed": seed, "device": device}
    size = {"width": width, "layers": layers, "heads": heads, "dropout": dropout}
    model, seconds = _trained(parts["train"], alphabet.vocab_size, size, steps, **shared)
    counted = KneserNey(parts["train"], 8, alphabet.vocab_size).log_probs(parts["test"])[1:]
    speed = steps * batch * context / seconds
    summary = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "test bits per character": _bits(model, parts["test"], context, device),
        "Kneser-Ney of order 8, test bits per character": bits_per_character(-counted.mean()),
        "seconds of training": seconds,
        "tokens a second": speed,
        "share of the chip's peak (MFU)": _share_of_peak(model, context, speed, device),
    }
    rows = []
    for study_width in study_widths:
        size = {"width": study_width, "layers": layers, "heads": max(1, study_width * heads // width), "dropout": 0.0}
        for study_step in study_steps:
            model, seconds = _trained(parts["train"], alphabet.vocab_size, size, study_step, **shared)
            tokens = study_step * batch * context
            rows.append(
                {
                    "width": study_width,
                    "parameters": sum(p.numel() for p in model.parameters()),
                    "steps": study_step,
                    "tokens": tokens,
                    "operations": tokens * flops_per_token(model, context),
                    "bits per character": _bits(model, parts["validation"], context, device),
                    "seconds": seconds,
                }
            )
    return {"summary": summary, "rows": rows}


def flops_per_token(model: GPT, context: int) -> float:
    """Floating-point operations of one training step, a token: six for each weight, and those of attention.

    Parameters
    ----------
    model : GPT
    context : int
        Tokens of a window.

    Returns
    -------
    float
        6 W + 12 L E T with W weights (positions are only added, so they do not count), L blocks of width E.

    Source
    ------
    Chowdhery et al. (2022), PaLM, appendix B.

    Examples
    --------
    >>> flops_per_token(GPT(10, context=8, width=16, layers=1, heads=2), 8) > 6 * 12 * 16 * 16
    True
    """
    weights = sum(p.numel() for p in model.parameters()) - (0 if model.place is None else model.place.weight.numel())
    return 6 * weights + 12 * len(model.blocks) * model.embed.weight.shape[1] * context


class Windows:
    """Pieces of a text, drawn at random: what is read, and the same moved by one.

    Parameters
    ----------
    tokens : tensor, (M,)
    context, size, steps : int
        T, pieces of a batch, and batches of an epoch.
    generator : torch.Generator

    Examples
    --------
    >>> batches = Windows(torch.arange(50), 8, 4, 3, torch.Generator())
    >>> [(tuple(x.shape), bool((x + 1 == y).all())) for x, y in batches]
    [((4, 8), True), ((4, 8), True), ((4, 8), True)]
    """

    def __init__(self, tokens: torch.Tensor, context: int, size: int, steps: int, generator: torch.Generator):
        self.tokens, self.context, self.size, self.steps, self.generator = tokens, context, size, steps, generator

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        reach = torch.arange(self.context + 1)
        for _ in range(self.steps):
            starts = torch.randint(len(self.tokens) - self.context, (self.size, 1), generator=self.generator)
            piece = self.tokens[(starts + reach).to(self.tokens.device)]  # (N, T + 1)
            yield piece[:, :-1], piece[:, 1:]


def _trained(text, vocab_size, size, steps, *, context, batch, lr, adam_lr, seed, device) -> tuple[GPT, float]:
    rng = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # dropout
    model = GPT(vocab_size, context=context, rng=rng, **size).to(device)
    rounded = torch.bfloat16 if device == "cuda" else None
    optimizer = Muon(*matrices_and_others(model), lr=lr, adam_lr=adam_lr, dtype=rounded)
    step = TorchStep(
        model,
        lambda scores, y: F.cross_entropy(scores.flatten(0, 1), y.flatten()),
        optimizer,
        schedule=warm_constant_linear(optimizer, steps),
        clip=1.0,
        mixed_precision=True,
    )
    batches = Windows(torch.tensor(text, device=device), context, batch, steps, rng)
    start = time.perf_counter()
    fit(step, batches, progress=False)
    return model.eval(), time.perf_counter() - start


def _bits(model: GPT, ids, context: int, device: str) -> float:
    return bits_per_character(-log_probs(model, ids, context=context, device=device).mean())


def _share_of_peak(model: GPT, context: int, tokens_a_second: float, device: str) -> float | None:
    name = torch.cuda.get_device_name() if device == "cuda" else device
    peak = next((value for chip, value in PEAKS.items() if chip in name), math.nan)
    share = tokens_a_second * flops_per_token(model, context) / peak
    return share if math.isfinite(share) else None
