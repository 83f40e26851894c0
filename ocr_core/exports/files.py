"""Files that are there whole or not at all, and only below the folder that was asked for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ocr_core.errors import LibraryError


@contextmanager
def whole_file(folder: Path, place: PurePosixPath) -> Iterator[BinaryIO]:
    """A file below `folder` to write; it takes its name when the block ends well, in place of an older one.

    Raises:
        LibraryError: a link in the folder leads out of it.
        OSError: as writing files does.
    """
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise LibraryError(
            f"{path.parent} leads out of {folder}.",
            remedy="Remove the symbolic link, or choose another folder.",
        )
    draft = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with draft.open("xb") as out:
            yield out
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
