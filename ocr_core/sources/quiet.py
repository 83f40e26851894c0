"""C libraries say on stderr what they think of a damaged file, and do not name it; its failure does."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_lock = threading.Lock()
_inside = 0
_kept = -1


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Send file descriptor 2, which is one for all threads, nowhere: from the first thread in to the last one out."""
    global _inside, _kept
    with _lock:
        if _inside == 0:
            _kept = os.dup(_STDERR)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, _STDERR)
            os.close(nowhere)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                os.dup2(_kept, _STDERR)
                os.close(_kept)
