"""The learner's copy: whatever they did to it, and wherever an update was cut off, no word of theirs is lost."""

import errno
import json
import os

import pytest

from coursekit import places, progress, workspace
from coursekit.errors import NotebookError, UnknownNameError, WorkspaceError
from coursekit.workspace import catch_up, fingerprint, start, update

NAMES = ["00_start_here.ipynb", "01_perceptron.ipynb", "02_forward_pass.ipynb"]


def notebook(*sources, kinds="code", **more):
    cells = [{"cell_type": kinds, "id": f"c{k}", "metadata": {}, "source": s, **more} for k, s in enumerate(sources)]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


def edition(name, version):
    return notebook(f"# {name}", f"x = {version}", "YOUR CODE HERE")


def publish(source, versions):
    (source / "solutions").mkdir(parents=True, exist_ok=True)
    for name, version in versions.items():
        (source / name).write_bytes(edition(name, version))
        (source / "solutions" / name).write_bytes(edition("worked " + name, version))


def change(path, k, text):
    content = json.loads(path.read_bytes())
    content["cells"][k]["source"] = text
    path.write_text(json.dumps(content), encoding="utf-8")


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def notebooks(folder):
    return {name: content for name, content in files(folder).items() if name.endswith(".ipynb")}


@pytest.fixture
def source(tmp_path):
    publish(tmp_path / "source", dict.fromkeys(NAMES, 1))
    return tmp_path / "source"


@pytest.fixture
def course(tmp_path, source):
    start(tmp_path / "my course", source)
    return (tmp_path / "my course").resolve()


@pytest.fixture
def second(source, monkeypatch):
    """Version 0.2.0 is out."""
    publish(source, dict.fromkeys(NAMES, 2))
    monkeypatch.setattr(workspace, "__version__", "0.2.0")


def test_start_copies_the_learner_edition_and_nothing_else(tmp_path, source):
    (source / "notes.txt").write_text("not for learners", encoding="utf-8")
    report = start(tmp_path / "deep" / "course", source)
    assert report.added == tuple(NAMES)
    assert set(files(report.folder)) == {*NAMES, ".coursekit/course.json", ".coursekit/progress.jsonl"}
    assert (report.folder / NAMES[1]).read_bytes() == (source / NAMES[1]).read_bytes()
    kept = json.loads(progress.course_file(report.folder).read_bytes())
    assert kept["format"] == 1
    assert kept["notebooks"][NAMES[0]]["delivered"] == [fingerprint((source / NAMES[0]).read_bytes())]
    assert [event["kind"] for event in progress.events(report.folder)] == ["update"]


def test_the_default_source_is_the_course_that_came_along(tmp_path, source, monkeypatch):
    monkeypatch.setattr(places, "notebooks_folder", lambda: source)
    assert start(tmp_path / "c").added == tuple(NAMES)
    assert update(tmp_path / "c").kept == tuple(NAMES)


def test_start_in_a_folder_with_other_things_overwrites_nothing(tmp_path, source):
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear", encoding="utf-8")
    (folder / NAMES[1]).write_bytes(notebook("quite another thing"))
    (folder / NAMES[2]).write_bytes((source / NAMES[2]).read_bytes())
    before = files(folder)
    report = start(folder, source)
    assert (report.added, report.kept) == ((NAMES[0],), (NAMES[2],))
    assert report.beside == ("01_perceptron (new version 0.1.0).ipynb",)
    assert before.items() <= files(folder).items()


def test_start_again_is_an_update(course, source, second):
    assert start(course, source).updated == tuple(NAMES)


def test_start_refuses_the_place_of_the_course_itself(source):
    for folder in (source, source / "solutions"):
        with pytest.raises(WorkspaceError, match="a folder of your own"):
            start(folder, source)
    assert ".coursekit" not in os.listdir(source)


@pytest.mark.parametrize("room", ["", "notebooks", "coursekit/plot", "data/mine", "tests"])
def test_start_refuses_the_rooms_of_the_checkout(tmp_path, source, monkeypatch, room):
    monkeypatch.setattr(places, "checkout", lambda: (tmp_path / "checkout").resolve())
    with pytest.raises(WorkspaceError, match="where the course itself is kept"):
        start(tmp_path / "checkout" / room, source)
    assert not (tmp_path / "checkout").exists()
    assert start(tmp_path / "checkout" / "my-course", source).added == tuple(NAMES)


