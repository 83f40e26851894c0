"""What the operating system says about a file, as a `PageError`."""

from __future__ import annotations

from ocr_core.errors import PageError


def of_system(error: OSError | MemoryError, *, what: str = "file") -> PageError:
    """Kind `permission`, `unreadable`, or `too-large` for a page that does not fit into memory."""
    if isinstance(error, MemoryError):
        return PageError(
            "too-large",
            "There is not enough memory to decode the page.",
            remedy="Scale it down, or run with fewer workers.",
        )
    if isinstance(error, PermissionError):
        return PageError(
            "permission",
            f"This user may not read the {what}.",
            remedy="Give read permission (`chmod u+rX`), or run as its owner.",
        )
    return PageError(
        "unreadable",
        f"The {what} cannot be read: {error.strerror or error}.",
        remedy="Check that it is still there and that the disk is sound, then run again.",
    )
