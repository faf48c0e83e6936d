"""Deep learning in NumPy alone: what Part A of the course builds, and the reference for its exercises.

By hand, as in the first notebooks:

``functional``  layers, activations and losses, each forward rule beside its gradient
``perceptron``  one neuron: Rosenblatt's rule, the margin, logistic regression
``stump``       the smallest learned rule: one feature, one threshold
``mlp``         a network of several layers, its gradients by hand
``sliding``     convolution and pooling, on arrays
``numerical``   derivatives by finite differences: slow, simple, and the judge of all others
``regularization``  penalties, dropout, batch normalisation and shifts, on arrays

With derivatives found by the machine:

``autograd``    Tensor: an array that remembers how it was computed; gradcheck
``graph``       what a graph of computations is, and the walk back through it
``ops``         every operation, each forward rule beside its gradient
``vjp``         rules bare, without a graph: what notebook 04 has the learner write
``module``      what layers have in common: weights, state_dict, training or not; Sequential
``nn``          layers and losses
``norm``        layer and batch normalisation
``conv``        convolution and pooling
``recurrent``   RNN, LSTM and GRU: cells, and layers that apply them at every step of time
``attention``   attention, in one head or several
``init``        where learning starts: random weights of the right size
``checkpoint``  weights in a file
``optim``       optimisers: how a gradient becomes a step
``schedules``   learning rates that change while the network learns
"""

from coursekit.scratch import (
    attention,
    autograd,
    checkpoint,
    conv,
    functional,
    graph,
    init,
    mlp,
    module,
    nn,
    norm,
    numerical,
    ops,
    optim,
    perceptron,
    recurrent,
    regularization,
    schedules,
    sliding,
    stump,
    vjp,
)

__all__ = [
    "attention",
    "autograd",
    "checkpoint",
    "conv",
    "functional",
    "graph",
    "init",
    "mlp",
    "module",
    "nn",
    "norm",
    "numerical",
    "ops",
    "optim",
    "perceptron",
    "recurrent",
    "regularization",
    "schedules",
    "sliding",
    "stump",
    "vjp",
]
