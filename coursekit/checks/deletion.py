"""Exercises of *Saliency*: does the score fall when the pixels go that were called important, and on what do they lie?"""

import numpy as np
import torch

from coursekit.attribution import faithfulness
from coursekit.attribution import tensors as A
from coursekit.checks.core import Exercise, register
from coursekit.checks.saliency import expect_tensor, score_of

__all__ = ["curve", "share_inside"]


# -- deletion --------------------------------------------------------------------------------------------------------


def _cases(rng):
    x, values = (
        np.array([[3.0, 1.0, 2.0, 4.0], [1.0, 5.0, 2.0, 0.5]]),
        np.array([[0.9, -0.5, 0.1, 0.4], [2, -3, 1, 0.0]]),
    )
    yield x, values, np.array([[0.5, 0.5, 0.5, 0.5]]), 4, rng.normal(size=(4, 2)) / 4
    yield *rng.normal(size=(3, 5, 12)), 6, rng.normal(size=(12, 2)) / 4
    yield *rng.normal(size=(3, 1, 10)), 5, rng.normal(size=(10, 2)) / 4  # a batch of one
    yield (
        rng.normal(size=(3, 1, 4, 5)),
        rng.normal(size=(3, 1, 4, 5)),
        rng.normal(size=(1, 1, 4, 5)),
        7,
        (rng.normal(size=(20, 2)) / 4),
    )
    yield np.zeros((2, 6)), rng.normal(size=(2, 6)), rng.normal(size=(2, 6)), 3, rng.normal(size=(6, 3)) / 4
    yield (
        100 * rng.normal(size=(3, 8)),
        rng.normal(size=(3, 8)),
        rng.normal(size=(3, 8)),
        4,
        rng.normal(size=(8, 2)) / 99,
    )
    yield (
        np.ones((2, 6)),
        np.zeros((2, 6)),
        np.zeros((1, 6)),
        3,
        np.full((6, 2), 0.3),
    )  # equal values: any order will do
    low = rng.normal(size=(3, 4, 10)).astype(np.float32)
    yield *low, 5, (rng.normal(size=(10, 2)) / 4).astype(np.float32)


def _use(obj, x, values, baseline, steps, weights):
    given = torch.tensor(x)
    found = obj(score_of(weights, len(x)), given, torch.tensor(values), torch.tensor(baseline), steps)
    shape = found.shape if isinstance(found, torch.Tensor) else (steps + 1, len(x))  # another shape tells the mistake
    return {
        "curve": expect_tensor(found, shape),
        "whether x is left as it was": np.array_equal(given.numpy(), x),
    }


def _ranks(values):
    return values.flatten(1).argsort(dim=1, descending=True).argsort(dim=1).view(values.shape)


def _curve(gone, rank=_ranks, fill=lambda x, b: b, counts=lambda steps: range(steps + 1)):
    """A wrong answer in which other features are gone, or something else stands in for them."""

    def wrong(score, x, values, baseline, steps=10):
        order, d = rank(values), x[0].numel()
        with torch.no_grad():
            return torch.stack(
                [score(torch.where(gone(order, k, steps, d), fill(x, baseline), x)) for k in counts(steps)]
            )

    return wrong


def _so_many(order, k, steps, d):
    return order < round(k * d / steps)


