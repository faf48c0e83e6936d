"""Which features made the model say that? Explanations of any model, their axioms as tests, their limits shown.

``base``         :class:`Attribution`: the numbers, what they explain, and whether they add up
``models``       any model as a function of rows, with gradients where a method needs them
``game``         a prediction as a game of features: coalitions and what they are worth
``exact``        Shapley values by all coalitions
``permutation``  Shapley values by random orders, with standard errors
``kernel``       KernelSHAP: Shapley values by regression on chosen coalitions
``regression``   the straight line through pairs of coalitions that KernelSHAP solves, with standard errors
``trees``        TreeSHAP: exact for scikit-learn's trees, forests and gradient boosting, histograms too
``deep``         DeepLIFT and DeepSHAP for PyTorch networks (loads PyTorch)
``gradient``     saliency, gradient x input, SmoothGrad, integrated and expected gradients
``grad_cam``     Grad-CAM; guided backpropagation, which fails the sanity test (loads PyTorch)
``tensors``      gradients, paths, class maps and deletion in a few lines of PyTorch each (loads PyTorch)
``perturbation`` occlusion, permutation importance
``lime``         LIME for tables, pictures and texts
``rollout``      where a token's knowledge comes from, through several layers of attention
``faithfulness`` is an explanation true to the model? deletion, insertion, randomisation, sensitivity
"""

from coursekit.attribution.base import Attribution
from coursekit.attribution.exact import exact_shapley
from coursekit.attribution.game import Game, patches
from coursekit.attribution.gradient import expected_gradients, integrated_gradients, saliency, smooth_grad
from coursekit.attribution.kernel import kernel_shap, kernel_weights
from coursekit.attribution.lime import lime_text
from coursekit.attribution.models import Model, from_scratch, from_sklearn, from_torch
from coursekit.attribution.permutation import permutation_shapley
from coursekit.attribution.perturbation import occlusion, permutation_importance
from coursekit.attribution.rollout import attention_rollout
from coursekit.attribution.trees import tree_shap

__all__ = [
    "Attribution",
    "Game",
    "Model",
    "attention_rollout",
    "exact_shapley",
    "expected_gradients",
    "from_scratch",
    "from_sklearn",
    "from_torch",
    "integrated_gradients",
    "kernel_shap",
    "kernel_weights",
    "lime_text",
    "occlusion",
    "patches",
    "permutation_importance",
    "permutation_shapley",
    "saliency",
    "smooth_grad",
    "tree_shap",
]
