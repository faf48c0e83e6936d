"""Exercises of *Transformers*: how new tokens attend to those whose keys were kept."""

import numpy as np
import torch
from torch.nn import functional as F

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import transformer

__all__ = ["cached_attention"]


def _as_array(answer, like):
    if not isinstance(answer, torch.Tensor):
        raise UnusableAnswerError(f"Return a tensor like {like}, not a {type(answer).__name__}.")
    return answer.detach().numpy()


def _use_cache(obj, query, key, value, past_key, past_value):
    tensors = [torch.tensor(array) for array in (query, key, value, past_key, past_value)]
    before = [one.clone() for one in tensors]
    answer = obj(*tensors)
    if not all(torch.equal(one, old) for one, old in zip(tensors, before, strict=True)):
        raise UnusableAnswerError("Your code changes one of its arguments in place. Make new tensors.")
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


def _one_place_too_far(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    new, before = query.shape[2], past_key.shape[2]
    mask = torch.ones(new, before + new, dtype=torch.bool).tril(before + 1)
    return _attend(query, keys, values, mask), keys, values


def _moved_by_the_new_ones(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    new, before = query.shape[2], past_key.shape[2]
    return _attend(query, keys, values, torch.ones(new, before + new, dtype=torch.bool).tril(new)), keys, values


def _mask_of_numbers(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    mask = _who_sees(query.shape[2], past_key.shape[2]).to(query.dtype)
    return _attend(query, keys, values, mask), keys, values


def _upper_triangle(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    new, before = query.shape[2], past_key.shape[2]
    return _attend(query, keys, values, torch.ones(new, before + new, dtype=torch.bool).triu(before)), keys, values


def _past_and_itself(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    new, before = query.shape[2], past_key.shape[2]
    mask = torch.cat([torch.ones(new, before), torch.eye(new)], dim=1).bool()
    return _attend(query, keys, values, mask), keys, values


def _corner_if_several(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    return F.scaled_dot_product_attention(query, keys, values, is_causal=query.shape[2] > 1), keys, values


def _by_scores(change):
    """Attention by hand, with what a mistake makes of scores (N, H, T, P + T) and mask (T, P + T)."""

    def attend(query, key, value, past_key, past_value):
        keys, values = _joined(key, value, past_key, past_value)
        scores, mask = query @ keys.mT, _who_sees(query.shape[2], past_key.shape[2])
        return change(scores, mask, query.shape[-1]) @ values, keys, values

    return attend


def _hidden(scores, mask):
    return scores.masked_fill(~mask, -torch.inf)


def _past_asks_too(query, key, value, past_key, past_value):
    keys, values = _joined(key, value, past_key, past_value)
    everybody = torch.cat([past_key, query], dim=2)
    return F.scaled_dot_product_attention(everybody, keys, values, is_causal=True), keys, values


def _keys_joined_to_values(query, key, value, past_key, past_value):
    return transformer.cached_attention(query, value, key, past_key, past_value)


def _answer_last(query, key, value, past_key, past_value):
    answer, keys, values = transformer.cached_attention(query, key, value, past_key, past_value)
    return keys, values, answer


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
            _one_place_too_far: "Each new token sees one place too many: its own successor. The diagonal is number P: `.tril(P)`.",
            _moved_by_the_new_ones: "The diagonal is moved by T, the number of new tokens. Move it by P, those before: `.tril(P)`.",
            _mask_of_numbers: "A mask of 0 and 1 as numbers is *added* to the scores, and hides nothing. Make it `dtype=torch.bool`.",
            _upper_triangle: "`triu` keeps what lies behind the diagonal, the future. `tril` keeps the past.",
            _past_and_itself: "Of the new tokens each sees only itself. It may also see the new ones *before* it.",
            _corner_if_several: "Right for one new token. For several, `is_causal=True` begins in the upper left corner, at the very "
            "first past token. Here the diagonal starts P places further right: `.tril(P)`.",
            _by_scores(
                lambda s, mask, size: _hidden(s / size, mask).softmax(dim=-1)
            ): "The scores are divided by S. Divide by the *root* of S.",
            _by_scores(
                lambda s, mask, size: _hidden(s / size**0.5, mask).softmax(dim=-2)
            ): "The softmax runs over the queries. Each query shares its weight among the *keys*: the last axis.",
            _by_scores(
                lambda s, mask, size: (s / size**0.5 * mask).softmax(dim=-1)
            ): "A score of 0 is not hidden: e to the power "
            "of 0 is 1. What may not be seen gets minus infinity, before the softmax.",
            _by_scores(
                lambda s, mask, size: (s / size**0.5).softmax(dim=-1) * mask
            ): "You hide the future after the softmax, so "
            "the remaining weights no longer sum to 1. Hide it before, with minus infinity.",
            _past_asks_too: "Only the new tokens ask. Those of the past have had their answers already (and what was kept are "
            "their keys, not their queries).",
            _keys_joined_to_values: "The new values went behind the past *keys*, and the new keys behind the past values.",
            _answer_last: "The answer comes first in what you return; then the keys, then the values.",
            _mask_turned: "The mask is turned around: True means that a token *may* look.",
        },
        variants=(_by_hand,),
    )
)
