"""The plan of the house, and the proof that the code keeps to it, read from its syntax tree."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A room may import from its own row and from the rows above it, never from one below.
LAYERS = (
    {"errors"},
    {"settings", "places", "storage"},
    {
        "progress",
        "scratch",
        "registry",
        "dealing",
        "prepare",
        "tables",
        "datasets",
        "corpora",
        "series",
        "pictures",
        "fetch",
        "metrics",
        "comparison",
        "tuning",
        "text",
        "oracle",
    },
    {"train", "models", "plot", "validation", "clinic"},
    {"attribution", "accelerator", "device"},
    {"checks", "claims", "predict", "placement"},
    {"review", "guards", "sources", "execution", "editions", "workspace", "doctor", "run", "lab"},
    {"cli", "__main__"},
)
FLOOR = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
LONGEST = 400  # lines
NUMPY_ONLY = range(8)  # notebooks 00 to 07 build everything from arrays
DRAWER_NAMES = {"utils", "util", "helpers", "helper", "misc", "common"}
JUPYTER = {"jupyterlab", "jupyter_server", "jupyter_client", "jupytext", "nbclient", "nbconvert", "nbformat", "IPython"}
HEAVY = {"torch", "matplotlib", "pandas", "sklearn", "scipy", "anywidget", "pooch"} | JUPYTER


# ------------------------------------------------------------------------------------------ reading the code


def modules(root: Path) -> dict[str, tuple[Path, ast.Module]]:
    """Every module of coursekit: its dotted name, its file and its syntax tree."""
    found = {}
    for path in sorted((root / "coursekit").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = (path, ast.parse(path.read_text(encoding="utf-8")))
    return found


def imported(tree: ast.Module, module: str, is_package: bool, known: set[str]) -> Iterator[str]:
    """The modules of `known` that a module names in an import, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                base = ".".join(parts[: len(parts) - node.level + is_package] + ([base] if base else []))
            names = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names]
        else:
            continue
        yield from (name for name in names if name in known)


def graph(root: Path) -> dict[str, set[str]]:
    """Who imports whom inside coursekit."""
    known = modules(root)
    return {
        name: set(imported(tree, name, path.name == "__init__.py", set(known))) - {name}
        for name, (path, tree) in known.items()
    }


def room(module: str) -> str:
    """The room that a module is in: checks for coursekit.checks.core; nothing for coursekit itself."""
    return module.partition(".")[2].partition(".")[0]


# ------------------------------------------------------------------------------------------ the rules


def strangers(root: Path) -> list[str]:
    return [f"{name} is in no layer" for name in modules(root) if room(name) and room(name) not in FLOOR]


def against_the_stream(root: Path) -> list[str]:
    return [
        f"{name} imports {other}"
        for name, others in graph(root).items()
        for other in sorted(others)
        if room(other) and FLOOR.get(room(other), 0) > (FLOOR.get(room(name), 0) if room(name) else -1)
    ]


def cycles(root: Path) -> list[str]:
    """Modules that import each other in a ring; each ring is named once."""
    edges, settled, found = graph(root), set(), []

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            found.append(" -> ".join([*trail[trail.index(name) :], name]))
        elif name not in settled:
            for other in sorted(edges[name]):
                visit(other, [*trail, name])
            settled.add(name)

    for name in edges:
        visit(name, [])
    return found


def star_imports(root: Path) -> list[str]:
    return [
        f"{name}:{node.lineno}"
        for name, (_, tree) in modules(root).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]


def drawers(root: Path) -> list[str]:
    return [name for name in modules(root) if name.rpartition(".")[2] in DRAWER_NAMES]


def unexplained(root: Path) -> list[str]:
    """Modules without a docstring, or without a list of what is public."""
    wrong = []
    for name, (_, tree) in modules(root).items():
        targets = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
        targets += [[node.target] for node in tree.body if isinstance(node, ast.AnnAssign)]
        names = {target.id for some in targets for target in some if isinstance(target, ast.Name)}
        wrong += [f"{name}: no docstring"] if not ast.get_docstring(tree) else []
        wrong += [f"{name}: no __all__"] if "__all__" not in names else []
    return wrong


def too_long(root: Path) -> list[str]:
    files = [*(root / "coursekit").rglob("*.py"), *(root / "tests").rglob("*.py")]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    return [f"{path.relative_to(root)}: {n} lines" for path, n in sorted(lengths.items()) if n > LONGEST]


def torch_too_early(root: Path) -> list[str]:
    wrong = []
    for path in sorted((root / "notebooks" / "src").glob("*.py")):
        if path.name[:2].isdecimal() and int(path.name[:2]) in NUMPY_ONLY:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                wrong += [f"{path.name}:{node.lineno}" for name in names if name.partition(".")[0] == "torch"]
    return wrong


