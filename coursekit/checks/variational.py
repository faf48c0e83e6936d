"""Exercises of *Autoencoders*: a draw that gradients pass through, and what a cloud of codes costs."""

import numpy as np
import torch

from coursekit.checks.core import Exercise, register
from coursekit.checks.denoising import expect_tensor, in_torch, slope
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import autoencoder as A

__all__ = ["kl", "reparameterise"]

# -- reparameterisation ----------------------------------------------------------------------------------------------


def _draw_cases(rng):
    def clouds(*shape, low=-2.0):
        return 2 * rng.normal(size=shape), rng.uniform(low, 1, shape)

    yield *clouds(60, 50), int(rng.integers(1000))
    yield *clouds(1, 3000), int(rng.integers(1000))  # a batch of one
    yield np.zeros((50, 40)), np.zeros((50, 40)), int(rng.integers(1000))  # the standard normal itself
    yield 300 + rng.normal(size=(40, 50)), np.full((40, 50), 3.0), int(rng.integers(1000))
    yield rng.normal(size=(4, 3)), np.full((4, 3), -60.0), int(rng.integers(1000))  # hardly a cloud at all
    yield *(a.astype(np.float32) for a in clouds(50, 60, low=-1.0)), int(rng.integers(1000))


def _use_draw(obj, mean, log_var, seed):
    """What any right answer has in common: where gradients go, and what the noise looks like."""
    m, v = (torch.tensor(a, requires_grad=True) for a in (mean, log_var))
    generator = torch.Generator().manual_seed(seed)
    first = expect_tensor(in_torch(obj, m, v, generator), m, "mean")
    second = obj(m, v, generator).detach().numpy()
    again = obj(m, v, torch.Generator().manual_seed(seed)).detach().numpy()
    slopes = [slope(first, m), slope(first, v)]
    arrives, digits = bool(slopes[1].any()), 3 if mean.dtype == np.float32 else 6
    z = first.detach().numpy()
    with np.errstate(all="ignore"):
        noise = (z - mean) / np.exp(log_var / 2)
    enough = mean.size >= 1000
    wide, centre = float(noise.std()), float(noise.mean())
    fourth = float(np.mean(noise**4) / max(wide, 1e-9) ** 4)  # 3 for the normal distribution, 1.8 for the uniform
    narrow = mean.size < 1000
    return {
        "dz / dmean": slopes[0],
        "whether a gradient reaches log_var": arrives,
        "dz / dlog_var - (z - mean) / 2": np.round(arrives * (slopes[1] - (z - mean) / 2), digits),
        "where the cloud has next to no width": z if narrow else 0.0,
        "whether (z - mean) / std is around 0": not enough or abs(centre) < 0.15,
        "whether (z - mean) / std has spread 1": not enough or abs(wide - 1) < 0.08,
        "whether it is bell-shaped": not enough or abs(fourth - 3) < 0.6,
        "whether each row has its own noise": not enough or len(z) == 1 or not np.allclose(noise[0], noise[1]),
        "whether each axis has its own noise": not enough or not np.allclose(noise[:, 0], noise[:, 1]),
        "whether the next call draws anew": not enough or not np.array_equal(z, second),
        "whether a generator in the same state draws the same": np.array_equal(z, again),
    }


def _noise(mean, generator):
    return torch.randn(mean.shape, generator=generator, dtype=mean.dtype)


def _variance_for_spread(mean, log_var, generator=None):
    return mean + torch.exp(log_var) * _noise(mean, generator)


def _log_var_for_spread(mean, log_var, generator=None):
    return mean + log_var * _noise(mean, generator)


def _torch_normal(mean, log_var, generator=None):
    return torch.normal(mean.detach(), torch.exp(log_var.detach() / 2), generator=generator)


def _no_spread(mean, log_var, generator=None):
    return mean + _noise(mean, generator)


def _mean_alone(mean, log_var, generator=None):
    return mean + 0 * log_var


