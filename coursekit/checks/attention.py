"""Exercises of *Attention*: the look-up itself, and the mask that hides the future."""

import math

import numpy as np
import torch

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import attention as A

__all__ = ["expect_pair", "expect_tensor", "mask", "scaled_dot_product", "slopes"]


def expect_tensor(found, what):
    """The answer, if it is a tensor."""
    if found is None:
        raise UnusableAnswerError("Your function returns nothing: its last line should begin with `return`.")
    if not isinstance(found, torch.Tensor):
        raise UnusableAnswerError(f"{what}: expected a tensor, got a {type(found).__name__}. Stay in PyTorch.")
    return found


def expect_pair(found, names):
    """The answer, if it is two tensors."""
    if found is None:
        raise UnusableAnswerError("Your function returns nothing: its last line should begin with `return`.")
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise UnusableAnswerError(f"Expected two tensors: `return {names[0]}, {names[1]}`.")
    return [expect_tensor(one, name) for one, name in zip(found, names, strict=True)]


def slopes(output, inputs):
    """The gradient that each input gets from a sum of the output's numbers, each counted differently; 0 where none."""
    zeros = [np.zeros(tuple(x.shape), dtype=x.detach().numpy().dtype) for x in inputs]
    if not output.requires_grad:
        return zeros
    counted = output * torch.cos(torch.arange(output.numel(), dtype=output.dtype)).reshape(output.shape)
    found = torch.autograd.grad(counted.sum(), inputs, allow_unused=True)
    return [zero if one is None else one.numpy() for one, zero in zip(found, zeros, strict=True)]


# -- scaled dot-product attention --------------------------------------------------------------------------------------


def _look_ups(rng):
    def qkv(T, S, E, V, *front, scale=1.0):
        return tuple(scale * rng.normal(size=(*front, n, m)) for n, m in ((T, E), (S, E), (S, V)))

    some = rng.random((3, 5)) < 0.6
    some[:, 0] = True
    yield *qkv(3, 5, 4, 2), None
    yield *qkv(3, 5, 4, 2), some
    yield *qkv(4, 4, 6, 6, 2), np.tril(np.ones((4, 4), dtype=bool))
    yield *qkv(2, 3, 9, 4, 2, 3), None  # batch and heads in front
    yield *qkv(1, 4, 2, 3, 1), None  # a batch of one
    yield np.zeros((2, 3)), np.zeros((4, 3)), rng.normal(size=(4, 2)), None
    yield *qkv(3, 4, 5, 2, scale=100.0), None  # the softmax must not overflow
    yield *(a.astype(np.float32) for a in qkv(3, 6, 4, 2)), None


def _use_look_up(obj, q, k, v, mask):
    inputs = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
    extra = () if mask is None else (torch.tensor(mask),)
    try:
        answer = obj(*inputs, *extra)
    except RuntimeError as error:
        if f"{q.shape[-2]}x{q.shape[-1]} and {k.shape[-2]}x{k.shape[-1]}" in str(error):
            raise UnusableAnswerError("The two shapes of a product do not fit: (T, E) times (S, E).") from error
        if "Boolean value of Tensor" in str(error):
            raise UnusableAnswerError("`if` got a whole table of True and False.") from error
        raise
    output, weights = expect_pair(answer, ("output", "weights"))
    names = ("gradient at q", "gradient at k", "gradient at v")
    found = {"output": output.detach().numpy(), "weights": weights.detach().numpy()}
    return found | dict(zip(names, slopes(output, inputs), strict=True))


def _look(scale=None, axis=-1, hide="before", inverted=False):
    """An attention with one thing changed."""

    def look(q, k, v, mask=None):
        scores = q @ k.transpose(-2, -1) / (math.sqrt(q.shape[-1]) if scale is None else scale(q, k))
        if mask is not None and inverted:
            mask = ~mask
        if mask is not None and hide == "before":
            scores = scores.masked_fill(~mask, -math.inf)
        if mask is not None and hide == "zero":
            scores = scores * mask
        weights = scores.softmax(dim=axis)
        if mask is not None and hide == "after":
            weights = weights * mask
        return weights @ v, weights

    return look


def _named(name, function):
    function.__name__ = name
    return function


