"""Experiments that want an accelerator, each at full size: what is measured here is recorded with its device and date.

``throughput``  images a second, processor against accelerator, from sizes that are too small to large ones
``resnet``      a residual network on fashion_mnist, trained for minutes
``gan``         a generator trained for longer than a laptop would
``gpt``         a language model of ten million weights, and a study of sizes and budgets
``recording``   running one of them and writing down what came of it

:func:`coursekit.device.recorded` shows the record wherever there is no accelerator.
"""

from coursekit.accelerator.recording import EXPERIMENTS, Experiment, record

__all__ = ["EXPERIMENTS", "Experiment", "record"]
