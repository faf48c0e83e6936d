"""Exercises of *Deep or classical*: where two learning curves cross."""

import numpy as np

from coursekit import comparison
from coursekit.checks.core import Exercise, register

__all__ = ["crossing_point"]


def _crossing_cases(rng):
    yield np.array([100.0, 1000.0]), np.array([0.2, 0.18]), np.array([0.4, 0.1])
    sizes = np.array([50.0, 200.0, 1000.0, 3000.0, 20_000.0])
    a, b = 0.5 * sizes**-0.1, 2.0 * sizes**-0.3  # power laws cross at 1024
    yield sizes, a, b
    yield sizes, b, a  # A is behind at first: it is not B that catches up
    yield sizes, a, 0.9 * a  # B is ahead everywhere
    yield sizes[:1], a[:1], b[:1]  # one size: no crossing to be seen
    yield sizes, np.array([0.3, 0.2, 0.2, 0.1, 0.1]), np.array([0.4, 0.1, 0.3, 0.2, 0.05])  # twice
    yield sizes[:3], np.array([0.4, 0.2, 0.1]), np.array([0.5, 0.2, 0.05])  # they meet at a measured size
    yield sizes[:3], np.array([0.3, 0.3, 0.2]), np.array([0.3, 0.2, 0.25])  # alike at first: B was never behind
    noise = 1 + 0.1 * rng.random(5)
    yield sizes.astype(np.float32), (a * noise).astype(np.float32), (b * noise[::-1]).astype(np.float32)


def _crossing(sizes, a, b, *, x=np.log, back=np.exp, y=np.log, which=0, ahead=False, on_grid=None):
    d, place = y(np.asarray(a, float)) - y(np.asarray(b, float)), x(np.asarray(sizes, float))
    turns = [k for k in range(len(d) - 1) if d[k] < 0 <= d[k + 1] or (ahead and d[k] > 0 >= d[k + 1])]
    if not turns:
        return float("nan")
    k = turns[which]
    if on_grid is not None:
        return float(sizes[k + on_grid])
    return float(back(place[k] - d[k] / (d[k + 1] - d[k]) * (place[k + 1] - place[k])))


def _same(values):
    return values


def _plain_axes(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, x=_same, back=_same, y=_same)


def _log_errors_only(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, x=_same, back=_same)


def _log_sizes_only(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, y=_same)


def _next_size(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, on_grid=1)


def _size_before(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, on_grid=0)


def _last_crossing(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, which=-1)


def _either_way(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, ahead=True)


def _logarithm_left(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, back=_same)


def _bases_mixed(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, x=np.log10)


def _a_and_b_swapped(sizes, error_a, error_b):
    return _crossing(sizes, error_b, error_a)


def _or(instead, sizes, a, b):
    """The right answer, but something else where the curves do not cross."""
    found = _crossing(sizes, a, b)
    return float(instead) if np.isnan(found) else found


def _nothing_where_none(sizes, error_a, error_b):
    found = _crossing(sizes, error_a, error_b)
    return None if np.isnan(found) else found


def _zero_where_none(sizes, error_a, error_b):
    return _or(0, sizes, error_a, error_b)


def _infinity_where_none(sizes, error_a, error_b):
    return _or(np.inf, sizes, error_a, error_b)


def _largest_where_none(sizes, error_a, error_b):
    return _or(sizes[-1], sizes, error_a, error_b)


def _smallest_where_ahead(sizes, error_a, error_b):
    return float(sizes[0]) if error_b[0] <= error_a[0] else _crossing(sizes, error_a, error_b)


def _by_share(sizes, a, b, point):
    """What `point` makes of the gap before and after, and of the logarithms of the two sizes."""
    d, log_n = np.log(np.asarray(a, float)) - np.log(np.asarray(b, float)), np.log(np.asarray(sizes, float))
    for k in range(len(d) - 1):
        if d[k] < 0 <= d[k + 1]:
            with np.errstate(over="ignore", divide="ignore"):
                return float(point(d[k], d[k + 1], log_n[k], log_n[k + 1]))
    return float("nan")


def _share_alone(sizes, error_a, error_b):
    return _by_share(sizes, error_a, error_b, lambda d, e, m, n: -d / (e - d))


def _minus_forgotten(sizes, error_a, error_b):
    return _by_share(sizes, error_a, error_b, lambda d, e, m, n: np.exp(m + d / (e - d) * (n - m)))


def _from_the_upper_end(sizes, error_a, error_b):
    return _by_share(sizes, error_a, error_b, lambda d, e, m, n: np.exp(n + d / (e - d) * (n - m)))


def _gaps_added(sizes, error_a, error_b):
    return _by_share(sizes, error_a, error_b, lambda d, e, m, n: np.exp(m - d / (e + d) * (n - m)))


def _half_way(sizes, error_a, error_b):
    return _by_share(sizes, error_a, error_b, lambda d, e, m, n: np.exp((m + n) / 2))


def _mean_of_two_sizes(sizes, error_a, error_b):
    return _by_share(sizes, error_a, error_b, lambda d, e, m, n: (np.exp(m) + np.exp(n)) / 2)


def _nearest_size(sizes, error_a, error_b):
    return float(sizes[np.argmin(np.abs(np.log(error_a) - np.log(error_b)))])


def _number_of_the_size(sizes, error_a, error_b):
    d = np.log(error_a) - np.log(error_b)
    return next((k for k in range(len(d) - 1) if d[k] < 0 <= d[k + 1]), float("nan"))


def _by_interp(sizes, error_a, error_b):
    return float(np.exp(np.interp(0, np.log(error_a) - np.log(error_b), np.log(sizes))))


