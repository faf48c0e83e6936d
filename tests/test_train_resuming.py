"""A run that was cut off goes on as if it had not been: the same losses and weights, to the bit."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from coursekit.datasets import batches
from coursekit.errors import CourseError
from coursekit.train import checkpoints, fit
from coursekit.train.interrupts import Interrupts
from coursekit.train.pytorch import TorchStep, evaluate

X = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
Y = X[:, :3].argmax(1)
EPOCHS, STEPS = 3, 5


class Augmented(TensorDataset):
    """Rows with noise from torch's global generator, which dropout draws from too."""

    def __getitem__(self, k):
        x, y = super().__getitem__(k)
        return x + 0.1 * torch.randn(6), y


def loader(kind):
    rows = torch.from_numpy(X), torch.from_numpy(Y)
    if kind == "loader with a generator":
        return DataLoader(TensorDataset(*rows), 10, shuffle=True, generator=torch.Generator().manual_seed(3))
    if kind == "loader with workers":
        return DataLoader(Augmented(*rows), 10, shuffle=True, num_workers=1)
    return DataLoader(Augmented(*rows), 10, shuffle=True)


def drawn(rng):
    """Batches of a function: every epoch anew, from a generator that fit cannot see."""

    def make():
        order = rng.permutation(50)
        for k in range(0, 50, 10):
            yield X[order[k : k + 10]] + rng.normal(size=(10, 6)), Y[order[k : k + 10]]

    return make


class Stopped(TorchStep):
    """A step in whose middle somebody presses the stop button."""

    stop_at = None

    def __call__(self, x, y):
        self.stop_at = self.stop_at and self.stop_at - 1
        if self.stop_at == 0:
            signal.raise_signal(signal.SIGINT)
        return super().__call__(x, y)


