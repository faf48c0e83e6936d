"""The area under the ROC curve agrees with scikit-learn's, ties and all, and with counting pairs."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.metrics import roc_auc


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 500), n=st.integers(2, 80), values=st.integers(1, 40))
def test_it_agrees_with_scikit_learn_and_with_counting_pairs(seed, n, values):
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, values, n), rng.permutation(np.arange(n) % 2)
    ours = roc_auc(scores, labels)
    assert ours == pytest.approx(sklearn.metrics.roc_auc_score(labels, scores), abs=1e-12)
    above = scores[labels == 1][:, None] - scores[labels == 0]
    assert ours == pytest.approx(np.mean((above > 0) + 0.5 * (above == 0)), abs=1e-12)


def test_only_the_order_counts_and_turning_it_round_mirrors_it():
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=50), rng.integers(0, 2, 50).astype(bool)
    assert roc_auc(np.exp(scores), labels) == roc_auc(scores, labels)
    assert roc_auc(-scores, labels) == pytest.approx(1 - roc_auc(scores, labels), abs=1e-12)
    assert roc_auc([-np.inf, 0.0, np.inf], [0, 0, 1]) == 1.0


@pytest.mark.parametrize(
    ("scores", "labels", "kind", "message"),
    [
        ([1, 2], [0, 0], CourseError, r"both of them, got \[0\]"),
        ([1, 2], [1, 2], CourseError, "labels: expected 0 and 1"),
        ([1, np.nan], [0, 1], CourseError, "scores: expected numbers, got NaN"),
        ([[1, 2]], [0, 1], ShapeError, r"scores: expected shape \(2,\)"),
        ([], [], ShapeError, "at least one row"),
        ([1.0], [[0]], ShapeError, "labels: expected shape"),
    ],
)
def test_bad_input_is_named(scores, labels, kind, message):
    with pytest.raises(kind, match=message):
        roc_auc(scores, labels)