def _uniform(mean, log_var, generator=None):
    return mean + torch.exp(log_var / 2) * torch.rand(mean.shape, generator=generator, dtype=mean.dtype)


def _one_draw_for_all_rows(mean, log_var, generator=None):
    return mean + torch.exp(log_var / 2) * torch.randn(mean.shape[1], generator=generator, dtype=mean.dtype)


def _one_draw_a_row(mean, log_var, generator=None):
    return mean + torch.exp(log_var / 2) * torch.randn(len(mean), 1, generator=generator, dtype=mean.dtype)


def _one_number(mean, log_var, generator=None):
    return mean + torch.exp(log_var / 2) * torch.randn(1, generator=generator, dtype=mean.dtype)


def _always_the_same(mean, log_var, generator=None):
    return A.reparameterise(mean, log_var, torch.Generator().manual_seed(0))


def _from_the_global_state(mean, log_var, generator=None):
    return mean + torch.exp(log_var / 2) * torch.randn_like(mean)


def _spread_cut_off(mean, log_var, generator=None):
    return mean + torch.exp(log_var / 2).detach() * _noise(mean, generator)


def _mean_scaled_too(mean, log_var, generator=None):
    return torch.exp(log_var / 2) * (mean + _noise(mean, generator))


def _root_of_log_var(mean, log_var, generator=None):
    return mean + torch.sqrt(log_var) * _noise(mean, generator)


def _scaled_by(spread):
    """A wrong answer that stretches the noise by another number."""

    def wrong(mean, log_var, generator=None):
        return mean + spread(log_var) * _noise(mean, generator)

    return wrong


_times_two = _scaled_by(lambda v: torch.exp(2 * v))
_half_of_the_variance = _scaled_by(lambda v: torch.exp(v) / 2)
_one_over_the_spread = _scaled_by(lambda v: torch.exp(-v / 2))
_root_first = _scaled_by(lambda v: torch.exp(v**0.5))
_logarithm_again = _scaled_by(torch.log)


def _all_multiplied(mean, log_var, generator=None):
    return mean * torch.exp(log_var / 2) * _noise(mean, generator)


def _roles_swapped(mean, log_var, generator=None):
    return mean * _noise(mean, generator) + torch.exp(log_var / 2)


def _without_mean_at_all(mean, log_var, generator=None):
    return torch.exp(log_var / 2) * _noise(mean, generator)


def _noise_alone(mean, log_var, generator=None):
    return _noise(mean, generator)


def _mean_cut_off(mean, log_var, generator=None):
    return mean.detach() + torch.exp(log_var / 2) * _noise(mean, generator)


def _spread_added(mean, log_var, generator=None):
    return mean + torch.exp(log_var / 2)


def _drawn_by_distribution(mean, log_var, generator=None):
    return torch.distributions.Normal(mean, torch.exp(log_var / 2)).sample()


def _uniform_around_0(mean, log_var, generator=None):
    return mean + torch.exp(log_var / 2) * (torch.rand(mean.shape, generator=generator, dtype=mean.dtype) - 0.5)


def _by_two_steps(mean, log_var, generator=None):
    std = log_var.exp().sqrt()
    return std.mul(torch.empty_like(mean).normal_(generator=generator)).add(mean)


