"""Exercises of *Recurrent networks*: one step of the plain network, and what next-token prediction costs."""

import numpy as np
import torch
from torch.nn import functional as F

from coursekit.checks.core import Exercise, register
from coursekit.checks.gates import cell_cases, sums_of, use_cell
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import cells, recurrent

__all__ = ["step", "teacher_forcing_loss"]

# -- one step -------------------------------------------------------------------------------------------


def _squashed_by(squash):
    def wrong(x, h, w, u, b, d):
        return squash(sums_of(x, h, w, u, b, d))

    return wrong


_not_squashed = _squashed_by(lambda s: s)
_sigmoid = _squashed_by(torch.sigmoid)
_relu = _squashed_by(torch.relu)


def _two_tanhs(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + b) + torch.tanh(h @ u.T + d)


def _state_ignored(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + b + 0 * h)


def _input_ignored(x, h, w, u, b, d):
    return torch.tanh(h @ u.T + d) + 0 * (x @ w.T)


def _no_input_bias(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + h @ u.T + d)


def _no_state_bias(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + b + h @ u.T)


def _no_biases(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + h @ u.T)


def _state_not_transposed(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + b + h @ u + d)


def _state_only_added(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + b + h + d)


def _added_to_the_old(x, h, w, u, b, d):
    return h + torch.tanh(sums_of(x, h, w, u, b, d))


def _state_outside(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + b) + h @ u.T + d


def _detached(x, h, w, u, b, d):
    return torch.tanh(sums_of(x.detach(), h.detach(), w.detach(), u.detach(), b.detach(), d.detach()))


def _state_twice(x, h, w, u, b, d):
    return torch.tanh(sums_of(x, 2 * h, w, u, b, d))


def _not_transposed(x, h, w, u, b, d):
    return torch.tanh(x @ w + b + h @ u + d)


def _numpy_tanh(x, h, w, u, b, d):
    return np.tanh(sums_of(x, h, w, u, b, d))


def _multiplied(x, h, w, u, b, d):
    return torch.tanh((x @ w.T + b) * (h @ u.T + d))


def _input_bias_twice(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + b + h @ u.T + b)


def _state_bias_twice(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + d + h @ u.T + d)


def _biases_outside(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + h @ u.T) + b + d


def _state_added_outside(x, h, w, u, b, d):
    return torch.tanh(x @ w.T + b) + h


def _returned_twice(*args):
    return cells.rnn_cell(*args), cells.rnn_cell(*args)


_tanh_twice = _squashed_by(lambda s: torch.tanh(torch.tanh(s)))
_softmax = _squashed_by(lambda s: torch.softmax(s, dim=1))
_halved = _squashed_by(lambda s: torch.tanh(s / 2))
_last_only = _squashed_by(lambda s: torch.tanh(s)[-1])


def _by_linear(x, h, w, u, b, d):
    return torch.tanh(F.linear(x, w, b) + F.linear(h, u, d))


def _by_einsum(x, h, w, u, b, d):
    return (torch.einsum("nd,hd->nh", x, w) + torch.einsum("nk,hk->nh", h, u) + (b + d)).tanh()


