"""A run is a training that has happened: its curves, and instruments that look inside.

The instruments take and give arrays; pictures are rows of 784 numbers, or a ShapeError says so. They work on copies, so
a run can be examined as often as one likes.
"""

import copy
import inspect
import textwrap
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import torch

from coursekit import datasets
from coursekit.clinic import programs
from coursekit.errors import CourseError, ShapeError, expect_known

__all__ = ["LETTERS", "Run", "admit", "code_of", "control"]

_CASES = {
    "A": programs.SoftmaxTwice,
    "B": programs.DeadReLU,
    "C": programs.Unshuffled,
    "D": programs.MissingZeroGrad,
    "E": programs.EvalForgotten,
    "F": programs.LabelOffByOne,
    "G": programs.WrongDim,
    "H": programs.RateTooLarge,
}
LETTERS = tuple(_CASES)
TRAINING, VALIDATION = 2000, 1000  # pictures
EPOCHS = 5


class Run:
    """A training run under examination. Made by :func:`admit` and :func:`control`.

    Attributes
    ----------
    letter : str
        Its name in the clinic; "healthy" for the control.
    loss : ndarray, shape (steps,)
        The loss that the run noted in every step, in nats.
    accuracy : ndarray, shape (epochs,)
        The share of the validation pictures that the run found right, as it measured it itself after each epoch.
    pictures : ndarray, shape (N, 784)
        The validation pictures, numbers from 0 to 1.
    labels : ndarray, shape (N,)
        Their true classes, from 0 to 9.
    """

    def __init__(self, letter: str, program: programs.Healthy, seed: int):
        self.letter = letter
        self._program, self._seed, self._draws = program, seed, np.random.default_rng(seed)
        self._x, self._y, self.pictures, self.labels = _data(seed)
        with _seeded(seed):
            self._model = program.network()
        self._start = copy.deepcopy(self._model)
        self.loss, self.accuracy = np.empty(0), np.empty(0)

    def __repr__(self) -> str:
        return f"Run({self.letter!r}, {len(self.loss)} steps)"

    def _train(self, epochs: int) -> "Run":
        optimizer, loader = self._optimizer(self._model), self._loader()
        losses, shares = [], []
        with _seeded(self._seed + 1):
            for _ in range(epochs):
                losses += [self._program.step(self._model, optimizer, x, labels) for x, labels in loader]
                scores = self._program.evaluate(self._model, torch.tensor(self.pictures))
                shares.append(float(np.mean(scores.argmax(dim=1).numpy() == self.labels)))
        self.loss, self.accuracy = np.array(losses), np.array(shares)
        return self

    def fresh(self) -> "Run":
        """The same run before its first step: the weights as they were drawn.

        Examples
        --------
        >>> control(0).fresh()
        Run('healthy', 0 steps)
        """
        before = copy.copy(self)
        before._model, before.loss, before.accuracy = self._start, np.empty(0), np.empty(0)
        return before

    def batches(self, count: int = 20) -> list[tuple[np.ndarray, np.ndarray]]:
        """The first batches of an epoch, as the run's loader deals them.

        Parameters
        ----------
        count : int
            How many, at most an epoch.

        Returns
        -------
        list of (pictures, labels)
            Shapes (N, 784) and (N,).

        Examples
        --------
        >>> pictures, labels = control(0).batches(1)[0]
        >>> pictures.shape, labels.shape
        ((32, 784), (32,))
        """
        return [(x.numpy(), y.numpy()) for _, (x, y) in zip(range(count), self._loader(), strict=False)]

    def output(self, pictures: np.ndarray) -> np.ndarray:
        """What the network hands to the loss, dropout switched off.

        Parameters
        ----------
        pictures : ndarray, shape (N, 784)

        Returns
        -------
        ndarray, shape (N, K)

        Raises
        ------
        ShapeError
            If the pictures are not rows of 784 numbers.

        Examples
        --------
        >>> run = control(0)
        >>> run.output(run.pictures).shape
        (1000, 10)
        """
        with torch.no_grad():
            return self._quiet(_pictures(pictures)).numpy()

    def hidden(self, pictures: np.ndarray) -> np.ndarray:
        """The hidden units after their ReLU: 0 where a unit is silent.

        Parameters
        ----------
        pictures : ndarray, shape (N, 784)

        Returns
        -------
        ndarray, shape (N, 64)

        Examples
        --------
        >>> run = control(0)
        >>> run.hidden(run.pictures).shape
        (1000, 64)
        """
        with torch.no_grad():
            return self._model[:2](_pictures(pictures)).numpy()

    def evaluate(self, pictures: np.ndarray) -> np.ndarray:
        """The scores as the run computes them when it evaluates itself.

        Parameters
        ----------
        pictures : ndarray, shape (N, 784)

        Returns
        -------
        ndarray, shape (N, K)

        Examples
        --------
        >>> run = control(0)
        >>> run.evaluate(run.pictures[:3]).shape
        (3, 10)
        """
        with _seeded(int(self._draws.integers(2**31))):
            return self._program.evaluate(copy.deepcopy(self._model), _pictures(pictures)).detach().numpy()

    def loss_of(self, pictures: np.ndarray, labels: np.ndarray) -> float:
        """The loss of a batch as the run computes it, dropout switched off.

        Parameters
        ----------
        pictures : ndarray, shape (N, 784)
        labels : ndarray, shape (N,)

        Returns
        -------
        float
            In nats.

        Raises
        ------
        ShapeError
            If the shapes do not fit.

        Examples
        --------
        >>> run = control(0)
        >>> round(run.fresh().loss_of(run.pictures, run.labels), 1)  # log(10)
        2.3
        """
        x, y = _pictures(pictures), _labels(labels, pictures)
        with torch.no_grad():
            return self._program.loss(self._quiet(x), y).item()

    def gradients(self, pictures: np.ndarray, labels: np.ndarray, times: int = 1) -> list[np.ndarray]:
        """The gradient that the optimiser is given, if the same batch comes several times and no weight moves.

        Parameters
        ----------
        pictures : ndarray, shape (N, 784)
        labels : ndarray, shape (N,)
        times : int

        Returns
        -------
        list of ndarray
            One for each time: the gradients of all weights in one row.

        Raises
        ------
        ShapeError
            If the shapes do not fit.

        Examples
        --------
        >>> run = control(0)
        >>> [g.shape for g in run.gradients(*run.batches(1)[0], times=2)]
        [(50890,), (50890,)]
        """
        x, y, model = _pictures(pictures), _labels(labels, pictures), copy.deepcopy(self._model)
        still = torch.optim.SGD(model.parameters(), lr=0.0)
        still.zero_grad()
        found = []
        for _ in range(times):
            with _seeded(self._seed):  # the same units sit out each time
                self._program.step(model, still, x, y)
            found.append(np.concatenate([p.grad.numpy().ravel() for p in model.parameters()]))
        return found

    def train_on(self, pictures: np.ndarray, labels: np.ndarray, steps: int = 1) -> np.ndarray:
        """The loss of one batch while a copy of the network trains on it alone, by the run's own step.

        Parameters
        ----------
        pictures : ndarray, shape (N, 784)
        labels : ndarray, shape (N,)
        steps : int

        Returns
        -------
        ndarray, shape (steps + 1,)
            The loss before the first step and after each, dropout switched off.

        Raises
        ------
        ShapeError
            If the shapes do not fit.

        Examples
        --------
        >>> run = control(0)
        >>> before, after = run.train_on(*run.batches(1)[0])
        >>> bool(after < before)
        True
        """
        x, y, trained = _pictures(pictures), _labels(labels, pictures), copy.copy(self)
        trained._model = copy.deepcopy(self._model)
        optimizer = self._optimizer(trained._model)
        losses = [trained.loss_of(pictures, labels)]
        with _seeded(self._seed + 2):
            for _ in range(steps):
                self._program.step(trained._model, optimizer, x, y)
                losses.append(trained.loss_of(pictures, labels))
        return np.array(losses)

    def _loader(self):
        generator = torch.Generator().manual_seed(self._seed)
        return self._program.loader(self._x, self._y, generator)

    def _optimizer(self, model):
        return torch.optim.SGD(model.parameters(), lr=self._program.rate)

    def _quiet(self, x: torch.Tensor) -> torch.Tensor:
        """What the network puts out with dropout switched off."""
        self._model.eval()
        try:
            return self._model(x)
        finally:
            self._model.train()


