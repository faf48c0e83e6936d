"""A source becomes two notebooks, the same ones each time, and whoever edits those by hand is told."""

import json
import re

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit import editions, sources
from coursekit.errors import BuildError, UnknownNameError
from coursekit.execution import execute
from coursekit.sources import SourceError

CODE = "# %%\n{}\n"
ODD = "def f(x):\n    if x:\n        x = 1\n{}"
EXERCISE = '@exercise("tiny.double")\ndef double(x):\n{}'


def reasons(problems) -> str:
    return "\n".join(map(str, problems))


def faults(body: str) -> str:
    with pytest.raises(SourceError) as caught:
        sources.learner("01_tiny", CODE.format(body))
    return str(caught.value)


@pytest.fixture(scope="module")
def built_once():
    """The tiny course's editions, built once for all tests: each starts a kernel."""
    return {}


@pytest.fixture
def built(tiny_course, built_once, capsys):
    """The tiny course, built; a test may damage it."""
    if built_once:
        for name, content in built_once.items():
            (tiny_course / name).parent.mkdir(exist_ok=True)
            (tiny_course / name).write_bytes(content)
    else:
        assert editions.build(root=tiny_course) == {"01_tiny": "built"}
        built_once.update({path.relative_to(tiny_course): content for path, content in files(tiny_course).items()})
    capsys.readouterr()
    return tiny_course


def notebook(root, edition):
    return nbformat.read(sources.edition_path("01_tiny", edition, root), as_version=4)


def files(root):
    return {path: path.read_bytes() for path in sorted(root.rglob("*.ipynb"))}


def test_regions_become_stubs_where_they_stood(tiny_source):
    cell = sources.learner("01_tiny", tiny_source).cells[4].source
    assert cell.splitlines()[-7:] == [
        "    def __init__(self):",
        "        # YOUR CODE HERE",
        "        raise NotImplementedError",
        "",
        "    def step(self):",
        "        # YOUR CODE HERE",
        "        raise NotImplementedError",
    ]


def test_the_learner_edition_holds_no_solution_and_no_output(tiny_source):
    nb = sources.learner("01_tiny", tiny_source)
    text = nbformat.writes(nb)
    for solution in ("twice = x + x", "return twice", "self.count", "SOLUTION", "NBVAL"):
        assert solution not in text
    assert all(c.outputs == [] and c.execution_count is None for c in nb.cells if c.cell_type == "code")
    nbformat.validate(nb)


def test_the_worked_edition_keeps_the_code_and_drops_the_markers(tiny_source):
    nb = sources.worked("01_tiny", tiny_source)
    text = nbformat.writes(nb)
    assert "twice = x + x" in text and "# NBVAL_CHECK_OUTPUT" in text
    assert "SOLUTION" not in text and "YOUR CODE HERE" not in text
    assert [c.execution_count for c in nb.cells if c.cell_type == "code"] == [1, 2, 3, 4, 5]


def test_tags_survive_and_nothing_of_jupytext_does(tiny_source):
    header = "# ---\n# jupyter:\n#   kernelspec:\n#     display_name: Any\n#     name: other\n# ---\n\n"
    for nb in (sources.learner("01_tiny", header + tiny_source), sources.worked("01_tiny", header + tiny_source)):
        assert [c.metadata for c in nb.cells if c.metadata] == [{"tags": ["exercise"]}] * 2
        assert set(nb.metadata) == {"kernelspec", "language_info", "coursekit"}
        assert nb.metadata.kernelspec.name == "python3"


def test_cell_ids_come_from_the_content():
    twice = CODE.format("x = 1") + "\n" + CODE.format("x = 1") + "\n" + CODE.format("x = 2")
    first, again, other = (cell.id for cell in sources.worked("01_tiny", twice).cells)
    assert again == first + "-2" and other != first
    assert sources.worked("01_tiny", CODE.format("x = 2")).cells[0].id == other


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (EXERCISE.format("    ### BEGIN SOLUTION\n    return 2 * x"), "unbalanced"),
        (EXERCISE.format("    return 2 * x\n    ### END SOLUTION"), "unbalanced"),
        (EXERCISE.format("    ### END SOLUTION\n    return 2 * x\n    ### BEGIN SOLUTION"), "unbalanced"),
        (EXERCISE.format("    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION"), "unbalanced"),
        ("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", "outside a function or class body"),
        ("if True:\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION", "outside a function or class body"),
        ("def f():\n    pass\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION", "outside a function or class body"),
        ("class A:\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION", "directly in a class body"),
        ("def f():\n    ### BEGIN SOLUTION\n    # nothing\n    ### END SOLUTION\n    return 1", "without a statement"),
        (
            "def f(x):\n        ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION",
            "outside a function|not indented",
        ),
        (
            "def f(x):\n    if x:\n        ### BEGIN SOLUTION\n        y = 1\n    return x\n    ### END SOLUTION",
            "indented",
        ),
        ("def f(x):\n    ### BEGIN SOLUTION\n    return (\n    ### END SOLUTION", "syntax error"),
    ],
)
def test_markers_in_the_wrong_place_are_named(body, said):
    assert re.search(said, faults(body))