def test_start_refuses_a_folder_in_another_course(course, source):
    before = files(course)
    with pytest.raises(WorkspaceError, match="which lies in the course") as caught:
        start(course / "mine" / "second", source)
    assert f"coursekit update {course}" in str(caught.value)
    assert files(course) == before and not (course / "mine").exists()


@pytest.mark.parametrize("wrong", [None, 5, ["my-course"], b"my-course", "a\0b"], ids=repr)
@pytest.mark.parametrize("do", [start, update, lambda folder, source: catch_up(folder, "01", source)])
def test_what_is_no_path_is_named(course, source, wrong, do):
    with pytest.raises(WorkspaceError, match="folder: expected a"):
        do(wrong, source)
    if wrong is not None:
        with pytest.raises(WorkspaceError, match="source: expected a"):
            do(course, wrong)


@pytest.mark.parametrize("wrong", [None, 1, ["01"]], ids=repr)
def test_catch_up_with_what_is_no_name(course, source, wrong):
    with pytest.raises(WorkspaceError, match="notebook: expected a name as text"):
        catch_up(course, wrong, source)


def test_start_on_a_file_says_so(tmp_path, source):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="Name a folder"):
        start(tmp_path / "taken", source)


def test_update_without_news_writes_nothing(course, source):
    before = {path: path.stat().st_mtime_ns for path in course.rglob("*")}
    report = update(course, source)
    assert report.kept == tuple(NAMES)
    assert not report.changed
    assert {path: path.stat().st_mtime_ns for path in course.rglob("*")} == before


def test_running_a_notebook_does_not_make_it_the_learners(course, source, second):
    ran = json.loads((course / NAMES[1]).read_bytes())
    for k, cell in enumerate(ran["cells"]):
        cell.update(id=f"other{k}", metadata={"collapsed": True}, execution_count=k, outputs=[{"text": "hello"}])
        cell["source"] = cell["source"].splitlines(keepends=True)
    ran["cells"].append({"cell_type": "code", "source": [], "metadata": {}})  # Shift+Enter in the last cell
    (course / NAMES[1]).write_text(json.dumps(ran), encoding="utf-8")
    report = update(course, source)
    assert report.updated == tuple(NAMES)
    assert report.dropped == (NAMES[1],)
    said = {line.split(":")[0].strip(): line for line in str(report).splitlines()}
    assert "its outputs, made by the old version, are gone" in said[NAMES[1]]
    assert "you had not changed it" not in said[NAMES[1]]
    assert said[NAMES[0]].endswith(": updated, you had not changed it")
    assert str(report).count(NAMES[1]) == 1
    assert (course / NAMES[1]).read_bytes() == edition(NAMES[1], 2)


@pytest.mark.parametrize("how", ["edit", "empty", "add", "delete", "swap", "kind"])
def test_a_touched_notebook_stays_and_the_new_version_comes_beside(course, source, second, how):
    content = json.loads((course / NAMES[1]).read_bytes())
    cells = content["cells"]
    if how == "edit":
        cells[2]["source"] = "x = 42"
    elif how == "empty":
        cells[1]["source"] = ""
    elif how == "add":
        cells.append({"cell_type": "markdown", "source": "my thoughts"})
    elif how == "delete":
        del cells[2]
    elif how == "swap":
        cells[0], cells[1] = cells[1], cells[0]
    else:
        cells[2]["cell_type"] = "markdown"
    (course / NAMES[1]).write_text(json.dumps(content), encoding="utf-8")
    mine = (course / NAMES[1]).read_bytes()
    report = update(course, source)
    assert report.updated == (NAMES[0], NAMES[2])
    assert report.beside == ("01_perceptron (new version 0.2.0).ipynb",)
    assert report.beside[0] in str(report)
    assert (course / NAMES[1]).read_bytes() == mine
    assert (course / report.beside[0]).read_bytes() == edition(NAMES[1], 2)


