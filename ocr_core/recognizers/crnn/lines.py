"""Lines through the compact network, many at a time, in the precision that is fastest on its device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ocr_core.ground import normalise_height
from ocr_core.recognizers.crnn.int8 import Int8Crnn, fast_int8
from ocr_core.recognizers.crnn.network import REDUCTION, Crnn, channels_last, fold_norms
from ocr_core.recognizers.decoding.ctc import Frames
from ocr_core.recognizers.device import has_bf16, torch_device
from ocr_core.recognizers.pictures import LineJob, check_line, line_batches
from ocr_core.records import GreyImage

BATCH_LINES = 32
BATCH_COLUMNS = 24_000
"""Padded columns of a batch: bounds memory at about 150 MB."""
_STEP = 32
"""Widths are rounded up to multiples of this, so that oneDNN compiles few shapes."""
_LONGEST = 6_000
"""Columns at network height beyond which a picture is no line of writing."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how a network reads: its device, with convolutions in 8 bits or not, and the rest in bfloat16 or not."""

    device: torch.device
    int8: bool
    bf16: bool

    @classmethod
    def of(cls, device: str = "auto", precision: str = "auto") -> Placement:
        """The placement that is asked for.

        Args:
            device: `auto`, `cpu` or `cuda[:n]`.
            precision: `fp32`, `bf16`, `int8` (convolutions only, see the module of that name), or `auto`: what is fastest on
                this device, for they read alike.
        """
        at = torch_device(device)
        int8 = precision == "int8" or (precision == "auto" and at.type == "cpu" and fast_int8())
        return cls(at, int8, precision == "bf16" or (precision != "fp32" and has_bf16(at)))


class CompactLines:
    """A compact network that reads; a `LineNetwork`. It is changed in place for speed (batch norm folded in)."""

    def __init__(self, network: Crnn, placement: Placement) -> None:
        self._height = network.shape.height
        self._placement = placement
        self._network: Any = (
            Int8Crnn(network)
            if placement.int8
            else channels_last(fold_norms(network.eval()), placement.device)
        )

    def prepare(self, place: int, pixels: GreyImage) -> LineJob:
        check_line(pixels, _LONGEST / self._height)
        return LineJob(place, normalise_height(pixels, self._height), self._height / pixels.shape[0])

    def scores(self, jobs: Sequence[LineJob]) -> Iterator[tuple[Sequence[LineJob], list[Frames]]]:
        device = self._placement.device
        for batch in line_batches(jobs, BATCH_LINES, BATCH_COLUMNS):
            widths = [job.image.shape[1] for job in batch]
            columns = -(-max(widths) // _STEP) * _STEP
            # At least two rows: a row alone takes another path through oneDNN, with other rounding, and a line must
            # read the same whatever it is batched with.
            ink = np.full((max(2, len(batch)), 1, self._height, columns), 255, np.uint8)
            for row, job in enumerate(batch):
                ink[row, 0, :, : job.image.shape[1]] = job.image
            x = 1 - torch.from_numpy(ink).to(device).float() / 255
            with (
                torch.inference_mode(),
                torch.autocast(device.type, torch.bfloat16, enabled=self._placement.bf16),
            ):
                logits, _ = self._network(
                    x, torch.tensor(widths + [columns] * (len(x) - len(widths)), device=device)
                )
            scores = logits.float().log_softmax(2).transpose(0, 1).cpu().numpy()
            yield batch, [scores[row, : -(-width // REDUCTION)] for row, width in enumerate(widths)]
