"""Training parity, continued: a LeNet and an LSTM beside PyTorch's, a hundred steps from the same weights, float64."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from test_parity import F64, STEPS, expect_parity, trained_together

from coursekit.scratch import nn
from coursekit.scratch.conv import Conv2d, MaxPool2d
from coursekit.scratch.recurrent import LSTM

SENTENCE = "the gradient goes back through every step of time, and every step adds its share to the same weights. "


def test_a_lenet_learns_as_in_torch():
    """LeNet-5 with ReLU and max pooling, on scikit-learn's digits, every pixel enlarged to three by three."""
    rng = np.random.default_rng(0)
    images, labels = load_digits(return_X_y=True)
    images = np.kron(images.reshape(-1, 1, 8, 8) / 16, np.ones((3, 3)))
    images = (images - images.mean()) / images.std()
    images = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))  # (N, 1, 28, 28)

    def batches():
        for _ in range(STEPS):
            chosen = rng.integers(0, len(labels), 32)
            yield images[chosen], labels[chosen]

    ours = nn.Sequential(
        *(Conv2d(1, 6, 5, padding=2, rng=rng, **F64), nn.ReLU(), MaxPool2d(2)),
        *(Conv2d(6, 16, 5, rng=rng, **F64), nn.ReLU(), MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120, rng=rng, **F64), nn.ReLU(), nn.Linear(120, 84, rng=rng, **F64), nn.ReLU()),
        nn.Linear(84, 10, rng=rng, **F64),
    )
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 6, 5, padding=2), torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.Conv2d(6, 16, 5), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten()),
        *(torch.nn.Linear(400, 120), torch.nn.ReLU(), torch.nn.Linear(120, 84), torch.nn.ReLU()),
        torch.nn.Linear(84, 10),
    )
    expect_parity(trained_together(ours, theirs, batches(), lr=0.1), falls_below=0.6)


class Letters(nn.Module):
    """Guesses the next letter at every step."""

    def __init__(self, letters, rng):
        self.embedding = nn.Embedding(letters, 8, rng=rng, **F64)
        self.lstm, self.head = LSTM(8, 24, rng=rng, **F64), nn.Linear(24, letters, rng=rng, **F64)

    def forward(self, indices):  # (N, T)
        return self.head(self.lstm(self.embedding(indices))[0])  # (N, T, V)


class TorchLetters(torch.nn.Module):
    def __init__(self, letters):
        super().__init__()
        self.embedding = torch.nn.Embedding(letters, 8)
        self.lstm, self.head = torch.nn.LSTM(8, 24, batch_first=True), torch.nn.Linear(24, letters)

    def forward(self, indices):
        return self.head(self.lstm(self.embedding(indices))[0])


def test_an_lstm_learns_as_in_torch():
    rng = np.random.default_rng(0)
    letters = sorted(set(SENTENCE))
    text = np.array([letters.index(letter) for letter in SENTENCE * 3])

    def batches():
        for _ in range(STEPS):
            starts = rng.integers(0, len(text) - 21, (8, 1))
            rows = text[starts + np.arange(21)]  # (N, T + 1)
            yield rows[:, :-1], rows[:, 1:]

    torch.manual_seed(0)
    losses = trained_together(Letters(len(letters), rng), TorchLetters(len(letters)), batches(), lr=1.0)
    expect_parity(losses, falls_below=0.8)
