"""A loop that never ends must not freeze the notebook: after a few seconds it is stopped, with a word why."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

__all__ = ["TimeLimitReached", "time_limit"]

AGAIN = 0.1  # seconds between further alarms


class TimeLimitReached(BaseException):
    """The code under check ran for too long.

    Not an ``Exception``, so that a learner's ``except Exception`` inside the loop does not swallow it.
    """


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[bool]:
    """Stop the body after `seconds` by raising :class:`TimeLimitReached`; yields whether this platform can.

    It needs POSIX signals and the main thread. Elsewhere (Windows) the body runs without a limit, and the learner
    interrupts the kernel by hand.

    Raises
    ------
    TimeLimitReached
        In the body, when its time is up.

    Notes
    -----
    A bare ``except:`` inside the loop swallows even this. So each further alarm raises at the *next line* instead of
    where the code happens to be, until a line outside the ``try`` is hit.

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
    alarms = 0

    def at_the_next_line(frame, event, argument):
        raise TimeLimitReached

    def stop(signum, frame):
        nonlocal alarms
        alarms += 1
        if alarms == 1:
            raise TimeLimitReached
        frame.f_trace = at_the_next_line
        sys.settrace(at_the_next_line)

    before, tracing = signal.signal(signal.SIGALRM, stop), sys.gettrace()
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.settrace(tracing)
        signal.signal(signal.SIGALRM, before)
