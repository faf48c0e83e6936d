"""The clinic's programs: one that trains as it should, and eight that each differ from it in one method.

Read this file only when you have made your diagnoses: the names of the classes are the answers.
"""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

__all__ = [
    "DeadReLU",
    "EvalForgotten",
    "Healthy",
    "LabelOffByOne",
    "MissingZeroGrad",
    "RateTooLarge",
    "SoftmaxTwice",
    "Unshuffled",
    "WrongDim",
]


class Healthy:
    """A small network on pictures of clothes, trained as it should be."""

    rate = 0.1

    def loader(self, x, y, generator):
        """The batches of an epoch, in another order each time."""
        return DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True, generator=generator)

    def network(self):
        """One hidden layer of 64 units, half of which sit out in every step of training."""
        return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))

    def loss(self, scores, labels):
        """Cross-entropy: softmax over the classes of each picture, then minus the logarithm at its label."""
        return F.cross_entropy(scores, labels)

    def step(self, model, optimizer, x, labels):
        """One step: forget the old gradients, compute new ones, follow them."""
        optimizer.zero_grad()
        loss = self.loss(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def evaluate(self, model, x):
        """The scores of pictures that are not trained on."""
        model.eval()
        with torch.no_grad():
            scores = model(x)
        model.train()
        return scores


class Unshuffled(Healthy):
    """The pictures come as they lie on the disk, one class after the other."""

    def loader(self, x, y, generator):
        """Sorted by class, and in the same order in every epoch."""
        by_class = torch.argsort(y, stable=True)
        return DataLoader(TensorDataset(x[by_class], y[by_class]), batch_size=32)


class MissingZeroGrad(Healthy):
    """Gradients are added to those of all steps before."""

    def step(self, model, optimizer, x, labels):
        """Without optimizer.zero_grad()."""
        loss = self.loss(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()


class SoftmaxTwice(Healthy):
    """The network ends in a softmax, and the loss applies another."""

    def network(self):
        """With nn.Softmax at the end, where cross_entropy expects scores."""
        return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10), nn.Softmax(dim=1))


class WrongDim(Healthy):
    """The softmax runs over the pictures of the batch instead of over the classes."""

    def loss(self, scores, labels):
        """With dim=0 where dim=1 is meant."""
        return F.nll_loss(F.log_softmax(scores, dim=0), labels)


class EvalForgotten(Healthy):
    """Dropout keeps dropping while the network is evaluated."""

    def evaluate(self, model, x):
        """Without model.eval()."""
        with torch.no_grad():
            return model(x)


class RateTooLarge(Healthy):
    """The learning rate is beyond what the loss bears."""

    rate = 3.0


class DeadReLU(Healthy):
    """The hidden units begin so far below zero that no picture wakes them."""

    def network(self):
        """With a first bias of -20, where 0 or small random numbers belong."""
        model = super().network()
        nn.init.constant_(model[0].bias, -20.0)
        return model


class LabelOffByOne(Healthy):
    """The labels to learn from count from 1, and somebody made them fit with a remainder."""

    def loader(self, x, y, generator):
        """With (label + 1) % 10 in place of the label."""
        return super().loader(x, (y + 1) % 10, generator)
