"""The real notebooks are what their sources say and keep the rules of the house; and nbval, as we run it, can fail."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from pathlib import Path

import nbformat
import pytest

from coursekit import editions, guards, sources
from coursekit.checks import all_exercises
from coursekit.claims import all_claims

ROOT = Path(__file__).resolve().parents[1]
NAMES = list(sources.sources(ROOT))
FIRST = ["00_start_here", "01_perceptron", "02_forward_pass", "03_backpropagation"]

every_notebook = pytest.mark.parametrize("name", NAMES)


def said(problems) -> str:
    return "\n".join(map(str, problems))


def notebook(name: str, edition: str):
    return nbformat.read(sources.edition_path(name, edition, ROOT), as_version=4)


STUB = ["# YOUR CODE HERE", "raise NotImplementedError"]
ASKS = re.compile(r'^@exercise\("(.+?)"\)', re.MULTILINE)


def source(name: str) -> str:
    return (ROOT / "notebooks" / "src" / f"{name}.py").read_text(encoding="utf-8")


def solutions(text: str) -> list[list[str]]:
    """The lines between each pair of solution markers, found in the plainest way there is."""
    found, inside = [], False
    for line in map(str.strip, text.splitlines()):
        if line in ("### BEGIN SOLUTION", "### END SOLUTION"):
            inside = line == "### BEGIN SOLUTION"
            found += [[]] if inside else []
        elif inside and line:
            found[-1].append(line)
    return found


def given(text: str) -> Counter:
    """The lines outside the markers, and how often each stands there."""
    lines = Counter(line.strip() for line in text.splitlines())
    return lines - Counter(line for solution in solutions(text) for line in solution)


def bodies(code: str):
    """The name and the body of every function and method of a cell, line by line and without its docstring."""
    lines = code.splitlines()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef):
            told = ast.get_docstring(node) is not None
            start = node.body[0].end_lineno if told else node.body[0].lineno - 1
            while not told and lines[start - 1].strip().startswith("#"):
                start -= 1  # a remark above the first statement is in the body too
            yield node.name, [line.strip() for line in lines[start : node.end_lineno] if line.strip()]


def leaks(text: str, learner) -> list[str]:
    """What the learner edition of a source gives away."""
    parts = [part for part in re.split(r"^# %%.*$", text, flags=re.MULTILINE) if ASKS.search(part)]
    asked = {ASKS.search(part)[1]: part for part in parts}
    cells = {key: cell.source for cell in learner.cells for key in ASKS.findall(cell.source)}
    found = [f"{key}: in one of source and edition only" for key in asked.keys() ^ cells.keys()]
    for key in asked.keys() & cells.keys():
        found += [f"{key}: {reason}" for reason in leaks_of_one(asked[key], cells[key])]
    lines = [line.strip() for cell in learner.cells for line in cell.source.splitlines()]
    secret = telling(line for solution in solutions(text) for line in solution)
    found += [f"a cell holds {line!r}" for line in secret if any(line in one for one in lines)]
    stubs = [lines.count(line) for line in STUB]
    if stubs != [len(solutions(text))] * 2:
        found.append(f"{stubs} lines of stubs for {len(solutions(text))} pairs of markers")
    return found + ["a marker is left"] * any("SOLUTION" in line for line in lines)


def leaks_of_one(asked: str, cell: str) -> list[str]:
    """What the cell of one exercise gives away, given what the source has in its place."""
    secret = {line for solution in solutions(asked) for line in solution}
    lines = Counter(line.strip() for line in cell.splitlines())
    found = [f"{line!r} is not given" for line in lines - given(asked) if line not in STUB]
    found += [f"{line!r} gives it away" for line in lines if line.startswith("#") and line.strip("# ") in secret]
    made = [body for name, body in bodies(cell) if name != "__init__" or body == STUB]
    found += [f"expected a stub, got {body}" for body in made if body != STUB]
    if not made or len(made) != len(solutions(asked)):
        found.append(f"{len(solutions(asked))} pairs of markers for {len(made)} functions")
    return found


def telling(lines) -> set[str]:
    """The lines that give something away: not `return z`, not `for x in xs:`, not `self.rate = rate`."""
    stored = re.compile(r"self\.(\w+) = \1$")
    long = (line.strip() for line in lines if len(re.sub(r"\W|return|self", "", line)) >= 12)
    return {line for line in long if not stored.match(line)}


def test_the_notebooks_are_there():
    assert set(FIRST) <= set(NAMES)


def test_every_edition_is_what_its_source_says():
    assert said(editions.check(root=ROOT)) == ""


@every_notebook
@pytest.mark.parametrize("guard", guards.GUARDS, ids=lambda guard: guard.__name__)
def test_a_notebook_keeps_the_rules(name, guard):
    needs = {guards.registered: (all_exercises(), all_claims()), guards.exercises_complete: (all_exercises(),)}
    assert said(guard(notebook(name, "worked"), *needs.get(guard, ()))) == ""


@every_notebook
def test_the_learner_edition_holds_no_line_of_a_solution(name):
    assert solutions(source(name)), "no solution was found at all"
    assert leaks(source(name), notebook(name, "learner")) == []


BROKEN = ("perceptron.update", "forward.dense", "backprop.relu", "perceptron.classifier")
MARKED = re.compile(r"^( *)### BEGIN SOLUTION\n(.*?)\n *### END SOLUTION$", re.DOTALL | re.MULTILINE)
LEAKS = {
    "the answer for the stub": lambda stub, answer: answer,
    "another answer for the stub": lambda stub, answer: f"{stub[: stub.index('#')]}return 1",
    "the answer after the stub": lambda stub, answer: f"{stub}\n{answer}",
    "the last line after the stub": lambda stub, answer: f"{stub}\n{answer.splitlines()[-1]}",
    "the last line as a remark": lambda stub, answer: f"{stub}\n# {answer.splitlines()[-1].strip()}",
}


def parts_of(key: str):
    """The name and the source of the notebook of an exercise, and its last solution: with its markers, stub, answer."""
    name = next(name for name in NAMES if f'@exercise("{key}")' in source(name))
    before, _, after = source(name).partition(f'@exercise("{key}")')
    marked = list(MARKED.finditer(re.split(r"^# %%", after, flags=re.MULTILINE)[0]))[-1]
    assert (before + after).count(marked[0]) == 1
    return name, source(name), marked[0], "\n".join(marked[1] + line for line in STUB), marked[2]


def learner_with(name: str, key: str, stub: str, instead: str):
    learner = sources.learner(name, source(name))
    cell = next(cell for cell in learner.cells if f'@exercise("{key}")' in cell.source)
    head, found, tail = cell.source.rpartition(stub)
    assert found
    cell.source = head + instead + tail
    return learner


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("key", BROKEN)
def test_each_leak_is_caught(key, leak):
    name, text, marked, stub, answer = parts_of(key)
    assert leaks(text, learner_with(name, key, stub, stub)) == []
    instead = leak(stub, answer)
    broken = learner_with(name, key, stub, instead)
    assert leaks(text, broken) != []
    told = leaks(text.replace(marked, instead.replace(stub, marked)), broken)
    assert told != [], "nothing differs from the source now: it is the source that gives the answer away"
    assert leaks(text, sources.learner(name, text.replace(f'@exercise("{key}")', "# no exercise"))) != []


def test_a_telling_line_in_another_cell_and_a_stub_too_many_are_caught():
    name, text = "02_forward_pass", source("02_forward_pass")
    learner = sources.learner(name, text)
    learner.cells[0].source += f"\n\nWrite `{max(telling(sum(solutions(text), [])), key=len)}`."
    assert [leak for leak in leaks(text, learner) if leak.startswith("a cell holds")] != []
    learner = sources.learner(name, text)
    learner.cells[-1].source += "\n# YOUR CODE HERE\nraise NotImplementedError"
    assert any("lines of stubs" in leak for leak in leaks(text, learner))


def test_every_fixed_seed_that_is_exempt_is_there_and_has_a_reason():
    for (name, function), reason in guards.FIXED_SEEDS.items():
        assert f"{function} has the seed" in said(guards.seeds(notebook(name, "worked"), exempt={}))
        assert len(reason.split()) > 3


@every_notebook
def test_the_learner_edition_holds_no_telling_line_of_a_reference(name):
    text = "\n".join(cell.source for cell in notebook(name, "learner").cells if cell.cell_type == "code")
    ours = [entry for entry in all_exercises().values() if entry.notebook == name.partition("_")[2]]
    assert ours, "the notebook has no exercise"
    for entry in ours:
        code = re.sub(r'""".*?"""', "", inspect.getsource(entry.reference), flags=re.DOTALL)
        body = [line for line in code.splitlines() if not re.match(r"\s*(def|class|@|#)", line)]
        shared = {line.strip() for line in text.splitlines()}
        assert telling(body) & shared == set(), entry.id


@every_notebook
def test_both_editions_tell_nothing_about_the_machine_they_were_made_on(name):
    for edition in ("learner", "worked"):
        text = nbformat.writes(notebook(name, edition))
        assert not re.search(r"/home/|/Users/|/tmp/|[A-Z]:\\\\|\.ipynb_checkpoints|site-packages", text)  # noqa: S108


def cell(code: str, output: str | None = None, **metadata):
    outputs = [] if output is None else [nbformat.v4.new_output("stream", name="stdout", text=output)]
    return nbformat.v4.new_code_cell(code, execution_count=1, outputs=outputs, metadata=metadata)


REACH_OUT = """
import socket
for call in (lambda: socket.create_connection(("192.0.2.1", 80), timeout=5),
             lambda: socket.getaddrinfo("example.org", 80),
             lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))):
    try:
        call()
    except OSError as error:
        print(type(error).__name__, error)
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), timeout=5).close()
print(socket.getaddrinfo("localhost", 80)[0][4][0] in ("127.0.0.1", "::1"))
"""
BLOCKED = """NetworkBlocked the network is blocked in this run: connect asked for '192.0.2.1'
NetworkBlocked the network is blocked in this run: getaddrinfo asked for 'example.org'
NetworkBlocked the network is blocked in this run: sendto asked for '192.0.2.1'
True
"""
SETTINGS = """import os
assert sum(range(3_000_000))  # some work to be timed
print(os.environ.get("COURSEKIT_STRICT"), os.environ.get("OMP_NUM_THREADS"), os.listdir("."))"""
NEWCOMER = '(os.environ["COURSEKIT_STRICT"], os.environ["COURSEKIT_SEED"]) == ("claims", "1")'
FIXTURES = {
    "solutions/10_settings": [cell(f"# NBVAL_CHECK_OUTPUT\n{SETTINGS}", "1 1 ['.ipython']\n")],
    "10_settings": [cell(f"{SETTINGS}\nassert {NEWCOMER}")],
    "11_changed": [cell("# NBVAL_CHECK_OUTPUT\nprint(2)", "1\n")],
    "solutions/11_changed": [cell("# NBVAL_CHECK_OUTPUT\nprint(2)", "1\n"), cell("print(2)", "1\n")],
    "12_dies": [cell("x = 1"), cell("import os\nos._exit(1)"), cell("x"), cell("x")],
    "solutions/13_reaches_out": [cell(f"# NBVAL_CHECK_OUTPUT{REACH_OUT}", BLOCKED)],
    "14_no_words": [
        cell('from IPython.display import display\ndisplay({"image/png": "AAAA", "text/plain": "?"}, raw=True)')
    ],
    "15_raises": [cell("1 / 0"), cell("print(1)")],
}


@pytest.fixture(scope="module")
def nbval_run(tmp_path_factory):
    """One nbval session over notebooks each of which is wrong in one way: outcomes per cell, and what was printed."""
    folder = tmp_path_factory.mktemp("nbval")
    for name, cells in FIXTURES.items():
        path = folder / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=sources.METADATA), path)
    (folder / "notebooks" / "src").mkdir()
    (folder / "notebooks" / "src" / "10_settings.py").write_text("1 / 0\n", encoding="utf-8")
    done = nbval(folder, "-n", "2", "--dist", "loadfile", "--junitxml", folder / "junit.xml")
    outcomes = defaultdict(list)
    for case in ElementTree.parse(folder / "junit.xml").iter("testcase"):  # noqa: S314
        kinds = [child.tag for child in case if child.tag in ("failure", "skipped", "error")]
        where = case.get("classname").replace("\\", "/").removeprefix("notebooks.").replace(".", "/")
        outcomes[where.removesuffix("/ipynb")].append((case.get("name"), kinds[0] if kinds else "passed"))
    return folder, done, {where: [kind for _, kind in sorted(cells)] for where, cells in outcomes.items()}


def nbval(folder: Path, *options, only: str = ""):
    command = [sys.executable, "-m", "pytest", "-p", "tests.nbval_house", "-c", ROOT / "pyproject.toml"]
    command += ["--rootdir", folder, "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env"]
    command += ["--nbval-cell-timeout=60", "--color=no", *options, folder / "notebooks" / only]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
def test_each_fixture_fails_where_it_should_and_nowhere_else(nbval_run):
    _, done, outcomes = nbval_run
    assert done.returncode == 1, done.stdout + done.stderr
    assert outcomes == {
        "solutions/10_settings": ["passed"],
        "10_settings": ["passed"],
        "11_changed": ["passed"],  # its outputs are those of seed 0, and it runs with another
        "solutions/11_changed": ["failure", "passed"],
        "12_dies": ["passed", "failure", "skipped", "skipped"],
        "solutions/13_reaches_out": ["passed"],
        "14_no_words": ["failure"],
        "15_raises": ["failure", "passed"],
    }, done.stdout


@pytest.mark.slow
def test_the_failures_say_why(nbval_run):
    _, done, _ = nbval_run
    for words in (
        "Cell outputs differ",
        "The kernel died while it ran this cell",
        "the kernel died in Cell 1",
        "a figure without alternative text",
        "ZeroDivisionError",
    ):
        assert words in done.stdout


@pytest.mark.slow
def test_a_dead_kernel_is_noticed_at_once_and_the_table_tells_seconds(nbval_run):
    folder, done, _ = nbval_run
    seconds = json.loads((folder / "build" / "seconds.json").read_text(encoding="utf-8"))
    assert set(seconds) == {f"notebooks/{name}.ipynb" for name in FIXTURES}
    cases = ElementTree.parse(folder / "junit.xml").iter("testcase")  # noqa: S314
    waited = [float(case.get("time")) for case in cases if "12_dies" in case.get("classname")]
    assert len(waited) == 4 and sum(waited) < 20  # the cell's time limit is 60 s
    assert seconds["notebooks/solutions/10_settings.ipynb"] > 0
    table = done.stdout.partition("seconds per notebook")[2]
    rows = re.findall(r"^ +([\d.]+)  (\S.*)$", table, re.MULTILINE)
    assert rows[-1][1] == "in all" and sorted(rows[:-1], key=lambda row: -float(row[0])) == rows[:-1]


@pytest.mark.slow
def test_a_notebook_over_the_cap_fails_the_session(nbval_run):
    folder, _, _ = nbval_run
    assert nbval(folder, only="solutions/10_settings.ipynb").returncode == 0
    done = nbval(folder, "--notebook-cap=0.001", only="solutions/10_settings.ipynb")
    assert done.returncode == 1 and "OVER THE CAP of 0.001 s" in done.stdout and "1 passed" in done.stdout
