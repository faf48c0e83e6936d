"""A metric turns what a model made into one number; which number decides what "better" means.

NumPy only. What the model made comes first, what is true second, everywhere.

``predictions``  accuracy, confusion, calibration, log loss; the spread of a result over seeds
``generators``   how far made pictures are from real ones: Frechet distance, precision and recall, nearest neighbours
"""

from coursekit.metrics.generators import PrecisionRecall, frechet_distance, nearest_neighbours, precision_recall
from coursekit.metrics.predictions import (
    Reliability,
    Spread,
    accuracy,
    confusion_matrix,
    expected_calibration_error,
    log_loss,
    mean_and_spread,
    reliability_curve,
    roc_auc,
)

__all__ = [
    "PrecisionRecall",
    "Reliability",
    "Spread",
    "accuracy",
    "confusion_matrix",
    "expected_calibration_error",
    "frechet_distance",
    "log_loss",
    "mean_and_spread",
    "nearest_neighbours",
    "precision_recall",
    "reliability_curve",
    "roc_auc",
]
