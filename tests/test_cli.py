"""The commands, each with the function behind it replaced by a stand-in; what those do is tested where they live."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import coursekit.checks
import coursekit.claims
import coursekit.doctor
import coursekit.editions
import coursekit.fetch
import coursekit.lab
import coursekit.run
import coursekit.workspace
from coursekit import __version__
from coursekit.cli import BROKEN_PIPE, INTERRUPTED, main, make_parser
from coursekit.errors import CourseError


@pytest.fixture
def calls(monkeypatch):
    """Replace a function of the package by one that notes how it was called and returns what it is told to."""
    noted = []

    def replace(module, name, returns=None):
        def stand_in(*args, **kwargs):
            noted.append((name, args, kwargs))
            if isinstance(returns, BaseException):
                raise returns
            return returns

        monkeypatch.setattr(module, name, stand_in)
        return noted

    return replace


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course that the current folder lies in."""
    folder = tmp_path / "mine"
    (folder / ".coursekit").mkdir(parents=True)
    (folder / ".coursekit" / "course.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"coursekit {__version__}\n"


def test_help_has_a_line_for_every_command(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    names = "lab start update catch-up progress doctor data build run claims exercises".split()
    assert [name for name in names if f"\n    {name}" not in said] == []


@pytest.mark.parametrize(
    "wrong", [[], ["lobby"], ["run", "--seed", "x"], ["build", "--check", "--force"], ["start", ""]]
)
def test_a_misspelt_command_is_code_2_and_a_line_of_usage(wrong, capsys):
    assert main(wrong) == 2
    assert "usage: coursekit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CourseError("folder: expected X, got Y. Do Z."), 1, "coursekit: folder: expected X, got Y. Do Z.\n"),
        (KeyboardInterrupt(), INTERRUPTED, ""),
    ],
)
def test_an_error_is_one_line_and_ctrl_c_is_quiet(error, code, said, calls, capsys):
    calls(coursekit.workspace, "start", error)
    assert main(["start", "here"]) == code
    assert capsys.readouterr().err == said


def test_lab_makes_the_course_and_opens_it(calls, course, tmp_path):
    calls(coursekit.workspace, "start", "a report")
    noted = calls(coursekit.lab, "open_lab")
    folder = tmp_path / "other"
    assert main(["lab", "--dir", str(folder), "--port", "9000", "--no-browser"]) == 0
    assert noted == [("start", (folder,), {}), ("open_lab", (folder,), {"port": 9000, "browser": False})]


def test_lab_without_options_opens_the_course_we_are_in(calls, course, capsys):
    calls(coursekit.workspace, "start", "a report")
    noted = calls(coursekit.lab, "open_lab")
    assert main(["lab"]) == 0
    assert noted[1] == ("open_lab", (course.resolve(),), {"port": None, "browser": None})
    assert capsys.readouterr().out == "a report\n"


