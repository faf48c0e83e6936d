r"""A layer is a function with weights; a module is a layer, or a network of layers, that knows where its weights are.

There is no registration: a module's weights are the Tensors among its attributes, and those of the modules among its
attributes, in the order in which they were set. Names are PyTorch's, so ``state_dict`` of the two fit each other.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import numpy as np

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.autograd import Tensor

__all__ = ["Module", "Sequential", "StateError", "trace"]

_seen: ContextVar[list | None] = ContextVar("seen", default=None)  # where trace() collects


class StateError(CourseError):
    """A state_dict does not fit a module."""


class Module:
    """What all layers have in common. A layer of your own sets its weights in ``__init__`` and defines ``forward``.

    Attributes
    ----------
    training : bool
        True while training: dropout drops, batch normalisation looks at the batch. See :meth:`train` and :meth:`eval`.

    Notes
    -----
    A Tensor that is an attribute is a weight (a *parameter*), an ndarray that is one is a *buffer*: part of the state,
    but not trained. Lists of modules are looked into.

    Examples
    --------
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Tensor([2.0], requires_grad=True)
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(Tensor([1.0, 3.0])).detach()
    Tensor([2., 6.])
    >>> Scale()
    Scale()  # 1 parameter
    """

    training = True

    def __call__(self, *inputs, **options):
        """Apply the layer: ``layer(x)`` is ``layer.forward(x)``."""
        output = self.forward(*inputs, **options)
        seen = _seen.get()
        if seen is not None:
            seen.append((self, output))
        return output

    def forward(self, *inputs):
        """What the layer computes; each layer defines its own.

        Parameters
        ----------
        *inputs : Tensor

        Raises
        ------
        CourseError
            If the layer does not define it.

        Examples
        --------
        >>> Module().forward()
        Traceback (most recent call last):
            ...
        coursekit.errors.CourseError: forward: expected Module to define it, got none. Write def forward(self, x): ...
        """
        kind = type(self).__name__
        raise CourseError(f"forward: expected {kind} to define it, got none. Write def forward(self, x): ...")

    def members(self) -> Iterator[tuple[str, object]]:
        """The attributes that hold weights, buffers or layers, each with its name; items of a list as ``name.0``."""
        for name, value in vars(self).items():
            if isinstance(value, list | tuple):
                yield from ((f"{name}.{k}", item) for k, item in enumerate(value) if isinstance(item, Module))
            elif isinstance(value, Tensor | Module | np.ndarray):
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """The module itself and every module in it, each with its dotted name, outer ones first.

        Parameters
        ----------
        prefix : str
            What to put before the names.

        Yields
        ------
        (str, Module)

        Examples
        --------
        >>> [name for name, _ in Sequential(Module(), Sequential(Module())).named_modules()]
        ['', '0', '1', '1.0']
        """
        yield prefix, self
        for name, value in self.members():
            if isinstance(value, Module):
                yield from value.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self) -> dict[str, Tensor]:
        """The weights by name; one that occurs twice (shared weights) is named once."""
        found, seen = {}, set()
        for name, value in self._state_members():
            if isinstance(value, Tensor) and id(value) not in seen:
                seen.add(id(value))
                found[name] = value
        return found

    def parameters(self) -> list[Tensor]:
        """The weights, each once: what an optimiser wants."""
        return list(self.named_parameters().values())

    def parameter_count(self) -> int:
        """How many numbers it has to learn."""
        return sum(p.size for p in self.parameters())

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self, mode: bool = True) -> "Module":
        """Switch this module and all in it to training, or away from it.

        Parameters
        ----------
        mode : bool

        Returns
        -------
        Module
            Itself.

        Examples
        --------
        >>> Sequential(Module()).train(False).layers[0].training
        False
        """
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> "Module":
        """Switch to use: dropout passes everything, batch normalisation uses what it remembers."""
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy of every weight and buffer, by name: all that training has changed."""
        return {name: np.array(_array(value)) for name, value in self._state_members()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Take over the weights and buffers of another network of the same build.

        Parameters
        ----------
        state : dict of str to ndarray
            As from :meth:`state_dict`; also that of a PyTorch module, once its tensors are made arrays.

        Raises
        ------
        StateError
            If names are missing or unknown. Nothing is changed then.
        ShapeError
            If a shape differs. Nothing is changed then.

        Examples
        --------
        >>> layer = Module()
        >>> layer.weight = Tensor([0.0])
        >>> layer.load_state_dict({"weight": np.array([5.0])})
        >>> layer.weight
        Tensor([5.])
        """
        own = dict(self._state_members())
        missing, unexpected = [n for n in own if n not in state], [n for n in state if n not in own]
        if missing or unexpected:
            raise StateError(
                f"state: expected the {len(own)} names of {type(self).__name__}, "
                f"got missing {_listed(missing)}, unexpected {_listed(unexpected)}. Build the network as it was saved."
            )
        for name, value in own.items():
            if np.shape(state[name]) != _array(value).shape:
                raise ShapeError(
                    f"state: expected shape {_array(value).shape} for {name!r}, got {np.shape(state[name])}. "
                    "Build the network with the sizes it was saved with."
                )
        for name, value in own.items():
            _array(value)[...] = state[name]

    def _state_members(self) -> Iterator[tuple[str, Tensor | np.ndarray]]:
        """Weights and buffers, each with its dotted name; the same one may come twice."""
        for prefix, module in self.named_modules():
            for name, value in module.members():
                if not isinstance(value, Module):
                    yield (f"{prefix}.{name}" if prefix else name), value

    def describe(self) -> str:
        """What stands between the brackets when the layer is printed, for example its sizes."""
        return ""

    def __repr__(self) -> str:
        inner = [(name, value) for name, value in self.members() if isinstance(value, Module)]
        count = self.parameter_count()
        note = f"  # {count:,} parameter{'' if count == 1 else 's'}" if count else ""
        head = f"{type(self).__name__}({self.describe()}"
        if not inner:
            return f"{head}){note}"
        head += "," if self.describe() else ""
        lines = [f"({name}): {value!r}".replace("\n", "\n  ") for name, value in inner]
        return f"{head}{note}\n  " + "\n  ".join(lines) + "\n)"


class Sequential(Module):
    """Layers one after the other: the output of each is the input of the next.

    Parameters
    ----------
    *layers : Module

    Raises
    ------
    CourseError
        If one of them is no module.

    Examples
    --------
    >>> from coursekit.scratch.nn import Linear, ReLU
    >>> Sequential(Linear(784, 128, rng=np.random.default_rng(0)), ReLU())
    Sequential(  # 100,480 parameters
      (0): Linear(784, 128)  # 100,480 parameters
      (1): ReLU()
    )
    """

    def __init__(self, *layers: Module):
        for k, layer in enumerate(layers):
            if not isinstance(layer, Module):
                kind = layer.__name__ if isinstance(layer, type) else type(layer).__name__
                raise CourseError(
                    f"layers: expected modules, got {kind} in place {k}. Did you forget its brackets, ()?"
                )
        self.layers = layers

    def members(self) -> Iterator[tuple[str, Module]]:
        """The layers, named by their number."""
        return ((str(k), layer) for k, layer in enumerate(self.layers))

    def forward(self, x):
        """Pass x through all layers.

        Parameters
        ----------
        x : Tensor

        Returns
        -------
        Tensor

        Examples
        --------
        >>> Sequential()(Tensor([1.0]))
        Tensor([1.])
        """
        for layer in self.layers:
            x = layer(x)
        return x

    def __getitem__(self, k: int) -> Module:
        return self.layers[k]

    def __len__(self) -> int:
        return len(self.layers)


def trace(model: Module, *inputs) -> list[tuple[str, Module, object]]:
    """Run a model and note what every layer in it put out: to look at signals on their way.

    Parameters
    ----------
    model : Module
    *inputs : Tensor

    Returns
    -------
    list of (name, Module, output)
        In the order in which the layers finished; the model itself, named "", comes last.

    Examples
    --------
    >>> from coursekit.scratch.nn import ReLU, Tanh
    >>> [(name, output) for name, _, output in trace(Sequential(ReLU(), Tanh()), Tensor([-1.0]))]
    [('0', Tensor([0.])), ('1', Tensor([0.])), ('', Tensor([0.]))]
    """
    names = {id(module): name for name, module in model.named_modules()}
    seen: list = []
    with _collecting(seen):
        model(*inputs)
    return [(names[id(module)], module, output) for module, output in seen if id(module) in names]


@contextlib.contextmanager
def _collecting(seen: list) -> Iterator[None]:
    token = _seen.set(seen)
    try:
        yield
    finally:
        _seen.reset(token)


def _array(value: Tensor | np.ndarray) -> np.ndarray:
    return value.data if isinstance(value, Tensor) else value


def _listed(names: list[str]) -> str:
    return ", ".join(repr(n) for n in names) if names else "none"
