"""Faults for the tests to inject: stand-ins for the work of a process that hang, crash or raise what nobody foresaw.

A page's file name says what happens to it. Here, and not in a test, because worker processes import it by name.
"""

from __future__ import annotations

import os
import signal
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path

from ocr_core.pipeline.prepare import PreparedPage
from ocr_core.records import Failure, PageRef
from ocr_core.sources import ReadSettings


def prepare(pages: Sequence[PageRef], settings: ReadSettings) -> list[PreparedPage | Failure]:
    prepared: list[PreparedPage | Failure] = []
    for page in pages:
        match page.source.source_path:
            case "hang":
                time.sleep(3600)
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "crash-page-2" if page.number == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            case "error-page-2" if page.number == 2:
                raise ZeroDivisionError("what nobody foresaw")
        prepared.append(PreparedPage(page, 100, 100, 300.0, "image"))
    return prepared


def as_nobody(ask: Callable[[], object], folder: Path) -> str:
    """What `ask` answers, or raises, in a process of a user without rights, who may enter `folder`. For root only."""
    for parent in (folder, *takewhile(lambda p: p != Path(tempfile.gettempdir()), folder.parents)):
        parent.chmod(0o755)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(65534)
            answer = repr(ask())
        except Exception as error:
            answer = str(error)
        try:
            os.write(writer, answer.encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, encoding="utf-8") as answered:
        return answered.read()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size; whoever decodes it by its word needs width × height bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(width + 1) * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
