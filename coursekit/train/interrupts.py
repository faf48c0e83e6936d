"""Ctrl-C, or the notebook's stop button, may come in the middle of a step: it then waits until the step is done.

Half of a step is no state to go on from: some weights would be new and some old.
"""

import signal
import threading

__all__ = ["Interrupts"]


class Interrupts:
    """While :attr:`hold` is set, a first interrupt waits for :meth:`check`; a second one acts at once.

    A context manager. Outside the main thread, where Python delivers no interrupts, it does nothing.

    Examples
    --------
    >>> with Interrupts() as interrupts:
    ...     interrupts.hold = True
    ...     signal.raise_signal(signal.SIGINT)
    ...     print("the step is finished first")
    ...     try:
    ...         interrupts.check()
    ...     except KeyboardInterrupt:
    ...         print("then training stops")
    the step is finished first
    then training stops
    """

    def __init__(self) -> None:
        self.hold = self.waiting = False
        self._before = None

    def __enter__(self) -> "Interrupts":
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._came)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Let an interrupt act that came in the meantime.

        Raises
        ------
        KeyboardInterrupt
            If one did.
        """
        if self.waiting:
            self.waiting = False
            raise KeyboardInterrupt

    def _came(self, number: int, frame: object) -> None:
        if not self.hold or self.waiting:
            self.waiting = False
            raise KeyboardInterrupt
        self.waiting = True
