"""Weights in a file: exactly what was saved comes back, PyTorch reads and writes the same, what is wrong is told."""

import io
import json
import pickle
import struct

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from coursekit import storage
from coursekit.errors import CourseError, DataError
from coursekit.scratch import nn
from coursekit.scratch.attention import MultiheadAttention
from coursekit.scratch.checkpoint import load, read, save

KINDS = [
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
]
ARRAYS = st.sampled_from(KINDS).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def network():
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(4, 8, rng=rng), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3, rng=rng))


def expect_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert (a[name].dtype, a[name].shape) == (b[name].dtype, b[name].shape)
        assert a[name].tobytes() == b[name].tobytes(), name  # to the bit, whatever they mean


@given(st.dictionaries(NAMES, ARRAYS, max_size=4))
@settings(max_examples=60, deadline=None)
def test_whatever_was_saved_comes_back_to_the_bit(tmp_path_factory, state):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    save(state, path)
    expect_same(state, load(path))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24.0).reshape(4, 6)[::2, ::-1],
        np.broadcast_to(np.float32(3), (2, 2)),
        np.arange(3, dtype=">f4"),
    ],
    ids=["turned", "columns first", "every second", "stretched", "other byte order"],
)
def test_the_order_in_memory_does_not_matter(array, tmp_path):
    save({"w": array}, tmp_path / "w.safetensors")
    np.testing.assert_array_equal(load(tmp_path / "w.safetensors")["w"], array)


def test_a_network_goes_on_where_it_was_saved(tmp_path):
    trained, path, x = network(), tmp_path / "net.safetensors", np.random.default_rng(1).normal(size=(5, 4))
    nn.cross_entropy(trained(x), [0, 1, 2, 0, 1]).backward()  # and the running statistics have moved
    for parameter in trained.parameters():
        parameter.data -= parameter.grad
    save(trained.state_dict(), path)
    other = network()
    other.load_state_dict(load(path))
    expect_same(trained.state_dict(), other.state_dict())
    np.testing.assert_array_equal(trained.eval()(x).data, other.eval()(x).data)
    load(path)["0.weight"][...] = 0  # can be written to, and is nobody else's


def test_torch_reads_our_file_and_we_read_torchs(tmp_path):
    ours, path = MultiheadAttention(8, 2, rng=np.random.default_rng(0)), tmp_path / "a.safetensors"
    theirs = torch.nn.MultiheadAttention(8, 2)
    save(ours.state_dict(), path)
    theirs.load_state_dict(safetensors.torch.load_file(path))
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name], value.numpy())
    theirs.in_proj_bias.data += 1
    safetensors.torch.save_file(theirs.state_dict(), path, metadata={"format": "pt"})
    ours.load_state_dict(load(path))
    assert (ours.in_proj_bias.data == 1).all()


def test_notes_in_the_header_come_back_and_do_not_disturb(tmp_path):
    path, notes = tmp_path / "net.safetensors", {"epoch": "3", "words": 'with "quotes", ä and\nlines'}
    save({"w": np.ones(2)}, path, notes=notes)
    arrays, found = read(path)
    assert found == notes and load(path).keys() == arrays.keys() == {"w"}
    save({"w": np.ones(2)}, path)
    assert read(path)[1] == {}


# -- written whole or not at all -------------------------------------------------------------------------------------
def test_a_failed_save_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    save({"w": np.ones(3)}, path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(CourseError, match=r"path: expected a file that can be written, got .*No space left on device"):
        save({"w": np.zeros(3)}, path)
    assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_array_equal(load(path)["w"], np.ones(3))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CourseError, match=r"path: .*written, got .*nowhere.*No such file.*Make its folder first"):
        save({"w": np.ones(3)}, tmp_path / "nowhere" / "net.safetensors")


# -- what cannot be saved --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "message"),
    [
        (network(), "state: expected a dict of arrays, got Sequential. Pass network.state_dict()"),
        ([np.ones(2)], "state: expected a dict of arrays, got list"),
        ({"w": network()[0].weight}, "state: expected an array for 'w', got Tensor. Pass network.state_dict()"),
        ({"w": [1.0, 2.0]}, "state: expected an array for 'w', got list"),
        ({"w": torch.ones(2)}, "state: expected an array for 'w', got Tensor"),
        ({1: np.ones(2)}, "state: expected names as text, other than '__metadata__', got 1"),
        ({"__metadata__": np.ones(2)}, "state: expected names as text, .* got '__metadata__'. Rename it"),
        ({"w": np.array(["a"])}, "state: expected real numbers for 'w', got <U1"),
        ({"w": np.array([{}])}, "state: expected real numbers for 'w', got object"),
        ({"w": np.array([1j])}, "state: expected real numbers for 'w', got complex128"),
    ],
)
def test_what_is_no_state_is_told_and_writes_nothing(state, message, tmp_path):
    with pytest.raises(CourseError, match=message):
        save(state, tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())


