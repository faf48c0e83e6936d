"""The registry: complete rows, intact files, and a message that repairs what is not."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

from coursekit import registry as registry_module
from coursekit.errors import DataError, UnknownNameError
from coursekit.places import checkout
from coursekit.registry import git_restore, names, registry, repairs, status, this_python, verify

ROW = {
    "file": "toy.npz",
    "sha256": "0" * 64,
    "bytes": 10,
    "licence": "MIT",
    "source": "made here",
    "citation": "nobody (2026)",
    "row": "a point",
    "units": "none",
}


def toml(name="toy", **changes):
    table = {key: value for key, value in {**ROW, **changes}.items() if value is not None}
    return f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A data folder with one small file that is right, and a function that writes its registry."""
    (tmp_path / "data").mkdir()
    content = b"exactly these bytes"
    (tmp_path / "data" / "toy.npz").write_bytes(content)
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(registry_module, "registry_file", lambda: tmp_path / "registry.toml")
    monkeypatch.setattr(registry_module, "_digests", {})

    def write(text):
        (tmp_path / "registry.toml").write_text(text, encoding="utf-8")

    write(toml(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content)))
    course.write, course.file = write, tmp_path / "data" / "toy.npz"
    return course


def settle(path):
    """Make a file look older than the two seconds in which it may still be changing."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10_000_000_000))


def count_hashes(monkeypatch):
    calls, real = [], hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *args: calls.append(1) or real(*args))
    return calls


def test_every_row_of_the_course_is_intact():
    tables = {"adult_income", "breast_cancer", "iris", "spambase", "wine"}
    assert set(names()) == tables | {"digits", "fashion_mnist", "har", "movie_snippets"}
    weights, series = {"fashion_features", "efficientnet_lite0"}, {"seattle_weather"}
    texts = {"austen", "first_names", "verse_pairs", "imagenet_labels"}
    assert set(registry()) - set(names()) == weights | texts | series | {"tiles", "emoji", "sketches"}
    for name in registry():
        verify(name)
        assert status(name) == "ok"


def test_every_file_of_the_course_has_its_licence_text_and_no_file_is_without_a_row():
    data = checkout() / "data"
    files = {row.file for row in registry().values() if row.file}
    for row in registry().values():
        if row.file:
            assert (data / "licences" / f"{row.name}.txt").is_file()
    there = {path.name for path in data.iterdir() if path.is_file() and path.suffix != ".part"}
    assert there == files | {"README.md", "registry.toml"}


@pytest.mark.parametrize("key", ["licence", "sha256", "bytes", "source", "citation", "row", "units"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_row_without_a_key_names_row_and_key(course, key, value):
    course.write(toml(**{key: value}))
    with pytest.raises(DataError, match=rf"row 'toy'.*key '{key}'"):
        registry()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (toml(file=None), "'file' or the key 'loader'"),
        (toml(loader="sklearn"), "'file' or the key 'loader'"),
        (toml(file="../../etc/passwd"), "name without folders"),
        (toml(lisence="MIT"), "got lisence"),
        (toml(bytes="10"), "key 'bytes', got '10'"),
        ("toy = 3", r"Write \[toy\]"),
        ("[toy", "expected TOML"),
    ],
)
def test_a_broken_registry_says_what_is_wrong(course, text, message):
    course.write(text)
    with pytest.raises(DataError, match=message):
        registry()


def test_no_registry(course, tmp_path):
    (tmp_path / "registry.toml").unlink()
    with pytest.raises(DataError, match="expected the file .*registry.toml"):
        registry()


def test_mirrors_of_a_row_come_before_those_of_all(course):
    course.write('mirrors = ["https://all.example"]\n' + toml(mirrors=["https://own.example"]))
    assert registry()["toy"].mirrors == ("https://own.example", "https://all.example")


def test_an_unknown_name_offers_the_closest():
    for function in (verify, status):
        with pytest.raises(UnknownNameError, match="Did you mean 'fashion_mnist'"):
            function("fashion_mnits")


def test_missing_truncated_and_changed(course):
    verify("toy")
    right = course.file.read_bytes()
    expected = registry()["toy"].sha256
    for state, content in [("truncated", right[:-3]), ("changed", right[:-1] + b"S"), ("changed", right + b"!")]:
        course.file.write_bytes(content)
        assert status("toy") == state
        with pytest.raises(DataError) as raised:
            verify("toy")
        message = str(raised.value)
        for part in (state, str(course.file), expected, hashlib.sha256(content).hexdigest(), f"{len(content)} bytes"):
            assert part in message
        assert "coursekit data fetch toy" in message
    course.file.unlink()
    assert status("toy") == "missing"
    with pytest.raises(DataError, match="is missing.*got no file.*coursekit data fetch toy"):
        verify("toy")


def test_a_file_that_cannot_be_read(course, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(hashlib, "file_digest", refuse)
    with pytest.raises(DataError, match="expected to read .*toy.npz, got: Permission denied"):
        verify("toy")


def test_a_settled_file_is_hashed_once_also_by_the_next_process(course, monkeypatch):
    settle(course.file)
    calls = count_hashes(monkeypatch)
    verify("toy")
    verify("toy")
    assert len(calls) == 1
    monkeypatch.setattr(registry_module, "_digests", {})  # as a new process has it
    verify("toy")
    assert len(calls) == 1


def test_a_new_version_of_a_file_is_hashed_again(course, monkeypatch):
    settle(course.file)
    calls = count_hashes(monkeypatch)
    verify("toy")
    course.file.write_bytes(course.file.read_bytes()[::-1])  # same size
    assert status("toy") == "changed"
    assert len(calls) == 2


def test_a_young_file_is_not_remembered(course, monkeypatch):
    calls = count_hashes(monkeypatch)
    verify("toy")
    verify("toy")
    assert len(calls) == 2


@pytest.mark.parametrize("content", ["", "not json", "[1]", '{"a": 3}', '{"a": [1, 2]}', "\x00"])
def test_a_damaged_cache_costs_only_time(course, tmp_path, monkeypatch, content):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "verified.json").write_text(content, encoding="utf-8")
    settle(course.file)
    calls = count_hashes(monkeypatch)
    verify("toy")
    assert len(calls) == 1
    assert json.loads((tmp_path / "cache" / "verified.json").read_text(encoding="utf-8"))[str(course.file.resolve())]


def test_an_unwritable_cache_costs_only_time(course, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "file" / "below"))
    settle(course.file)
    verify("toy")


def test_a_failed_write_of_the_cache_leaves_nothing_half_written(course, tmp_path, monkeypatch):
    settle(course.file)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    verify("toy")
    assert list((tmp_path / "cache").iterdir()) == []


def test_repairs_in_a_git_checkout_begin_with_git(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(registry_module, "checkout", lambda: tmp_path)
    monkeypatch.setattr(registry_module, "data_folder", lambda: tmp_path / "data")
    row = registry()["fashion_mnist"]
    monkeypatch.chdir(tmp_path)
    assert repairs(row) == ("git restore data/fashion_mnist.npz", "coursekit data fetch fashion_mnist")
    (tmp_path / "my-course").mkdir()
    monkeypatch.chdir(tmp_path / "my-course")
    assert repairs(row)[0] == f'git -C "{tmp_path}" restore data/fashion_mnist.npz'
    monkeypatch.setattr(registry_module, "data_folder", lambda: tmp_path / "elsewhere")
    assert repairs(row) == ("coursekit data fetch fashion_mnist",)
    install = f"{subprocess.list2cmdline([sys.executable])} -m pip install --force-reinstall scikit-learn"
    assert repairs(registry()["iris"]) == (install,)


def test_commands_for_this_python_and_this_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/a place/python")
    assert this_python("-m pip") == '"/a place/python" -m pip'
    monkeypatch.setattr(sys, "executable", None)  # an embedded Python does not know
    assert this_python("-m pip") == "python -m pip"
    for root in (None, tmp_path):
        monkeypatch.setattr(registry_module, "checkout", lambda root=root: root)
        assert git_restore("requirements.lock") == ""
    (tmp_path / ".git").mkdir()
    assert git_restore("requirements.lock") == f'git -C "{tmp_path}" restore requirements.lock'


def test_bundled_arrays_that_differ_are_noticed(monkeypatch):
    x, y, classes, features = registry_module.bundled_arrays("iris")
    x[0, 0] += 0.1
    monkeypatch.setattr(registry_module, "bundled_arrays", lambda _: (x, y, classes, features))
    with pytest.raises(DataError, match="'iris' is changed.*force-reinstall scikit-learn"):
        verify("iris")
    monkeypatch.setattr(registry_module, "bundled_arrays", lambda _: (x[:100], y[:100], classes, features))
    assert status("iris") == "truncated"


def test_the_registry_cannot_be_changed():
    with pytest.raises(TypeError):
        registry()["iris"] = None
    with pytest.raises(AttributeError):
        registry()["iris"].licence = "none"
