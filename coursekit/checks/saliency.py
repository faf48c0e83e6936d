"""Exercises of *Saliency*: how fast a score rises with each pixel, at a picture and around it."""

import numpy as np
import torch

from coursekit.attribution import tensors as A
from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError

__all__ = ["expect_tensor", "expect_untouched", "gradient", "score_of", "smooth_grad"]


def score_of(weights, n, asked=None):
    """A score that bends, and means something else for each of n rows; it notes in `asked` what it was asked about."""
    weights = torch.tensor(weights)

    def score(rows):
        if len(rows) != n:
            raise UnusableAnswerError(
                f"Ask `score` about all {n} rows at once, not about {len(rows)}: it may mean another class for each row."
            )
        if asked is not None:
            asked.append(rows.detach().numpy().copy())
        u = rows.flatten(1) @ weights  # (N, M)
        return torch.arange(1, n + 1, dtype=u.dtype) * (torch.tanh(u) + 0.3 * u**2 + u).sum(dim=1)  # (N,)

    return score


def expect_tensor(found, shape):
    """The numbers of an answer, if it is a tensor of that shape."""
    if found is None:
        raise UnusableAnswerError(
            "Expected a tensor, got None. Does every path end in `return`? (`.grad` is None too, of a tensor that "
            "`backward` did not come to.)"
        )
    if isinstance(found, tuple | list):
        first = "`torch.autograd.grad` answers with a tuple, even for one tensor: take its first, `[0]`. "
        several = "Put them together: `torch.stack`."
        raise UnusableAnswerError(
            f"Expected a tensor, got a {type(found).__name__}. {first if len(found) == 1 else several}".strip()
        )
    if not isinstance(found, torch.Tensor):
        raise UnusableAnswerError(f"Expected a tensor, got a {type(found).__name__}. Stay in PyTorch.")
    if found.shape != tuple(shape):
        raise UnusableAnswerError(f"Shape: expected {tuple(shape)}, got {tuple(found.shape)}.")
    return found.detach().numpy()


def expect_untouched(given, before, name="x"):
    """A tensor that was handed in still holds what it held."""
    if not np.array_equal(given.detach().numpy(), before, equal_nan=True):
        raise UnusableAnswerError(
            f"Your code writes into {name} (`+=` and `-=` do that), and whoever uses it next finds other numbers. "
            f"Make a new tensor: `{name} + ...`."
        )


# -- the gradient ----------------------------------------------------------------------------------------------------


def _rows(rng):
    yield np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]), np.array([[0.2, -0.1], [0.3, 0.4], [-0.2, 0.1]])
    yield rng.normal(size=(4, 6)), rng.normal(size=(6, 2)) / 2
    yield rng.normal(size=(1, 5)), rng.normal(size=(5, 3)) / 2  # a batch of one
    yield rng.normal(size=(3, 1, 4, 5)), rng.normal(size=(20, 2)) / 4  # pictures
    yield np.zeros((2, 4)), rng.normal(size=(4, 3))
    yield 100 + rng.normal(size=(3, 4)), rng.normal(size=(4, 2)) / 100
    yield rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=(4, 2)).astype(np.float32) / 2


_NOT_FOLLOWED = (
    "PyTorch did not follow the way from the pixels to the score. Either the tensor does not ask for gradients "
    "(`rows = x.detach().clone().requires_grad_()`), or the score was computed from another tensor than this one "
    "(`score(rows)`, not `score(x)`), or the way was cut by `detach` or `no_grad`."
)


def _use_gradient(obj, x, weights):
    given = torch.tensor(x)
    try:
        found = expect_tensor(obj(score_of(weights, len(x)), given), x.shape)
    except RuntimeError as error:
        if "does not require grad" in str(error) or "not have been used" in str(error):
            raise UnusableAnswerError(_NOT_FOLLOWED) from error
        raise
    expect_untouched(given, x)
    untouched = not given.requires_grad and given.grad is None
    return {"gradient": found, "whether x itself is left without gradients": untouched}


def _leaf(x):
    return x.detach().clone().requires_grad_()


def _abs(score, x):
    return A.saliency(score, x).abs()


def _times_input(score, x):
    return A.saliency(score, x) * x


def _mean_of_scores(score, x):
    return A.saliency(score, x) / len(x)


def _scaled(score, x):
    found = A.saliency(score, x)
    return found / found.abs().max()


def _scaled_row_by_row(score, x):
    found = A.saliency(score, x)
    return (found.flatten(1) / found.flatten(1).abs().amax(dim=1, keepdim=True)).view(x.shape)


