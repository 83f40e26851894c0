"""Reads one picture for "Try it" the way a run would, in a temporary folder that is gone afterwards."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ocr_core.errors import PageError, UsageError
from ocr_core.records import (
    EngineStamp,
    Failure,
    LineImage,
    PageImage,
    PageRef,
    Script,
    SourceFile,
    Transcript,
)
from ocr_core.viewer.pictures import LONGEST, PagePictures, picture_file
from ocr_core.viewer.reading import ReadLine, read_lines

if TYPE_CHECKING:
    from ocr_core.config import RunSettings
    from ocr_core.pipeline.read import PageReader
    from ocr_core.recognizers.protocol import Alternative, Recognizer
    from ocr_core.script.router import ScriptRouter

AUTO: Final = "auto"
WAIT_S: Final = 60.0  # for a picture of someone else
ALTERNATIVES: Final = 5
_KEPT_READERS: Final = 2


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was read on a picture.

    Attributes:
        page: as a row of `pages`.
        image: the picture, as a JPEG file.
    """

    page: Mapping[str, Any]
    lines: list[ReadLine]
    image: bytes


@dataclass(frozen=True, slots=True)
class LineAttempt:
    """What was read on a picture that is one line or one character.

    Attributes:
        alternatives: what else it may be, the likeliest first, with what is taken; empty where the engine does not tell.
        image: the picture, as a JPEG file.
    """

    transcript: Transcript
    alternatives: tuple[Alternative, ...]
    image: bytes


class Reader:
    """Holds the engines once they were asked for. Reads one picture at a time."""

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._turn = threading.Lock()
        self._pages: dict[str, PageReader] = {}
        self._lines: dict[str, Recognizer] = {}
        self._router: ScriptRouter | None = None

    @staticmethod
    def engines() -> list[str]:
        """The names of the engines on this machine."""
        from ocr_core.recognizers.register import reader_cards

        return sorted({card.name for card in reader_cards()})

    def read_page(self, data: bytes, engine: str = AUTO) -> Attempt:
        """Find the lines of a page and read them. Of a document with several pages, the first.

        Raises:
            UsageError: no such engine; or other pictures keep it busy.
            PageError: the picture cannot be read.
        """
        with self._one_at_a_time(), tempfile.TemporaryDirectory(prefix="warraq-try-") as folder:
            return self._read_page(_stored(data, folder), engine)

    def read_line(self, data: bytes, engine: str = AUTO, *, character: bool = False) -> LineAttempt:
        """Read a picture that is one line, or one isolated Arabic character. Errors as `read_page`."""
        from ocr_core.pipeline.engines import GLYPH_MODEL
        from ocr_core.pipeline.recognize import as_line
        from ocr_core.recognizers.protocol import Ranking

        if engine != AUTO:
            self._check(engine)
        with self._one_at_a_time(), tempfile.TemporaryDirectory(prefix="warraq-try-") as folder:
            picture = _decoded(_first_page(_stored(data, folder)))
            line = as_line(picture)
            if engine == AUTO:
                engine = GLYPH_MODEL if character else self._engine_of(line)
            reader = self._line_reader(engine)
            [answer] = reader.recognize([line])
            if isinstance(answer, Failure):
                raise PageError(answer.kind, answer.message, remedy=answer.remedy)
            others: list[Alternative] = []
            if isinstance(reader, Ranking) and answer.text:
                others = reader.alternatives(line, ALTERNATIVES)
            return LineAttempt(answer, tuple(others), picture_file(picture.pixels, LONGEST["page"]))

    def _engine_of(self, line: LineImage) -> str:
        """Who would read a line in a run, by its script."""
        from ocr_core.pipeline.engines import engines_for
        from ocr_core.pipeline.read import Deferred
        from ocr_core.script.router import ScriptRouter

        self._router = self._router or ScriptRouter.load()
        [vote] = self._router.route_lines([line])
        script = Script.LATIN if vote.script is Script.NONE else vote.script
        chosen = engines_for(self._settings())[script]
        if isinstance(chosen, Deferred):
            raise UsageError(chosen.reason, remedy="Choose an engine of the list.")
        return chosen.name

    def _settings(self) -> RunSettings:
        from ocr_core.config import RunSettings

        return RunSettings(sources=(Path(),), library=Path(), device=self._device)

    def _read_page(self, picture: SourceFile, engine: str) -> Attempt:
        from ocr_core.library.tables import Publication
        from ocr_core.pipeline.prepare import prepare_pages
        from ocr_core.sources import ReadSettings

        if engine != AUTO:
            self._check(engine)
        prepared = prepare_pages([_first_page(picture)], ReadSettings())
        [result] = self._page_reader(engine).read(prepared)
        if isinstance(result, Failure):
            raise PageError(result.kind, result.message, remedy=result.remedy)
        rows = Publication("try", "try", datetime.now(UTC)).rows((), (result,), (), None)
        page = rows["pages"][0]
        return Attempt(page, read_lines(page, rows["lines"]), PagePictures().image(page, "page"))

    def _check(self, engine: str) -> None:
        """Only names are taken: a path would open any file of this machine."""
        if engine not in self.engines():
            raise UsageError(f"There is no engine {engine!r}.", remedy="Choose one of the list.")

    def _page_reader(self, engine: str) -> PageReader:
        if engine not in self._pages:
            from ocr_core.pipeline.engines import load_reader
            from ocr_core.pipeline.fingerprint import Fingerprints
            from ocr_core.pipeline.read import PageReader
            from ocr_core.script.router import ScriptRouter

            if engine == AUTO:
                reader = load_reader(self._settings(), threads=1)
            else:
                same = dict.fromkeys((Script.LATIN, Script.ARABIC, Script.OTHER), self._line_reader(engine))
                stamps: dict[Script, EngineStamp | str] = {script: one.stamp for script, one in same.items()}
                reader = PageReader(ScriptRouter.load(), same, Fingerprints({}, stamps))
            _make_room(self._pages)
            self._pages[engine] = reader
        return self._pages[engine]

    def _line_reader(self, engine: str) -> Recognizer:
        if engine not in self._lines:
            from ocr_core.recognizers.register import load_reader

            _make_room(self._lines)
            self._lines[engine] = load_reader(engine, device=self._device)
        return self._lines[engine]

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=WAIT_S):
            raise UsageError("Another picture is being read.", remedy="Try again in a moment.")
        try:
            yield
        finally:
            self._turn.release()


def _stored(data: bytes, folder: str) -> SourceFile:
    """The picture in a file whose name is ours; what it is, is told by its content."""
    if not data:
        raise UsageError("There is no picture.", remedy="Drop an image or a PDF.")
    path = Path(folder) / "picture"
    path.write_bytes(data)
    return SourceFile(path, path.parent, path.name)


def _first_page(picture: SourceFile) -> PageRef:
    from ocr_core.sources import identify

    document = identify(picture)
    if isinstance(document, Failure):
        raise PageError(document.kind, document.message, remedy=document.remedy)
    return document.page(1)


def _decoded(page: PageRef) -> PageImage:
    from ocr_core.sources import ReadSettings, read_pages

    picture = next(read_pages([page], settings=ReadSettings(colour=True)))
    if isinstance(picture, Failure):
        raise PageError(picture.kind, picture.message, remedy=picture.remedy)
    return picture


def _make_room(kept: dict[str, Any]) -> None:
    while len(kept) >= _KEPT_READERS:
        kept.pop(next(iter(kept)))