_no_root = _named("_no_root", _look(scale=lambda q, k: 1.0))
_no_square_root = _named("_no_square_root", _look(scale=lambda q, k: q.shape[-1]))
_root_of_keys = _named("_root_of_keys", _look(scale=lambda q, k: math.sqrt(k.shape[-2])))
_times_root = _named("_times_root", _look(scale=lambda q, k: 1 / math.sqrt(q.shape[-1])))
_root_of_queries = _named("_root_of_queries", _look(scale=lambda q, k: math.sqrt(q.shape[-2])))
_root_of_length = _named("_root_of_length", _look(scale=lambda q, k: math.sqrt(len(q))))
_over_queries = _named("_over_queries", _look(axis=-2))
_over_the_first_axis = _named("_over_the_first_axis", _look(axis=0))
_mask_forgotten = _named("_mask_forgotten", _look(hide="never"))
_mask_after = _named("_mask_after", _look(hide="after"))
_mask_as_zero = _named("_mask_as_zero", _look(hide="zero"))
_mask_inverted = _named("_mask_inverted", _look(inverted=True))


def _by_scores(name, weigh):
    """An attention whose weights are made of the hidden scores in another way."""

    def look(q, k, v, mask=None):
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        weights = weigh(scores if mask is None else scores.masked_fill(~mask, -math.inf))
        return weights @ v, weights

    return _named(name, look)


_log_weights = _by_scores("_log_weights", lambda scores: scores.log_softmax(dim=-1))
_sigmoids = _by_scores("_sigmoids", torch.sigmoid)
_one_whole_in_all = _by_scores("_one_whole_in_all", lambda s: s.flatten(-2).softmax(dim=-1).reshape(s.shape))
_share_of_the_sum = _by_scores("_share_of_the_sum", lambda s: s / s.sum(dim=-1, keepdim=True))


def _no_softmax(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores @ v, scores


def _keys_not_turned(q, k, v, mask=None):
    weights = (q @ k / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return weights @ v, weights


def _output_alone(q, k, v, mask=None):
    return A.scaled_dot_product_attention(q, k, v, mask)[0]


def _the_other_order(q, k, v, mask=None):
    return A.scaled_dot_product_attention(q, k, v, mask)[::-1]


def _root_of_values(q, k, v, mask=None):
    return A.scaled_dot_product_attention(q * math.sqrt(q.shape[-1] / v.shape[-1]), k, v, mask)


def _root_after(q, k, v, mask=None):
    output, weights = A.scaled_dot_product_attention(q * math.sqrt(q.shape[-1]), k, v, mask)
    return output / math.sqrt(q.shape[-1]), weights / math.sqrt(q.shape[-1])


def _all_axes_turned(q, k, v, mask=None):
    weights = A.scaled_dot_product_attention(q, k, v, mask)[1] + 0 * (q @ k.permute(*range(k.ndim)[::-1]))
    return weights @ v, weights


def _mask_always(q, k, v, mask=None):
    return A.scaled_dot_product_attention(q, k, v, ~(~mask))


def _mask_as_a_truth(q, k, v, mask=None):
    return A.scaled_dot_product_attention(q, k, v, mask if mask else None)


def _infinity_times_zero(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + (1 - mask.to(scores.dtype)) * -math.inf
    return scores.softmax(dim=-1) @ v, scores.softmax(dim=-1)


def _cut_off(q, k, v, mask=None):
    output, weights = A.scaled_dot_product_attention(q, k, v, mask)
    return output.detach(), weights.detach()


def _keys_ask(q, k, v, mask=None):
    weights = (k @ q.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return weights @ v, weights


def _mixes_keys(q, k, v, mask=None):
    return A.scaled_dot_product_attention(q, k, k, mask)


def _best_only(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = torch.nn.functional.one_hot(scores.argmax(dim=-1), k.shape[-2]).to(v.dtype)
    return weights @ v, weights


def _exp_unshifted(q, k, v, mask=None):
    scores = torch.exp(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]))
    if mask is not None:
        scores = scores * mask
    weights = scores / scores.sum(dim=-1, keepdim=True)
    return weights @ v, weights


def _scores_for_weights(q, k, v, mask=None):
    output, _ = A.scaled_dot_product_attention(q, k, v, mask)
    return output, q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])


def _by_einsum(q, k, v, mask=None):
    scores = torch.einsum("...te,...se->...ts", q, k) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, -math.inf)
    weights = torch.softmax(scores, -1)
    return torch.einsum("...ts,...sv->...tv", weights, v), weights


def _scaled_queries(q, k, v, mask=None):
    scores = (q / q.shape[-1] ** 0.5) @ k.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e30)
    return scores.softmax(-1) @ v, scores.softmax(-1)


