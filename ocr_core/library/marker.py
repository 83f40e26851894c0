"""`warraq.toml`, which makes a folder a library: format version, name, settings."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ocr_core.errors import LibraryError
from ocr_core.library import durable

FORMAT: Final = 1
MARKER: Final = "warraq.toml"
_KEYS: Final = {"format", "name", "created_at", "settings"}

Settings = Mapping[str, str | int | float | bool]


def check_place(root: Path) -> None:
    """Check that there is a library, or that one could be made; nothing is written.

    Args:
        root: absolute.

    Raises:
        LibraryError: there is a file, or a folder with other things in it, or the path is no text.
    """
    with durable.disk_errors(root, "create the library"):
        if root.exists() and not root.is_dir():
            raise LibraryError(f"{root} is a file.", remedy="Give --library the path of a folder.")
        if not _is_text(str(root)):  # Arrow opens files by names in UTF-8 only
            raise LibraryError(
                f"The path {os.fsencode(root)!r} is not UTF-8.", remedy="Choose or rename a folder."
            )
        if not root.exists() or (root / MARKER).exists():
            return
        strangers = [p.name for p in root.iterdir() if not p.name.startswith((".", "_"))]
        if strangers:
            raise LibraryError(
                f"{root} holds other files ({sorted(strangers)[0]}, …) and is not a Warraq library.",
                remedy="Give --library a new or empty folder.",
            )


def write(root: Path, settings: Settings, *, temporary: Path) -> None:
    """Make the folder a library, whose other parts are there.

    Args:
        temporary: a folder on the same disk.

    Raises:
        LibraryError: it is one already.
        OSError: it cannot be written.
    """
    try:
        durable.create_exclusively(root / MARKER, _content(root.name, settings), temporary=temporary)
    except FileExistsError:
        raise LibraryError(f"{root} is a library already.", remedy="Open it instead.") from None


def read(root: Path) -> dict[str, Any]:
    """The settings of the library at `root`.

    Raises:
        LibraryError: not a library, made by a newer Warraq, or unreadable.
    """
    path = root / MARKER
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        version = content.get("format")
    except (FileNotFoundError, NotADirectoryError):
        raise LibraryError(
            f"{root} is not a Warraq library: it has no {MARKER}.",
            remedy="Check the path, or make a library with: warraq run SOURCE --library DIR",
        ) from None
    except OSError as error:
        raise LibraryError(f"{path} cannot be read: {error}", remedy="Check its permissions.") from error
    except ValueError as error:
        raise LibraryError(
            f"{path} is damaged: {error}",
            remedy="Correct that place, or restore the file from a backup.",
        ) from error
    if not isinstance(version, int):
        raise LibraryError(
            f"{path} is damaged: it has no number as `format`.",
            remedy=f"Put the line `format = {FORMAT}` at its beginning.",
        )
    if version > FORMAT:
        raise LibraryError(
            f"{root} has format {version}; this Warraq reads up to {FORMAT}.", remedy="Upgrade Warraq."
        )
    if unknown := sorted(content.keys() - _KEYS):
        raise LibraryError(
            f"{path} has a part that nothing reads: {unknown[0]}.",
            remedy="Correct or delete it; what is set for a collection stands below [settings.collections.NAME].",
        )
    settings: dict[str, Any] = content.get("settings", {})
    return settings


def _is_text(path: str) -> bool:
    """Whether a path holds no bytes that are no text, which Python keeps as lone surrogates."""
    return not any("\ud800" <= char <= "\udfff" for char in path)


def _content(name: str, settings: Settings) -> bytes:
    lines = [
        "# A Warraq library. See https://parquet.apache.org for the files; `warraq --help` for the tools.",
        f"format = {FORMAT}",
        f"name = {json.dumps(name, ensure_ascii=False)}",
        f'created_at = "{datetime.now(UTC).isoformat(timespec="seconds")}"',
        "",
        "[settings]",
        *(f"{json.dumps(key)} = {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items()),
        "",
    ]
    # JSON's strings are TOML's, but for the one control character JSON leaves bare.
    return "\n".join(lines).replace("\x7f", "\\u007f").encode("utf-8", "replace")