def test_what_was_put_beside_is_not_put_again_nor_overwritten(course, source, second, monkeypatch):
    change(course / NAMES[1], 2, "mine")
    beside = course / update(course, source).beside[0]
    assert update(course, source).kept == tuple(NAMES)
    change(beside, 2, "mine too")
    before = notebooks(course)
    assert update(course, source).kept == tuple(NAMES)
    assert notebooks(course) == before
    publish(source, {NAMES[1]: 3})  # a new text, the same version number
    assert update(course, source).beside == ("01_perceptron (new version 0.2.0, 2).ipynb",)
    beside.unlink()  # they have seen it and thrown it away
    assert update(course, source).kept == tuple(NAMES)
    assert not beside.exists()


def test_a_touched_notebook_of_the_newest_version_is_just_kept(course, source):
    change(course / NAMES[1], 2, "mine")
    report = update(course, source)
    assert report.kept == tuple(NAMES)
    assert len(notebooks(course)) == 3


def test_moving_the_new_version_into_place_is_understood(course, source, second, monkeypatch):
    change(course / NAMES[1], 2, "mine")
    beside = course / update(course, source).beside[0]
    os.replace(beside, course / NAMES[1])
    change(course / NAMES[1], 2, "mine again")
    assert update(course, source).kept == tuple(NAMES)
    os.replace(course / NAMES[1], course / "my perceptron.ipynb")
    assert update(course, source).restored == (NAMES[1],)


def test_a_version_that_comes_back_is_new_again(course, source, second):
    update(course, source)
    change(course / NAMES[1], 2, "mine")
    publish(source, {NAMES[1]: 1})
    assert update(course, source).beside == ("01_perceptron (new version 0.2.0).ipynb",)


def test_a_deleted_notebook_is_restored_and_said(course, source):
    (course / NAMES[2]).unlink()
    report = update(course, source)
    assert report.restored == (NAMES[2],)
    assert f"{NAMES[2]}: restored" in str(report)
    assert (course / NAMES[2]).is_file()


def test_the_learners_own_notebooks_are_not_looked_at(course, source, second):
    (course / "99_my_own.ipynb").write_bytes(b"whatever")
    (course / "01_perceptron copy.ipynb").write_bytes(edition(NAMES[1], 1))
    update(course, source)
    assert (course / "99_my_own.ipynb").read_bytes() == b"whatever"
    assert (course / "01_perceptron copy.ipynb").read_bytes() == edition(NAMES[1], 1)


@pytest.mark.parametrize(
    "damage", [b'{"cells": [{"cell_type": "code", "sour', b"", b"\xff\x00", b"[]", b'{"cells": [3]}']
)
def test_a_corrupt_notebook_is_left_and_a_fresh_copy_comes_beside(course, source, damage):
    (course / NAMES[1]).write_bytes(damage)
    report = update(course, source)
    assert report.beside == ("01_perceptron (fresh copy 0.1.0).ipynb",)
    assert len(report.warnings) == 1
    assert NAMES[1] in report.warnings[0]
    assert report.beside[0] in report.warnings[0]
    assert (course / NAMES[1]).read_bytes() == damage
    again = update(course, source)
    assert again.beside == ()
    assert len(again.warnings) == 1
    (course / report.beside[0]).unlink()  # without it they would have no notebook to go on in
    assert update(course, source).beside == report.beside


def test_a_folder_in_a_notebooks_place_is_left(course, source):
    (course / NAMES[1]).unlink()
    (course / NAMES[1]).mkdir()
    assert update(course, source).beside == ("01_perceptron (fresh copy 0.1.0).ipynb",)


def test_update_outside_a_course(tmp_path, source):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(WorkspaceError, match="coursekit start DIR"):
            update(folder, source)


def test_update_works_from_a_folder_inside(course, source, second):
    (course / "mine").mkdir()
    assert update(course / "mine", source).folder == course


@pytest.mark.parametrize("content", [b"", b'{"format": 1', b"[]", b'{"format": 1, "notebooks": {"a": 3}}'])
def test_a_damaged_list_is_an_error_that_leads_back(course, source, content):
    change(course / NAMES[1], 2, "mine")
    progress.course_file(course).write_bytes(content)
    with pytest.raises(WorkspaceError, match="Move the file away and run `coursekit start") as caught:
        update(course, source)
    assert str(progress.course_file(course)) in str(caught.value)
    progress.course_file(course).unlink()
    before = notebooks(course)
    assert start(course, source).beside == ("01_perceptron (new version 0.1.0).ipynb",)
    assert before.items() <= notebooks(course).items()


