r"""An optimiser turns gradients into a step of the weights.

The formulas stand in :mod:`coursekit.scratch.update_rules`, one short function each. An optimiser applies one of them
to every weight array of a network and keeps, for each, what the rule remembers::

    optimizer = Adam(model.parameters(), lr=1e-3)
    for x, labels in batches:
        optimizer.zero_grad()
        loss = cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()

Names and defaults are PyTorch's.
"""

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.clipping import clip_grad_norm, clip_grad_value, grad_norm
from coursekit.scratch.module import StateError
from coursekit.scratch.update_rules import (
    adagrad_update,
    adam_update,
    gradient_update,
    momentum_update,
    rmsprop_update,
    sgd_step,
)

# fmt: off
__all__ = [
    "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "adagrad_update", "adam_update", "clip_grad_norm",
    "clip_grad_value", "grad_norm", "gradient_update", "momentum_update", "rmsprop_update", "sgd_step",
]
# fmt: on

PIECE = 2**16  # numbers that an update rule gets at a time, about


class Optimizer:
    """An update rule, applied to every weight array of a network. The classes below are this one with a rule filled in.

    Parameters
    ----------
    params : iterable of Tensor
        The weights to train: ``model.parameters()``.
    rule : callable(w, g, *memory, lr=..., **settings)
        Changes weights `w` in place, given their gradient `g`, which it leaves as it is. Of a large array it gets some
        rows at a time, so it has to treat each number by itself.
    lr : float
        The learning rate. It is the attribute `lr`, and may be changed at any time.
    memory : tuple of str
        What the rule keeps for each weight array: names of arrays of its shape, which start at zero. The name ``"t"``
        stands for the number of the step, from 1.
    weight_decay : float
        Adds ``weight_decay * w`` to every gradient: the gradient of an L2 penalty.
    **settings
        Handed to the rule in every step.

    Attributes
    ----------
    params : list of Tensor
    lr : float
    memory : list of dict
        For each parameter what its rule remembers, by name.

    Raises
    ------
    CourseError
        If `params` is empty, names a weight twice or holds something else than weights, or a number is out of range.

    Examples
    --------
    >>> def sign_update(w, g, lr):
    ...     w -= lr * np.sign(g)
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Optimizer([w], sign_update, lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.5, 1.5], dtype=float32)
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        rule: Callable,
        lr: float,
        *,
        memory: tuple[str, ...] = (),
        weight_decay: float = 0.0,
        **settings,
    ):
        self.params = _expect_weights(params)
        self.rule = rule
        self.lr = _expect_at_least_0("lr", lr, "0.001")
        self.weight_decay = _expect_at_least_0("weight_decay", weight_decay, "0.01")
        self.settings = settings
        self.memory = [{n: 0 if n == "t" else np.zeros_like(p.data) for n in memory} for p in self.params]

    def step(self) -> None:
        """Move every parameter that has a gradient; the others stay as they are."""
        lr = float(self.lr)
        for parameter, memory in zip(self.params, self.memory, strict=True):
            if parameter.grad is None:
                continue
            if "t" in memory:
                memory["t"] += 1
            arrays = parameter.data, parameter.grad, *memory.values()
            for w, g, *kept in _pieces(*arrays) if parameter.data.size > PIECE else (arrays,):
                if self.weight_decay:
                    g = g + self.weight_decay * w
                self.rule(w, g, *kept, lr=lr, **self.settings)

    def zero_grad(self) -> None:
        """Forget all gradients: without it the next backward() adds to them."""
        for parameter in self.params:
            parameter.grad = None

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy of the learning rate and of all that is remembered, as arrays: ``lr``, ``0.m``, ``0.t``, ..."""
        return {name: np.array(value) for name, value in self._state()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from where another optimiser of the same kind, for the same weights, stopped.

        Parameters
        ----------
        state : dict of str to ndarray
            As from :meth:`state_dict`. Settings such as `betas` are not in it: they stay those of this optimiser.

        Raises
        ------
        StateError
            If names are missing or unknown: it is another kind, or belongs to other weights. Nothing is changed then.
        ShapeError
            If a shape differs. Nothing is changed then.

        Examples
        --------
        >>> optimizer = SGD([Tensor([0.0])], lr=0.1)
        >>> optimizer.load_state_dict({"lr": np.array(0.05)})
        >>> optimizer.lr
        0.05
        """
        own = dict(self._state())
        missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
        if missing or unexpected:
            raise StateError(
                f"state: expected the names of this {type(self).__name__} for {len(self.params)} weight arrays, "
                f"got missing {missing}, unexpected {unexpected}. Make the optimiser as the saved one was made."
            )
        for name, value in own.items():
            if np.shape(state[name]) != np.shape(value):
                raise ShapeError(
                    f"state: expected shape {np.shape(value)} for {name!r}, got {np.shape(state[name])}. "
                    "Make the optimiser for the same weights, in the same order, as the saved one."
                )
        self.lr = float(state["lr"])
        for k, memory in enumerate(self.memory):
            for name, value in memory.items():
                saved = state[f"{k}.{name}"]
                memory[name] = int(saved) if name == "t" else np.array(saved, value.dtype)

    def _state(self):
        yield "lr", self.lr
        yield from ((f"{k}.{name}", value) for k, memory in enumerate(self.memory) for name, value in memory.items())

    def __repr__(self) -> str:
        numbers = sum(p.size for p in self.params)
        facts = [f"lr={self.lr:g}", *(f"{name}={value}" for name, value in self.settings.items())]
        facts += [f"weight_decay={self.weight_decay:g}"] if self.weight_decay else []
        return f"{type(self).__name__}({', '.join(facts)})  # {numbers:,} numbers in {len(self.params)} arrays"


class SGD(Optimizer):
    """Stochastic gradient descent, with or without momentum: see :func:`.momentum_update`.

    Parameters
    ----------
    params, lr, weight_decay
        As for :class:`Optimizer`.
    momentum : float
        0 for none.
    nesterov : bool
        Nesterov's variant; it needs momentum.

    Raises
    ------
    CourseError
        If a number is out of range, or `nesterov` comes without momentum.

    Examples
    --------
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     w.sum().backward()
    ...     optimizer.step()
    >>> w.data  # 1 - 0.1 - 0.19
    array([0.71], dtype=float32)
    """

    def __init__(self, params, lr=1e-3, momentum=0.0, *, weight_decay=0.0, nesterov=False):
        _expect_below_1("momentum", momentum, "0.9")
        if nesterov and not momentum:
            raise CourseError("nesterov: expected momentum with it, got momentum=0. Pass momentum=0.9.")
        if not momentum:
            super().__init__(params, gradient_update, lr, weight_decay=weight_decay)
            return
        settings = {"momentum": momentum, "nesterov": nesterov}
        super().__init__(params, momentum_update, lr, memory=("v",), weight_decay=weight_decay, **settings)


class RMSprop(Optimizer):
    """Steps divided by the recent size of each weight's gradient: see :func:`.rmsprop_update`.

    Parameters
    ----------
    params, lr, weight_decay
        As for :class:`Optimizer`.
    alpha : float
        How much of the mean of squares is kept.
    eps : float

    Examples
    --------
    >>> RMSprop([Tensor([1.0])])
    RMSprop(lr=0.01, alpha=0.99, eps=1e-08)  # 1 numbers in 1 arrays
    """

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0):
        _expect_below_1("alpha", alpha, "0.99")
        _expect_at_least_0("eps", eps, "1e-8")
        super().__init__(params, rmsprop_update, lr, memory=("s",), weight_decay=weight_decay, alpha=alpha, eps=eps)


class Adagrad(Optimizer):
    """Steps divided by the size of all of each weight's gradients so far: see :func:`.adagrad_update`.

    Parameters
    ----------
    params, lr, weight_decay
        As for :class:`Optimizer`.
    initial_accumulator_value : float
        What the sums of squares start from.
    eps : float

    Examples
    --------
    >>> Adagrad([Tensor([1.0])], initial_accumulator_value=0.1).memory
    [{'s': array([0.1], dtype=float32)}]
    """

    def __init__(self, params, lr=1e-2, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
        start = _expect_at_least_0("initial_accumulator_value", initial_accumulator_value, "0")
        _expect_at_least_0("eps", eps, "1e-10")
        super().__init__(params, adagrad_update, lr, memory=("s",), weight_decay=weight_decay, eps=eps)
        for memory in self.memory:
            memory["s"] += start


class Adam(Optimizer):
    """Momentum and steps of even size together: see :func:`.adam_update`.

    Parameters
    ----------
    params, lr, weight_decay
        As for :class:`Optimizer`: here the decay goes through the gradient (an L2 penalty). See :class:`AdamW`.
    betas : (float, float)
        How much of the mean of gradients, and of the mean of their squares, is kept.
    eps : float

    Examples
    --------
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w * np.array([100.0, 0.01], np.float32)).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(3)
    array([0.9, 1.9], dtype=float32)
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        settings = {"betas": _expect_betas(betas), "eps": _expect_at_least_0("eps", eps, "1e-8")}
        super().__init__(params, adam_update, lr, memory=("m", "s", "t"), weight_decay=weight_decay, **settings)


