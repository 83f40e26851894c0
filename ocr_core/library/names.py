"""Names that people choose, made safe as names of folders."""

from __future__ import annotations

import re
import unicodedata
import uuid
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

from ocr_core.errors import UsageError

_MAX_CHARACTERS: Final = 100
_MAX_BYTES: Final = 240  # of a folder name, with room for `collection=` under the usual 255
_RUN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def collection(name: str) -> str:
    """The collection's name, checked, in NFC.

    Letters (with their marks) and digits of any script, spaces, `-`, `_` and `.`; not starting with a dot or
    a space.

    Raises:
        UsageError: the name cannot be used.
    """
    name = unicodedata.normalize("NFC", name)
    bad = sorted({c for c in name if not (unicodedata.category(c)[0] in "LMN" or c in " -_.")})
    if bad:
        raise _refuse(name, f"it holds {', '.join(map(repr, bad))}")
    if not name or name[0] in ". " or name[-1] == " ":
        raise _refuse(name, "it is empty or starts with a dot or a space, or ends with a space")
    if len(name) > _MAX_CHARACTERS or len(encode(name).encode()) > _MAX_BYTES:
        raise _refuse(name, "it is too long")
    return name


def run(run_id: str) -> str:
    """The run's id, checked: 1–80 of `A-Z a-z 0-9 . _ -`, first a letter or digit.

    Raises:
        UsageError: the id cannot be used.
    """
    if not _RUN.fullmatch(run_id):
        raise UsageError(
            f"Not a run id: {run_id!r}", remedy="Use letters, digits, '.', '_' and '-', at most 80."
        )
    return run_id


def new_run_id() -> str:
    """A run id that sorts by time: `20260131T235959-3f2a9c`."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"


def encode(name: str) -> str:
    """The folder name: letters of any script stay readable, the rest is percent-encoded as in URLs."""
    return "".join(c if unicodedata.category(c)[0] in "LMN" or c in "-_." else quote(c) for c in name)


def decode(folder: str) -> str:
    return unquote(folder)


def _refuse(name: str, why: str) -> UsageError:
    remedy = f"Use letters, digits, spaces, '-', '_' and '.', at most {_MAX_CHARACTERS} characters."
    return UsageError(f"Not a name for a collection: {name!r}: {why}.", remedy=remedy)
