"""A small library whose scans are there, in two scripts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocr_core.audit.sampling.draw import Design, draw, publish
from ocr_core.audit.transcription.folder import write_folder
from ocr_core.library import Library
from ocr_core.records import Document, Script, SourceFile
from ocr_core.sources import identify
from tests.library.make import result

LATIN = ("Kew Gardens", "a case of orchids", "from Calcutta")
ARABIC = ("أما بعد", "فهذا كتاب", "في النبات")


@dataclass(frozen=True)
class Given:
    """A sample that was given out. `folder` has one folder for each transcriber."""

    library: Library
    audit_id: str
    folder: Path

    @property
    def first(self) -> Path:
        return self.folder / "first"


@pytest.fixture
def scanned(tmp_path: Path) -> Library:
    """Four pages of three lines; the second and fourth are Arabic. Rows of the scans differ, so no two lines look alike."""
    library = Library.create(tmp_path / "library")
    grey = np.repeat(np.arange(1400, dtype=np.uint16)[:, None] // 6, 1000, axis=1).astype(np.uint8)
    for number in range(4):
        path = tmp_path / "scans" / f"=cmd|'!A{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.roll(grey, 40 * number, axis=0)).save(path)
        document = identify(SourceFile(path, path.parent, path.name))
        assert isinstance(document, Document)
        page = result(document.page(1), *(ARABIC if number % 2 else LATIN))
        if number % 2:
            lines = tuple(
                replace(line, script=Script.ARABIC, line=replace(line.line, direction="rtl"))
                for line in page.lines
            )
            page = replace(page, lines=lines, script=Script.ARABIC)
        library.publish("r1", "letters", documents=[document], results=[page])
    return library


@pytest.fixture
def given(scanned: Library, tmp_path: Path) -> Given:
    """All its lines drawn and given out, four of them to two people."""
    drawn = draw(scanned, Design(lines=12, per_page=3, double=0.3))
    rows, omissions = write_folder(scanned, "spring", drawn.rows, tmp_path / "out")
    assert not omissions
    return Given(scanned, publish(scanned, rows, "spring"), tmp_path / "out")
