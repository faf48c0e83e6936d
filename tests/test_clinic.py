"""The debugging clinic: eight runs that are really sick, a control that is not, and instruments that tell the truth."""

import numpy as np
import pytest
import torch

from coursekit.checks import clinic as cases
from coursekit.clinic import DIAGNOSES, diagnoses
from coursekit.clinic.runs import LETTERS, admit, code_of, control
from coursekit.errors import CourseError, ShapeError, UnknownNameError

EPOCHS = 1
RIGHT = {entry.id[-1].upper(): entry.reference for entry in cases.CASES}


@pytest.fixture(scope="module", params=[0, 7])
def ward(request):
    runs = {letter: admit(letter, request.param, EPOCHS) for letter in LETTERS}
    return runs | {"healthy": control(request.param, EPOCHS)}


@pytest.mark.parametrize("letter", LETTERS)
def test_each_measurement_sets_its_own_case_apart_from_all_other_runs(ward, letter):
    numbers = {k: RIGHT[letter](run)[1] for k, run in ward.items()}
    own = numbers.pop(letter)
    gap = max(own - max(numbers.values()), min(numbers.values()) - own)
    assert gap > 1e-3
    assert gap > 0.2 * abs(own)


def test_every_diagnosis_has_one_case():
    names = sorted(RIGHT[letter](admit(letter, 0, EPOCHS))[0] for letter in LETTERS)
    assert names == sorted(DIAGNOSES)


def test_only_some_sick_runs_look_sick(ward):
    """What the clinic is for: the loss alone does not tell."""
    start, end = ({k: run.loss[part].mean() for k, run in ward.items()} for part in (slice(5), slice(-10, None)))
    assert all(end[k] < 0.75 * start[k] for k in ("E", "F", "healthy"))
    assert ward["F"].accuracy[-1] < 0.05 < ward["healthy"].accuracy[-1] - 0.4


def test_the_control_learns_as_a_loop_written_by_hand():
    run = control(3, EPOCHS)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        hidden, out = torch.nn.Linear(784, 64), torch.nn.Linear(64, 10)
        parameters, losses = [*hidden.parameters(), *out.parameters()], []
        torch.manual_seed(4)
        for x, y in run.batches(99):
            kept = torch.nn.functional.dropout(hidden(torch.tensor(x)).relu(), 0.5)
            loss = -out(kept).log_softmax(dim=1)[torch.arange(len(y)), torch.tensor(y)].mean()
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for p, g in zip(parameters, gradients, strict=True):
                    p -= 0.1 * g
            losses.append(loss.item())
    np.testing.assert_allclose(run.loss, losses, rtol=1e-4)


def test_instruments_change_nothing_and_leave_chance_alone():
    run = control(0, EPOCHS)
    x, y = run.batches(1)[0]
    before = run.output(run.pictures)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run.train_on(x, y, steps=3)
    run.gradients(x, y, times=2)
    run.evaluate(x)
    run.fresh().train_on(x, y)
    run.hidden(x)
    run.loss_of(x, y)
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_array_equal(run.output(run.pictures), before)
    assert run.loss.shape == (63,) and run.fresh().loss.size == 0


def test_instruments_agree_with_each_other():
    run = control(0, EPOCHS)
    scores = run.output(run.pictures)
    np.testing.assert_array_equal(scores, run.evaluate(run.pictures))
    assert np.mean(scores.argmax(axis=1) == run.labels) == pytest.approx(run.accuracy[-1])
    log_sum = np.log(np.exp(scores).sum(axis=1))
    by_hand = np.mean(log_sum - scores[np.arange(len(scores)), run.labels])
    assert run.loss_of(run.pictures, run.labels) == pytest.approx(by_hand, rel=1e-5)
    x, y = run.batches(1)[0]
    assert run.train_on(x, y)[0] == pytest.approx(run.loss_of(x, y))


def test_a_run_is_the_same_for_the_same_seed_and_another_for_another():
    assert admit("A", 0, EPOCHS) is admit("A", 0, EPOCHS)
    assert not np.array_equal(admit("E", 0, EPOCHS).loss, admit("E", 1, EPOCHS).loss)
    np.testing.assert_array_equal(admit("E", 0, EPOCHS).loss, control(0, EPOCHS).loss)  # only its evaluation is sick


def test_its_name_does_not_betray_a_run():
    assert repr(admit("B", 0, EPOCHS)) == "Run('B', 63 steps)"


@pytest.mark.parametrize("letter", LETTERS)
def test_the_code_is_there_for_afterwards(letter):
    assert "# healthy" in code_of(letter) and f"# {letter}" in code_of(letter)


def test_what_is_no_letter_no_picture_and_no_label_is_refused():
    run = control(0, EPOCHS)
    with pytest.raises(UnknownNameError, match="letter"):
        admit("Z", 0)
    with pytest.raises(ShapeError, match=r"expected shape \(N, 784\), got \(784,\)"):
        run.output(run.pictures[0])
    with pytest.raises(ShapeError, match="one for each of 2 pictures"):
        run.loss_of(run.pictures[:2], run.labels[:3])
    with pytest.raises(CourseError, match="from 0 to 9"):
        run.loss_of(run.pictures[:2], np.array([0, 10]))


class TestACase:
    CHECK = {entry.id[-1].upper(): entry for entry in cases.CASES}

    def test_a_wrong_diagnosis_hears_the_number_that_speaks_against_it(self):
        result = self.CHECK["B"].check(lambda run: ("unshuffled data", 3.0))
        assert result.state == "not yet"
        assert "a batch holds 9." in result.message and "dead" not in result.message

    def test_no_message_gives_the_right_diagnosis_away(self):
        for letter, entry in self.CHECK.items():
            right = RIGHT[letter](admit(letter, 0, EPOCHS))[0]
            for name in (name for name in DIAGNOSES if name != right):
                message = entry.check(lambda run, name=name: (name, 0.0)).message
                assert right not in message.lower().replace("run.", ""), (letter, name)

    def test_a_number_that_other_runs_show_too_is_no_evidence(self):
        symptom = self.CHECK["B"].check(lambda run: ("dead ReLU", run.loss[-10:].mean()))
        assert symptom.state == "not yet" and "does not set this case apart" in symptom.message

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ("dead ReLU", "Return two things"),
            (("dead relus", 1.0), "Is it 'dead ReLU'?"),
            ((1.0, "dead ReLU"), "First the diagnosis"),
            (("dead ReLU", np.zeros(3)), "should be one number"),
            (("dead ReLU", float("nan")), "finite"),
            (("dead ReLU", 1.0), "measures nothing"),
        ],
    )
    def test_what_is_no_answer_is_told(self, answer, told):
        result = self.CHECK["B"].check(lambda run: answer)
        assert result.state == "not yet" and told in result.message


def test_evidence_is_measured_not_recited():
    healthy, shifted = (diagnoses.evidence_against("label off by one", r) for r in (control(0, 1), admit("F", 0, 1)))
    assert healthy != shifted