def _only_positive(score, x):
    return torch.relu(A.saliency(score, x))


def _squared(score, x):
    return A.saliency(score, x) ** 2


def _first_row_only(score, x):
    rows = _leaf(x)
    return torch.autograd.grad(score(rows)[0], rows)[0]


def _negative(score, x):
    return -A.saliency(score, x)


def _averaged_over_rows(score, x):
    return A.saliency(score, x).mean(dim=0)


def _of_the_square(score, x):
    rows = _leaf(x)
    return torch.autograd.grad((score(rows) ** 2).sum(), rows)[0]


def _x_changed(score, x):
    return torch.autograd.grad(score(x.requires_grad_()).sum(), x)[0]


def _without_requires_grad(score, x):
    rows = x.detach()
    return torch.autograd.grad(score(rows).sum(), rows)[0]


def _not_summed(score, x):
    rows = _leaf(x)
    score(rows).backward()
    return rows.grad


def _the_scores(score, x):
    return score(x)


def _by_backward(score, x):
    rows = x.clone().detach().requires_grad_(True)
    score(rows).sum().backward()
    return rows.grad


gradient = register(
    Exercise(
        id="saliency.gradient",
        notebook="saliency",
        reference=A.saliency,
        cases=_rows,
        call=_use_gradient,
        alias_ok=True,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "Make a copy of x that asks for gradients: `rows = x.detach().clone().requires_grad_()`.",
            "Rows do not mix. So the gradient of the *sum* of all scores holds each row's own gradient.",
            "`torch.autograd.grad(score(rows).sum(), rows)[0]`.",
        ],
        misconceptions={
            _abs: "The sign is gone. Keep it: above 0 the pixel raises the score. One can drop it later, for a picture.",
            _times_input: "This is the gradient times the input, which comes later. Return the gradient alone.",
            _mean_of_scores: "You took the mean of the scores: each gradient is divided by the number of rows. Take the sum.",
            _scaled: "You divided by the largest value. That hides how steep the score is; scale pictures only when you draw them.",
            _scaled_row_by_row: "You divided each row by its largest value. That hides how steep the score is; scale pictures "
            "only when you draw them.",
            _only_positive: "You cut off what is below 0: there a brighter pixel *lowers* the score. Keep it.",
            _squared: "You squared the gradient: the sign is gone, and large values are larger. Return the gradient itself.",
            _first_row_only: "Only the first row has a gradient. Add up the scores of all rows before you go back.",
            _negative: "The sign is turned. We want how the score *rises*; there is no loss here to go down.",
            _averaged_over_rows: "You averaged over the rows. Every row has an explanation of its own: keep x's shape.",
            _of_the_square: "This is the gradient of the squared score. Take the score as it is.",
            _x_changed: "The numbers are right, but x itself was changed: it asks for gradients now, or keeps one in `.grad`, to "
            "which the next call adds. Work on a copy: `x.detach().clone().requires_grad_()`.",
            _without_requires_grad: _NOT_FOLLOWED,
            _not_summed: "`backward` starts at one number, and here are N scores. Add them up: rows do not mix, so nothing is lost.",
            _the_scores: "These are the scores. Go back from them: `torch.autograd.grad`.",
        },
        variants=(_by_backward,),
    )
)


# -- the gradient around -----------------------------------------------------------------------------------------------


def _noisy_cases(rng):
    def case(*shape, noise, samples, large=0.0):
        d = int(np.prod(shape[1:]))
        weights = rng.normal(size=(d, 2)) / d
        return large + rng.normal(size=shape), weights, noise, samples, int(rng.integers(1000))

    yield case(8, 30, noise=0.5, samples=10)
    yield case(4, 1, 8, 9, noise=0.2, samples=12)
    yield case(1, 200, noise=0.3, samples=15)  # a batch of one
    yield case(6, 40, noise=2.0, samples=8, large=200.0)
    yield np.zeros((5, 40)), rng.normal(size=(40, 3)) / 40, 0.1, 12, int(rng.integers(1000))
    x, weights, *rest = case(5, 50, noise=0.25, samples=9)
    yield x.astype(np.float32), weights.astype(np.float32), *rest


