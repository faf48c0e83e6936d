"""The file of a run: what goes in comes out, nothing in it can run, and what is wrong with it is told."""

import json
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from torch import nn

from coursekit import storage
from coursekit.errors import CourseError, DataError
from coursekit.scratch import checkpoint
from coursekit.train import checkpoints, fit
from coursekit.train.pytorch import TorchStep

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
TREES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), TREES, max_size=4))
@settings(max_examples=80, deadline=None)
def test_whatever_is_written_comes_back(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "tree"
    checkpoints.write(path, tree)
    assert repr(checkpoints.read(path)) == repr(tree)  # 1 is not True, nan is nan, a tuple no list


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "bfloat16", "int64", "uint8", "bool"])
def test_tensors_come_back_as_tensors_of_their_kind(tmp_path, kind):
    tensor = torch.tensor([[0.0, 1.0, 3.0]]).to(getattr(torch, kind))
    tree = {"a": tensor.T, "b": [tensor[0, 1]], "c": np.arange(3), "d": torch.empty(0)}
    checkpoints.write(tmp_path / "run", tree)
    back = checkpoints.read(tmp_path / "run")
    assert back["a"].dtype == tensor.dtype and torch.equal(back["a"], tensor.T)
    assert back["b"][0].shape == () and torch.equal(back["b"][0], tensor[0, 1])
    assert isinstance(back["c"], np.ndarray) and back["d"].shape == (0,)
    back["a"][...] = 0  # nobody else's


def test_two_arrays_of_one_path_are_two(tmp_path):
    checkpoints.write(tmp_path / "run", {"a.b": np.zeros(1), "a": {"b": np.ones(1)}})
    back = checkpoints.read(tmp_path / "run")
    assert (back["a.b"][0], back["a"]["b"][0]) == (0, 1)


def make(hidden=4, optimizer=torch.optim.AdamW, **how):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, hidden), nn.ReLU(), nn.Linear(hidden, 2))
    return TorchStep(model, F.cross_entropy, optimizer(model.parameters(), lr=0.1), **how)


DATA = [(np.eye(3, dtype=np.float32), np.array([0, 1, 1]))] * 4


@pytest.fixture
def run(tmp_path):
    fit(make(), DATA, checkpoint=tmp_path / "run", progress=False)
    return tmp_path / "run"


def test_the_weights_lie_in_it_by_their_names_and_torch_reads_them(run):
    with safe_open(run, "pt") as file:
        assert torch.equal(
            file.get_tensor("parts.step.model.0.weight"),
            checkpoints.read(run)["parts"]["step"]["model"]["0.weight"],
        )
        assert json.loads(file.metadata()[checkpoints.NOTE])
    assert b"pickle" not in run.read_bytes() and "parts.step.model.0.weight" in checkpoint.load(run)


def test_a_failed_write_leaves_the_old_file(run, monkeypatch):
    before = run.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(CourseError, match="No space left on device"):
        fit(make(), DATA, checkpoint=run, progress=False)
    assert run.read_bytes() == before and list(run.parent.iterdir()) == [run]


def resume(path, step=None, error=CourseError, data=DATA, **how):
    step = step or make()
    before = {name: value.clone() for name, value in step.model.state_dict().items()}
    with pytest.raises(error) as told:
        fit(step, data, epochs=2, checkpoint=path, resume=True, progress=False, **how)
    assert all(torch.equal(before[name], value) for name, value in step.model.state_dict().items()), "nothing changed"
    assert not step.optimizer.state
    return str(told.value)


def test_a_file_of_another_model_optimiser_or_schedule_is_told(run):
    assert "'0.weight' is (5, 3) here and (4, 3) there" in resume(run, make(hidden=5))
    other = make()
    other.model.append(nn.Linear(2, 2))
    assert "'3.weight' is (2, 2) here and nothing there" in resume(run, other)
    assert "expected the optimizer to be SGD as here, got AdamW" in resume(run, make(optimizer=torch.optim.SGD))
    assert "expected the averaged to be AveragedModel as here, got none" in resume(run, make(ema=0.9))
    step = make()
    step.schedule = torch.optim.lr_scheduler.StepLR(step.optimizer, 3)
    assert "expected the schedule to be StepLR as here, got none" in resume(run, step)
    step = make()
    step.optimizer = torch.optim.AdamW(step.model[0].parameters())
    assert "expected an optimizer of [2] parameters (by group), got [4]" in resume(run, step)


