"""LIME, occlusion, permutation importance, rollout, faithfulness, and the explanation itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.inspection import permutation_importance as sklearns_importance
from sklearn.linear_model import LinearRegression, Ridge

from coursekit.attribution import Attribution, exact_shapley, from_sklearn, patches
from coursekit.attribution.faithfulness import deletion, insertion, rank_correlation, sensitivity
from coursekit.attribution.lime import fit_line, lime, lime_text, lime_weights
from coursekit.attribution.perturbation import occlusion, permutation_importance
from coursekit.attribution.rollout import attention_rollout
from coursekit.errors import CourseError, ShapeError

RNG = np.random.default_rng


# -- LIME --------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6))
def test_the_line_is_scikit_learns_ridge(seed):
    rng = RNG(seed)
    z, answers, weights = rng.random((40, 5)), rng.normal(size=40), rng.random(40) + 0.01
    intercept, slopes, error = fit_line(z, answers, weights, alpha=0.7)
    ridge = Ridge(alpha=0.7).fit(z, answers, sample_weight=weights)
    np.testing.assert_allclose(slopes, ridge.coef_, atol=1e-9)
    assert intercept == pytest.approx(ridge.intercept_, abs=1e-9) and (error > 0).all()


def test_the_weights_are_limes():
    lime_base = pytest.importorskip("lime.lime_text")
    from sklearn.metrics import pairwise_distances

    assert lime_base is not None
    kept = RNG(0).random((30, 7)) < 0.5
    kept[0] = True
    kept = kept[kept.any(axis=1)]
    distance = pairwise_distances(kept.astype(float), np.ones((1, 7)), metric="cosine").ravel()
    np.testing.assert_allclose(lime_weights(kept), np.exp(-(distance**2) / 0.25**2), atol=1e-12)


def test_of_a_line_lime_finds_the_slopes_and_of_a_product_it_does_not_find_shapleys_shares():
    x, background = np.array([2.0, 3.0, 1.0]), np.ones((1, 3))
    found = lime(lambda rows: rows @ [1.0, 2.0, 3.0], x, background, alpha=1e-9, rng=RNG(0))
    np.testing.assert_allclose(found.values, [1.0, 4.0, 0.0], atol=1e-6)
    assert not found.complete
    product = lime(lambda rows: rows.prod(axis=1), x, background, alpha=1e-9, rng=RNG(0))
    shares = exact_shapley(lambda rows: rows.prod(axis=1), x, background)
    assert np.abs(product.values - shares.values).max() > 0.05


def test_two_runs_of_lime_differ_by_about_their_standard_errors():
    w = RNG(1).normal(size=(8, 16))

    def model(rows):
        return np.tanh(rows @ w).sum(axis=1)

    x, background = RNG(2).normal(size=8), RNG(3).normal(size=(1, 8))
    runs = [lime(model, x, background, samples=200, rng=RNG(seed)) for seed in range(30)]
    scatter = np.std([run.values for run in runs], axis=0, ddof=1)
    told = np.mean([run.std_error for run in runs], axis=0)
    assert (0.5 < told / scatter).all() and (told / scatter < 2).all()


def test_words_that_matter_are_found_in_a_text():
    def model(texts):
        return np.array([[t.count("bad"), t.count("good") - 2 * ("not" in t)] for t in texts], dtype=float)

    found = lime_text(model, "not good, not bad", alpha=1e-6, rng=RNG(0), target=1)
    assert found.feature_names == ("not", "good", "bad")
    np.testing.assert_allclose(found.values, [-2, 1, 0], atol=1e-4)


# -- taking away -------------------------------------------------------------------------------------------------------


def test_occlusion_covers_one_patch_at_a_time():
    picture = RNG(0).normal(size=(1, 4, 4))
    w = RNG(1).normal(size=(4, 4))
    found = occlusion(lambda rows: (rows * w).sum(axis=(1, 2)), picture, np.zeros((1, 4, 4)), groups=patches((4, 4), 2))
    blocks = (picture[0] * w).reshape(2, 2, 2, 2).sum(axis=(1, 3))
    np.testing.assert_allclose(found.values[0].reshape(2, 2, 2, 2).sum(axis=(1, 3)), blocks, atol=1e-12)
    assert not found.complete


def test_permutation_importance_is_scikit_learns():
    rng = RNG(0)
    x = rng.normal(size=(400, 4))
    y = x @ [3.0, 1.0, 0.0, 0.5]
    model = LinearRegression().fit(x, y)

    def r2(outputs, truth):
        return 1 - ((outputs - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()

    ours = permutation_importance(from_sklearn(model), x, y, r2, repeats=30, rng=rng)
    theirs = sklearns_importance(model, x, y, n_repeats=30, random_state=0)
    error = np.hypot(ours.std_error, theirs.importances_std / np.sqrt(30)) + 1e-12
    assert (np.abs(ours.values - theirs.importances_mean) < 5 * error).all()
    assert ours.values[2] == pytest.approx(0, abs=1e-9) and ours.output == pytest.approx(1)


# -- attention ---------------------------------------------------------------------------------------------------------


def test_rollout_multiplies_the_ways():
    rng = RNG(0)
    layers = [rng.dirichlet(np.ones(4), size=(3, 4)) for _ in range(2)]  # (H, T, T)
    mixed = [0.5 * layer.mean(axis=0) + 0.5 * np.eye(4) for layer in layers]
    np.testing.assert_allclose(attention_rollout(layers), mixed[1] @ mixed[0], atol=1e-12)
    np.testing.assert_allclose(attention_rollout(layers).sum(axis=1), 1)
    np.testing.assert_allclose(attention_rollout(layers, residual=1.0), np.eye(4))
    causal = [np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None]] * 3
    assert (np.triu(attention_rollout(causal), 1) == 0).all(), "nothing flows back from the future"


# -- faithfulness ------------------------------------------------------------------------------------------------------


def total(rows):
    return rows.reshape(len(rows), -1).sum(axis=1)


def test_the_right_order_falls_first_and_the_wrong_one_last():
    x = RNG(0).random((3, 12))
    right, wrong = deletion(total, x, x, np.zeros(12)), deletion(total, x, -x, np.zeros(12))
    assert (right.area < wrong.area).all()
    np.testing.assert_allclose(right.output[0], x.sum(axis=1))
    np.testing.assert_allclose(right.output[-1], 0, atol=1e-12)
    up = insertion(total, x, x, np.zeros(12))
    np.testing.assert_allclose(
        up.output + deletion(total, x, x, np.zeros(12)).output, x.sum(axis=1)[None].repeat(21, 0)
    )


def test_a_map_covers_all_channels_of_a_pixel():
    x = RNG(0).random((2, 3, 4, 4))
    values = x.sum(axis=1)  # (N, H, W)
    curve = deletion(total, x, values, np.zeros((3, 4, 4)), steps=16)
    expected = np.cumsum(-np.sort(-values.reshape(2, -1), axis=1), axis=1)
    np.testing.assert_allclose(curve.output[1:], (x.sum(axis=(1, 2, 3))[:, None] - expected).T, atol=1e-9)


def test_rank_correlation_is_scipys():
    from scipy.stats import spearmanr

    one, two = RNG(0).random((3, 20)), RNG(1).random((3, 20))
    expected = [spearmanr(a, b).statistic for a, b in zip(one, two, strict=True)]
    np.testing.assert_allclose(rank_correlation(one, two), expected)
    assert rank_correlation(np.zeros((1, 4)), one[:1, :4])[0] == 0


def test_sensitivity_of_a_gradient_that_jumps():
    x = np.array([[0.0], [5.0]])
    found = sensitivity(np.sign, x + 1e-6, radius=0.1, samples=40, rng=RNG(0))
    assert found.tolist() == [2.0, 0.0]


# -- the explanation itself --------------------------------------------------------------------------------------------


def test_an_explanation_says_what_it_explains():
    rng = RNG(0)
    names = ["age", "income", "height"]
    many = exact_shapley(lambda r: r @ [1.0, 2.0, 3.0], rng.normal(size=(5, 3)), np.zeros((1, 3)), feature_names=names)
    assert "exact Shapley values of 5 outputs to features (3,)" in repr(many) and "income" in repr(many)
    one = many[2]
    assert one.values.shape == (3,) and len(one) == 1 and "the output" in repr(one) and one.gap < 1e-12
    assert len(many) == 5
    np.testing.assert_allclose(many.importance(), np.abs(many.values).mean(axis=0))
    with pytest.raises(CourseError, match="got a single one"):
        one[0]
    with pytest.raises(AttributeError):
        many.values = 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Attribution(np.zeros((3, 2)), np.zeros(2), np.zeros(2)), ShapeError, "a row for each output"),
        (lambda: lime(total, np.ones(3), np.zeros((1, 3)), samples=1, rng=RNG(0)), CourseError, "samples: expected"),
        (lambda: lime(total, np.ones(3), np.zeros((1, 3)), width=0, rng=RNG(0)), CourseError, "width: expected"),
        (lambda: lime(total, np.ones(3), np.zeros((1, 3)), alpha=0, rng=RNG(0)), CourseError, "alpha: expected"),
        (lambda: lime_text(len, "...", rng=RNG(0)), CourseError, "at least one word"),
        (lambda: permutation_importance(total, np.ones((3, 2)), np.ones(2), min, rng=RNG(0)), ShapeError, "one answer"),
        (
            lambda: permutation_importance(total, np.ones((3, 2)), np.ones(3), min, repeats=1, rng=RNG(0)),
            CourseError,
            "repeats",
        ),
        (lambda: attention_rollout([]), CourseError, "at least one layer"),
        (lambda: attention_rollout([np.ones((2, 3)) / 3]), ShapeError, "in layer 0"),
        (lambda: attention_rollout([np.eye(2), np.ones((2, 2))]), CourseError, "sum to 1, got others in layer 1"),
        (lambda: attention_rollout([np.eye(2)], residual=2), CourseError, "residual"),
        (lambda: deletion(total, np.ones((2, 3)), np.ones((2, 2)), np.zeros(3)), ShapeError, "values: expected one"),
        (lambda: deletion(total, np.ones((2, 3)), np.ones((2, 3)), np.zeros(3), steps=0), CourseError, "steps"),
        (lambda: rank_correlation(np.ones((1, 2)), np.ones((1, 3))), ShapeError, "one shape"),
        (lambda: sensitivity(np.sign, np.ones((1, 2)), radius=0, rng=RNG(0)), CourseError, "radius"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
