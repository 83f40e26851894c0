"""SQL from people, safely. The query runs in a child process that can read the library's views and nothing
else.

No setting of DuckDB alone keeps files safe: a COPY can hide in a WITH, `read_only` still opens any path, and
one long function call cannot be interrupted. So the child (`child`) has an empty in-memory database over
Arrow data sets, no access to files, a locked configuration, a plan that was looked through, limits of the
operating system on memory and written files, and a parent that kills it on time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa

from ocr_core.errors import LibraryError, UsageError, WarraqError
from ocr_core.library import Library
from ocr_core.search.search import prepare

TIMEOUT_S: Final = 30.0
MEMORY: Final = "1GiB"
MAX_ROWS: Final = 100_000
MAX_BYTES: Final = 256 << 20  # of a result

_UNITS: Final = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 1 << 10,
    "MIB": 1 << 20,
    "GIB": 1 << 30,
}
_KEPT_VARIABLES: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class QueryTimeout(UsageError):
    """The query ran longer than allowed and was killed."""


class SqlResult(NamedTuple):
    """`truncated`: there were more rows than `max_rows`."""

    table: pa.Table
    truncated: bool


def run_sql(
    library_path: Path | str,
    query: str,
    *,
    timeout_s: float = TIMEOUT_S,
    memory: str = MEMORY,
    max_rows: int = MAX_ROWS,
) -> SqlResult:
    """Answer one SELECT (or DESCRIBE, SHOW, SUMMARIZE, VALUES, FROM …) over the views of the library and
    `search_lines('…')` (see `macro`).

    Args:
        timeout_s: wall-clock seconds, start of the child (about half a second) included.
        memory: for DuckDB, e.g. "512MiB"; the whole child may take somewhat more.
        max_rows: further rows are cut off.

    Raises:
        UsageError: the query is refused, wrong, too large for the limits, or too slow (`QueryTimeout`).
        LibraryError: the library cannot be read.
    """
    library = Library.open(library_path)
    if "search_lines" in query.lower():  # the child may not write
        prepare(library)
    request = {
        "library": str(library.root),
        "version": library.version,
        "query": query,
        "memory": memory,
        "memory_bytes": _bytes(memory),
        "timeout_s": timeout_s,
        "max_rows": max_rows,
        "max_bytes": MAX_BYTES,
    }
    child = subprocess.Popen(
        [sys.executable, "-s", "-m", "ocr_core.search.sql.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env=_environment(),
        close_fds=True,
    )
    with child:
        try:
            answer, trouble = child.communicate(json.dumps(request).encode(), timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise QueryTimeout(
                f"The query was stopped after {timeout_s:g} seconds.",
                remedy="Narrow it, or allow more with --timeout.",
            ) from None
        finally:
            child.kill()
    return _understand(answer, child.returncode, trouble.decode("utf-8", "replace"))


def _understand(answer: bytes, code: int, trouble: str) -> SqlResult:
    head, _, body = answer.partition(b"\n")
    try:
        header: dict[str, Any] = json.loads(head)
    except ValueError:
        if "MemoryError" in trouble or "bad_alloc" in trouble or code in (-6, -9):
            raise _too_much_memory() from None
        last = trouble.strip().splitlines()[-1:] or [f"exit status {code}"]
        raise WarraqError(f"The query's process broke off: {last[0]}", remedy="Simplify the query.") from None
    match header["kind"]:
        case "table":
            return SqlResult(pa.ipc.open_stream(body).read_all(), header["truncated"])
        case "memory":
            raise _too_much_memory()
        case "library":
            raise LibraryError(header["message"], remedy=header["remedy"])
        case _:
            raise UsageError(header["message"], remedy=header["remedy"])


def _too_much_memory() -> UsageError:
    return UsageError(
        "The query needs more memory than it may have.", remedy="Narrow it, or allow more with --memory."
    )


def _environment() -> dict[str, str]:
    """As little as Python needs: nothing in it is worth reading."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _bytes(memory: str) -> int:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]i?B|B)\s*", memory, re.IGNORECASE)
    if not match:
        raise UsageError(f"Not an amount of memory: {memory!r}", remedy="Write it like 512MiB or 2GB.")
    return int(float(match[1]) * _UNITS[match[2].upper()])