step = register(
    Exercise(
        id="rnn.step",
        notebook="rnn",
        reference=cells.rnn_cell,
        cases=cell_cases(1),
        call=use_cell,
        difficulty=2,
        minutes=7,
        points=2,
        hints=[
            "Two dense layers, one on the input and one on the old state. Add their results; then one tanh around the sum.",
            "A dense layer in PyTorch's shapes is `x @ weight.T + bias`, since the weights are (out, in).",
            "`return torch.tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)`",
        ],
        misconceptions={
            _not_squashed: "The tanh is missing: without it, many steps are one straight map, and the state may grow for ever.",
            _sigmoid: "You used the sigmoid. Here it is tanh, from -1 to 1.",
            _relu: "You used ReLU. Here it is tanh.",
            _two_tanhs: "Two tanhs, one for each part. Add first, then one tanh around the sum.",
            _state_ignored: "The old state is not used: this network has no memory at all.",
            _input_ignored: "The input is not used.",
            _no_input_bias: "bias_ih is missing.",
            _no_state_bias: "bias_hh is missing.",
            _no_biases: "Both biases are missing.",
            _state_not_transposed: "weight_hh is not transposed. It is square, so nothing breaks: row k holds the weights of number k of the *new* state.",
            _state_only_added: "The old state is added as it is. It goes through weight_hh first.",
            _added_to_the_old: "You added the result to the old state. That is a residual connection; here tanh gives the new state itself.",
            _state_outside: "The state's part stands outside of the tanh. Both parts belong inside.",
            _detached: "The values are right, but no gradient comes back: somewhere is a `detach()`. Nothing would be learned.",
            _state_twice: "The state's part counts twice. Add it once.",
            _not_transposed: "The weights are (out, in), so transpose them: `x @ weight_ih.T`, `h @ weight_hh.T`.",
            _numpy_tanh: "np.tanh is NumPy's, and no gradient can come back through it. Take torch.tanh. (What the error advises, `detach()`, would stop all learning.)",
            _multiplied: "You multiplied the two parts. Add them.",
            _input_bias_twice: "bias_ih is there twice, and bias_hh not at all.",
            _state_bias_twice: "bias_hh is there twice, and bias_ih not at all.",
            _biases_outside: "The biases stand outside of the tanh. They belong inside.",
            _state_added_outside: "The old state is added as it is, outside of the tanh. It goes through weight_hh first, and inside.",
            _returned_twice: "You return two things. A plain network has one state: return it alone.",
            _tanh_twice: "There is a tanh too many. One, around the sum.",
            _softmax: "You used softmax. Here it is tanh, for each number by itself.",
            _halved: "You took the mean of the two parts. Add them.",
            _last_only: "You return the state of the last sequence alone. Return all N of them.",
        },
        variants=(_by_linear, _by_einsum),
    )
)

# -- what it costs --------------------------------------------------------------------------------------


def _rows(rng, N, T, V, ends=True):
    tokens = rng.integers(1, V, size=(N, T + 1))
    tokens[:, 0] = 0
    if ends:
        for row, end in zip(tokens, rng.integers(2, T + 1, size=N), strict=True):
            row[end:] = -1
    return tokens


def _loss_cases(rng):
    yield rng.normal(size=(2, 4, 3)), np.array([[0, 2, 1, 2, 0], [0, 1, 0, -1, -1]])
    yield rng.normal(size=(5, 7, 6)), _rows(rng, 5, 7, 6)
    yield rng.normal(size=(1, 3, 4)), _rows(rng, 1, 3, 4)  # a batch of one
    yield rng.normal(size=(3, 5, 5)), _rows(rng, 3, 5, 5, ends=False)  # all of one length
    yield np.zeros((2, 3, 4)), _rows(rng, 2, 3, 4)  # knows nothing: log V
    yield 300 * rng.normal(size=(3, 4, 5)), _rows(rng, 3, 4, 5)  # exp would overflow
    yield rng.normal(size=(4, 6, 5)).astype(np.float32), _rows(rng, 4, 6, 5)


def _use_loss(obj, logits, tokens):
    scores = torch.tensor(logits, requires_grad=True)
    loss = obj(scores, torch.tensor(tokens))
    if loss is None:
        raise UnusableAnswerError("Your function returns nothing: its last line should begin with `return`.")
    if not isinstance(loss, torch.Tensor):
        raise UnusableAnswerError(
            f"Return a tensor, not a {type(loss).__name__}: PyTorch must be able to go back through it."
        )
    if loss.requires_grad and loss.ndim == 0:
        loss.backward()
    slope = np.zeros_like(logits) if scores.grad is None else scores.grad.numpy()
    return {"loss": loss.detach().numpy(), "gradient at logits": slope}


def _said(logits, targets):
    """-log probability of each target; where there is none, of token 0."""
    return -logits.log_softmax(dim=-1).gather(2, targets.clamp(min=0)[..., None])[..., 0]  # (N, T)


