"""Every exercise of the course, proved: stub, reference, each misconception, right answers written differently."""

import inspect

import numpy as np
import pytest

from coursekit.checks import all_exercises
from coursekit.checks.compare import arrays_in, identical
from coursekit.errors import CourseError

EXERCISES = all_exercises()
MISTAKES = [(e, wrong) for e in EXERCISES.values() for wrong in e.misconceptions]
VARIANTS = [(e, right) for e in EXERCISES.values() for right in e.variants]


CLASS_NUMBERS = "class numbers are whole, and names"
ONE_AXIS = "its arguments have one axis"
FOUR_AXES = "its pictures have four axes"
WITHOUT = {  # exercises for which an edge means nothing, and why
    "start.accuracy": {"large values": CLASS_NUMBERS, "float32": CLASS_NUMBERS, "float64": CLASS_NUMBERS}
    | {"a table that is not square": ONE_AXIS},
    "start.threshold_rule": {"a table that is not square": ONE_AXIS},
    "start.best_threshold": {"a table that is not square": ONE_AXIS},
    "start.mean_ink": {"a table that is not square": "its pictures have three axes, and are not square"},
    "perceptron.update": {"a table that is not square": ONE_AXIS, "a batch of one": "it takes one example"},
    "separation.xor": {"large values": "its inputs are 0 and 1", "float32": "its inputs are 0 and 1"},
    "forward.parameter_count": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its argument is a tuple of sizes",
    ),
    "forward.relu_hinges": {"a table that is not square": ONE_AXIS},
    "graph.topological_order": dict.fromkeys(["only zeros", "float32", "float64"], "its arrays are graphs"),
    "validation.k_fold": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arguments are whole numbers",
    ),
    "stopping.early_stopping": {"a table that is not square": ONE_AXIS},
    "schedules.cosine": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arguments are numbers",
    ),
    "stability.he_init": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arguments are a shape and a generator",
    ),
    "bag.word_counts": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arguments are texts",
    ),
    "curves.crossing_point": {"a table that is not square": ONE_AXIS, "only zeros": "an error of 0 has no logarithm"},
    "windows.output_size": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arguments are whole numbers",
    ),
    "windows.receptive_field": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its argument is a list of whole numbers",
    ),
    "conv.conv2d": {"a table that is not square": FOUR_AXES},
    "filters.weight_grad": {"a table that is not square": FOUR_AXES},
    "pooling.max_pool": {"a table that is not square": FOUR_AXES},
    "residual.block": {"a table that is not square": FOUR_AXES},
    "attention.causal_mask": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its argument is a whole number",
    ),
    "heads.split_heads": {"a table that is not square": "its arrays have three axes"},
    "positions.sinusoidal": {"a table that is not square": ONE_AXIS},
    "detection.roc_auc": {"a batch of one": "it needs a row of each kind", "a table that is not square": ONE_AXIS},
    "gan.discriminator_loss": {"a table that is not square": ONE_AXIS},
    "gan.generator_loss": {"a table that is not square": ONE_AXIS},
    "spectral.power_iteration": {"only zeros": "a matrix of zeros has no direction that it stretches most"},
    "generators.frechet_distance": {"a batch of one": "one row has no covariance"},
    "transformer.cached_attention": {"a table that is not square": FOUR_AXES},
    "decoding.nucleus": dict.fromkeys(["only zeros", "large values"], "its numbers are probabilities")
    | {"a table that is not square": ONE_AXIS},
    "bpe.merge": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arguments are lists of whole numbers",
    ),
    "ngrams.modified_precision": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arguments are lists of words",
    ),
    "bleu.corpus": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arguments are lists of sentences",
    ),
    "shapley.contributions": {"a table that is not square": ONE_AXIS},
    "shapley.exact": {"a table that is not square": ONE_AXIS, "a batch of one": "without players there is no game"},
    "kernel.weights": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its argument is a whole number",
    ),
    "lime.weights": {"large values": "its numbers are 0 and 1"},
    "backprop.numerical_gradient": {"float32": "differences of nearly equal numbers need double precision"},
}
WITHOUT |= {  # of transfer
    "label_curve.curve": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arrays are labels and groups",
    ),
    "transfer.replace_head": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arguments are a network and a number",
    ),
    "rates.layers": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its arguments are a network and two numbers",
    ),
}
WITHOUT |= {  # the debugging clinic
    f"clinic.case_{letter}": dict.fromkeys(
        ["a batch of one", "only zeros", "large values", "a table that is not square", "float32", "float64"],
        "its argument is a training run",
    )
    for letter in "abcdefgh"
}


