"""Exercises of *Attention*: the numbers of a place are dealt out to several heads."""

import numpy as np
import torch

from coursekit.checks.attention import expect_tensor
from coursekit.checks.core import Exercise, register
from coursekit.models import attention as A

__all__ = ["split_heads"]


def _cases(rng):
    yield rng.normal(size=(2, 3, 8)), 2
    yield rng.normal(size=(2, 5, 12)), 3
    yield rng.normal(size=(1, 4, 6)), 3  # a batch of one
    yield rng.normal(size=(3, 2, 4)), 1
    yield rng.normal(size=(2, 4, 4)), 4  # one number a head
    yield np.zeros((2, 3, 4)), 2
    yield 1e3 * rng.normal(size=(2, 6, 6)), 2
    yield rng.normal(size=(2, 3, 8)).astype(np.float32), 4


def _use(obj, x, heads):
    return expect_tensor(obj(torch.tensor(x), heads), "the heads").detach().numpy().copy()


def _cut_across(x, heads):
    N, T, E = x.shape
    return x.reshape(N, heads, T, E // heads)


def _not_moved(x, heads):
    N, T, E = x.shape
    return x.reshape(N, T, heads, E // heads)


def _dealt_like_cards(x, heads):
    N, T, E = x.shape
    return x.reshape(N, T, E // heads, heads).permute(0, 3, 1, 2)


def _heads_first(x, heads):
    return A.split_heads(x, heads).transpose(0, 1)


def _heads_last(x, heads):
    return A.split_heads(x, heads).permute(0, 2, 3, 1)


def _batch_and_heads(x, heads):
    return A.split_heads(x, heads).flatten(0, 1)


def _turned_over(x, heads):
    return A.split_heads(x, heads).transpose(2, 3)


def _all_for_each(x, heads):
    return x[:, None].expand(-1, heads, -1, -1)


def _places_shared_out(x, heads):
    N, T, E = x.shape
    return x.reshape(N, heads, T // heads, E)


def _number_of_heads_for_size(x, heads):
    N, T, E = x.shape
    return x.reshape(N, T, E // heads, heads).transpose(1, 2)


def _axes_one_and_three(x, heads):
    N, T, E = x.shape
    return x.reshape(N, T, heads, E // heads).transpose(1, 3)


def _axes_nought_and_two(x, heads):
    N, T, E = x.shape
    return x.reshape(N, T, heads, E // heads).transpose(0, 2)


def _turned_before(x, heads):
    N, T, E = x.shape
    return x.transpose(1, 2).reshape(N, heads, T, E // heads)


def _along_the_batch(x, heads):
    return torch.cat(x.chunk(heads, dim=-1), dim=0)


def _along_time(x, heads):
    return torch.cat(x.chunk(heads, dim=-1), dim=1)


def _one_head(x, heads):
    return x[:, None, :, : x.shape[-1] // heads]


def _cut_across_and_merged(x, heads):
    N, T, E = x.shape
    return x.reshape(N * heads, T, E // heads)


def _as_it_was(x, heads):
    return x


def _as_a_list(x, heads):
    return list(x.chunk(heads, dim=-1))


def _by_stack(x, heads):
    return torch.stack(x.chunk(heads, dim=-1), dim=1)


def _by_view(x, heads):
    return x.view(x.shape[0], x.shape[1], heads, -1).permute(0, 2, 1, 3)


split_heads = register(
    Exercise(
        id="heads.split_heads",
        notebook="attention",
        reference=A.split_heads,
        cases=_cases,
        call=_use,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "Cut only the last axis, the E numbers, into H pieces of E / H. That makes an axis more. Then bring the axes into order.",
            "After `x.reshape(N, T, heads, E // heads)` the axes are (N, T, H, E / H). Wanted is (N, H, T, E / H): change two of them.",
            "`return x.reshape(N, T, heads, E // heads).transpose(1, 2)`",
        ],
        misconceptions={
            _cut_across: "You reshape to (N, H, T, E / H) in one go. The shape is right, the numbers are not: a reshape never changes "
            "their order, so each head gets some *places*, cut up. Split E first, then transpose.",
            _not_moved: "The heads are split, but the axes are still (N, T, H, E / H). Attention works on the last two: transpose 1 and 2.",
            _dealt_like_cards: "You deal the numbers out in turn, like cards: head 0 gets numbers 0, H, 2H ... Here each head gets "
            "neighbours: reshape to (heads, E // heads), in this order.",
            _heads_first: "The heads stand before the batch. Wanted is (N, H, T, E / H).",
            _heads_last: "The heads stand last. Attention works on the last two axes, and these must be T and E / H.",
            _batch_and_heads: "Batch and heads are merged into one axis. That works too, but here they stay apart: (N, H, T, E / H).",
            _turned_over: "The last two axes have changed places. Wanted is (..., T, E / H).",
            _all_for_each: "Every head gets all E numbers. Each gets a *share*, so that H heads cost no more than one.",
            _places_shared_out: "You share out the places. Every head sees all places, but a share of the numbers.",
            _number_of_heads_for_size: "You have made E / H heads of H numbers each: the two sizes are swapped.",
            _axes_one_and_three: "You have changed axes 1 and 3. After the reshape they are (N, T, H, E / H): change 1 and 2.",
            _axes_nought_and_two: "You have changed axes 0 and 2: the batch must stay first. Change 1 and 2.",
            _turned_before: "You transpose before you cut: then a reshape to (N, H, T, E / H) mixes places and numbers. Cut the last axis "
            "first, `x.reshape(N, T, heads, E // heads)`, then transpose.",
            _along_the_batch: "You have put the heads end to end along the batch. They need an axis of their own: (N, H, T, E / H).",
            _along_time: "You have put the heads end to end along time. They need an axis of their own: (N, H, T, E / H).",
            _one_head: "This is the first head alone. Return all H of them.",
            _cut_across_and_merged: "You reshape in one go, and batch and heads share an axis. A reshape never moves a number: split E "
            "first, then transpose.",
            _as_it_was: "Nothing was split: the answer has an axis more, (N, H, T, E / H).",
            _as_a_list: "A list of heads must be gone through in a loop. Make one tensor of it: `torch.stack(..., dim=1)`.",
        },
        variants=(_by_stack, _by_view),
    )
)
