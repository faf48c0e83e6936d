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
    yield case(2, 8, 9, 5, [9, 1], scale=100.0)
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


def _values_emptied(states, memory, real):
    return A.scaled_dot_product_attention(states, memory, memory * real[:, :, None])


def _keys_emptied(states, memory, real):
    return A.scaled_dot_product_attention(states, memory * real[:, :, None], memory)


def _weights_hidden_too_late(states, memory, real):
    context, weights = A.scaled_dot_product_attention(states, memory, memory)
    return context, weights * real[:, None, :]


def _all_sentences_at_once(states, memory, real):
    return A.scaled_dot_product_attention(states, memory[real], memory[real])


def _axes_too_many(states, memory, real):
    return A.scaled_dot_product_attention(states, memory, memory, real[:, None, None, :])


def _no_future(states, memory, real):
    past = torch.ones(states.shape[1], memory.shape[1], dtype=torch.bool).tril()
    return A.scaled_dot_product_attention(states, memory, memory, past & real[:, None, :])


def _side_by_side(states, memory, real):
    context, weights = A.cross_attention(states, memory, real)
    return torch.cat([states, context], dim=-1), weights


def _best_only(states, memory, real):
    scores = (states @ memory.transpose(1, 2)).masked_fill(~real[:, None, :], -math.inf)
    weights = torch.nn.functional.one_hot(scores.argmax(dim=-1), memory.shape[1]).to(memory.dtype)
    return weights @ memory, weights


def _no_softmax(states, memory, real):
    weights = (states @ memory.transpose(1, 2)) * real[:, None, :]
    return weights @ memory, weights


def _states_for_values(states, memory, real):
    return A.scaled_dot_product_attention(states, memory, states, real[:, None, :])


def _states_for_keys(states, memory, real):
    return A.scaled_dot_product_attention(states, states, memory, real[:, None, :])


def _shared_out_anew(states, memory, real):
    weights = A.scaled_dot_product_attention(states, memory, memory)[1] * real[:, None, :]
    weights = weights / weights.sum(dim=-1, keepdim=True)
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
            _values_emptied: "You set the padding's values to 0, but it still gets weight, and takes it from the words. Pass the mask.",
            _keys_emptied: "You set the padding's keys to 0. A score of 0 is no wall: it still gets weight. Pass the mask.",
            _weights_hidden_too_late: "You hide the padding in the weights that you return; the context was mixed before. Pass the mask.",
            _all_sentences_at_once: "`memory[real]` puts the words of all sentences into one heap. Keep the batch, and pass the mask.",
            _axes_too_many: "The mask has an axis too many. There are no heads here: `real[:, None, :]`, shape (N, 1, S).",
            _no_future: "You hide part of the source as if it were the future. All of the source was read before: hide the padding only.",
            _side_by_side: "You put states and context side by side. The network does so later; return the context alone.",
            _best_only: "You take the one best word. No gradient passes through an argmax: use the softmax.",
            _no_softmax: "The softmax is missing: weights must be positive, and each row must sum to 1.",
            _states_for_values: "The values are the states here. What is taken is the memory: keys *and* values.",
            _states_for_keys: "The keys are the states here. What is asked is the memory: keys *and* values.",
            _shared_out_anew: "Right, until all the weight lay on the padding: then you divide 0 by 0. Hide the scores: pass the mask.",
            _all_alike: "Every word gets the same weight. That is the mean of the memory, and nothing is chosen.",
            _no_root: "The root of E is missing: `scaled_dot_product_attention` has it built in.",
            _shared_by_states: "Your softmax runs over the states. Each *state* shares out one whole among the words.",
            _swapped: "You return the weights first. It is `return context, weights`.",
            _context_alone: "You return one thing. Two are wanted: `return context, weights`.",
            _state_added: "You add the states to the context. The network puts the two side by side later; return the context alone.",
        },
        variants=(_by_einsum,),
    )
)
