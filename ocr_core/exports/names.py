"""Names of exported files: the source's path, made harmless; two pages never share one.

A `~` in a name is always ours: in what comes from elsewhere it is encoded. So `a.pdf`'s second page is `a~0002.xml`, and of
`a.jpg` and `a.tif` each bears the start of its document's id: `a~1cd36cd6.xml`.
"""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from ocr_core.exports.model import ExportPage

_MOST_BYTES: Final = 160  # of a part, with room for suffixes under the usual 255
_MOST_BYTES_OF_PATH: Final = 800
_ID_CHARACTERS: Final = 8


def of_document(page: ExportPage, suffix: str) -> PurePosixPath:
    """Where a file for the whole document of a page belongs, below the folder of the export.

    Args:
        suffix: with its dot.
    """
    source = PurePosixPath(page.source_path.replace("\0", ""))
    parts = [part for part in source.parts if part != "/"] or ["unnamed"]
    folders = [_safe(part) for part in (page.collection, *parts[:-1])]
    name = _safe(PurePosixPath(parts[-1]).stem or parts[-1])
    if page.name_is_shared:
        name += f"~{page.doc_id[:_ID_CHARACTERS]}"
    if len("/".join([*folders, name]).encode()) > _MOST_BYTES_OF_PATH:
        folders = [folders[0], "~" + _digest("/".join(parts[:-1]))]
    return PurePosixPath(*folders, name + suffix)


def of_page(page: ExportPage, suffix: str) -> PurePosixPath:
    """Where a file for one page belongs; as `of_document`."""
    number = f"~{page.number:04d}" if page.pages_of_document > 1 else ""
    return of_document(page, number + suffix)


def _safe(part: str) -> str:
    """A part of a path that is a plain name on any system: letters and digits of any script, inner spaces, `-_.` as they
    are, the rest percent-encoded as in URLs; no dot at its ends. A long one is cut and ends with a digest."""
    ends = (0, len(part) - 1)
    name = "".join(_safe_char(char, at_end=index in ends) for index, char in enumerate(part))
    if len(name.encode()) > _MOST_BYTES:
        name = name.encode()[: _MOST_BYTES - 17].decode("utf-8", "ignore").rstrip(" .") + "~" + _digest(part)
    return name


def _safe_char(char: str, *, at_end: bool) -> str:
    if unicodedata.category(char)[0] in "LMN" or char in "-_" or (char in ". " and not at_end):
        return char
    return f"%{ord(char):02X}" if ord(char) < 0x80 else quote(char, errors="surrogatepass")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
