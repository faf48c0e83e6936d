"""Few labels of each class: what is learned and what is tested share no row and no group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.dealing import few_labels
from coursekit.errors import CourseError, ShapeError


def rng(seed=0):
    return np.random.default_rng(seed)


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    test=st.integers(1, 4),
    classes=st.integers(1, 4),
    largest_group=st.integers(0, 5),  # 0: no groups
    mixed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_few_labels_are_disjoint_nested_balanced_and_split_no_group(sizes, test, classes, largest_group, mixed, seed):
    chance = rng(seed)
    labels = chance.permutation(np.repeat(np.arange(classes) * 3, chance.integers(12, 40, classes)))
    groups = None
    if largest_group:
        groups = chance.integers(0, 1 + len(labels) // largest_group, len(labels)) + (0 if mixed else 1000 * labels)
    try:
        learn, hold = few_labels(labels, sizes, test, rng=rng(seed), groups=groups)
    except CourseError as error:
        assert groups is not None and "groups: expected" in str(error)  # there are rows enough, in groups too big
        return
    assert list(learn) == list(dict.fromkeys(sizes))
    biggest = learn[max(sizes)]
    assert len(np.unique(np.concatenate([biggest, hold]))) == (max(sizes) + test) * classes
    assert (np.unique(labels[hold], return_counts=True)[1] == test).all()
    for size, rows in learn.items():
        np.testing.assert_array_equal(rows, biggest[: len(rows)])
        assert np.unique(labels[rows], return_counts=True)[1].tolist() == [size] * classes
    if groups is not None:
        assert not np.intersect1d(groups[biggest], groups[hold]).size


def test_few_labels_finds_a_way_where_one_group_is_to_spare_and_none_where_there_is_none():
    dealt = impossible = 0
    for seed in range(200):
        chance = rng(seed)
        sizes = chance.integers(1, 9, 12)  # of the groups of one class
        most, test = int(chance.integers(1, sizes.sum())), int(chance.integers(1, 6))
        labels, groups = np.repeat([0, 1], sizes.sum()), np.repeat(np.arange(24), np.tile(sizes, 2))
        sums = {0}
        for size in sizes.tolist():
            sums |= {size + other for other in sums}
        try:
            few_labels(labels, [most], test, rng=chance, groups=groups)
            dealt += 1
        except CourseError as error:
            assert "Sizes up to" in str(error) or "at best" in str(error)
            assert most + test + sizes.max() > sizes.sum()
        if not any(test <= n <= sizes.sum() - most for n in sums):
            impossible += 1
            with pytest.raises(CourseError):
                few_labels(labels, [most], test, rng=chance, groups=groups)
    assert dealt > 150 and impossible > 5


def test_few_labels_is_reproducible_and_tests_on_the_same_rows_whatever_their_number():
    labels, groups = np.repeat([0, 1], 50), np.arange(100) // 4
    first, again, other = (few_labels(labels, [2, 9], 8, rng=rng(seed), groups=groups) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0][9], again[0][9])
    np.testing.assert_array_equal(first[1], again[1])
    assert set(first[1]) != set(other[1])


def test_few_labels_uses_the_last_row_and_every_row_has_its_chance():
    labels = np.repeat([0, 1, 2], [7, 7, 9])
    seen = np.zeros((2, len(labels)), dtype=int)
    for seed in range(300):
        learn, hold = few_labels(labels, [4], 3, rng=rng(seed))
        assert set(learn[4]) | set(hold) >= set(range(14))  # 4 + 3 of 7: none is left over
        seen[0, learn[4]] += 1
        seen[1, hold] += 1
    expected = np.array([[4], [3]]) / np.repeat([7, 7, 9], [7, 7, 9]) * 300
    assert np.abs(seen - expected).max() < 6 * np.sqrt(300 * 0.25)


def test_a_big_group_does_not_become_the_whole_test():
    labels, groups = np.zeros(140, dtype=int), np.r_[np.zeros(40, dtype=int), np.arange(1, 101)]
    for seed in range(50):
        learn, hold = few_labels(labels, [50], 20, rng=rng(seed), groups=groups)
        assert len(np.unique(groups[hold])) == 20
        assert len(np.unique(groups[learn[50]])) == 50


def test_a_class_with_hardly_enough_rows_does_not_make_the_test_of_another_poorer():
    labels = np.repeat([0, 1], [34, 140])
    groups = np.r_[np.repeat(np.arange(4), [22, 4, 4, 4]), np.repeat(10, 40), np.arange(11, 111)]
    for seed in range(50):
        _, hold = few_labels(labels, [22], 10, rng=rng(seed), groups=groups)
        assert len(np.unique(groups[hold[labels[hold] == 1]])) == 10


@given(sizes=st.lists(st.integers(1, 9), min_size=8, max_size=20), seed=st.integers(0, 99))
def test_no_group_gives_a_second_row_before_every_group_gave_one(sizes, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    labels = np.zeros(len(groups), dtype=int)
    most = max(1, (len(groups) - max(sizes)) // 2)
    learn, hold = few_labels(labels, [most], most, rng=rng(seed), groups=groups)
    for side in (learn[most], hold):
        given = np.bincount(groups[side])
        for k, size in enumerate(sizes):
            if k < len(given) and given[k]:  # a group that was not drawn from may be on the other side
                assert given[k] >= min(size, given.max() - 1)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"sizes": [6]}, CourseError, r"expected 6 rows .* and 3 to test on, got 8 of class 1. Sizes up to 5 fit"),
        ({"test": 9, "sizes": [1]}, CourseError, "got 8 of class 1. Sizes up to 0 fit"),
        ({"sizes": 5}, CourseError, r"sizes: expected whole numbers in a list, got 5. Write \[5, 20\]"),
        ({"sizes": []}, CourseError, "sizes: expected"),
        ({"sizes": [0]}, CourseError, "above 0, got 0"),
        ({"test": 0}, CourseError, "above 0, got 0"),
        ({"sizes": [1.5]}, CourseError, "got 1.5"),
        ({"rng": 0}, CourseError, r"default_rng\(0\)"),
        ({"labels": np.zeros((8, 2))}, ShapeError, "labels"),
        ({"groups": np.zeros(4)}, ShapeError, r"groups: expected shape \(18,\)"),
        ({"groups": np.repeat([0, 1, 2], [10, 4, 4])}, CourseError, r"5 \+ 3 rows of class 0 .* got 0 \+ 3 at best"),
        ({"groups": np.repeat([0, 1, 2], [5, 9, 4])}, CourseError, r"5 \+ 3 rows of class 1 .* got 4 \+ 3 at best"),
    ],
)
def test_few_labels_refuses(arguments, kind, message):
    usual = {"labels": np.repeat([0, 1], [10, 8]), "sizes": [2, 5], "test": 3, "rng": rng()}
    with pytest.raises(kind, match=message):
        few_labels(**{**usual, **arguments})
