"""Devices: the fastest that is there, described in a line; accelerators are played by stand-ins."""

from types import SimpleNamespace

import psutil
import pytest
import torch

from coursekit import device
from coursekit.errors import CourseError, UnknownNameError


def machine(monkeypatch, *, cuda, mps):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    properties = SimpleNamespace(name="Great Accelerator", total_memory=80 * 10**9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_pick_device(monkeypatch, cuda, mps, expected):
    machine(monkeypatch, cuda=cuda, mps=mps)
    assert device.pick_device() == expected
    assert device.describe().kind == expected


def test_describe_an_accelerator(monkeypatch):
    machine(monkeypatch, cuda=True, mps=False)
    text = str(device.describe())
    assert text.startswith("cuda: Great Accelerator, 80.0 GB") and f"PyTorch {torch.__version__}" in text
    assert "\n" not in text


def test_describe_the_processor():
    found = device.describe("cpu")
    assert found.name and found.threads >= 1 and found.memory > 10**8
    assert str(device.Device("cpu", "chip", None, 2, "2.0")) == "cpu: chip, memory unknown, 2 CPU threads, PyTorch 2.0"


def test_describe_refuses(monkeypatch):
    machine(monkeypatch, cuda=False, mps=False)
    for kind in ("cuda", "mps"):
        with pytest.raises(CourseError, match=f"got '{kind}'"):
            device.describe(kind)
    with pytest.raises(UnknownNameError, match="Did you mean 'cuda'"):
        device.describe("cudo")


def test_a_containers_limit_counts_when_it_is_below_the_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=16 * 10**9))
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(device, "CGROUP_LIMITS", (str(limit),))
    for text, expected in [
        ("2000000000\n", 2 * 10**9),
        ("max\n", 16 * 10**9),
        ("9" * 19, 16 * 10**9),
        ("", 16 * 10**9),
    ]:
        limit.write_text(text)
        assert device.memory_bytes() == expected
    limit.unlink()
    assert device.memory_bytes() == 16 * 10**9
