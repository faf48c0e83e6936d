"""A claim is a sentence that people say about deep learning, and the verdict that the course's own measurement gives.

The sentences stand in ``claims.toml``. A notebook measures, then judges::

    claim("xor-needs-a-layer").judge(best < 0.8, evidence=f"best accuracy of one neuron on XOR: {best:.0%}")

In strict mode a judgement that the evidence of this run does not bear out is an error, so that no verdict of the
course outlives its experiment.
"""

import functools
import html
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import numpy as np

from coursekit import progress
from coursekit.errors import ClaimError, CourseError, expect_known
from coursekit.settings import strict

__all__ = ["Claim", "Ledger", "Verdict", "all_claims", "claim", "ledger"]

KEYS = {"statement", "said", "expected", "notebook", "condition"}
SIGNS = {"supported": "✓", "refuted": "✗", "depends": "±"}


@dataclass(frozen=True)
class Claim:
    """One sentence, and what our measurement makes of it.

    Attributes
    ----------
    id : str
    statement : str
        The claim, as people say it.
    said : str
        Where it is said.
    expected : {"supported", "refuted", "depends"}
        The verdict that the experiment gives, for every ``COURSEKIT_SEED``.
    condition : str
        With "depends": on what.
    notebook : str
        The notebook, without its number, that measures it.
    """

    id: str
    statement: str
    said: str
    expected: Literal["supported", "refuted", "depends"]
    notebook: str
    condition: str = ""

    def judge(self, condition: bool, evidence: str) -> "Verdict":
        """Judge the claim by this run's evidence.

        Parameters
        ----------
        condition : bool
            Whether the measurement bears out the *expected* verdict: for a claim that is refuted, whether the
            experiment contradicts it.
        evidence : str
            The measured numbers with their spread.

        Returns
        -------
        Verdict

        Raises
        ------
        ClaimError
            In strict mode, if `condition` is false.
        CourseError
            If `condition` is no truth value, or `evidence` holds no number.
        """
        if not isinstance(condition, bool | np.bool_):
            kind = type(condition).__name__
            raise CourseError(f"condition: expected True or False, got a {kind}. Compare the measurement with a bound.")
        if not isinstance(evidence, str) or not any(c.isdigit() for c in evidence):
            raise CourseError(f"evidence: expected the measured numbers, got {evidence!r}. Put them into an f-string.")
        verdict = Verdict(self, bool(condition), evidence)
        if strict("claims") and not condition:
            raise ClaimError(
                f"claim {self.id}: expected evidence that it is {self.expected}, got: {evidence}. "
                "Correct the experiment, or the verdict in claims.toml."
            )
        progress.record("claim", self.id, notebook=self.notebook, verdict=verdict.word)
        return verdict


@dataclass(frozen=True)
class Verdict:
    """A claim with the evidence of this run."""

    claim: Claim
    held: bool
    evidence: str

    @property
    def word(self) -> str:
        """The verdict in a word: the expected one, or that this run does not bear it out."""
        return self.claim.expected if self.held else "not borne out"

    def _lines(self) -> list[tuple[str, str]]:
        lines = [("Claim", f"“{self.claim.statement}”"), ("Said", self.claim.said), ("Evidence", self.evidence)]
        if self.claim.condition:
            lines.append(("It depends on", self.claim.condition))
        if not self.held:
            lines.append(("Note", f"this run's evidence does not show that the claim is {self.claim.expected}"))
        return lines

    def __repr__(self) -> str:
        sign = SIGNS[self.claim.expected] if self.held else "?"
        return "\n".join([f"{sign} {self.word}: {self.claim.id}"] + [f"  {k}: {v}" for k, v in self._lines()])

    def _repr_html_(self) -> str:
        sign = SIGNS[self.claim.expected] if self.held else "?"
        rows = "".join(f"<div><em>{k}:</em> {html.escape(v)}</div>" for k, v in self._lines())
        style = "border:1px solid currentColor;border-radius:4px;padding:.5em .8em;margin:.3em 0;max-width:52em"
        return f"<div style='{style}'><div><strong>{sign} Verdict: {self.word}</strong></div>{rows}</div>"


class Ledger(tuple):
    """All claims, shown as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        rows = [(SIGNS[c.expected] + " " + c.expected, c.notebook, c.statement) for c in self]
        widths = [max((len(r[i]) for r in rows), default=0) for i in range(2)]
        return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {s}" for a, b, s in rows)

    def _repr_html_(self) -> str:
        head = "<tr><th>Verdict</th><th>Claim</th><th>Said</th><th>Notebook</th></tr>"
        body = "".join(
            f"<tr><td>{SIGNS[c.expected]} {c.expected}</td><td style='text-align:left'>{html.escape(c.statement)}"
            f"{html.escape(f' (it depends on: {c.condition})') if c.condition else ''}</td>"
            f"<td style='text-align:left'>{html.escape(c.said)}</td><td>{c.notebook}</td></tr>"
            for c in self
        )
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def parse(text: str) -> dict[str, Claim]:
    """Read a ledger file.

    Raises
    ------
    CourseError
        If a claim lacks a key or has an unknown one, its verdict is none of the three, or it depends on nothing.
    """
    claims = {}
    for name, row in tomllib.loads(text).items():
        missing, unknown = KEYS - {"condition"} - row.keys(), row.keys() - KEYS
        if missing or unknown:
            wrong = f"no {sorted(missing)[0]!r}" if missing else f"the unknown key {sorted(unknown)[0]!r}"
            raise CourseError(
                f"claim {name}: expected the keys {', '.join(sorted(KEYS))}, got {wrong}. Mend claims.toml."
            )
        if row["expected"] not in SIGNS:
            raise CourseError(
                f"claim {name}: expected one of {', '.join(SIGNS)}, got {row['expected']!r}. Mend claims.toml."
            )
        if (row["expected"] == "depends") != bool(row.get("condition")):
            raise CourseError(
                f"claim {name}: expected a condition with 'depends' and with nothing else, "
                f"got {row['expected']!r} and {row.get('condition')!r}. Mend claims.toml."
            )
        claims[name] = Claim(id=name, **row)
    return claims


@functools.cache
def _registry() -> dict[str, Claim]:
    return parse(resources.files("coursekit").joinpath("claims.toml").read_text(encoding="utf-8"))


def all_claims() -> dict[str, Claim]:
    """Every claim of the course, by id."""
    return dict(_registry())


def claim(claim_id: str) -> Claim:
    """The claim with that id.

    Raises
    ------
    UnknownNameError
        If there is none; the message offers the closest ids.
    """
    return _registry()[expect_known("claim", claim_id, _registry())]


def ledger(notebook: str | None = None) -> Ledger:
    """The ledger of the whole course, or of one notebook (its name without the number)."""
    return Ledger(c for c in _registry().values() if notebook in (None, c.notebook))