RULES = (strangers, against_the_stream, cycles, star_imports, drawers, unexplained, too_long, torch_too_early)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_to_its_plan(rule):
    assert rule(ROOT) == []


# ------------------------------------------------------------------------- each rule can fail: a broken house

SOUND = '"""A room."""\n\n__all__ = []\n'
BROKEN = {
    "stranger": (strangers, {"coursekit/attic.py": SOUND}, ["coursekit.attic is in no layer"]),
    "upward": (
        against_the_stream,
        {"coursekit/errors.py": "from coursekit.cli import main", "coursekit/cli.py": SOUND},
        ["coursekit.errors imports coursekit.cli"],
    ),
    "upward, inside a function": (
        against_the_stream,
        {"coursekit/train.py": "def f():\n    import coursekit.checks.core", "coursekit/checks/core.py": SOUND},
        ["coursekit.train imports coursekit.checks.core"],
    ),
    "upward, by its name in the package": (
        against_the_stream,
        {"coursekit/settings.py": "from coursekit import plot", "coursekit/plot/__init__.py": SOUND},
        ["coursekit.settings imports coursekit.plot"],
    ),
    "upward, relative": (
        against_the_stream,
        {"coursekit/scratch/nn.py": "from ..lab import open_lab", "coursekit/lab.py": SOUND},
        ["coursekit.scratch.nn imports coursekit.lab"],
    ),
    "the package itself": (
        against_the_stream,
        {"coursekit/__init__.py": "from .errors import CourseError", "coursekit/errors.py": SOUND},
        ["coursekit imports coursekit.errors"],
    ),
    "ring of three": (
        cycles,
        {
            "coursekit/guards.py": "from coursekit.run import a",
            "coursekit/run.py": "def f():\n    from coursekit import sources",
            "coursekit/sources.py": "import coursekit.guards",
        },
        ["coursekit.guards -> coursekit.run -> coursekit.sources -> coursekit.guards"],
    ),
    "star": (star_imports, {"coursekit/plot/bars.py": "import os\nfrom math import *"}, ["coursekit.plot.bars:2"]),
    "drawer": (drawers, {"coursekit/checks/utils.py": SOUND}, ["coursekit.checks.utils"]),
    "no docstring": (unexplained, {"coursekit/run.py": "__all__ = []"}, ["coursekit.run: no docstring"]),
    "nothing public": (unexplained, {"coursekit/run.py": '"""A room."""\nx = 1'}, ["coursekit.run: no __all__"]),
    "long": (too_long, {"tests/test_run.py": "x = 1\n" * 401}, ["401 lines"]),
    "early torch": (
        torch_too_early,
        {"notebooks/src/07_a.py": "# %%\nfrom torch.nn import Linear", "notebooks/src/08_b.py": "import torch"},
        ["07_a.py:2"],
    ),
}


@pytest.mark.parametrize(("rule", "files", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_house_is_found_out(rule, files, told, tmp_path):
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    found = rule(tmp_path)
    assert len(found) == len(told)
    assert all(one.endswith(end) for one, end in zip(found, told, strict=True))


def test_what_the_plan_allows_is_not_found_fault_with(tmp_path):
    sound = {
        "__init__.py": SOUND,
        "errors.py": SOUND,
        "registry.py": SOUND + "from coursekit.errors import CourseError\n",
        "datasets.py": SOUND + "from coursekit import errors\nfrom coursekit.registry import Row\nimport torch\n",
        "cli.py": SOUND + "def main():\n    from . import __version__\n    from .datasets import load\n",
    }
    (tmp_path / "coursekit").mkdir()
    for name, content in sound.items():
        (tmp_path / "coursekit" / name).write_text(content, encoding="utf-8")
    assert [rule(tmp_path) for rule in RULES] == [[]] * len(RULES)
    assert graph(tmp_path)["coursekit.cli"] == {"coursekit", "coursekit.datasets"}


# ------------------------------------------------------------------------------------- what an import loads


def loaded(statement: str, among: set[str], folder: Path = ROOT) -> list[str]:
    """Which of the packages `among` a fresh Python has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({among!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("statement", "without"),
    [
        ("import coursekit", HEAVY | {"numpy"}),
        ("from coursekit.scratch import functional, mlp, numerical, optim, perceptron", HEAVY),
        ("import coursekit.datasets, coursekit.metrics, coursekit.train, coursekit.claims", HEAVY - {"pooch"}),
        ("import coursekit.checks", {"torch", "matplotlib", "sklearn", "pandas"}),
        ("from coursekit.cli import make_parser; make_parser()", HEAVY),
    ],
)
def test_an_import_loads_no_more_than_it_needs(statement, without):
    assert loaded(statement, without) == []


def test_a_heavy_import_is_seen(tmp_path):
    (tmp_path / "room.py").write_text("import decimal\n", encoding="utf-8")
    assert loaded("import room", {"decimal", "torch"}, tmp_path) == ["decimal"]
