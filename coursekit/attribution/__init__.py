"""Which features made the model say that? Explanations of any model, their axioms as tests, their limits shown.

``base``         :class:`Attribution`: the numbers, what they explain, and whether they add up
``models``       any model as a function of rows, with gradients where a method needs them
``game``         a prediction as a game of features: coalitions and what they are worth
``exact``        Shapley values by all coalitions
``permutation``  Shapley values by random orders, with standard errors
``kernel``       KernelSHAP: Shapley values by regression on chosen coalitions
``tensors``      gradients, paths, class maps and deletion in a few lines of PyTorch each
"""

from coursekit.attribution.base import Attribution
from coursekit.attribution.exact import exact_shapley
from coursekit.attribution.game import Game, patches
from coursekit.attribution.kernel import kernel_shap, kernel_weights
from coursekit.attribution.models import Model, from_scratch, from_sklearn, from_torch
from coursekit.attribution.permutation import permutation_shapley

__all__ = [
    "Attribution",
    "Game",
    "Model",
    "exact_shapley",
    "from_scratch",
    "from_sklearn",
    "from_torch",
    "kernel_shap",
    "kernel_weights",
    "patches",
    "permutation_shapley",
]