def admit(letter: str, seed: int, epochs: int = EPOCHS) -> Run:
    """Train one of the sick runs and hand it over for examination.

    Parameters
    ----------
    letter : str
        One of :data:`LETTERS`.
    seed : int
        For the pictures, the weights and the order of the batches.
    epochs : int

    Returns
    -------
    Run

    Raises
    ------
    UnknownNameError
        If no run has that letter.

    Examples
    --------
    >>> admit("A", seed=0)
    Run('A', 315 steps)
    """
    return _trained(expect_known("letter", letter, LETTERS), int(seed), epochs)


def control(seed: int, epochs: int = EPOCHS) -> Run:
    """Train the healthy run, to compare with.

    Parameters
    ----------
    seed, epochs : int
        As for :func:`admit`.

    Returns
    -------
    Run
    """
    return _trained("healthy", int(seed), epochs)


def code_of(letter: str) -> str:
    """What is different in the code of a run, beside the healthy method: for after the diagnosis.

    Parameters
    ----------
    letter : str

    Returns
    -------
    str

    Raises
    ------
    UnknownNameError
        If no run has that letter.
    """
    sick = _CASES[expect_known("letter", letter, LETTERS)]
    parts = []
    for name in (name for name in vars(sick) if name == "rate" or not name.startswith("_")):
        for which, program in (("healthy", programs.Healthy), (letter, sick)):
            member = vars(program)[name]
            source = textwrap.dedent(inspect.getsource(member)) if callable(member) else f"{name} = {member}\n"
            parts.append(f"# {which}\n{source}")
    return "\n".join(parts)