reparameterise = register(
    Exercise(
        id="variational.reparameterise",
        notebook="autoencoders",
        reference=A.reparameterise,
        cases=_draw_cases,
        call=_use_draw,
        alias_ok=True,
        difficulty=3,
        minutes=10,
        points=3,
        hints=[
            "Draw from the standard normal distribution, which has no parameters, and then stretch and move what was drawn.",
            "The spread is the root of the variance: `exp(log_var / 2)`.",
            "`mean + torch.exp(log_var / 2) * torch.randn(mean.shape, generator=generator, dtype=mean.dtype)`.",
        ],
        misconceptions={
            _variance_for_spread: "You multiplied the noise by the variance. Its spread is the root of that: `exp(log_var / 2)`.",
            _log_var_for_spread: "log_var is a logarithm. The spread is `exp(log_var / 2)`.",
            _torch_normal: "The numbers are right, but no gradient passes: what comes out of a random generator has no parents. Draw the "
            "noise first, then compute with mean and log_var.",
            _no_spread: "The noise is not stretched: its spread should be `exp(log_var / 2)`.",
            _mean_alone: "There is no noise: this is the centre of the cloud, not a draw from it.",
            _uniform: "`torch.rand` draws evenly from 0 to 1. The noise here is normal: `torch.randn`.",
            _one_draw_for_all_rows: "All rows share one draw. Each has its own: the noise has mean's shape.",
            _one_draw_a_row: "All axes of a row share one number, so codes move along one line only. The noise has mean's shape.",
            _one_number: "One number for the whole batch. The noise has mean's shape.",
            _always_the_same: "A generator of your own draws the same noise each time. Use the one that is handed in.",
            _from_the_global_state: "The generator is not used, so nobody can repeat the run: "
            "`torch.randn(mean.shape, generator=generator, dtype=mean.dtype)`.",
            _spread_cut_off: "The spread is detached: no gradient reaches log_var.",
            _mean_scaled_too: "The mean is multiplied by the spread too. Stretch the noise, then add the mean.",
            _times_two: "Twice the logarithm is the variance *squared*. The spread is its root: half of the logarithm, `exp(log_var / 2)`.",
            _half_of_the_variance: "The half belongs inside: `exp(log_var / 2)` is the root of the variance, `exp(log_var) / 2` is half of it.",
            _one_over_the_spread: "The sign is turned: `exp(-log_var / 2)` is one over the spread.",
            _root_first: "You took the root of the logarithm. The root of the variance is `exp(log_var / 2)`.",
            _logarithm_again: "log_var is a logarithm already. Undo it: the spread is `exp(log_var / 2)`.",
            _all_multiplied: "Mean, spread and noise are all multiplied. Stretch the noise, then *add* the mean.",
            _roles_swapped: "Mean and spread have changed places: the spread stretches the noise, and the mean is added.",
            _without_mean_at_all: "The mean is missing: every cloud lies around 0.",
            _noise_alone: "This is the noise alone: neither mean nor log_var plays a part.",
            _mean_cut_off: "The mean is detached: no gradient reaches it.",
            _spread_added: "There is no noise: this is one fixed point of the cloud. Multiply the spread by a draw from the standard normal.",
            _drawn_by_distribution: "`sample` cuts off the gradient, and it does not use your generator. Draw the noise, then compute with "
            "mean and log_var.",
            _uniform_around_0: "The noise is even, from -0.5 to 0.5. It should be normal: `torch.randn`.",
            _root_of_log_var: "This is the root of the logarithm. First undo the logarithm, then take the root: `exp(log_var / 2)`.",
        },
        variants=(_by_two_steps,),
    )
)

# -- Kullback-Leibler divergence -------------------------------------------------------------------------------------


def _kl_cases(rng):
    yield np.array([[0.0, 0.0], [1.0, 2.0]]), np.zeros((2, 2))
    yield rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    yield rng.normal(size=(1, 3)), rng.normal(size=(1, 3))  # a batch of one
    yield np.zeros((3, 5)), np.zeros((3, 5))  # the standard normal itself: no cost
    yield 100 * rng.normal(size=(4, 3)), 3 * rng.normal(size=(4, 3))
    yield rng.normal(size=(3, 1)), rng.normal(size=(3, 1))
    yield rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(5, 3)).astype(np.float32)


def _use_kl(obj, mean, log_var):
    m, v = (torch.tensor(a, requires_grad=True) for a in (mean, log_var))
    found = in_torch(obj, m, v)
    if not isinstance(found, torch.Tensor):
        raise UnusableAnswerError(f"Expected a Tensor of shape ({len(mean)},), got a {type(found).__name__}.")
    return {"cost": found.detach().numpy(), "d cost / d mean": slope(found, m), "d cost / d log_var": slope(found, v)}


