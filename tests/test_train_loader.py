"""A DataLoader may yield nothing, or lose a process that loads for it; both are told."""

import subprocess
import sys

import pytest
import torch

from coursekit.errors import CourseError
from coursekit.train import fit


def test_a_loader_that_yields_nothing_is_told():
    empty = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(0, 4)))
    with pytest.raises(CourseError, match="batches: expected at least one batch in epoch 1, got none"):
        fit(lambda x: 1.0, empty, progress=False)


DEADLY = """
import os, signal, torch
from coursekit.errors import CourseError
from coursekit.train import fit

class Deadly(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, k):
        if k == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros(4), 0

if __name__ == "__main__":
    try:
        fit(lambda x, y: 1.0, torch.utils.data.DataLoader(Deadly(), batch_size=2, num_workers=1), progress=False)
    except CourseError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process")
def test_a_worker_that_dies_is_told(tmp_path):
    (tmp_path / "deadly.py").write_text(DEADLY, encoding="utf-8")
    done = subprocess.run([sys.executable, tmp_path / "deadly.py"], capture_output=True, text=True)
    assert done.stdout.startswith("batches: expected the DataLoader's workers to go on, got one that died"), done.stderr


class HungUp:
    """A loader whose process goes away while it hands a batch over."""

    def __init__(self, workers, error):
        self.num_workers, self.error = workers, error

    def __iter__(self):
        yield (torch.zeros(1),)
        raise self.error


@pytest.mark.parametrize("error", [ConnectionResetError(104, "Connection reset by peer"), EOFError()])
def test_so_is_one_that_dies_while_it_hands_a_batch_over(error):
    with pytest.raises(CourseError, match=f"one that died .*({type(error).__name__}|Connection reset)"):
        fit(lambda x: 1.0, HungUp(1, error), progress=False)
    with pytest.raises(type(error)):  # without workers it is somebody else's
        fit(lambda x: 1.0, HungUp(0, error), progress=False)


def test_an_error_of_the_data_stays_what_it_is():
    with pytest.raises(RuntimeError, match="my own"):
        fit(lambda x: 1.0, HungUp(1, RuntimeError("my own")), progress=False)
