"""Exercises of *Shapley values*: how much a variation of a row counts for LIME."""

import numpy as np

from coursekit.attribution.lime import lime_weights
from coursekit.checks.core import Exercise, register

__all__ = ["weights"]


def _cases(rng):
    def kept(m, d):
        z = (rng.random((m, d)) < 0.6).astype(float)
        z[:, 0] = 1
        return z

    yield np.array([[1.0, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0], [0, 1, 1, 0]]), 0.5
    yield kept(6, 9), float(rng.uniform(0.3, 0.8))
    yield kept(1, 5), 0.25  # a batch of one
    yield np.zeros((3, 4)), 0.75  # everything is covered
    yield np.ones((2, 6)), 0.3  # nothing is
    yield kept(5, 3), float(rng.uniform(2.0, 4.0))
    yield kept(4, 7).astype(np.float32), 0.25


def _on(distance, weight=lambda d, width: np.exp(-(d**2) / width**2)):
    """A wrong answer with another distance, or another kernel."""

    def wrong(kept, width):
        with np.errstate(all="ignore"):
            return weight(distance(kept), width)

    return wrong


def _cosine(kept):
    return 1 - np.sqrt(kept.mean(axis=1))


_not_squared = _on(_cosine, lambda d, w: np.exp(-d / w))
_width_not_squared = _on(_cosine, lambda d, w: np.exp(-(d**2) / w))
_distance_not_squared = _on(_cosine, lambda d, w: np.exp(-d / w**2))
_half = _on(_cosine, lambda d, w: np.exp(-(d**2) / (2 * w**2)))
_no_minus = _on(_cosine, lambda d, w: np.exp(d**2 / w**2))
_width_times = _on(_cosine, lambda d, w: np.exp(-(d**2) * w**2))
_share_missing = _on(lambda z: 1 - z.mean(axis=1))
_similarity = _on(lambda z: np.sqrt(z.mean(axis=1)))
_count_missing = _on(lambda z: (1 - z).sum(axis=1))
_euclid = _on(lambda z: np.sqrt((1 - z).sum(axis=1)))
_distance_itself = _on(_cosine, lambda d, w: d)
_to_one = _on(_cosine, lambda d, w: np.exp(-(d**2) / w**2) / np.exp(-(d**2) / w**2).sum())
_axis = _on(lambda z: 1 - np.sqrt(z.mean(axis=0)))
_of_all = _on(lambda z: 1 - np.sqrt(z.mean()))


_half_and_times = _on(_cosine, lambda d, w: np.exp(-(d**2) / 2 * w**2))
_no_width = _on(_cosine, lambda d, w: np.exp(-(d**2)))
_no_exp = _on(_cosine, lambda d, w: -(d**2) / w**2)
_one_minus = _on(_cosine, lambda d, w: 1 - np.exp(-(d**2) / w**2))
_straight = _on(_cosine, lambda d, w: np.maximum(0, 1 - d / w))
_bell_of_area_one = _on(_cosine, lambda d, w: np.exp(-(d**2) / w**2) / (w * np.sqrt(2 * np.pi)))
_largest_is_one = _on(_cosine, lambda d, w: np.exp(-(d**2) / w**2) / np.exp(-(d**2) / w**2).max(initial=0))
_root_of_number = _on(lambda z: 1 - np.sqrt(z.sum(axis=1)))
_root_of_missing = _on(lambda z: np.sqrt(1 - z.mean(axis=1)))
_roles_swapped = _on(lambda z: 1 - np.sqrt(1 - z.mean(axis=1)))
_share_kept = _on(lambda z: z.mean(axis=1))
_squared_share = _on(lambda z: 1 - z.mean(axis=1) ** 2)
_each_feature = _on(lambda z: 1 - np.sqrt(z))


def _cosine_by_norms(kept):
    """Nothing kept has no direction: 0 / 0."""
    return 1 - kept.sum(axis=1) / (np.linalg.norm(kept, axis=1) * np.sqrt(kept.shape[1]))


_no_direction = _on(_cosine_by_norms)


def _by_cosine(kept, width):
    length = np.linalg.norm(kept, axis=1) * np.sqrt(kept.shape[1])
    cosine = kept.sum(axis=1) / np.where(length == 0, 1, length)
    return np.exp(-(((1 - cosine) / width) ** 2))


weights = register(
    Exercise(
        id="lime.weights",
        notebook="shapley",
        reference=lime_weights,
        cases=_cases,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "Two steps: first the distance of every variation, (M,), then the kernel of it.",
            "The share of features kept is the mean along the second axis, `kept.mean(axis=1)`; the distance is 1 minus its root.",
            "`distance = 1 - np.sqrt(kept.mean(axis=1))`, then `np.exp(-(distance**2) / width**2)`.",
        ],
        misconceptions={
            _not_squared: "Distance and width are both squared in the kernel.",
            _width_not_squared: "The width is squared in the kernel too.",
            _distance_not_squared: "The distance is squared in the kernel.",
            _half: "There is no 2 and no root in this kernel: exp(-distance^2 / width^2). (The authors' own code takes the root; the paper does not.)",
            _no_minus: "The minus is missing, or was squared away: `-(distance**2)`, not `(-distance) ** 2`. What lies far away should count less.",
            _width_times: "Divide by the squared width: a wide kernel lets far variations count more.",
            _share_missing: "Take the root of the share that is kept first: distance = 1 - root(share kept).",
            _similarity: "This is the cosine, large where a variation is *near*. The distance is 1 minus it.",
            _count_missing: "You counted the features that are covered. The distance is 1 - root(share kept).",
            _euclid: "This is the straight-line distance. Here it is the cosine's: 1 - root(share kept).",
            _distance_itself: "This is the distance. Put it into the kernel.",
            _to_one: "The weights need not add up to 1: the row itself has weight 1.",
            _axis: "You averaged over the variations. One number a variation: `axis=1`.",
            _of_all: "You averaged over everything. One number a variation: `axis=1`.",
            _half_and_times: "Brackets, and there is no 2: `/ 2 * w` multiplies by w. Write exp(-distance^2 / width^2).",
            _no_width: "The width is not used: divide the squared distance by the squared width.",
            _no_exp: "This is the exponent. Take `np.exp` of it.",
            _one_minus: "This grows with the distance. The kernel itself is wanted, not 1 minus it.",
            _straight: "You let the weight fall in a straight line. It is a bell curve: exp(-distance^2 / width^2).",
            _bell_of_area_one: "The factor before a density makes its area 1. Here the row itself has weight 1: leave the factor out.",
            _largest_is_one: "You divided by the largest weight. The row itself has weight 1, and it need not be among the variations.",
            _root_of_number: "You took the root of the *number* of features kept. Take the root of the share: the mean along `axis=1`.",
            _root_of_missing: "Your distance is made of the share that is covered. It is 1 - root(share kept).",
            _roles_swapped: "Kept and covered have changed places: 1 means kept.",
            _share_kept: "This is the share kept, large where a variation is *near*. The distance is 1 minus its root.",
            _squared_share: "You squared the share kept. Take its root.",
            _each_feature: "One number a variation: first the share kept, `kept.mean(axis=1)`, then the rest.",
            _no_direction: "Where nothing is kept, your cosine is 0 / 0. The root of the share kept is the same cosine, and is 0 there.",
        },
        variants=(_by_cosine,),
    )
)
