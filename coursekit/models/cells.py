"""A cell computes the next state from the present one and the next input; unrolled, it is a layer for every step.

The cells compute what PyTorch's compute, with its names, shapes and order of gates; :mod:`coursekit.scratch.recurrent`
has the same three on the course's own engine. And how a layer has to start so that its state lasts.
Letters: N sequences, T steps, D numbers a step, H numbers of the state.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["gru_cell", "lstm_cell", "made_to_remember", "rnn_cell", "unroll"]


def rnn_cell(x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """One step of a plain recurrent network: tanh(x W_ih^T + b_ih + h W_hh^T + b_hh).

    Parameters
    ----------
    x : Tensor, (N, D)
    h : Tensor, (N, H)
    weight_ih, weight_hh : Tensor, (H, D) and (H, H)
    bias_ih, bias_hh : Tensor, (H,)

    Returns
    -------
    Tensor, (N, H)
        The next state.

    Source
    ------
    Elman (1990), Finding structure in time.

    Examples
    --------
    >>> rnn_cell(torch.zeros(1, 1), *torch.ones(3, 1, 1), *torch.zeros(2, 1))  # tanh(1)
    tensor([[0.7616]])
    """
    return torch.tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)


def lstm_cell(x: Tensor, h: Tensor, c: Tensor, weight_ih, weight_hh, bias_ih, bias_hh) -> tuple[Tensor, Tensor]:
    """One step of a long short-term memory: c' = f * c + i * g and h' = o * tanh(c').

    Parameters
    ----------
    x : Tensor, (N, D)
    h, c : Tensor, (N, H)
        What was shown, and the memory.
    weight_ih, weight_hh : Tensor, (4 H, D) and (4 H, H)
        In the order i, f, g, o.
    bias_ih, bias_hh : Tensor, (4 H,)

    Returns
    -------
    h, c : Tensor, (N, H)

    Source
    ------
    Hochreiter and Schmidhuber (1997), Long short-term memory; Gers, Schmidhuber and Cummins (2000), Learning to forget.

    Examples
    --------
    >>> keep = torch.tensor([-9.0, 9.0, 0.0, 9.0])  # take nothing in, keep everything, show everything
    >>> h, c = lstm_cell(torch.ones(1, 1), *torch.full((2, 1, 1), 0.5), *torch.zeros(2, 4, 1), keep, torch.zeros(4))
    >>> round(c.item(), 3)
    0.5
    """
    sums = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh  # (N, 4 H)
    i, f, g, o = sums.chunk(4, dim=-1)  # each (N, H)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_cell(x: Tensor, h: Tensor, weight_ih, weight_hh, bias_ih, bias_hh) -> Tensor:
    """One step of a gated recurrent unit: h' = (1 - z) * n + z * h, with n = tanh(x_n + r * h_n).

    Parameters
    ----------
    x : Tensor, (N, D)
    h : Tensor, (N, H)
    weight_ih, weight_hh : Tensor, (3 H, D) and (3 H, H)
        In the order r, z, n.
    bias_ih, bias_hh : Tensor, (3 H,)

    Returns
    -------
    Tensor, (N, H)

    Source
    ------
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder; r after the weights, as in PyTorch.

    Examples
    --------
    >>> keep = torch.tensor([0.0, 9.0, 5.0])
    >>> h = gru_cell(torch.ones(1, 1), torch.full((1, 1), 0.5), *torch.zeros(2, 3, 1), keep, torch.zeros(3))
    >>> round(h.item(), 3)
    0.5
    """
    x_r, x_z, x_n = (x @ weight_ih.T + bias_ih).chunk(3, dim=-1)  # each (N, H)
    h_r, h_z, h_n = (h @ weight_hh.T + bias_hh).chunk(3, dim=-1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return (1 - z) * torch.tanh(x_n + r * h_n) + z * h


def unroll(cell: Callable, x: Tensor, state: tuple[Tensor, ...], weights: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
    """Apply a cell at every step, with the same weights each time.

    Parameters
    ----------
    cell : callable
        :func:`rnn_cell`, :func:`lstm_cell` or :func:`gru_cell`.
    x : Tensor, (N, T, D)
    state : tuple of Tensor, each (N, H)
        Before the first step: (h,) or (h, c).
    weights : sequence of Tensor
        As the cell takes them.

    Returns
    -------
    list of tuple of Tensor, length T + 1
        The state before the first step, and after each one.

    Examples
    --------
    >>> layer = nn.GRU(3, 8, batch_first=True)
    >>> states = unroll(gru_cell, torch.zeros(5, 10, 3), (torch.zeros(5, 8),), list(layer.parameters()))
    >>> len(states), states[-1][0].shape
    (11, torch.Size([5, 8]))
    """
    states = [tuple(state)]
    for step in x.unbind(dim=1):
        found = cell(step, *states[-1], *weights)
        states.append(found if isinstance(found, tuple) else (found,))
    return states


@torch.no_grad()
def made_to_remember(layer: nn.RNNBase, gate: float = 3.0) -> nn.RNNBase:
    """Change the starting weights of a layer so that its state lasts; in place.

    A plain layer gets an orthogonal W_hh, which neither stretches nor shrinks. A gated one gets a bias that opens the
    gate by which the old state is kept: f of an LSTM, z of a GRU.

    Parameters
    ----------
    layer : torch.nn.RNN, LSTM or GRU
    gate : float
        The bias; of a gate at sigmoid(3) = 0.95 after 20 steps a third is left.

    Returns
    -------
    The layer.

    Source
    ------
    Gers, Schmidhuber and Cummins (2000) and Jozefowicz, Zaremba and Sutskever (2015) for the gate; Saxe, McClelland and
    Ganguli (2014) for the orthogonal matrix.

    Examples
    --------
    >>> made_to_remember(nn.LSTM(1, 2)).bias_hh_l0.detach()[2:4]
    tensor([3., 3.])
    """
    H = layer.hidden_size
    for name, weight in layer.named_parameters():
        if isinstance(layer, nn.RNN) and name.startswith("weight_hh"):
            nn.init.orthogonal_(weight)
        elif not isinstance(layer, nn.RNN) and name.startswith("bias_hh"):
            weight[H : 2 * H] = gate
    return layer
