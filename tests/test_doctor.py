"""The doctor is shown healthy and sick machines, one state of each check at a time."""

import json
import subprocess
import sys
import time
import tomllib
from importlib import metadata

import psutil
import pytest

from coursekit import doctor
from coursekit.device import Device
from coursekit.doctor import (
    Finding,
    check_accelerator,
    check_data,
    check_disk,
    check_folder,
    check_kernel,
    check_memory,
    check_packages,
    check_python,
    examine,
    read_lock,
    report,
)
from coursekit.errors import DataError
from coursekit.fetch import Entry
from coursekit.places import checkout


def only(findings):
    (finding,) = findings
    return finding


def installed(**changes):
    """A look-up of versions that finds 1.0 of everything but what is said otherwise; None stands for missing."""

    def version(name):
        found = changes.get(name.replace("-", "_"), "1.0")
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    return version


PIP = f"{subprocess.list2cmdline([sys.executable])} -m pip"  # of the Python that runs, and of no other
LOCKED = dict.fromkeys(doctor.PACKAGES, "1.0")


@pytest.mark.parametrize(("version", "state"), [((3, 9, 2), "problem"), ((3, 11, 0), "ok"), ((3, 14, 1), "ok")])
def test_python(version, state):
    finding = only(check_python(version))
    assert finding.state == state
    assert bool(finding.mend) == (state == "problem")
    assert ".".join(map(str, version)) in finding.message


def test_python_here():
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in only(check_python()).message


