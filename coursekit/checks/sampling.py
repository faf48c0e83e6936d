"""Exercise of *Recurrent networks*: draw the next token, more boldly or less."""

import numpy as np
from scipy.special import softmax

from coursekit.checks.core import Exercise, register
from coursekit.models import sampling

__all__ = ["sample"]


def _cases(rng):
    def drawn(N, V, temperature, scale=1.0, kind=np.float64):
        return (scale * rng.normal(size=(N, V))).astype(kind), temperature, rng.random(N).astype(kind)

    yield np.log([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]), 1.0, np.array([0.4, 0.9, 0.15])
    yield drawn(60, 7, 0.5)
    yield drawn(60, 7, 2.0, scale=3.0)
    yield drawn(1, 5, 0.8)  # a batch of one
    yield np.zeros((20, 4)), 0.7, rng.random(20)  # all tokens alike
    yield drawn(30, 6, 0.5, scale=2000.0)  # exp would overflow
    yield drawn(40, 5, 1.3, kind=np.float32)


def _by_sums(p, u):
    return (p.cumsum(axis=-1) <= np.asarray(u, float)[:, None]).sum(axis=-1)


def _wrong(probabilities):
    """A wrong answer that draws rightly from wrong probabilities."""

    def wrong(logits, temperature, u):
        return np.minimum(_by_sums(probabilities(np.asarray(logits, float), temperature), u), logits.shape[1] - 1)

    return wrong


_multiplied = _wrong(lambda z, t: softmax(z * t, axis=-1))
_ignored = _wrong(lambda z, t: softmax(z, axis=-1))
_after_softmax = _wrong(lambda z, t: softmax(z, axis=-1) / t)
_power = _wrong(lambda z, t: softmax(softmax(z, axis=-1) / t, axis=-1))
_wrong_axis = _wrong(lambda z, t: softmax(z / t, axis=0))
_squared_temperature = _wrong(lambda z, t: softmax(z / t**2, axis=-1))
_overflows = _wrong(lambda z, t: np.exp(z / t) / np.exp(z / t).sum(axis=-1, keepdims=True))


def _greedy(logits, temperature, u):
    return logits.argmax(axis=-1)


def _least(logits, temperature, u):
    return logits.argmin(axis=-1)


def _one_u_for_all(logits, temperature, u):
    return sampling.sample(logits, temperature, np.full(len(u), u[0]))


def _one_less(logits, temperature, u):
    return sampling.sample(logits, temperature, u) - 1


def _one_more(logits, temperature, u):
    return sampling.sample(logits, temperature, u) + 1


def _not_summed(logits, temperature, u):
    return (softmax(np.asarray(logits, float) / temperature, axis=-1) > np.asarray(u)[:, None]).argmax(axis=-1)


def _other_way(logits, temperature, u):
    p = softmax(np.asarray(logits, float) / temperature, axis=-1)
    return (p.cumsum(axis=-1) > np.asarray(u, float)[:, None]).sum(axis=-1)


def _nearest_probability(logits, temperature, u):
    p = softmax(np.asarray(logits, float) / temperature, axis=-1)
    return np.abs(p - np.asarray(u)[:, None]).argmin(axis=-1)


def _place_by_u(logits, temperature, u):
    return (np.asarray(u) * logits.shape[1]).astype(int)


def _p(logits, temperature):
    return softmax(np.asarray(logits, float) / temperature, axis=-1)


def _count_of_small_ones(logits, temperature, u):
    return (_p(logits, temperature) <= np.asarray(u)[:, None]).sum(axis=-1)


def _sorted_first(logits, temperature, u):
    return _by_sums(-np.sort(-_p(logits, temperature), axis=-1), u)


def _u_turned(logits, temperature, u):
    return _by_sums(_p(logits, temperature), 1 - np.asarray(u, float))


def _u_as_a_row(logits, temperature, u):
    return (_p(logits, temperature).cumsum(axis=1) <= u).sum(axis=1)


def _first_not_exceeded(logits, temperature, u):
    return (_p(logits, temperature).cumsum(axis=-1) <= np.asarray(u, float)[:, None]).argmax(axis=-1)


def _sum_down_the_rows(logits, temperature, u):
    return (_p(logits, temperature).cumsum(axis=0) <= np.asarray(u, float)[:, None]).sum(axis=-1)


def _sum_over_everything(logits, temperature, u):
    return (_p(logits, temperature).cumsum() <= np.asarray(u, float)[:, None]).sum(axis=1)


def _counted_over_all(logits, temperature, u):
    return (_p(logits, temperature).cumsum(axis=1) <= np.asarray(u, float)[:, None]).sum()


def _scores_summed(logits, temperature, u):
    return ((np.asarray(logits, float) / temperature).cumsum(axis=1) <= np.asarray(u)[:, None]).sum(axis=1)


def _not_normalised(logits, temperature, u):
    z = np.asarray(logits, float) / temperature
    return _by_sums(np.exp(z - z.max(axis=-1, keepdims=True)), u)


