"""Deep learning in NumPy alone: what Part A of the course builds, and the reference for its exercises.

``functional``  layers, activations and losses, each forward rule beside its gradient
``perceptron``  one neuron: Rosenblatt's rule, the margin, logistic regression
``stump``       the smallest learned rule: one feature, one threshold
``mlp``         a network of several layers, its gradients by hand
``numerical``   derivatives by finite differences: slow, simple, and the judge of all others
``optim``       optimisers: how a gradient becomes a step
``schedules``   learning rates that change while the network learns
"""

from coursekit.scratch import functional, mlp, numerical, optim, perceptron, schedules, stump

__all__ = ["functional", "mlp", "numerical", "optim", "perceptron", "schedules", "stump"]