def test_a_fault_names_the_file_and_the_cell():
    good = CODE.format("x = 1")
    with pytest.raises(SourceError, match=r"notebooks/src/01_tiny.py, cell 2: unbalanced"):
        sources.learner("01_tiny", good + "\n" + CODE.format("def f():\n    ### BEGIN SOLUTION\n    return 1"))


def test_markers_in_prose_are_refused():
    with pytest.raises(SourceError, match="in prose"):
        sources.worked("01_tiny", '# %% [markdown]\nr"""\n### BEGIN SOLUTION\n"""\n')


def test_a_header_that_is_no_yaml_is_a_build_error():
    with pytest.raises(BuildError, match="01_tiny.py: expected a source in py:percent"):
        sources.worked("01_tiny", "# ---\n# jupyter:\n#   kernelspec:\n#     name: python3\n# ---\n\n# %%\nx = 1\n")


@given(
    lines=st.lists(
        st.sampled_from(["y = x", "if y:\n    y = 2", "# a remark", "", 's = """\n  text\n"""']), min_size=1
    ),
    depth=st.integers(1, 3),
    after=st.booleans(),
)
def test_filling_is_exact_whatever_the_solution(lines, depth, after):
    pad = "    " * depth
    heads = [f"{'    ' * k}def f{k}(x):" for k in range(depth)]
    body = [pad + part for line in [*lines, "secret = 1"] for part in line.split("\n")]
    rest = [f"{pad}return 0"] * after
    source = [*heads, f"{pad}### BEGIN SOLUTION", *body, f"{pad}### END SOLUTION", *rest]
    text = CODE.format("\n".join(source))
    stub = [f"{pad}# YOUR CODE HERE", f"{pad}raise NotImplementedError"]
    assert sources.learner("01_t", text).cells[0].source.splitlines() == [*heads, *stub, *rest]
    assert sources.worked("01_t", text).cells[0].source.splitlines() == [*heads, *body, *rest]


def test_a_build_writes_both_editions_and_the_second_changes_no_byte(built, tiny_registry, capsys):
    before = files(built)
    assert len(before) == 2
    assert editions.check(root=built, **tiny_registry) == []
    assert editions.build(root=built) == {"01_tiny": "current"}
    assert capsys.readouterr().out == "01_tiny: current\n"
    assert files(built) == before
    assert editions.build(["tiny"], force=True, root=built) == {"01_tiny": "built"}
    assert files(built) == before
    for content in before.values():
        assert content.endswith(b"}\n") and b"\r" not in content and content.startswith(b'{\n "cells": [')


def test_the_worked_edition_is_run_in_strict_mode_without_a_seed(built, monkeypatch):
    monkeypatch.setenv("COURSEKIT_SEED", "7")
    editions.build(root=built, force=True)
    nb = notebook(built, "worked")
    assert [o.text for o in nb.cells[5].outputs] == ["twice three is 6: 86 %\n"]
    assert [o.text for o in nb.cells[6].outputs] == ["strict: 1 seed: None\n"]


OUTPUTS = r"""
# %%
import sys
from IPython.display import HTML, clear_output, display, update_display

PNG = "data:image/png;base64,AAAA"

class Shown:
    def __init__(self, **data):
        self.data = {key.replace("_", "/", 1): text for key, text in data.items()}
    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.data

print("line"); print("warning", file=sys.stderr)
# %%
page = f'<figure><img alt="a dog" src="{PNG}"></figure>'
display(Shown(text_html=page, image_png="AAAA", text_plain="[figure: a dog]"))
# %%
display(Shown(text_html="<b>panel</b>", text_plain="panel"))
# %%
bar = Shown(text_plain="bar"); bar.data["application/vnd.jupyter.widget-view+json"] = {"model_id": "x"}
display(bar)
# %%
bar.data["text/html"] = "<i>choose</i>"
bar
# %%
print("old"); clear_output(); print("new")
# %%
shown = display("first", display_id="one")
# %%
update_display("second", display_id="one")
# %%
display(Shown(text_html="<script>1</script>", text_plain="made by a script"))
# %% tags=["volatile"]
import time
print(time.perf_counter())
# %%
6 * 7
"""


