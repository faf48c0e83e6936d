"""Sets whose rows belong together: no group is on both sides, and a file that breaks this is refused."""

import hashlib
import json

import numpy as np
import pytest

from coursekit import registry as registry_module
from coursekit.datasets import load
from coursekit.errors import DataError

OFFICIAL_TEST = [2, 4, 9, 10, 12, 13, 18, 20, 24]  # the persons of the authors' own test set


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A registry with one small set `toy`; calling it stores arrays and describes them truly."""
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(registry_module, "registry_file", lambda: tmp_path / "registry.toml")

    def store(group="the person", **arrays):
        path = tmp_path / "toy.npz"
        np.savez(path, **arrays)
        row = {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
            "class_names": ["no", "yes"],
            **dict.fromkeys(["licence", "source", "citation", "row", "units"], "of a toy"),
        }
        row |= {"group": group} if group else {}
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in row.items())
        (tmp_path / "registry.toml").write_text(f"[toy]\n{lines}", encoding="utf-8")

    return store


def arrays(**changes):
    whole = {
        "x_train": np.zeros((4, 3), np.int8),
        "y_train": np.array([0, 1, 0, 1], np.uint8),
        "groups_train": np.array([1, 1, 3, 3], np.uint8),
        "x_test": np.zeros((2, 3), np.int8),
        "y_test": np.array([0, 1], np.uint8),
        "groups_test": np.array([2, 2], np.uint8),
    } | changes
    return {key: value for key, value in whole.items() if value is not None}


def test_har_is_split_by_person_as_its_authors_did():
    data = load("har")
    assert data.x_train.shape == (3825, 64, 6) and data.x_test.shape == (1546, 64, 6)
    assert data.x_train.dtype == np.int8
    assert data.groups_train.shape == data.y_train.shape and data.groups_test.shape == data.y_test.shape
    assert data.groups_train.dtype == np.int64
    assert sorted({*data.groups_test.tolist()}) == OFFICIAL_TEST
    assert sorted({*data.groups_train.tolist(), *data.groups_test.tolist()}) == list(range(1, 31))
    assert not {*data.groups_train.tolist()} & {*data.groups_test.tolist()}
    np.testing.assert_array_equal(
        np.bincount(data.y_train) + np.bincount(data.y_test), [886, 803, 739, 924, 1009, 1010]
    )


def test_har_measures_what_its_units_say():
    """Gravity pulls with 1 g; whoever lies has the telephone turned; walking shakes it more than standing."""
    data = load("har")
    assert data.class_names[5] == "laying" and data.feature_names[:3] == ("acc-x", "acc-y", "acc-z")
    g = 0.016 * data.x_train.astype(float)
    pull = np.linalg.norm(g[data.y_train == 4][:, :, :3], axis=2)
    assert abs(pull.mean() - 1) < 0.06
    upright = [g[data.y_train == k][:, :, 0].mean() for k in range(6)]
    assert min(upright[:5]) > 0.8 and upright[5] < 0.3
    shaking = [g[data.y_train == k].std(axis=1).mean() for k in range(6)]
    assert min(shaking[:3]) > 5 * max(shaking[3:])


def test_rows_keep_their_order_so_that_a_neighbour_is_the_moment_after():
    data = load("har")
    assert np.count_nonzero(np.diff(data.groups_train)) == 20  # one run of rows for each of the 21 persons
    assert np.mean(np.diff(data.y_train) == 0) > 0.8


def test_groups_are_read_only_and_told():
    data = load("har")
    with pytest.raises(ValueError, match="read-only"):
        data.groups_test[0] = 1
    assert "the person who wore it: 21 to learn from, 9 others to test on" in repr(data)


def test_a_set_whose_rows_stand_alone_has_no_groups():
    data = load("iris")
    assert data.groups_train is None and data.groups_test is None and data.group == ""
    assert "groups" not in repr(data)


def test_groups_are_loaded_beside_their_rows(toy):
    toy(**arrays())
    data = load("toy")
    assert data.groups_train.tolist() == [1, 1, 3, 3] and data.groups_test.tolist() == [2, 2]
    assert data.group == "the person"


@pytest.mark.parametrize(
    ("group", "changes", "message"),
    [
        ("the person", {"groups_test": None}, "expected .*groups_test.* got groups_train, 'the person'"),
        ("the person", {"groups_train": None, "groups_test": None}, "got none, 'the person'"),
        ("", {}, r"got groups_train, groups_test, ''"),
        ("the person", {"groups_test": np.array([2, 3])}, "each group on one side, got 3 on both"),
        ("the person", {"groups_test": np.array([2])}, "a group for each row of test"),
    ],
)
def test_a_file_that_does_not_keep_groups_apart_is_refused(toy, group, changes, message):
    toy(group, **arrays(**changes))
    with pytest.raises(DataError, match=message):
        load("toy")
