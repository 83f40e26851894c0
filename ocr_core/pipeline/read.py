"""From prepared pages to text: each line to the engine of its script, batched over pages."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ocr_core.layout.order import reading_order
from ocr_core.layout.spread import LEFT, RIGHT
from ocr_core.pipeline.fingerprint import Fingerprints
from ocr_core.pipeline.prepare import PreparedPage, failure, unexpected
from ocr_core.pipeline.signs import made_up
from ocr_core.pipeline.whole_pages import engine_failed, of_page, read_whole_pages
from ocr_core.recognizers.protocol import PageRecognizer, Recognizer
from ocr_core.records import (
    MARGIN,
    Box,
    EngineStamp,
    Failure,
    Line,
    LineImage,
    LineResult,
    PageResult,
    Script,
    Stage,
    Status,
    TextLine,
    Transcript,
    Word,
    line_id,
)
from ocr_core.script.isolated import cut_glyph, isolated_glyphs
from ocr_core.script.pages import LineScript, PageScript, told_page
from ocr_core.script.router import ScriptRouter
from ocr_core.script.text import script_of_text

log = logging.getLogger(__name__)

PDF_TEXT = EngineStamp("pdf-text", "1")
SURE_OF_GLYPH = 0.8
SURE_OF_LINE = 0.98


@dataclass(frozen=True, slots=True)
class Deferred:
    """Stands where an engine is missing: pages of its script end as pending, with this reason."""

    reason: str


Engines = Mapping[Script, Recognizer | Deferred]


class PageReader:
    """Reads prepared pages. One per process: it holds the models."""

    def __init__(
        self,
        router: ScriptRouter,
        engines: Engines,
        fingerprints: Fingerprints,
        script: Script | None = None,
        glyphs: Recognizer | None = None,
    ) -> None:
        """Take the engines.

        Args:
            script: that of all lines where it is known; else the router tells.
            glyphs: reads isolated letters and digits on Arabic pages; None leaves them to the reader of lines.
        """
        self._router = router
        self._script = script
        self._glyphs = glyphs
        self._engines = engines
        self._fingerprints = fingerprints

    def read(self, pages: Sequence[PreparedPage | Failure]) -> list[PageResult | Failure]:
        """One answer a page, in order. A page that breaks an engine fails alone."""
        results = [page if isinstance(page, Failure) else self._without_engine(page) for page in pages]
        waiting = [i for i, result in enumerate(results) if result is None]
        to_read = [page for i in waiting if isinstance(page := pages[i], PreparedPage)]
        for i, result in zip(waiting, self._with_engines(to_read), strict=True):
            results[i] = result
        return [result for result in results if result is not None]

    def _without_engine(self, page: PreparedPage) -> PageResult | None:
        if page.text_layer:
            return self._from_text_layer(page)
        if page.blank:
            return self._result(page, Script.NONE, Status.BLANK, ())
        return None

    def _with_engines(self, pages: Sequence[PreparedPage]) -> list[PageResult | Failure]:
        if not pages:
            return []
        try:
            return list(self._read_together(pages))
        except Exception as error:
            if len(pages) > 1:
                # Whichever page it was, its neighbours must not suffer: read them one by one.
                log.warning("a batch of %d pages failed (%s); reading its pages singly", len(pages), error)
                return [result for page in pages for result in self._with_engines([page])]
            log.exception("%s: reading failed", pages[0].page.page_id)
            return [failure(pages[0].page, Stage.RECOGNIZE, unexpected(error))]

    def _read_together(self, pages: Sequence[PreparedPage]) -> list[PageResult | Failure]:
        started = time.perf_counter()
        votes = iter(self._router.route_lines([image for page in pages for image in page.images]))
        routed = [self._route(page, [next(votes) for _ in page.images]) for page in pages]
        route_s = time.perf_counter() - started

        started = time.perf_counter()
        answers, unplaced, failures = self._read_whole(routed)
        by_line = [r for r in routed if r.page.page.page_id not in unplaced.keys() | failures.keys()]
        jobs: dict[Script, list[LineImage]] = {}
        for page in by_line:
            for image, line_script in zip(page.page.images, page.scripts, strict=True):
                jobs.setdefault(line_script, []).append(replace(image, script=line_script))
        for script, images in jobs.items():
            engine = self._engines[script]
            if not isinstance(engine, Deferred):
                answers |= zip((i.line_id for i in images), engine.recognize(images), strict=True)
        answers |= self._read_glyphs(by_line, answers)
        read_s = time.perf_counter() - started

        all_lines = max(1, sum(len(page.images) for page in pages))
        results: list[PageResult | Failure] = []
        for page in routed:
            share = len(page.page.images) / all_lines
            seconds = {"route": route_s * share, "recognize": read_s * share}
            name = page.page.page.page_id
            results.append(
                failures.get(name) or self._assemble(page, answers, unplaced.get(name, ()), seconds)
            )
        return results

    def _read_whole(
        self, routed: Sequence[_Routed]
    ) -> tuple[dict[str, Transcript | Failure], dict[str, tuple[Transcript, ...]], dict[str, Failure]]:
        """Read the pages that an engine takes as a whole: those with lines of its script only.

        Returns:
            Answers by line id; by page id, text that belongs to no line, of every page that was read; failures by page id.
        """
        answers: dict[str, Transcript | Failure] = {}
        unplaced: dict[str, tuple[Transcript, ...]] = {}
        failures: dict[str, Failure] = {}
        for script, engine in self._engines.items():
            if not isinstance(engine, PageRecognizer):
                continue
            pages = [r.page for r in routed if set(r.scripts) == {script} and r.page.pictures]
            for page, found in zip(pages, read_whole_pages(engine, pages, script), strict=True):
                name = page.page.page_id
                if isinstance(found, Failure):
                    failures[name] = found
                    continue
                answers |= zip((image.line_id for image in page.images), found.lines, strict=True)
                unplaced[name] = found.unplaced
        return answers, unplaced, failures

    def _read_glyphs(
        self, pages: Sequence[_Routed], answers: Mapping[str, Transcript | Failure]
    ) -> dict[str, Transcript]:
        """Lines that show one isolated Arabic glyph, by id, where the reader of glyphs is to be believed."""
        if self._glyphs is None:
            return {}
        found = [
            (image, box)
            for page in pages
            for image, box, script in zip(
                page.page.images,
                isolated_glyphs(page.page.lines, page.page.images),
                page.scripts,
                strict=True,
            )
            if box is not None and script is Script.ARABIC and image.line_id in answers
        ]
        read = self._glyphs.recognize([replace(i, pixels=cut_glyph(i.pixels, box)) for i, box in found])
        return {
            image.line_id: replace(glyph, words=(Word(glyph.text, box, glyph.confidence),))
            for (image, box), glyph in zip(found, read, strict=True)
            if isinstance(glyph, Transcript) and is_believed(glyph, answers[image.line_id])
        }

    def _route(self, page: PreparedPage, votes: list[LineScript]) -> _Routed:
        if self._script:
            return _Routed(page, told_page(self._script, votes))
        return _Routed(page, self._router.route_page(votes, _widths(page)))

    def _assemble(
        self,
        routed: _Routed,
        answers: Mapping[str, Transcript | Failure],
        unplaced: Sequence[Transcript],
        seconds: dict[str, float],
    ) -> PageResult | Failure:
        page = routed.page
        lines: list[LineResult] = []
        for line, image, script, vote in zip(
            page.lines, page.images, routed.scripts, routed.votes, strict=True
        ):
            answer = answers.get(line.line_id)
            if isinstance(answer, Failure) and engine_failed(answer):
                return of_page(page, answer)
            if isinstance(answer, Failure):
                # No line of writing (a rule, a speck): the page goes on, the line asks for a look.
                engine = self._engines[script]
                assert not isinstance(engine, Deferred)
                answer = Transcript(line.line_id, "", 0.0, engine.stamp, flags=(answer.kind,))
            transcript = answer and replace(answer, words=_on_page(answer.words, image))
            direction = "rtl" if script is Script.ARABIC else "ltr"
            lines.append(
                LineResult(replace(line, direction=direction), script, transcript, vote.confidence, vote.hand)
            )
        if any(getattr(self._engines[script], "invents", False) for script in set(routed.scripts)):
            lines = self._with_signs(lines, routed)
        lines += [_without_line(page, len(lines) + n, routed.scripts[0], t) for n, t in enumerate(unplaced)]
        missing = {s: e for s in set(routed.scripts) if isinstance(e := self._engines[s], Deferred)}
        status = Status.PENDING if missing else Status.DONE
        return replace(
            self._result(page, routed.script, status, tuple(lines), seconds),
            reason=" ".join(sorted({e.reason for e in missing.values()})),
            script_confidence=routed.confidence,
        )

    def _with_signs(self, lines: list[LineResult], routed: _Routed) -> list[LineResult]:
        """The lines; those that an engine which may invent text seems to have made up are flagged."""
        images = [
            replace(image, script=script)
            for image, script in zip(routed.page.images, routed.scripts, strict=True)
        ]
        signs = made_up(
            [
                (image, r.transcript.text if r.transcript else "")
                for image, r in zip(images, lines, strict=True)
            ]
        )
        flagged = []
        for line, found in zip(lines, signs, strict=True):
            read = line.transcript
            if read and found and getattr(self._engines[line.script], "invents", False):
                line = replace(line, transcript=replace(read, flags=(*read.flags, *found)))
            flagged.append(line)
        return flagged

    def _from_text_layer(self, page: PreparedPage) -> PageResult:
        lines = tuple(
            _text_line(page.page.page_id, order, line) for order, line in enumerate(page.text_layer)
        )
        script = script_of_text("\n".join(line.text for line in page.text_layer))
        return self._result(page, script, Status.DONE, lines)

    def _result(
        self,
        page: PreparedPage,
        script: Script,
        status: Status,
        lines: tuple[LineResult, ...],
        seconds: dict[str, float] | None = None,
    ) -> PageResult:
        used = {r.script for r in lines if r.transcript is None or r.transcript.engine is not PDF_TEXT}
        return PageResult(
            page=page.page,
            width=page.width,
            height=page.height,
            dpi=page.dpi,
            origin=page.origin,
            rotation=page.rotation,
            skew_deg=page.skew_deg,
            script=script,
            status=status,
            lines=lines,
            fingerprint=self._fingerprints.of(used),
            seconds=page.seconds | (seconds or {}),
        )


def is_believed(glyph: Transcript, line: Transcript | Failure) -> bool:
    """Whether what the reader of glyphs says of a segment that looks like a glyph counts more than what that of lines says.

    It does, unless the latter is sure of a character that the former has never seen: a printed 4 on an Arabic page, a teh
    marbuta.
    """
    from ocr_core.recognizers.glyphs.network import CLASSES

    if not glyph.text or glyph.confidence < SURE_OF_GLYPH:
        return False
    if isinstance(line, Failure) or line.confidence < SURE_OF_LINE:
        return True
    return len(line.text) != 1 or not line.text.isalnum() or line.text in CLASSES


class _Routed:
    """A page with the script of each of its lines settled, and its lines in reading order for that."""

    def __init__(self, page: PreparedPage, decision: PageScript) -> None:
        widths = _widths(page)
        arabic = sum(
            w for w, vote in zip(widths, decision.lines, strict=True) if vote.script is Script.ARABIC
        )
        if arabic > sum(widths) / 2:
            order = _from_the_right(page.lines, page.rotation)
            page = _reordered(page, order)
            decision = replace(decision, lines=tuple(decision.lines[i] for i in order))
        self.page = page
        self.script, self.confidence, self.votes = decision.script, decision.confidence, decision.lines
        # A page of digits alone goes to the Latin engine, which knows them.
        self.scripts = [Script.LATIN if vote.script is Script.NONE else vote.script for vote in self.votes]


def _widths(page: PreparedPage) -> list[int]:
    """The lengths of lines, pixels: the longer side of each, for a page may lie on its side."""
    return [max(line.box.width, line.box.height) for line in page.lines]


def _from_the_right(lines: Sequence[Line], rotation: int) -> list[int]:
    """Places of lines in the order of a page whose columns are read from right to left once it stands upright."""
    turned = {0: (1, 0, 0, 1), 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}[rotation]
    upright = np.array(turned).reshape(2, 2)
    baselines = [np.array(line.baseline, float) @ upright.T for line in lines]
    ends = np.array([[*b.min(axis=0) - (0, 1), *b.max(axis=0) + 1] for b in baselines])
    level = [i for i, line in enumerate(lines) if line.region != MARGIN]
    pages = [[i for i, line in enumerate(lines) if line.region == side] for side in (RIGHT, LEFT)]
    if not all(pages) or sum(map(len, pages)) < len(level):  # no spread, or one with lines of neither side
        pages = [level]
    aside = [i for i, line in enumerate(lines) if line.region == MARGIN]
    return [page[i] for page in pages for i in reading_order(ends[page], rtl=True)] + aside


def _reordered(page: PreparedPage, order: Sequence[int]) -> PreparedPage:
    """The page with its lines in another order, numbered anew."""
    ids = [line_id(page.page.page_id, number) for number in range(len(order))]
    return replace(
        page,
        lines=tuple(replace(page.lines[i], line_id=ids[n], order=n) for n, i in enumerate(order)),
        images=tuple(replace(page.images[i], line_id=ids[n]) for n, i in enumerate(order)),
    )


def _on_page(words: Sequence[Word], image: LineImage) -> tuple[Word, ...]:
    """Word boxes of a line picture, moved to pixels of the original page."""
    placed = []
    for word in words:
        box = word.box
        corners = np.array([(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1)], float)
        corners = corners @ image.columns_to_page[:, :2].T + image.columns_to_page[:, 2]
        (x0, y0), (x1, y1) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
        placed.append(replace(word, box=Box(int(x0), int(y0), int(x1), int(y1))))
    return tuple(placed)


def _without_line(page: PreparedPage, order: int, script: Script, transcript: Transcript) -> LineResult:
    """Text that belongs to no line that was found: kept at the end of the page, over all its writing."""
    boxes = [line.box for line in page.lines]
    corners = (
        (min(b.x0 for b in boxes), min(b.y0 for b in boxes)),
        (max(b.x1 for b in boxes) - 1, max(b.y1 for b in boxes) - 1),
    )
    (x0, y0), (x1, y1) = corners
    name = line_id(page.page.page_id, order)
    direction = "rtl" if script is Script.ARABIC else "ltr"
    outline = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    line = Line(name, order, outline, ((x0, y1), (x1, y1)), direction=direction)
    return LineResult(line, script, replace(transcript, line_id=name), script_confidence=0.0)


def _text_line(page_id: str, order: int, line: TextLine) -> LineResult:
    box = line.box
    script = script_of_text(line.text)
    record = Line(
        line_id=line_id(page_id, order),
        order=order,
        polygon=((box.x0, box.y0), (box.x1 - 1, box.y0), (box.x1 - 1, box.y1 - 1), (box.x0, box.y1 - 1)),
        baseline=((box.x0, box.y1 - 1), (box.x1 - 1, box.y1 - 1)),
        direction="rtl" if script is Script.ARABIC else "ltr",
    )
    return LineResult(
        record, script, Transcript(record.line_id, line.text, 1.0, PDF_TEXT, line.words), hand="print"
    )
