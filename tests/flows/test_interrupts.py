"""Ctrl-C is remembered where somebody swallows it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from flows.interrupts import interrupt_at_sigterm, remembered_interrupts


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_swallowed_interrupt_comes_back_at_the_next_check(signum: int) -> None:
    interrupt_at_sigterm()
    before = signal.getsignal(signum)
    with remembered_interrupts() as check:
        check()
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signum)
            pytest.fail("an interrupt interrupts")
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signum) is before


def test_interrupts_that_a_script_had_ignored_stay_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with remembered_interrupts() as check:
        signal.raise_signal(signal.SIGINT)
        check()