def test_the_packages_are_those_of_pyproject():
    project = tomllib.loads((checkout() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert list(doctor.PACKAGES) == sorted(line.split(">")[0].split("=")[0] for line in project["dependencies"])


def test_packages_as_in_the_lock():
    finding = only(check_packages(LOCKED, installed()))
    assert (finding.state, finding.message) == ("ok", f"{len(LOCKED)} of {len(LOCKED)} as in the lock file")


def test_a_local_part_of_a_version_does_not_count():
    locked = {**LOCKED, "torch": "2.13.0"}
    assert only(check_packages(locked, installed(torch="2.13.0+cpu"))).state == "ok"
    assert only(check_packages({**LOCKED, "torch": "2.13.0+cpu"}, installed(torch="2.13.0"))).state == "ok"


def test_a_missing_package_is_a_problem_and_another_version_a_warning():
    well, missing, other = check_packages(LOCKED, installed(numpy=None, torch="1.0.1"))
    assert well.message.startswith(f"{len(LOCKED) - 2} of")
    assert missing == Finding("numpy", "problem", "not installed", f'{PIP} install "numpy==1.0"')
    assert (other.name, other.state, other.mend) == ("torch", "warning", f'{PIP} install "torch==1.0"')
    assert "1.0.1" in other.message and "tested with 1.0" in other.message


def test_no_lock():
    well, warning = check_packages({}, installed())
    assert (well.state, warning.state) == ("ok", "warning") and "not compared" in warning.message
    missing = check_packages({}, installed(numpy=None))[1]
    assert missing.mend == f"{PIP} install numpy"


def test_a_missing_lock_file_is_brought_back(monkeypatch):
    monkeypatch.setattr(doctor, "git_restore", lambda file: f"git restore {file}")
    assert check_packages({}, installed())[1].mend == "git restore requirements.lock"
    monkeypatch.setattr(doctor, "git_restore", lambda file: "")  # no git, no checkout
    assert "install the course again" in check_packages({}, installed())[1].mend


def test_read_lock(tmp_path):
    lock = tmp_path / "requirements.lock"
    text = "# made by hand\nnumpy==2.4.6\nScikit_Learn==1.9.1  # why\ntorch==2.13.0 ; python_version > '3'\n"
    lock.write_text(text + "jupyter[all]==1.1\n-e .\npandas>=2\n\n", encoding="utf-8")
    expected = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "torch": "2.13.0", "jupyter": "1.1"}
    assert read_lock(lock) == expected
    assert read_lock(tmp_path / "none") == {}


@pytest.mark.parametrize(("total", "state"), [(2 * 10**9, "warning"), (4 * 10**9, "ok"), (64 * 10**9, "ok")])
def test_memory(total, state):
    finding = only(check_memory(total))
    assert finding.state == state and f"{total / 1e9:.1f} GB" in finding.message
    assert ("close other programs" in finding.mend) == (state == "warning")


def test_memory_that_nobody_knows(monkeypatch):
    monkeypatch.setattr(doctor.device, "memory_bytes", lambda: None)
    finding = only(check_memory())
    assert finding.state == "warning" and "close other programs" in finding.mend


@pytest.mark.parametrize(
    ("free", "state"), [(0, "problem"), (199 * 10**6, "problem"), (10**9, "warning"), (3 * 10**9, "ok")]
)
def test_disk(free, state, tmp_path):
    finding = only(check_disk(free, tmp_path))
    assert finding.state == state and bool(finding.mend) == (state != "ok")
    assert state == "ok" or (str(tmp_path) in finding.mend and f"{PIP} cache purge" in finding.mend)


def test_accelerator():
    def broken():
        raise ImportError("libcudart.so.12: cannot open")

    chip = Device("cuda", "Great Accelerator", 80 * 10**9, 8, "2.13.0")
    assert "Great Accelerator" in only(check_accelerator(lambda: chip)).message
    assert "needs none" in only(check_accelerator(lambda: Device("cpu", "chip", None, 2, "2.13.0"))).message
    finding = only(check_accelerator(broken))
    assert finding.state == "warning" and "libcudart" in finding.message
    assert finding.mend == f"{PIP} install torch"


def entry(name, state):
    return Entry(name, state, 10, "MIT", f"/data/{name}.npz", "" if state == "ok" else f"coursekit data fetch {name}")


def test_data():
    assert only(check_data(lambda: [entry("a", "ok"), entry("b", "ok")])).message.startswith("2 of 2")
    well, bad = check_data(lambda: [entry("a", "ok"), entry("b", "truncated")])
    assert well.message.startswith("1 of 2")
    assert bad == Finding("data set b", "problem", "truncated: /data/b.npz", "coursekit data fetch b")
    assert only(check_data(lambda: [entry("b", "missing")])).state == "problem"


def test_a_corrupt_file_is_found(tmp_path, monkeypatch):
    (tmp_path / "fashion_mnist.npz").write_bytes(b"not a data set")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    monkeypatch.setenv("COURSEKIT_CACHE", str(tmp_path / "cache"))
    well, *bad = check_data()
    assert well.state == "ok"
    assert {finding.state for finding in bad} == {"problem"}
    found = {finding.mend.rpartition(" ")[2]: finding.message for finding in bad}
    assert "truncated" in found.pop("fashion_mnist")
    assert found and all("missing" in message for message in found.values())


def test_folder(tmp_path):
    assert only(check_folder(tmp_path)).state == "ok"
    assert list(tmp_path.iterdir()) == []
    for bad in (tmp_path / "none", tmp_path / "file"):
        (tmp_path / "file").write_text("")
        finding = only(check_folder(bad))
        assert finding.state == "problem" and str(bad) in finding.message and "coursekit start" in finding.mend


def test_a_read_only_folder(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Read-only file system")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    finding = only(check_folder(tmp_path))
    assert finding.state == "problem" and "Read-only file system" in finding.message


def test_kernel_really_starts():
    finding = only(check_kernel())
    assert finding.state == "ok", finding


def test_kernel_states():
    def dies(_):
        raise RuntimeError("Traceback ...\nKernel died before replying to kernel_info")

    def silent(_):
        raise TimeoutError

    assert only(check_kernel(lambda _: "2\n")).state == "ok"
    wrong, dead, slow = (only(check_kernel(start)) for start in (lambda _: "3", dies, silent))
    assert {wrong.state, dead.state, slow.state} == {"problem"}
    assert "got '3'" in wrong.message and dead.message.endswith("kernel_info") and "TimeoutError" in slow.message
    python = PIP.removesuffix("pip")
    assert dead.mend == f"{PIP} install --force-reinstall ipykernel, then: {python}ipykernel install --sys-prefix"


def test_a_kernel_that_never_answers_is_given_up_and_stopped(tmp_path, monkeypatch):
    spec = tmp_path / "kernels" / "asleep"
    spec.mkdir(parents=True)
    note = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(60)"
    about = {"argv": [sys.executable, "-c", code], "display_name": "asleep", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(about), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    began = time.monotonic()
    finding = only(check_kernel(lambda seconds: doctor._ask_kernel(seconds, "asleep"), seconds=1.0))
    assert finding.state == "problem" and "did not start" in finding.message
    assert time.monotonic() - began < 45
    assert not psutil.pid_exists(int(note.read_text()))


def test_no_such_kernel():
    finding = only(check_kernel(lambda seconds: doctor._ask_kernel(seconds, "no-such-kernel")))
    assert finding.state == "problem" and "no-such-kernel" in finding.message


def test_examine_makes_every_check(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "check_kernel", lambda: [Finding("kernel", "ok", "stand-in")])
    found = {finding.name for finding in examine(folder=tmp_path)}
    assert {"Python", "packages", "memory", "disk", "accelerator", "data", "course folder", "kernel"} <= found
    assert "kernel" not in {finding.name for finding in examine(quick=True, folder=tmp_path)}


def test_a_check_that_fails_does_not_stop_the_others(monkeypatch, tmp_path):
    def broken_registry():
        raise DataError("data registry: row 'toy': expected the key 'licence', got None. Add it to registry.toml.")

    def bug():
        return 1 / 0

    monkeypatch.setattr(doctor, "check_data", broken_registry)
    monkeypatch.setattr(doctor, "check_memory", bug)
    found = {finding.name: finding for finding in examine(quick=True, folder=tmp_path)}
    assert found["data"].state == "problem" and "'licence'" in found["data"].message
    assert found["memory"].state == "problem" and "ZeroDivisionError" in found["memory"].message
    assert found["course folder"].state == "ok"
    assert all("coursekit doctor" in found[name].mend for name in ("data", "memory"))


SICK = [
    Finding("Python", "ok", "3.11.7"),
    Finding("disk", "warning", "1.2 GB free", "delete things"),
    Finding("numpy", "problem", "not <installed>", 'python -m pip install "numpy==1.0"'),
]


def test_report_as_text():
    text = report(SICK).text
    assert text == str(report(SICK)) == repr(report(SICK))
    assert text.splitlines() == [
        "ok       Python: 3.11.7",
        "warning  disk: 1.2 GB free",
        "         mend it: delete things",
        "problem  numpy: not <installed>",
        '         mend it: python -m pip install "numpy==1.0"',
        "1 problem, 1 warning.",
    ]
    assert text.encode("cp1252")  # any Windows console can print it


@pytest.mark.parametrize(
    ("count", "code", "verdict"), [(1, 0, "Ready."), (2, 0, "Ready, with 1 warning."), (3, 1, None)]
)
def test_exit_code_and_verdict(count, code, verdict):
    visit = report(SICK[:count])
    assert visit.exit_code == code
    assert verdict is None or visit.verdict == verdict


def test_report_as_html():
    page = report(SICK)._repr_html_()
    for part in ("✓ ok", "! warning", "✗ problem", "not &lt;installed&gt;", "&quot;numpy==1.0&quot;", "<caption"):
        assert part in page
    assert "<installed>" not in page
    assert "color:inherit" in page and "#" not in page  # no colour of its own: dark mode stays readable


def test_report_as_json():
    body = json.loads(report(SICK).to_json())
    assert body["exit_code"] == 1
    assert body["findings"][1] == {
        "name": "disk",
        "state": "warning",
        "message": "1.2 GB free",
        "mend": "delete things",
    }
