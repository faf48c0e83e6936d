"""Training parity: our networks and PyTorch's, from the same weights on the same batches, step by step the same losses.

A hundred steps of plain gradient descent in float64. A gradient that is a little wrong anywhere would lead away.
"""

import numpy as np
import torch
from beside_torch import same_start

from coursekit.scratch import nn
from coursekit.scratch.attention import MultiheadAttention
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.optim import SGD

STEPS = 100
F64 = {"dtype": np.float64}


def trained_together(ours, theirs, batches, lr):
    """The losses of both, one for each step; fails unless the weights agree in the end."""
    ours, theirs = same_start(ours, theirs)
    mine, other = SGD(ours.parameters(), lr=lr), torch.optim.SGD(theirs.parameters(), lr=lr)
    losses = []
    for x, labels in batches:
        loss = nn.cross_entropy(ours(x), labels)
        expected = torch.nn.functional.cross_entropy(
            theirs(torch.tensor(x)).flatten(0, labels.ndim - 1), torch.tensor(labels).flatten()
        )
        losses.append((loss.item(), expected.item()))
        for error, optimizer in ((loss, mine), (expected, other)):
            optimizer.zero_grad()
            error.backward()
            optimizer.step()
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], value.numpy(), atol=1e-8, err_msg=name)
    return np.array(losses)  # (steps, 2)


def expect_parity(losses, falls_below):
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=0, atol=1e-8)
    assert losses[-10:, 1].mean() < falls_below * losses[:10, 1].mean()  # it did learn: the gradients were no zeros


# -- an MLP ------------------------------------------------------------------------------------------------------------
def test_an_mlp_learns_as_in_torch():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(5, 20))

    def batches():
        for _ in range(STEPS):
            labels = rng.integers(0, 5, 32)
            yield centres[labels] + 0.5 * rng.normal(size=(32, 20)), labels

    ours = nn.Sequential(
        *(nn.Linear(20, 32, rng=rng, **F64), nn.BatchNorm1d(32, **F64), nn.ReLU()),
        *(nn.Linear(32, 16, rng=rng, **F64), nn.Tanh(), nn.Linear(16, 5, rng=rng, **F64)),
    )
    theirs = torch.nn.Sequential(
        *(torch.nn.Linear(20, 32), torch.nn.BatchNorm1d(32), torch.nn.ReLU()),
        *(torch.nn.Linear(32, 16), torch.nn.Tanh(), torch.nn.Linear(16, 5)),
    )
    expect_parity(trained_together(ours, theirs, batches(), lr=0.2), falls_below=0.3)


# -- a transformer of two blocks -------------------------------------------------------------------------------------
LETTERS, LENGTH, WIDTH, HEADS = 11, 8, 16, 4


class Block(nn.Module):
    def __init__(self, rng):
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, **F64), nn.LayerNorm(WIDTH, **F64)
        self.attention = MultiheadAttention(WIDTH, HEADS, rng=rng, **F64)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH, rng=rng, **F64), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH, rng=rng, **F64)
        )

    def forward(self, x):  # (N, T, E)
        x = x + self.attention(self.norm1(x), causal=True)
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, rng):
        self.letters = nn.Embedding(LETTERS, WIDTH, rng=rng, **F64)
        self.positions = Tensor(np.zeros((LENGTH, WIDTH)), requires_grad=True)
        self.blocks = [Block(rng), Block(rng)]
        self.norm, self.head = nn.LayerNorm(WIDTH, **F64), nn.Linear(WIDTH, LETTERS, rng=rng, **F64)

    def forward(self, indices):  # (N, T)
        x = self.letters(indices) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))  # (N, T, V)


class TorchBlock(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = torch.nn.LayerNorm(WIDTH), torch.nn.LayerNorm(WIDTH)
        self.attention = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(WIDTH, 4 * WIDTH), torch.nn.GELU(approximate="tanh"), torch.nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, x):
        y, hidden = self.norm1(x), torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
        x = x + self.attention(y, y, y, attn_mask=hidden, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class TorchTransformer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.letters = torch.nn.Embedding(LETTERS, WIDTH)
        self.positions = torch.nn.Parameter(torch.zeros(LENGTH, WIDTH))
        self.blocks = torch.nn.ModuleList([TorchBlock(), TorchBlock()])
        self.norm, self.head = torch.nn.LayerNorm(WIDTH), torch.nn.Linear(WIDTH, LETTERS)

    def forward(self, indices):
        x = self.letters(indices) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def test_a_transformer_of_two_blocks_learns_as_in_torch():
    """To count on: each letter is the one before plus a step that differs from row to row."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)

    def batches():
        for _ in range(STEPS):
            first, step = rng.integers(0, LETTERS, (16, 1)), rng.integers(1, 4, (16, 1))
            rows = (first + step * np.arange(LENGTH + 1)) % LETTERS  # (N, T + 1)
            yield rows[:, :-1], rows[:, 1:]

    losses = trained_together(Transformer(rng), TorchTransformer(), batches(), lr=0.3)
    expect_parity(losses, falls_below=0.6)