def test_other_generators_and_other_data_are_told(run, tmp_path):
    assert "expected 0 random generators of their own, as then, got 1" in resume(run, rngs=[np.random.default_rng(0)])
    fit(make(), Stopping(DATA), checkpoint=run, progress=False)  # in the middle of an epoch
    with pytest.raises(CourseError, match="expected the 2 that were learned from before, got 1. Pass the same data"):
        fit(make(), DATA[:1], checkpoint=run, resume=True, progress=False)
    others = [(x, 1 - y) for x, y in DATA]
    with pytest.raises(CourseError, match="the same as before up to batch 2, got others.*rngs="):
        fit(make(), others, checkpoint=run, resume=True, progress=False)


class Stopping:
    """Batches, and an interrupt after two of them."""

    def __init__(self, data):
        self.data = data

    def __iter__(self):
        yield from self.data[:2]
        raise KeyboardInterrupt


def test_wherever_the_file_is_cut_off_it_is_told(run):
    whole = run.read_bytes()
    for length in [0, 1, 8, 9, 100, len(whole) // 2, len(whole) - 1]:
        run.write_bytes(whole[:length])
        told = resume(run, error=DataError)
        assert told.startswith(str(run)) and ("truncated" in told or "expected a safetensors file" in told)


def test_foreign_files_are_told(tmp_path):
    path = tmp_path / "run"
    torch.save({"w": torch.ones(2)}, path)
    assert "a zip archive, as torch.save" in resume(path, error=DataError)
    path.write_bytes(pickle.dumps({"w": [1] * 99}))
    assert "a pickle" in resume(path, error=DataError)
    checkpoint.save({"w": np.ones(2)}, path)
    assert "got a safetensors file with 1 arrays and nothing else" in resume(path, error=DataError)
    checkpoint.save({"w": np.ones(2)}, path, notes={checkpoints.NOTE: "{no json"})
    assert "whose text is damaged" in resume(path, error=DataError)
    checkpoint.save({"w": np.ones(2)}, path, notes={checkpoints.NOTE: '{"dict": [["a", {"array": "b"}]]}'})
    assert "whose text is damaged (KeyError('b'))" in resume(path, error=DataError)
    checkpoints.write(path, {"w": np.ones(2)})
    assert "expected a checkpoint of fit, got another one" in resume(path, error=DataError)


def refused(message, step=None, **how):
    with pytest.raises(CourseError, match=message):
        fit(step or make(), DATA, progress=False, **how)


def test_arguments_that_make_no_sense_are_told(tmp_path):
    refused("resume: expected checkpoint= with it", resume=True)
    message = (
        r"checkpoint: expected a step with state_dict\(\) and load_state_dict\(\), such as TorchStep, got <lambda>"
    )
    refused(message, step=lambda x, y: 1.0, checkpoint=tmp_path / "run")
    refused("every: expected seconds, at least 0, got -1", checkpoint=tmp_path / "run", every=-1)
    refused("every: expected seconds, at least 0, got 'x'", checkpoint=tmp_path / "run", every="x")
    refused("checkpoint: expected a file to write, got a folder", checkpoint=tmp_path)
    refused("checkpoint: expected a file to write, got one in a folder that is not there", checkpoint=tmp_path / "a/b")
    refused("rngs: expected generators of NumPy or PyTorch, got 3", checkpoint=tmp_path / "run", rngs=[3])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"f": print},
            "expected arrays, numbers and texts to save, got a builtin_function.* at 'parts.step.f'",
        ),
        ({(1, 2): 0}, r"expected text or whole numbers as keys of .parts.step, got \(1, 2\)"),
        ({"f": np.array([{}])}, "expected real numbers for 'parts.step.f', got object"),
    ],
)
def test_a_state_that_is_no_numbers_and_texts_is_told(tmp_path, state, message):
    step = make()
    step.state_dict = lambda: state
    refused(message, step, checkpoint=tmp_path / "run")


def test_a_step_without_torch_can_be_resumed(tmp_path):
    class Step:
        def __init__(self):
            self.w, self.velocity = np.zeros(1), np.zeros(1)

        def __call__(self, x, y):
            error = self.w * x - y
            self.velocity = 0.9 * self.velocity - 0.05 * error * x
            self.w = self.w + self.velocity
            return float(error[0] ** 2)

        def state_dict(self):
            return {"w": self.w, "velocity": self.velocity}

        def load_state_dict(self, state):
            self.w, self.velocity = state["w"], state["velocity"]

    data = [(1.0, 3.0), (0.5, 1.5), (2.0, 6.0)]
    whole = fit(Step(), data, epochs=2, checkpoint=tmp_path / "whole", progress=False)
    fit(Step(), Stopping(data), epochs=2, checkpoint=tmp_path / "run", progress=False)
    resumed = fit(Step(), data, epochs=2, checkpoint=tmp_path / "run", resume=True, progress=False)
    assert resumed.loss == whole.loss and len(whole.loss) == 6
