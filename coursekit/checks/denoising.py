"""Exercises of *Autoencoders*: destroy a picture in part, so that a network may learn to mend it."""

import numpy as np
import torch
from torch.nn import functional as F

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import autoencoder as A

__all__ = ["corrupt", "expect_tensor", "in_torch", "slope"]


def expect_tensor(found, x, name):
    """The answer, if it is a tensor of x's shape."""
    if found is None:
        raise UnusableAnswerError("Expected a tensor, got None. Does every path end in `return`?")
    if not isinstance(found, torch.Tensor) or found.shape != x.shape:
        kind = f"shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else f"a {type(found).__name__}"
        raise UnusableAnswerError(f"Expected a tensor of {name}'s shape {tuple(x.shape)}, got {kind}.")
    return found


def in_torch(obj, *args):
    """Call an answer; say in plain words why PyTorch refuses to leave or to overwrite what has gradients."""
    try:
        return obj(*args)
    except RuntimeError as error:
        if "numpy()" in str(error):
            raise UnusableAnswerError(
                "NumPy records no gradients. Stay in PyTorch: `torch.exp`, `torch.randn`."
            ) from error
        if "in-place" in str(error):
            raise UnusableAnswerError("Your code writes into its input. Make a new tensor.") from error
        raise


def slope(z, at):
    """The gradient of the sum of z, or 0 where none arrives."""
    if not z.requires_grad:
        return np.zeros(at.shape, dtype=at.detach().numpy().dtype)
    found = torch.autograd.grad(z.sum(), at, retain_graph=True, allow_unused=True)[0]
    return np.zeros(at.shape, dtype=at.detach().numpy().dtype) if found is None else found.numpy()


def _cases(rng):
    for shape, share in (((50, 60), 0.4), ((60, 50), 0.7)):
        yield 1 + rng.random(shape), share, int(rng.integers(1000))
    yield 1 + rng.random((1, 3000)), 0.25, int(rng.integers(1000))  # a batch of one
    yield 1000 + rng.random((40, 30)), 0.5, int(rng.integers(1000))
    yield np.zeros((4, 5)), 0.5, int(rng.integers(1000))
    yield 1 + rng.random((5, 4)), 0.0, int(rng.integers(1000))  # nothing to destroy
    yield (1 + rng.random((40, 50))).astype(np.float32), 0.6, int(rng.integers(1000))


def _use_corrupt(obj, x, share, seed):
    """What any right answer has in common, whichever numbers it draws."""
    given, generator = torch.tensor(x), torch.Generator().manual_seed(seed)
    first, second = (expect_tensor(obj(given, share, generator), given, "x").numpy() for _ in range(2))
    if not np.array_equal(given.numpy(), x):
        raise UnusableAnswerError("Your code changes x itself: the clean picture is lost. Make a new tensor.")
    again = obj(given, share, torch.Generator().manual_seed(seed)).numpy()
    lost, enough = (first == 0) & (x != 0), min(x.shape) >= 30 and share > 0
    slack = 6 * np.sqrt(share * (1 - share) / max(1, np.count_nonzero(x)))
    left = (first != 0) & (x != 0)
    off = abs(lost.sum() / max(1, np.count_nonzero(x)) - share) > slack
    return {
        "whether what survives stays as it is": np.allclose(first[left], x[left], rtol=1e-4),
        "what survives is multiplied by": np.unique(np.round(first[left] / x[left], 4)),
        "whether a share of about `share` is lost": not off,
        "columns lost or kept as a whole": int(np.sum(np.ptp(lost.astype(int), axis=0) == 0)) if enough else 0,
        "rows lost or kept as a whole": int(np.sum(np.ptp(lost.astype(int), axis=1) == 0)) if enough else 0,
        "whether the next call loses others": not enough or not np.array_equal(first == 0, second == 0),
        "whether a generator in the same state loses the same": np.array_equal(first, again),
    }


def _like_dropout(x, share, generator=None):
    return A.corrupt(x, share, generator) / (1 - share)


def _kept_with_share(x, share, generator=None):
    return x * (torch.rand(x.shape, generator=generator) < share)


def _adds_noise(x, share, generator=None):
    return x + share * torch.randn(x.shape, generator=generator, dtype=x.dtype)


def _same_for_all_rows(x, share, generator=None):
    return x * (torch.rand(x.shape[1:], generator=generator) >= share)


def _whole_rows(x, share, generator=None):
    return x * (torch.rand(len(x), 1, generator=generator) >= share)


def _own_generator(x, share, generator=None):
    return A.corrupt(x, share, torch.Generator().manual_seed(0))


def _global_randomness(x, share, generator=None):
    return x * (torch.rand(x.shape) >= share)


def _scales_all(x, share, generator=None):
    return x * (1 - share)


def _bell_shaped(x, share, generator=None):
    return x * (torch.randn(x.shape, generator=generator) >= share)


