r"""A recurrent network reads a sequence step by step, and carries a state along: what it remembers of what it has read.

A *cell* computes the next state from the present one and the next input; a layer applies the same cell, with the same
weights, at every step. That is a deep network with one layer for each step of time, and backward() goes back through
all of them ("through time"). Names, shapes, the order of the gates and starting weights are PyTorch's.

What the input adds, x W_ih^T + b_ih, does not depend on the state: it is computed for all steps at once, in one matrix
product, and the cells get their *share* of it.
"""

import math

import numpy as np

from coursekit.errors import ShapeError
from coursekit.scratch import init
from coursekit.scratch.autograd import Tensor, stack
from coursekit.scratch.module import Module
from coursekit.scratch.ops.fused import linear
from coursekit.scratch.ops.inputs import constant, expect_size
from coursekit.scratch.ops.splitting import chunk, unbind

__all__ = ["GRU", "LSTM", "RNN", "gru_step", "lstm_step", "rnn_step"]


# -- cells -------------------------------------------------------------------------------------------------------------
def rnn_step(share, h, weight_hh, bias_hh):
    """One step of a plain recurrent network: h' = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh).

    Parameters
    ----------
    share : Tensor, shape (N, H)
        What the input adds, x W_ih^T + b_ih.
    h : Tensor, shape (N, H)
        The state so far.
    weight_hh : Tensor, shape (H, H)
    bias_hh : Tensor, shape (H,)

    Returns
    -------
    Tensor, shape (N, H)
        The next state.

    Source
    ------
    Elman (1990), Finding structure in time.

    Examples
    --------
    >>> share, h = Tensor([[0.0, 0.0]]), Tensor([[1.0, -1.0]])
    >>> rnn_step(share, h, Tensor([[1.0, 0.0], [0.0, 1.0]]), Tensor([0.0, 0.0]))  # tanh(1), tanh(-1)
    Tensor([[ 0.7615942, -0.7615942]])
    """
    return (share + linear(h, weight_hh, bias_hh)).tanh()


def lstm_step(share, h, c, weight_hh, bias_hh):
    r"""One step of a long short-term memory: gates decide what the memory c forgets, takes in and shows.

    With s the logistic function, * number by number, and four sums x W_ih^T + b_ih + h W_hh^T + b_hh, one for each
    letter::

        i = s(...)  take in       g = tanh(...)  what there is to take in      c' = f * c + i * g
        f = s(...)  keep          o = s(...)     show                          h' = o * tanh(c')

    Parameters
    ----------
    share : Tensor, shape (N, 4 H)
        What the input adds to all four sums, x W_ih^T + b_ih, in the order i, f, g, o.
    h, c : Tensor, shape (N, H)
        The state so far: what was shown, and the memory.
    weight_hh : Tensor, shape (4 H, H)
    bias_hh : Tensor, shape (4 H,)

    Returns
    -------
    h, c : Tensor, shape (N, H)
        The next state.

    Notes
    -----
    dc'/dc = f, number by number, where the gates are held: as long as f is near 1, a gradient comes back through many
    steps without fading. In a plain network every step multiplies it by W_hh and by the slope of tanh.

    Source
    ------
    Hochreiter and Schmidhuber (1997), Long short-term memory, section 4; Gers, Schmidhuber and Cummins (2000), Learning
    to forget, for the gate f.

    Examples
    --------
    >>> share = Tensor([[-9.0, 9.0, 0.0, 9.0]])  # take nothing in, keep everything, show everything
    >>> h, c = lstm_step(share, Tensor([[0.0]]), Tensor([[0.5]]), Tensor(np.zeros((4, 1))), Tensor(np.zeros(4)))
    >>> round(c.item(), 3)
    0.5
    """
    i, f, g, o = chunk(share + linear(h, weight_hh, bias_hh), 4)  # each (N, H)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * c + i * g
    h = o * c.tanh()
    return h, c


