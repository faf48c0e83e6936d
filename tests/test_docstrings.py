"""Whoever opens a function of the course finds what goes in, what comes out, what can fail, and an example that runs.

Read from the syntax tree. That the examples run is pytest's own work (``--doctest-modules``).
"""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = [
    path
    for room in ("scratch", "metrics", "text", "attribution")
    for path in sorted((ROOT / "coursekit" / room).rglob("*.py"))
]
HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
REFERENCE = re.compile(r"^(Parameters|Parameters and Returns): those of :func:`(\w+)`\.$", re.MULTILINE)

Function = ast.FunctionDef | ast.AsyncFunctionDef


# ------------------------------------------------------------------------------------------ reading the code


def public(tree: ast.Module) -> Iterator[tuple[str, Function, str]]:
    """Public functions and methods, each with its docstring; an ``__init__`` is described by that of its class."""
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node.name, node, ast.get_docstring(node) or ""
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, Function) and method.name == "__init__":
                    yield node.name, method, ast.get_docstring(node) or ""
                elif isinstance(method, Function) and not method.name.startswith("_"):
                    yield f"{node.name}.{method.name}", method, ast.get_docstring(method) or ""


def arguments(function: Function) -> list[str]:
    a = function.args
    every = [*a.posonlyargs, *a.args, *([a.vararg] if a.vararg else []), *a.kwonlyargs, *([a.kwarg] if a.kwarg else [])]
    return [argument.arg for argument in every if argument.arg not in ("self", "cls")]


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """What a function runs itself, without the bodies of functions defined inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))


def answers(function: Function) -> bool:
    """Whether it returns something, or yields."""
    return any(
        isinstance(node, ast.Yield | ast.YieldFrom)
        or (isinstance(node, ast.Return) and not (node.value is None or ast.unparse(node.value) == "None"))
        for node in own_nodes(function)
    )


def sections(docstring: str) -> dict[str, str]:
    """The text under each heading of a numpydoc docstring; what is empty is not there."""
    _, *parts = HEADING.split(inspect.cleandoc(docstring))
    return {name: text for name, text in zip(parts[::2], parts[1::2], strict=True) if text.strip()}


def described(text: str) -> set[str]:
    """The names that a Parameters section has an entry for; ``dA, z : ndarray`` has two."""
    entries = [line.partition(" : ")[0] for line in text.splitlines() if line and not line.startswith(" ")]
    return {name.strip().lstrip("*") for entry in entries for name in entry.split(",")}


# ------------------------------------------------------------------------------------------ the rule


def gaps(source: str) -> list[str]:
    """What public functions with arguments leave untold: ``name: what is missing``.

    A gradient may refer to its forward rule, "Parameters and Returns: those of :func:`relu`."; that function then has
    to be in the same module, and to describe itself what is looked for there.
    """
    functions = list(public(ast.parse(source)))
    written = {name: sections(docstring) for name, _, docstring in functions}
    found = []
    for name, function, docstring in functions:
        told = dict(written[name])
        for headings, other in REFERENCE.findall(docstring):
            borrowed = written.get(other, {}) if other != name else {}
            told = {h: borrowed[h] for h in headings.split(" and ") if h in borrowed} | told
        if not arguments(function):
            continue
        missing = [] if "Parameters" in told else ["Parameters"]
        missing += [f"parameter {a}" for a in arguments(function) if a not in described(told.get("Parameters", ""))]
        if answers(function) and not {"Returns", "Yields"} & set(told):
            missing.append("Returns")
        if any(isinstance(node, ast.Raise) for node in own_nodes(function)) and "Raises" not in told:
            missing.append("Raises")
        if ">>> " not in told.get("Examples", ""):
            missing.append("Examples")
        found += [f"{name}: {what}" for what in missing]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_public_function_tells_what_it_takes_gives_and_raises(path):
    assert gaps(path.read_text(encoding="utf-8")) == []


def test_the_rule_reads_something():
    names = [name for path in FILES for name, _, _ in public(ast.parse(path.read_text(encoding="utf-8")))]
    assert {"relu", "sgd_step", "Perceptron", "Perceptron.fit", "log_loss"} <= set(names)
    assert len(names) > 40


# ------------------------------------------------------------------------------------------ the proof that it bites

WHOLE = '''
def double(x, times=1):
    """Twice the number.

    Parameters
    ----------
    x, times : float

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If x is negative.

    Examples
    --------
    >>> double(2)
    4
    """
    if x < 0:
        raise ValueError(x)
    return 2 * times * x


def half(x):
    """Half the number.

    Parameters and Returns: those of :func:`double`.

    Examples
    --------
    >>> half(2)
    1.0
    """
    return x / 2


def _private(x):
    return x


def nothing_to_tell():
    return 1
'''

BROKEN = {
    "a bare line": (
        'def f(x):\n    """One line."""\n    return x\n',
        ["Parameters", "parameter x", "Returns", "Examples"],
    ),
    "no docstring": ("def f(x):\n    pass\n", ["Parameters", "parameter x", "Examples"]),
    "a constructor": (
        'class f:\n    """One line."""\n\n    def __init__(self, n):\n        raise ValueError(n)\n',
        ["Parameters", "parameter n", "Raises", "Examples"],
    ),
}
TAKEN_OUT = [
    ("x, times : float", "x : float", ["double: parameter times"]),
    ("x, times : float", "times : float", ["double: parameter x", "half: parameter x"]),
    ("Parameters\n    ----------\n", "Parameters\n\n", None),
    ("Returns\n    -------\n    float\n", "", ["double: Returns", "half: Returns"]),
    ("Raises\n    ------\n", "Fails\n    -----\n", ["double: Raises"]),
    (">>> double(2)\n    4\n", "See double(2).\n", ["double: Examples"]),
    ("Parameters and Returns: those", "Parameters: those", ["half: Returns"]),
    ("those of :func:`double`", "those of :func:`treble`", ["half: Parameters", "half: parameter x", "half: Returns"]),
    ("those of :func:`double`", "those of :func:`half`", ["half: Parameters", "half: parameter x", "half: Returns"]),
]


def test_a_whole_docstring_has_no_gap():
    assert gaps(WHOLE) == []


@pytest.mark.parametrize("source", BROKEN)
def test_a_gap_is_found(source):
    text, missing = BROKEN[source]
    assert gaps(text) == [f"f: {what}" for what in missing]


@pytest.mark.parametrize(("old", "new", "expected"), TAKEN_OUT, ids=lambda value: str(value)[:24])
def test_whatever_is_taken_out_is_missed(old, new, expected):
    assert WHOLE.count(old) == 1
    found = gaps(WHOLE.replace(old, new))
    assert found == expected if expected is not None else "double: Parameters" in found and "half: Parameters" in found
