"""The entry quiz sends everybody to the first notebook that has something new for them."""

import pytest

from coursekit import placement
from coursekit import predict as module
from coursekit.errors import UnknownNameError

RIGHT = {entry.id: entry.options[0] for entry in placement.ENTRY}


def test_the_right_option_is_shown_once_and_not_always_in_the_same_place():
    assert all(entry.shown.count(entry.options[0]) == 1 for entry in placement.ENTRY)
    assert all(entry.shown[-1] == "I do not know" for entry in placement.ENTRY)
    assert len({entry.shown.index(entry.options[0]) for entry in placement.ENTRY}) == 4


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "You have all four"),
        ({"start.entry-neuron": "I do not know"}, "notebook 01 perceptron"),
        ({"start.entry-softmax": "all grow"}, "notebook 02 forward_pass"),
        ({"start.entry-update": None}, "notebook 03 backpropagation"),
        (dict.fromkeys(RIGHT), "You chose nothing yet, so begin with notebook 01"),
    ],
)
def test_the_first_gap_is_the_place_to_begin(changed, words):
    assert words in placement.advice((RIGHT | changed).get)


def test_it_asks_before_it_advises(monkeypatch, capsys):
    monkeypatch.setattr(module, "_ASKED", {})
    with pytest.raises(UnknownNameError, match="Run the cell with its predict"):
        placement.advice()
    placement.ask()
    assert capsys.readouterr().out.count("Predict:") == 4
    module._ASKED["start.entry-neuron"].choice = 0
    assert "01 perceptron" in placement.advice()
