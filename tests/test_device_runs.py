"""Recorded runs: shown as what they are, refused where something is missing, never written without an accelerator."""

import json
from types import SimpleNamespace

import pytest
import torch

from coursekit import accelerator, device
from coursekit.accelerator import recording
from coursekit.device import __main__ as command
from coursekit.device import recorded
from coursekit.device.runs import runs_folder
from coursekit.errors import CourseError, DataError, UnknownNameError

RUN = {
    "name": "stub",
    "about": "counts to three",
    "device": "cuda: Great Accelerator, 80.0 GB",
    "versions": {"torch": "2.13.0", "CUDA": "12.4"},
    "date": "2026-01-02T03:04:05+00:00",
    "command": "python -m coursekit.device record stub",
    "seconds": 61.0,
    "settings": {"batch": 64},
    "summary": {"accuracy": 0.94321, "parameters": 123456},
    "rows": [{"model": "mlp", "images/s": 1234567.8, "half": None}, {"model": "lenet", "images/s": 9.5, "half": 2}],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    return tmp_path / "accelerator_runs"


def put(folder, run):
    folder.mkdir(exist_ok=True)
    (folder / "stub.json").write_text(run if isinstance(run, str) else json.dumps(run), encoding="utf-8")


def test_a_run_shows_where_when_and_how_it_was_made(folder):
    put(folder, RUN)
    found = recorded("stub")
    assert found and found.run["summary"]["accuracy"] == 0.94321
    assert str(found).splitlines() == [
        "Recorded run 'stub', not computed here: counts to three",
        "  device    cuda: Great Accelerator, 80.0 GB",
        "  versions  torch 2.13.0, CUDA 12.4",
        "  date      2026-01-02T03:04:05+00:00, 61 s",
        "  command   python -m coursekit.device record stub",
        "  settings  batch 64",
        "  accuracy: 0.9432",
        "  parameters: 123,456",
        "  model   images/s  half",
        "  mlp    1,234,568     -",
        "  lenet        9.5     2",
    ]
    assert repr(found) == str(found)


def test_where_there_is_none_yet_that_is_what_it_says(folder):
    found = recorded("throughput")
    assert not found and found.run is None
    assert str(found).startswith("No recorded run of 'throughput' yet.")
    assert "python -m coursekit.device record throughput" in str(found)


@pytest.mark.parametrize("name", ["../registry", "", "A b", None, "x.json"])
def test_a_name_that_can_be_none_is_told(folder, name):
    with pytest.raises(CourseError, match="name: expected a name such as"):
        recorded(name)


@pytest.mark.parametrize("key", [key for key in RUN if key != "settings"])
def test_a_run_without_its_circumstances_is_no_evidence(folder, key):
    put(folder, {name: value for name, value in RUN.items() if name != key})
    with pytest.raises(DataError, match=rf"stub.json: expected '{key}' as a \w+, got None. Record it anew"):
        recorded("stub")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (json.dumps(RUN)[:-9], "expected a recorded run as JSON, got a damaged file"),
        ("[1]", "expected a recorded run, got a list"),
        (RUN | {"device": ""}, "expected 'device' as a str, got ''"),
        (RUN | {"name": "other"}, "expected the run 'stub', got 'other'"),
        (RUN | {"rows": [{"a": 1}, {"b": 1}]}, "expected rows with the same columns"),
    ],
)
def test_a_damaged_run_is_told(folder, run, message):
    put(folder, run)
    with pytest.raises(DataError, match=message):
        recorded("stub")


def test_the_runs_of_the_course_are_whole_and_of_accelerators():
    """What stands in data/ was made by `record`: every file is one of the experiments, on something else than a CPU."""
    for path in runs_folder().glob("*"):
        assert path.suffix == ".json" and path.stem in accelerator.EXPERIMENTS
        run = recorded(path.stem).run
        assert run["device"].split(":")[0] in ("cuda", "mps")
        assert run["command"] == f"python -m coursekit.device record {path.stem}"


# -- recording -------------------------------------------------------------------------------------------------------
STUB = SimpleNamespace(FULL_SIZE={"batch": 64, "widths": (1, 2)})


