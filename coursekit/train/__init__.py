"""Training is one loop: take a batch, take a step, and from time to time look at how well it goes.

``loop``           :func:`fit`, the loop, and :class:`History`, what happened in it
``pytorch``        a step of PyTorch for it, and how to measure a network; imported by its name, since it loads torch
``muon``           an optimiser for matrices, beside AdamW for the rest; imported by its name as well
``keeping``        copies of the weights: the best ones, and the last good ones
``checkpoints``    a run as a file; ``resuming``: what such a file has to hold
``interrupts``     Ctrl-C between two steps; ``bar``: how far, how good, how fast
"""

from coursekit.train.loop import History, fit

__all__ = ["History", "fit"]
