"""The experiments of the recorded runs, at a size that the processor can bear: what they measure is what they say."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from coursekit.accelerator import EXPERIMENTS, gpt
from coursekit.accelerator.gpt import Windows, flops_per_token
from coursekit.accelerator.resnet import Augmented, augment, pictures
from coursekit.accelerator.throughput import MODELS, images_per_second
from coursekit.datasets import load
from coursekit.errors import CourseError
from coursekit.models.transformer import GPT


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_knows_its_settings_and_reads_like_a_line(name):
    experiment = EXPERIMENTS[name]
    assert experiment.full_size() and "\n" not in experiment.about
    with pytest.raises(TypeError, match="nonsense"):
        experiment.measure("cpu", nonsense=1)


# -- throughput ------------------------------------------------------------------------------------------------------
def test_throughput_gives_a_row_for_every_model_and_size():
    found = EXPERIMENTS["throughput"].measure("cpu", models=("mlp", "lenet"), batch_sizes=(2, 16), seconds=0.02)
    rows = found["rows"]
    assert [(row["model"], row["batch"]) for row in rows] == [("mlp", 2), ("mlp", 16), ("lenet", 2), ("lenet", 16)]
    for row in rows:
        assert row["ratio"] == row["accelerator images/s"] / row["cpu images/s"]
        assert row["bfloat16 images/s"] is None, "the processor is never asked for it"
    assert rows[1]["cpu images/s"] > 2 * rows[0]["cpu images/s"], "a small batch is mostly waiting"
    ratios = [row["ratio"] for row in rows]
    assert (found["summary"]["smallest ratio"], found["summary"]["largest ratio"]) == (min(ratios), max(ratios))


def test_images_a_second_are_images_by_seconds(monkeypatch):
    from coursekit.accelerator import throughput

    clock = iter(range(1000))  # every look at the clock is a second later
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(clock))
    calls = []

    class Counted(nn.Linear):
        def forward(self, x):
            calls.append(len(x))
            return super().forward(x.flatten(1))

    assert images_per_second(lambda: Counted(784, 10), 8, "cpu", seconds=5) == 8.0
    assert calls == [8] * (3 + 5)
    calls.clear()
    images_per_second(lambda: Counted(784, 10), 8, "cpu", seconds=0)
    assert len(calls) == 3 + 3, "three steps, however long they take"


def test_every_model_of_the_race_takes_pictures():
    for make in MODELS.values():
        assert make()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


# -- the residual network --------------------------------------------------------------------------------------------
def test_the_residual_network_learns_and_is_measured_on_pictures_it_has_not_seen():
    settings = {"blocks": (1, 1), "widths": (8, 16), "epochs": 5, "batch": 32, "lr": 0.05, "ema": 0.9, "rows": 640}
    found = EXPERIMENTS["resnet"].measure("cpu", **settings)
    summary, rows = found["summary"], found["rows"]
    assert [row["epoch"] for row in rows] == list(range(1, 6))
    assert summary["test accuracy"] > 0.4, "chance is 0.1"
    assert summary["held-out accuracy"] == rows[-1]["held-out accuracy"]
    assert summary["bfloat16"] is False and summary["images a second"] > 0
    assert all(math.isfinite(value) for row in rows for value in row.values())


def test_pictures_have_mean_0_and_spread_1():
    x = pictures(load("fashion_mnist").x_train[:20_000], "cpu")
    assert x.shape == (20_000, 1, 28, 28)
    assert abs(x.mean()) < 0.02 and abs(x.std() - 1) < 0.02


def test_shifts_and_mirrors_are_those_of_numpy():
    rng = torch.Generator().manual_seed(0)
    x = torch.arange(2 * 36.0).reshape(2, 1, 6, 6)
    seen = set()
    for _ in range(60):
        draw = torch.rand(5, 2, generator=torch.Generator().set_state(rng.get_state())).numpy()
        y = augment(x, rng, shift=1, patch=0)
        for k in range(2):
            down, right = (int(draw[m, k] * 3) - 1 for m in (0, 1))
            padded = np.pad(x[k, 0].numpy(), 1, mode="edge")
            moved = padded[1 + down : 7 + down]
            if draw[2, k] < 0.5:  # mirrored, then shifted the same way in the picture's own columns
                columns = np.clip(np.arange(5, -1, -1) + right, 0, 5)
                expected = moved[:, 1 + columns]
            else:
                expected = moved[:, 1 + right : 7 + right]
            np.testing.assert_array_equal(y[k, 0].numpy(), expected)
            seen.add((down, right, bool(draw[2, k] < 0.5)))
    assert len(seen) == 18, "all of them came up"


def test_the_patch_is_a_square_anywhere():
    rng = torch.Generator().manual_seed(0)
    erased = augment(torch.ones(2000, 1, 12, 12), rng, shift=0, patch=4)[:, 0] == 0
    sizes = erased.sum(dim=(1, 2))
    assert sizes.max() == 16 and sizes.min() >= 4, "cut off at the edge, it is smaller"
    assert erased.any(dim=0).all(), "every pixel's turn comes"
    assert not (augment(torch.ones(50, 1, 12, 12), rng, shift=2, patch=0) == 0).any()


def test_batches_come_in_a_new_order_each_epoch_and_pairs_stay_together():
    x = torch.arange(10.0).reshape(10, 1, 1, 1).expand(10, 1, 4, 4)
    batches = Augmented(x, torch.arange(10), 3, torch.Generator().manual_seed(0))
    epochs = [torch.cat([y for _, y in batches]).tolist() for _ in range(2)]
    assert epochs[0] != epochs[1] and len(set(epochs[0])) == 9
    for pictures_, y in Augmented(x + 1, torch.arange(10), 3, torch.Generator()):
        assert all(set(p.unique().tolist()) <= {0.0, float(label) + 1} for p, label in zip(pictures_, y, strict=True))
    with pytest.raises(CourseError, match="size: expected at most the 10 rows, got 11"):
        Augmented(x, torch.arange(10), 11, torch.Generator())


# -- the game --------------------------------------------------------------------------------------------------------
def test_the_game_is_looked_at_evenly_and_measured_beside_real_pictures():
    settings = {"width": 8, "epochs": 6, "looks": 3, "rows": 300, "batch": 32, "lr": 2e-3, "ema": 0.8}
    found = EXPERIMENTS["gan"].measure("cpu", **settings)
    assert [row["epoch"] for row in found["rows"]] == [2, 4, 6]
    summary = found["summary"]
    distances = [row["Frechet distance"] for row in found["rows"]]
    assert distances[-1] < distances[0] and summary["Frechet distance"] == distances[-1]
    assert summary["Frechet distance of real training pictures"] < distances[-1]
    assert summary["pictures measured"] == 300


# -- the language model ----------------------------------------------------------------------------------------------
def test_the_language_model_learns_and_the_study_has_a_row_for_each_size_and_budget():
    settings = {"width": 32, "layers": 2, "heads": 4, "context": 16, "batch": 8, "steps": 60, "dropout": 0.1}
    study = {"study_widths": (8, 16), "study_steps": (2, 40), "characters": 20_000}
    found = EXPERIMENTS["gpt"].measure("cpu", **settings, **study)
    summary, rows = found["summary"], found["rows"]
    first = math.log2(81)
    assert 2 < summary["test bits per character"] < 0.8 * first
    assert 2 < summary["Kneser-Ney of order 8, test bits per character"] < 3.5
    assert summary["tokens a second"] == 60 * 8 * 16 / summary["seconds of training"]
    assert summary["share of the chip's peak (MFU)"] is None, "a processor's is not in the table"
    assert [(row["width"], row["steps"]) for row in rows] == [(8, 2), (8, 40), (16, 2), (16, 40)]
    assert all(
        short["bits per character"] > long["bits per character"]
        for short, long in zip(rows[::2], rows[1::2], strict=True)
    )
    assert rows[0]["tokens"] == 2 * 8 * 16 and rows[3]["operations"] > 20 * rows[0]["operations"]


def test_operations_are_six_a_weight_and_those_of_attention():
    model = GPT(81, context=16, width=32, layers=2, heads=4)
    weights = 81 * 32 + 2 * (12 * 32 * 32 + 4 * 32) + 2 * 32
    assert flops_per_token(model, 16) == 6 * weights + 12 * 2 * 32 * 16


def test_windows_are_pieces_of_the_text_and_reach_both_ends():
    seen = set()
    for x, y in Windows(torch.arange(12), 4, 5, 40, torch.Generator().manual_seed(0)):
        assert x.shape == y.shape == (5, 4) and (x.diff() == 1).all() and (y == x + 1).all()
        seen |= set(y.flatten().tolist()) | set(x.flatten().tolist())
    assert seen == set(range(12))


def test_the_share_of_the_peak_is_operations_by_the_makers_number(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA A100-SXM4-80GB")
    model = GPT(81, context=16, width=32, layers=2, heads=4)
    assert gpt._share_of_peak(model, 16, 1e6, "cuda") == 1e6 * flops_per_token(model, 16) / 312e12
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "something new")
    assert gpt._share_of_peak(model, 16, 1e6, "cuda") is None
