"""Every figure of the course: data in, Axes out, with the words for those who cannot see it made from the data.

``core``      one style, :func:`show`, alternative text
``curves``    lines with bands over seeds, bars, histograms, training history, reliability
``pictures``  images side by side, matrices, weights
``geometry``  points in a plane and the lines that neurons draw through it
``diagrams``  drawn figures without data
``lags``      a recurrent network unrolled, and how far back its gradients come
``latent``    codes of two numbers as a map
``landscape`` paths of optimisers on a loss, and what many learning rates give
``contest``   methods side by side with their intervals, learning curves, the edges that HOG sees
``clouds``    points over the heaps that they should fall into, one panel a generator
``attention`` who looks where
``gaps``      two numbers a row that ought to be one
``attributions``  what each feature did: bars, steps, swarms, maps
``shares``    what features did, by several methods or against the feature's own value
``graphs``    the graph of a computation; ``layout`` says where its nodes go
"""

from coursekit.plot.attention import attention_map
from coursekit.plot.attributions import attribution_bar, attribution_map, attribution_maps, beeswarm, waterfall
from coursekit.plot.clouds import clouds
from coursekit.plot.contest import edges, intervals, learning_curves
from coursekit.plot.core import COLORS, MARKERS, alt_text, describe, show
from coursekit.plot.curves import bars, histogram, history, lines, points, reliability
from coursekit.plot.diagrams import chain, network, training_loop
from coursekit.plot.gaps import gaps
from coursekit.plot.geometry import boundary, regions
from coursekit.plot.graphs import graph
from coursekit.plot.lags import lag_map, unrolled
from coursekit.plot.landscape import rate_sweep, ravine
from coursekit.plot.latent import code_map
from coursekit.plot.pictures import images, matrix, weights
from coursekit.plot.shares import dependence, side_by_side

__all__ = [
    "COLORS",
    "MARKERS",
    "alt_text",
    "attention_map",
    "attribution_bar",
    "attribution_map",
    "attribution_maps",
    "bars",
    "beeswarm",
    "boundary",
    "chain",
    "clouds",
    "code_map",
    "dependence",
    "describe",
    "edges",
    "gaps",
    "graph",
    "histogram",
    "history",
    "images",
    "intervals",
    "lag_map",
    "learning_curves",
    "lines",
    "matrix",
    "network",
    "points",
    "rate_sweep",
    "ravine",
    "regions",
    "reliability",
    "show",
    "side_by_side",
    "training_loop",
    "unrolled",
    "waterfall",
    "weights",
]
