"""Measuring an engine on the lines of ground truth."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ocr_core.audit.evaluation.lines import MeasuredLine, lines_to_measure
from ocr_core.audit.metrics.intervals import Rate
from ocr_core.audit.metrics.rates import (
    Bin,
    Confusion,
    FoldedRates,
    LineScore,
    PageRates,
    badness,
    calibration_error,
    confusions,
    error_rates,
    folded_rates,
    page_rates,
    reliability,
    score_line,
)
from ocr_core.audit.metrics.text import comparable
from ocr_core.audit.omission import Omission
from ocr_core.errors import NothingToDo
from ocr_core.records import EngineStamp, Failure, GreyImage

if TYPE_CHECKING:
    from ocr_core.recognizers.protocol import Recognizer

_BATCH_LINES = 256


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
        folded: rates of the same lines with less told apart (see `text`).
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
    folded: tuple[FoldedRates, ...]
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
    places: Sequence[Path],
    *,
    only: Sequence[str] = (),
    images: Sequence[Path] = (),
    worst: int = 30,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Evaluation:
    """Read every transcribed line of the ground truth and measure the readings.

    Args:
        engine: a line reader.
        places, only, images: see `lines.lines_to_measure`.
        worst: how many of the worst lines to keep with their pictures.
        progress: told, after each batch of lines, the pages that were come to and pages in all (None: not known).

    Raises:
        UsageError: see `lines.lines_to_measure`.
        NothingToDo: no line could be measured.
    """
    found, total = lines_to_measure(places, only, images)
    omissions: list[Omission] = []
    unread: list[Omission] = []
    scores: list[LineScore] = []
    kept: list[tuple[float, int, WorstLine]] = []
    seconds, pages = 0.0, set[str]()
    while batch := list(itertools.islice(found, _BATCH_LINES)):
        omissions += [item for item in batch if isinstance(item, Omission)]
        lines = [item for item in batch if isinstance(item, MeasuredLine)]
        started = time.perf_counter()
        answers = engine.recognize([line.picture for line in lines])
        seconds += time.perf_counter() - started
        for line, answer in zip(lines, answers, strict=True):
            if isinstance(answer, Failure):
                unread.append(Omission(line.page, line.line, f"{answer.kind}: {answer.message}"))
                score = score_line(line.page, line.line, line.text, "", 0.0)
            else:
                reading = comparable(answer.text)
                score = score_line(line.page, line.line, line.text, reading, answer.confidence)
            if score.edits and worst:
                heapq.heappush(kept, (badness(score), -len(scores), WorstLine(score, line.picture.pixels)))
                if len(kept) > worst:
                    heapq.heappop(kept)
            scores.append(score)
        pages |= {item.page for item in batch}
        progress(len(pages), total)
    if not scores:
        raise NothingToDo(
            "No transcribed line with a picture was found." + _reasons(omissions),
            remedy="Name folders of PAGE or ALTO files with their page images beside them (or where --images says), of "
            "*.png with *.gt.txt, or of Parquet files of lines.",
        )
    rates = page_rates(scores)
    cer, wer = error_rates(rates)
    bins = reliability(scores)
    return Evaluation(
        engine=engine.stamp,
        pages=rates,
        scores=tuple(scores),
        cer=cer,
        wer=wer,
        folded=folded_rates(scores, lambda folded: error_rates(page_rates(folded))),
        confusions=confusions(scores),
        worst=tuple(line for *_, line in sorted(kept, key=lambda item: item[:2], reverse=True)),
        reliability=bins,
        calibration_error=calibration_error(bins),
        omissions=tuple(omissions),
        unread=tuple(unread),
        seconds=seconds,
    )


def _reasons(omissions: Sequence[Omission]) -> str:
    """The first few reasons, for an error message."""
    return "".join(f"\n  {o.page} {o.line}".rstrip() + f": {o.reason}" for o in omissions[:5])