class AdamW(Adam):
    """Adam with decoupled weight decay: the weights shrink by ``lr * weight_decay`` of themselves, all alike.

    Parameters
    ----------
    params, lr, betas, eps
        As for :class:`Adam`.
    weight_decay : float

    Examples
    --------
    >>> AdamW([Tensor([1.0])])
    AdamW(lr=0.001, betas=(0.9, 0.999), eps=1e-08, decay=0.01)  # 1 numbers in 1 arrays
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps)
        self.settings["decay"] = _expect_at_least_0("weight_decay", weight_decay, "0.01")


def _pieces(*arrays):
    """Views of weights and of what belongs to them, some rows at a time.

    What a rule computes on the way, arrays of the same size, then stays in the processor's cache.
    """
    w = arrays[0]
    if w.ndim == 2 and w.flags.f_contiguous:  # stored column by column: there columns are what rows are elsewhere
        arrays = [a.T if isinstance(a, np.ndarray) else a for a in arrays]
    length = len(arrays[0])
    rows = max(1, PIECE * length // w.size)
    for k in range(0, length, rows):
        yield [a[k : k + rows] if isinstance(a, np.ndarray) else a for a in arrays]


def _expect_weights(params) -> list[Tensor]:
    """The parameters as a list, if they can be trained."""
    advice = "Pass model.parameters(), or a list of Tensors."
    if isinstance(params, Tensor) or not isinstance(params, Iterable):
        raise CourseError(f"params: expected a list of Tensors, got a single {type(params).__name__}. {advice}")
    params = list(params.values() if isinstance(params, Mapping) else params)
    if not params:
        raise CourseError(f"params: expected at least one Tensor, got none. {advice}")
    seen = {}
    for k, p in enumerate(params):
        if not isinstance(p, Tensor):
            raise CourseError(f"params: expected Tensors, got a {type(p).__name__} in place {k}. {advice}")
        if p.op:
            raise CourseError(
                f"params: expected weights, got the result of {p.op!r} in place {k}. "
                "Pass the Tensor that it was computed from."
            )
        if id(p) in seen:
            raise CourseError(
                f"params: expected every Tensor once, got the same one in places {seen[id(p)]} and {k}. "
                "It would move twice in each step: leave one out."
            )
        seen[id(p)] = k
    return params


def _expect_at_least_0(name: str, value: float, example: str) -> float:
    if not 0 <= value < math.inf:
        raise CourseError(f"{name}: expected a number of at least 0, got {value}. Try {example}.")
    return float(value)


def _expect_below_1(name: str, value: float, example: str) -> float:
    if not 0 <= value < 1:
        raise CourseError(f"{name}: expected a number from 0 to below 1, got {value}. Try {example}.")
    return float(value)


def _expect_betas(betas) -> tuple[float, float]:
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise CourseError(f"betas: expected two numbers, got {betas}. Try (0.9, 0.999).")
    return _expect_below_1("betas[0]", betas[0], "0.9"), _expect_below_1("betas[1]", betas[1], "0.999")
