"""The decoder-only transformer: equal to PyTorch's layers; no leak from the future; the cache changes nothing."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError
from coursekit.models.language import generate, log_probs, nucleus
from coursekit.models.sampling import probabilities
from coursekit.models.transformer import GPT, Cache, cached_attention, pre_norm

KINDS = pytest.mark.parametrize("positions", ["learned", "rotary"])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small(positions="learned", seed=0, **changed):
    settings_ = {"context": 12, "width": 16, "layers": 2, "heads": 4} | changed
    model = GPT(11, positions=positions, rng=seeded(seed), **settings_).eval()
    for block in model.blocks:  # first weights are so small that a mistake would hardly show
        for weight in block.parameters():
            nn.init.normal_(weight, 0.0, 0.3, generator=seeded(seed + weight.numel()))
    return model


def some_tokens(n=3, t=12, seed=1):
    return torch.randint(11, (n, t), generator=seeded(seed))


# -- the same as PyTorch's ---------------------------------------------------------------------------------------------


def test_a_block_is_pytorchs_encoder_layer_with_the_norm_first():
    model = small().double()
    block = model.blocks[0]
    layer = nn.TransformerEncoderLayer(16, 4, 64, 0.0, F.gelu, batch_first=True, norm_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs = {
            "self_attn.in_proj_weight": block.attention.qkv.weight,
            "self_attn.out_proj.weight": block.attention.out.weight,
            "linear1.weight": block.mlp[0].weight,
            "linear2.weight": block.mlp[2].weight,
            "norm1.weight": block.norm_1.weight,
            "norm1.bias": block.norm_1.bias,
            "norm2.weight": block.norm_2.weight,
            "norm2.bias": block.norm_2.bias,
        }
        zeros = {name: torch.zeros_like(w) for name, w in layer.state_dict().items() if name not in theirs}
        layer.load_state_dict(theirs | zeros)
    x = torch.randn(2, 7, 16, generator=seeded(), dtype=torch.float64)
    mask = nn.Transformer.generate_square_subsequent_mask(7, dtype=torch.float64)
    torch.testing.assert_close(block(x), layer(x, src_mask=mask, is_causal=True), rtol=1e-10, atol=1e-10)


def test_cached_attention_without_a_past_is_pytorchs_causal_attention():
    q, k, v = (torch.randn(2, 3, 5, 4, generator=seeded(s), dtype=torch.float64) for s in range(3))
    answer, keys, values = cached_attention(q, k, v, k[:, :, :0], v[:, :, :0])
    torch.testing.assert_close(answer, F.scaled_dot_product_attention(q, k, v, is_causal=True))
    assert torch.equal(keys, k) and torch.equal(values, v)


def test_pre_norm_adds_both_answers_to_what_came_in():
    x = torch.randn(2, 3, 4, generator=seeded())
    h = x + 3 * (x + 1)
    torch.testing.assert_close(
        pre_norm(x, lambda a: a + 1, lambda a: 3 * a, lambda a: a - 2, torch.tanh), h + torch.tanh(h - 2)
    )


def test_the_wiring_is_used():
    skipped = small(wiring=lambda x, *parts: x)
    tokens = some_tokens()
    expected = F.linear(skipped.norm(skipped.embed(tokens) + skipped.place.weight[:12]), skipped.embed.weight)
    torch.testing.assert_close(skipped(tokens), expected)


def test_reading_and_writing_share_one_table_and_the_count_is_right():
    model = GPT(50, context=8, width=16, layers=3, heads=2)
    block = 4 * 16 * 16 + 2 * 16 * 64 + 4 * 16
    assert sum(p.numel() for p in model.parameters()) == 50 * 16 + 8 * 16 + 3 * block + 2 * 16
    assert not any(name.startswith("place") for name, _ in GPT(5, positions="rotary").named_parameters())


# -- at the beginning ------------------------------------------------------------------------------------------


@KINDS
def test_the_first_loss_is_log_v(positions):
    model = GPT(81, positions=positions, rng=seeded())
    tokens = torch.randint(81, (8, 64), generator=seeded())
    scores, targets = model(tokens[:, :-1]), tokens[:, 1:]
    assert F.cross_entropy(scores.flatten(0, 1), targets.flatten()).item() == pytest.approx(math.log(81), abs=0.1)


@KINDS
def test_weights_and_text_are_those_of_the_seed(positions):
    first, again, other = (GPT(11, context=8, width=16, positions=positions, rng=seeded(s)) for s in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.embed.weight, other.embed.weight)
    texts = [generate(m, [1], 20, rng=np.random.default_rng(5)) for m in (first, again)]
    np.testing.assert_array_equal(*texts)
    assert (texts[0] != generate(first, [1], 20, rng=np.random.default_rng(6))).any()


# -- no leak ------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("t", range(12))
def test_a_token_changes_its_own_and_later_scores_and_no_earlier_ones(positions, t):
    model, tokens = small(positions), some_tokens()
    changed = tokens.clone()
    changed[:, t] = (tokens[:, t] + 1) % 11
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :t], after[:, :t]), "what is past does not know"
    assert (before[:, t:] - after[:, t:]).abs().amax(dim=(0, 2)).min() > 1e-4, "everything later does"


@KINDS
def test_order_matters_even_without_learned_positions(positions):
    model = small(positions)
    a, b = model(torch.tensor([[1, 2, 3, 4]]))[0, -1], model(torch.tensor([[3, 1, 2, 4]]))[0, -1]
    assert (a - b).abs().max() > 1e-3


# -- the cache ------------------------------------------------------------------------------------------


@KINDS
@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(1, 11), max_size=5), seed=st.integers(0, 99))
def test_reading_in_pieces_gives_what_reading_at_once_gives(positions, cuts, seed):
    model, tokens, cache = small(positions, seed), some_tokens(seed=seed), Cache()
    edges = [0, *sorted(set(cuts)), 12]
    with torch.no_grad():
        whole = model(tokens)
        pieces = []
        for left, right in zip(edges[:-1], edges[1:], strict=True):
            assert len(cache) == left
            pieces.append(model(tokens[:, left:right], cache))
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=1e-5, atol=1e-5)
    assert cache.numbers() == 2 * 2 * 3 * 12 * 16  # keys and values, layers, texts, tokens, numbers


@KINDS
@pytest.mark.parametrize("how", [{}, {"greedy": True}, {"temperature": 0.7, "top_k": 3}, {"top_p": 0.8}])
def test_the_text_is_the_same_with_and_without_cache_even_beyond_the_context(positions, how):
    model = small(positions)
    texts = [generate(model, [1, 2], 40, rng=np.random.default_rng(0), cache=cache, **how) for cache in (True, False)]
    np.testing.assert_array_equal(*texts)
    assert texts[0].shape == (40,) and texts[0].dtype == np.int64


def test_greedy_takes_the_best_token_each_time():
    model, tokens = small(), [4, 5]
    for token in generate(model, [4, 5], 6, greedy=True):
        assert token == model(torch.tensor([tokens]))[0, -1].argmax()
        tokens.append(int(token))


def test_generating_leaves_the_mode_as_it_was_and_makes_no_use_of_dropout():
    model = small(dropout=0.5).train()
    texts = [generate(model, [1], 8, greedy=True) for _ in range(2)]
    np.testing.assert_array_equal(*texts)
    assert model.training
    x = some_tokens()
    assert not torch.equal(model(x), model(x)), "in training, dropout is on"


# -- judging a text ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("context", "stride"), [(12, 1), (12, 5), (12, 12), (7, 3), (12, None), (1, 1)])
@pytest.mark.parametrize("length", [2, 12, 13, 14, 40])
def test_every_token_is_judged_with_the_longest_past_that_a_window_gives(context, stride, length):
    model, ids = small(), some_tokens(1, length)[0]
    found = log_probs(model, ids.numpy(), context=context, stride=stride, at_once=3)
    assert found.shape == (length - 1,)
    last, step = max(length - 1 - context, 0), stride or max(context // 2, 1)
    starts = [*range(0, last, step), last]
    for t in range(1, length):
        start = min(s for s in starts if s < t <= s + context)
        expected = model(ids[None, start:t])[0, -1].log_softmax(dim=0)[ids[t]].item()
        assert found[t - 1] == pytest.approx(expected, abs=1e-5)


def test_a_text_within_the_context_is_read_once():
    model, ids = small(), some_tokens(1, 13)[0]
    expected = -F.cross_entropy(model(ids[None, :-1])[0], ids[1:], reduction="none")
    np.testing.assert_allclose(log_probs(model, ids, context=12), expected.detach(), atol=1e-6)


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=12), st.floats(0.01, 0.999))
def test_the_nucleus_is_the_one_that_is_drawn_from(scores, top_p):
    np.testing.assert_allclose(
        nucleus(probabilities(scores), top_p), probabilities(scores, top_p=top_p), rtol=1e-9, atol=1e-12
    )


# -- bad input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: generate(m, [], 3, greedy=True), "prompt: expected at least one token, got none"),
        (lambda m: generate(m, [1], -1, greedy=True), "n: expected at least 0, got -1"),
        (lambda m: generate(m, [1] * 13, 3, greedy=True), "tokens: expected at most 12, the model's context, got 13"),
        (lambda m: generate(m, [1, 11], 3, greedy=True), "tokens: expected numbers from 0 to 10, got 11"),
        (lambda m: generate(m, [1, -1], 3, greedy=True), "tokens: expected numbers from 0 to 10, got -1"),
        (lambda m: generate(m, [1], 3, rng=np.random.default_rng(0), temperature=0), "temperature: expected"),
        (lambda m: generate(m, [1], 3, rng=np.random.default_rng(0), temperature=-1.0), "temperature: expected"),
        (lambda m: generate(m, [1], 3, rng=np.random.default_rng(0), top_k=12), "top_k: expected"),
        (lambda m: generate(m, [1], 3, rng=np.random.default_rng(0), top_p=0.0), "top_p: expected"),
        (lambda m: generate(m, [1], 3), "rng: expected"),
        (lambda m: m(torch.zeros(1, 0, dtype=torch.long)), "tokens: expected at least one, got none"),
        (lambda m: m(torch.zeros(1, 13, dtype=torch.long)), "context, got 13"),
        (lambda m: log_probs(m, [1], context=12), "ids: expected at least two tokens, got 1"),
        (lambda m: log_probs(m, [1, 2], context=12, stride=13), "stride: expected 1 to 12, the context, got 13"),
        (lambda m: GPT(11, width=16, heads=3), "heads: expected a divisor of the width 16, got 3"),
        (lambda m: GPT(11, layers=0), "layers: expected at least 1, got 0"),
        (lambda m: GPT(11, positions="absolute"), "positions: expected one of learned, rotary, got 'absolute'"),
    ],
)
def test_mistakes_are_said(call, said):
    with pytest.raises(CourseError, match="^" + said if said[0] in "ptnhi" else said) as caught:
        call(small())
    assert caught.value.args[0].count(". ") >= 1, "it says what to do"


def test_a_text_without_batch_axis_is_refused():
    with pytest.raises(ShapeError, match=r"tokens: expected shape \(N, T\), got \(3,\)"):
        small()(torch.zeros(3, dtype=torch.long))


def test_a_cache_that_is_full_is_said():
    model, cache = small(), Cache()
    model(some_tokens(), cache)
    with pytest.raises(CourseError, match="got 1 after 12 already read"):
        model(some_tokens(t=1), cache)
