"""Small things about files that must survive a crash: whole files only, synced before they are named."""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ocr_core.errors import LibraryError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@contextmanager
def disk_errors(root: Path, doing: str) -> Iterator[None]:
    """Turn an `OSError` into a `LibraryError` with a remedy. `doing` completes "could not …"."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in _FULL or "No space left" in str(error):
            remedy = "Free some room on the disk and run the same command again: what was published is kept."
            raise LibraryError(f"The disk of {root} is full: could not {doing}.", remedy=remedy) from error
        if error.errno in _REFUSED:
            remedy = "Check the permissions of the folder and that its disk is not mounted read-only."
            raise LibraryError(
                f"{root} cannot be written: could not {doing} ({error}).", remedy=remedy
            ) from error
        remedy = "Check the disk that holds the library."
        raise LibraryError(f"Could not {doing} in {root}: {error}", remedy=remedy) from error


def make_folders(folder: Path) -> None:
    """`mkdir -p` whose new entries are synced."""
    missing = [folder, *folder.parents]
    new = [f for f in missing if not f.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in new:
        sync_folder(made.parent)


def check_writable(folder: Path) -> None:
    """Check that files could be made in `folder`, or that it could be made; nothing is written.

    Raises:
        LibraryError: there is a file where a folder is needed.
        OSError: the folder, or the one it would be made in, refuses.
    """
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not there.is_dir():
        raise LibraryError(
            f"{there} is a file, and a folder is needed there.",
            remedy="Move the file away, or choose another folder.",
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable; quietly nothing where the file system has no such call."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def create_exclusively(path: Path, content: bytes, *, temporary: Path) -> None:
    """Create `path` whole and durable, or raise `FileExistsError` if it is already there.

    Args:
        temporary: folder on the same file system for the file while it is written.
    """
    draft = temporary / f"{uuid.uuid4().hex}.tmp"
    try:
        with draft.open("xb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        _name(draft, path, temporary)
    finally:
        with suppress(OSError):
            draft.unlink()
    sync_folder(path.parent)


def _name(draft: Path, path: Path, lock_folder: Path) -> None:
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # exFAT and some network disks have no hard links: one at a time, look and rename.
        with locked(lock_folder / ".name-lock", exclusive=True):
            if path.exists():
                raise FileExistsError(errno.EEXIST, "exists", str(path)) from None
            draft.rename(path)


@contextmanager
def locked(path: Path, *, exclusive: bool, wait: bool = True) -> Iterator[bool]:
    """Hold an advisory lock on `path`; the kernel drops it when the process dies.

    Yields:
        Whether the lock is held; False only with `wait=False` while others hold it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(handle, mode if wait else mode | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)