def test_a_course_of_a_newer_coursekit(course, source):
    progress.course_file(course).write_text('{"format": 2, "editions": []}', encoding="utf-8")
    with pytest.raises(WorkspaceError, match="Install a newer coursekit"):
        update(course, source)


def test_a_source_without_notebooks_or_with_a_broken_one(tmp_path, course, source):
    with pytest.raises(WorkspaceError, match="coursekit build"):
        start(tmp_path / "new", tmp_path / "empty")
    (source / NAMES[2]).write_bytes(b"{")
    publish(source, {NAMES[0]: 2})
    before = files(course)
    with pytest.raises(WorkspaceError, match=NAMES[2]):
        update(course, source)
    assert files(course) == before


@pytest.mark.parametrize(
    ("code", "says"), [(errno.ENOSPC, "Free some space"), (errno.EACCES, "writable"), (errno.EROFS, "writable")]
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("after", [0, 1])
def test_full_disk_or_read_only_folder_loses_nothing(course, source, second, monkeypatch, code, says, step, after):
    change(course / NAMES[1], 2, "mine")
    before = notebooks(course)
    calls, real = [], getattr(os, step)

    def refuse(*args):
        calls.append(args)
        if len(calls) > after:
            raise OSError(code, os.strerror(code))
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, step, refuse)
        with pytest.raises(WorkspaceError, match=says) as caught:
            update(course, source)
    assert str(course / NAMES[0] if after else progress.course_file(course)) in str(caught.value)
    assert notebooks(course) == before
    assert not any(name.endswith(workspace.PART) for name in files(course))
    assert update(course, source).updated == (NAMES[0], NAMES[2])


def test_a_folder_that_may_not_be_written(course, source, second, tmp_path):
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("nothing is forbidden to this user")
    course.chmod(0o500)
    try:
        with pytest.raises(WorkspaceError, match="writable"):
            update(course, source)
    finally:
        course.chmod(0o700)


def test_an_edit_during_the_update_is_not_written_over(course, source, second, monkeypatch):
    def edit_now(file, fsync=os.fsync):
        fsync(file)
        if os.fstat(file).st_size == len(edition(NAMES[0], 2)):
            change(course / NAMES[0], 2, "typed while the update ran")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", edit_now)
        with pytest.raises(WorkspaceError, match=r"update` again"):
            update(course, source)
    assert b"typed while the update ran" in (course / NAMES[0]).read_bytes()
    assert len(update(course, source).beside) == 1


def test_catch_up_puts_the_worked_edition_aside(course, source, second):
    report = catch_up(course, "perceptron", source)
    assert report.added == ("solutions/01_perceptron.ipynb",)
    worked = course / "solutions" / NAMES[1]
    assert worked.read_bytes() == (source / "solutions" / NAMES[1]).read_bytes()
    assert (course / NAMES[1]).read_bytes() == edition(NAMES[1], 1)
    for name in ("01", "01_perceptron", NAMES[1], "perceptron"):
        assert catch_up(course, name, source).kept == report.added
    change(worked, 2, "mine")
    publish(source, {NAMES[1]: 3})
    report = catch_up(course, "perceptron", source)
    assert report.beside == ("solutions/01_perceptron (new version 0.2.0).ipynb",)
    assert b"mine" in worked.read_bytes()


def test_catch_up_with_a_name_that_is_none(course, source):
    with pytest.raises(UnknownNameError, match="Did you mean '01_perceptron'"):
        catch_up(course, "perceptorn", source)
    with pytest.raises(UnknownNameError, match="Known: 00_start_here, 01_perceptron, 02_forward_pass"):
        catch_up(course, "77", source)
    (source / "solutions" / NAMES[1]).unlink()
    with pytest.raises(WorkspaceError, match="coursekit build"):
        catch_up(course, "perceptron", source)


def test_fingerprint_of_no_notebook():
    with pytest.raises(NotebookError, match="expected the JSON of a notebook"):
        fingerprint(b"{}")
    assert fingerprint(notebook("a", kinds="markdown")) != fingerprint(notebook("a"))
    assert fingerprint(notebook("ab")) != fingerprint(notebook("a", "b"))
