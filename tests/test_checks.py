"""Every exercise of the course, proved: stub, reference, each misconception, right answers written differently."""

import inspect

import numpy as np
import pytest

from coursekit.checks import all_exercises
from coursekit.errors import CourseError

EXERCISES = all_exercises()
MISTAKES = [(e, wrong) for e in EXERCISES.values() for wrong in e.misconceptions]
VARIANTS = [(e, right) for e in EXERCISES.values() for right in e.variants]


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

    def test_cases_have_edges_and_shift_with_the_seed(self, entry, monkeypatch):
        rng = np.random.default_rng(0)
        assert len(list(entry.cases(rng))) >= 4

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
