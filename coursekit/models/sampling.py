"""To write with a language model, draw the next token from the probabilities that it gives, append it, and ask again.

The model ends in *scores* (logits), one a token. Before the draw they may be sharpened or flattened (temperature), and
unlikely tokens left out (top-k, nucleus). NumPy alone: any model that gives scores can be sampled.
Letters: N sequences, V tokens of the vocabulary.
"""

import numpy as np

from coursekit.errors import CourseError, ShapeError

__all__ = ["draw", "pick", "probabilities", "sample"]


def probabilities(logits, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None) -> np.ndarray:
    r"""What a token is drawn from: softmax(logits / temperature), of the tokens that are not left out.

    Parameters
    ----------
    logits : ndarray or tensor, shape (V,) or (N, V)
        The model's scores; minus infinity for a token that must not come.
    temperature : float
        Below 1 sharpens towards the best token, above 1 flattens towards an even draw.
    top_k : int, optional
        Keep only so many of the most probable tokens.
    top_p : float, optional
        Keep only the *nucleus*: the fewest most probable tokens whose probabilities (after the temperature) reach this
        sum. The most probable one is always kept.

    Returns
    -------
    ndarray of float64, of the same shape
        Sums to 1 over the last axis. Tokens that are left out have 0.

    Raises
    ------
    CourseError
        If the temperature is not above 0, `top_k` not from 1 to V, `top_p` not above 0 and at most 1, or the scores
        hold NaN, plus infinity, or nothing but minus infinity.

    Source
    ------
    Holtzman et al. (2020), The curious case of neural text degeneration, section 3, for the nucleus.

    Examples
    --------
    >>> probabilities(np.log([0.5, 0.3, 0.2]), temperature=0.5).round(3)
    array([0.658, 0.237, 0.105])
    >>> probabilities(np.log([0.5, 0.3, 0.2]), top_p=0.6).round(3)  # 0.5 is too little, 0.5 + 0.3 is enough
    array([0.625, 0.375, 0.   ])
    """
    scores = _scores(logits)
    V = scores.shape[-1]
    if not 0 < temperature < np.inf:
        raise CourseError(
            f"temperature: expected a number above 0, got {temperature}. For the most probable token write greedy=True."
        )
    if top_k is not None and not (isinstance(top_k, int | np.integer) and 1 <= top_k <= V):
        raise CourseError(f"top_k: expected a whole number from 1 to {V} (the vocabulary), got {top_k}. Try {V}.")
    if top_p is not None and not 0 < top_p <= 1:
        raise CourseError(f"top_p: expected a share above 0 and at most 1, got {top_p}. Try 0.9.")
    scores = scores - scores.max(axis=-1, keepdims=True)  # before the division, so that it cannot overflow
    with np.errstate(over="ignore"):  # minus infinity is what is meant
        p = np.exp(scores / temperature)
    p /= p.sum(axis=-1, keepdims=True)
    if top_k is not None:
        p = _keep(p, np.arange(V) < top_k)
    if top_p is not None:
        best_first = -np.sort(-p, axis=-1)
        before = best_first.cumsum(axis=-1) - best_first  # what the better ones already have
        p = _keep(p, before < top_p)
    return p


def draw(p: np.ndarray, u) -> np.ndarray:
    """The first token at which the running sum of the probabilities exceeds u.

    If u is even between 0 and 1, token k comes with probability p_k.

    Parameters
    ----------
    p : ndarray, shape (V,) or (N, V)
        Probabilities.
    u : float or ndarray of shape (N,)
        Random numbers between 0 and 1, one a row.

    Returns
    -------
    ndarray of int, shape () or (N,)

    Examples
    --------
    >>> draw(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), np.array([0.1, 0.9]))
    array([0, 2])
    """
    sums = np.asarray(p, np.float64).cumsum(axis=-1)
    last = sums[..., -1:]  # may be a hair off 1
    edge = np.minimum(np.asarray(u)[..., None] * last, np.nextafter(last, 0))
    return (sums <= edge).sum(axis=-1)


def sample(logits: np.ndarray, temperature: float, u: np.ndarray) -> np.ndarray:
    """One token for each row of scores, by temperature sampling with the given random numbers.

    Parameters
    ----------
    logits : ndarray, shape (N, V)
    temperature : float
        Above 0.
    u : ndarray, shape (N,)
        Random numbers between 0 and 1.

    Returns
    -------
    ndarray of int, shape (N,)

    Examples
    --------
    >>> sample(np.array([[0.0, 0.0], [0.0, 9.0]]), 1.0, np.array([0.3, 0.3]))
    array([0, 1])
    """
    return draw(probabilities(logits, temperature), u)


def pick(
    logits,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    *,
    rng: np.random.Generator | None = None,
    greedy: bool = False,
):
    """The next token, drawn from the model's scores.

    Parameters
    ----------
    logits : ndarray or tensor, shape (V,) or (N, V)
    temperature, top_k, top_p
        See :func:`probabilities`.
    rng : numpy.random.Generator
        Required unless greedy. One even random number is drawn for each row.
    greedy : bool
        Take the most probable token (the first, if several are): the limit of a temperature that goes to 0.

    Returns
    -------
    int, or ndarray of int of shape (N,)

    Raises
    ------
    CourseError
        As :func:`probabilities` does; and if there is no `rng` to draw with.

    Examples
    --------
    >>> pick(np.array([0.0, 2.0, 1.0]), greedy=True)
    1
    >>> rng = np.random.default_rng(0)
    >>> [pick(np.array([0.0, 2.0, 1.0]), rng=rng) for _ in range(8)]
    [1, 1, 0, 0, 2, 2, 1, 1]
    """
    p = probabilities(logits, temperature, top_k, top_p)
    if greedy:
        found = p.argmax(axis=-1)
    elif not isinstance(rng, np.random.Generator):
        kind = "none" if rng is None else f"a {type(rng).__name__}"
        raise CourseError(f"rng: expected a NumPy generator, got {kind}. Pass rng=course_rng(0), or greedy=True.")
    else:
        found = draw(p, rng.random(p.shape[:-1]))
    return int(found) if np.ndim(found) == 0 else found


def _scores(logits) -> np.ndarray:
    """The scores as an array of double precision, if tokens can be drawn from them."""
    if hasattr(logits, "detach"):  # a tensor of PyTorch's
        logits = logits.detach().cpu().double().numpy()
    scores = np.asarray(logits, np.float64)
    if scores.ndim not in (1, 2) or scores.shape[-1] == 0:
        raise ShapeError(f"logits: expected shape (V,) or (N, V), got {scores.shape}. Of (N, T, V) take logits[:, -1].")
    if np.isnan(scores).any() or np.isposinf(scores).any() or np.isneginf(scores).all(axis=-1).any():
        raise CourseError(
            "logits: expected numbers (minus infinity for tokens left out), got NaN, infinity, or no token at all. "
            "Has the training diverged?"
        )
    return scores


def _keep(p: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Leave out tokens, and share their probability among the rest; `best` says which, the most probable one first."""
    order = np.argsort(-p, axis=-1, kind="stable")
    mask = np.zeros(p.shape, dtype=bool)
    np.put_along_axis(mask, order, np.broadcast_to(best, p.shape), axis=-1)
    p = np.where(mask, p, 0.0)
    return p / p.sum(axis=-1, keepdims=True)
