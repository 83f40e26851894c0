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
from ocr_core.recognizers.protocol import Recognizer
from ocr_core.records import (
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
from ocr_core.script.router import LineScript, ScriptRouter
from ocr_core.script.text import script_of_text

log = logging.getLogger(__name__)

PDF_TEXT = EngineStamp("pdf-text", "1")


@dataclass(frozen=True, slots=True)
class Deferred:
    """Stands where an engine is missing: pages of its script end as pending, with this reason."""

    reason: str


Engines = Mapping[Script, Recognizer | Deferred]


class PageReader:
    """Reads prepared pages. One per process: it holds the models."""

    def __init__(self, router: ScriptRouter, engines: Engines, fingerprints: Fingerprints) -> None:
        self._router = router
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

    def _read_together(self, pages: Sequence[PreparedPage]) -> list[PageResult]:
        started = time.perf_counter()
        votes = iter(self._router.route_lines([image for page in pages for image in page.images]))
        routed = [_Routed(page, [next(votes) for _ in page.images], self._router) for page in pages]
        route_s = time.perf_counter() - started

        started = time.perf_counter()
        jobs: dict[Script, list[LineImage]] = {}
        for page in routed:
            for image, line_script in zip(page.page.images, page.scripts, strict=True):
                jobs.setdefault(line_script, []).append(replace(image, script=line_script))
        answers: dict[str, Transcript | Failure] = {}
        for script, images in jobs.items():
            engine = self._engines[script]
            if not isinstance(engine, Deferred):
                answers |= zip((i.line_id for i in images), engine.recognize(images), strict=True)
        read_s = time.perf_counter() - started

        all_lines = max(1, sum(len(page.images) for page in pages))
        results = []
        for page in routed:
            share = len(page.page.images) / all_lines
            results.append(
                self._assemble(page, answers, {"route": route_s * share, "recognize": read_s * share})
            )
        return results

    def _assemble(
        self, routed: _Routed, answers: Mapping[str, Transcript | Failure], seconds: dict[str, float]
    ) -> PageResult:
        page = routed.page
        lines: list[LineResult] = []
        for line, image, script, vote in zip(
            page.lines, page.images, routed.scripts, routed.votes, strict=True
        ):
            answer = answers.get(line.line_id)
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
        missing = {s: e for s in set(routed.scripts) if isinstance(e := self._engines[s], Deferred)}
        status = Status.PENDING if missing else Status.DONE
        return replace(
            self._result(page, routed.script, status, tuple(lines), seconds),
            reason=" ".join(sorted({e.reason for e in missing.values()})),
            script_confidence=routed.confidence,
        )

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


class _Routed:
    """A page with the script of each of its lines settled, and its lines in reading order for that."""

    def __init__(self, page: PreparedPage, votes: list[LineScript], router: ScriptRouter) -> None:
        widths = [max(line.box.width, line.box.height) for line in page.lines]  # a page may lie on its side
        decision = router.route_page(votes, widths)
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


def _from_the_right(lines: Sequence[Line], rotation: int) -> list[int]:
    """Places of lines in the order of a page whose columns are read from right to left once it stands upright."""
    turned = {0: (1, 0, 0, 1), 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}[rotation]
    upright = np.array(turned).reshape(2, 2)
    baselines = [np.array(line.baseline, float) @ upright.T for line in lines]
    ends = np.array([[*b.min(axis=0) - (0, 1), *b.max(axis=0) + 1] for b in baselines])
    pages = [[i for i, line in enumerate(lines) if line.region == side] for side in (RIGHT, LEFT)]
    if not all(pages):
        return reading_order(ends, rtl=True)
    return [page[i] for page in pages for i in reading_order(ends[page], rtl=True)]


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
