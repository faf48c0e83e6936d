import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit import errors
from coursekit.errors import CourseError, ShapeError, UnknownNameError, closest, expect_known, expect_shape


def test_every_kind_is_a_course_error_and_is_public():
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
    assert len(kinds) == 10
    for kind in kinds:
        assert issubclass(kind, CourseError)
        assert kind.__name__ in errors.__all__
        assert kind.__doc__


@pytest.mark.parametrize(("kind", "also"), [("ShapeError", ValueError), ("SettingError", ValueError)])
def test_a_kind_is_also_what_python_would_have_raised(kind, also):
    assert issubclass(getattr(errors, kind), also)


def test_a_known_name_is_returned():
    assert expect_known("data set", "iris", iter(["wine", "iris"])) == "iris"


def test_an_unknown_name_gets_the_closest_ones():
    with pytest.raises(
        UnknownNameError, match=r"exercise: .* got 'perceptron.predct'. Did you mean 'perceptron.predict'"
    ):
        expect_known("exercise", "perceptron.predct", ["perceptron.predict", "start.mean"])


def test_a_name_that_is_like_none_gets_all_of_them_in_order():
    with pytest.raises(UnknownNameError, match=r"Known: digits, wine\.$"):
        expect_known("data set", "zzzzzz", ["wine", "digits"])


@given(st.lists(st.text(max_size=8), max_size=6), st.text(max_size=8))
def test_closest_offers_only_what_is_known(known, name):
    assert set(closest(name, known)) <= set(known)


def test_the_message_of_an_unknown_name_has_no_quotes_of_a_key_error():
    with pytest.raises(UnknownNameError) as caught:
        expect_known("claim", "x", ["y"])
    assert str(caught.value).startswith("claim: expected")


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((5, 784), ("N", 784)), ((3, 3), ("N", "N")), ((), ()), ((2, 3), ("N", "D")), ((0, 4), ("N", 4))],
)
def test_a_shape_that_fits_is_accepted(shape, wanted):
    expect_shape("x", np.zeros(shape), wanted)


@pytest.mark.parametrize(
    ("shape", "wanted", "advice"),
    [
        ((784,), ("N", 784), r"x\[None\]"),
        ((784, 5), ("N", 784), r"Transpose it: x\.T"),
        ((5, 783), ("N", 784), r"Print x\.shape"),
        ((2, 3), ("N", "N"), r"Print x\.shape"),
        ((5, 1), ("N",), r"expected shape \(N,\), got \(5, 1\)"),
    ],
)
def test_a_shape_that_does_not_fit_names_both_and_what_to_do(shape, wanted, advice):
    with pytest.raises(ShapeError, match=advice):
        expect_shape("x", np.zeros(shape), wanted)


def test_lists_and_numbers_have_shapes_too():
    expect_shape("x", [[1.0, 2.0]], ("N", 2))
    with pytest.raises(ShapeError):
        expect_shape("x", 3.0, ("N",))