scaled_dot_product = register(
    Exercise(
        id="attention.scaled_dot_product",
        notebook="attention",
        reference=A.scaled_dot_product_attention,
        cases=_look_ups,
        call=_use_look_up,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "Three steps. Scores: every query times every key, a table (..., T, S), divided by the root of E. Weights: the softmax of "
            "each row. Output: weights times values.",
            "`k.transpose(-2, -1)` turns the last two axes only, whatever stands in front. Before the softmax, "
            "`scores.masked_fill(~mask, -math.inf)` hides: e to the minus infinity is 0.",
            "`scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])`, then the mask, then `weights = scores.softmax(dim=-1)` "
            "and `return weights @ v, weights`.",
        ],
        misconceptions={
            _no_root: "The division by the root of E is missing. The longer the vectors, the larger their products, and the softmax "
            "turns into a choice of one.",
            _no_square_root: "You divide by E. It is the *root* of E: that is the spread of a product of E random pairs.",
            _root_of_keys: "You divide by the root of the number of keys. It is E, the length of a query, that makes products large.",
            _root_of_queries: "You divide by the root of the number of queries. It is E, the length of one query: `q.shape[-1]`.",
            _root_of_length: "You divide by the root of `len(q)`, which is the first axis. E is the last one: `q.shape[-1]`.",
            _root_of_values: "You divide by the root of the length of a value. E is the length of a query: `q.shape[-1]`.",
            _root_after: "You divide after the softmax. Then rows sum to less than 1, and the softmax was as hard as before. Divide the scores.",
            _times_root: "You multiply by the root of E. Divide by it.",
            _over_queries: "Your softmax runs over the queries (dim=-2). Each *query* shares out one whole among the keys: dim=-1.",
            _over_the_first_axis: "Your softmax runs over the first axis. Count from the end: dim=-1 is the keys, whatever stands in front.",
            _mask_forgotten: "The mask changes nothing here. Where it is False, the score must become minus infinity.",
            _mask_after: "You multiply the weights by the mask after the softmax. Then a row sums to less than 1, and what is hidden "
            "still counts in the denominator: it leaks. Hide the *scores*.",
            _mask_as_zero: "You multiply the scores by the mask. A score of 0 is no wall: e to the 0 is 1. Put minus infinity there.",
            _mask_inverted: "You hide where the mask is True. Here, as in PyTorch's function of this name, True means: may look. (Its "
            "layer nn.MultiheadAttention has it the other way round.)",
            _mask_always: "Right with a mask. Without one `mask` is None, and None cannot be turned round: ask `if mask is not None`.",
            _mask_as_a_truth: "`if mask:` asks whether a whole table is true, which nobody can answer. Write `if mask is not None:`.",
            _infinity_times_zero: "0 times infinity is NaN. Do not multiply by infinity: `scores.masked_fill(~mask, -math.inf)`.",
            _log_weights: "You have taken log_softmax. Weights are positive: softmax.",
            _sigmoids: "You have taken a sigmoid of each score by itself. The weights of a row share one whole: softmax.",
            _one_whole_in_all: "Your whole table sums to 1. Each *row* must: softmax over dim=-1 alone.",
            _share_of_the_sum: "You divide the scores by their sum. Scores can be negative, and their sum near 0: exponentials first, "
            "which is the softmax.",
            _no_softmax: "The softmax is missing: weights must be positive, and each row must sum to 1.",
            _all_axes_turned: "Right for two axes. With axes in front `k.T` turns those, too: `k.transpose(-2, -1)` turns the last two only.",
            _keys_ask: "The roles are swapped: you compute k times q turned. Rows are queries: `q @ k.transpose(-2, -1)`.",
            _keys_not_turned: "`q @ k` multiplies (T, E) by (S, E), which does not fit. Turn the keys: `k.transpose(-2, -1)`.",
            _output_alone: "You return one thing. Two are wanted: `return output, weights`.",
            _the_other_order: "You return the weights first. It is `return output, weights`.",
            _mixes_keys: "You mix the keys. Keys are only for finding; what is taken are the *values*.",
            _cut_off: "The numbers are right, but `detach`, `.data` or `no_grad` cuts them off from the graph: nothing could be trained.",
            _best_only: "You take the one best value. No gradient passes through an argmax; the softmax is there to be a soft choice.",
            _exp_unshifted: "Right for small scores. For large ones exp overflows. `scores.softmax(dim=-1)` subtracts the largest first "
            "(notebook 02).",
            _scores_for_weights: "The second thing that you return are the scores before mask and softmax. Return the weights.",
        },
        variants=(_by_einsum, _scaled_queries),
    )
)

