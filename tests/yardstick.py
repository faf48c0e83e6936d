"""How fast is this machine? The same work is timed everywhere, so that seconds can be compared.

What notebooks do, in small: steps of Python, a product of matrices, a function of every number of an array. It is timed
by its own thread's seconds on the processor, so that waiting does not count; a slower or throttled processor does.
A machine may change its pace within seconds, so :class:`Pace` looks again and again while something runs.
`python -m tests.yardstick` prints the number of this machine, ten times.
"""

import statistics
import threading
import time

import numpy as np

UNIT = 0.0125  # seconds on the machine for which the notebooks' budgets were set
EVERY = 1.0  # seconds between two looks


def slowness() -> float:
    """How many times as long the yardstick's work takes here and now as on the machine of the budgets."""
    square = np.linspace(-1, 1, 300 * 300, dtype=np.float32).reshape(300, 300)
    start = time.thread_time()
    total = 0
    for k in range(60_000):
        total += k % 7
    for _ in range(4):
        square @ square
    np.exp(np.linspace(-1, 1, 250_000)).sum()
    return (time.thread_time() - start) / UNIT


class Pace(threading.Thread):
    """The mean slowness of this machine between ``with Pace() as pace:`` and the end of the block: `pace.slowness`."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.seen: list[float] = []

    def run(self) -> None:
        while not self.over.wait(EVERY):
            self.seen.append(slowness())

    def __enter__(self) -> "Pace":
        self.seen.append(slowness())
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.join()

    @property
    def slowness(self) -> float:
        return statistics.fmean(self.seen)


if __name__ == "__main__":
    for _ in range(10):
        print(f"{slowness():.2f}")
        time.sleep(EVERY)
