"""Every operation is a forward rule and, right below it, the rules by which a gradient comes back.

``arithmetic``     add, subtract, multiply, divide, powers, the matrix product
``elementwise``    exp, log, square root, the activations, clip, where
``reduction``      sum, mean, maximum, softmax: what looks along an axis
``shape``          reshape, transpose, index, concatenate: the same numbers in other places
``fused``          a dense layer, a table look-up, dropout, each as one operation
``normalisation``  layer and batch normalisation
``loss``           cross-entropy, squared error
"""

from coursekit.scratch.ops import arithmetic, elementwise, fused, loss, normalisation, reduction, shape

__all__ = ["arithmetic", "elementwise", "fused", "loss", "normalisation", "reduction", "shape"]