def _use_smooth(obj, x, weights, noise, samples, seed):
    """What any right answer has in common, whichever numbers it draws: where it asked, and that it took the mean."""
    asked, given, state = [], torch.tensor(x), torch.Generator().manual_seed(seed)
    score, quiet = score_of(weights, len(x), asked), score_of(weights, len(x))
    found = expect_tensor(obj(score, given, noise, samples, state), x.shape)
    expect_untouched(given, x)
    places, asks = np.array(asked), len(asked)
    next_one = obj(quiet, given, noise, samples, state).detach().numpy()
    again = obj(quiet, given, noise, samples, torch.Generator().manual_seed(seed)).detach().numpy()
    mean = np.mean([A.saliency(quiet, torch.tensor(place)).numpy() for place in places], axis=0) if asks else 0 * x
    drawn = (places - x) / noise if asks else np.zeros((1, *x.shape))
    wide = float(drawn.std())
    fourth = float(np.mean(drawn**4) / max(wide, 1e-9) ** 4)
    flat = drawn.reshape(len(drawn), len(x), -1)
    ratio = float((found * mean).sum() / max((mean * mean).sum(), 1e-30))
    return {
        "how often the score is asked": asks,
        "whether every copy has its own noise": asks < 2 or not np.allclose(drawn[0], drawn[1], atol=1e-3),
        "whether every row has its own noise": len(x) == 1 or not np.allclose(flat[:, 0], flat[:, 1], atol=1e-3),
        "whether every feature has its own noise": not np.allclose(flat[..., 0], flat[..., 1], atol=1e-3),
        "whether the noise is around 0": abs(float(drawn.mean())) < 0.15,
        "whether the spread of the noise is `noise`": abs(wide - 1) < 0.12,
        "whether the noise is bell-shaped": abs(fourth - 3) < 0.6,
        "the answer is the mean of the gradients there, times": np.round(ratio, 3),
        "whether it is nothing else": np.allclose(found, ratio * mean, atol=1e-3 * float(np.abs(mean).max())),
        "whether the next call draws anew": not np.array_equal(found, next_one),
        "whether a generator in the same state draws the same": np.array_equal(found, again),
    }


def _draw(x, generator, like=torch.randn):
    return like(x.shape, generator=generator, dtype=x.dtype)


def _copies(change, finish=lambda total, samples: total / samples, one=lambda g: g):
    """A wrong answer that draws, sums or finishes differently."""

    def wrong(score, x, noise=0.1, samples=20, generator=None):
        total = sum(one(A.saliency(score, change(x, noise, generator))) for _ in range(samples))
        return finish(total, samples)

    return wrong


def _right_change(x, noise, generator):
    return x + noise * _draw(x, generator)


_summed = _copies(_right_change, lambda total, samples: total)
_over_one_less = _copies(_right_change, lambda total, samples: total / (samples - 1))
_not_scaled = _copies(lambda x, noise, g: x + _draw(x, g))
_even = _copies(lambda x, noise, g: x + noise * _draw(x, g, torch.rand))
_variance = _copies(lambda x, noise, g: x + noise**0.5 * _draw(x, g))
_one_for_all_rows = _copies(
    lambda x, noise, g: x + noise * torch.randn(x.shape[1:], generator=g, dtype=x.dtype).expand(x.shape)
)
_one_number = _copies(lambda x, noise, g: x + noise * torch.randn(1, generator=g, dtype=x.dtype))
_multiplied = _copies(lambda x, noise, g: x * (1 + noise * _draw(x, g)))
_global_state = _copies(lambda x, noise, g: x + noise * torch.randn_like(x))
_sizes = _copies(_right_change, one=torch.abs)
_squares = _copies(_right_change, one=torch.square)


_even_both_ways = _copies(lambda x, noise, g: x + noise * (2 * _draw(x, g, torch.rand) - 1))
_noise_alone = _copies(lambda x, noise, g: noise * _draw(x, g))
_always_a_tenth = _copies(lambda x, noise, g: x + 0.1 * _draw(x, g))
_kept_in_range = _copies(lambda x, noise, g: (x + noise * _draw(x, g)).clamp(0, 1))


def _times_input(score, x, noise=0.1, samples=20, generator=None):
    return x * A.smooth_grad(score, x, noise, samples, generator)


def _always_twenty(score, x, noise=0.1, samples=20, generator=None):
    return A.smooth_grad(score, x, noise, 20, generator)


def _x_itself_too(score, x, noise=0.1, samples=20, generator=None):
    return (A.saliency(score, x) + samples * A.smooth_grad(score, x, noise, samples, generator)) / (samples + 1)


def _returns_in_the_loop(score, x, noise=0.1, samples=20, generator=None):
    return A.saliency(score, x + noise * _draw(x, generator)) / samples


