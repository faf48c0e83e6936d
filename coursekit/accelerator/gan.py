"""What does a generator gain from more time and more width? It is measured in the course's own features."""

import copy
import time
from typing import Any

import numpy as np
import torch

from coursekit import datasets
from coursekit.metrics import frechet_distance, precision_recall
from coursekit.models.features import features
from coursekit.models.gan import Discriminator, Generator, discriminator_loss, generator_loss
from coursekit.models.stabilisers import update_average

__all__ = ["FULL_SIZE", "measure"]

FULL_SIZE = {
    "noise": 64,
    "width": 128,
    "epochs": 100,
    "looks": 10,
    "batch": 64,
    "lr": 3e-4,
    "ema": 0.999,
    "seed": 0,
    "rows": None,
}


def measure(
    device: str,
    *,
    noise: int,
    width: int,
    epochs: int,
    looks: int,
    batch: int,
    lr: float,
    ema: float,
    seed: int,
    rows: int | None,
) -> dict[str, Any]:
    """Play the game, and look at the generator's average from time to time.

    Parameters
    ----------
    device : str
    noise, width : int
        Of the generator; the discriminator is half as wide.
    epochs, looks, batch, seed : int
        `looks` is how often, evenly over the training, the generator is measured.
    lr, ema : float
        Rate of Adam for both, and the decay of the generator's average.
    rows : int or None
        So many pictures only to learn from and to measure with: to try the experiment out.

    Returns
    -------
    dict
        "rows": epoch, Frechet distance to the test set, precision and recall. "summary": those of the last look, the
        distance of as many training pictures to the test set (what is attainable), seconds.
    """
    data = datasets.load("fashion_mnist")
    real = torch.tensor(data.x_train[:rows], device=device).unsqueeze(1).float() / 127.5 - 1  # (N, 1, 28, 28)
    seen = features(data.x_test[:rows])
    torch.manual_seed(seed)
    game = _Game(Generator(noise, width).to(device), Discriminator(width // 2).to(device), lr, ema)
    start, measured = time.perf_counter(), []
    for epoch in range(1, epochs + 1):
        for chosen in torch.randperm(len(real)).split(batch)[: len(real) // batch]:
            game.step(real[chosen.to(device)])
        if epoch * looks // epochs > (epoch - 1) * looks // epochs:
            measured.append({"epoch": epoch, **_look(game.average, seen, seed)})
    attainable = frechet_distance(features(data.x_train[: len(seen)]), seen)
    last = {name: value for name, value in measured[-1].items() if name != "epoch"}
    summary = last | {
        "Frechet distance of real training pictures": attainable,
        "pictures measured": len(seen),
        "seconds": time.perf_counter() - start,
    }
    return {"summary": summary, "rows": measured}


class _Game:
    """Generator, discriminator, their optimisers, and the generator's average."""

    def __init__(self, generator: Generator, discriminator: Discriminator, lr: float, ema: float):
        self.generator, self.discriminator, self.ema = generator, discriminator, ema
        self.average = copy.deepcopy(generator).eval().requires_grad_(False)
        self.forger = torch.optim.Adam(generator.parameters(), lr=lr, betas=(0.5, 0.99))
        self.judge = torch.optim.Adam(discriminator.parameters(), lr=lr, betas=(0.5, 0.99))

    def step(self, real: torch.Tensor) -> None:
        """One step of each player."""
        made = self.generator(torch.randn(len(real), self.generator.noise, device=real.device))  # (N, 1, 28, 28)
        self.judge.zero_grad()
        discriminator_loss(self.discriminator(real), self.discriminator(made.detach())).backward()
        self.judge.step()
        self.forger.zero_grad()
        generator_loss(self.discriminator(made)).backward()
        self.forger.step()
        update_average(self.average, self.generator, self.ema)


def _look(average: Generator, seen: np.ndarray, seed: int) -> dict[str, float]:
    """Distance, precision and recall of as many new pictures as there are real ones; the same noise at every look."""
    on_processor = copy.deepcopy(average).cpu()
    made = features(on_processor.sample(len(seen), rng=torch.Generator().manual_seed(seed)))
    precision, recall = precision_recall(seen, made)
    return {"Frechet distance": frechet_distance(made, seen), "precision": precision, "recall": recall}
