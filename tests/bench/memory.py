"""How much memory a step takes at its peak, beyond what is there before it: each in a process of its own (Linux).

``python -m tests.bench.memory lenet engine`` prints the bytes. The allocator is told to give back what is freed, so
that the size of the process follows what is in use.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

BATCH = 1024
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}


def peak_of(step: Callable[[], object]) -> int:
    """Bytes that the process grows by during one call, at most."""
    step()
    step()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark begins anew
    step()
    return (_status("VmHWM") - before) * 1024


def peak_in_own_process(network: str, contestant: str) -> int:
    """The same, measured in a fresh process."""
    command = [sys.executable, "-m", "tests.bench.memory", network, contestant]
    done = subprocess.run(command, env=os.environ | GIVE_BACK, capture_output=True, text=True, check=True)
    return int(done.stdout)


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def main(network: str, contestant: str) -> None:
    if contestant != "engine":
        import torch

        torch.set_num_threads(1)
    if network == "lenet":
        from tests.bench import lenet

        print(peak_of(lenet.CONTESTANTS[contestant](BATCH)))
    else:
        from tests.bench import mlp

        mlp.BATCH = 8 * BATCH
        print(peak_of(mlp.CONTESTANTS[contestant]()))


if __name__ == "__main__":
    main(*sys.argv[1:])
