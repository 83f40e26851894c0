"""Lines through the published network, many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from PIL import Image

from ocr_core.ground import normalise_height
from ocr_core.recognizers.crnn.lines import BATCH_LINES, Placement
from ocr_core.recognizers.decoding.ctc import Frames
from ocr_core.recognizers.pictures import LineJob, check_line, line_batches
from ocr_core.recognizers.published.file import EVENED, PUBLISHED
from ocr_core.recognizers.published.network import HEIGHT, NARROWEST, PublishedCrnn, PublishedReader
from ocr_core.records import GreyImage

_STEP = 64
_BATCH_COLUMNS = 6_000
"""Padded columns of a batch: larger ones spend more time on fetching memory than they save."""
_LONGEST = 8_000


class PublishedLines:
    """The published network that reads; a `LineNetwork`. A line reads the same whatever its batch (see `network`)."""

    def __init__(self, network: PublishedCrnn, placement: Placement, preparation: str = PUBLISHED) -> None:
        """Take a network, which is changed in place.

        Args:
            preparation: that of the network's file (see `file`).
        """
        self._preparation = preparation
        self._device = placement.device
        reader = PublishedReader(network, int8=placement.int8).to(
            device=self._device, memory_format=torch.channels_last
        )  # type: ignore[call-overload]
        self._reader = reader.bfloat16() if placement.bf16 else reader.float()

    def prepare(self, place: int, pixels: GreyImage) -> LineJob:
        check_line(pixels, _LONGEST / HEIGHT)
        if self._preparation == EVENED:
            return LineJob(place, normalise_height(pixels, HEIGHT), HEIGHT / len(pixels))
        return LineJob(place, as_published(pixels), HEIGHT / len(pixels))

    def scores(self, jobs: Sequence[LineJob]) -> Iterator[tuple[Sequence[LineJob], list[Frames]]]:
        for batch in line_batches(jobs, BATCH_LINES, _BATCH_COLUMNS):
            widths = [max(job.image.shape[1], NARROWEST) for job in batch]
            columns = -(-widths[-1] // _STEP) * _STEP
            # At least two rows: a row alone takes another path through oneDNN, with other rounding.
            count = max(2, len(batch))
            x = torch.zeros(count, 1, HEIGHT, columns)
            for row, job in enumerate(batch):
                x[row, 0, :, : job.image.shape[1]] = torch.from_numpy(job.image).float() / 127.5 - 1
            ends = torch.tensor(widths + [columns] * (count - len(batch)), device=self._device)
            with torch.inference_mode():
                logits = self._reader(x.to(self._device, self._reader.fc.weight.dtype), ends)
                scores = logits.float().log_softmax(2).transpose(0, 1).cpu().numpy()
            yield batch, [scores[row, : width // 4 - 1] for row, width in enumerate(widths)]


def as_published(pixels: GreyImage) -> GreyImage:
    """Scale a grey line to 128 rows with a Lanczos filter, its proportions kept: the published preparation."""
    rows, columns = pixels.shape
    width = max(1, int(HEIGHT * (columns / rows)))
    scaled = Image.fromarray(pixels).resize((width, HEIGHT), Image.Resampling.LANCZOS)
    return np.array(scaled, dtype=np.uint8)