def _noise_on_gradient(score, x, noise=0.1, samples=20, generator=None):
    return sum(A.saliency(score, x) + noise * _draw(x, generator) for _ in range(samples)) / samples


def _drawn_once(score, x, noise=0.1, samples=20, generator=None):
    noisy = x + noise * _draw(x, generator)
    return sum(A.saliency(score, noisy) for _ in range(samples)) / samples


def _wanders_off(score, x, noise=0.1, samples=20, generator=None):
    total, x = torch.zeros_like(x), x.clone()
    for _ in range(samples):
        x = x + noise * _draw(x, generator)
        total += A.saliency(score, x)
    return total / samples


def _last_only(score, x, noise=0.1, samples=20, generator=None):
    for _ in range(samples):
        found = A.saliency(score, x + noise * _draw(x, generator))
    return found


def _at_the_mean_copy(score, x, noise=0.1, samples=20, generator=None):
    return A.saliency(score, sum(x + noise * _draw(x, generator) for _ in range(samples)) / samples)


def _always_the_same(score, x, noise=0.1, samples=20, generator=None):
    return A.smooth_grad(score, x, noise, samples, torch.Generator().manual_seed(0))


def _no_noise(score, x, noise=0.1, samples=20, generator=None):
    return A.saliency(score, x)


def _stacked(score, x, noise=0.1, samples=20, generator=None):
    noisy = [x + torch.empty_like(x).normal_(0.0, noise, generator=generator) for _ in range(samples)]
    return torch.stack([_by_backward(score, one) for one in noisy]).mean(dim=0)


smooth_grad = register(
    Exercise(
        id="saliency.smooth_grad",
        notebook="saliency",
        reference=A.smooth_grad,
        cases=_noisy_cases,
        call=_use_smooth,
        alias_ok=True,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "A loop over `samples`: make a noisy copy, take its gradient, add it up.",
            "`noise * torch.randn(x.shape, generator=generator)` is new noise of the right width, for every pixel of every row.",
            "`total = total + saliency(score, x + noise * torch.randn(...))`, and in the end `total / samples`.",
        ],
        misconceptions={
            _summed: "This is the sum of the gradients. Divide it by the number of copies.",
            _over_one_less: "Divide by `samples`: this is a mean and no variance.",
            _not_scaled: "The noise is not scaled: multiply what `randn` draws by `noise`.",
            _even: "`torch.rand` draws evenly from 0 to 1, so every copy is brighter. Take `torch.randn`.",
            _even_both_ways: "`torch.rand` draws evenly, and its spread is not `noise`. Take `torch.randn`.",
            _noise_alone: "These are gradients at pure noise: x is not in it. Add the noise to x.",
            _always_a_tenth: "The noise is always 0.1 wide. Multiply by what is handed in as `noise`.",
            _kept_in_range: "You cut the noisy copies off at 0 and 1, so that black pixels can only become brighter. Leave them.",
            _times_input: "You multiplied by x. Return the mean gradient alone.",
            _always_twenty: "There are always 20 copies. Take as many as `samples` says.",
            _x_itself_too: "x itself is among the copies. Ask at the noisy copies only.",
            _returns_in_the_loop: "`return` stands inside the loop, so it ends after the first copy. Move it to the left.",
            _variance: "`noise` is a standard deviation: multiply by it as it is, no root and no square.",
            _one_for_all_rows: "All rows share one noise. Draw in the shape of x.",
            _one_number: "One number for all pixels makes a picture brighter or darker, not noisy. Draw in the shape of x.",
            _multiplied: "You multiplied by noise: black pixels never change. Add it.",
            _global_state: "The generator is not used, so nobody can repeat the run: `torch.randn(x.shape, generator=generator)`.",
            _sizes: "You dropped the signs: what ought to cancel adds up. Average the gradients as they are.",
            _squares: "You averaged squares. Average the gradients themselves.",
            _noise_on_gradient: "The noise belongs on the picture, not on the gradient: that only adds noise to the answer.",
            _drawn_once: "The noise is drawn once, before the loop: all copies are the same. Draw inside the loop.",
            _wanders_off: "Each copy starts from the last noisy one, so they wander off. Add fresh noise to x itself.",
            _last_only: "Only the last copy counts. Add the gradients up.",
            _at_the_mean_copy: "You averaged the copies and took one gradient. Take each copy's gradient, then average these.",
            _always_the_same: "A generator of your own draws the same noise each time. Use the one that is handed in.",
            _no_noise: "This is the plain gradient: there is no noise in it.",
        },
        variants=(_stacked,),
    )
)
