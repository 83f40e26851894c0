"""Walking the input: what is to be read, what is left out and why, what could not be entered."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from natsort import natsort_keygen, ns

from ocr_core.errors import UsageError
from ocr_core.records import Failure, SourceFile, Stage
from ocr_core.sources import errors, sniff

log = logging.getLogger(__name__)

LIBRARY = "warraq.toml"  # in a folder that is no source, wherever people keep it

_natural: Callable[[str], object] = natsort_keygen(alg=ns.PATH | ns.IGNORECASE)
_ESCAPED = re.compile(r"\\x(202[89]|[01][0-9a-f]|7f|[89a-f][0-9a-f])")  # by `clean_name`


@dataclass(frozen=True, slots=True)
class Discovery:
    """What the input holds. Every entry found is in exactly one of the three.

    Attributes:
        files: to be identified, source by source, each in natural order (2 before 10).
        failures: folders and links that could not be entered or followed.
        left_out: (source_path, reason) of what is deliberately not read.
    """

    files: tuple[SourceFile, ...]
    failures: tuple[Failure, ...]
    left_out: tuple[tuple[str, str], ...]


def discover(sources: Sequence[Path]) -> Discovery:
    """Finds the files of folders (any depth) and named files, in natural order.

    A file reached twice, by overlapping sources, counts once. Nothing outside a source is ever followed.

    Raises:
        UsageError: no source was named, or one does not exist.
    """
    if not sources:
        raise UsageError("No source was named.", remedy="Name at least one folder, image or PDF.")
    files: list[SourceFile] = []
    failures: list[Failure] = []
    left_out: list[tuple[str, str]] = []
    seen: set[str] = set()
    for source in sources:
        path = Path(os.path.abspath(Path(source).expanduser()))  # noqa: PTH100 (links stay)
        if not path.exists():
            raise UsageError(f"There is no {clean_name(path)}.", remedy="Check the spelling of the path.")
        found: list[SourceFile] = []
        if path.is_dir():
            for item in _walk(path, path, Path(os.path.realpath(path))):
                if isinstance(item, SourceFile):
                    found.append(item)
                elif isinstance(item, Failure):
                    failures.append(item)
                else:
                    left_out.append(item)
        else:  # named on purpose: whatever it is, it is answered for
            found.append(SourceFile(path, path.parent, clean_name(path.name)))
        for file in sorted(found, key=lambda f: natural_key(f.source_path)):
            if str(file.path) not in seen:
                seen.add(str(file.path))
                files.append(file)
    return Discovery(
        tuple(files), tuple(failures), tuple(sorted(left_out, key=lambda item: natural_key(item[0])))
    )


def natural_key(source_path: str) -> tuple[object, str]:
    """Sort key: digits by value (in any script), folder by folder, without case; ties by the plain text."""
    return (_natural(source_path), source_path)


def clean_name(path: str | Path) -> str:
    """A path as text that every sink takes: bytes that are no UTF-8 and control characters are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace").replace(os.sep, "/")
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda m: f"\\x{ord(m[0]):02x}", text)


def file_at(root: str | Path, source_path: str) -> Path:
    """The file that `clean_name` gave this name, which may have been escaped; the plain path where there is none."""
    plain = Path(root) / source_path
    if "\\x" not in source_path or plain.exists():
        return plain
    for escaped_bytes in (True, False):  # U+0080 to U+009F are escaped as bytes that are no UTF-8 are
        path = Path(root) / _ESCAPED.sub(partial(_unescaped, as_bytes=escaped_bytes), source_path)
        if path.exists():
            return path
    return plain


def _unescaped(match: re.Match[str], *, as_bytes: bool) -> str:
    code = int(match[1], 16)
    return os.fsdecode(bytes([code])) if as_bytes and 0x80 <= code <= 0xFF else chr(code)


Found = SourceFile | Failure | tuple[str, str]


def _walk(folder: Path, root: Path, real_root: Path) -> Iterator[Found]:
    """Everything below `folder`. A stack and not recursion: a tree may be deeper than Python's."""
    stack = [folder]
    while stack:
        current = stack.pop()
        try:
            with os.scandir(current) as scan:
                entries = list(scan)
        except OSError as error:
            yield unreadable(_name(current, root) or ".", error, what="folder")
            continue
        for entry in entries:
            path = current / entry.name
            name = _name(path, root)
            try:
                if reason := _hidden(entry.name):
                    yield name, reason
                elif entry.is_symlink():
                    yield _link(path, name, root, real_root)
                elif entry.is_dir(follow_symlinks=False):
                    if (path / LIBRARY).is_file():
                        yield name, "a Warraq library"
                    else:
                        stack.append(path)
                elif not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                    yield name, "not a regular file"
                else:
                    yield _file(path, name, root)
            except OSError as error:
                yield unreadable(name, error)


def _name(path: Path, root: Path) -> str:
    relative = os.path.relpath(path, root)
    return "" if relative == "." else clean_name(relative)


def _hidden(name: str) -> str:
    if name.startswith("."):
        return "hidden"
    if name.startswith("~$") or name.lower() in ("__macosx", "thumbs.db", "desktop.ini", "$recycle.bin"):
        return "made by the operating system"
    return ""


def _link(path: Path, name: str, root: Path, real_root: Path) -> Found:
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(real_root):
        return name, "link that leads outside the source"
    if not target.exists():  # missing, or a link that leads to itself
        if path.suffix.lower() in sniff.EXTENSIONS:
            return Failure(
                name, Stage.DISCOVER, "unreadable", "The link leads to a file that does not exist.",
                "Restore the file it leads to, or delete the link.",
            )  # fmt: skip
        return name, "link that leads nowhere"
    if target.is_dir():
        cycle = path.parent.is_relative_to(target) or Path(os.path.realpath(path.parent)).is_relative_to(
            target
        )
        return (
            name,
            "link back to a folder above it" if cycle else "link to a folder that is read at its own place",
        )
    if not target.is_file():
        return name, "not a regular file"
    return _file(path, name, root)


def _file(path: Path, name: str, root: Path) -> Found:
    suffix = path.suffix.lower()
    if suffix in sniff.EXTENSIONS:
        return SourceFile(path, root, name)
    if suffix in sniff.SIDECARS:
        return name, "text or data beside the pages"
    try:
        with path.open("rb") as stream:
            head = stream.read(sniff.HEAD)
    except OSError as error:
        return unreadable(name, error)
    if sniff.media_type(head):
        return SourceFile(path, root, name)
    return name, sniff.FOREIGN.get(suffix, "no image and no PDF")


def unreadable(source_path: str, error: OSError, *, what: str = "file") -> Failure:
    """The Failure for a file or folder that the operating system refuses."""
    why = errors.of_system(error, what=what)
    return Failure(source_path, Stage.DISCOVER, why.kind, why.message, why.remedy)
