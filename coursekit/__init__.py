"""coursekit: the package that *How Deep Learning Works* builds up and stands on.

A map, in the order in which the rooms may import each other:

==========================  =================================================================
``errors``                  what goes wrong, said so that a person can mend it
``settings``, ``places``    strict mode and the seed of a run; where the course's files are
``storage``                 a file is written whole or not at all
``progress``                the learner's own record of what was tried and passed
``scratch``                 deep learning in NumPy alone: the reference for Part A
``registry``, ``prepare``   what each data set is; splits, batches, scaling
``dealing``                 which row goes to which part; few labels of each class
``datasets``, ``fetch``     real data, verified; downloads that go on where they were cut off
``tables``                  tables and sentences as rows
``corpora``, ``series``     novels, names, translations, dates; four years of weather
``pictures``                sketches, emoji, tiles: pictures without a split, their twins known
``text``                    words, characters and byte pairs as numbers; the n-gram model
``metrics``                 how good is a prediction, or a generator?
``validation``, ``tuning``  folds and early stopping; a contest with equal trials for all
``comparison``              is one better than the other, or was it luck?
``oracle``                  an independent judge: the same computation by PyTorch
``train``                   the one training loop, with its history
``models``                  the networks of Part B, in PyTorch, each with its paper
``clinic``                  training runs that went wrong, to be diagnosed
``plot``                    every figure of the course, with its alternative text
``device``                  which accelerator is here? what have recorded runs measured?
``attribution``             why did the model say that? explanations of any model, and their tests
``accelerator``             the experiments that such runs are made of
``checks``                  the exercises: cases, hints, banks of misconceptions
``claims``                  what people say about deep learning, judged by measurement
``predict``, ``placement``  commit to an answer before the experiment runs; where to begin
``review``                  what to look at again, and when
``guards``                  what every notebook must keep to
``sources``, ``execution``  a source as cells; cells in a kernel
``editions``                ``notebooks/src`` becomes the notebooks
``workspace``, ``lab``      the learner's own copy of the course; JupyterLab on it
``doctor``, ``run``         is this machine ready? does every notebook run?
``cli``                     all of it from the command line
==========================  =================================================================

Importing ``coursekit`` itself loads none of them.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