def _along_axes(mean, log_var):
    return 0.5 * (mean**2 + log_var.exp() - log_var - 1)


def _sign_turned(mean, log_var):
    return -A.kl_to_standard_normal(mean, log_var)


def _mean_over_code(mean, log_var):
    return _along_axes(mean, log_var).mean(dim=1)


def _mean_over_batch(mean, log_var):
    return _along_axes(mean, log_var).sum(dim=1).mean()


def _sum_of_all(mean, log_var):
    return _along_axes(mean, log_var).sum()


def _not_summed(mean, log_var):
    return _along_axes(mean, log_var)


def _over_the_batch(mean, log_var):
    return _along_axes(mean, log_var).sum(dim=0)


def _without_half(mean, log_var):
    return 2 * A.kl_to_standard_normal(mean, log_var)


def _without_one(mean, log_var):
    return 0.5 * (mean**2 + log_var.exp() - log_var).sum(dim=1)


def _one_a_row(mean, log_var):
    return 0.5 * ((mean**2 + log_var.exp() - log_var).sum(dim=1) - 1)


def _log_of_the_spread(mean, log_var):
    return 0.5 * (mean**2 + (2 * log_var).exp() - 2 * log_var - 1).sum(dim=1)


def _spread_not_squared(mean, log_var):
    return 0.5 * (mean**2 + (log_var / 2).exp() - log_var - 1).sum(dim=1)


def _variance_itself(mean, log_var):
    return 0.5 * (mean**2 + log_var - torch.log(log_var) - 1).sum(dim=1)


def _mean_not_squared(mean, log_var):
    return 0.5 * (mean + log_var.exp() - log_var - 1).sum(dim=1)


def _without_mean(mean, log_var):
    return 0.5 * (log_var.exp() - log_var - 1).sum(dim=1)


def _other_way_round(mean, log_var):
    return 0.5 * ((1 + mean**2) / log_var.exp() + log_var - 1).sum(dim=1)


def _plus_log_var(mean, log_var):
    return 0.5 * (mean**2 + log_var.exp() + log_var - 1).sum(dim=1)


def _on_all(formula, reduce=lambda t: t.sum(dim=1)):
    """A wrong answer with another formula for one axis, or another way to add up."""
    return lambda mean, log_var: reduce(formula(mean, log_var))


_mean_over_all = _on_all(_along_axes, torch.mean)
_keeps_its_axis = _on_all(_along_axes, lambda t: t.sum(dim=1, keepdim=True))
_over_batch_size = _on_all(_along_axes, lambda t: t.sum(dim=1) / len(t))
_half_of_first_alone = _on_all(lambda m, v: 0.5 * m**2 + v.exp() - v - 1)
_mean_without_half = _on_all(lambda m, v: m**2 + 0.5 * (v.exp() - v - 1))
_log_twice = _on_all(lambda m, v: 0.5 * (m**2 + v.exp() - torch.log(v) - 1))
_log_var_squared = _on_all(lambda m, v: 0.5 * (m**2 + v**2 - v - 1))
_logs_of_squares = _on_all(lambda m, v: 0.5 * (m**2 + v**2 - torch.log(v**2) - 1))
_log_var_for_both = _on_all(lambda m, v: 0.5 * (m**2 + v - v - 1))
_exp_of_twice = _on_all(lambda m, v: 0.5 * (m**2 + (2 * v).exp() - v - 1))
_no_log_term = _on_all(lambda m, v: 0.5 * (m**2 + v.exp() - 1) + 0 * v)
_plus_one = _on_all(lambda m, v: 0.5 * (m**2 + v.exp() - v + 1))
_cut_off = _on_all(lambda m, v: _along_axes(m, v).detach())
_variance_cut_off = _on_all(lambda m, v: 0.5 * (m**2 + v.exp().detach() - v - 1))