_least_first = _curve(_so_many, lambda v: _ranks(-v))
_by_size = _curve(_so_many, lambda v: _ranks(v.abs()))
_with_zero = _curve(_so_many, fill=lambda x, b: torch.zeros_like(x))
_one_slice = _curve(lambda o, k, s, d: (o >= round((k - 1) * d / s)) & (o < round(k * d / s)) & (k > 0))
_insertion = _curve(lambda o, k, s, d: o >= round(k * d / s))
_argsort_once = _curve(_so_many, lambda v: v.flatten(1).argsort(dim=1, descending=True).view(v.shape))
_order_of_the_first = _curve(_so_many, lambda v: _ranks(v[:1]).expand(v.shape))
_one_too_many = _curve(lambda o, k, s, d: o <= round(k * d / s))
_one_by_one = _curve(lambda o, k, s, d: o < k)
_without_start = _curve(_so_many, counts=lambda steps: range(1, steps + 1))
_without_end = _curve(_so_many, counts=lambda steps: range(steps))
_cut_down = _curve(lambda o, k, s, d: o < int(k * d / s))
_rounded_up = _curve(lambda o, k, s, d: o < k * d / s)
_equal_steps = _curve(lambda o, k, s, d: o < k * (d // s))
_share_alone = _curve(lambda o, k, s, d: o < round(k / s))
_over_the_axis = _curve(lambda v, k, s, d: v < round(k * v.shape[1] / s))
_too_many = _curve(lambda v, k, s, d: v < round(k * v.numel() / s))
_all_rows_sorted = _curve(_so_many, lambda v: _ranks(v.flatten()[None]).view(v.shape))
_all_rows_as_one = _curve(
    lambda o, k, s, d: o < round(k * o.numel() / s), lambda v: _ranks(v.flatten()[None]).view(v.shape)
)
_down_the_rows = _curve(_so_many, lambda v: v.flatten(1).argsort(dim=0, descending=True).argsort(dim=0).view(v.shape))
_mean_order = _curve(_so_many, lambda v: _ranks(v.mean(dim=0, keepdim=True)).expand(v.shape))


def _brightest_first(score, x, values, baseline, steps=10):
    return A.deletion_curve(score, x, x, baseline, steps)


def _by_threshold(score, x, values, baseline, steps=10):
    flat, shape = values.flatten(1), (-1, *[1] * (x.ndim - 1))
    last = flat.sort(dim=1, descending=True).values
    counts = [round(k * flat.shape[1] / steps) for k in range(steps + 1)]
    gone = [(values >= last[:, max(count - 1, 0)].view(shape)) & (count > 0) for count in counts]
    return torch.stack([score(torch.where(one, baseline, x)).detach() for one in gone])


_fraction_of_values = _curve(lambda o, k, s, d: o < 0)


def _averaged(score, x, values, baseline, steps=10):
    return A.deletion_curve(score, x, values, baseline, steps).mean(dim=1)


def _falls(score, x, values, baseline, steps=10):
    found = A.deletion_curve(score, x, values, baseline, steps)
    return found[0] - found


def _rows_first(score, x, values, baseline, steps=10):
    return A.deletion_curve(score, x, values, baseline, steps).T


def _x_overwritten(score, x, values, baseline, steps=10):
    found = A.deletion_curve(score, x, values, baseline, steps)
    x[...] = baseline
    return found


def _step_by_step(score, x, values, baseline, steps=10):
    order = values.flatten(1).argsort(dim=1, descending=True)  # (N, D)
    flat, fill = x.flatten(1).clone(), (baseline + 0 * x).flatten(1)
    found, done = [score(x).detach()], 0
    for k in range(1, steps + 1):
        upto = round(k * flat.shape[1] / steps)
        here = order[:, done:upto]
        flat, done = flat.scatter(1, here, fill.gather(1, here)), upto
        found.append(score(flat.view(x.shape)).detach())
    return torch.stack(found)


curve = register(
    Exercise(
        id="deletion.curve",
        notebook="saliency",
        reference=A.deletion_curve,
        cases=_cases,
        call=_use,
        alias_ok=True,
        difficulty=3,
        minutes=15,
        points=3,
        hints=[
            "You need each pixel's **rank**: 0 for the largest value of its row, 1 for the next. `argsort` gives the order; "
            "`argsort` of the order gives the ranks.",
            "`rank = values.flatten(1).argsort(dim=1, descending=True).argsort(dim=1).view(x.shape)`.",
            "For each k from 0 to steps: `torch.where(rank < round(k * D / steps), baseline, x)` goes to `score`, with "
            "D = `x[0].numel()`; `torch.stack` the answers.",
        ],
        misconceptions={
            _least_first: "You cover the *least* important pixels first. Sort in descending order.",
            _by_size: "You sorted by size. What speaks against the class has a large size too; covering it *raises* the score. Sort by "
            "the values with their signs.",
            _with_zero: "You covered with 0. Cover with the baseline.",
            _one_slice: "At step k only the k-th group of pixels is covered. Those before stay covered: rank < round(k D / steps).",
            _insertion: "This is insertion: it begins with the baseline and uncovers. Deletion begins with x and covers.",
            _argsort_once: "`argsort` gives at place i *which pixel* comes i-th. You need for each pixel at which place it comes: `argsort` "
            "that once more.",
            _order_of_the_first: "All rows use the first row's order. Sort along axis 1: each row has its own.",
            _one_too_many: "One pixel too many at every step: use <, not <=. At k = 0 nothing is covered.",
            _one_by_one: "At step k only k pixels are covered. It should be round(k D / steps) of D.",
            _cut_down: "`int` and `//` cut off. Round: round(k D / steps).",
            _rounded_up: "You round up, or compare with a fraction. Round: round(k D / steps).",
            _equal_steps: "D // steps pixels a step leave a rest that never goes. At step k it should be round(k D / steps).",
            _share_alone: "round(k / steps) is 0 or 1: the number of pixels D is missing. round(k D / steps).",
            _over_the_axis: "D is the number of *all* pixels of a row, `x[0].numel()`, not the length of one axis.",
            _too_many: "D is the number of pixels of *one* row, `x[0].numel()`. You took all rows together.",
            _all_rows_sorted: "You ranked the pixels of all rows together. Each row has its own order: `flatten(1)`, and sort along axis 1.",
            _all_rows_as_one: "You treated all rows as one long picture. Each row has its own order and its own D.",
            _down_the_rows: "You sorted down the rows (axis 0). Sort along axis 1: each row has its own order.",
            _mean_order: "All rows use one order, that of the mean. Each row has its own.",
            _brightest_first: "You sorted by x. The order comes from `values`.",
            _by_threshold: "Right as long as no two values are equal. A map may hold many zeros, and a threshold takes all of them at "
            "once. Use ranks.",
            _without_start: "The first point is missing: the score of x itself, with nothing covered.",
            _without_end: "The last point is missing: everything covered.",
            _fraction_of_values: "Nothing is ever covered: the curve is flat.",
            _averaged: "You averaged over the rows. Return all of them, (steps + 1, N).",
            _falls: "This is how far the score has fallen. Return the score itself.",
            _rows_first: "The axes are swapped: the steps come first, (steps + 1, N).",
            _x_overwritten: "The curve is right, but your code writes into x, and the picture is gone. Work on a copy, or use `torch.where`.",
        },
        variants=(_step_by_step,),
    )
)


# -- the share on a patch ----------------------------------------------------------------------------------------------


def _shares(rng):
    yield np.array([[3.0, -1.0, 0.0], [2.0, 2.0, -4.0]]), np.array([True, False, False])
    yield rng.normal(size=(4, 5, 6)), rng.random((5, 6)) < 0.3
    yield rng.normal(size=(1, 4, 4)), rng.random((4, 4)) < 0.5  # a batch of one
    yield np.zeros((3, 4)), np.array([True, False, True, False])  # nothing anywhere: no share
    yield 1000 * rng.normal(size=(3, 7)), rng.random(7) < 0.4
    yield rng.normal(size=(3, 4, 5)).astype(np.float32), rng.random((4, 5)) < 0.3


def _size(values):
    return np.abs(values).reshape(len(values), -1)


def _over(part, whole):
    return np.divide(part, whole, out=np.zeros(len(part), dtype=part.dtype), where=whole > 0)


def _signs_kept(values, inside):
    return _over(values[:, inside].sum(axis=1), values.reshape(len(values), -1).sum(axis=1))


def _signs_kept_above(values, inside):
    return _over(np.abs(values[:, inside].sum(axis=1)), _size(values).sum(axis=1))


def _only_positive(values, inside):
    return faithfulness.share_inside(np.maximum(values, 0), inside)


def _not_divided_by_whole(values, inside):
    return np.abs(values)[:, inside].sum(axis=1)


def _means(values, inside):
    return _over(np.abs(values)[:, inside].mean(axis=1), _size(values).mean(axis=1))


def _against_outside(values, inside):
    return _over(np.abs(values)[:, inside].sum(axis=1), np.abs(values)[:, ~inside].sum(axis=1))


def _one_number(values, inside):
    return np.abs(values)[:, inside].sum() / np.abs(values).sum()


def _mean_share(values, inside):
    return faithfulness.share_inside(values, inside).mean()


def _counted(values, inside):
    return faithfulness.share_inside((values != 0).astype(values.dtype), inside)


def _per_cent(values, inside):
    return 100 * faithfulness.share_inside(values, inside)


def _whole_with_signs(values, inside):
    whole = values.reshape(len(values), -1).sum(axis=1)
    return np.divide(np.abs(values)[:, inside].sum(axis=1), whole, out=np.zeros_like(whole), where=whole != 0)


def _size_of_the_sums(values, inside):
    return np.abs(_signs_kept_everywhere(values, inside))


def _signs_kept_everywhere(values, inside):
    whole = values.reshape(len(values), -1).sum(axis=1)
    return np.divide(values[:, inside].sum(axis=1), whole, out=np.zeros_like(whole), where=whole != 0)


def _largest(values, inside):
    return _over(np.abs(values)[:, inside].max(axis=1), _size(values).max(axis=1))


def _outside(values, inside):
    return faithfulness.share_inside(values, ~inside)


def _all_rows_together(values, inside):
    whole = _size(values).sum()
    return _over(np.abs(values)[:, inside].sum(axis=1), np.full(len(values), whole, dtype=values.dtype))


def _zero_over_zero(values, inside):
    return np.abs(values)[:, inside].sum(axis=1) / _size(values).sum(axis=1)


def _squares(values, inside):
    return faithfulness.share_inside(values**2, inside)


def _share_of_pixels(values, inside):
    return np.full(len(values), inside.mean())


def _by_multiplying(values, inside):
    axes = tuple(range(1, values.ndim))
    whole = np.sum(np.abs(values), axis=axes)
    return np.where(whole > 0, np.sum(np.abs(values) * inside, axis=axes) / np.where(whole > 0, whole, 1), 0.0)


share_inside = register(
    Exercise(
        id="deletion.share_inside",
        notebook="saliency",
        reference=faithfulness.share_inside,
        cases=_shares,
        difficulty=1,
        minutes=6,
        points=1,
        hints=[
            "Take sizes, without signs: `np.abs(values)`. Else what speaks for and what speaks against would cancel.",
            "`np.abs(values)[:, inside]` are the sizes on the marked part, (N, marked pixels). Add them up for each row.",
            "Divide by the row's whole, `np.abs(values).reshape(len(values), -1).sum(axis=1)`; where that is 0, the share is 0.",
        ],
        misconceptions={
            _signs_kept: "The signs are still there: values for and against cancel, and the share can be anything. Take `np.abs` first.",
            _signs_kept_above: "Take `np.abs` before you add up inside too: there values for and against cancel.",
            _only_positive: "You dropped what is below 0. It matters as well: take sizes, `np.abs`.",
            _not_divided_by_whole: "This is the amount inside. For a share, divide by the row's whole.",
            _means: "You compared means. A share is a sum over a sum.",
            _against_outside: "You divided by what is outside. A share is of the whole, inside and outside together.",
            _one_number: "You added up over all maps. Each map has a share of its own: (N,).",
            _mean_share: "You averaged over the maps. Return the share of each, (N,).",
            _counted: "You counted the pixels that are not 0. Add up their sizes.",
            _per_cent: "These are per cent. A share lies between 0 and 1.",
            _whole_with_signs: "The whole still has its signs: there values for and against cancel. Take `np.abs` there too.",
            _signs_kept_everywhere: "The signs are still there: values for and against cancel. Take `np.abs` first.",
            _size_of_the_sums: "You took `np.abs` of the sums. In them values for and against have cancelled already: take it first.",
            _largest: "You compared the largest values. A share is a sum over a sum.",
            _outside: "This is the share outside the mask.",
            _all_rows_together: "You divided by the sum over all rows. Each row has its own whole.",
            _zero_over_zero: "Where a map is 0 everywhere, you divide 0 by 0. The share there is 0.",
            _squares: "You added up squares, which makes large values larger. Add up sizes.",
            _share_of_pixels: "This is the share of the *pixels*: what an explanation that knows nothing would give. Use the values.",
        },
        variants=(_by_multiplying,),
    )
)