def gru_step(share, h, weight_hh, bias_hh):
    r"""One step of a gated recurrent unit: the state is kept as far as z says, else replaced by the new n.

    With s the logistic function, * number by number, x_r, x_z, x_n the input's share of each sum, x W_ih^T + b_ih, and
    h_r, h_z, h_n that of the state, h W_hh^T + b_hh::

        r = s(x_r + h_r)   how far the old state counts         n = tanh(x_n + r * h_n)
        z = s(x_z + h_z)   how far it is kept                   h' = (1 - z) * n + z * h

    Parameters
    ----------
    share : Tensor, shape (N, 3 H)
        What the input adds to all three sums, x W_ih^T + b_ih, in the order r, z, n.
    h : Tensor, shape (N, H)
        The state so far.
    weight_hh : Tensor, shape (3 H, H)
    bias_hh : Tensor, shape (3 H,)

    Returns
    -------
    Tensor, shape (N, H)
        The next state.

    Notes
    -----
    Cho et al. apply r to h, before its weights: tanh(x_n + (r * h) W^T). As in PyTorch, here it comes after them.

    Source
    ------
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, section 2.3.

    Examples
    --------
    >>> share = Tensor([[0.0, 9.0, 5.0]])  # keep nearly everything
    >>> round(gru_step(share, Tensor([[0.5]]), Tensor(np.zeros((3, 1))), Tensor(np.zeros(3))).item(), 3)
    0.5
    """
    x_r, x_z, x_n = chunk(share, 3)  # each (N, H)
    h_r, h_z, h_n = chunk(linear(h, weight_hh, bias_hh), 3)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    n = (x_n + r * h_n).tanh()
    return (1 - z) * n + z * h


# -- layers ------------------------------------------------------------------------------------------------------------
class _Recurrent(Module):
    """The weights of a recurrent layer, and the checks of what goes in."""

    sums = 1  # how many weighted sums its cell makes for each number of the state

    def __init__(self, input_size, hidden_size, *, rng, dtype=np.float32):
        D, H = expect_size("input_size", input_size), expect_size("hidden_size", hidden_size)

        def drawn(*shape):
            return Tensor(init.uniform(shape, 1 / math.sqrt(H), rng=rng, dtype=dtype), requires_grad=True)

        self.weight_ih_l0, self.weight_hh_l0 = drawn(self.sums * H, D), drawn(self.sums * H, H)
        self.bias_ih_l0, self.bias_hh_l0 = drawn(self.sums * H), drawn(self.sums * H)

    def describe(self) -> str:
        """Its sizes, inputs first."""
        return f"{self.weight_ih_l0.shape[1]}, {self.weight_hh_l0.shape[1]}"

    def _shares(self, x) -> list[Tensor]:
        """What the input adds to the sums of the cell, for each step of time: all of them in one matrix product."""
        D, kind = self.weight_ih_l0.shape[1], type(self).__name__
        if len(x.shape) != 3 or x.shape[2] != D or x.shape[1] == 0:
            fixes = {2: "One sequence is x[None], one number at each step x[..., None]."}
            fix = fixes.get(len(x.shape), "The axes are examples, steps of time (one or more), numbers at each step.")
            raise ShapeError(f"{kind}: expected sequences of shape (N, T, {D}), got {x.shape}. {fix}")
        return unbind(linear(x, self.weight_ih_l0, self.bias_ih_l0), axis=1)  # T times (N, sums H)

    def _start(self, x, state) -> Tensor:
        """The state before the first step, (N, H): zeros, if none is given."""
        shape = x.shape[0], self.weight_hh_l0.shape[1]
        if state is None:
            return Tensor(np.zeros(shape, self.weight_hh_l0.dtype))
        if state.shape != shape:
            kind = type(self).__name__
            raise ShapeError(
                f"{kind}: expected a state of shape {shape}, got {state.shape}. One row for each of the sequences."
            )
        return state if isinstance(state, Tensor) else constant("state", state, self.weight_hh_l0)


