"""Exercises of *Transformers*: how a block is wired."""

import numpy as np
import torch
from torch.nn import functional as F

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import transformer

__all__ = ["block"]


def _use_block(obj, x, mixing, into, out_of):
    """Wire a block of four simple parts: two normalisations that can be told apart, attention by means, a network."""
    x, mixing, into, out_of = (torch.tensor(array) for array in (x, mixing, into, out_of))
    before = x.clone()
    count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
    answer = obj(
        x,
        lambda h: F.layer_norm(h, h.shape[-1:]),
        lambda h: (h.cumsum(dim=1) / count) @ mixing,
        lambda h: 0.5 * F.layer_norm(h, h.shape[-1:]) + 0.1,
        lambda h: F.relu(h @ into) @ out_of,
    )
    if not torch.equal(x, before):
        raise UnusableAnswerError(
            "Your code changes x in place (`+=` does, for a tensor), and whoever called it still needs x. "
            "Make a new tensor: `x = x + ...`."
        )
    return _as_array(answer, "x")


def _as_array(answer, like):
    if answer is None:
        raise UnusableAnswerError("Your function returns nothing: its last line should begin with `return`.")
    if not isinstance(answer, torch.Tensor):
        raise UnusableAnswerError(f"Return a tensor like {like}, not a {type(answer).__name__}.")
    return answer.detach().numpy()


def _streams(rng):
    def weights(e, kind=np.float64):
        return [rng.normal(size=shape).astype(kind) for shape in ((e, e), (e, 3 * e), (3 * e, e))]

    yield rng.normal(size=(1, 3, 4)), *weights(4)  # a batch of one
    yield rng.normal(size=(2, 5, 6)), *weights(6)
    yield rng.normal(size=(3, 1, 4)), *weights(4)  # one token
    yield np.zeros((2, 3, 4)), *weights(4)
    yield 1000 * rng.normal(size=(2, 3, 4)), *weights(4)
    yield rng.normal(size=(2, 4, 4)).astype(np.float32), *weights(4, np.float32)


def _norm_last(x, norm_1, attention, norm_2, mlp):
    h = norm_1(x + attention(x))
    return norm_2(h + mlp(h))


def _norm_of_the_answer(x, norm_1, attention, norm_2, mlp):
    h = x + norm_1(attention(x))
    return h + norm_2(mlp(h))


def _nothing_added(x, norm_1, attention, norm_2, mlp):
    return mlp(norm_2(attention(norm_1(x))))


def _only_attention_added(x, norm_1, attention, norm_2, mlp):
    return mlp(norm_2(x + attention(norm_1(x))))


def _only_mlp_added(x, norm_1, attention, norm_2, mlp):
    h = attention(norm_1(x))
    return h + mlp(norm_2(h))


def _old_x_added(x, norm_1, attention, norm_2, mlp):
    return x + mlp(norm_2(x + attention(norm_1(x))))


def _side_by_side(x, norm_1, attention, norm_2, mlp):
    return x + attention(norm_1(x)) + mlp(norm_2(x))


def _no_norms(x, norm_1, attention, norm_2, mlp):
    h = x + attention(x)
    return h + mlp(h)


def _second_norm_forgotten(x, norm_1, attention, norm_2, mlp):
    h = x + attention(norm_1(x))
    return h + mlp(h)


def _first_norm_forgotten(x, norm_1, attention, norm_2, mlp):
    h = x + attention(x)
    return h + mlp(norm_2(h))


def _first_norm_twice(x, norm_1, attention, norm_2, mlp):
    return transformer.pre_norm(x, norm_1, attention, norm_1, mlp)


def _norms_swapped(x, norm_1, attention, norm_2, mlp):
    return transformer.pre_norm(x, norm_2, attention, norm_1, mlp)


def _network_first(x, norm_1, attention, norm_2, mlp):
    return transformer.pre_norm(x, norm_1, mlp, norm_2, attention)


def _normed_x_added(x, norm_1, attention, norm_2, mlp):
    x = norm_1(x)
    x = x + attention(x)
    x = norm_2(x)
    return x + mlp(x)


def _no_network(x, norm_1, attention, norm_2, mlp):
    return x + attention(norm_1(x))


def _no_attention(x, norm_1, attention, norm_2, mlp):
    return x + mlp(norm_2(x))


def _x_added_twice(x, norm_1, attention, norm_2, mlp):
    h = x + attention(norm_1(x))
    return x + h + mlp(norm_2(h))


def _network_reads_the_answer(x, norm_1, attention, norm_2, mlp):
    brought = attention(norm_1(x))
    return x + brought + mlp(norm_2(brought))


def _one_sum_around_both(x, norm_1, attention, norm_2, mlp):
    return x + mlp(norm_2(attention(norm_1(x))))


