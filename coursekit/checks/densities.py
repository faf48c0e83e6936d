"""Exercise of *Generative adversarial networks*: the best discriminator there is, from two densities."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.models import gan

__all__ = ["optimal_discriminator"]


def _densities(rng):
    yield np.array([1.0, 3.0, 0.2]), np.array([1.0, 1.0, 0.6])
    yield rng.random(1), rng.random(1)  # a single point
    yield rng.random((3, 5)), rng.random((3, 5))  # a grid in the plane
    yield np.array([0.0, 0.0, 0.3]), np.array([0.1, 2.0, 0.3])  # where nothing is real
    yield rng.random(4) + 0.1, np.zeros(4)  # where nothing is made
    yield 1e5 * rng.random(6), 1e5 * rng.random(6)  # densities may be above 1
    yield rng.random(7).astype(np.float32), rng.random(7).astype(np.float32)
    yield 1e-200 * rng.random(3), 1e-200 * rng.random(3)  # far from everything


def _probability_made(p_real, p_fake):
    return p_fake / (p_real + p_fake)


def _ratio(p_real, p_fake):
    with np.errstate(divide="ignore"):
        return p_real / p_fake


def _difference(p_real, p_fake):
    return p_real - p_fake


def _over_all_points(p_real, p_fake):
    return p_real / (p_real + p_fake).sum()


def _the_likelier(p_real, p_fake):
    return (p_real > p_fake).astype(p_real.dtype)


def _best_squared(p_real, p_fake):
    return np.nan_to_num(p_real**2 / np.maximum(p_real**2 + p_fake**2, 1e-300)).astype(p_real.dtype)


def _real_density(p_real, p_fake):
    return p_real.copy()


def _softmax_of_densities(p_real, p_fake):
    return 1 / (1 + np.exp(np.clip(p_fake - p_real, -700, 700)))


def _padded(p_real, p_fake):
    return p_real / (p_real + p_fake + 1e-8)


def _always_half(p_real, p_fake):
    return np.full_like(p_real, 0.5)


def _ratio_turned(p_real, p_fake):
    with np.errstate(divide="ignore"):
        return p_fake / p_real


def _log_ratio(p_real, p_fake):
    with np.errstate(divide="ignore"):
        return np.log(p_real) - np.log(p_fake)


def _softmaxed(p_real, p_fake):
    with np.errstate(over="ignore", invalid="ignore"):
        return np.exp(p_real) / (np.exp(p_real) + np.exp(p_fake))


def _brackets_forgotten(p_real, p_fake):
    with np.errstate(invalid="ignore"):
        return p_real / p_real + p_fake


def _halved(p_real, p_fake):
    return p_real / (2 * (p_real + p_fake))


def _doubled(p_real, p_fake):
    return p_real / ((p_real + p_fake) / 2)


def _first_made_to_sum_to_one(p_real, p_fake):
    with np.errstate(invalid="ignore"):
        a, b = p_real / p_real.sum(), p_fake / p_fake.sum()
    return a / (a + b)


def _relative_difference(p_real, p_fake):
    return (p_real - p_fake) / (p_real + p_fake)


def _one_number(p_real, p_fake):
    return p_real.sum() / (p_real.sum() + p_fake.sum())


def _padded_twice(p_real, p_fake):
    return (p_real + 1e-12) / (p_real + p_fake + 2e-12)


def _one_half(p_real, p_fake):
    return 0.5


def _without_the_made(p_real, p_fake):
    return 1 - p_fake / (p_real + p_fake)


def _with_where(p_real, p_fake):
    total = p_real + p_fake
    return np.divide(p_real, total, out=np.zeros_like(p_real), where=total > 0)


optimal_discriminator = register(
    Exercise(
        id="densities.optimal_discriminator",
        notebook="gans",
        reference=gan.optimal_discriminator,
        cases=_densities,
        difficulty=2,
        minutes=6,
        points=2,
        hints=[
            "Near one point x there are p_real(x) real points for every p_fake(x) made ones. Which share of them is real?",
            "Or by calculus: at each x minimise -p_real log D - p_fake log(1 - D). Where is the slope with respect to D zero?",
            "`return p_real / (p_real + p_fake)`",
        ],
        misconceptions={
            _probability_made: "This is the probability that a point was *made*. The discriminator says how likely it is real.",
            _ratio: "This is the ratio of the densities, from 0 to infinity. A probability is p_real out of *both together*.",
            _difference: "This is the difference of the densities. A probability is a share: p_real out of p_real + p_fake.",
            _over_all_points: "You divided by a sum over all points x. Each point is judged by itself: no sum.",
            _the_likelier: "This is the decision, 0 or 1. The best discriminator says how sure it may be.",
            _best_squared: "The densities are squared. The slope of the loss is zero where D = p_real / (p_real + p_fake).",
            _real_density: "This is the density of the real points. How many made ones are there at the same place?",
            _softmax_of_densities: "You put the densities through a sigmoid, as if they were scores. The share is p_real / (p_real + p_fake); "
            "its score would be log(p_real / p_fake).",
            _padded: "A small number was added below, against a division by 0. Far from everything both densities are smaller than that "
            "number, and the answer there becomes 0. They are never both 0 here: leave it out.",
            _ratio_turned: "This is made over real. A probability is a share: p_real out of p_real + p_fake.",
            _log_ratio: "This is the *score* of the best discriminator, the logarithm of the ratio. Asked is the probability: "
            "its sigmoid, which is p_real / (p_real + p_fake).",
            _softmaxed: "You took exponentials, as a softmax does with scores. Densities are positive already: divide by their sum.",
            _brackets_forgotten: "Division comes before addition: `p_real / p_real + p_fake` is 1 + p_fake. Put the sum in brackets.",
            _halved: "You halved it. Where nothing is made, a point is real for certain, and the answer is 1.",
            _doubled: "You divided by the mean of the two densities. Divide by their sum: a probability is at most 1.",
            _first_made_to_sum_to_one: "You made each density sum to 1 over the points given. They are densities already, and each "
            "point is judged by itself: no sum.",
            _relative_difference: "This one goes from -1 to 1. A probability is the share of the real: p_real above, not the difference.",
            _one_number: "You summed over all points x, and gave one number. Each point is judged by itself: no sum.",
            _padded_twice: "Small numbers were added above and below, against a division by 0. Far from everything they are all that "
            "counts, and the answer there becomes one half. The densities are never both 0 here: leave them out.",
            _one_half: "One half, everywhere, is the answer only once the generator has won. It depends on the densities at each point.",
            _always_half: "One half is the answer only where both are equally likely: once the generator has won.",
        },
        variants=(_without_the_made, _with_where),
    )
)
