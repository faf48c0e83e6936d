"""Loading: the right arrays, read-only, once for each version of the file, and a text that says what they are."""

import hashlib
import json

import numpy as np
import pytest

from coursekit import datasets
from coursekit import registry as registry_module
from coursekit.datasets import load, names, to_float
from coursekit.errors import DataError, UnknownNameError

TABLES = {"digits": (1797, 8, 8), "breast_cancer": (569, 30), "iris": (150, 4), "wine": (178, 13)}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A registry with one small set `toy`; calling it stores arrays and describes them truly."""
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(registry_module, "registry_file", lambda: tmp_path / "registry.toml")

    def store(**arrays):
        path = tmp_path / "toy.npz"
        np.savez(path, **arrays)
        row = {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
            "class_names": ["no", "yes"],
            **dict.fromkeys(["licence", "source", "citation", "row", "units"], "of a toy"),
        }
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in row.items())
        (tmp_path / "registry.toml").write_text(f"[toy]\n{lines}", encoding="utf-8")
        return path

    return store


def arrays():
    return {
        "x_train": np.zeros((4, 2, 2), dtype=np.uint8),
        "y_train": np.array([0, 1, 0, 1], dtype=np.uint8),
        "x_test": np.zeros((2, 2, 2), dtype=np.uint8),
        "y_test": np.array([0, 1], dtype=np.uint8),
    }


def test_fashion_mnist_is_the_official_one():
    data = load("fashion_mnist")
    assert data.x_train.shape == (60000, 28, 28) and data.x_train.dtype == np.uint8
    assert data.x_test.shape == (10000, 28, 28) and data.x_test.dtype == np.uint8
    assert data.y_train.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(data.y_train), [6000] * 10)
    np.testing.assert_array_equal(np.bincount(data.y_test), [1000] * 10)
    assert data.class_names[data.y_train[0]] == "ankle boot"  # the first row of the published files
    rows = to_float(data.x_test)
    assert rows.shape == (10000, 784) and rows.dtype == np.float32 and (rows.min(), rows.max()) == (0, 1)
    assert abs(to_float(data.x_train[::10]).mean() - 0.286) < 0.003


@pytest.mark.parametrize("name", TABLES)
def test_bundled_sets_have_a_fixed_stratified_quarter_to_test_on(name):
    data = load(name)
    n = len(data.x_train) + len(data.x_test)
    assert (n, *data.x_train.shape[1:]) == TABLES[name]
    assert abs(len(data.x_test) - n / 4) <= 1
    whole = np.bincount(data.y_train) + np.bincount(data.y_test)
    assert np.all(np.abs(np.bincount(data.y_test) - whole / 4) <= 1)
    x, y = registry_module.bundled_arrays(name)[:2]
    rows = np.concatenate([data.x_train, data.x_test]).reshape(n, -1)
    together = np.column_stack([rows, np.concatenate([data.y_train, data.y_test])])
    same = sorted(map(tuple, together.tolist())) == sorted(map(tuple, np.column_stack([x, y]).tolist()))
    assert same, "a row was lost, doubled, or parted from its label"


def test_the_fixed_split_never_moves():
    """These numbers are the promise: another NumPy, another machine, the same rows."""
    digest = {name: hashlib.sha256(load(name).y_test.astype("<i8").tobytes()).hexdigest()[:12] for name in TABLES}
    assert digest == {
        "digits": "e3fa6c9f8239",
        "breast_cancer": "415183385742",
        "iris": "4eff45a32115",
        "wine": "fdbc8ce19adc",
    }


def test_a_classifier_finds_the_labels_beside_their_rows():
    from sklearn.neighbors import KNeighborsClassifier

    data = load("digits")
    model = KNeighborsClassifier(3).fit(to_float(data.x_train, white=16), data.y_train)
    assert model.score(to_float(data.x_test, white=16), data.y_test) > 0.97


@pytest.mark.parametrize("name", ["fashion_mnist", *TABLES])
def test_arrays_are_read_only_and_loaded_once(name):
    data = load(name)
    assert load(name) is data
    for key in ("x_train", "y_train", "x_test", "y_test"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(data, key)[0] = 0
    with pytest.raises(AttributeError):
        data.x_train = None


@pytest.mark.parametrize("name", ["fashion_mnist", *TABLES])
def test_repr_teaches(name):
    data = load(name)
    text = repr(data)
    for part in (data.row, data.units, data.licence, data.citation, data.source, str(data.x_train.shape)):
        assert part in text
    assert f"({np.bincount(data.y_train)[0]:,})" in text
    assert len(text.splitlines()) <= 11


def test_unknown_name():
    with pytest.raises(UnknownNameError, match="data set: .* Did you mean 'fashion_mnist'"):
        load("fashionmnist")
    with pytest.raises(UnknownNameError, match="Known: adult_income"):
        load("zzz")
    assert "iris" in names()


def test_a_new_version_of_the_file_is_loaded_anew(toy):
    toy(**arrays())
    first = load("toy")
    assert load("toy") is first
    assert first.class_names == ("no", "yes") and first.feature_names == ()
    toy(**{**arrays(), "y_test": np.array([1, 1], dtype=np.uint8)})
    assert load("toy").y_test.tolist() == [1, 1]


def test_a_file_damaged_after_loading_is_noticed(toy):
    path = toy(**arrays())
    load("toy")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"'toy' is truncated: .*toy.npz.*got 100 bytes and sha256 \w{64}"):
        load("toy")
    path.unlink()
    with pytest.raises(DataError, match="is missing"):
        load("toy")


def test_a_file_without_an_array(toy):
    only = arrays()
    del only["y_test"]
    toy(**only)
    with pytest.raises(DataError, match="none called y_test"):
        load("toy")


def test_pickled_objects_are_never_loaded(toy, tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").mkdir, ())

    toy(**{**arrays(), "x_train": np.array([Trap()], dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle"):
        load("toy")
    assert not (tmp_path / "sprung").exists()


def test_the_public_names_are_all_here():
    assert all(hasattr(datasets, name) for name in datasets.__all__)
    assert {"load", "names", "registry", "verify", "split", "batches", "standardize"} <= set(datasets.__all__)
