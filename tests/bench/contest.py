"""A fair race: everybody runs a few steps in turn, again and again, and the ratios of each round are compared.

What slows the machine down slows down everybody in that round, so the ratio stays; its median over the rounds counts.
"""

import statistics
import time
from collections.abc import Callable, Mapping

WARM_UP = 3


def race(contestants: Mapping[str, Callable[[], object]], *, rounds: int, steps: int) -> dict[str, list[float]]:
    """Seconds per step of each contestant in each round; who begins changes from round to round."""
    for run in contestants.values():
        for _ in range(WARM_UP):
            run()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for k in range(rounds):
        shift = k % len(names)
        for name in names[shift:] + names[:shift]:
            run = contestants[name]
            start = time.perf_counter()
            for _ in range(steps):
                run()
            seconds[name].append((time.perf_counter() - start) / steps)
    return seconds


def ratio(seconds: Mapping[str, list[float]], ours: str, other: str) -> tuple[float, float, float]:
    """How many times as long as the other we take: the median over the rounds, and the quartiles."""
    each = [a / b for a, b in zip(seconds[ours], seconds[other], strict=True)]
    low, middle, high = statistics.quantiles(each, n=4) if len(each) > 1 else each * 3
    return middle, low, high


def row(
    what: str,
    measured: float,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    unit: str = "x",
    spread: str = "",
) -> dict:
    """One line of the table; `at_most` or `at_least` is what was promised, None where nothing was."""
    met = None if at_most is None else bool(measured <= at_most)
    met = met if at_least is None else bool(measured >= at_least)
    return {
        "what": what,
        "measured": round(measured, 4),
        "unit": unit,
        "at_most": at_most,
        "at_least": at_least,
        "met": met,
        "spread": spread,
    }


def rows_of(
    seconds: Mapping[str, list[float]], ours: str, promised: Mapping[str, float | None], what: str
) -> list[dict]:
    """A line for each other contestant: our time divided by theirs."""
    rows = []
    for other, at_most in promised.items():
        middle, low, high = ratio(seconds, ours, other)
        rows.append(row(f"{what}: ours / {other}", middle, at_most=at_most, spread=f"{low:.2f} to {high:.2f}"))
    return rows


def table(rows: list[dict]) -> str:
    """The lines as text: what, measured, promised, met or not."""
    width = max(len(r["what"]) for r in rows)
    lines = [f"{'':{width}}  measured  promised  met   middle half"]
    for r in rows:
        promised = "-" if r["at_most"] is None else f"<= {r['at_most']:g}"
        promised = promised if r["at_least"] is None else f">= {r['at_least']:.3g}"
        met = {None: "", True: "yes", False: "NO"}[r["met"]]
        lines.append(f"{r['what']:{width}}  {r['measured']:6.2f} {r['unit']:2} {promised:>7}   {met:4}  {r['spread']}")
    return "\n".join(lines)