def _same_token(logits, tokens):
    there = tokens[:, :-1] >= 0
    return _said(logits, tokens[:, :-1])[there].mean()


def _padding_as_token(logits, tokens):
    return _said(logits, tokens[:, 1:]).mean()


def _padding_costs_nothing_but_counts(logits, tokens):
    return (_said(logits, tokens[:, 1:]) * (tokens[:, 1:] >= 0)).mean()


def _summed(logits, tokens):
    return (_said(logits, tokens[:, 1:]) * (tokens[:, 1:] >= 0)).sum()


def _sum_a_row(logits, tokens):
    return _summed(logits, tokens) / len(tokens)


def _mean_of_rows(logits, tokens):
    there = tokens[:, 1:] >= 0
    return ((_said(logits, tokens[:, 1:]) * there).sum(dim=1) / there.sum(dim=1)).mean()


def _softmax_twice(logits, tokens):
    return recurrent.teacher_forcing_loss(logits.softmax(dim=-1), tokens)


def _sign_forgotten(logits, tokens):
    return -recurrent.teacher_forcing_loss(logits, tokens)


def _in_bits(logits, tokens):
    return recurrent.teacher_forcing_loss(logits, tokens) / np.log(2)


def _last_token_only(logits, tokens):
    return F.cross_entropy(logits[:, -1], tokens[:, -1], ignore_index=-1)


def _over_time(logits, tokens):
    said = -logits.log_softmax(dim=1).gather(2, tokens[:, 1:].clamp(min=0)[..., None])[..., 0]
    return said[tokens[:, 1:] >= 0].mean()


def _reshaped_askew(logits, tokens):
    return F.cross_entropy(logits.transpose(0, 1).flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=-1)


def _probability(logits, tokens):
    there = tokens[:, 1:] >= 0
    return (1 - torch.exp(-_said(logits, tokens[:, 1:])))[there].mean()


def _loss_detached(logits, tokens):
    return recurrent.teacher_forcing_loss(logits.detach(), tokens)


def _padding_as_target(logits, tokens):
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def _axes_not_turned(logits, tokens):
    return F.cross_entropy(logits, tokens[:, 1:], ignore_index=-1)


def _reshaped_for_axes(logits, tokens):
    N, T, V = logits.shape
    return F.cross_entropy(logits.reshape(N, V, T), tokens[:, 1:], ignore_index=-1)


def _all_tokens(logits, tokens):
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=-1)


def _two_ahead(logits, tokens):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 2:].flatten(), ignore_index=-1)


def _scores_shifted_too(logits, tokens):
    return F.cross_entropy(logits[:, 1:].flatten(0, 1), tokens[:, 1:-1].flatten(), ignore_index=-1)


def _last_step_dropped(logits, tokens):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:-1].flatten(), ignore_index=-1)


def _token_zero_ignored(logits, tokens):
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].clamp(min=0).flatten(), ignore_index=0)


def _scores_alone(logits, tokens):
    return F.nll_loss(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=-1)


def _no_logarithm(logits, tokens):
    return F.nll_loss(logits.softmax(dim=-1).flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=-1)


def _log_of_softmax(logits, tokens):
    p = logits.softmax(dim=-1).gather(2, tokens[:, 1:].clamp(min=0)[..., None])[..., 0]
    return -torch.log(p)[tokens[:, 1:] >= 0].mean()


def _wrong_guesses(logits, tokens):
    there = tokens[:, 1:] >= 0
    return (logits.argmax(dim=-1) != tokens[:, 1:])[there].to(logits.dtype).mean()


def _mean_of_steps(logits, tokens):
    each = [
        F.cross_entropy(at, target, ignore_index=-1)
        for at, target in zip(logits.unbind(1), tokens[:, 1:].unbind(1), strict=True)
    ]
    return torch.stack(each).mean()


def _one_each(logits, tokens):
    return _said(logits, tokens[:, 1:]) * (tokens[:, 1:] >= 0)


def _by_mask(logits, tokens):
    there = tokens[:, 1:] >= 0
    return F.cross_entropy(logits[there], tokens[:, 1:][there])


