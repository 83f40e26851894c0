"""The engine `glyphs`: pictures that show one isolated Arabic letter or Arabic-Indic digit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.errors import ModelError, PageError
from ocr_core.models import WEIGHTS, verified_bytes
from ocr_core.recognizers.device import has_bf16, torch_device
from ocr_core.recognizers.glyphs.network import CLASSES, kind_of
from ocr_core.recognizers.glyphs.picture import as_input, glyph_picture, ink_of
from ocr_core.recognizers.pictures import answer_each
from ocr_core.recognizers.protocol import Alternative, failed
from ocr_core.records import Box, EngineStamp, Failure, GreyImage, LineImage, Transcript, Word

if TYPE_CHECKING:
    from ocr_core.recognizers.glyphs.network import GlyphNetwork

KIND = "glyphs"
_BATCH = 32
"""Every batch has as many pictures, so that each is rounded alike in any company."""
_LONGEST = 12.0
"""Sides of a picture relate at most so; even an alef cut closely is not longer."""


class GlyphRecognizer:
    """Reads pictures of single characters, dark on light or light on dark. Make one with `load`."""

    def __init__(
        self,
        network: GlyphNetwork,
        stamp: EngineStamp,
        *,
        device: str = "auto",
        calibration: Sequence[tuple[float, float]] = (),
    ) -> None:
        """Take a network, which is changed in place for speed.

        Args:
            device: `auto`, `cpu` or `cuda[:n]`.
            calibration: see `ModelCard`.
        """
        import torch

        self._device = torch_device(device)
        self._kind = kind_of(network)
        self._type = torch.bfloat16 if has_bf16(self._device) else torch.float32
        folded = network.folded().to(self._device, self._type)
        self._network: Any = folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._stamp = stamp
        self._calibration = np.array(calibration, dtype=np.float64).reshape(-1, 2)

    @classmethod
    def load(cls, name: str = "glyphs", *, device: str = "auto", folder: Path = WEIGHTS) -> GlyphRecognizer:
        """Load packaged weights, after checking them against the sha256 of their card.

        Raises:
            ModelError: weights or card are missing, damaged, or of another kind of network.
        """
        from ocr_core.recognizers.glyphs.file import read_glyphs

        card, data = verified_bytes(name, folder)
        if card.kind != KIND:
            raise ModelError(
                f"{name} is a {card.kind}, not a reader of characters", remedy="Name a model of kind glyphs."
            )
        stamp = EngineStamp(card.name, card.version, card.sha256, card.settings)
        return cls(read_glyphs(data, card.file), stamp, device=device, calibration=card.calibration)

    @property
    def stamp(self) -> EngineStamp:
        return self._stamp

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]:
        """One character, or no text where there is no ink, for each picture; same length, same order."""
        answers = answer_each(images, lambda image: _ink(image.pixels), self._read)
        return [
            failed(image, answer)
            if isinstance(answer, PageError)
            else self._transcript(image.line_id, *answer)
            for image, answer in zip(images, answers, strict=True)
        ]

    def _read(self, inks: list[GreyImage]) -> list[tuple[GreyImage, NDArray[np.float32]]]:
        return list(zip(inks, self._probabilities(inks), strict=True))

    def probabilities(self, pictures: Sequence[GreyImage]) -> NDArray[np.float32]:
        """Probabilities of the 38 classes (see `glyphs.network.CLASSES`), float32 [N, 38], not calibrated.

        Raises:
            PageError: a picture is not grey, or too long to show one character.
        """
        return self._probabilities([_ink(pixels) for pixels in pictures])

    def alternatives(self, image: LineImage, count: int) -> list[Alternative]:
        row = self._probabilities([_ink(image.pixels)])[0]
        return [Alternative(CLASSES[i], float(row[i])) for i in np.argsort(-row, kind="stable")[:count]]

    def _probabilities(self, inks: Sequence[GreyImage]) -> NDArray[np.float32]:
        import torch

        out = np.zeros((len(inks), len(CLASSES)), np.float32)
        for first in range(0, len(inks), _BATCH):
            x = as_input([glyph_picture(ink, self._kind) for ink in inks[first : first + _BATCH]])
            whole = np.zeros((_BATCH, *x.shape[1:]), np.float32)
            whole[: len(x)] = x
            with torch.inference_mode():
                logits = self._network(torch.from_numpy(whole).to(self._device, self._type))
                scores = logits.float().softmax(1).cpu().numpy()
            out[first : first + len(x)] = scores[: len(x)]
        return out

    def _transcript(self, line_id: str, ink: GreyImage, row: NDArray[np.float32]) -> Transcript:
        if not ink.any():
            return Transcript(line_id, "", 1.0, self._stamp)
        text, confidence = CLASSES[int(row.argmax())], float(row.max())
        if len(self._calibration):
            confidence = float(np.interp(confidence, self._calibration[:, 0], self._calibration[:, 1]))
        x, y, width, height = cv2.boundingRect((ink > 96).astype(np.uint8))
        word = Word(text, Box(x, y, x + max(width, 1), y + max(height, 1)), confidence)
        return Transcript(line_id, text, confidence, self._stamp, (word,))


def _ink(pixels: NDArray[np.uint8]) -> GreyImage:
    if pixels.ndim != 2 or pixels.dtype != np.uint8 or min(pixels.shape) < 2:
        raise PageError(
            "bad-line-image",
            f"a picture of shape {pixels.shape} and type {pixels.dtype}",
            remedy="Pictures of characters are grey, uint8, at least 2 pixels wide and high.",
        )
    if max(pixels.shape) > _LONGEST * min(pixels.shape):
        raise PageError(
            "no-single-character",
            f"a picture {pixels.shape[1]} pixels wide and {pixels.shape[0]} high",
            remedy="Give this line to a reader of lines: it cannot show one character.",
        )
    return ink_of(pixels)