def _straight_lines(sizes, error_a, error_b):
    if len(sizes) < 2:
        return float("nan")
    (slope_a, a), (slope_b, b) = (np.polyfit(np.log(sizes), np.log(e), 1) for e in (error_a, error_b))
    if abs(slope_a - slope_b) < 1e-9:
        return float("nan")
    with np.errstate(over="ignore"):
        return float(np.exp((b - a) / (slope_a - slope_b)))


def _at(sizes, d, k):
    """Where the gap reaches 0 between sizes k and k + 1."""
    return float(sizes[k] * (sizes[k + 1] / sizes[k]) ** (-d[k] / (d[k + 1] - d[k])))


def _alike_counts_as_behind(sizes, error_a, error_b):
    d = np.log(error_a) - np.log(error_b)
    alike = [k for k in range(len(d) - 1) if d[k] <= 0 <= d[k + 1]]
    return _at(sizes, d, alike[0]) if alike else float("nan")


def _meeting_overlooked(sizes, error_a, error_b):
    d = np.log(error_a) - np.log(error_b)
    strict = [k for k in range(len(d) - 1) if d[k] < 0 < d[k + 1]]
    return _at(sizes, d, strict[0]) if strict else float("nan")


def _past_the_end(sizes, error_a, error_b):
    d = np.log(error_a) - np.log(error_b)
    for k in range(len(d)):
        if d[k] < 0 <= d[k + 1]:
            return _at(sizes, d, k)
    return float("nan")


def _by_two_lines(sizes, error_a, error_b):
    behind = error_b > error_a
    for k, n in enumerate(sizes[1:], start=1):
        if behind[k - 1] and not behind[k]:
            ends = np.log10([sizes[k - 1], n])
            before, after = (np.log10(error_b[i] / error_a[i]) for i in (k - 1, k))
            return 10 ** np.interp(0, [-before, -after], ends)
    return np.nan


crossing_point = register(
    Exercise(
        id="curves.crossing_point",
        notebook="deep_or_classical",
        reference=comparison.crossing_point,
        cases=_crossing_cases,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "Look at the gap d = log(error_a) - log(error_b): negative while B is behind. Find the first k where d[k] < 0 and d[k + 1] >= 0.",
            "Between two sizes the gap is taken to be a straight line over log(size). At which share of the way does it reach 0?",
            "`share = -d[k] / (d[k + 1] - d[k])`, then `np.exp(np.log(sizes[k]) + share * (np.log(sizes[k + 1]) - np.log(sizes[k])))`; "
            "without such a k, `return np.nan`.",
        ],
        misconceptions={
            _plain_axes: "You interpolate on plain axes. The curves are drawn, and are nearly straight, on logarithmic ones: log both.",
            _log_errors_only: "The errors are in logarithms, the sizes are not. Interpolate between log(sizes) too, and take exp at the end.",
            _log_sizes_only: "The sizes are in logarithms, the errors are not. Take log of both errors before you subtract.",
            _next_size: "This is the first measured size at which B is ahead. The curves cross before it: interpolate.",
            _size_before: "This is the last measured size at which B is still behind. The curves cross after it: interpolate.",
            _last_crossing: "They cross more than once, and you took the last. Take the first.",
            _either_way: "You also count a crossing where A overtakes B. Asked is where B, behind at first, catches up.",
            _logarithm_left: "This is the logarithm of the size. Take np.exp of it.",
            _bases_mixed: "np.log10 and np.exp do not belong together: undo log10 with 10 ** x, and log with exp.",
            _nothing_where_none: "Where the curves do not cross, return np.nan. Without a `return` at the end Python returns None.",
            _zero_where_none: "Where the curves do not cross, return np.nan: 0 would be a number of examples.",
            _infinity_where_none: "Where the curves do not cross, return np.nan. Infinity would claim that they never do.",
            _largest_where_none: "Where the curves do not cross, return np.nan: the largest size would say that B catches up there.",
            _smallest_where_ahead: "If B is ahead from the start it never catches up: return np.nan, not the first size.",
            _share_alone: "This is the share of the way. Take that share of the way from log(n_k) to log(n_k+1), and exp of the result.",
            _minus_forgotten: "The share is -d_k / (d_k+1 - d_k): with its minus, d_k being negative. Yours leads backwards.",
            _from_the_upper_end: "You go the right share of the way, but from the wrong end. Start at log(n_k).",
            _gaps_added: "The whole way is d_k+1 - d_k: from a negative number to a positive one. You added them.",
            _half_way: "You always take the point half-way. Which share of the way is it to where the gap is 0?",
            _mean_of_two_sizes: "This is the mean of the two sizes. Interpolate: which share of the way is it to where the gap is 0?",
            _nearest_size: "This is the measured size at which the errors differ least. The curves cross between two sizes: interpolate.",
            _number_of_the_size: "This is k, the place in the list. Asked is a number of examples.",
            _by_interp: "np.interp gives an end of the curve where there is no crossing, and it wants a gap that only rises. "
            "Look for the first change of sign.",
            _straight_lines: "You fit one straight line to each whole curve. Interpolate between the two sizes next to the crossing.",
            _alike_counts_as_behind: "Where both errors are equal B is not behind. The gap must be below 0 first: d[k] < 0 <= d[k + 1].",
            _meeting_overlooked: "Where the gap is exactly 0 at a measured size, B has caught up there: d[k] < 0 <= d[k + 1].",
            _past_the_end: "Your loop looks one size too far: k + 1 must still be in the list. Stop at len(sizes) - 1.",
            _a_and_b_swapped: "A and B are in each other's place: B is the one that is behind at first.",
        },
        variants=(_by_two_lines,),
    )
)