def _by_distributions(mean, log_var):
    from torch import distributions as D

    return D.kl_divergence(D.Normal(mean, (log_var / 2).exp()), D.Normal(0.0, 1.0)).sum(dim=1)


kl = register(
    Exercise(
        id="variational.kl",
        notebook="autoencoders",
        reference=A.kl_to_standard_normal,
        cases=_kl_cases,
        call=_use_kl,
        alias_ok=True,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "Translate the formula for one axis term by term; `log_var` is the logarithm of the variance, so the variance is `log_var.exp()`.",
            "The axes are independent, so their costs add up: a sum over dim=1. One number for each row remains.",
            "`0.5 * (mean**2 + log_var.exp() - log_var - 1).sum(dim=1)`.",
        ],
        misconceptions={
            _sign_turned: "The sign is turned: a divergence is never negative. (In the ELBO it is subtracted; here it stands alone.)",
            _mean_over_code: "This is the mean over the axes of the code. Independent axes add up: take the sum. With the mean, a longer code "
            "would cost no more than a short one.",
            _mean_over_batch: "The batch is averaged already. Return one number for each row.",
            _sum_of_all: "Everything is summed, rows too. Return one number for each row: `sum(dim=1)`.",
            _not_summed: "One number for each axis. The axes add up: `.sum(dim=1)`.",
            _over_the_batch: "You summed over the rows. Sum over the axes of the code: dim=1.",
            _without_half: "The factor one half is missing.",
            _without_one: "The - 1 is missing: without it the standard normal itself would cost something.",
            _one_a_row: "The - 1 belongs to each axis; you took it off once a row. Put it inside of the sum.",
            _log_of_the_spread: "You took log_var for the logarithm of the *spread*. It is that of the variance: no factor 2.",
            _spread_not_squared: "You put the spread where the variance belongs: `log_var.exp()`, without the half.",
            _variance_itself: "You took log_var for the variance. It is the variance's logarithm: `log_var.exp()` where the variance stands.",
            _mean_not_squared: "The mean is not squared: a cloud left of 0 is as far away as one to the right of it.",
            _without_mean: "Where the cloud stands plays no part here: the term mean squared is missing.",
            _other_way_round: "This is the divergence the other way round, of the standard normal from the cloud.",
            _mean_over_all: "This is the mean over rows and axes. Sum over the axes, and leave the rows: `.sum(dim=1)`.",
            _keeps_its_axis: "The shape is (N, 1). One number for each row, (N,): without `keepdim`.",
            _over_batch_size: "You divided by the number of rows. A row's cost does not depend on how many others there are.",
            _half_of_first_alone: "The half stands before the first term only. It belongs to the whole bracket.",
            _mean_without_half: "The mean squared has lost its half: it belongs to the whole bracket.",
            _log_twice: "log_var *is* the logarithm of the variance. Do not take another one.",
            _log_var_squared: "You put log_var squared where the variance belongs. The variance is `log_var.exp()`.",
            _logs_of_squares: "You took log_var for the spread. It is the logarithm of the variance: `log_var.exp()` and `log_var`.",
            _log_var_for_both: "log_var stands for the variance and for its logarithm, so the two cancel. The variance is `log_var.exp()`.",
            _exp_of_twice: "`exp(2 * log_var)` is the variance squared. The variance is `log_var.exp()`.",
            _no_log_term: "The term minus log_var is missing: then a cloud without any width would be cheapest.",
            _plus_one: "It is - 1, not + 1 (mind the brackets): the standard normal itself costs nothing.",
            _cut_off: "The numbers are right, but detached: no gradient comes back, and the encoder would never hear of this cost.",
            _variance_cut_off: "The variance is detached, so one of its two pulls on log_var is lost.",
            _plus_log_var: "The sign of the log_var term is turned.",
        },
        variants=(_by_distributions,),
    )
)