def test_text_outputs_are_kept_and_pictures_dropped(tiny_course):
    source = sources.sources(tiny_course)["01_tiny"]
    source.write_text(OUTPUTS, encoding="utf-8")
    editions.build(root=tiny_course)
    kept = [[o.get("text") or dict(o.data) for o in cell.outputs] for cell in notebook(tiny_course, "worked").cells]
    assert kept == [
        ["line\n"],
        [{"text/plain": "[figure: a dog]"}],
        [{"text/html": "<b>panel</b>", "text/plain": "panel"}],
        [],
        [{"text/html": "<i>choose</i>", "text/plain": "bar"}],
        ["new\n"],
        [{"text/plain": "'second'"}],
        [],
        [{"text/plain": "made by a script"}],
        [],
        [{"text/plain": "42"}],
    ]
    before = files(tiny_course)
    editions.build(root=tiny_course, force=True)
    assert files(tiny_course) == before


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('x = 1\nraise ValueError("no such luck")', r"cell 9 of 9 failed:.*raise ValueError.*ValueError: no such luck"),
        ("import os\nos._exit(1)", r"cell 9 of 9 failed:.*os._exit\(1\).*The kernel died"),
        (
            "# NBVAL_CHECK_OUTPUT\nimport sys\nprint(1, file=sys.stderr)",
            r"cell 9: is marked NBVAL_CHECK_OUTPUT, but shows more",
        ),
        (
            'from IPython.display import display\ndisplay({"image/png": "AAAA", "text/plain": "?"}, raw=True)',
            "cell 9: a figure without alternative text",
        ),
        ("object()", "cell 9: the output shows an address in memory"),
    ],
)
def test_a_failing_cell_is_shown_and_nothing_is_written(built, cell, said):
    before = files(built)
    source = sources.sources(built)["01_tiny"]
    source.write_text(source.read_text(encoding="utf-8") + "\n" + CODE.format(cell), encoding="utf-8")
    with pytest.raises(BuildError) as caught:
        editions.build(root=built)
    assert re.search(said, str(caught.value), re.DOTALL) and "01_tiny" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert files(built) == before
    assert not list(built.rglob("*.part"))


def test_a_cell_that_takes_too_long_is_a_failure(tiny_source):
    nb = sources.worked("01_tiny", CODE.format("import time\ntime.sleep(60)"))
    assert "longer than 1 s" in str(execute(nb, strict=False, timeout=1))


def edit(root, edition, change):
    nb = notebook(root, edition)
    change(nb)
    nbformat.write(nb, sources.edition_path("01_tiny", edition, root))


def told(root, registry):
    return reasons(editions.check(root=root, **registry))


def test_check_names_a_hand_edit_and_the_next_build_mends_it(built, tiny_registry):
    before = files(built)
    edits = {
        "notebooks/01_tiny.ipynb, cell 5: is not what the source gives": (
            "learner",
            lambda nb: nb.cells[4].update(source="class Counter:\n    pass"),
        ),
        "notebooks/01_tiny.ipynb, cell 9: is not what the source gives": (
            "learner",
            lambda nb: nb.cells.append(nbformat.v4.new_code_cell("1")),
        ),
        "notebooks/01_tiny.ipynb: an output": (
            "learner",
            lambda nb: nb.cells[1].update(outputs=[nbformat.v4.new_output("stream", text="hello")]),
        ),
        "notebooks/solutions/01_tiny.ipynb: an output": (
            "worked",
            lambda nb: nb.cells[5].outputs[0].update(text="twice three is 7\n"),
        ),
        "notebooks/solutions/01_tiny.ipynb: its metadata": ("worked", lambda nb: nb.metadata.update(author="me")),
        "notebooks/solutions/01_tiny.ipynb, cell 4: is": ("worked", lambda nb: nb.cells[3].metadata.tags.append("x")),
    }
    for said, (edition, change) in edits.items():
        edit(built, edition, change)
        assert told(built, tiny_registry).startswith(said) and "run `coursekit build`" in told(built, tiny_registry)
        for path, content in before.items():
            path.write_bytes(content)
    assert told(built, tiny_registry) == ""
    edit(built, *edits["notebooks/solutions/01_tiny.ipynb: an output"])
    assert editions.build(root=built) == {"01_tiny": "built"}
    assert files(built) == before


def test_check_names_drift_and_missing_and_orphaned_and_damaged_editions(built, tiny_registry, tiny_source):
    source = sources.sources(built)["01_tiny"]
    source.write_text(tiny_source.replace("twice = x + x", "twice = 2 * x"), encoding="utf-8")
    assert told(built, tiny_registry).count("the source has changed since the build") == 2
    source.write_bytes(tiny_source.replace("\n", "\r\n").encode())
    assert told(built, tiny_registry) == ""  # another system's line ends are no change

    learner = sources.edition_path("01_tiny", "learner", built)
    content = learner.read_bytes()
    learner.write_bytes(content[:100])
    assert "notebooks/01_tiny.ipynb: cannot be read as a notebook" in told(built, tiny_registry)
    learner.unlink()
    assert told(built, tiny_registry).startswith("notebooks/01_tiny.ipynb: is missing")

    learner.write_bytes(content)
    learner.rename(learner.with_name("02_gone.ipynb"))
    assert "notebooks/02_gone.ipynb: has no source" in told(built, tiny_registry)


