"""A claim is judged by evidence; in strict mode a verdict that the evidence does not bear out is an error."""

import json

import numpy as np
import pytest

from coursekit.claims import all_claims, claim, ledger, parse
from coursekit.errors import ClaimError, CourseError, UnknownNameError

ROW = '[c]\nstatement = "S <b>"\nsaid = "here"\nexpected = "{}"\nnotebook = "n"\n{}'


def test_every_claim_is_whole():
    for name, entry in all_claims().items():
        assert entry.id == name
        assert entry.statement.endswith(".")
        assert len(entry.said) > 5


def test_a_judgement_shows_claim_evidence_and_verdict():
    verdict = parse(ROW.format("refuted", ""))["c"].judge(np.bool_(True), evidence="measured 3 of 4")
    assert verdict.word == "refuted"
    assert "✗ refuted: c" in repr(verdict)
    assert "measured 3 of 4" in repr(verdict)
    assert "S &lt;b&gt;" in verdict._repr_html_()


def test_evidence_to_the_contrary_is_said_and_raises_in_strict_mode(monkeypatch):
    entry = parse(ROW.format("depends", 'condition = "the weather"'))["c"]
    verdict = entry.judge(False, evidence="0 of 4")
    assert verdict.word == "not borne out"
    assert "this run's evidence does not show that the claim is depends" in repr(verdict)
    assert "the weather" in verdict._repr_html_()
    monkeypatch.setenv("COURSEKIT_STRICT", "1")
    with pytest.raises(ClaimError, match="claim c: expected evidence that it is depends, got: 0 of 4"):
        entry.judge(False, evidence="0 of 4")
    monkeypatch.setenv("COURSEKIT_STRICT", "claims")
    with pytest.raises(ClaimError, match="claim c: expected evidence"):
        entry.judge(False, evidence="0 of 4")


@pytest.mark.parametrize(
    ("condition", "evidence", "message"),
    [
        (0.7, "70 of 100", "condition: expected True or False, got a float"),
        (True, "clearly so", "evidence: expected the measured numbers"),
        (True, 0.5, "evidence: expected the measured numbers, got 0.5"),
    ],
)
def test_a_judgement_needs_a_condition_and_numbers(condition, evidence, message):
    with pytest.raises(CourseError, match=message):
        claim("one-neuron-no-xor").judge(condition, evidence=evidence)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[c]\nstatement = "S"\n', "claim c: expected the keys"),
        (ROW.format("maybe", ""), "expected one of supported, refuted, depends, got 'maybe'"),
        (ROW.format("depends", ""), "expected a condition with 'depends'"),
        (ROW.format("supported", 'condition = "x"'), "expected a condition with 'depends' and with nothing else"),
        (ROW.format("supported", 'verdict = "x"'), "got the unknown key 'verdict'"),
    ],
)
def test_a_faulty_ledger_is_told(text, message):
    with pytest.raises(CourseError, match=message):
        parse(text)


def test_an_unknown_claim_offers_the_closest():
    with pytest.raises(UnknownNameError, match="Did you mean 'one-neuron-no-xor'"):
        claim("one-neuron-xor")


def test_the_ledger_is_a_table():
    rows = ledger("perceptron")
    assert {c.notebook for c in rows} == {"perceptron"}
    assert len(repr(rows).splitlines()) == len(rows)
    assert rows._repr_html_().count("<tr>") == len(rows) + 1
    assert len(ledger()) == len(all_claims())


def test_a_verdict_lands_in_the_learners_progress(tmp_path, monkeypatch):
    (tmp_path / ".coursekit").mkdir()
    (tmp_path / ".coursekit" / "course.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    claim("one-neuron-no-xor").judge(True, evidence="3 of 4")
    event = json.loads((tmp_path / ".coursekit" / "progress.jsonl").read_text(encoding="utf-8"))
    assert (event["kind"], event["verdict"]) == ("claim", "supported")
