"""Exercises of *Autograd*, an operation of one's own: value and rule of the loss, made to fit into the engine."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.scratch import functional as F
from coursekit.scratch.autograd import Tensor, made
from coursekit.scratch.nn import cross_entropy as reference

__all__ = ["cross_entropy"]

PAIRS = (
    "`[:, labels]` takes those columns from *every* row. Pair each row with its own label: `[np.arange(N), labels]`."
)


def _cases(rng):
    yield rng.normal(size=(4, 3)), rng.integers(0, 3, 4), np.array(1.0)
    yield rng.normal(size=(1, 5)), np.array([4]), np.array(1.0)  # a batch of one
    yield rng.normal(size=(3, 6)), rng.integers(0, 6, 3), np.array(-2.5)  # the loss goes into something else
    yield np.array([[1000.0, 0.0], [0.0, 1000.0]]), np.array([1, 1]), np.array(1.0)  # would overflow without the shift
    yield np.zeros((6, 10)), rng.integers(0, 10, 6), np.array(1.0)
    yield rng.normal(size=(5, 4)).astype(np.float32), rng.integers(0, 4, 5), np.array(1.0, np.float32)
    yield 3 * rng.normal(size=(8, 3)), rng.integers(0, 3, 8), np.array(0.1)


def _use(obj, z, labels, G):
    scores = Tensor(z, requires_grad=True)
    loss = obj(scores, labels)
    if not isinstance(loss, Tensor):
        raise UnusableAnswerError(f"Expected a Tensor, got a {type(loss).__name__}. Return what `made(...)` gives.")
    if not loss.requires_grad:
        raise UnusableAnswerError(
            "The loss has no way back to the scores. Return `made(value, (scores, rule), op=...)`, not a new Tensor."
        )
    if loss.shape != ():
        raise UnusableAnswerError(f"Expected one number for the whole batch, got a Tensor of shape {loss.shape}.")
    loss.backward(G, retain_graph=True)
    found = scores.grad.copy()
    scores.zero_grad()
    loss.backward(G)
    if not np.array_equal(scores.grad, found, equal_nan=True):
        raise UnusableAnswerError(
            "The rule gives another gradient when it is called once more: it changes an array that it needs again. "
            "Let it work on a copy."
        )
    return np.array(loss.data), found


def _parts(scores, labels):
    """Log-probabilities, probabilities, and the truth as a table."""
    log_p = F.log_softmax(scores.data)
    return log_p, np.exp(log_p), F.one_hot(labels, log_p.shape[1]).astype(log_p.dtype)


def _operation(value, rule):
    """A cross-entropy from functions of (log p, p, truth) and of (G, p, truth)."""

    def loss(scores, labels):
        log_p, p, truth = _parts(scores, labels)
        return made(np.asarray(value(log_p, p, truth)), (scores, lambda G: rule(G, p, truth)), op="cross_entropy")

    return loss


def _right_value(log_p, p, truth):
    return -(log_p * truth).sum(axis=1).mean()


def _right_rule(G, p, truth):
    return G * (p - truth) / len(p)


_ignores_upstream = _operation(_right_value, lambda G, p, truth: (p - truth) / len(p))
_rule_not_averaged = _operation(_right_value, lambda G, p, truth: G * (p - truth))
_value_not_averaged = _operation(lambda log_p, p, truth: -(log_p * truth).sum(), _right_rule)
_sum_of_both = _operation(lambda log_p, p, truth: -(log_p * truth).sum(), lambda G, p, truth: G * (p - truth))
_value_turned = _operation(lambda log_p, p, truth: (log_p * truth).sum(axis=1).mean(), _right_rule)
_rule_turned = _operation(_right_value, lambda G, p, truth: G * (truth - p) / len(p))
_over_all_numbers = _operation(
    lambda log_p, p, truth: -(log_p * truth).mean(), lambda G, p, truth: G * (p - truth) / p.size
)
_probability_not_log = _operation(lambda log_p, p, truth: -(p * truth).sum(axis=1).mean(), _right_rule)
_rule_of_probabilities = _operation(_right_value, lambda G, p, truth: G * p / len(p))
_rule_is_value = _operation(_right_value, lambda G, p, truth: G * -truth * np.log(p) / len(p))


def _by_index(of_value, of_rule):
    """A cross-entropy that finds the right classes by these functions of (rows, labels)."""

    def loss(scores, labels):
        log_p, rows = F.log_softmax(scores.data), np.arange(len(labels))

        def rule(G):
            grad = np.exp(log_p)
            grad[of_rule(rows, labels)] -= 1
            return G * grad / len(labels)

        return made(-log_p[of_value(rows, labels)].mean(), (scores, rule), op="cross_entropy")

    return loss


def _paired(rows, labels):
    return rows, labels


def _whole_columns(rows, labels):
    return slice(None), labels


_columns_in_value = _by_index(_whole_columns, _paired)
_columns_in_rule = _by_index(_paired, _whole_columns)
_columns_in_both = _by_index(_whole_columns, _whole_columns)


def _logs_minus_truth(scores, labels):
    log_p, p, truth = _parts(scores, labels)
    return made(_right_value(log_p, p, truth), (scores, lambda G: G * (log_p - truth) / len(p)), op="cross_entropy")


def _scores_minus_truth(scores, labels):
    log_p, p, truth = _parts(scores, labels)
    z = scores.data
    return made(_right_value(log_p, p, truth), (scores, lambda G: G * (z - truth) / len(p)), op="cross_entropy")


def _rule_spoils_what_it_needs(scores, labels):
    log_p, p, truth = _parts(scores, labels)

    def rule(G):
        p[np.arange(len(labels)), labels] -= 1
        return G * p / len(p)

    return made(_right_value(log_p, p, truth), (scores, rule), op="cross_entropy")


def _gradient_for_a_rule(scores, labels):
    log_p, p, truth = _parts(scores, labels)
    return made(_right_value(log_p, p, truth), (scores, (p - truth) / len(p)), op="cross_entropy")


def _no_brackets(scores, labels):
    log_p, p, truth = _parts(scores, labels)
    return made(_right_value(log_p, p, truth), scores, lambda G: G * (p - truth) / len(p), op="cross_entropy")


def _value_and_gradient(scores, labels):
    log_p, p, truth = _parts(scores, labels)
    return _right_value(log_p, p, truth), (p - truth) / len(p)


def _no_way_back(scores, labels):
    log_p, p, truth = _parts(scores, labels)
    return Tensor(_right_value(log_p, p, truth))


def _a_plain_number(scores, labels):
    return _right_value(*_parts(scores, labels))


def _one_loss_for_each(scores, labels):
    log_p, p, truth = _parts(scores, labels)
    return made(-(log_p * truth).sum(axis=1), (scores, lambda G: G[:, None] * (p - truth)), op="cross_entropy")


def _overflows(scores, labels):
    e = np.exp(scores.data)
    p = e / e.sum(axis=1, keepdims=True)
    truth = F.one_hot(labels, p.shape[1])
    value = -np.log(p[np.arange(len(p)), labels]).mean()
    return made(value, (scores, lambda G: G * (p - truth) / len(p)), op="cross_entropy")


def _from_smaller_operations(scores, labels):
    log_p = scores - scores.data.max(axis=1, keepdims=True)
    log_p = log_p - log_p.exp().sum(axis=1, keepdims=True).log()
    return -log_p[np.arange(len(labels)), labels].mean()


def _by_place(scores, labels):
    rows, p = np.arange(len(labels)), F.softmax(scores.data)
    value = -F.log_softmax(scores.data)[rows, labels].mean()

    def rule(G):
        grad = p.copy()
        grad[rows, labels] -= 1
        return grad * (G / len(labels))

    return made(value, (scores, rule), op="cross_entropy", saved=(p,))


cross_entropy = register(
    Exercise(
        id="autograd.cross_entropy",
        notebook="autograd",
        reference=reference,
        cases=_cases,
        call=_use,
        difficulty=4,
        minutes=10,
        points=3,
        hints=[
            "First the value, with arrays: `log_p = log_softmax(scores.data)`, then minus the mean of its entries at `[np.arange(N), labels]`.",
            "The rule is a function of G, a single number: G times what you found in notebook 03, (probabilities minus truth) / N.",
            "Probabilities are `np.exp(log_p)`. Subtract 1 at `[np.arange(N), labels]` of a copy; keep what the rule needs from the forward pass.",
            "`def rule(G): dz = np.exp(log_p); dz[np.arange(N), labels] -= 1; return G * dz / N`, and "
            '`return made(value, (scores, rule), op="cross_entropy", saved=(log_p,))`',
        ],
        misconceptions={
            _ignores_upstream: "The rule ignores G. The loss may go into something else (be added to another, or halved): multiply by G.",
            _rule_not_averaged: "The value is a mean over the batch, so the rule needs its 1/N too.",
            _value_not_averaged: "The rule is that of a mean, but the value is a sum. Take the mean over the examples.",
            _sum_of_both: "You summed over the batch. The loss is the *mean* over the examples: divide value and rule by N.",
            _value_turned: "The sign of the value is turned: the loss is *minus* the logarithm of the right class's probability.",
            _rule_turned: "The sign of the rule is turned: it is probabilities minus truth.",
            _over_all_numbers: "You divided by N times K. The mean runs over the examples only.",
            _probability_not_log: "The logarithm is missing: the loss is minus the *log* of the right class's probability.",
            _rule_of_probabilities: "The rule returns the probabilities. Subtract 1 in the column of the right class.",
            _rule_is_value: "The rule returns shares of the loss itself. It should return its derivative: (probabilities minus truth) / N.",
            _columns_in_value: PAIRS,
            _columns_in_rule: PAIRS,
            _columns_in_both: PAIRS,
            _logs_minus_truth: "The rule takes the *logarithms* of the probabilities minus truth. Probabilities are `np.exp(log_p)`.",
            _scores_minus_truth: "The rule takes the scores minus truth. It is *probabilities* minus truth: `np.exp(log_p)`.",
            _rule_spoils_what_it_needs: "The rule writes into an array of the forward pass, so a second call finds other numbers there. "
            "Compute the probabilities inside the rule, or work on a copy.",
            _gradient_for_a_rule: "Python stops with a TypeError: what `made` was given does not fit. It is called as "
            '`made(value, (scores, rule), op="cross_entropy")`: `scores` is the Tensor (not `scores.data`) and comes first, `rule` is a *function* '
            "of G, which you do not call. `log_softmax` takes the array, `scores.data`.",
            _no_brackets: "The pair needs its own brackets: `made(value, (scores, rule), op=...)`.",
            _value_and_gradient: "You return the value and its gradient. The engine needs one Tensor that knows its *rule*: "
            "`made(value, (scores, rule), op=...)`.",
            _no_way_back: "Your value is right, but the Tensor knows nothing of the scores. `made` notes the way back: `made(value, (scores, rule), op=...)`.",
            _a_plain_number: "Your value is right, but a plain number has no graph. Return `made(value, (scores, rule), op=...)`.",
            _one_loss_for_each: "You return one loss for each example. Take the mean: `backward()` starts from a single number.",
            _overflows: "Right for small scores, but `exp(1000)` overflows. Use `log_softmax`, which subtracts the largest score first.",
        },
        variants=(_by_place, _from_smaller_operations),
    )
)
