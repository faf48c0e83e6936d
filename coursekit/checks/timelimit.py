"""A loop that never ends must not freeze the notebook: after a few seconds it is stopped, with a word why."""

import contextlib
import signal
import threading
from collections.abc import Iterator

__all__ = ["TimeLimitReached", "time_limit"]


class TimeLimitReached(BaseException):
    """The code under check ran for too long.

    Not an ``Exception``, so that a learner's ``except Exception`` inside the loop does not swallow it.
    """


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[bool]:
    """Stop the body after `seconds` by raising :class:`TimeLimitReached`; yields whether this platform can.

    It needs POSIX signals and the main thread. Elsewhere (Windows) the body runs without a limit, and the learner
    interrupts the kernel by hand.

    Examples
    --------
    >>> with time_limit(5) as enforced:
    ...     total = sum(range(10))
    >>> total
    45
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield False
        return

    def stop(signum, frame):
        raise TimeLimitReached

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again each second, in case a bare `except:` swallowed it
    try:
        yield True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
