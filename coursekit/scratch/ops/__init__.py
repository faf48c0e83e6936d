"""Every operation is a forward rule and, right below it, the rules by which a gradient comes back.

``arithmetic``     add, subtract, multiply, divide, powers, the matrix product
``elementwise``    exp, log, square root, the activations, clip, where
``reduction``      sum, mean, maximum, softmax: what looks along an axis
``shape``          reshape, transpose, index, concatenate: the same numbers in other places
``splitting``      cut into parts, along time or between gates
``fused``          a dense layer, a table look-up, dropout, each as one operation
``windows``        what a window sees that slides over an image: sizes and places
``convolution``    weighted sums under a window, by one matrix product
``pooling``        the largest number, or the mean, under a window
``normalisation``  layer and batch normalisation
``loss``           cross-entropy, squared error
"""

from coursekit.scratch.ops import (
    arithmetic,
    convolution,
    elementwise,
    fused,
    loss,
    normalisation,
    pooling,
    reduction,
    shape,
    splitting,
    windows,
)

# fmt: off
__all__ = [
    "arithmetic", "convolution", "elementwise", "fused", "loss", "normalisation", "pooling", "reduction", "shape",
    "splitting", "windows",
]
# fmt: on