def _second_norm_at_the_end(x, norm_1, attention, norm_2, mlp):
    h = x + attention(norm_1(x))
    return norm_2(h + mlp(h))


def _normed_again_at_the_end(x, norm_1, attention, norm_2, mlp):
    return norm_2(transformer.pre_norm(x, norm_1, attention, norm_2, mlp))


def _multiplied(x, norm_1, attention, norm_2, mlp):
    h = x * attention(norm_1(x))
    return h * mlp(norm_2(h))


def _first_stream_normed(x, norm_1, attention, norm_2, mlp):
    x = norm_1(x)
    x = x + attention(x)
    return x + mlp(norm_2(x))


def _second_stream_normed(x, norm_1, attention, norm_2, mlp):
    h = norm_2(x + attention(norm_1(x)))
    return h + mlp(h)


def _normed_before_and_after(x, norm_1, attention, norm_2, mlp):
    h = norm_1(x + attention(norm_1(x)))
    return h + mlp(norm_2(h))


def _both_ends_normed(x, norm_1, attention, norm_2, mlp):
    h = x + norm_1(attention(norm_1(x)))
    return h + norm_2(mlp(norm_2(h)))


def _halved(x, norm_1, attention, norm_2, mlp):
    h = (x + attention(norm_1(x))) / 2
    return (h + mlp(norm_2(h))) / 2


def _in_one_line(x, norm_1, attention, norm_2, mlp):
    return (h := attention(norm_1(x)).add(x)).add(mlp(norm_2(h)))


block = register(
    Exercise(
        id="prenorm.block",
        notebook="transformers",
        reference=transformer.pre_norm,
        cases=_streams,
        call=_use_block,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "Two lines, one for each half. Each reads the stream through its own normalisation, and *adds* its answer to it.",
            "First half: h is x plus the attention of the normalised x. Second half: the same with h, norm_2 and mlp.",
            "`x = x + attention(norm_1(x))`, then `return x + mlp(norm_2(x))`",
        ],
        misconceptions={
            _norm_last: "This normalises *after* adding, as the first transformer did (post-norm). Here the stream itself is never "
            "normalised, only what a part reads: `x + attention(norm_1(x))`.",
            _norm_of_the_answer: "You normalise the answers. Normalise what each part *reads*.",
            _nothing_added: "Nothing is added to x: whatever the parts do not pass on is lost. Each answer is added to what came in.",
            _only_attention_added: "The attention's answer is added, the network's replaces the stream. Add it, too.",
            _only_mlp_added: "The attention's answer replaces x. Add it to x.",
            _old_x_added: "The second sum starts from the old x again, so the attention's answer is lost there. Add to the new stream.",
            _side_by_side: "Here the network reads the old x, side by side with attention. It should think about what attention has "
            "brought: the second half reads the result of the first.",
            _no_norms: "The normalisations are missing.",
            _second_norm_forgotten: "The network reads the stream without norm_2.",
            _first_norm_forgotten: "Attention reads the stream without norm_1.",
            _first_norm_twice: "norm_1 is used twice. The second half has its own, norm_2.",
            _norms_swapped: "norm_1 and norm_2 have changed places.",
            _network_first: "The network comes first here. First the tokens exchange what they know (attention), then each thinks.",
            _normed_x_added: "You replaced the stream by its normalisation and added to that. Normalise only what the part reads; "
            "add to the stream as it was.",
            _no_network: "The second half, with norm_2 and mlp, is missing.",
            _x_added_twice: "x is added twice: h already holds it. The second half adds to h alone.",
            _network_reads_the_answer: "The network reads only what attention brought. It should read the new stream, the sum: "
            "`norm_2(x + ...)`.",
            _one_sum_around_both: "There is one sum around both halves. Each half adds its own answer: two sums.",
            _second_norm_at_the_end: "norm_2 stands at the end, over the stream. It belongs before the network: `mlp(norm_2(h))`.",
            _normed_again_at_the_end: "The sums are right, but at the end the stream is normalised once more. Leave it as it is.",
            _multiplied: "The answers are multiplied with the stream. Add them.",
            _first_stream_normed: "x was replaced by norm_1(x), and attention's answer added to that. Add it to x as it was.",
            _second_stream_normed: "h was replaced by norm_2(h), and the network's answer added to that. Add it to h as it was.",
            _normed_before_and_after: "The first sum is normalised afterwards. Normalise only what attention reads.",
            _both_ends_normed: "You normalise what each part reads, which is right, and its answer, too. Add the answer as it is.",
            _halved: "You take the mean of stream and answer. Add them, without halving.",
            _no_attention: "The first half, with norm_1 and attention, is missing.",
        },
        variants=(_in_one_line,),
    )
)