def test_a_build_removes_what_it_wrote_itself_and_nothing_else(built, capsys):
    ours = sources.edition_path("02_gone", "worked", built)
    ours.write_bytes(sources.edition_path("01_tiny", "worked", built).read_bytes())
    theirs = sources.edition_path("03_mine", "learner", built)
    nbformat.write(nbformat.v4.new_notebook(), theirs)
    assert editions.build(["01"], root=built) == {"01_tiny": "current"}
    assert ours.exists()
    assert editions.build(root=built) == {"01_tiny": "current", "02_gone": "removed"}
    assert not ours.exists() and theirs.exists()
    assert "removed notebooks/solutions/02_gone.ipynb" in capsys.readouterr().out


def test_check_asks_for_registration_and_for_unique_ids(built, tiny_registry, tiny_source):
    exercises, claims = tiny_registry["exercises"], tiny_registry["claims"]
    second = sources.sources(built)["01_tiny"].with_name("02_second.py")
    second.write_text(CODE.format('@exercise("tiny.double")\ndef f(x):\n    return x'), encoding="utf-8")
    said = told(built, tiny_registry)
    assert "notebooks/src/02_second.py, cell 1: exercise 'tiny.double' is already in 01_tiny, cell 4" in said
    assert "'tiny.double' is registered for notebook 'tiny', not 'second'" in said
    second.unlink()
    del exercises["tiny.counter"], claims["doubling-doubles"]
    said = told(built, tiny_registry)
    assert "notebooks/src/01_tiny.py, cell 5: exercise 'tiny.counter' is not registered" in said
    assert "claim 'doubling-doubles' is not registered" in said


def test_check_reports_unsound_sources_and_odd_names_and_goes_on(built, tiny_registry):
    source = sources.sources(built)["01_tiny"]
    source.with_name("00_bad.py").write_text(CODE.format("### BEGIN SOLUTION"), encoding="utf-8")
    source.with_name("02_latin.py").write_bytes("# %%\n# caf\xe9\n".encode("latin-1"))
    source.with_name("perceptron.py").write_text("x = 1\n", encoding="utf-8")
    said = told(built, tiny_registry)
    assert "notebooks/src/00_bad.py, cell 1: unbalanced" in said
    assert "02_latin.py: expected a text in UTF-8" in said
    assert "notebooks/src/perceptron.py: expected a name such as" in said
    assert "01_tiny" not in said


def test_names_are_found_in_three_ways_and_the_closest_is_offered(tiny_course):
    for name in ("01", "tiny", "01_tiny", "01_tiny.ipynb", "notebooks/src/01_tiny.py"):
        assert sources.find([name], tiny_course) == ["01_tiny"]
    with pytest.raises(UnknownNameError, match="notebook: .*'tyni'.*'tiny'"):
        editions.build(["tyni"], root=tiny_course)


def test_variants_are_the_four_states_of_a_learner(tiny_course):
    cells = {state: sources.variant("tiny", state, root=tiny_course).cells for state in sources.STATES}
    first = {state: cell[3].source.splitlines()[-1].strip() for state, cell in cells.items()}
    assert first == {
        "untouched": "raise NotImplementedError",
        "one wrong": "return None",
        "one raising": 'raise ValueError("my mistake")',
        "all solved": "return twice",
    }
    for state in ("untouched", "one wrong", "one raising"):
        assert cells[state][4].source.count("raise NotImplementedError") == 2
    assert "self.count += 1" in cells["all solved"][4].source
    wrong = sources.variant("tiny", "one wrong", wrong="x = 3 * x\nreturn x", root=tiny_course)
    assert wrong.cells[3].source.endswith("    x = 3 * x\n    return x")


def test_a_folder_that_cannot_be_written_leaves_the_old_editions(built, monkeypatch):
    before = files(built)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BuildError, match="No space left"):
        editions.build(root=built, force=True)
    assert files(built) == before and not list(built.rglob("*.part"))


def test_what_is_recorded_in_the_metadata(built, tiny_source):
    ours = json.loads(sources.edition_path("01_tiny", "worked", built).read_text(encoding="utf-8"))["metadata"]
    assert ours["coursekit"].keys() == {"edition", "name", "source_sha256", "outputs_sha256"}
    assert notebook(built, "learner").metadata.coursekit.keys() == {"edition", "name", "source_sha256"}


def test_an_installed_coursekit_builds_nothing(monkeypatch):
    monkeypatch.setattr("coursekit.places.checkout", lambda: None)
    with pytest.raises(BuildError, match="expected a checkout"):
        editions.build()
