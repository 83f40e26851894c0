"""Measuring an engine on ground truth: lines cut by the outlines of PAGE or ALTO files, as the pipeline cuts its own."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ocr_core.audit.rates import (
    Bin,
    Confusion,
    LineScore,
    PageRates,
    Rate,
    badness,
    calibration_error,
    confusions,
    page_rates,
    rate_with_interval,
    reliability,
    score_line,
)
from ocr_core.audit.truth import Omission, comparable, measurable
from ocr_core.errors import NothingToDo, PageError
from ocr_core.ground_truth import Points, TruthLine, TruthPage, find_pages
from ocr_core.imaging.clean import to_grey
from ocr_core.layout.crops import crop_lines
from ocr_core.records import (
    EngineStamp,
    Failure,
    GreyImage,
    Line,
    LineImage,
    PageImage,
    Point,
    SourceFile,
    as_points,
    line_id,
)
from ocr_core.sources import identify, read_pages

if TYPE_CHECKING:
    from ocr_core.recognizers.protocol import Recognizer

_BATCH_PAGES = 8


@dataclass(frozen=True, slots=True)
class WorstLine:
    """A badly read line with its picture, grey uint8 [height, width]."""

    score: LineScore
    pixels: GreyImage


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured.

    Attributes:
        pages: in the order of the folders and names.
        scores: of every line, in the order of the files.
        confusions: the most frequent first.
        worst: the worst lines, the worst first (see `rates.badness`).
        reliability: lines by confidence; `calibration_error` is the expected calibration error over these.
        omissions: everything of the ground truth that was not measured, with reasons.
        unread: lines that the engine answered with a failure; they count as read empty.
        seconds: the engine's own time, without decoding and cutting of images.
    """

    engine: EngineStamp
    pages: tuple[PageRates, ...]
    scores: tuple[LineScore, ...]
    cer: Rate
    wer: Rate
    confusions: tuple[Confusion, ...]
    worst: tuple[WorstLine, ...]
    reliability: tuple[Bin, ...]
    calibration_error: float
    omissions: tuple[Omission, ...]
    unread: tuple[Omission, ...]
    seconds: float

    @property
    def pages_omitted(self) -> int:
        return sum(not omission.line for omission in self.omissions)


def evaluate(
    engine: Recognizer,
    folders: Sequence[Path],
    *,
    only: Sequence[str] = (),
    images: Sequence[Path] = (),
    worst: int = 30,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Read every transcribed line of the ground truth and measure the readings.

    Args:
        engine: a line reader.
        folders: with PAGE or ALTO files and their page images.
        only: names of files (without suffix) to measure; all if empty.
        images: further folders to look for page images in.
        worst: how many of the worst lines to keep with their pictures.
        progress: told pages done and pages in all after each batch of pages.

    Raises:
        UsageError: see `ground_truth.find_pages`.
        NothingToDo: no line could be measured.
    """
    pages = find_pages(folders, only, images)
    omissions: list[Omission] = []
    unread: list[Omission] = []
    scores: list[LineScore] = []
    kept: list[tuple[float, int, WorstLine]] = []
    seconds, done = 0.0, 0
    remaining = iter(pages)
    while batch := list(itertools.islice(remaining, _BATCH_PAGES)):
        cut = list(_cut(batch, omissions))
        started = time.perf_counter()
        answers = engine.recognize([picture for *_, picture in cut])
        seconds += time.perf_counter() - started
        for (page, name, truth, picture), answer in zip(cut, answers, strict=True):
            if isinstance(answer, Failure):
                unread.append(Omission(page, name, f"{answer.kind}: {answer.message}"))
                score = score_line(page, name, truth, "", 0.0)
            else:
                score = score_line(page, name, truth, comparable(answer.text), answer.confidence)
            if score.edits and worst:
                heapq.heappush(kept, (badness(score), -len(scores), WorstLine(score, picture.pixels)))
                if len(kept) > worst:
                    heapq.heappop(kept)
            scores.append(score)
        done += len(batch)
        progress(done, len(pages))
    if not scores:
        raise NothingToDo(
            "No transcribed line with an outline and an image was found." + _reasons(omissions),
            remedy="Name folders that hold PAGE or ALTO files with their page images beside them.",
        )
    rates = page_rates(scores)
    bins = reliability(scores)
    return Evaluation(
        engine=engine.stamp,
        pages=rates,
        scores=tuple(scores),
        cer=rate_with_interval([p.edits for p in rates], [p.characters for p in rates]),
        wer=rate_with_interval([p.word_edits for p in rates], [p.words for p in rates]),
        confusions=confusions(scores),
        worst=tuple(line for *_, line in sorted(kept, key=lambda item: item[:2], reverse=True)),
        reliability=bins,
        calibration_error=calibration_error(bins),
        omissions=tuple(omissions),
        unread=tuple(unread),
        seconds=seconds,
    )


def _cut(pages: Sequence[TruthPage], omissions: list[Omission]) -> Iterator[tuple[str, str, str, LineImage]]:
    """Page, line, transcript and picture of every line that can be measured; what cannot be goes to `omissions`."""
    for page in pages:
        lines, without = measurable(page)
        omissions += without
        try:
            pictures = _pictures(page, lines)
        except PageError as error:
            omissions.append(Omission(page.name, "", error.message))
            continue
        for line, picture in zip(lines, pictures, strict=True):
            yield page.name, line.name, comparable(line.text), picture


def _pictures(page: TruthPage, lines: Sequence[TruthLine]) -> list[LineImage]:
    """The pictures of lines of a page, as the pipeline makes them.

    Raises:
        PageError: the page has no image, one that cannot be read, or one of another size than the ground truth's.
    """
    if page.image is None:
        raise PageError("no-image", "no page image was found", remedy="")
    found = identify(SourceFile(page.image, page.image.parent, page.image.name))
    image = found if isinstance(found, Failure) else next(read_pages([found.page(1)]))
    if not isinstance(image, PageImage):
        raise PageError("bad-image", f"{page.image.name}: {image.message}", remedy=image.remedy)
    height, width = image.pixels.shape[:2]
    if page.size is not None and page.size != (width, height):
        raise PageError(
            "other-size",
            f"{page.image.name} is {width} × {height} pixels, its ground truth says {page.size[0]} × {page.size[1]}",
            remedy="",
        )

    def inside(points: Points) -> tuple[Point, ...]:
        return as_points(np.clip(points, 0, (width - 1, height - 1)))

    cut = [
        Line(line_id(page.name, order), order, inside(line.outline), inside(line.baseline))
        for order, line in enumerate(lines)
    ]
    return crop_lines(to_grey(image.pixels), cut)


def _reasons(omissions: Sequence[Omission]) -> str:
    """The first few reasons, for an error message."""
    return "".join(f"\n  {o.page} {o.line}".rstrip() + f": {o.reason}" for o in omissions[:5])
