import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import SettingError
from coursekit.settings import SEED_STRIDE, course_rng, course_seed, course_seeds, strict


@pytest.mark.parametrize(
    ("value", "expected"), [(None, False), ("", False), ("0", False), ("1", True), ("claims", False)]
)
def test_strict_is_on_with_one(monkeypatch, value, expected):
    if value is not None:
        monkeypatch.setenv("COURSEKIT_STRICT", value)
    assert strict() is expected


@pytest.mark.parametrize("value", ["false", "yes", "2"])
def test_a_strictness_that_means_nothing_is_told(monkeypatch, value):
    monkeypatch.setenv("COURSEKIT_STRICT", value)
    with pytest.raises(SettingError, match=f"COURSEKIT_STRICT: expected 1, claims or 0, got '{value}'"):
        strict()


@pytest.mark.parametrize(("value", "expected"), [("0", False), ("1", True), ("claims", True)])
def test_claims_may_be_strict_while_exercises_are_open(monkeypatch, value, expected):
    monkeypatch.setenv("COURSEKIT_STRICT", value)
    assert strict("claims") is expected


@pytest.mark.parametrize("value", [None, "", "0"])
def test_without_a_setting_the_seeds_are_as_written(monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("COURSEKIT_SEED", value)
    assert course_seed() == 0
    assert course_seeds(4) == [0, 1, 2, 3]


@pytest.mark.parametrize("value", ["abc", "-1", "1.5", " 1", "1e3", "½"])
def test_a_seed_that_means_nothing_is_told_with_its_name(monkeypatch, value):
    monkeypatch.setenv("COURSEKIT_SEED", value)
    with pytest.raises(SettingError, match=r"COURSEKIT_SEED: expected a whole number .*, got .*Unset it"):
        course_rng()


@given(st.integers(0, SEED_STRIDE - 1), st.integers(0, 50), st.integers(0, 50))
def test_the_seeds_of_two_runs_never_meet(seed, run, other):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSEKIT_SEED", str(run))
        mine = course_seed(seed)
        patch.setenv("COURSEKIT_SEED", str(other))
        theirs = set(course_seeds(SEED_STRIDE))
    assert (mine in theirs) == (run == other)


def test_a_generator_repeats_within_a_run_and_differs_between_runs(monkeypatch):
    first = course_rng(3).normal(size=4)
    np.testing.assert_array_equal(first, course_rng(3).normal(size=4))
    monkeypatch.setenv("COURSEKIT_SEED", "1")
    assert not np.array_equal(first, course_rng(3).normal(size=4))