class RNN(_Recurrent):
    """A plain recurrent layer: :func:`rnn_step` at every step of the sequence.

    Parameters
    ----------
    input_size : int
        How many numbers there are at each step of time, D.
    hidden_size : int
        How many numbers the state has, H.
    rng : numpy.random.Generator
        Draws all weights evenly between -a and a, a = 1 / sqrt(hidden_size).
    dtype : dtype

    Attributes
    ----------
    weight_ih_l0 : Tensor, shape (H, D)
    weight_hh_l0 : Tensor, shape (H, H)
    bias_ih_l0, bias_hh_l0 : Tensor, shape (H,)

    Raises
    ------
    CourseError
        If a size is no whole number above 0.

    Notes
    -----
    The batch comes first: PyTorch's ``batch_first=True``. The final state has the shape (N, H); PyTorch's has an axis
    for the number of layers in front, (1, N, H).

    Examples
    --------
    >>> layer = RNN(3, 8, rng=np.random.default_rng(0))
    >>> output, h = layer(np.zeros((5, 10, 3)))
    >>> output.shape, h.shape
    ((5, 10, 8), (5, 8))
    >>> layer
    RNN(3, 8)  # 104 parameters
    """

    def forward(self, x, h=None):
        """Read sequences from beginning to end.

        Parameters
        ----------
        x : Tensor or ndarray, shape (N, T, D)
        h : Tensor, shape (N, H), optional
            The state before the first step; zeros if left out.

        Returns
        -------
        output : Tensor, shape (N, T, H)
            The state after each step.
        h : Tensor, shape (N, H)
            The state after the last step.

        Examples
        --------
        >>> layer, x = RNN(3, 8, rng=np.random.default_rng(0)), np.zeros((5, 10, 3))
        >>> _, h = layer.forward(x[:, :6])
        >>> layer.forward(x[:, 6:], h)[0].shape  # goes on where the first part ended
        (5, 4, 8)
        """
        h, outputs = self._start(x, h), []
        for share in self._shares(x):
            h = rnn_step(share, h, self.weight_hh_l0, self.bias_hh_l0)
            outputs.append(h)
        return stack(outputs, axis=1), h


class LSTM(_Recurrent):
    """A layer of long short-term memory: :func:`lstm_step` at every step of the sequence.

    Parameters are those of :class:`RNN`; its weights have 4 H rows in place of H, in the order i, f, g, o.

    Examples
    --------
    >>> output, (h, c) = LSTM(3, 8, rng=np.random.default_rng(0))(np.zeros((5, 10, 3)))
    >>> output.shape, h.shape, c.shape
    ((5, 10, 8), (5, 8), (5, 8))
    """

    sums = 4

    def forward(self, x, state=None):
        """Read sequences from beginning to end.

        Parameters
        ----------
        x : Tensor or ndarray, shape (N, T, D)
        state : pair of Tensor, each of shape (N, H), optional
            h and c before the first step; zeros if left out.

        Returns
        -------
        output : Tensor, shape (N, T, H)
            What is shown, h, after each step.
        h, c : pair of Tensor, each of shape (N, H)
            The state after the last step.

        Raises
        ------
        ShapeError
            If the state is no such pair.

        Examples
        --------
        >>> layer, x = LSTM(3, 8, rng=np.random.default_rng(0)), np.zeros((5, 10, 3))
        >>> _, state = layer.forward(x[:, :6])
        >>> layer.forward(x[:, 6:], state)[0].shape
        (5, 4, 8)
        """
        if state is not None and not (isinstance(state, tuple | list) and len(state) == 2):
            kind = type(state).__name__
            raise ShapeError(f"LSTM: expected a state of two parts, h and c, got a {kind}. Write layer(x, (h, c)).")
        h, c = (self._start(x, part) for part in state or (None, None))
        outputs = []
        for share in self._shares(x):
            h, c = lstm_step(share, h, c, self.weight_hh_l0, self.bias_hh_l0)
            outputs.append(h)
        return stack(outputs, axis=1), (h, c)


class GRU(_Recurrent):
    """A layer of gated recurrent units: :func:`gru_step` at every step of the sequence.

    Parameters are those of :class:`RNN`; its weights have 3 H rows in place of H, in the order r, z, n.

    Examples
    --------
    >>> output, h = GRU(3, 8, rng=np.random.default_rng(0))(np.zeros((5, 10, 3)))
    >>> output.shape, h.shape
    ((5, 10, 8), (5, 8))
    """

    sums = 3

    def forward(self, x, h=None):
        """Read sequences from beginning to end.

        Parameters
        ----------
        x : Tensor or ndarray, shape (N, T, D)
        h : Tensor, shape (N, H), optional
            The state before the first step; zeros if left out.

        Returns
        -------
        output : Tensor, shape (N, T, H)
            The state after each step.
        h : Tensor, shape (N, H)
            The state after the last step.

        Examples
        --------
        >>> GRU(3, 8, rng=np.random.default_rng(0)).forward(np.zeros((5, 1, 3)))[0].shape
        (5, 1, 8)
        """
        h, outputs = self._start(x, h), []
        for share in self._shares(x):
            h = gru_step(share, h, self.weight_hh_l0, self.bias_hh_l0)
            outputs.append(h)
        return stack(outputs, axis=1), h
