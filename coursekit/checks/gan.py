"""Exercises of *Generative adversarial networks*: the two losses of the game, and the best discriminator there is."""

import numpy as np
import torch
from torch.nn import functional as F

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import gan

__all__ = ["discriminator_loss", "generator_loss", "optimal_discriminator"]


def _use_loss(obj, *arrays):
    """Call a loss on tensors; what counts is its value and the gradient that it sends to each score."""
    scores = [torch.tensor(array, requires_grad=True) for array in arrays]
    loss = obj(*scores)
    if not isinstance(loss, torch.Tensor):
        raise UnusableAnswerError(
            f"Return a tensor, not a {type(loss).__name__}: PyTorch must be able to go back through it."
        )
    if loss.requires_grad and loss.ndim == 0:
        loss.backward()
    shares = [
        np.zeros_like(array) if s.grad is None else s.grad.numpy() for s, array in zip(scores, arrays, strict=True)
    ]
    names = ("gradient at real_scores", "gradient at fake_scores")[-len(arrays) :]
    return {"loss": loss.detach().numpy()} | dict(zip(names, shares, strict=True))


# -- the discriminator -----------------------------------------------------------------------------------------------------


def _pairs(rng):
    yield np.array([2.0, -1.0]), np.array([-3.0, 0.5])
    yield rng.normal(size=8), rng.normal(size=8)
    yield rng.normal(size=1), rng.normal(size=1)  # a batch of one
    yield rng.normal(size=6), rng.normal(size=3)  # not equally many
    yield np.zeros(4), np.zeros(4)
    yield np.array([1000.0, -1000.0]), np.array([1000.0, -800.0])  # exp would overflow, and log reach log 0
    yield rng.normal(size=5).astype(np.float32), 3 * rng.normal(size=5).astype(np.float32)


def _labels_swapped(real, fake):
    return gan.discriminator_loss(-real, -fake)


def _real_only(real, fake):
    return F.softplus(-real).mean() + 0 * fake.sum()


def _all_called_real(real, fake):
    return F.softplus(-real).mean() + F.softplus(-fake).mean()


def _summed(real, fake):
    return F.softplus(-real).sum() + F.softplus(fake).sum()


def _halved(real, fake):
    return gan.discriminator_loss(real, fake) / 2


def _one_mean(real, fake):
    return torch.cat([F.softplus(-real), F.softplus(fake)]).mean()


def _negative(real, fake):
    return -gan.discriminator_loss(real, fake)


def _logs_of_sigmoids(real, fake):
    return -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()


def _sigmoid_twice(real, fake):
    return gan.discriminator_loss(torch.sigmoid(real), torch.sigmoid(fake))


def _made_scores_detached(real, fake):
    return gan.discriminator_loss(real, fake.detach()) + 0 * fake.sum()


def _difference_of_means(real, fake):
    return fake.mean() - real.mean()


def _squared(real, fake):
    return ((real - 1) ** 2).mean() + (fake**2).mean()


def _by_library(real, fake):
    loss = F.binary_cross_entropy_with_logits
    return loss(real, torch.ones_like(real)) + loss(fake, torch.zeros_like(fake))


def _by_logsigmoid(real, fake):
    return -F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()


discriminator_loss = register(
    Exercise(
        id="gan.discriminator_loss",
        notebook="gans",
        reference=gan.discriminator_loss,
        cases=_pairs,
        call=_use_loss,
        difficulty=2,
        minutes=7,
        points=2,
        hints=[
            "It is notebook 02's binary cross-entropy, twice: on real points with the label 1, on made ones with the label 0. "
            "Take the mean of each, and add.",
            "-log sigmoid(s) is log(1 + exp(-s)), which is `F.softplus(-s)`; and -log(1 - sigmoid(s)) is `F.softplus(s)`. "
            "Both stay finite for any score.",
            "`return F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()`",
        ],
        misconceptions={
            _labels_swapped: "The labels are swapped: this discriminator is paid for calling made points real. Real ones have the label 1.",
            _real_only: "The made points cost nothing here, so calling everything real is perfect. Add their part.",
            _all_called_real: "You gave the label 1 to the made points as well. For the discriminator they are the 0.",
            _summed: "You summed over the batch. Take the mean of the real ones, and the mean of the made ones.",
            _halved: "You halved it. The loss is the sum of two means; knowing nothing costs 2 log 2.",
            _one_mean: "You took one mean over all points together. Take a mean for each kind and add the two: "
            "then it does not matter how many there are of each.",
            _negative: "The sign is turned: this one falls as the discriminator gets worse.",
            _logs_of_sigmoids: "Right for small scores. But sigmoid(-1000) is 0, and its logarithm is minus infinity. "
            "Go from the score to the loss in one step: `F.softplus`.",
            _sigmoid_twice: "A sigmoid was taken of the scores first, and then another one inside the loss. Scores go in as they are.",
            _made_scores_detached: "The value is right, but no gradient comes back to fake_scores: the discriminator never learns what is "
            "wrong with made points. It is the *points* that are detached, before they go into the discriminator.",
            _difference_of_means: "This is the loss of a Wasserstein critic, which needs its slope held down. Here it is cross-entropy.",
            _squared: "This is the squared error of the scores (least-squares GAN). Here it is cross-entropy.",
        },
        variants=(_by_library, _by_logsigmoid),
    )
)

