"""Exercises of *Attention*: a writer looks at what was read."""

import math

import numpy as np
import torch

from coursekit.checks.attention import expect_pair, slopes
from coursekit.checks.core import Exercise, register
from coursekit.models import attention as A

__all__ = ["cross_attention"]


def _cases(rng):
    def case(N, T, S, E, lengths, scale=1.0):
        real = np.arange(S) < np.asarray(lengths)[:, None]
        return scale * rng.normal(size=(N, T, E)), scale * rng.normal(size=(N, S, E)), real

    yield case(2, 3, 5, 4, [5, 3])
    yield case(3, 1, 4, 6, [2, 4, 1])  # one state asks
    yield case(1, 4, 4, 4, [3])  # a batch of one
    yield case(2, 4, 4, 3, [4, 4])  # nothing to hide
    yield np.zeros((2, 2, 4)), np.zeros((2, 3, 4)), np.array([[True, True, False], [True, False, False]])
    yield case(2, 2, 6, 5, [6, 2], scale=100.0)
    yield tuple(a.astype(np.float32) if a.dtype != bool else a for a in case(2, 3, 4, 8, [4, 2]))


def _use(obj, states, memory, real):
    inputs = [torch.tensor(a, requires_grad=True) for a in (states, memory)]
    context, weights = expect_pair(obj(*inputs, torch.tensor(real)), ("context", "weights"))
    names = ("gradient at states", "gradient at memory")
    found = {"context": context.detach().numpy(), "weights": weights.detach().numpy()}
    return found | dict(zip(names, slopes(context, inputs), strict=True))


def _padding_looked_at(states, memory, real):
    return A.scaled_dot_product_attention(states, memory, memory)


def _mask_without_axis(states, memory, real):
    return A.scaled_dot_product_attention(states, memory, memory, real)


def _hides_askers(states, memory, real):
    return A.scaled_dot_product_attention(states, memory, memory, real[:, :, None])


def _inverted(states, memory, real):
    return A.scaled_dot_product_attention(states, memory, memory, ~real[:, None, :])


def _memory_asks_itself(states, memory, real):
    return A.scaled_dot_product_attention(memory, memory, memory, real[:, None, :])


def _states_ask_themselves(states, memory, real):
    return A.scaled_dot_product_attention(states, states, states)


def _memory_asks(states, memory, real):
    return A.scaled_dot_product_attention(memory, states, states)


def _takes_states(states, memory, real):
    _, weights = A.scaled_dot_product_attention(states, memory, memory, real[:, None, :])
    return weights @ states, weights


def _padding_emptied(states, memory, real):
    memory = memory * real[:, :, None]
    return A.scaled_dot_product_attention(states, memory, memory)


def _hidden_after(states, memory, real):
    _, weights = A.scaled_dot_product_attention(states, memory, memory)
    weights = weights * real[:, None, :]
    return weights @ memory, weights


def _all_alike(states, memory, real):
    weights = (real / real.sum(dim=1, keepdim=True)).to(memory.dtype)[:, None].expand(-1, states.shape[1], -1)
    return weights @ memory, weights


def _no_root(states, memory, real):
    scores = (states @ memory.transpose(1, 2)).masked_fill(~real[:, None, :], -math.inf)
    return scores.softmax(-1) @ memory, scores.softmax(-1)


def _shared_by_states(states, memory, real):
    scores = states @ memory.transpose(1, 2) / math.sqrt(memory.shape[-1])
    weights = scores.softmax(1).masked_fill(~real[:, None, :], 0)
    return weights @ memory, weights


def _swapped(states, memory, real):
    return A.cross_attention(states, memory, real)[::-1]


def _context_alone(states, memory, real):
    return A.cross_attention(states, memory, real)[0]


def _state_added(states, memory, real):
    context, weights = A.cross_attention(states, memory, real)
    return context + states, weights


def _by_einsum(states, memory, real):
    scores = torch.einsum("nte,nse->nts", states, memory) / memory.shape[-1] ** 0.5
    weights = torch.where(real.unsqueeze(1), scores, -math.inf).softmax(dim=2)
    return torch.einsum("nts,nse->nte", weights, memory), weights


cross_attention = register(
    Exercise(
        id="lookup.cross_attention",
        notebook="attention",
        reference=A.cross_attention,
        cases=_cases,
        call=_use,
        difficulty=3,
        minutes=10,
        points=3,
        hints=[
            "You have the function already: `scaled_dot_product_attention`. Who asks? Who is asked? Whose numbers are taken?",
            "The states are the queries; the memory is keys and values both. The mask must fit (N, T, S), and `real` is (N, S): it "
            "needs an axis in the middle.",
            "`real[:, None, :]` has the shape (N, 1, S), the same for every query. "
            "`return scaled_dot_product_attention(states, memory, memory, ...)` with it.",
        ],
        misconceptions={
            _padding_looked_at: "The padding is looked at like words. Pass the mask: nobody looks where `real` is False.",
            _mask_without_axis: "`real` is (N, S) and the scores are (N, T, S): the mask needs an axis in the middle, `real[:, None, :]`. "
            "Without it, one sentence's padding may even be laid over another sentence.",
            _hides_askers: "The new axis is at the end: you hide rows (who asks), not columns (who is asked). `real[:, None, :]`.",
            _inverted: "You look at the padding and hide the words: True means may look.",
            _memory_asks_itself: "The memory asks itself. The *states* of the writer ask.",
            _states_ask_themselves: "The states look at themselves. They are to look at the memory.",
            _memory_asks: "The roles are swapped: the writer's states ask, the memory is asked.",
            _takes_states: "The weights are right, but you mix the states with them. What is taken is the memory.",
            _padding_emptied: "You set the padding's memory to 0. Zeros still get a weight: a score of 0 is no wall.",
            _hidden_after: "You hide the padding after the softmax: the weights no longer sum to 1, and the padding counts in the "
            "denominator. Pass the mask to the function.",
            _all_alike: "Every word gets the same weight. That is the mean of the memory, and nothing is chosen.",
            _no_root: "The root of E is missing: `scaled_dot_product_attention` has it built in.",
            _shared_by_states: "Your softmax runs over the states. Each *state* shares out one whole among the words.",
            _swapped: "You return the weights first. It is `return context, weights`.",
            _context_alone: "You return the context only. Return the weights too, to be looked at.",
            _state_added: "You add the states to the context. The network puts the two side by side later; return the context alone.",
        },
        variants=(_by_einsum,),
    )
)
