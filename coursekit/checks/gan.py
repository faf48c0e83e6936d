"""Exercises of *Generative adversarial networks*: the two losses of the game."""

import numpy as np
import torch
from torch.nn import functional as F

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import gan

__all__ = ["discriminator_loss", "generator_loss"]


def _use_loss(obj, *arrays):
    """Call a loss on tensors; what counts is its value and the gradient that it sends to each score."""
    scores = [torch.tensor(array, requires_grad=True) for array in arrays]
    loss = obj(*scores)
    if loss is None:
        raise UnusableAnswerError("Your function returns nothing: its last line should begin with `return`.")
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


def _same_sign(real, fake):
    return F.softplus(real).mean() + F.softplus(fake).mean()


def _made_only(real, fake):
    return F.softplus(fake).mean() + 0 * real.sum()


def _subtracted(real, fake):
    return F.softplus(-real).mean() - F.softplus(fake).mean()


def _not_averaged(real, fake):
    return F.softplus(-real) + F.softplus(fake)


def _negative_logs(real, fake):
    return -_logs_of_sigmoids(real, fake)


def _padded_logs(real, fake, little=1e-8):
    return -torch.log(torch.sigmoid(real) + little).mean() - torch.log(1 - torch.sigmoid(fake) + little).mean()


def _less_padded_logs(real, fake):
    return _padded_logs(real, fake, 1e-12)


def _library_of_sigmoids(real, fake):
    loss, real, fake = F.binary_cross_entropy, torch.sigmoid(real), torch.sigmoid(fake)
    return loss(real, torch.ones_like(real)) + loss(fake, torch.zeros_like(fake))


def _logs_of_scores(real, fake):
    return -torch.log(real).mean() - torch.log(1 - fake).mean()


def _of_mean_scores(real, fake):
    return F.softplus(-real.mean()) + F.softplus(fake.mean())


def _probability_wrong(real, fake):
    return torch.sigmoid(-real).mean() + torch.sigmoid(fake).mean()


def _squared_probabilities(real, fake):
    return torch.sigmoid(-real).square().mean() + torch.sigmoid(fake).square().mean()


def _both_detached(real, fake):
    return gan.discriminator_loss(real.detach(), fake.detach())


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
            gan.discriminator_hinge_loss: "This is the hinge loss, which asks for a margin and no more. Here it is cross-entropy.",
            _same_sign: "Both kinds get softplus(s), so real points count as made. For the real ones it is `F.softplus(-s)`.",
            _made_only: "The real points cost nothing here, so calling everything made is perfect. Add their part.",
            _subtracted: "You subtracted the made points' part. Both are costs: add them.",
            _not_averaged: "You return one loss for each pair of points. Take the mean over the real ones, the mean over the made "
            "ones, and add the two numbers.",
            _negative_logs: "The minus before the logarithms is missing: this one falls as the discriminator gets worse.",
            _padded_logs: "A small number (1e-8) inside the logarithm hides the infinity, but caps the loss and kills the gradient "
            "where the discriminator is most wrong. `F.softplus` needs no such crutch.",
            _less_padded_logs: "A small number (1e-12) inside the logarithm hides the infinity, but caps the loss and kills the "
            "gradient where the discriminator is most wrong. `F.softplus` needs no such crutch.",
            _library_of_sigmoids: "`F.binary_cross_entropy` of a sigmoid cuts the loss off at 100 a point. Its sister "
            "`F.binary_cross_entropy_with_logits` takes the scores themselves.",
            _logs_of_scores: "You took logarithms of the scores as if they were probabilities. A score may be negative: "
            "log sigmoid(s) is `-F.softplus(-s)`.",
            _of_mean_scores: "You took the mean of the scores first. Take the loss of each score, then the mean.",
            _probability_wrong: "This is the probability of being wrong. The cross-entropy is -log of the probability of being right.",
            _squared_probabilities: "You squared how far the probabilities are off. The cross-entropy takes a logarithm.",
            _both_detached: "The value is right, but no gradient comes back: the scores are detached. Nothing would be learned.",
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


def _saturating_logs(fake):
    return torch.log(1 - torch.sigmoid(fake)).mean()


def _discriminator_logs(fake):
    return -torch.log(1 - torch.sigmoid(fake)).mean()


def _generator_negative_logs(fake):
    return torch.log(torch.sigmoid(fake)).mean()


def _generator_padded(fake, little=1e-8):
    return -torch.log(torch.sigmoid(fake) + little).mean()


def _generator_less_padded(fake):
    return _generator_padded(fake, 1e-12)


def _generator_library_of_sigmoid(fake):
    return F.binary_cross_entropy(torch.sigmoid(fake), torch.ones_like(fake))


def _minus_probability(fake):
    return -torch.sigmoid(fake).mean()


def _of_the_mean_probability(fake):
    return -torch.log(torch.sigmoid(fake).mean())


def _log_of_score(fake):
    return -torch.log(fake).mean()


def _generator_squared(fake):
    return (fake - 1).square().mean()


def _generator_not_averaged(fake):
    return F.softplus(-fake)


def _generator_halved(fake):
    return F.softplus(-fake).mean() / 2


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
            _saturating_logs: "This is log(1 - D), the loss of the pure game, flat where the discriminator is sure; and computed "
            "through a sigmoid it is even infinite for large scores. Take -log D, with `F.softplus`.",
            _discriminator_logs: "-log(1 - D) is what the *discriminator* pays for made points. The generator wants the label 1: -log D.",
            _generator_negative_logs: "The minus before the logarithm is missing: this generator is paid for being found out.",
            _generator_padded: "A small number (1e-8) inside the logarithm hides the infinity, but caps the loss, and with it the "
            "pull, just where the forgery is worst. `F.softplus(-s)` needs no such crutch.",
            _generator_less_padded: "A small number (1e-12) inside the logarithm hides the infinity, but caps the loss, and with it "
            "the pull, just where the forgery is worst. `F.softplus(-s)` needs no such crutch.",
            _generator_library_of_sigmoid: "`F.binary_cross_entropy` of a sigmoid cuts the loss off at 100 a point. Its sister "
            "`F.binary_cross_entropy_with_logits` takes the scores themselves.",
            _minus_probability: "This is minus the mean probability. The cross-entropy has a logarithm: -log D.",
            _of_the_mean_probability: "You took the logarithm of the mean probability. Take -log D of each point, then the mean.",
            _log_of_score: "You took the logarithm of the scores as if they were probabilities. A score may be negative: "
            "-log sigmoid(s) is `F.softplus(-s)`.",
            _generator_squared: "This is the squared error of the scores (least-squares GAN). Here it is cross-entropy.",
            _generator_not_averaged: "You return one loss a point. Take the mean over the batch.",
            _generator_halved: "You halved it. It is the mean over the batch, nothing more.",
        },
        variants=(_generator_by_library,),
    )
)