@lru_cache(maxsize=64)
def _trained(letter: str, seed: int, epochs: int) -> Run:
    program = programs.Healthy() if letter == "healthy" else _CASES[letter]()
    return Run(letter, program, seed)._train(epochs)


@lru_cache(maxsize=8)
def _data(seed: int):
    """Pictures to learn from, as tensors, and others to look at, as arrays; both drawn from the training set."""
    fashion = datasets.load("fashion_mnist")
    rows = np.random.default_rng(seed).permutation(len(fashion.y_train))[: TRAINING + VALIDATION]
    x, y = datasets.to_float(fashion.x_train[rows]), fashion.y_train[rows]
    held = x[TRAINING:], y[TRAINING:]
    for array in held:
        array.setflags(write=False)
    return torch.tensor(x[:TRAINING]), torch.tensor(y[:TRAINING]), *held


@contextmanager
def _seeded(seed: int):
    """Torch's random numbers begin here, and whoever drew from them before goes on as if nothing had happened."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _pictures(pictures: np.ndarray) -> torch.Tensor:
    array = np.array(pictures, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != 784 or not len(array):
        raise ShapeError(f"pictures: expected shape (N, 784), got {array.shape}. For one picture: run.pictures[:1].")
    return torch.from_numpy(array)


def _labels(labels: np.ndarray, pictures: np.ndarray) -> torch.Tensor:
    array = np.array(labels)
    if array.shape != (len(pictures),):
        raise ShapeError(f"labels: expected one for each of {len(pictures)} pictures, got shape {array.shape}.")
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 9:
        raise CourseError("labels: expected whole numbers from 0 to 9, got others. Take run.labels.")
    return torch.from_numpy(array.astype(np.int64))