def drawn(entry, seed):
    """The cases of an exercise, without functions, which compare by identity."""
    cases = [case if isinstance(case, tuple) else (case,) for case in entry.cases(np.random.default_rng(seed))]
    return [tuple(a for a in case if not callable(a)) for case in cases]


def stub(*args, **kwargs):
    raise NotImplementedError


class Stub:
    def __init__(self, *args, **kwargs):
        raise NotImplementedError


@pytest.mark.parametrize("entry", EXERCISES.values(), ids=list(EXERCISES))
class TestEveryExercise:
    def test_stub_is_to_do(self, entry):
        assert entry.check(Stub if inspect.isclass(entry.reference) else stub).state == "to do"

    @pytest.mark.parametrize("seed", range(5))
    def test_reference_passes(self, entry, seed):
        result = entry.check(entry.reference, seed=seed)
        assert result.state == "passed", result.message

    def test_is_complete(self, entry):
        assert len(entry.hints) >= 3
        assert len(entry.misconceptions) >= 2
        assert entry.variants, "give at least one right answer written another way"
        assert len(set(entry.misconceptions.values())) >= 2
        assert 1 <= entry.difficulty <= 5
        assert entry.minutes > 0
        assert entry.points > 0

    def test_cases_have_the_edges(self, entry):
        arrays = arrays_in([list(case) for case in drawn(entry, 0)])
        edges = {
            "a batch of one": any(a.shape[:1] == (1,) for a in arrays),
            "only zeros": any(a.size > 1 and not a.any() for a in arrays if a.dtype.kind in "fiu"),
            "large values": any(np.abs(a).max(initial=0) >= 100 for a in arrays if a.dtype.kind in "fiu"),
            "a table that is not square": any(a.ndim == 2 and a.shape[0] != a.shape[1] for a in arrays),
            "float32": any(a.dtype == np.float32 for a in arrays),
            "float64": any(a.dtype == np.float64 for a in arrays),
        }
        missing = {edge for edge, there in edges.items() if not there}
        assert missing == set(WITHOUT.get(entry.id, {})), (
            "mend the cases, or say in WITHOUT why that edge means nothing"
        )

    def test_cases_differ_from_seed_to_seed(self, entry):
        if entry.id != "separation.xor":  # its four corners are all there is
            assert not identical(drawn(entry, 0), drawn(entry, 1))

    def test_none_and_nothing_at_all_are_not_passed(self, entry):
        if inspect.isclass(entry.reference):
            assert entry.check(type("Empty", (), {})).state == "error"
        else:
            assert entry.check(lambda *a, **k: None).state == "not yet"


@pytest.mark.parametrize(("entry", "wrong"), MISTAKES, ids=[f"{e.id}-{w.__name__.strip('_')}" for e, w in MISTAKES])
@pytest.mark.parametrize("seed", [0, 1])
def test_misconception_is_told_by_its_own_message(entry, wrong, seed):
    result = entry.check(wrong, seed=seed)
    assert result.state in ("not yet", "error")
    assert result.misconception == entry.misconceptions[wrong]


@pytest.mark.parametrize(("entry", "right"), VARIANTS, ids=[f"{e.id}-{r.__name__.strip('_')}" for e, r in VARIANTS])
@pytest.mark.parametrize("seed", [0, 3])
def test_right_answer_written_differently_passes(entry, right, seed):
    result = entry.check(right, seed=seed)
    assert result.state == "passed", result.message


def test_an_unknown_id_offers_the_closest():
    from coursekit.checks import exercise

    with pytest.raises(CourseError, match=r"got 'loss.sofmax'. Did you mean 'loss.softmax'"):
        exercise("loss.sofmax")
