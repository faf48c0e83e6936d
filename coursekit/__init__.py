"""coursekit: the package that *How Deep Learning Works* builds up and stands on.

A map, in the order in which the rooms may import each other:

========================  ==========================================================
``errors``                what goes wrong, said so that a person can mend it
``settings``, ``places``  strict mode and the seed of a run; where the course's files are
``progress``              the learner's own record of what was tried and passed
``scratch``               deep learning in NumPy alone: the reference for Part A
``datasets``, ``metrics`` real data, verified; how good is a prediction?
``device``                which accelerator is here
``train``                 the one training loop, with its history
``plot``                  every figure of the course, with its alternative text
``checks``                the exercises: cases, hints, banks of misconceptions
``claims``                what people say about deep learning, judged by measurement
``predict``               commit to an answer before the experiment runs
``review``                what to look at again, and when
``editions``              ``notebooks/src`` becomes the notebooks
``workspace``             the learner's own copy of the course
``doctor``, ``run``       is this machine ready? does every notebook run?
``cli``                   all of it from the command line
========================  ==========================================================

Importing ``coursekit`` itself loads none of them.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
