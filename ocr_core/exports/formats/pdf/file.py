"""A PDF file (ISO 32000-1) that is written as its pages come: only the places of its objects are kept in memory."""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections.abc import Iterable
from typing import BinaryIO, Final

_HEADER: Final = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
_KIDS: Final = 256  # of each inner node of the page tree, which has two levels
_FREE: Final = bytes.fromhex("00 0000000000 FFFF")  # the entry of object 0 in the cross-reference stream


class PdfFile:
    """Writes objects one after the other; `finish` ends the file.

    Objects are given in the syntax of PDF and refer to each other as `ref` says, by numbers that `add`, `add_stream` and
    `reserve` give out.

    Attributes:
        pages: how many were added.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._digest = hashlib.md5(usedforsecurity=False)
        self._written = 0
        self._places = array("Q")  # in bytes, of object 1 and those after it
        self._nodes: list[int] = []
        self._kids: list[int] = []  # of the last node
        self.pages = 0
        self._tree = self.reserve()
        self._write(_HEADER)

    def reserve(self) -> int:
        """The number of an object that will be added later."""
        self._places.append(0)
        return len(self._places)

    def add(self, value: str | bytes, number: int | None = None) -> int:
        """Write an object, under a reserved number or the next; returns the number."""
        number = self.reserve() if number is None else number
        self._places[number - 1] = self._written
        body = value.encode("ascii") if isinstance(value, str) else value
        self._write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
        return number

    def add_stream(self, data: bytes, entries: str = "", *, as_is: bool = False) -> int:
        """Write a stream, deflated; returns its number.

        Args:
            entries: of its dictionary, besides its length and filter.
            as_is: do not deflate; where the data are encoded already, `entries` name the filter.
        """
        return self.add(_stream(data, entries, as_is=as_is))

    def add_page(self, width: float, height: float, entries: str) -> None:
        """Write a page of `width` × `height` points; `entries` are its resources and contents."""
        if self.pages % _KIDS == 0:
            self._end_node()
            self._nodes.append(self.reserve())
        box = f"[0 0 {number(width)} {number(height)}]"
        page = f"<</Type/Page/Parent {ref(self._nodes[-1])}/MediaBox{box}{entries}>>"
        self._kids.append(self.add(page))
        self.pages += 1

    def finish(self, catalog: str, info: str) -> None:
        """Write what ends the file.

        Args:
            catalog: entries of the document's catalogue, besides its pages.
            info: entries of the document information.
        """
        self._end_node()
        self.add(f"<</Type/Pages/Kids{_refs(self._nodes)}/Count {self.pages}>>", self._tree)
        root = self.add(f"<</Type/Catalog/Pages {ref(self._tree)}{catalog}>>")
        known = self.add(f"<<{info}>>")
        made_id = f"<{self._digest.hexdigest()}>"
        start, own = self._written, self.reserve()
        self._places[own - 1] = start
        entries = (
            f"/Type/XRef/Size {own + 1}/W[1 5 2]/Root {ref(root)}/Info {ref(known)}/ID[{made_id}{made_id}]"
        )
        places = b"".join(b"\1%b\0\0" % place.to_bytes(5, "big") for place in self._places)
        self.add(_stream(_FREE + places, entries), own)
        self._write(b"startxref\n%d\n%%%%EOF\n" % start)

    def _end_node(self) -> None:
        if self._kids:
            entries = f"/Parent {ref(self._tree)}/Kids{_refs(self._kids)}/Count {len(self._kids)}"
            self.add(f"<</Type/Pages{entries}>>", self._nodes[-1])
            self._kids.clear()

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self._written += len(data)


def ref(number: int) -> str:
    """How objects refer to that with this number."""
    return f"{number} 0 R"


def string(text: str) -> str:
    """A text string: UTF-16, in hexadecimal digits."""
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"


def number(value: float) -> str:
    """A number, to five decimals; exponents are unknown to PDF."""
    return f"{value:.5f}".rstrip("0").rstrip(".")


def _refs(numbers: Iterable[int]) -> str:
    return f"[{' '.join(map(ref, numbers))}]"


def _stream(data: bytes, entries: str, *, as_is: bool = False) -> bytes:
    if not as_is:
        data, entries = zlib.compress(data), f"{entries}/Filter/FlateDecode"
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (entries.encode("ascii"), len(data), data)