def _temperature_outside(logits, temperature, u):
    z = np.asarray(logits, float)
    return _by_sums(np.exp(z - z.max(axis=-1, keepdims=True)) / temperature, u)


def _softmax_over_all(logits, temperature, u):
    e = np.exp(np.asarray(logits, float) / temperature)
    return _by_sums(e / e.sum(), u)


def _largest_of_all(logits, temperature, u):
    e = np.exp((logits - logits.max()) / temperature)
    return ((e / e.sum(axis=1, keepdims=True)).cumsum(axis=1) <= u[:, None]).sum(axis=1)


def _as_floats(logits, temperature, u):
    return sampling.sample(logits, temperature, u).astype(float)


def _one_hot(logits, temperature, u):
    return np.eye(logits.shape[1], dtype=int)[sampling.sample(logits, temperature, u)]


def _by_search(logits, temperature, u):
    z = np.asarray(logits, float) / temperature
    p = np.exp(z - z.max(axis=1, keepdims=True))
    sums = p.cumsum(axis=1)
    return np.array([np.searchsorted(row / row[-1], v, side="right") for row, v in zip(sums, u, strict=True)])


def _by_argmax(logits, temperature, u):
    p = softmax(np.asarray(logits, float) / temperature, axis=-1)
    return (p.cumsum(axis=-1) > np.asarray(u, float)[:, None]).argmax(axis=-1)


sample = register(
    Exercise(
        id="sampling.sample",
        notebook="rnn",
        reference=sampling.sample,
        cases=_cases,
        difficulty=3,
        minutes=10,
        points=2,
        hints=[
            "First the probabilities: softmax of `logits / temperature`, along the last axis. Subtract the row's largest score first.",
            "Then the running sums, `p.cumsum(axis=1)`: they cut the line from 0 to 1 into V pieces, piece k as long as p_k. "
            "Into which piece does u fall? Count the sums that u has passed.",
            "`return (p.cumsum(axis=1) <= u[:, None]).sum(axis=1)`",
        ],
        misconceptions={
            _multiplied: "You multiplied by the temperature. Divide: a high temperature must make scores more alike.",
            _ignored: "The temperature is not used: softmax of logits / temperature.",
            _after_softmax: "You divided the probabilities, so they no longer sum to 1. Divide the *scores*, before the softmax.",
            _power: "You took softmax twice: probabilities divided by the temperature are no scores. Divide the logits, and take one softmax.",
            _wrong_axis: "The softmax goes over the rows. It must go over the vocabulary, the last axis.",
            _squared_temperature: "You divided by the temperature twice.",
            _overflows: "exp overflows for large scores. Subtract the row's largest score first; the softmax stays the same.",
            _greedy: "You take the most probable token and ignore u: that is greedy, and writes the same text each time.",
            _least: "You take the *least* probable token.",
            _one_u_for_all: "All rows use the first random number. Each has its own: `u[:, None]`.",
            _one_less: "Off by one: token 0 covers the numbers from 0 to p_0. Count the sums that u has reached; do not subtract 1.",
            _one_more: "Off by one: if u is below the first sum, it is token 0.",
            _not_summed: "You compare u with the probabilities. Compare it with their running sums.",
            _other_way: "You counted the sums that lie *above* u. Count those that u has passed.",
            _nearest_probability: "You take the token whose probability is nearest to u. u says where on the line of running sums we are.",
            _place_by_u: "Every token is equally likely here: the scores are not used.",
            _count_of_small_ones: "You compare u with the probabilities. Compare it with their running sums.",
            _sorted_first: "You sorted the probabilities first, so a place no longer says which token it is. Leave them in their order.",
            _u_turned: "You used 1 - u. The pieces are laid out from 0 upwards: compare the running sums with u itself.",
            _u_as_a_row: "u is compared along the vocabulary. It holds one number for each *row*: `u[:, None]`.",
            _first_not_exceeded: "You look for the first sum that does *not* exceed u. Look for the first that does, or count those that do not.",
            _sum_down_the_rows: "The running sum goes down the rows. It goes along each row: `cumsum(axis=1)`.",
            _sum_over_everything: "The running sum goes on from row to row: without an axis, `cumsum` takes all rows as one. `cumsum(axis=1)`.",
            _counted_over_all: "You counted over all rows. One token for each row: `.sum(axis=1)`.",
            _scores_summed: "These are running sums of the scores. Make probabilities of them first: softmax.",
            _not_normalised: "The probabilities of a row do not sum to 1: divide by the row's sum.",
            _temperature_outside: "You divided exp(score) by the temperature. Divide the score, then take exp; and divide by the row's sum.",
            _softmax_over_all: "You divided by the sum over *all* rows. Each row has a softmax of its own: `axis=1, keepdims=True`.",
            _largest_of_all: "You subtracted the largest score of *all* rows; in a row that lies far below it, everything becomes 0 / 0. Subtract each row's own: `logits.max(axis=1, keepdims=True)`.",
            _as_floats: "The tokens are right, but as floating-point numbers. Return whole numbers.",
            _one_hot: "You return a row of zeros and a one. Return its place, a whole number.",
        },
        variants=(_by_search, _by_argmax),
    )
)
