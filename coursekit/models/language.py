"""A language model is used in two ways: it judges a text, token by token, and it writes one, token by token.

Letters: N pieces of a text, T tokens, V words of the vocabulary.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from coursekit.errors import CourseError
from coursekit.models.sampling import pick
from coursekit.models.transformer import GPT, Cache

__all__ = ["generate", "log_probs", "nucleus"]


@torch.no_grad()
def log_probs(
    model: Callable[[Tensor], Tensor],
    ids: Sequence[int] | np.ndarray,
    *,
    context: int,
    stride: int | None = None,
    at_once: int = 64,
    device: str | torch.device = "cpu",
) -> np.ndarray:
    """How probable a model found each token of a text, given what stands before it.

    A model with a context cannot read the whole text at once: it reads windows, each `stride` further on, and of each
    only what no window has judged before counts. A small stride gives every token a long past, and takes longer.

    Parameters
    ----------
    model : callable(tokens (N, T)) -> scores (N, T, V)
        Set it to ``eval()`` before.
    ids : sequence of int, length T
        At least two tokens.
    context : int
        Tokens of a window.
    stride : int, optional
        From 1 to the context; half of it if left out.
    at_once : int
        Windows in one go.
    device : str or torch.device

    Returns
    -------
    ndarray of float64, (T - 1,)
        Natural logarithms, for every token but the first, before which there is nothing.

    Raises
    ------
    CourseError
        If there are fewer than two tokens, or `stride` is out of its range.

    Examples
    --------
    >>> even = lambda tokens: torch.zeros(*tokens.shape, 4)
    >>> log_probs(even, [0, 3, 1], context=8).round(3)  # log 1/4
    array([-1.386, -1.386])
    """
    tokens = torch.as_tensor(np.asarray(ids, np.int64))
    stride = max(context // 2, 1) if stride is None else stride
    if len(tokens) < 2:
        raise CourseError(f"ids: expected at least two tokens, got {len(tokens)}. One token has nothing before it.")
    if not 1 <= stride <= context:
        raise CourseError(f"stride: expected 1 to {context}, the context, got {stride}. Half of the context is usual.")
    last = max(len(tokens) - 1 - context, 0)
    starts = torch.tensor(sorted({*range(0, last, stride), last}, reverse=True))  # the last window first
    places = starts[:, None] + torch.arange(min(context, len(tokens) - 1))  # (N, T)
    found = np.empty(len(tokens) - 1)
    for piece in places.split(at_once):
        scores = model(tokens[piece].to(device)).float().log_softmax(dim=-1)  # (N, T, V)
        said = scores.gather(2, tokens[piece + 1].to(device)[..., None])[..., 0]  # (N, T)
        found[piece.flatten().numpy()] = said.flatten().cpu().numpy()  # earlier windows know more, and come later
    return found


@torch.no_grad()
def generate(
    model: GPT,
    prompt: Sequence[int] | np.ndarray,
    n: int,
    *,
    rng: np.random.Generator | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    greedy: bool = False,
    cache: bool = True,
) -> np.ndarray:
    """Write on: `n` tokens after a prompt, one at a time, each drawn from what the model says.

    When the context is full, its older half is forgotten and the rest read again.

    Parameters
    ----------
    model : GPT
    prompt : sequence of int
        At least one token, at most the model's context.
    n : int
    rng : Generator
        Not needed if `greedy`.
    temperature, top_k, top_p, greedy
        As in :func:`coursekit.models.sampling.pick`.
    cache : bool
        Keep keys and values; without, all is read again for every token. The result is the same.

    Returns
    -------
    ndarray of int64, (n,)
        The new tokens.

    Raises
    ------
    CourseError
        If the prompt is empty or too long, or an argument is out of its range.

    Examples
    --------
    >>> model = GPT(10, context=4, width=16, layers=1, heads=2).eval()
    >>> generate(model, [1, 2], 6, rng=np.random.default_rng(0)).shape
    (6,)
    """
    tokens = [int(token) for token in prompt]
    if not tokens:
        raise CourseError("prompt: expected at least one token, got none. Give the model something to begin with.")
    if n < 0:
        raise CourseError(f"n: expected at least 0, got {n}. Say how many tokens to write.")
    training, device = model.training, model.embed.weight.device
    model.eval()
    start, memory = 0, Cache() if cache else None
    try:
        for _ in range(n):
            if len(tokens) - start > model.context and len(tokens) > len(prompt):  # full: forget the older half
                start, memory = len(tokens) - max(model.context // 2, 1), Cache() if cache else None
            unread = tokens[start + (len(memory) if memory is not None else 0) :]
            scores = model(torch.tensor([unread], device=device), memory)[0, -1]  # (V,)
            chosen = pick(scores.cpu(), temperature, top_k=top_k, top_p=top_p, greedy=greedy, rng=rng)
            tokens.append(int(chosen))
    finally:
        model.train(training)
    return np.array(tokens[len(prompt) :], dtype=np.int64)


def nucleus(p: np.ndarray, top_p: float) -> np.ndarray:
    """Leave out the unlikely tokens: keep the fewest, the most probable first, that together reach `top_p`.

    Parameters
    ----------
    p : ndarray, (V,)
        Probabilities.
    top_p : float
        Above 0, at most 1.

    Returns
    -------
    ndarray, (V,)
        0 for those left out; the others keep their proportions and sum to 1.

    Source
    ------
    Holtzman et al. (2020), The curious case of neural text degeneration, section 3.1.

    Examples
    --------
    >>> nucleus(np.array([0.1, 0.5, 0.4]), 0.6).round(3)
    array([0.   , 0.556, 0.444])
    """
    order = np.argsort(-p, kind="stable")  # the most probable first
    keep = order[np.cumsum(p[order]) - p[order] < top_p]  # what the better ones have is not enough yet
    kept = np.zeros_like(p)
    kept[keep] = p[keep]
    return kept / kept.sum()
