"""The engine `qwen-vl`: any Qwen2-VL, Qwen2.5-VL or Qwen3-VL model, for whole pages and for single lines.

After Bai et al., "Qwen2.5-VL Technical Report" (2025). Only likeliest tokens, nothing drawn, unless a text goes wrong.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from ocr_core.errors import PageError
from ocr_core.recognizers.pictures import answer_each, check_line
from ocr_core.recognizers.protocol import failed, failed_page
from ocr_core.recognizers.qwen.generate import Generated
from ocr_core.recognizers.qwen.inputs import Request
from ocr_core.recognizers.qwen.settings import PROMPTS, QwenSettings
from ocr_core.recognizers.qwen.text import BROKEN, words_of
from ocr_core.recognizers.qwen.writer import Writer
from ocr_core.records import EngineStamp, Failure, LineImage, PagePicture, PageText, ReadWord, Transcript

log = logging.getLogger(__name__)

_FEWER_PIXELS = 0.75
_TEMPERATURES = (0.2, 0.5)
_THINNEST = 28
"""Least side of a page's picture in pixels."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one picture.

    Attributes:
        rows: the words of each line that was written.
        confidence: geometric mean of the probabilities of all tokens, that of the end included.
        flags: what went wrong: `loop`, `truncated`, `broken-text`.
    """

    rows: tuple[tuple[ReadWord, ...], ...]
    confidence: float
    flags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """In one line."""
        return " ".join(word.text for row in self.rows for word in row)


class QwenRecognizer:
    """Reads lines with a Qwen-VL model. Make one with `pull.load_qwen`. Threads may share it."""

    invents = True
    """It knows its languages so well that it may write what is not there."""

    def __init__(self, writer: Writer, stamp: EngineStamp, settings: QwenSettings) -> None:
        self.writer = writer
        self._stamp = stamp
        self._settings = settings

    @property
    def stamp(self) -> EngineStamp:
        return self._stamp

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]:
        """A transcript or a failure for each line: same length, same order."""
        answers = answer_each(images, self._line_request, self.readings)
        return [
            failed(image, answer)
            if isinstance(answer, PageError)
            else Transcript(image.line_id, answer.text, answer.confidence, self._stamp, flags=answer.flags)
            for image, answer in zip(images, answers, strict=True)
        ]

    def _line_request(self, image: LineImage) -> Request:
        check_line(image.pixels)
        own = self._settings
        return Request(image.pixels, own.prompt, own.line_pixels, own.line_tokens)

    def readings(self, requests: Sequence[Request]) -> list[Reading | PageError]:
        """What each request gives, in order. A text that went wrong is asked for in other ways; the best one stays."""
        answers = self._once(requests)
        for attempt in range(self._settings.retries):
            again = [p for p, answer in enumerate(answers) if isinstance(answer, Reading) and answer.flags]
            if not again:
                break
            others = self._once([_other_way(requests[p], attempt) for p in again])
            for place, other in zip(again, others, strict=True):
                if isinstance(other, Reading) and _rank(other) > _rank(cast("Reading", answers[place])):
                    answers[place] = other
        return answers

    def _once(self, requests: Sequence[Request]) -> list[Reading | PageError]:
        return [
            answer if isinstance(answer, PageError) else self._reading(answer)
            for answer in self.writer.write(requests)
        ]

    def _reading(self, generated: Generated) -> Reading:
        rows = words_of(self.writer.tokenizer, generated.tokens, generated.log_probs)
        broken = any(BROKEN in word.text for row in rows for word in row)
        flags = {
            "loop": generated.loops,
            "truncated": not (generated.ended or generated.loops),
            "broken-text": broken,
        }
        return Reading(
            tuple(tuple(row) for row in rows),
            min(1.0, math.exp(generated.mean_log_prob)) if generated.log_probs else 0.0,
            tuple(flag for flag, is_so in flags.items() if is_so),
        )


class QwenPageRecognizer(QwenRecognizer):
    """Reads whole pages, and lines where it is asked to."""

    def recognize_pages(self, pages: Sequence[PagePicture]) -> list[PageText | Failure]:
        """A text or a failure for each page: same length, same order."""
        answers = answer_each(pages, self._page_request, self.readings)
        return [
            failed_page(page, answer)
            if isinstance(answer, PageError)
            else PageText(page.page_id, answer.rows, answer.confidence, self._stamp, answer.flags)
            for page, answer in zip(pages, answers, strict=True)
        ]

    def _page_request(self, page: PagePicture) -> Request:
        _check_page(page)
        own = self._settings
        return Request(page.pixels, own.prompt, own.page_pixels, own.page_tokens)


def _other_way(request: Request, attempt: int) -> Request:
    """How a text that went wrong is asked for: with fewer pixels, the other question, then drawn, more freely each time."""
    if attempt == 0:
        height, width = request.pixels.shape[:2]
        return replace(request, most_pixels=int(_FEWER_PIXELS * min(request.most_pixels, height * width)))
    if attempt == 1:
        return replace(request, prompt=next(name for name in PROMPTS if name != request.prompt))
    return replace(request, temperature=_TEMPERATURES[attempt - 2])


def _rank(reading: Reading) -> tuple[int, float]:
    """What is better: fewer things wrong, then more probable."""
    return -len(reading.flags), reading.confidence


def _check_page(page: PagePicture) -> None:
    pixels = page.pixels
    if pixels.ndim != 2 or str(pixels.dtype) != "uint8" or min(pixels.shape) < _THINNEST:
        raise PageError(
            "bad-page-image",
            f"a page's picture of shape {pixels.shape} and type {pixels.dtype}",
            remedy=f"Pictures of pages are grey, uint8, at least {_THINNEST} pixels wide and high.",
        )
    if max(pixels.shape) > 100 * min(pixels.shape):
        raise PageError(
            "bad-page-image",
            f"a page of {pixels.shape[1]} by {pixels.shape[0]} pixels",
            remedy="It is no page.",
        )
