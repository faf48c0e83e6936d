"""Training is one loop: take a batch, take a step, and from time to time look at how well it goes.

``loop``     :func:`fit`, the loop, and :class:`History`, what happened in it
``keeping``  copies of the weights: the best ones, and the last good ones
"""

from coursekit.train.loop import History, fit

__all__ = ["History", "fit"]
