"""``make bench``: a table of ratios, ours to others', and build/bench.json.

One thread each, in one process, in turns. What two threads do is measured in processes of their own, since two
libraries with two threads each would fight over the cores.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
os.environ.update({key: os.environ.get(key, one) for key, one in THREADS.items()})

import numpy as np  # noqa: E402  (the settings count only if they stand before numpy is loaded)

from tests.bench import attribution, language, lenet, memory, mlp, training  # noqa: E402
from tests.bench.contest import race, row, rows_of, table  # noqa: E402

IMPORT_SECONDS = 0.15
KNESER_NEY_SECONDS = 2.0


def engine_rows(rounds: int) -> tuple[list[dict], dict]:
    """The race of the small network, and of LeNet."""
    import torch

    torch.set_num_threads(1)
    seconds = race({name: make() for name, make in mlp.CONTESTANTS.items()}, rounds=rounds, steps=20)
    rows = rows_of(seconds, mlp.OURS, mlp.PROMISED, "MLP step")
    times = {f"MLP step, {name}": statistics.median(each) for name, each in seconds.items()}
    for what, only, at_most in (("LeNet convolutions", True, 2.0), ("LeNet step", False, None)):
        seconds = race(
            {n: make(convolutions_only=only) for n, make in lenet.CONTESTANTS.items()}, rounds=rounds, steps=3
        )
        rows += rows_of(seconds, lenet.OURS, {lenet.TORCH: at_most}, what)
        times |= {f"{what}, {name}": statistics.median(each) for name, each in seconds.items()}
    return rows, times


def training_rows(rounds: int) -> list[dict]:
    """Training with PyTorch, by `fit` and by hand: the ratio, and the images a second of each."""
    import torch

    torch.set_num_threads(1)
    seconds = race({name: make() for name, make in training.CONTESTANTS.items()}, rounds=rounds, steps=1)
    rows = rows_of(seconds, training.OURS, {training.BY_HAND: 1.03}, "LeNet training")
    for name, each in seconds.items():
        speeds = sorted(training.BATCH * training.STEPS / one for one in each)
        spread = f"{speeds[0]:,.0f} to {speeds[-1]:,.0f}"
        what = f"LeNet training, images a second: {name}"
        rows.append(row(what, statistics.median(speeds), at_most=None, unit="/s", spread=spread))
    return rows


def language_rows(rounds: int) -> list[dict]:
    """A step of our GPT, writing with and without a cache, and the n-gram model of the novels."""
    import torch

    torch.set_num_threads(1)
    seconds = race({name: make() for name, make in language.CONTESTANTS.items()}, rounds=rounds, steps=3)
    rows = rows_of(seconds, language.OURS, {language.ENCODER: None, language.BY_HAND: None}, "GPT step")
    seconds = race(language.writers(), rounds=min(rounds, 5), steps=1)
    rows += rows_of(seconds, "with cache", {"without": None}, "GPT writing")
    for name, each in seconds.items():
        speed = language.WRITTEN / statistics.median(each)
        rows.append(row(f"GPT writing, tokens a second: {name}", speed, at_most=None, unit="/s"))
    fit, score, bits = (statistics.median(each) for each in zip(*(language.counting() for _ in range(3)), strict=True))
    spread = f"fit {fit:.2f}, score {score:.2f} s; {bits:.3f} bits a character"
    rows.append(
        row("Kneser-Ney order 8 on the novels", fit + score, at_most=KNESER_NEY_SECONDS, unit="s", spread=spread)
    )
    return rows


def memory_rows() -> list[dict]:
    """Peak memory of a step, ours to torch's."""
    if not Path("/proc/self/clear_refs").exists():
        return []
    rows = []
    for network, other in (("mlp", "torch, eager with optim.SGD"), ("lenet", "torch, eager")):
        ours, theirs = memory.peak_in_own_process(network, "engine"), memory.peak_in_own_process(network, other)
        text = f"{ours / 2**20:.0f} MB to {theirs / 2**20:.0f} MB"
        rows.append(row(f"memory of a step, {network}: ours / torch", ours / theirs, at_most=1.5, spread=text))
    return rows


def import_rows() -> list[dict]:
    """Seconds until a fresh Python has imported a room; the median of seven."""
    rows = []
    for room, at_most in (("coursekit.scratch", IMPORT_SECONDS), ("coursekit.checks", None), ("coursekit.plot", None)):
        code = f"import time; start = time.perf_counter(); import {room}; print(time.perf_counter() - start)"
        each = sorted(float(_printed([sys.executable, "-c", code])) for _ in range(7))
        spread = f"{each[0]:.2f} to {each[-1]:.2f}"
        rows.append(row(f"import {room}", each[3], at_most=at_most, unit="s", spread=spread))
    return rows


def two_thread_rows(rounds: int) -> list[dict]:
    """The step of the small network with two threads: each contestant alone in its process, again in turns."""
    names = [mlp.OURS, "NumPy by hand", "torch, eager with optim.SGD", "torch, lean loop"]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    two = dict.fromkeys(THREADS, "2")
    for _ in range(max(3, rounds // 10)):
        for name in names:
            command = [sys.executable, "-m", "tests.bench", "--alone", name]
            seconds[name].append(float(_printed(command, two)))
    return rows_of(seconds, mlp.OURS, dict.fromkeys(names[1:]), "MLP step, two threads each")


def _printed(command: list[str], settings: dict[str, str] | None = None) -> str:
    """What a process of its own printed."""
    environment = os.environ | (settings or {})
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def alone(name: str) -> None:
    """Time one contestant, with as many threads as the environment says."""
    if name.startswith("torch"):
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    print(statistics.median(race({name: mlp.CONTESTANTS[name]()}, rounds=15, steps=20)[name]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", default="build/bench.json", help="where to write the table")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        alone(options.alone)
        return
    rows, times = engine_rows(options.rounds)
    rows += training_rows(options.rounds) + language_rows(options.rounds)
    rows += attribution.attribution_rows(options.rounds)
    rows += two_thread_rows(options.rounds) + memory_rows() + import_rows()
    print(table(rows))
    print("\nmedian time of a step: " + ", ".join(f"{name} {1e3 * t:.2f} ms" for name, t in times.items()))
    import torch

    versions = {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}
    out = Path(options.json)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"versions": versions, "rows": rows, "seconds": times}, indent=1), encoding="utf-8")
    print(f"Written to {out}.")


if __name__ == "__main__":
    main()
