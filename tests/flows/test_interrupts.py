"""Ctrl-C is remembered where somebody swallows it."""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest

from flows.interrupts import remembered_interrupts


def test_a_swallowed_interrupt_comes_back_at_the_next_check() -> None:
    before = signal.getsignal(signal.SIGINT)
    with remembered_interrupts() as check:
        check()
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
            pytest.fail("an interrupt interrupts")
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is before


def test_interrupts_that_a_script_had_ignored_stay_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with remembered_interrupts() as check:
            signal.raise_signal(signal.SIGINT)
            check()
    finally:
        signal.signal(signal.SIGINT, before)
