"""Ctrl-C that is not lost on its way through other people's code."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def interrupt_at_sigterm() -> None:
    """What a supervisor tells to end (`docker stop`, systemd) ends as by Ctrl-C. To be called in the main thread."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


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

    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    for signum, handler in before.items():
        if (
            handler is signal.default_int_handler
        ):  # else it is not for us: a script's background, where Ctrl-C is ignored
            signal.signal(signum, strike)
    try:
        yield check
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
