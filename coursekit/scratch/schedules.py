r"""A schedule changes the learning rate while the network learns: large steps to get there, small ones to settle.

Each schedule is a pure function of the step's number, from 0, and beside it an object that sets ``optimizer.lr``::

    optimizer = SGD(model.parameters(), lr=0.1)
    schedule = LinearWarmup(optimizer, 100, after=CosineAnnealingLR(optimizer, 900))
    for x, labels in batches:
        ...
        optimizer.step()
        schedule.step()

The object sets the rate of the first step when it is made. Names are PyTorch's, except for the warm-up.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from coursekit.errors import CourseError
from coursekit.scratch.module import StateError
from coursekit.scratch.optim import Optimizer

__all__ = [
    "CosineAnnealingLR",
    "LinearWarmup",
    "OneCycleLR",
    "Schedule",
    "StepLR",
    "cosine",
    "one_cycle",
    "step_decay",
    "warmup",
]


def cosine(step, total, lr, low=0.0):
    r"""Half a cosine wave from `lr` down to `low`: slow, fast, slow.

    .. math:: \eta(t) = \eta_{low} + \tfrac12 (\eta - \eta_{low}) \left(1 + \cos\frac{\pi t}{T}\right)

    Parameters
    ----------
    step : int
        Number of the step, t, from 0.
    total : int
        When it has come down, T. From then on it stays at `low` (PyTorch's rises again).
    lr, low : float

    Returns
    -------
    float

    Raises
    ------
    CourseError
        If `total` is not positive.

    Source
    ------
    Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts, equation 5.

    Examples
    --------
    >>> [round(cosine(t, 4, lr=1.0), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    _expect_steps("total", total)
    return _half_wave(step / total, lr, low)


def step_decay(step, size, lr, gamma=0.1):
    """A staircase: after every `size` steps the rate is multiplied by `gamma`.

    Parameters
    ----------
    step, size : int
    lr, gamma : float

    Returns
    -------
    float

    Raises
    ------
    CourseError
        If `size` is not positive.

    Examples
    --------
    >>> [step_decay(t, 2, lr=1.0, gamma=0.5) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    _expect_steps("size", size)
    return lr * gamma ** (step // size)


def warmup(step, steps, lr):
    """A ramp: the rate rises evenly, and reaches `lr` in the last of `steps` steps.

    Parameters
    ----------
    step, steps : int
    lr : float

    Returns
    -------
    float

    Raises
    ------
    CourseError
        If `steps` is not positive.

    Source
    ------
    Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour, section 2.2.

    Examples
    --------
    >>> [warmup(t, 4, lr=1.0) for t in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    _expect_steps("steps", steps)
    return lr * min((step + 1) / steps, 1)


def one_cycle(step, total, max_lr, pct_start=0.3, div_factor=25.0, final_div_factor=1e4):
    """Up, and far down: half a cosine wave from ``max_lr / div_factor`` to `max_lr`, another one to nearly nothing.

    Parameters
    ----------
    step, total : int
    max_lr : float
    pct_start : float
        Which share of the steps goes up.
    div_factor, final_div_factor : float
        It begins at ``max_lr / div_factor`` and ends at that divided by `final_div_factor`.

    Returns
    -------
    float

    Raises
    ------
    CourseError
        If `total` is not positive or `pct_start` not in [0, 1).

    Source
    ------
    Smith and Topin (2018), Super-convergence: very fast training of neural networks using large learning rates.

    Examples
    --------
    >>> [round(one_cycle(t, 10, max_lr=1.0), 3) for t in range(10)]
    [0.04, 0.52, 1.0, 0.95, 0.812, 0.611, 0.389, 0.188, 0.05, 0.0]
    """
    _expect_steps("total", total)
    if not 0 <= pct_start < 1:
        raise CourseError(f"pct_start: expected a share from 0 to below 1, got {pct_start}. Try 0.3.")
    first = max_lr / div_factor
    top = pct_start * total - 1
    if step < top:
        return _half_wave(step / top, first, max_lr)
    return _half_wave((step - top) / (total - 1 - top), max_lr, first / final_div_factor)


class Schedule:
    """A learning rate for every step. The classes below are this one with a function filled in.

    Parameters
    ----------
    optimizer : Optimizer
        Its `lr` is set at once for the first step, and by :meth:`step` for each one after it.
    rate : callable(int) -> float
        The learning rate of a step, by the step's number from 0.

    Attributes
    ----------
    rate : callable
    steps : int
        How many steps were taken.

    Raises
    ------
    CourseError
        If `optimizer` is none.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> from coursekit.scratch.optim import SGD
    >>> optimizer = SGD([Tensor([0.0])], lr=1.0)
    >>> schedule = Schedule(optimizer, lambda t: 1 / (1 + t))
    >>> schedule.step()
    >>> optimizer.lr
    0.5
    """

    def __init__(self, optimizer: Optimizer, rate: Callable[[int], float]):
        _expect_optimizer(optimizer)
        self.optimizer, self.rate, self.steps = optimizer, rate, 0
        optimizer.lr = rate(0)

    def step(self) -> None:
        """Set the learning rate of the next step; call it after the optimiser's own step."""
        self.steps += 1
        self.optimizer.lr = self.rate(self.steps)

    def state_dict(self) -> dict[str, np.ndarray]:
        """How many steps were taken: all that it needs to go on."""
        return {"steps": np.array(self.steps)}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from where another schedule of the same build stopped, and set the learning rate.

        Parameters
        ----------
        state : dict of str to ndarray
            As from :meth:`state_dict`.

        Raises
        ------
        StateError
            If it is not the state of a schedule.

        Examples
        --------
        >>> from coursekit.scratch.autograd import Tensor
        >>> from coursekit.scratch.optim import SGD
        >>> schedule = StepLR(SGD([Tensor([0.0])], lr=1.0), step_size=10)
        >>> schedule.load_state_dict({"steps": np.array(15)})
        >>> schedule.optimizer.lr
        0.1
        """
        if set(state) != {"steps"}:
            raise StateError(f"state: expected 'steps' alone, got {sorted(state)}. Save what state_dict() returns.")
        self.steps = int(state["steps"])
        self.optimizer.lr = self.rate(self.steps)


class StepLR(Schedule):
    """A staircase down from the optimiser's rate: see :func:`step_decay`.

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
    gamma : float

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> from coursekit.scratch.optim import SGD
    >>> StepLR(SGD([Tensor([0.0])], lr=1.0), step_size=10, gamma=0.5).rate(25)
    0.25
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        _expect_optimizer(optimizer)
        super().__init__(optimizer, partial(step_decay, size=step_size, lr=optimizer.lr, gamma=gamma))


class CosineAnnealingLR(Schedule):
    """Half a cosine wave from the optimiser's rate down to `eta_min`: see :func:`cosine`.

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
        The number of steps.
    eta_min : float

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> from coursekit.scratch.optim import SGD
    >>> CosineAnnealingLR(SGD([Tensor([0.0])], lr=1.0), T_max=100).rate(50)
    0.5
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        _expect_optimizer(optimizer)
        super().__init__(optimizer, partial(cosine, total=T_max, lr=optimizer.lr, low=eta_min))


class LinearWarmup(Schedule):
    """A ramp up to the optimiser's rate, then another schedule, or that rate for good: see :func:`warmup`.

    Parameters
    ----------
    optimizer : Optimizer
    steps : int
        How long the ramp is.
    after : Schedule, optional
        What follows, counted from its own beginning. The ramp rises to its first rate. From now on this schedule is
        the one to step.

    Raises
    ------
    CourseError
        If `after` steers another optimiser, or `steps` is not positive.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> from coursekit.scratch.optim import SGD
    >>> optimizer = SGD([Tensor([0.0])], lr=1.0)
    >>> schedule = LinearWarmup(optimizer, 2, after=CosineAnnealingLR(optimizer, 4))
    >>> [round(schedule.rate(t), 3) for t in range(7)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer: Optimizer, steps: int, after: Schedule | None = None):
        _expect_optimizer(optimizer)
        _expect_steps("steps", steps)
        if after is not None and after.optimizer is not optimizer:
            raise CourseError("after: expected a schedule of the same optimiser, got one of another. Make both for it.")
        follow = after.rate if after is not None else partial(_constant, lr=optimizer.lr)
        peak = follow(0)
        super().__init__(optimizer, lambda t: warmup(t, steps, peak) if t < steps else follow(t - steps))


class OneCycleLR(Schedule):
    """Up to `max_lr` and far down again: see :func:`one_cycle`. The optimiser's own rate is not used.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float
    total_steps : int
    pct_start, div_factor, final_div_factor : float
        As for :func:`one_cycle`.

    Notes
    -----
    PyTorch's also moves the momentum, unless ``cycle_momentum=False``; this one never does.

    Examples
    --------
    >>> from coursekit.scratch.autograd import Tensor
    >>> from coursekit.scratch.optim import SGD
    >>> schedule = OneCycleLR(SGD([Tensor([0.0])], lr=1.0), max_lr=0.5, total_steps=100)
    >>> round(schedule.optimizer.lr, 4), schedule.rate(29)
    (0.02, 0.5)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ):
        shape = {"pct_start": pct_start, "div_factor": div_factor, "final_div_factor": final_div_factor}
        super().__init__(optimizer, partial(one_cycle, total=total_steps, max_lr=max_lr, **shape))


def _half_wave(share: float, start: float, end: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1))) / 2


def _constant(step: int, lr: float) -> float:
    return lr


def _expect_steps(name: str, value: int) -> None:
    if not value >= 1:
        raise CourseError(f"{name}: expected at least 1 step, got {value}. Give the number of steps.")


def _expect_optimizer(optimizer) -> None:
    if not isinstance(optimizer, Optimizer):
        raise CourseError(
            f"optimizer: expected an optimiser, got a {type(optimizer).__name__}. "
            "Make one first, for example SGD(model.parameters(), lr=0.1)."
        )
