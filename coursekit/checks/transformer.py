"""Exercises of *Transformers*: how a block is wired, and how new tokens attend to those whose keys were kept."""

import numpy as np
import torch
from torch.nn import functional as F

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import transformer

__all__ = ["block", "cached_attention"]


# -- the block ---------------------------------------------------------------------------------------------------------


def _use_block(obj, x, mixing, into, out_of):
    """Wire a block of four simple parts: two normalisations that can be told apart, attention by means, a network."""
    x, mixing, into, out_of = (torch.tensor(array) for array in (x, mixing, into, out_of))
    count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
    answer = obj(
        x,
        lambda h: F.layer_norm(h, h.shape[-1:]),
        lambda h: (h.cumsum(dim=1) / count) @ mixing,
        lambda h: 0.5 * F.layer_norm(h, h.shape[-1:]) + 0.1,
        lambda h: F.relu(h @ into) @ out_of,
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


def _in_one_line(x, norm_1, attention, norm_2, mlp):
    return (h := attention(norm_1(x)).add(x)).add(mlp(norm_2(h)))


block = register(
    Exercise(
        id="transformer.block",
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
            _no_attention: "The first half, with norm_1 and attention, is missing.",
        },
        variants=(_in_one_line,),
    )
)


# -- the cache -----------------------------------------------------------------------------------------------------------


def _use_cache(obj, query, key, value, past_key, past_value):
    tensors = [torch.tensor(array) for array in (query, key, value, past_key, past_value)]
    answer = obj(*tensors)
    if answer is None:
        raise UnusableAnswerError("Your function returns nothing: its last line should begin with `return`.")
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        raise UnusableAnswerError("Return three tensors: the answer, all keys so far, and all values so far.")
    names = ("answer", "keys", "values")
    return {name: _as_array(one, name) for name, one in zip(names, answer, strict=True)}


def _pasts(rng):
    def draw(n, h, t, p, s, size=1.0, kind=np.float64):
        return [(size * rng.normal(size=(n, h, m, s))).astype(kind) for m in (t, t, t, p, p)]

    yield (*draw(1, 1, 1, 3, 4),)  # one new token, a batch of one
    yield (*draw(2, 2, 3, 2, 4),)  # several new tokens
    yield (*draw(2, 2, 4, 0, 4),)  # nothing before
    yield (*draw(1, 3, 1, 0, 2),)
    yield (*(np.zeros((2, 1, 2, 4)) for _ in range(5)),)
    yield (*draw(1, 2, 2, 3, 4, size=100.0),)
    yield (*draw(2, 1, 2, 5, 4, kind=np.float32),)


def _attend(query, keys, values, mask=None, scale=None):
    return F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=scale)


def _joined(key, value, past_key, past_value):
    return torch.cat([past_key, key], dim=2), torch.cat([past_value, value], dim=2)


def _who_sees(new, before):
    return torch.ones(new, before + new, dtype=torch.bool).tril(before)


def _no_mask(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    return _attend(query, keys, values), keys, values


def _mask_from_the_corner(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    return F.scaled_dot_product_attention(query, keys, values, is_causal=True), keys, values


def _not_itself(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    mask = _who_sees(query.shape[2], past_key.shape[2]).tril(past_key.shape[2] - 1)
    return _attend(query, keys, values, mask), keys, values


def _new_ones_only(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    return F.scaled_dot_product_attention(query, key, value, is_causal=True), keys, values


def _past_only(query, key, value, past_key, past_value):
    return _attend(query, past_key, past_value), *_joined(key, value, past_key, past_value)


def _past_lost(query, key, value, past_key, past_value):
    return transformer.cached_attention(query, key, value, past_key, past_value)[0], key, value


def _past_kept_as_it_was(query, key, value, past_key, past_value):
    return transformer.cached_attention(query, key, value, past_key, past_value)[0], past_key, past_value


def _past_behind(query, key, value, past_key, past_value):
    keys, values = torch.cat([key, past_key], dim=2), torch.cat([value, past_value], dim=2)
    return _attend(query, keys, values, _who_sees(query.shape[2], past_key.shape[2])), keys, values


def _past_behind_but_right(query, key, value, past_key, past_value):
    answer = transformer.cached_attention(query, key, value, past_key, past_value)[0]
    return answer, torch.cat([key, past_key], dim=2), torch.cat([value, past_value], dim=2)


def _not_scaled(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    mask = _who_sees(query.shape[2], past_key.shape[2])
    return _attend(query, keys, values, mask, scale=1.0), keys, values


def _keys_as_values(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    return _attend(query, keys, keys, _who_sees(query.shape[2], past_key.shape[2])), keys, values


def _swapped(query, key, value, past_key, past_value):
    answer, keys, values = transformer.cached_attention(query, key, value, past_key, past_value)
    return answer, values, keys


def _mask_turned(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    mask = ~_who_sees(query.shape[2], past_key.shape[2])
    return _attend(query, keys, values, mask), keys, values


def _by_hand(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    scores = query @ keys.transpose(-1, -2) / query.shape[-1] ** 0.5
    first = past_key.shape[2]
    for t in range(query.shape[2]):
        scores[:, :, t, first + t + 1 :] = -torch.inf
    return scores.softmax(dim=-1) @ values, keys, values


cached_attention = register(
    Exercise(
        id="transformer.cached_attention",
        notebook="transformers",
        reference=transformer.cached_attention,
        cases=_pasts,
        call=_use_cache,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "First join: behind the past keys come the new ones, along the axis of the tokens (axis 2); the values likewise. "
            "Both are what you return for the next call.",
            "New token number t may look at all P past tokens and at the new ones up to itself: P + t + 1 in all. As a mask: "
            "`torch.ones(T, P + T, dtype=torch.bool).tril(P)`.",
            "`F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)` does the rest.",
        ],
        misconceptions={
            _no_mask: "Right for one new token. Of several, the earlier ones see the later ones here: their future. Mask it.",
            _mask_from_the_corner: "`is_causal=True` begins in the upper left corner: it lets the first new token see only the very "
            "first *past* one. Here the diagonal starts P places further right: `.tril(P)`.",
            _not_itself: "A token may also look at itself: its own key is among the keys. The diagonal is one place short.",
            _new_ones_only: "The new tokens look only at each other. What was kept is returned, but never asked.",
            _past_only: "The new tokens look only at the past. They may look at themselves, and at the new ones before them.",
            _past_lost: "You return only the new keys and values: at the next call the past is forgotten.",
            _past_kept_as_it_was: "You return the past as it came in: the new tokens are forgotten at the next call.",
            _past_behind: "The past stands *behind* the new tokens here. `torch.cat([past_key, key], dim=2)`.",
            _past_behind_but_right: "The answer is right, but what you return has the past *behind* the new tokens: at the next call the "
            "mask would fit no longer.",
            _not_scaled: "The scores are not divided by the root of S.",
            _keys_as_values: "The weights are right, but what is averaged should be the values, not the keys.",
            _swapped: "Keys and values have changed places in what you return.",
            _mask_turned: "The mask is turned around: True means that a token *may* look.",
        },
        variants=(_by_hand,),
    )
)
