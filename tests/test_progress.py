"""The record of the learner's work: every whole line counts, and writing it never stops a notebook."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit import progress
from coursekit.errors import WorkspaceError
from coursekit.progress import course_file, events, expect_course, find_course, progress_file, record


@pytest.fixture
def course(tmp_path, monkeypatch):
    folder = tmp_path / "my course"
    course_file(folder).parent.mkdir(parents=True)
    course_file(folder).write_text("{}", encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(progress, "_told", set())
    return folder


def test_find_course_walks_up(course, tmp_path):
    deep = course / "mine" / "deeper"
    deep.mkdir(parents=True)
    assert find_course() == find_course(deep) == find_course(str(course)) == course.resolve()
    assert find_course(tmp_path) is None


def test_expect_course_finds_it_or_says_how_to_make_one(course, tmp_path):
    (course / "mine").mkdir()
    assert expect_course(course / "mine") == expect_course(str(course)) == course.resolve()
    for wrong in (tmp_path, course / "nowhere", None, 5, b"x", "a\0b"):
        with pytest.raises(WorkspaceError, match="folder: expected a"):
            expect_course(wrong)


def test_an_event_has_what_was_given_and_a_time_in_utc(course):
    record("exercise", "a.b", notebook="a", state="not yet", misconception="naïve — \n two lines")
    record("prediction", "a.p", notebook="a", choice=2)
    first, second = events(course)
    assert (first["kind"], first["id"], first["notebook"], first["state"]) == ("exercise", "a.b", "a", "not yet")
    assert first["misconception"] == "naïve — \n two lines"
    assert second["choice"] == 2
    assert datetime.fromisoformat(first["time"]).utcoffset().total_seconds() == 0
    assert progress_file(course).read_bytes().count(b"\n") == 2
    assert b"\r" not in progress_file(course).read_bytes()


def test_outside_a_course_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    record("reveal", "a.b", notebook="a")
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_the_worked_edition_is_not_the_learners_work(course, monkeypatch):
    (course / "solutions").mkdir()
    monkeypatch.chdir(course / "solutions")
    record("exercise", "a.b", notebook="a", state="passed")
    assert events(course) == []
    (course / "solutions of mine").mkdir()
    monkeypatch.chdir(course / "solutions of mine")
    record("exercise", "a.b", notebook="a", state="passed")
    assert len(events(course)) == 1


def test_facts_that_json_does_not_know_become_text(course):
    record("claim", "c", notebook="a", verdict={1}, path=Path("x"))
    assert events(course)[0]["verdict"] == "{1}"


@given(cut=st.integers(min_value=1, max_value=400))
def test_a_torn_last_line_costs_that_line_only(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("torn")
    course_file(folder).parent.mkdir()
    for k in range(3):
        record("exercise", f"a.{k}", notebook="a", course=folder, state="passed")
    path = progress_file(folder)
    whole = path.read_bytes()
    torn = whole[: max(len(whole) - cut, 0)]
    path.write_bytes(torn)
    before = [event["id"] for event in events(folder)]
    assert len(before) >= torn.count(b"\n")
    record("exercise", "a.next", notebook="a", course=folder, state="passed")
    assert [event["id"] for event in events(folder)] == [*before, "a.next"]


def test_damaged_lines_are_skipped_and_unknown_kinds_kept(course):
    good = {"time": "2026-01-01T10:00:00+00:00", "kind": "of the future", "id": "x", "notebook": "a", "more": [1]}
    lines = [
        b"\x00\x00\x00",
        b"\xff\xfe",
        b"[1, 2]",
        b"3",
        b'{"kind": "exercise"}',
        json.dumps({**good, "time": "yesterday"}).encode(),
        json.dumps({**good, "time": "2026-01-01T10:00:00"}).encode(),
        json.dumps({**good, "time": 5}).encode(),
        json.dumps({**good, "id": None}).encode(),
        *(json.dumps({**good, "time": f"{year}-01-01T00:00:00+05:00"}).encode() for year in ("0001", "9999")),
        *(json.dumps({**good, "notebook": odd}).encode() for odd in ([1], 5, {}, True)),
        *(json.dumps({**good, "state": odd}).encode() for odd in ([1], 5)),
        *(json.dumps({**good, "misconception": odd}).encode() for odd in ({"a": 1}, 5)),
        b"",
        json.dumps(good).encode(),
    ]
    progress_file(course).write_bytes(b"\n".join(lines))
    assert events(course) == [good]


def test_each_event_is_one_write(course, monkeypatch):
    written = []
    monkeypatch.setattr(os, "write", lambda file, data, write=os.write: written.append(data) or write(file, data))
    record("reveal", "a.b", notebook="a")
    assert len(written) == 1
    assert written[0].endswith(b"\n")


def test_a_folder_that_cannot_be_written_is_told_once(course, monkeypatch, capsys):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        record("reveal", "a.b", notebook="a")
        record("reveal", "a.c", notebook="a")
    out = capsys.readouterr()
    assert out.out.count("\n") == 1
    assert str(progress_file(course)) in out.out
    assert out.err == ""
    assert events(course) == []


def test_a_full_disk_is_told_and_the_next_line_is_whole(course, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data, write=os.write: write(file, data[:9]))
        record("reveal", "a.b", notebook="a")
    assert "disk is full" in capsys.readouterr().out
    record("reveal", "a.c", notebook="a")
    assert [event["id"] for event in events(course)] == ["a.c"]


def test_facts_that_cannot_be_written_do_not_stop_the_notebook(course, capsys):
    endless = []
    endless.append(endless)
    record("reveal", "a.b", notebook="a", fact=endless)
    assert "not recorded" in capsys.readouterr().out


def test_unreadable_progress_is_a_clear_error(course):
    progress_file(course).mkdir()
    with pytest.raises(WorkspaceError, match="progress.jsonl"):
        events(course)


def test_two_processes_lose_no_event(course):
    code = "from coursekit.progress import record\nfor k in range(200): record('reveal', str(k), notebook='n')"
    writers = [subprocess.Popen([sys.executable, "-c", code], cwd=course) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(events(course)) == 400