# -- what cannot be loaded -------------------------------------------------------------------------------------------
def header(entries, numbers=b""):
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + numbers


def of(data, tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(data)
    with pytest.raises(DataError) as told:
        load(path)
    assert str(told.value).startswith(str(path))
    return str(told.value)[len(str(path)) :]


@pytest.fixture
def whole(tmp_path):
    save({"w": np.ones(3), "b": np.zeros(1)}, tmp_path / "whole.safetensors")
    return (tmp_path / "whole.safetensors").read_bytes()


def test_wherever_a_file_is_cut_off_it_is_told(whole, tmp_path):
    told = [of(whole[:n], tmp_path) for n in range(len(whole))]
    start = 8 + int.from_bytes(whole[:8], "little")
    assert told[0] == ": expected a safetensors file, got an empty one. Write it with checkpoint.save."
    assert all("expected a safetensors file, got one that begins with" in message for message in told[1:9])
    assert all(f"expected more than {start} bytes, got {n}: the file is truncated" in told[n] for n in range(9, start))
    assert all(f"expected {len(whole)} bytes, got {n}: the" in told[n] for n in range(start, len(whole)))


FOREIGN = {
    "torch": (lambda file: torch.save({"w": torch.ones(2)}, file), "got a zip archive, as torch.save"),
    "npz": (lambda file: np.savez(file, w=np.ones(2)), "got a zip archive, as torch.save and numpy.savez"),
    "npy": (lambda file: np.save(file, np.ones(2)), "got an array of numpy.save"),
    "pickle": (lambda file: file.write(pickle.dumps({"w": [1] * 99})), "got a pickle"),
    "json": (lambda file: file.write(b'{"w": [1, 2]}'), "got JSON text"),
    "page": (lambda file: file.write(b"<!DOCTYPE html><title>Not found</title>"), "got a web page"),
    "lfs": (lambda file: file.write(b"version https://git-lfs.github.com/spec/v1\n"), "got a pointer of Git LFS"),
    "text": (lambda file: file.write(b"some words about weights"), "got one that begins with b'some wor'"),
    "hdf": (lambda file: file.write(b"\x89HDF\r\n\x1a\n" + bytes(99)), "got an HDF5 file, as Keras writes"),
}


@pytest.mark.parametrize(("write", "message"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_another_kind_is_told_for_what_it_is(write, message, tmp_path):
    file = io.BytesIO()
    write(file)
    assert message in of(file.getvalue(), tmp_path)


ENTRY = {"dtype": "F64", "shape": [3], "data_offsets": [0, 24]}
DAMAGED = {
    "no json": (header(b"{not json"), "expected a list of arrays at its start, got none that can be read"),
    "no offsets": (header({"w": {"dtype": "F64"}}), "expected a list of arrays at its start"),
    "offset no number": (header({"w": ENTRY | {"data_offsets": [0, None]}}, bytes(24)), "expected a list of arrays"),
    "no entry": (header({"w": 3}), "expected a list of arrays at its start"),
    "unknown kind": (
        header({"w": ENTRY | {"dtype": "X9"}}, bytes(24)),
        "expected a sound safetensors file, got a damaged",
    ),
    "sizes disagree": (
        header({"w": ENTRY | {"shape": [2]}}, bytes(24)),
        "expected a sound safetensors file, got a damaged",
    ),
    "something behind": (header({"w": ENTRY}, bytes(25)), "expected a sound safetensors file, got a damaged one"),
}


@pytest.mark.parametrize(("data", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_told(data, message, tmp_path):
    assert message in of(data, tmp_path)


def test_the_frame_of_the_damaged_files_is_sound(tmp_path):
    (tmp_path / "w").write_bytes(header({"w": ENTRY}, np.arange(3.0).tobytes()))
    np.testing.assert_array_equal(load(tmp_path / "w")["w"], np.arange(3.0))


def test_numbers_that_numpy_has_not_are_told(tmp_path):
    data = safetensors.torch.save({"w": torch.ones(2, dtype=torch.bfloat16)})
    assert "expected kinds of number that NumPy has, got BF16. Convert to float32" in of(data, tmp_path)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(DataError, match="path: expected a file, got none at .*nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="path: expected a file that can be read, got .*Is a directory"):
        load(tmp_path)


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_bytes_give_arrays_or_an_error_of_ours(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(data)
    try:
        load(path)
    except DataError as error:
        assert "expected" in str(error)