def test_lab_elsewhere_makes_my_course(calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    noted = calls(coursekit.workspace, "start")
    calls(coursekit.lab, "open_lab")
    assert main(["lab"]) == 0
    assert [str(args[0]) for _, args, _ in noted] == ["my-course", "my-course"]


def test_update_and_catch_up_find_the_course_from_a_folder_inside(calls, course, monkeypatch):
    (course / "solutions").mkdir()
    monkeypatch.chdir(course / "solutions")
    calls(coursekit.workspace, "update", "updated")
    noted = calls(coursekit.workspace, "catch_up", "caught up")
    assert main(["update"]) == 0
    assert main(["catch-up", "02"]) == 0
    assert noted == [("update", (course.resolve(),), {}), ("catch_up", (course.resolve(), "02"), {})]


def test_update_beside_my_course_means_my_course(calls, course, monkeypatch):
    course.rename(course.with_name("my-course"))
    monkeypatch.chdir(course.parent)
    noted = calls(coursekit.workspace, "update")
    assert main(["update"]) == 0
    assert str(noted[0][1][0]) == "my-course"


@pytest.mark.parametrize("command", [["update"], ["catch-up", "01"], ["progress"], ["progress", "no/such/folder"]])
def test_outside_a_course_the_message_says_how_to_make_one(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 1
    said = capsys.readouterr().err
    assert said.startswith("coursekit: folder: expected a folder of the course")
    assert said.count("\n") == 1


def test_doctor_prints_text_or_json_and_its_exit_code(calls, capsys):
    calls(coursekit.doctor, "examine", [coursekit.doctor.Finding("disk", "problem", "full", "delete something")])
    assert main(["doctor"]) == 1
    assert "problem  disk: full" in capsys.readouterr().out
    assert main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["exit_code"] == 1


@pytest.mark.parametrize(("action", "code"), [("list", 0), ("verify", 1)])
def test_data_says_what_is_wrong_and_how_to_mend_it(action, code, calls, capsys):
    entry = coursekit.fetch.Entry(
        "pictures", "truncated", 2_000_000, "MIT", "data/p.npz", "coursekit data fetch pictures"
    )
    noted = calls(coursekit.fetch, "overview", [entry])
    assert main(["data", action, "pictures"]) == code
    said = capsys.readouterr().out
    assert "truncated" in said
    assert "mend it: coursekit data fetch pictures" in said
    assert noted == [("overview", (["pictures"],), {})]


def test_data_fetch_fetches_each(calls, capsys):
    noted = calls(coursekit.fetch, "fetch", None)
    assert main(["data", "fetch", "iris", "wine"]) == 0
    assert [args for _, args, _ in noted] == [("iris",), ("wine",)]
    assert capsys.readouterr().out.startswith("iris: comes with scikit-learn")


def test_an_unknown_data_set_gets_the_closest_name(capsys):
    assert main(["data", "verify", "iriss"]) == 1
    assert "Did you mean 'iris'" in capsys.readouterr().err


def test_build_builds_what_is_named(calls):
    noted = calls(coursekit.editions, "build", {})
    assert main(["build", "--force", "01", "forward_pass"]) == 0
    assert main(["build"]) == 0
    assert noted == [("build", (["01", "forward_pass"],), {"force": True}), ("build", (None,), {"force": False})]


@pytest.mark.parametrize(("problems", "code"), [([], 0), (["notebooks/01.ipynb: edited by hand"], 1)])
def test_build_check_names_every_problem(problems, code, calls, capsys):
    calls(coursekit.editions, "check", problems)
    assert main(["build", "--check"]) == code
    assert capsys.readouterr().err.splitlines() == problems


@pytest.mark.parametrize(("oks", "code"), [([True, True], 0), ([True, False], 1)])
def test_run_fails_if_one_notebook_does(oks, code, calls, tmp_path):
    noted = calls(coursekit.run, "run", [SimpleNamespace(ok=ok) for ok in oks])
    report = tmp_path / "r.json"
    assert main(["run", "01", "--edition", "learner", "--seed", "2", "--report", str(report)]) == code
    assert noted == [("run", (["01"],), {"edition": "learner", "seed": 2, "report": report, "jobs": 1})]


def test_claims_and_exercises_are_tables(calls, capsys):
    calls(coursekit.claims, "ledger", "the ledger")
    one = SimpleNamespace(notebook="tiny", difficulty=2, minutes=5, points=3)
    calls(coursekit.checks, "all_exercises", {"tiny.double": one, "tiny.triple": one})
    assert main(["claims"]) == 0
    assert main(["exercises"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("the ledger\n")
    assert said.endswith("2 exercises, 10 minutes, 6 points\n")


def test_progress_shows_the_card_of_the_course_we_are_in(calls, course, capsys):
    import coursekit.review

    noted = calls(coursekit.review, "card", "the card")
    assert main(["progress"]) == 0
    assert noted == [("card", (course.resolve(),), {})]
    assert capsys.readouterr().out == "the card\n"


def test_a_terminal_without_a_check_mark_still_gets_its_line():
    code = "import sys; from coursekit.cli import main; sys.exit(main(['claims']))"
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], env=ascii_only, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
def test_a_reader_who_goes_away_is_no_error():
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    writer = subprocess.run(
        [sys.executable, "-m", "coursekit", "claims"], stdout=reader.stdin, stderr=subprocess.PIPE, text=True
    )
    reader.stdin.close()
    assert (writer.returncode, writer.stderr) == (BROKEN_PIPE, "")


def test_python_m_coursekit_is_the_command():
    done = subprocess.run([sys.executable, "-m", "coursekit", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"coursekit {__version__}\n")


def test_every_command_says_what_it_does():
    choices = next(action for action in make_parser()._actions if action.choices).choices
    for name, command in choices.items():
        assert command.description.endswith("."), name
        assert callable(command.get_default("do")), name