def train(path, kind="loader", seed=0, stop_at=None, epochs=EPOCHS, hidden=8, optimizer=torch.optim.AdamW, **how):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, hidden), nn.BatchNorm1d(hidden), nn.Dropout(0.2), nn.Linear(hidden, 3))
    descent = optimizer(model.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(descent, 0.05, total_steps=100, cycle_momentum=False)
    step = Stopped(model, F.cross_entropy, descent, schedule=schedule, clip=1.0, ema=0.8)
    step.stop_at = stop_at
    rng = np.random.default_rng(5)
    data, rngs = loader(kind), []
    if kind == "the course's batches":
        data = batches(X, Y, 10, rng=rng)
    if kind == "function":
        data, rngs = drawn(rng), [rng]
    arguments = {"epochs": epochs, "evaluate": lambda: evaluate(model, [(X, Y)]), "rngs": rngs, "progress": False}
    history = fit(step, data, checkpoint=path, **(arguments | how))
    return history, step


def expect_same_run(one, other):
    (history, step), (history2, step2) = one, other
    assert history.loss == history2.loss
    assert history.metrics == history2.metrics
    assert (history.epochs, history.stopped, history.steps_per_epoch) == (
        history2.epochs,
        history2.stopped,
        history2.steps_per_epoch,
    )
    assert checkpoints_equal(step.state_dict(), step2.state_dict())


def checkpoints_equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(checkpoints_equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(checkpoints_equal, a, b))
    return a == b


KINDS = ["loader", "loader with a generator", "the course's batches", "function"]


@pytest.mark.parametrize("stop_at", [1, 3, 5, 7, 10, 14])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_was_cut_off_goes_on_to_the_bit(tmp_path, kind, stop_at, capsys):
    whole = train(tmp_path / "whole", kind)
    history, _ = train(tmp_path / "run", kind, stop_at=stop_at)
    assert (history.stopped, len(history.loss)) == ("interrupted", stop_at)
    assert "resume=True goes on from run" in capsys.readouterr().out
    torch.manual_seed(77)  # another process would be somewhere else, too
    np.random.random(3)  # noqa: NPY002
    expect_same_run(whole, train(tmp_path / "run", kind, seed=8, resume=True))


def test_so_does_one_whose_batches_come_from_another_process(tmp_path):
    whole = train(tmp_path / "whole", "loader with workers")
    train(tmp_path / "run", "loader with workers", stop_at=7)
    expect_same_run(whole, train(tmp_path / "run", "loader with workers", seed=8, resume=True))


def test_being_cut_off_again_and_again_changes_nothing(tmp_path):
    whole = train(tmp_path / "whole")
    for seed in range(20):
        run = train(tmp_path / "run", seed=seed, resume=True, stop_at=2)
        if run[0].stopped == "finished":
            break
    assert seed == 7
    expect_same_run(whole, run)


def test_a_run_that_died_goes_on_from_its_last_file(tmp_path):
    whole = train(tmp_path / "whole")

    def dies():
        raise MemoryError("the machine went down")

    with pytest.raises(MemoryError):
        train(tmp_path / "run", evaluate=dies, every=0)
    assert checkpoints.read(tmp_path / "run")["position"] == STEPS
    expect_same_run(whole, train(tmp_path / "run", seed=8, resume=True))


def test_an_interrupt_while_measuring_loses_nothing(tmp_path):
    whole = train(tmp_path / "whole")

    def stopped():
        torch.rand(5)
        signal.raise_signal(signal.SIGINT)

    history, _ = train(tmp_path / "run", evaluate=stopped)
    assert (history.stopped, len(history.loss), history.epochs) == ("interrupted", STEPS, 0)
    expect_same_run(whole, train(tmp_path / "run", seed=8, resume=True))


def test_what_measuring_draws_counts_where_a_run_was_cut_between_two_epochs(tmp_path):
    how = {"evaluate": lambda: {"chance": torch.rand(()).item()}}
    whole = train(tmp_path / "whole", **how)
    train(tmp_path / "run", epochs=1, **how)
    expect_same_run(whole, train(tmp_path / "run", seed=8, resume=True, **how))


def test_early_stopping_remembers_over_the_cut(tmp_path):
    def scored(path, **how):
        scores = iter(how.pop("scores"))
        return train(path, evaluate=lambda: {"accuracy": next(scores)}, patience=2, epochs=9, **how)

    whole = scored(tmp_path / "whole", scores=[0.5, 0.9, 0.8, 0.7])
    scored(tmp_path / "run", scores=[0.5, 0.9], stop_at=12)
    resumed = scored(tmp_path / "run", scores=[0.8, 0.7], seed=8, resume=True)
    assert (resumed[0].stopped, resumed[0].best_epoch) == ("early", 2)
    expect_same_run(whole, resumed)
    expect_same_run(whole, scored(tmp_path / "run", scores=[], seed=9, resume=True))


def test_a_run_that_had_ended_gives_its_history_again_and_can_be_made_longer(tmp_path):
    whole = train(tmp_path / "whole")
    before = (tmp_path / "whole").read_bytes()
    expect_same_run(whole, train(tmp_path / "whole", seed=8, resume=True))
    assert (tmp_path / "whole").read_bytes() == before
    longer = train(tmp_path / "longer", epochs=5)
    expect_same_run(longer, train(tmp_path / "whole", seed=8, resume=True, epochs=5))


def test_without_a_file_the_run_begins_and_without_resume_it_begins_anew(tmp_path):
    first = train(tmp_path / "run", resume=True)
    expect_same_run(first, train(tmp_path / "run"))


def test_files_are_written_every_so_often(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(checkpoints, "write", lambda path, tree: written.append(len(tree["history"]["loss"])))
    train(tmp_path / "run", every=0, epochs=2)
    assert written == [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 10, 10]
    written.clear()
    train(tmp_path / "run", every=1000, epochs=2)
    assert written == [10]


# -- interrupts ------------------------------------------------------------------------------------------------------
def test_a_second_interrupt_stops_in_the_middle_and_leaves_the_file_alone(tmp_path, capsys):
    class Impatient(Stopped):
        def __call__(self, x, y):
            loss = super().__call__(x, y)
            if self.stop_at == 0:
                signal.raise_signal(signal.SIGINT)
            return loss

    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    step = Impatient(model, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1))
    step.stop_at = 4
    history = fit(step, [(X, Y)] * 9, checkpoint=tmp_path / "run", every=0, progress=False)
    assert (history.stopped, len(history.loss)) == ("interrupted", 3)
    assert len(checkpoints.read(tmp_path / "run")["history"]["loss"]) == 3
    assert "in the middle of a step: the last checkpoint stays" in capsys.readouterr().out


def test_the_handler_before_is_back_afterwards():
    before = signal.getsignal(signal.SIGINT)
    fit(lambda: 1.0, [()], progress=False)
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(CourseError):
        fit(lambda: None, [()], progress=False)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_of_somebody_else_is_left_alone():
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(1))
    try:
        with Interrupts() as interrupts:
            interrupts.hold = True
            signal.raise_signal(signal.SIGINT)
            interrupts.check()
    finally:
        signal.signal(signal.SIGINT, before)
    assert came == [1]


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_in_a_terminal_leaves_a_file_to_go_on_from(tmp_path):
    code = (
        "import time, numpy as np, sys; from coursekit.train import fit\n"
        "class Step:\n"
        "    def __init__(self): self.n = 0\n"
        "    def __call__(self):\n"
        "        self.n += 1; time.sleep(.01); print('step', flush=True); return 1.0\n"
        "    def state_dict(self): return {'n': self.n}\n"
        "    def load_state_dict(self, state): self.n = state['n']\n"
        "h = fit(Step(), [()] * 10**6, checkpoint=sys.argv[1], progress=False)\n"
        "print(h.stopped)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "run"], stdout=subprocess.PIPE, text=True) as run:
        for _ in range(3):
            assert run.stdout.readline() == "step\n"
        os.kill(run.pid, signal.SIGINT)
        said = run.communicate(timeout=120)[0]
    assert said.endswith("interrupted\n") and run.returncode == 0
    steps = said.count("step\n") + 3
    assert checkpoints.read(tmp_path / "run")["parts"]["step"] == {"n": steps}
