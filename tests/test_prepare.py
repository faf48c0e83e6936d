"""Rows are dealt out once, batches hold every row once, and scaling looks at the training rows only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from coursekit.errors import CourseError, ShapeError
from coursekit.prepare import batches, flatten, mean_and_std, split, standardize, to_float


def rng(seed=0):
    return np.random.default_rng(seed)


# ------------------------------------------------------------------------------------------- pictures


def test_flatten_keeps_every_number_in_its_place():
    images = rng().integers(0, 256, (3, 4, 5), dtype=np.uint8)
    rows = flatten(images)
    assert rows.shape == (3, 20) and rows.dtype == np.uint8
    assert rows[2, 7] == images[2, 1, 2]
    assert flatten(np.zeros((0, 28, 28))).shape == (0, 784)
    assert flatten(np.zeros((2, 4, 4, 3))).shape == (2, 48)


def test_to_float():
    images = rng().integers(0, 256, (3, 4, 5), dtype=np.uint8)
    images[0, 0, :2] = 0, 255
    rows = to_float(images)
    assert rows.dtype == np.float32 and rows.shape == (3, 20)
    assert rows.min() == 0 and rows.max() == 1
    np.testing.assert_allclose(rows, images.reshape(3, -1) / 255, rtol=1e-6)
    images.setflags(write=False)
    assert to_float(images).flags.writeable


@pytest.mark.parametrize("function", [flatten, to_float])
@pytest.mark.parametrize("shape", [(28,), (28, 28), ()])
def test_pictures_without_a_batch_axis(function, shape):
    with pytest.raises(ShapeError, match=r"images\[None\]"):
        function(np.zeros(shape, dtype=np.uint8))


def test_to_float_refuses_what_would_go_wrong_in_silence():
    with pytest.raises(CourseError, match="got float64.*flatten"):
        to_float(np.zeros((2, 4, 4)))
    with pytest.raises(CourseError, match="got 255. Pass white=16"):
        to_float(np.full((100, 8, 8), 16, dtype=np.uint8))
    with pytest.raises(CourseError, match="got 16. Pass white=200"):
        to_float(np.full((1, 8, 8), 200, dtype=np.uint8), white=16)
    assert to_float(np.zeros((1, 8, 8), dtype=np.uint8)).max() == 0  # one black picture is fine


# ---------------------------------------------------------------------------------------------- split


@given(
    n=st.integers(3, 200),
    weights=st.lists(st.integers(1, 10), min_size=1, max_size=4),
    seed=st.integers(0, 99),
    classes=st.one_of(st.none(), st.integers(1, 6)),
)
def test_split_deals_every_row_out_once(n, weights, seed, classes):
    fractions = [w / sum(weights) for w in weights]
    x = np.arange(n)
    labels = None if classes is None else rng(seed).integers(0, classes, n)
    try:
        parts = split(x, x * 10, fractions=fractions, rng=rng(seed), stratify=labels)
    except CourseError as error:
        assert "rows in every part" in str(error)
        assert n * min(fractions) < 2
        return
    assert sorted(np.concatenate([part for part, _ in parts])) == list(x)
    for (a, b), fraction in zip(parts, fractions, strict=True):
        np.testing.assert_array_equal(b, a * 10)
        assert abs(len(a) - n * fraction) <= 1.5
        if labels is not None:
            for k in range(classes):
                assert abs(np.sum(labels[a] == k) - fraction * np.sum(labels == k)) < 3


def test_split_into_two_has_each_class_to_within_one_row():
    labels = np.repeat(np.arange(10), rng().integers(2, 60, 10))
    for seed in range(20):
        train, _ = split(np.arange(len(labels)), rng=rng(seed), stratify=labels)
        assert len(train) == round(0.8 * len(labels))
        got, whole = np.bincount(labels[train], minlength=10), np.bincount(labels)
        assert np.all(np.abs(got - 0.8 * whole) < 1.0001)


def test_split_is_reproducible_and_shuffles():
    x = np.arange(100)
    first, again, other = (split(x, rng=rng(seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, np.sort(first))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"fractions": (0.8, 0.3)}, CourseError, "with sum 1"),
        ({"fractions": (1.2, -0.2)}, CourseError, "positive"),
        ({"fractions": ()}, CourseError, "positive"),
        ({"fractions": (0.999, 0.001)}, CourseError, "rows in every part"),
        ({"rng": 0}, CourseError, r"default_rng\(0\)"),
        ({"stratify": np.zeros(4)}, ShapeError, r"stratify: expected shape \(5,\)"),
        ({"stratify": np.zeros((5, 2))}, ShapeError, "stratify"),
    ],
)
def test_split_refuses(arguments, kind, message):
    with pytest.raises(kind, match=message):
        split(np.arange(5), **{"rng": rng(), **arguments})


def test_split_refuses_arrays_that_do_not_fit():
    with pytest.raises(ShapeError, match="expected 5 rows"):
        split(np.arange(5), np.arange(4), rng=rng())
    with pytest.raises(ShapeError, match="at least one row"):
        split(np.zeros((0, 3)), rng=rng())
    with pytest.raises(CourseError, match="arrays: expected at least one"):
        split(rng=rng())


# -------------------------------------------------------------------------------------------- batches


@given(n=st.integers(1, 50), size=st.integers(1, 60), shuffled=st.booleans())
def test_batches_hold_every_row_once_in_each_epoch(n, size, shuffled):
    x = np.arange(n)
    them = batches(x, x * 10, size, rng=rng() if shuffled else None)
    for _ in range(2):
        pieces = list(them)
        assert len(pieces) == len(them)
        assert all(len(a) == size for a, _ in pieces[:-1])
        for a, b in pieces:
            np.testing.assert_array_equal(b, a * 10)
        seen = np.concatenate([a for a, _ in pieces])
        assert sorted(seen) == list(x)
        assert shuffled or list(seen) == list(x)


def test_batches_shuffle_anew_each_epoch_and_as_the_seed_says():
    x = np.arange(100)
    first, second = (batches(x, x, 10, rng=rng(3)) for _ in range(2))
    epochs = [np.concatenate([a for a, _ in them]) for them in (first, first, second)]
    assert not np.array_equal(epochs[0], epochs[1])
    np.testing.assert_array_equal(epochs[0], epochs[2])


def test_batches_drop_last():
    x = np.arange(10)
    assert [len(a) for a, _ in batches(x, x, 4)] == [4, 4, 2]
    assert [len(a) for a, _ in batches(x, x, 4, drop_last=True)] == [4, 4]
    assert len(batches(x, x, 4, drop_last=True)) == 2
    assert repr(batches(x, x, 4)) == "3 batches of 4 from 10 rows, in order"


def test_batches_take_tensors_frames_and_lists():
    import pandas as pd
    import torch

    (x, y), *_ = batches(torch.arange(6).reshape(3, 2), torch.arange(3), 2, rng=rng())
    assert isinstance(x, torch.Tensor) and x.shape == (2, 2)
    (x, y), *_ = batches(pd.DataFrame({"a": [1, 2, 3]}), [1, 2, 3], 2, rng=rng())
    np.testing.assert_array_equal(x[:, 0], y)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"size": 0}, CourseError, "size: expected at least 1, got 0"),
        ({"size": 2.0}, CourseError, "size: expected a whole number"),
        ({"size": 9, "drop_last": True}, CourseError, "leave out drop_last"),
        ({"rng": 7}, CourseError, "rng: expected a NumPy Generator, got 7"),
        ({"y": np.arange(4)}, ShapeError, "y: expected 5 rows as in x"),
        ({"y": np.array(3)}, ShapeError, "y: expected 5 rows"),
        ({"x": np.zeros((0, 2))}, ShapeError, "x: expected at least one row"),
    ],
)
def test_batches_refuse_at_once(arguments, kind, message):
    with pytest.raises(kind, match=message):
        batches(**{"x": np.arange(5), "y": np.arange(5), "size": 2, **arguments})


# ---------------------------------------------------------------------------------------- standardize


def test_standardize_agrees_with_scikit_learn():
    train, test = rng().normal(3, 5, (50, 4)), rng(1).normal(3, 5, (20, 4))
    train[:, 2] = 0.1  # constant, and not exact in binary
    scaler = StandardScaler().fit(train)
    a, b = standardize(train, test)
    np.testing.assert_allclose(a, scaler.transform(train), atol=1e-12)
    np.testing.assert_allclose(b, scaler.transform(test), atol=1e-12)
    assert np.all(a[:, 2] == 0)
    mean, std = mean_and_std(train)
    np.testing.assert_allclose(b, (test - mean) / std)


def test_standardize_looks_at_the_training_rows_only():
    train, test = rng().normal(size=(50, 4)), rng(1).normal(size=(20, 4))
    np.testing.assert_array_equal(standardize(train, test)[0], standardize(train, test + 1000)[0])


@pytest.mark.parametrize(
    ("given_dtype", "expected"), [(np.float32, np.float32), (np.uint8, np.float64), (np.float64, np.float64)]
)
def test_standardize_dtypes(given_dtype, expected):
    train = rng().integers(0, 200, (30, 3)).astype(given_dtype)
    out = standardize(train)
    assert out.dtype == expected
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(out.std(axis=0), 1, atol=1e-5)


def test_standardize_refuses():
    with pytest.raises(ShapeError, match=r"rows of shape \(3,\) as in train, got \(2,\)"):
        standardize(np.zeros((5, 3)), np.zeros((5, 2)))
    with pytest.raises(ShapeError, match="at least one row"):
        standardize(np.zeros((0, 3)))


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (3.0, "train: expected at least one row"),
        (np.array([["a"], ["b"]]), "train: expected numbers"),
        (np.array([[1.0], [np.nan]]), "train: expected finite numbers, got 1"),
    ],
)
def test_what_has_no_mean_is_told(train, message):
    with pytest.raises(CourseError, match=message):
        standardize(train)


def test_one_fraction_is_not_enough():
    with pytest.raises(CourseError, match="fractions: expected a share for each part, got 0.5"):
        split(np.ones(4), fractions=0.5, rng=np.random.default_rng(0))
