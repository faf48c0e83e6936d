"""pyproject.toml, requirements.lock, environment.yml and the Makefile agree; a wheel stands on its own feet."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from coursekit import doctor

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"pytorch": "torch"}
LOCKED_ON = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"}
OF_CUDA = ("nvidia", "cuda", "triton")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def parse(lines) -> dict[str, Requirement]:
    return {canonicalize_name(one.name): one for one in map(Requirement, lines)}


def in_pyproject() -> dict[str, Requirement]:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    return parse(project["dependencies"] + project["optional-dependencies"]["test"])


def in_lock(content: str) -> dict[str, Version]:
    """What a lock file pins, or an AssertionError where a line is anything but ``name==version``."""
    pins = {}
    for line in content.splitlines():
        if not line.startswith("#"):
            found = re.fullmatch(r"([A-Za-z0-9][\w.-]*)==([\w.!]+)", line)
            assert found, f"not name==version: {line!r}"
            name = canonicalize_name(found[1])
            assert name not in pins, f"twice: {name}"
            assert not name.startswith(OF_CUDA), f"of CUDA, which pip adds where it belongs: {name}"
            pins[name] = Version(found[2])
    return pins


def in_environment() -> dict[str, Requirement]:
    lines = [line for line in yaml.safe_load(text("environment.yml"))["dependencies"] if isinstance(line, str)]
    names = (re.match(r"[\w.-]+", line)[0] for line in lines)
    return parse(CONDA_NAMES.get(name, name) + line[len(name) :] for name, line in zip(names, lines, strict=True))


def disagreements(ranges, pins, conda) -> list[str]:
    wrong = []
    for name, wanted in ranges.items():
        if name not in pins:
            wrong.append(f"{name}: not in the lock")
        elif pins[name] not in wanted.specifier:
            wrong.append(f"{name}: locked {pins[name]} is not in {wanted.specifier}")
        if name not in conda:
            wrong.append(f"{name}: not in environment.yml")
        elif conda[name].specifier != wanted.specifier:
            wrong.append(f"{name}: {conda[name].specifier} in environment.yml, {wanted.specifier} in pyproject.toml")
    return wrong + [f"{name}: only in environment.yml" for name in conda.keys() - ranges.keys() - {"python", "pip"}]


def reachable(ranges) -> set[str]:
    """Everything that the requirements bring along on the kind of machine that the lock is made on."""
    seen, todo = set(), list(ranges.values())
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        key = (name, frozenset(wanted.extras))
        if key in seen or name.startswith(OF_CUDA):
            continue
        seen.add(key)
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # belongs to Linux, and the test runs elsewhere
            continue
        for one in map(Requirement, requires):
            extras = wanted.extras or {""}
            marker = one.marker
            if not marker or any(marker.evaluate(LOCKED_ON | {"extra": extra}) for extra in extras):
                todo.append(one)
    return {name for name, _ in seen}


def test_pyproject_lock_and_environment_agree():
    assert disagreements(in_pyproject(), in_lock(text("requirements.lock")), in_environment()) == []


@pytest.mark.parametrize(
    ("ranges", "lock", "conda", "wrong"),
    [
        (["numpy>=2"], "", ["numpy>=2"], "numpy: not in the lock"),
        (["numpy>=2"], "numpy==1.26.4", ["numpy>=2"], "numpy: locked 1.26.4 is not in >=2"),
        (["numpy>=2"], "numpy==2.4.6", ["python>=3.11"], "numpy: not in environment.yml"),
        (["numpy>=2"], "numpy==2.4.6", ["numpy>=1"], "numpy: >=1 in environment.yml, >=2 in pyproject.toml"),
        (["numpy>=2"], "numpy==2.4.6", ["numpy>=2", "scipy"], "scipy: only in environment.yml"),
    ],
)
def test_a_disagreement_is_found(ranges, lock, conda, wrong):
    assert disagreements(parse(ranges), in_lock(lock), parse(conda)) == [wrong]


def test_the_lock_pins_all_that_the_requirements_bring_along_and_nothing_else():
    locked, needed = in_lock(text("requirements.lock")).keys(), reachable(in_pyproject())
    assert needed - locked == set()
    if sys.platform == "linux" and sys.version_info[:2] == (3, 11):  # elsewhere some packages ask for others
        assert locked - needed == set()


@pytest.mark.parametrize(
    "line",
    [
        "torch==2.13.0+cpu",
        "torch @ file:///torch.whl",
        "numpy>=2",
        "--index-url x",
        "-e .",
        "nvidia-cudnn-cu13==9.1",
        "numpy==2.4.6 --hash=sha256:0",
        "numpy==2.4.6\nNumPy==2.4.6",
    ],
)
def test_a_lock_with_anything_but_exact_pins_is_refused(line):
    with pytest.raises(AssertionError):
        in_lock(f"# a comment\n{line}")


def test_torch_is_the_version_that_every_platform_offers():
    assert in_lock(text("requirements.lock"))["torch"] == Version("2.13.0")
    assert re.search(r"^TORCH\s*:=\s*2\.13\.0$", text("Makefile"), re.MULTILINE)


def test_the_oldest_python_is_the_same_everywhere():
    project = tomllib.loads(text("pyproject.toml"))
    oldest = project["project"]["requires-python"].removeprefix(">=")
    assert str(in_environment()["python"].specifier) == f">={oldest}"
    assert f"sys.version_info < ({oldest.replace('.', ', ')})" in text("Makefile")
    assert f"expected {oldest} or newer" in text("Makefile")
    assert doctor.OLDEST_PYTHON == tuple(map(int, oldest.split(".")))
    assert project["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")


def test_the_doctor_looks_for_every_runtime_dependency():
    needed = parse(tomllib.loads(text("pyproject.toml"))["project"]["dependencies"])
    assert set(map(canonicalize_name, doctor.PACKAGES)) == needed.keys()


def test_conda_installs_the_checkout_itself():
    assert {"pip": ["-e ."]} in yaml.safe_load(text("environment.yml"))["dependencies"]


def test_every_make_target_has_a_line_of_help():
    makefile = text("Makefile")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    explained = re.findall(r"^([a-z]+):.*## \S", makefile, re.MULTILINE)
    assert sorted(phony) == sorted(explained)


def make(*arguments: str) -> subprocess.CompletedProcess:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=clean, capture_output=True, text=True)


with_make = pytest.mark.skipif(not shutil.which("make") or sys.platform == "win32", reason="needs make and a shell")


def python_that_says(folder: Path, line: str) -> str:
    """A Python that runs `line` before the program it is given."""
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; {line}; exec(sys.argv[1])" "$2"\n', "utf-8")
    script.chmod(0o755)
    return str(script)


@with_make
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sys.version_info = (3, 10, 4)", r"expected 3.11 or newer, found: \S+ is Python 3\.10\.4\. .*make PYTHON="),
        ("sys.modules['ensurepip'] = None", r"expected one with venv, found: \S+ is Python [\d.]+ without it"),
    ],
)
def test_a_wrong_python_is_one_clear_line_and_makes_nothing(line, said, tmp_path):
    done = make("install", f"VENV={tmp_path}/venv", f"PYTHON={python_that_says(tmp_path, line)}")
    first, *others = done.stderr.splitlines()
    assert done.returncode != 0
    assert re.search(said, first)
    assert all(one.startswith("make") for one in others)
    assert not (tmp_path / "venv").exists()


@with_make
def test_no_python_at_all_is_said_too(tmp_path):
    done = make("install", f"VENV={tmp_path}/venv", "PYTHON=python-that-is-not-here")
    assert done.stderr.startswith("Python: expected 3.11 or newer, found no python-that-is-not-here.")


@with_make
@pytest.mark.parametrize(
    ("target", "name"), [("lint", "lint: ruff check"), ("seeds", "seeds: 1"), ("check", "coursekit")]
)
def test_a_step_that_fails_stops_with_its_name(target, name, tmp_path):
    stamp = tmp_path / ".installed-to-test"
    stamp.touch()
    done = make("-o", str(stamp), target, f"VENV={tmp_path}", f"PY={shutil.which('false')}", "SEEDS=1")
    assert done.returncode != 0
    assert f"== {name}" in done.stdout
    assert f'Stopped: "{name}' in done.stderr


@with_make
def test_clean_spares_what_belongs_to_the_learner():
    planned = make("--dry-run", "clean").stdout
    assert "rm -rf" in planned
    assert "my-course" not in planned
    assert ".venv " not in planned + " "


@pytest.mark.slow
def test_a_wheel_installs_and_works_without_the_checkout(tmp_path):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheels, site, away = (tmp_path / name for name in ("wheels", "site", "away"))
    away.mkdir()
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", str(wheels), str(ROOT)], check=True)
    [wheel] = wheels.glob("coursekit-*.whl")
    subprocess.run([*pip, "install", *offline, "--target", str(site), str(wheel)], check=True)
    program = f"""
import sys
from pathlib import Path
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path({str(ROOT)!r})]
import coursekit
from coursekit import datasets, places, workspace
from coursekit.cli import main
assert Path(coursekit.__file__).is_relative_to({str(site)!r}), coursekit.__file__
assert places.checkout() is None
assert places.registry_file().is_file() and datasets.load("iris").x_train.shape == (112, 4)
assert places.lock_file().is_file()
names = sorted(path.name for path in places.notebooks_folder().glob("*.ipynb"))
assert "00_start_here.ipynb" in names
assert len(names) == len(list((places.notebooks_folder() / "solutions").glob("*.ipynb")))
assert workspace.start("mine").added == tuple(names)
assert main(["claims"]) == main(["exercises"]) == 0
loaded = [str(getattr(module, "__file__", "")) for module in sys.modules.values()]
assert not [file for file in loaded if file.startswith({str(ROOT / "coursekit")!r})]
"""
    environment = os.environ | {"PYTHONPATH": str(site), "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", program], cwd=away, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
