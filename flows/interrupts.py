"""Ctrl-C that is not lost on its way through other people's code."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def remembered_interrupts() -> Iterator[Callable[[], None]]:
    """Interrupts raise `KeyboardInterrupt` as ever, and are remembered; yields what raises it for one that was swallowed.

    Prefect, struck between two states of a task, now and then takes the interrupt for its own, and the run would go on as if
    nobody had asked it to end. To be used in the main thread.
    """
    struck = False

    def strike(signum: int, frame: FrameType | None) -> None:
        nonlocal struck
        struck = True
        signal.default_int_handler(signum, frame)

    def check() -> None:
        if struck:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:  # a script started us in the background, where Ctrl-C is not for us
        yield check
        return
    signal.signal(signal.SIGINT, strike)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
