"""A panel is what a learner sees under an exercise: one sign, one word, what differs, and the hints, folded."""

import html
import re
from dataclasses import dataclass

__all__ = ["SIGNS", "Panel", "show"]

SIGNS = {"to do": "○", "passed": "✓", "not yet": "✗", "error": "!"}
EDGES = {"to do": "#56B4E9", "passed": "#009E73", "not yet": "#E69F00", "error": "#D55E00"}  # Okabe-Ito


@dataclass(frozen=True)
class Panel:
    """What is shown: in a notebook as HTML, anywhere else as text. It inherits the page's own colours."""

    title: str
    state: str
    facts: str
    message: str
    note: str = ""
    hints: tuple[str, ...] = ()
    printed: str = ""
    solution: str = ""

    def __repr__(self) -> str:
        lines = [f"{SIGNS[self.state]} {self.title}: {self.state} ({self.facts})"]
        lines += [f"  {line}" for part in (self.message, self.note) for line in part.splitlines()]
        if self.hints and self.state != "passed":
            lines.append(f"  ({len(self.hints)} hints: unfold them in the notebook, or show_hints({self.title!r}))")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [
            f"<div><strong>{SIGNS[self.state]} {html.escape(self.title)}: {self.state}</strong> "
            f"<span style='opacity:.75'>({html.escape(self.facts)})</span></div>"
        ]
        parts += [f"<div style='margin-top:.3em'>{_rich(text)}</div>" for text in (self.message, self.note) if text]
        if self.printed:
            parts.append(_fold("What your code printed", f"<pre>{html.escape(self.printed)}</pre>"))
        if self.state != "passed":
            parts += [_fold(f"Hint {i}", _rich(hint)) for i, hint in enumerate(self.hints, 1)]
        if self.solution:
            parts.append(_fold("The course's version", f"<pre>{html.escape(self.solution)}</pre>"))
        edge = f"border-left:4px solid {EDGES[self.state]};padding:.4em .8em;margin:.3em 0;max-width:52em"
        return f"<div style='{edge}'>" + "".join(parts) + "</div>"


def show(thing: object) -> None:
    """Show a panel or a card: in a notebook as rich output, elsewhere as printed text."""
    from IPython import get_ipython

    if get_ipython() is None:
        print(thing)
        return
    from IPython.display import display

    display(thing)


def _fold(summary: str, body: str) -> str:
    return f"<details style='margin-top:.3em'><summary>{html.escape(summary)}</summary><div>{body}</div></details>"


def _rich(text: str) -> str:
    """Escape a message for HTML, keeping its `code`, *emphasis* and line breaks."""
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"(?<![\w*])\*([^*\s][^*]*?)\*(?![\w*])", r"<em>\1</em>", text)
    return text.replace("\n", "<br>")
