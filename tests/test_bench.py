"""The benchmarks themselves: contestants compute the same, ratios are ratios, and a promise that is not kept shows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.bench import __main__ as bench
from tests.bench import attribution, language, lenet, memory, mlp, training
from tests.bench.contest import race, ratio, row, rows_of, table

ROOT = Path(__file__).resolve().parent.parent


RACES = {
    "mlp": mlp.CONTESTANTS,
    "lenet": lenet.CONTESTANTS,
    "training": training.CONTESTANTS,
    "language": language.CONTESTANTS,
}


@pytest.mark.parametrize("contestants", RACES.values(), ids=RACES)
def test_all_contestants_take_the_same_steps(contestants):
    losses = {name: [step() for step in [make()] for _ in range(4)] for name, make in contestants.items()}
    first = next(iter(losses.values()))
    assert first[-1] < first[0]
    for name, each in losses.items():
        np.testing.assert_allclose(each, first, rtol=2e-4, err_msg=name)


def test_the_convolutions_alone_agree_too():
    ours, theirs = (make(batch=8, convolutions_only=True)() for make in lenet.CONTESTANTS.values())
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_both_writers_write_the_same(monkeypatch):
    monkeypatch.setattr(language, "WRITTEN", 12)
    with_cache, without = (write() for write in language.writers().values())
    assert with_cache.shape == (12,) and with_cache.tolist() == without.tolist()


def test_a_race_gives_everybody_the_same_number_of_turns():
    calls = {"a": 0, "b": 0}

    def runner(name):
        def run():
            calls[name] += 1

        return run

    seconds = race({name: runner(name) for name in calls}, rounds=5, steps=4)
    assert calls["a"] == calls["b"] > 20
    assert {len(each) for each in seconds.values()} == {5}


def test_ratios_are_taken_round_by_round():
    seconds = {"ours": [2.0, 20.0, 2.0], "other": [1.0, 10.0, 4.0]}  # the machine was slow in the second round
    assert ratio(seconds, "ours", "other")[0] == 2
    assert ratio({"ours": [3.0], "other": [2.0]}, "ours", "other") == (1.5, 1.5, 1.5)


def test_a_promise_that_is_not_kept_shows():
    rows = rows_of({"ours": [2.0] * 3, "other": [1.0] * 3}, "ours", {"other": 1.5}, "step")
    assert rows[0]["met"] is False
    assert "NO" in table(rows)
    assert row("x", 1.0, at_most=1.0)["met"] is True
    assert row("x", 1.0, at_most=None)["met"] is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_peak_of_a_step_is_seen():
    code = (
        "import numpy as np; from tests.bench.memory import peak_of; "
        "print(peak_of(lambda: np.ones(30 * 2**20, np.uint8).sum()))"
    )
    environment = os.environ | memory.GIVE_BACK
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, check=True)
    assert 25 * 2**20 < int(done.stdout) < 60 * 2**20


def test_the_table_is_written_as_json(tmp_path, monkeypatch, capsys):
    out = tmp_path / "deep" / "bench.json"
    monkeypatch.setattr(sys, "argv", ["bench", "--json", str(out), "--rounds", "2"])
    monkeypatch.setattr(bench.attribution, "attribution_rows", lambda *a: [row("stub", 1.0, at_least=2.0)])
    for name in ("two_thread_rows", "memory_rows", "import_rows", "language_rows"):  # slow: processes of their own
        monkeypatch.setattr(bench, name, lambda *a: [row("stub", 1.0, at_most=2.0)])
    bench.main()
    written = json.loads(out.read_text(encoding="utf-8"))
    assert {r["what"] for r in written["rows"]} > {
        "MLP step: ours / NumPy by hand",
        "LeNet convolutions: ours / torch, eager",
    }
    assert set(written["versions"]) == {"python", "numpy", "torch"}
    assert "measured  promised" in capsys.readouterr().out


def test_a_promise_of_at_least_is_one_too():
    assert row("x", 3.0, at_least=2.0)["met"] is True and row("x", 1.0, at_least=2.0)["met"] is False
    assert ">= 2" in table([row("x", 3.0, at_least=2.0)])


def test_explanations_are_judged_by_their_error():
    network = attribution.Network()
    x = network.x[:3]
    np.testing.assert_allclose(network(x), network.torch(torch.tensor(x)), atol=1e-12)
    assert attribution.error(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == pytest.approx(np.sqrt(2) / 4)
