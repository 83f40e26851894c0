"""From prepared pages to text: each line to the engine of its script, batched over pages."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ocr_core.pipeline.fingerprint import Fingerprints
from ocr_core.pipeline.isolated import read_glyphs
from ocr_core.pipeline.placed import PDF_TEXT, direction_of, of_text_layer, on_page, without_line
from ocr_core.pipeline.prepare import PreparedPage, failure, unexpected
from ocr_core.pipeline.routed import RoutedPage, line_widths, routed
from ocr_core.pipeline.signs import made_up
from ocr_core.pipeline.whole_pages.read import engine_failed, of_page, read_whole_pages
from ocr_core.recognizers.protocol import PageRecognizer, Recognizer
from ocr_core.records import (
    Failure,
    LineImage,
    LineResult,
    PageResult,
    Script,
    Stage,
    Status,
    Transcript,
)
from ocr_core.script.pages import LineScript, told_page
from ocr_core.script.router import ScriptRouter
from ocr_core.script.text import script_of_text

log = logging.getLogger(__name__)


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
        on_their_way = [self._route(page, [next(votes) for _ in page.images]) for page in pages]
        route_s = time.perf_counter() - started

        started = time.perf_counter()
        answers, unplaced, failures = self._read_whole(on_their_way)
        by_line = [r.page for r in on_their_way if r.page_id not in unplaced and r.page_id not in failures]
        jobs: dict[Script, list[LineImage]] = {}
        for image in (image for page in by_line for image in page.images):
            jobs.setdefault(image.script, []).append(image)
        for script, images in jobs.items():
            engine = self._engines[script]
            if not isinstance(engine, Deferred):
                answers |= zip((i.line_id for i in images), engine.recognize(images), strict=True)
        if self._glyphs is not None:
            answers |= read_glyphs(self._glyphs, by_line, answers)
        read_s = time.perf_counter() - started

        all_lines = max(1, sum(len(page.images) for page in pages))
        results: list[PageResult | Failure] = []
        for one in on_their_way:
            share = len(one.page.images) / all_lines
            seconds = {"route": route_s * share, "recognize": read_s * share}
            results.append(
                failures.get(one.page_id)
                or self._assemble(one, answers, unplaced.get(one.page_id, ()), seconds)
            )
        return results

    def _read_whole(
        self, pages: Sequence[RoutedPage]
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
            whole = [r.page for r in pages if r.scripts == {script} and r.page.pictures]
            for page, found in zip(whole, read_whole_pages(engine, whole, script), strict=True):
                name = page.page.page_id
                if isinstance(found, Failure):
                    failures[name] = found
                    continue
                answers |= zip((image.line_id for image in page.images), found.lines, strict=True)
                unplaced[name] = found.unplaced
        return answers, unplaced, failures

    def _route(self, page: PreparedPage, votes: list[LineScript]) -> RoutedPage:
        if self._script:
            return routed(page, told_page(self._script, votes))
        return routed(page, self._router.route_page(votes, line_widths(page)))

    def _assemble(
        self,
        found: RoutedPage,
        answers: Mapping[str, Transcript | Failure],
        unplaced: Sequence[Transcript],
        seconds: dict[str, float],
    ) -> PageResult | Failure:
        page, decision = found.page, found.decision
        lines: list[LineResult] = []
        for line, image, vote in zip(page.lines, page.images, decision.lines, strict=True):
            script = image.script
            answer = answers.get(line.line_id)
            if isinstance(answer, Failure) and engine_failed(answer):
                return of_page(page, answer)
            if isinstance(answer, Failure):
                # No line of writing (a rule, a speck): the page goes on, the line asks for a look.
                engine = self._engines[script]
                assert not isinstance(engine, Deferred)
                answer = Transcript(line.line_id, "", 0.0, engine.stamp, flags=(answer.kind,))
            transcript = answer and replace(answer, words=on_page(answer.words, image, page))
            line = replace(line, direction=direction_of(script))
            lines.append(LineResult(line, script, transcript, vote.confidence, vote.hand))
        inventive = {s for s in found.scripts if getattr(self._engines[s], "invents", False)}
        if inventive:
            lines = _with_signs(lines, page.images, inventive)
        lines += [without_line(page, len(lines) + n, lines[0].script, t) for n, t in enumerate(unplaced)]
        reasons = {e.reason for s in found.scripts if isinstance(e := self._engines[s], Deferred)}
        return replace(
            self._result(
                page, decision.script, Status.PENDING if reasons else Status.DONE, tuple(lines), seconds
            ),
            reason=" ".join(sorted(reasons)),
            script_confidence=decision.confidence,
        )

    def _from_text_layer(self, page: PreparedPage) -> PageResult:
        lines = tuple(
            of_text_layer(page.page.page_id, order, line) for order, line in enumerate(page.text_layer)
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


def _with_signs(
    lines: Sequence[LineResult], images: Sequence[LineImage], inventive: Collection[Script]
) -> list[LineResult]:
    """The lines; those that an engine which may invent text seems to have made up are flagged.

    Args:
        images: theirs, in the same order.
        inventive: scripts of such engines.
    """
    texts = [line.transcript.text if line.transcript else "" for line in lines]
    flagged = []
    for line, signs in zip(lines, made_up(list(zip(images, texts, strict=True))), strict=True):
        read = line.transcript
        if read and signs and line.script in inventive:
            line = replace(line, transcript=replace(read, flags=(*read.flags, *signs)))
        flagged.append(line)
    return flagged