# -- the causal mask -----------------------------------------------------------------------------------------------------


def _lengths(rng):
    yield 4
    yield 1
    yield 2
    yield from (int(n) for n in rng.integers(3, 60, 3))


def _use_mask(obj, length):
    return expect_tensor(obj(length), "the mask").numpy()


def _ones(length):
    return torch.ones(length, length, dtype=torch.bool)


_looks_ahead = _named("_looks_ahead", lambda length: _ones(length).triu())
_hides_itself = _named("_hides_itself", lambda length: _ones(length).tril(-1))
_true_is_hidden = _named("_true_is_hidden", lambda length: _ones(length).triu(1))
_as_numbers = _named("_as_numbers", lambda length: torch.ones(length, length).tril())
_as_whole_numbers = _named("_as_whole_numbers", lambda length: torch.ones(length, length, dtype=torch.int64).tril())
_means = _named("_means", lambda length: torch.ones(length, length).tril() / torch.arange(1, length + 1)[:, None])
_mirrored = _named("_mirrored", lambda length: _ones(length).tril().flip(1))
_one_before = _named("_one_before", lambda length: torch.eye(length, dtype=torch.bool).roll(-1, dims=1).tril(-1))
_nothing = _named("_nothing", lambda length: ~_ones(length))
_as_scores = _named("_as_scores", lambda length: torch.full((length, length), -math.inf).triu(1))
_everything = _named("_everything", lambda length: _ones(length))
_itself_only = _named("_itself_only", lambda length: torch.eye(length, dtype=torch.bool))
_one_too_many = _named("_one_too_many", lambda length: _ones(length).tril(1))
_one_row = _named("_one_row", lambda length: torch.ones(length, dtype=torch.bool))
_last_two = _named("_last_two", lambda length: _ones(length).tril() & _ones(length).triu(-1))
_with_front_axes = _named("_with_front_axes", lambda length: _ones(length).tril()[None, None])


def _by_comparison(length):
    places = torch.arange(length)
    return places[:, None] >= places


def _by_loops(length):
    return torch.tensor([[s <= t for s in range(length)] for t in range(length)])


mask = register(
    Exercise(
        id="attention.causal_mask",
        notebook="attention",
        reference=A.causal_mask,
        cases=_lengths,
        call=_use_mask,
        difficulty=1,
        minutes=4,
        points=1,
        hints=[
            "Write the table for three places on paper: row 0 may look at column 0 only, row 2 at all three.",
            "`torch.ones(length, length, dtype=torch.bool)` is all True; `.tril()` keeps the lower triangle with the diagonal.",
            "`return torch.ones(length, length, dtype=torch.bool).tril()`",
        ],
        misconceptions={
            _looks_ahead: "This is the upper triangle: every place sees the future and not its past. Rows ask, columns are asked.",
            _hides_itself: "A place may look at itself. Without the diagonal the first row has nowhere to look, and its softmax is NaN.",
            _true_is_hidden: "Yours says True for what is hidden, as nn.MultiheadAttention wants it. Here True means: may look.",
            _as_numbers: "The pattern is right, but these are numbers. A mask is True and False: dtype=torch.bool.",
            _as_whole_numbers: "The pattern is right, but these are the numbers 0 and 1. A mask is True and False: dtype=torch.bool.",
            _means: "These are weights already, even ones. Return True and False; the softmax shares out.",
            _mirrored: "The triangle stands in the wrong corner. Row 0 may look at column 0 only, the last row at all.",
            _one_before: "Each place sees only the one before it. It may look at itself, and back as far as it likes.",
            _nothing: "Everything is hidden here. Put True where a place may look.",
            _as_scores: "This is the mask as something to add to the scores. Return True and False; the attention does the rest.",
            _everything: "Nothing is hidden here.",
            _itself_only: "Each place sees itself only. It may look back as well.",
            _one_too_many: "Each place sees one place ahead: the very answer that it is to find. Drop that diagonal.",
            _one_row: "This is one row. Each place needs a row of its own: (T, T).",
            _last_two: "Each place sees itself and the one before. It may look back as far as it likes.",
            _with_front_axes: "The table is right, but it has axes in front. Return (T, T): it broadcasts by itself.",
        },
        variants=(_by_comparison, _by_loops),
    )
)