def play(monkeypatch, measure, cuda=True):
    """A machine with an accelerator, and an experiment that asks for nothing from it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    properties = SimpleNamespace(name="Great Accelerator", total_memory=80 * 10**9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    experiment = accelerator.Experiment("counts to three", "stub")
    monkeypatch.setitem(accelerator.EXPERIMENTS, "stub", experiment)
    stub = SimpleNamespace(FULL_SIZE=STUB.FULL_SIZE, measure=measure)
    monkeypatch.setattr(recording.importlib, "import_module", lambda name: {"stub": stub}[name])


def test_a_run_is_recorded_with_its_circumstances(folder, monkeypatch, capsys):
    asked = []

    def measure(kind, **settings):
        asked.append((kind, settings))
        return {"summary": {"three": 3}, "rows": []}

    play(monkeypatch, measure)
    folder.parent.mkdir(exist_ok=True)
    assert command.main(["record", "stub"]) == 0
    assert asked == [("cuda", STUB.FULL_SIZE)], "at full size, on the accelerator"
    run = json.loads((folder / "stub.json").read_text(encoding="utf-8"))
    assert run["device"].startswith("cuda: Great Accelerator, 80.0 GB") and run["processor"].startswith("cpu: ")
    assert run["versions"]["torch"] == torch.__version__ and run["date"].endswith("+00:00")
    assert run["settings"] == {"batch": 64, "widths": "1 2"}
    said = capsys.readouterr().out
    assert "Recorded run 'stub'" in said and "three: 3" in said and "Written to" in said
    assert list(folder.iterdir()) == [folder / "stub.json"]


def test_without_an_accelerator_nothing_is_run_and_nothing_written(folder, monkeypatch, capsys):
    play(monkeypatch, lambda *_, **__: pytest.fail("it was run"), cuda=False)
    assert command.main(["record", "stub"]) == 1
    assert "expected an accelerator to record a run of, got the processor alone" in capsys.readouterr().err
    assert not folder.exists()


def test_a_run_that_fails_leaves_the_old_record(folder, monkeypatch):
    def measure(kind, **_):
        raise KeyboardInterrupt

    play(monkeypatch, measure)
    put(folder, RUN)
    with pytest.raises(KeyboardInterrupt):
        accelerator.record("stub")
    assert recorded("stub").run == RUN
    measured = {"summary": {"loss": float("nan")}, "rows": []}
    play(monkeypatch, lambda *_, **__: measured)
    with pytest.raises(ValueError, match="not JSON compliant"):
        accelerator.record("stub")
    assert recorded("stub").run == RUN and list(folder.iterdir()) == [folder / "stub.json"]


def test_a_folder_that_cannot_be_written_is_told_before_the_run(folder, monkeypatch):
    play(monkeypatch, lambda *_, **__: pytest.fail("it was run"))
    folder.write_text("a file in its place")
    with pytest.raises(CourseError, match="data: expected a folder that can be written"):
        accelerator.record("stub")


def test_the_command_lists_and_shows(folder, monkeypatch, capsys):
    assert command.main(["list"]) == 0
    assert "throughput" in (said := capsys.readouterr().out) and "no recorded run yet" in said
    put(folder, RUN)
    assert command.main(["show", "stub"]) == 0 and "Great Accelerator" in capsys.readouterr().out
    assert command.main(["record", "throughputs"]) == 1
    assert "Did you mean 'throughput'?" in capsys.readouterr().err
    with pytest.raises(UnknownNameError):
        accelerator.record("throughputs")


# -- threads ---------------------------------------------------------------------------------------------------------
def test_threads_are_set_and_put_back():
    from threadpoolctl import threadpool_info

    before = torch.get_num_threads()
    with device.threads(2):
        assert torch.get_num_threads() == 2
        assert {pool["num_threads"] for pool in threadpool_info()} == {2}
        with pytest.raises(ZeroDivisionError), device.threads(1):
            assert device.describe("cpu").threads == 1
            _ = 1 / 0
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before
    assert device.set_threads(before) == before


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", True, None])
def test_threads_that_make_no_sense_are_told(n):
    with pytest.raises(CourseError, match="n: expected a number of threads, at least 1"):
        device.set_threads(n)
