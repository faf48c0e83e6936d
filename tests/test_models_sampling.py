"""Drawing tokens from scores: the shares are right, nothing left out ever comes, and nonsense is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import chisquare

from coursekit.errors import CourseError, ShapeError
from coursekit.models.sampling import draw, pick, probabilities, sample

SCORES = st.lists(st.floats(-50, 50), min_size=1, max_size=12).map(np.array)


@given(SCORES, st.floats(0.05, 20))
def test_probabilities_are_softmax_of_scores_over_temperature(scores, temperature):
    np.testing.assert_allclose(probabilities(scores, temperature), softmax(scores / temperature), atol=1e-12)


@given(SCORES, st.data())
def test_top_k_and_nucleus_keep_the_most_probable_and_as_few_as_will_do(scores, data):
    full, V = softmax(scores), len(scores)
    k, share = data.draw(st.integers(1, V)), data.draw(st.floats(0.01, 1))
    for kept, p in ((probabilities(scores, top_k=k), k), (probabilities(scores, top_p=share), None)):
        inside = kept > 0
        assert kept.sum() == pytest.approx(1)
        assert kept.argmax() == full.argmax()
        if p is not None:
            assert inside.sum() <= k
        else:
            assert full[inside].sum() >= share - 1e-9
            assert full[inside].sum() - full[inside].min() < share + 1e-9  # one fewer would not do
        if inside.any() and not inside.all():
            assert full[inside].min() >= full[~inside].max() - 1e-15
        np.testing.assert_allclose(kept[inside], full[inside] / full[inside].sum(), rtol=1e-9)


def test_top_k_before_top_p_and_rows_one_by_one():
    scores = np.random.default_rng(0).normal(size=(5, 9))
    together = probabilities(scores, 0.7, top_k=5, top_p=0.8)
    for row, p in zip(scores, together, strict=True):
        np.testing.assert_array_equal(p, probabilities(row, 0.7, top_k=5, top_p=0.8))
        first = probabilities(row, 0.7, top_k=5)
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(p, probabilities(np.log(first), top_p=0.8))


def test_ties_keep_exactly_k():
    assert (probabilities(np.zeros(6), top_k=2) > 0).sum() == 2


def test_shares_of_many_draws():
    scores, rng = np.random.default_rng(1).normal(size=7), np.random.default_rng(2)
    ids = pick(np.tile(scores, (20000, 1)), 0.8, rng=rng)
    counts = np.bincount(ids, minlength=7)
    assert chisquare(counts, 20000 * softmax(scores / 0.8)).pvalue > 1e-4
    assert chisquare(counts, 20000 * softmax(scores)).pvalue < 1e-6  # and the test would notice another temperature


def test_what_is_left_out_never_comes():
    rng, scores = np.random.default_rng(0), np.array([0.0, -np.inf, 1.0, 3.0, 2.0])
    ids = pick(np.tile(scores, (2000, 1)), 5.0, top_k=3, rng=rng)
    assert set(ids) == {2, 3, 4}


@given(SCORES, st.floats(0, 1, exclude_max=True))
def test_draw_finds_the_interval_of_u(scores, u):
    p = softmax(scores)
    k = int(draw(p, u))
    assert 0 <= k < len(p)
    assert p[:k].sum() - 1e-9 <= u <= p[: k + 1].sum() + 1e-9


def test_draw_stays_inside_where_the_sum_is_a_hair_below_one():
    assert draw(np.full(10, 0.1) * (1 - 1e-12), np.nextafter(1, 0)) == 9


def test_same_seed_same_tokens_and_a_row_is_a_call():
    scores = np.random.default_rng(3).normal(size=(4, 6))
    together = pick(scores, rng=np.random.default_rng(5))
    rng = np.random.default_rng(5)
    assert [pick(row, rng=rng) for row in scores] == together.tolist()
    np.testing.assert_array_equal(sample(scores, 1.0, np.random.default_rng(5).random(4)), together)


def test_greedy_is_the_limit_of_a_low_temperature():
    scores = np.random.default_rng(4).normal(size=(50, 8))
    np.testing.assert_array_equal(pick(scores, greedy=True), scores.argmax(axis=1))
    np.testing.assert_array_equal(pick(scores, 1e-9, rng=np.random.default_rng(0)), scores.argmax(axis=1))
    assert pick(1e30 * scores[0], 1e-300, rng=np.random.default_rng(0)) == scores[0].argmax()


def test_takes_a_tensor_with_gradients():
    scores = torch.tensor([0.0, 5.0, 1.0], requires_grad=True)
    assert pick(scores, greedy=True) == 1
    assert isinstance(pick(scores.bfloat16(), rng=np.random.default_rng(0)), int)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0}, "temperature: expected a number above 0, got 0. .*greedy=True"),
        ({"temperature": -1.0}, "temperature: expected a number above 0, got -1.0"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_k": 4}, r"top_k: expected a whole number from 1 to 3 \(the vocabulary\), got 4"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 1.5}, "top_k"),
        ({"top_p": 0.0}, "top_p: expected a share above 0 and at most 1, got 0.0"),
        ({"top_p": 1.01}, "top_p"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(CourseError, match=message):
        pick(np.zeros(3), **arguments, rng=np.random.default_rng(0))


def test_refuses_what_cannot_be_drawn_from():
    with pytest.raises(CourseError, match="rng: expected a NumPy generator, got none"):
        pick(np.zeros(3))
    with pytest.raises(CourseError, match="rng: expected a NumPy generator, got a int"):
        pick(np.zeros(3), rng=3)
    with pytest.raises(ShapeError, match=r"logits\[:, -1\]"):
        pick(np.zeros((2, 3, 4)), greedy=True)
    for bad in ([np.nan, 0.0], [np.inf, 0.0], [-np.inf, -np.inf]):
        with pytest.raises(CourseError, match="Has the training diverged"):
            pick(np.array(bad), greedy=True)
