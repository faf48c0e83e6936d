"""A prediction is noted before the experiment and set beside the measurement after it."""

import json

import pytest

from coursekit import predict as module
from coursekit.errors import CourseError, UnknownNameError
from coursekit.predict import Question, chosen, predict, reveal

OPTIONS = ["it grows", "it <stays>", "it falls"]


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(module, "_ASKED", {})


def test_a_question_is_a_list_where_there_is_no_front_end(capsys):
    predict("loss.demo", "What happens?", OPTIONS)
    printed = capsys.readouterr().out
    assert "Predict: What happens?" in printed
    assert printed.count("○") == 3
    assert chosen("loss.demo") is None


def test_a_question_is_a_widget_and_a_list_in_one_bundle():
    data, _ = Question("loss.demo", "What happens?", OPTIONS)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "<li>it &lt;stays&gt;</li>" in data["text/html"]
    assert "○ it falls" in data["text/plain"]


def test_the_widget_keeps_its_keys_to_itself():
    assert 'addEventListener("keydown", (event) => event.stopPropagation())' in module._ESM
    assert 'document.createElement("legend")' in module._ESM
    assert 'document.createElement("label")' in module._ESM


def test_a_choice_lands_in_progress_and_is_kept_when_the_cell_runs_again(tmp_path, monkeypatch, capsys):
    (tmp_path / ".coursekit").mkdir()
    (tmp_path / ".coursekit" / "course.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    predict("loss.demo", "What happens?", OPTIONS)
    module._ASKED["loss.demo"].choice = 2
    event = json.loads((tmp_path / ".coursekit" / "progress.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert (event["kind"], event["choice"], event["notebook"]) == ("prediction", "it falls", "forward_pass")
    predict("loss.demo", "What happens?", OPTIONS)
    assert chosen("loss.demo") == "it falls"
    assert "● it falls" in capsys.readouterr().out
    module._ASKED.clear()  # the kernel was restarted: the record still knows
    predict("loss.demo", "What happens?", OPTIONS)
    assert chosen("loss.demo") == "it falls"
    noted = (tmp_path / ".coursekit" / "progress.jsonl").read_text(encoding="utf-8")
    assert noted.count("prediction") == 1
    predict("loss.demo", "What happens?", ["other", "options"])
    assert chosen("loss.demo") is None


@pytest.mark.parametrize(
    ("choice", "answer", "words"),
    [
        (None, 0, "You made no prediction here"),
        (2, 2, "✓ You predicted this: it falls."),
        (0, "it falls", "✗ You predicted: it grows."),
        (0, None, "You predicted: it grows."),
    ],
)
def test_the_measurement_is_set_beside_the_prediction(choice, answer, words, capsys):
    predict("loss.demo", "What happens?", OPTIONS)
    if choice is not None:
        module._ASKED["loss.demo"].choice = choice
    reveal("loss.demo", 0.123456, answer)
    printed = capsys.readouterr().out
    assert "Measured: 0.1235" in printed
    assert words in printed


def test_bad_input_is_told():
    with pytest.raises(CourseError, match="options: expected two or more different texts"):
        predict("loss.demo", "What?", ["one", "one"])
    for odd in ([1, 2], "yes", ["one"]):
        with pytest.raises(CourseError, match="options: expected two or more different texts"):
            predict("loss.demo", "What?", odd)
    with pytest.raises(UnknownNameError, match=r"Run the cell with its predict\(...\) first"):
        reveal("loss.demo", 1)
    predict("loss.demo", "What?", OPTIONS)
    with pytest.raises(CourseError, match="answer: expected one of .*, got 'up'"):
        reveal("loss.demo", 1, "up")
    with pytest.raises(CourseError, match="answer: expected one of .*, got 3"):
        reveal("loss.demo", 1, 3)
    with pytest.raises(CourseError, match="answer: expected one of .*, got True"):
        reveal("loss.demo", 1, True)
    with pytest.raises(UnknownNameError, match="Did you mean 'loss.demo'"):
        chosen("loss.dem")


def test_html_is_escaped():
    shown = module.Revealed("q", "<i>", "<b>1</b>", "x")._repr_html_()
    assert "&lt;b&gt;1&lt;/b&gt;" in shown
    assert "&lt;i&gt;" in shown
