"""Metrics agree with scikit-learn where it has them, and with a calculation by hand where it has not."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from coursekit.errors import CourseError, ShapeError
from coursekit.metrics import (
    accuracy,
    confusion_matrix,
    expected_calibration_error,
    log_loss,
    mean_and_spread,
    reliability_curve,
)


def example(seed=0, n=300, k=4):
    rng = np.random.default_rng(seed)
    scores = 3 * rng.normal(size=(n, k))
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return probabilities, rng.integers(0, k, n)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 50), n=st.integers(1, 60), k=st.integers(2, 6))
def test_accuracy_and_confusion_agree_with_scikit_learn(seed, n, k):
    probabilities, labels = example(seed, n, k)
    predicted = probabilities.argmax(axis=1)
    assert accuracy(predicted, labels) == pytest.approx(sklearn.metrics.accuracy_score(labels, predicted))
    ours = confusion_matrix(predicted, labels, classes=k)
    np.testing.assert_array_equal(ours, sklearn.metrics.confusion_matrix(labels, predicted, labels=range(k)))


def test_confusion_takes_small_integers_without_overflow():
    labels = np.array([20, 0, 20], dtype=np.uint8)
    assert confusion_matrix(labels, labels)[20, 20] == 2


@pytest.mark.parametrize("k", [2, 5])
def test_log_loss_agrees_with_scikit_learn(k):
    probabilities, labels = example(k=k)
    expected = sklearn.metrics.log_loss(labels, probabilities, labels=range(k))
    assert log_loss(probabilities, labels) == pytest.approx(expected)
    if k == 2:
        assert log_loss(probabilities[:, 1], labels) == pytest.approx(expected)


def test_log_loss_of_an_impossible_class_is_large_and_finite():
    assert 700 < log_loss([[1.0, 0.0]], [1]) < 710


@pytest.mark.parametrize("bins", [1, 5, 10, 15])
def test_reliability_agrees_with_scikit_learn(bins):
    probabilities, labels = example(k=2)
    curve = reliability_curve(probabilities[:, 1], labels, bins)
    share, confidence = calibration_curve(labels, probabilities[:, 1], n_bins=bins)
    filled = curve.count > 0
    np.testing.assert_allclose(curve.accuracy[filled], share)
    np.testing.assert_allclose(curve.confidence[filled], confidence)
    assert curve.count.sum() == len(labels)
    assert curve.edges.shape == (bins + 1,) and np.isnan(curve.accuracy[~filled]).all()


def test_a_bin_holds_its_upper_edge_and_the_first_one_zero():
    curve = reliability_curve([0.0, 0.5, 0.500001, 1.0], [0, 0, 1, 1], bins=2)
    np.testing.assert_array_equal(curve.count, [2, 2])


def test_calibration_error_as_in_the_paper():
    probabilities, labels = example()
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    by_hand = 0
    for m in range(15):
        inside = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if inside.any():
            by_hand += inside.sum() / len(labels) * abs(right[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(probabilities, labels) == pytest.approx(by_hand)
    assert by_hand > 0.1  # random labels, sure predictions


def test_a_model_that_knows_its_chances_has_almost_no_calibration_error():
    rng = np.random.default_rng(0)
    chance = rng.random(50_000)
    labels = (rng.random(50_000) < chance).astype(int)
    assert expected_calibration_error(chance, labels) < 0.01
    assert expected_calibration_error(np.sqrt(chance), labels) > 0.1


@pytest.mark.parametrize(
    ("values", "options", "text"),
    [
        ([0.858, 0.861, 0.864], {"percent": True}, "86.1 % ± 0.3 (3 seeds)"),
        ([0.86], {"percent": True}, "86.0 % (1 seed)"),
        ([1.0, 2.0], {}, "1.500 ± 0.707 (2 seeds)"),
        ([1.0, 2.0], {"decimals": 1}, "1.5 ± 0.7 (2 seeds)"),
        ([0.5, float("nan")], {"percent": True}, "nan % ± nan (2 seeds)"),
    ],
)
def test_mean_and_spread_prints(values, options, text):
    result = mean_and_spread(values, **options)
    assert str(result) == repr(result) == f"{result}" == text


def test_mean_and_spread_numbers():
    result = mean_and_spread([1, 2, 4])
    assert (result.mean, result.n) == (pytest.approx(7 / 3), 3)
    assert result.spread == pytest.approx(np.std([1, 2, 4], ddof=1))


P, Y = [[0.5, 0.5]] * 3, [0, 1, 0]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: accuracy([0, 1], [0, 1, 2]), ShapeError, r"predicted: expected shape \(3,\), got \(2,\)"),
        (lambda: accuracy(P, Y), ShapeError, "argmax"),
        (lambda: accuracy([], []), ShapeError, "at least one row"),
        (lambda: accuracy(Y, [[0], [1], [0]]), ShapeError, "labels"),
        (lambda: confusion_matrix([0, 3], [0, 1], classes=2), CourseError, "predicted: expected class numbers from 0"),
        (lambda: confusion_matrix([0, 1], [0, -1]), CourseError, "labels: expected class numbers"),
        (lambda: confusion_matrix([0.5, 1], [0, 1]), CourseError, "got float64"),
        (lambda: reliability_curve(P, Y, bins=0), CourseError, "bins: expected at least 1"),
        (lambda: reliability_curve(P, Y[:2]), ShapeError, "probabilities"),
        (lambda: reliability_curve([], []), ShapeError, "at least one row"),
        (lambda: expected_calibration_error([[3.0, -1.0]], [0]), CourseError, "softmax"),
        (lambda: expected_calibration_error([[float("nan"), 1.0]], [0]), CourseError, "got nan"),
        (lambda: log_loss(P, [0, 1, 2]), CourseError, "class numbers from 0 to 1"),
        (lambda: mean_and_spread([]), ShapeError, "at least one number"),
        (lambda: mean_and_spread([[1, 2]]), ShapeError, "values"),
    ],
)
def test_bad_input_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
