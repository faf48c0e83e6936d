"""A source becomes two notebooks, the same ones each time, and whoever edits those by hand is told."""

import json
import re

import nbformat
import pytest

from coursekit import editions, sources
from coursekit.errors import BuildError, UnknownNameError
from coursekit.execution import execute

CODE = "# %%\n{}\n"
ODD = "def f(x):\n    if x:\n        x = 1\n{}"
EXERCISE = '@exercise("tiny.double")\ndef double(x):\n{}'


def reasons(problems) -> str:
    return "\n".join(map(str, problems))


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
    second.write_text(
        CODE.format('@exercise("tiny.double")\ndef f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION'),
        encoding="utf-8",
    )
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
