"""A metric turns what a model made into one number; which number decides what "better" means.

NumPy only. What the model made comes first, what is true second, everywhere.

``predictions``  accuracy, confusion, calibration, log loss; the spread of a result over seeds
``texts``        how near a made text is to a person's: BLEU, chrF, ROUGE; bits per character
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
from coursekit.metrics.texts import Rouge, bits_per_character, bleu, chrf, modified_precision, rouge_l, rouge_n

__all__ = [
    "PrecisionRecall",
    "Reliability",
    "Rouge",
    "Spread",
    "accuracy",
    "bits_per_character",
    "bleu",
    "chrf",
    "confusion_matrix",
    "expected_calibration_error",
    "frechet_distance",
    "log_loss",
    "mean_and_spread",
    "modified_precision",
    "nearest_neighbours",
    "precision_recall",
    "reliability_curve",
    "roc_auc",
    "rouge_l",
    "rouge_n",
]
