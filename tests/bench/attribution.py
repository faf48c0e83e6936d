"""Explanations beside those of others, shap, captum and scikit-learn: the same rows, at an error that is no larger.

Exact values are the judge. Everybody explains the same 50 rows of a small network with 12 features. We ask fewer
coalitions where fewer are enough: the errors of both stand beside the ratio, so that nobody need take our word for it.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bench.contest import race, ratio, row

FEATURES, ROWS = 12, 50
OURS = "coursekit"


class Network:
    """12 inputs, 32 hidden units, one output: in NumPy, and the same in PyTorch for captum."""

    def __init__(self) -> None:
        import torch

        rng = np.random.default_rng(0)
        self.w, self.v = rng.normal(size=(FEATURES, 32)), rng.normal(size=32)
        self.x = rng.normal(size=(ROWS, FEATURES))
        self.background = rng.normal(size=(50, FEATURES))
        self._w, self._v = torch.tensor(self.w), torch.tensor(self.v)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return np.tanh(rows @ self.w) @ self.v

    def torch(self, rows: Any) -> Any:
        import torch

        return torch.tanh(rows @ self._w) @ self._v


def error(values: np.ndarray, exact: np.ndarray) -> float:
    """Root of the mean squared error, as a share of the largest exact value."""
    return float(np.sqrt(np.mean((values - exact) ** 2)) / np.abs(exact).max())


def kernel_rows(rounds: int) -> list[dict]:
    """KernelSHAP with one baseline beside shap and captum, and with 50 background rows beside shap."""
    import shap
    import torch
    from captum.attr import KernelShap

    from coursekit.attribution import exact_shapley, kernel_shap

    network, rows = Network(), []
    for size, samples, theirs, promised in ((1, 1150, 2048, 20.0), (50, 1000, 2048, 4.0)):
        background = network.background[:size]
        exact = exact_shapley(network, network.x, background).values
        explainer = shap.KernelExplainer(network, background)
        contestants = {
            OURS: lambda b=background, n=samples: (
                kernel_shap(network, network.x, b, samples=n, rng=np.random.default_rng(0)).values
            ),
            "shap KernelExplainer": lambda e=explainer, n=theirs: e.shap_values(
                network.x, nsamples=n, silent=True, l1_reg=0
            ),
        }
        rows += _faster(
            f"KernelSHAP, {size} background", contestants, exact, {"shap KernelExplainer": promised}, rounds
        )
    explainer = KernelShap(network.torch)
    x, baseline = torch.tensor(network.x), torch.tensor(network.background[:1])
    exact = exact_shapley(network, network.x, network.background[:1]).values
    contestants = {
        OURS: lambda: (
            kernel_shap(network, network.x, network.background[:1], samples=500, rng=np.random.default_rng(0)).values
        ),
        "captum KernelShap": lambda: explainer.attribute(x, baseline, n_samples=1000).numpy(),
    }
    return rows + _faster("KernelSHAP, 1 background", contestants, exact, {"captum KernelShap": 200.0}, 3)


def exact_rows(rounds: int) -> list[dict]:
    """All coalitions of 12 features, 50 background rows."""
    import shap

    from coursekit.attribution import exact_shapley

    network = Network()
    explainer = shap.explainers.Exact(network, shap.maskers.Independent(network.background, max_samples=100))
    contestants = {
        OURS: lambda: exact_shapley(network, network.x, network.background).values,
        "shap ExactExplainer": lambda: explainer(network.x, silent=True).values,
    }
    exact = contestants[OURS]()
    return _faster("exact, d = 12", contestants, exact, {"shap ExactExplainer": 3.0}, min(rounds, 7))


def deep_rows(rounds: int) -> list[dict]:
    """DeepSHAP of a small convolutional network with max pooling, 20 background pictures."""
    import shap
    import torch
    from captum.attr import DeepLiftShap
    from torch import nn

    from coursekit.attribution.deep import deep_shap

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(784, 10),
    ).eval()
    x, background = torch.randn(5, 1, 28, 28), torch.randn(20, 1, 28, 28)
    theirs, captums = shap.DeepExplainer(network, background), DeepLiftShap(network)
    contestants = {
        OURS: lambda: deep_shap(network, x.numpy(), background.numpy(), target=3).values,
        "shap DeepExplainer": lambda: np.asarray(theirs.shap_values(x, check_additivity=False))[..., 3],
        "captum DeepLiftShap": lambda: captums.attribute(x, background, target=3).detach().numpy(),
    }
    found = deep_shap(network, x.numpy(), background.numpy(), target=3)
    promised = {"shap DeepExplainer": 1.0, "captum DeepLiftShap": 1.0}

    def gap(values: np.ndarray, _exact: np.ndarray) -> float:
        miss = values.sum(axis=(1, 2, 3)) + found.base_value - found.output
        return float(np.abs(miss).max() / np.abs(found.output).max())

    return _faster("DeepSHAP", contestants, found.values, promised, min(rounds, 7), judge=gap, what_error="gap")


def tree_rows(rounds: int) -> list[dict]:
    """TreeSHAP of a forest: 100 trees of depth 8, 100 rows, 100 background rows."""
    import shap
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier

    from coursekit.attribution.trees import tree_shap

    x, y = load_breast_cancer(return_X_y=True)
    x = x.astype(np.float32).astype(float)
    model = RandomForestClassifier(100, max_depth=8, random_state=0).fit(x, y)
    rows, background = x[:100], x[200:300]
    explainer = shap.TreeExplainer(model, background, feature_perturbation="interventional")
    contestants = {
        OURS: lambda: tree_shap(model, rows, background, target=1).values,
        "shap TreeExplainer": lambda: np.asarray(explainer.shap_values(rows, check_additivity=False))[..., 1],
    }
    exact = contestants[OURS]()
    return _faster("TreeSHAP", contestants, exact, {"shap TreeExplainer": 1 / 3}, min(rounds, 7))


def shuffle_rows(rounds: int) -> list[dict]:
    """Permutation importance of a forest, 20 shuffles of each column; judged against 200 shuffles."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.inspection import permutation_importance as theirs
    from sklearn.metrics import accuracy_score

    from coursekit.attribution import permutation_importance

    x, y = load_breast_cancer(return_X_y=True)
    model = RandomForestClassifier(20, max_depth=8, random_state=0).fit(x[:300], y[:300])
    rows, truth = x[300:], y[300:]

    def ours(repeats: int) -> np.ndarray:
        rng = np.random.default_rng(0)
        return permutation_importance(
            model.predict, rows, truth, lambda out, y: float(accuracy_score(y, out)), repeats=repeats, rng=rng
        ).values

    contestants = {
        OURS: lambda: ours(20),
        "scikit-learn": lambda: theirs(model, rows, truth, scoring="accuracy", n_repeats=20, random_state=0)[
            "importances_mean"
        ],
    }
    return _faster("permutation importance", contestants, ours(200), {"scikit-learn": 0.9}, min(rounds, 5))


def _faster(
    what: str,
    contestants: dict[str, Callable[[], np.ndarray]],
    exact: np.ndarray,
    promised: dict[str, float],
    rounds: int,
    judge: Callable[[np.ndarray, np.ndarray], float] = error,
    what_error: str = "error",
) -> list[dict]:
    """How many times as fast as each other one we are, with the errors of both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        missed = {name: judge(np.asarray(run()), exact) for name, run in contestants.items()}
        seconds = race(contestants, rounds=max(3, min(rounds, 9)), steps=1)
    rows = []
    for other, times in promised.items():
        middle, low, high = ratio(seconds, other, OURS)
        spread = f"{low:.1f} to {high:.1f}; {what_error} {missed[OURS]:.1e} against {missed[other]:.1e}"
        rows.append(row(f"{what}: {other} / ours", middle, at_least=times, spread=spread))
    return rows


def attribution_rows(rounds: int) -> list[dict]:
    """Every row, with one thread."""
    import torch

    torch.set_num_threads(1)
    return kernel_rows(rounds) + exact_rows(rounds) + deep_rows(rounds) + tree_rows(rounds) + shuffle_rows(rounds)