def _by_axes(logits, tokens):
    return F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], ignore_index=-1)


def _reference(logits, tokens):
    return recurrent.teacher_forcing_loss(logits, tokens)


teacher_forcing_loss = register(
    Exercise(
        id="rnn.teacher_forcing_loss",
        notebook="rnn",
        reference=recurrent.teacher_forcing_loss,
        cases=_loss_cases,
        call=_use_loss,
        difficulty=3,
        minutes=10,
        points=2,
        hints=[
            "After token t the model says what token t + 1 will be. So the targets are the tokens without the first one.",
            "It is cross-entropy over V classes, N T times. `F.cross_entropy` wants (M, V) and (M,): flatten both. "
            "What has the target -1 must not count: `ignore_index=-1`.",
            "`return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=-1)`",
        ],
        misconceptions={
            _same_token: "The targets are the tokens that the model has just read, so repeating them costs nothing. They must be one further on: `tokens[:, 1:]`.",
            _padding_as_token: "The padding counts as token 0. Leave out the places where the target is -1.",
            _padding_costs_nothing_but_counts: "The padding costs nothing, but it still counts in the mean: the more padding, the lower the loss. Divide by the number of true targets.",
            _summed: "You summed. Take the mean over all true targets.",
            _sum_a_row: "You divided by the number of rows. Divide by the number of true targets.",
            _mean_of_rows: "You took a mean for each row, then the mean of those: a token in a short row counts more. One mean over all true targets.",
            _softmax_twice: "A softmax was taken first, and another one inside the loss. Scores go in as they are.",
            _sign_forgotten: "The sign is turned: this falls as the model gets worse.",
            _in_bits: "This is in bits. In training the loss is in nats, the natural logarithm; divide by log 2 when you report.",
            _last_token_only: "Only the last step counts here. Every step is a prediction.",
            _over_time: "The softmax goes over time. It must go over the vocabulary, the last axis.",
            _reshaped_askew: "Rows and steps are mixed up: the scores were flattened in another order than the targets.",
            _probability: "This is the mean probability of being wrong. The cost is -log of the probability of the right token.",
            _loss_detached: "The value is right, but no gradient comes back: the scores are detached.",
            _padding_as_target: "The targets still hold -1, which is no token. Leave those places out: `ignore_index=-1`.",
            _axes_not_turned: "`F.cross_entropy` wants the vocabulary on axis 1: (N, V, T) with (N, T), or all flat, (N T, V) with (N T,).",
            _reshaped_for_axes: "`reshape` to (N, V, T) mixes the numbers up. To swap two axes, transpose: `logits.transpose(1, 2)`.",
            _all_tokens: "There are T scores in a row and T + 1 tokens. The first token is no target: `tokens[:, 1:]`.",
            _two_ahead: "You shifted twice: after token t comes t + 1, not t + 2. `logits` stays whole, the targets are `tokens[:, 1:]`.",
            _scores_shifted_too: "You shifted the scores as well, so each meets the token that was just read. `logits` stays whole.",
            _last_step_dropped: "The last prediction of each row is dropped. `logits` has T steps and there are T targets: use them all.",
            _token_zero_ignored: "You leave out token 0 along with the padding. Token 0 is a token like any other; only -1 must not count.",
            _scores_alone: "`nll_loss` wants log-probabilities, and these are scores. Take `F.cross_entropy`, which has the log-softmax in it.",
            _no_logarithm: "The logarithm is missing: `nll_loss` wants log-probabilities. Take `F.cross_entropy` on the scores.",
            _log_of_softmax: "For large scores the softmax is exactly 0, and its logarithm infinite. Take `log_softmax`, or `F.cross_entropy`, which has it built in.",
            _wrong_guesses: "This is the share of wrong guesses, through which no gradient comes back. The cost is -log of the probability of the right token.",
            _mean_of_steps: "You took a mean for each step, then the mean of those: late steps, which few rows reach, count too much. One mean over all true targets.",
            _one_each: "You return one cost for each token. Take the mean over the true targets.",
        },
        variants=(_by_mask, _by_axes, _reference),
    )
)
