"""A run executes notebooks, says how long each took, and shows the cell that failed."""

import json
import sys

import pytest

from coursekit import editions, execution, run, sources
from coursekit.errors import NotebookError, SettingError, UnknownNameError

LAST = '\n# %%\nimport os\nassert "COURSEKIT_STRICT" not in os.environ, "too strict"\n'


@pytest.fixture
def course(tiny_course, monkeypatch):
    """The tiny course with a second notebook that fails in strict mode; not executed to be built."""
    monkeypatch.setattr(editions, "execute", lambda *args, **kwargs: None)
    first = sources.sources(tiny_course)["01_tiny"]
    first.with_name("02_fails.py").write_text("# %%\nx = 1\n" + LAST, encoding="utf-8")
    editions.build(root=tiny_course)
    return tiny_course


def test_a_worked_run_is_strict_and_shows_the_failing_cell(course, capsys):
    report = course / "report.json"
    before = {path: path.read_bytes() for path in course.rglob("*.ipynb")}
    capsys.readouterr()
    done = run.run(root=course, seed=2, report=report)
    assert [(one.name, one.ok) for one in done] == [("01_tiny", True), ("02_fails", False)]
    assert done[1].failure.cell == 2 and done[1].failure.error.endswith("AssertionError: too strict")
    said = capsys.readouterr().out
    for words in ("[1/2] 01_tiny (worked) ... ok, ", "[2/2] 02_fails (worked) ... failed", "2 run, 1 failed"):
        assert words in said
    assert "02_fails.ipynb, cell 2 of 2 failed:\n\n    import os\n    assert" in said
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["seed"] == 2 and [one["ok"] for one in told["notebooks"]] == [True, False]
    assert told["notebooks"][1]["failure"]["error"].endswith("AssertionError: too strict")
    assert {path: path.read_bytes() for path in course.rglob("*.ipynb")} == before


def test_a_learner_run_is_not_strict(course, monkeypatch):
    monkeypatch.setenv("COURSEKIT_STRICT", "1")
    assert all(one.ok for one in run.run(["fails"], edition="learner", root=course))


def test_the_seed_reaches_the_kernel(monkeypatch):
    monkeypatch.setenv("COURSEKIT_SEED", "5")
    seeds = {seed: execution.kernel_environment(True, seed).get("COURSEKIT_SEED") for seed in (None, 0, 3)}
    assert seeds == {None: "5", 0: None, 3: "3"}


def test_a_kernel_runs_in_an_empty_folder_that_is_no_course(tiny_course, monkeypatch):
    monkeypatch.chdir(tiny_course)
    text = "# %%\nimport os, sys\nfrom pathlib import Path\nprint(os.listdir(), Path.cwd(), sys.executable, sep='\\n')"
    nb = sources.worked("01_tiny", text)
    assert execution.execute(nb, strict=False) is None
    listed, folder, python = nb.cells[0].outputs[0].text.splitlines()
    assert listed in ("[]", "['.ipython']") and not folder.startswith(str(tiny_course))
    assert python == sys.executable


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"names": ["tyni"]}, UnknownNameError, "Did you mean 'tiny'"),
        ({"edition": "teacher"}, UnknownNameError, "edition"),
        ({"seed": -1}, SettingError, "seed: expected a whole number"),
        ({"report": "no/such/folder/report.json"}, NotebookError, "report: expected"),
        ({"report": "."}, NotebookError, "report: expected a file, got the folder"),
        ({"names": "tyni"}, UnknownNameError, "got 'tyni'. Did you mean 'tiny'"),
    ],
)
def test_bad_arguments_are_named_before_anything_runs(course, arguments, error, said, monkeypatch):
    monkeypatch.setattr(run, "execute", lambda *args, **kwargs: pytest.fail("it ran"))
    with pytest.raises(error, match=said):
        run.run(root=course, **arguments)


def test_one_name_may_be_plain_text(course, monkeypatch):
    monkeypatch.setattr(run, "execute", lambda *args, **kwargs: None)
    assert [one.name for one in run.run("01", root=course)] == ["01_tiny"]
    assert [one.name for one in run.run("fails", root=course)] == ["02_fails"]


def test_a_report_that_cannot_be_written_keeps_the_old_one(course, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    report = course / "report.json"
    report.write_text("the old one", encoding="utf-8")
    monkeypatch.setattr(run, "execute", lambda *args, **kwargs: None)
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(NotebookError, match="report: cannot write .*No space left"):
        run.run("01", root=course, report=report)
    assert report.read_text(encoding="utf-8") == "the old one"
    assert [path.name for path in course.iterdir() if "report" in path.name] == ["report.json"]


def test_a_seed_in_the_environment_that_means_nothing_is_named_at_once(course, monkeypatch):
    monkeypatch.setenv("COURSEKIT_SEED", "abc")
    with pytest.raises(SettingError, match="COURSEKIT_SEED"):
        run.run(root=course)


def test_missing_and_damaged_notebooks_are_named(course, tmp_path):
    path = sources.edition_path("02_fails", "worked", course)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(NotebookError, match="02_fails.ipynb: expected a notebook, cannot read it"):
        run.run(["02"], root=course)
    path.unlink()
    with pytest.raises(NotebookError, match="02_fails.ipynb: expected a notebook, got no file. Run `coursekit build`"):
        run.run(["02"], root=course)
    with pytest.raises(NotebookError, match="expected some"):
        run.run(root=tmp_path / "empty")


def test_two_at_a_time_gives_the_same_in_the_same_order(course, capsys):
    done = run.run(root=course, jobs=2)
    assert [(one.name, one.ok) for one in done] == [("01_tiny", True), ("02_fails", False)]
    with pytest.raises(SettingError, match="jobs: expected at least 1, got 0"):
        run.run(root=course, jobs=0)