def _mask_alone(x, share, generator=None):
    return (torch.rand(x.shape, generator=generator) >= share).to(x.dtype)


def _in_place(x, share, generator=None):
    x[torch.rand(x.shape, generator=generator) < share] = 0
    return x


def _white_instead(x, share, generator=None):
    return torch.where(torch.rand(x.shape, generator=generator) < share, torch.ones_like(x), x)


def _torch_dropout(x, share, generator=None):
    return F.dropout(x, share)


def _kept_and_scaled(x, share, generator=None):
    return _kept_with_share(x, share, generator) / share


def _one_draw(x, share, generator=None):
    return x * (torch.rand(1, generator=generator) >= share)


def _times_noise(x, share, generator=None):
    return x * torch.rand(x.shape, generator=generator)


def _noise_instead(x, share, generator=None):
    noise = torch.rand(x.shape, generator=generator)
    return torch.where(noise < share, noise.to(x.dtype), x)


def _mask_subtracted(x, share, generator=None):
    return x - (torch.rand(x.shape, generator=generator) < share).to(x.dtype)


def _plain_snow(x, share, generator=None):
    return x + torch.randn(x.shape, generator=generator)


def _survivors_alone(x, share, generator=None):
    return x[torch.rand(x.shape, generator=generator) >= share]


def _small_values(x, share, generator=None):
    return torch.where(x < share, 0.0, x)


def _first_columns(x, share, generator=None):
    lost = x.clone()
    lost[:, : int(share * x.shape[1])] = 0
    return lost


def _by_masked_fill(x, share, generator=None):
    return x.masked_fill(torch.rand(x.shape, generator=generator) < share, 0)


def _by_bernoulli(x, share, generator=None):
    return x * torch.bernoulli(torch.full(x.shape, 1 - share, dtype=x.dtype), generator=generator)


corrupt = register(
    Exercise(
        id="denoising.corrupt",
        notebook="autoencoders",
        reference=A.corrupt,
        cases=_cases,
        call=_use_corrupt,
        alias_ok=True,
        difficulty=1,
        minutes=5,
        points=1,
        hints=[
            "For each number of x draw whether it is lost; what is lost becomes 0, everything else stays as it is.",
            "`torch.rand(x.shape, generator=generator)` draws one number from 0 to 1 for each of x.",
            "`x * (torch.rand(x.shape, generator=generator) >= share)`.",
        ],
        misconceptions={
            _like_dropout: "What survives is divided by 1 - share: that is inverted dropout (notebook 06). Here the damage is meant to "
            "look like damage: leave what survives as it is.",
            _kept_with_share: "A share `share` is *kept*. It is the share that is lost.",
            _adds_noise: "You add noise to every number. Masking noise puts some to 0 and leaves the others alone.",
            _same_for_all_rows: "All pictures of the batch lose the same pixels. Draw for each number: `x.shape`.",
            _whole_rows: "Whole pictures are lost: nobody could tell what was there. Draw for each number: `x.shape`.",
            _own_generator: "You make a generator of your own, so every batch loses the same places. Use the one that is handed in.",
            _global_randomness: "The generator is not used: hand it on, `torch.rand(x.shape, generator=generator)`. Otherwise nobody "
            "can repeat the run.",
            _scales_all: "Every number is made smaller, and none is lost.",
            _bell_shaped: "`torch.randn` draws from the normal distribution; a share of it below `share` is another share. Use `torch.rand`.",
            _mask_alone: "This is the mask. Multiply x by it.",
            _in_place: "Your code writes into x. The clean picture is needed as the target: make a new tensor.",
            _torch_dropout: "`F.dropout` is made for hidden layers: it divides what survives by 1 - share, and it does not draw with "
            "your generator. Draw the mask yourself.",
            _kept_and_scaled: "A share `share` is *kept* here, and then scaled up. It is the share that is lost, and the rest stays as it is.",
            _one_draw: "One draw decides for the whole batch: all is lost, or nothing. Draw for each number: `x.shape`.",
            _times_noise: "Every number is multiplied by its draw. Compare the draw with `share`: lost, or left as it is.",
            _noise_instead: "What is lost becomes its random draw. It should become 0.",
            _mask_subtracted: "You subtract the mask, so what is lost becomes x - 1. Multiply x by what is kept.",
            _plain_snow: "You add noise to every number: that is snow, and `share` plays no part. Masking noise puts some numbers to 0.",
            _survivors_alone: "`x[mask]` keeps only the survivors, in one long row. Multiply by the mask: the shape stays.",
            _small_values: "You compare x itself with `share`, so the darkest numbers are lost. Compare a random draw for each number.",
            _first_columns: "Always the same places are lost, and nothing is drawn. Each number is lost by a draw of its own.",
            _white_instead: "What is lost becomes 1. It should become 0.",
        },
        variants=(_by_masked_fill, _by_bernoulli),
    )
)
