"""A file is the old one or the new one, whatever stops the writing, and nothing is left beside it."""

import os
from pathlib import Path

import pytest

from coursekit.errors import WorkspaceError
from coursekit.storage import PART, expect_path, write_together, write_whole


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    return path


def test_the_bytes_are_written_as_they_are(old):
    write_whole(old, b"new\n\r\n\x00")
    assert old.read_bytes() == b"new\n\r\n\x00"
    write_whole(str(old.with_name("other")), b"")
    assert sorted(path.name for path in old.parent.iterdir()) == ["file.txt", "other"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_what_stops_it_passes_through_and_leaves_the_old_file(old, monkeypatch, step, error):
    def refuse(*_):
        raise error

    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(type(error)) as caught:
        write_whole(old, b"new")
    assert caught.value is error
    assert {path: path.read_bytes() for path in old.parent.iterdir()} == {old: b"old"}


def test_it_is_on_the_disk_before_it_is_moved(old, monkeypatch):
    steps = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: steps.append(name) or real(*args))
    write_whole(old, b"new", before_replacing=lambda: steps.append(old.read_bytes()))
    assert steps == ["fsync", b"old", "replace"]


def test_the_caller_may_stop_it_at_the_last_moment(old):
    def stop():
        (part,) = old.parent.glob(f".*{PART}")
        assert part.read_bytes() == b"new"
        raise LookupError("somebody else was here")

    with pytest.raises(LookupError, match="somebody else"):
        write_whole(old, b"new", before_replacing=stop)
    assert {path: path.read_bytes() for path in old.parent.iterdir()} == {old: b"old"}


def test_of_several_files_none_is_replaced_before_all_are_written(old, monkeypatch):
    calls = []

    def second_fails(descriptor, real=os.fsync):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(descriptor)

    files = {old: b"new", old.with_name("b.txt"): b"b"}
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", second_fails)
        with pytest.raises(OSError, match="No space"):
            write_together(files)
    assert {path: path.read_bytes() for path in old.parent.iterdir()} == {old: b"old"}
    write_together(files)
    assert {path: path.read_bytes() for path in old.parent.iterdir()} == files


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "file", b"")
    assert list(tmp_path.iterdir()) == []


def test_expect_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expect_path("folder", "a/../b") == expect_path("folder", Path("b")) == tmp_path.resolve() / "b"
    for wrong in (None, 5, b"a", ["a"], "a\0b"):
        with pytest.raises(WorkspaceError, match="folder: expected a path, got"):
            expect_path("folder", wrong)