# -- the generator -----------------------------------------------------------------------------------------------------------


def _scores(rng):
    yield np.array([-3.0, 0.5])
    yield rng.normal(size=8)
    yield rng.normal(size=1)  # a batch of one
    yield np.zeros(5)
    yield np.array([-1000.0, 1000.0])  # a discriminator that is quite sure
    yield 3 * rng.normal(size=6).astype(np.float32)


def _saturating(fake):
    return -F.softplus(fake).mean()


def _as_the_discriminator(fake):
    return F.softplus(fake).mean()


def _generator_logs(fake):
    return -torch.log(torch.sigmoid(fake)).mean()


def _generator_summed(fake):
    return F.softplus(-fake).sum()


def _minus_score(fake):
    return -fake.mean()


def _generator_detached(fake):
    return F.softplus(-fake.detach()).mean() + 0 * fake.sum()


def _generator_negative(fake):
    return -F.softplus(-fake).mean()


def _generator_sigmoid_twice(fake):
    return F.softplus(-torch.sigmoid(fake)).mean()


def _share_found_out(fake):
    return (1 - torch.sigmoid(fake)).mean()


def _of_the_mean_score(fake):
    return F.softplus(-fake.mean())


def _generator_by_library(fake):
    return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


generator_loss = register(
    Exercise(
        id="gan.generator_loss",
        notebook="gans",
        reference=gan.generator_loss,
        cases=_scores,
        call=_use_loss,
        difficulty=2,
        minutes=5,
        points=1,
        hints=[
            "The generator wants its points to be taken for real: what would the cross-entropy be if their label were 1?",
            "-log sigmoid(s), the mean over the batch, without ever computing the sigmoid.",
            "`return F.softplus(-fake_scores).mean()`",
        ],
        misconceptions={
            _saturating: "This is log(1 - D), the loss of the pure game. Where the discriminator is sure, it is flat, and the generator "
            "learns nothing just when it has most to learn. Take -log D.",
            _as_the_discriminator: "This is what the *discriminator* pays: with it the generator makes points that are easy to find out. "
            "The label is 1 here.",
            _generator_logs: "Right for small scores. But sigmoid(-1000) is 0, and its logarithm is minus infinity: `F.softplus(-s)`.",
            _generator_summed: "You summed over the batch. Take the mean.",
            _minus_score: "This is minus the mean score, the loss for a hinge or a Wasserstein game. Here it is cross-entropy.",
            _generator_detached: "The value is right, but no gradient comes back: the scores are detached. For the generator's step "
            "nothing is detached.",
            _generator_negative: "The sign is turned: this generator is paid for being found out.",
            _generator_sigmoid_twice: "A sigmoid was taken of the scores first, and then another one inside the loss. Scores go in as they are.",
            _share_found_out: "This is the mean probability of being found out. The cross-entropy has a logarithm: -log of the "
            "probability of being taken for real.",
            _of_the_mean_score: "You took the mean of the scores first. Take the loss of each score, then the mean.",
        },
        variants=(_generator_by_library,),
    )
)

# -- the best discriminator --------------------------------------------------------------------------------------------------


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


def _without_the_made(p_real, p_fake):
    return 1 - p_fake / (p_real + p_fake)


def _with_where(p_real, p_fake):
    total = p_real + p_fake
    return np.divide(p_real, total, out=np.zeros_like(p_real), where=total > 0)


optimal_discriminator = register(
    Exercise(
        id="gan.optimal_discriminator",
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
            _always_half: "One half is the answer only where both are equally likely: once the generator has won.",
        },
        variants=(_without_the_made, _with_where),
    )
)
