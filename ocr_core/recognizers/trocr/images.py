"""What a TrOCR model sees of a line, and the preparation of the published fine-tuning project, step by step.

Pictures are grey uint8 [rows, columns], ink dark on light ground.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.errors import ModelError
from ocr_core.recognizers.pictures import resize
from ocr_core.records import GreyImage

Step = Literal["non-local-means", "median", "adaptive-threshold"]

PREPARATION = "preprocessor_config.json"


@dataclass(frozen=True, slots=True)
class InputShape:
    """How grey lines become the input of a model.

    Attributes:
        height, width: every line is scaled to this size, whatever its proportions.
        mean, std: of the three equal channels, values in [0, 1].
        resample: filter, as PIL numbers them (2 bilinear, 3 bicubic).
    """

    height: int
    width: int
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    resample: int = 2

    @classmethod
    def load(cls, folder: Path) -> InputShape:
        """From the `preprocessor_config.json` of a model folder.

        Raises:
            ModelError: the file is missing or does not say what size pictures have.
        """
        try:
            values = json.loads((folder / PREPARATION).read_text("utf-8"))
            size = values["size"]
            sides = (size["height"], size["width"]) if isinstance(size, dict) else (size, size)
            return cls(
                int(sides[0]), int(sides[1]), _three(values.get("image_mean", 0.5)), _three(values.get("image_std", 0.5)),
                int(values.get("resample", 2)),
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{folder / PREPARATION} does not say how pictures are prepared: {error!r}",
                remedy="Copy this file from where the model was published.",
            ) from error


def model_input(picture: GreyImage, shape: InputShape) -> NDArray[np.float32]:
    """Scaled to the model's size and normalised: float32 [3, height, width]."""
    scaled = np.asarray(resize(picture, shape.height, shape.width, shape.resample), dtype=np.float32) / 255
    mean, std = (np.array(v, dtype=np.float32)[:, None, None] for v in (shape.mean, shape.std))
    return np.asarray((scaled[None] - mean) / std, dtype=np.float32)


def grey(picture: NDArray[np.uint8]) -> GreyImage:
    """RGB [rows, columns, 3] or grey to grey, by ITU-R BT.601 luma."""
    if picture.ndim == 2:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def non_local_means(picture: GreyImage, strength: float = 10.0) -> GreyImage:
    """Fast non-local means (Buades, Coll and Morel, CVPR 2005): like patches of the picture are averaged."""
    return np.asarray(cv2.fastNlMeansDenoising(picture, None, strength, 7, 21), dtype=np.uint8)


def median(picture: GreyImage, size: int = 3) -> GreyImage:
    """The median of each neighbourhood of `size` × `size`: takes single specks away and keeps edges."""
    return np.asarray(cv2.medianBlur(picture, size), dtype=np.uint8)


def adaptive_threshold(picture: GreyImage, block: int = 11, offset: float = 2.0) -> GreyImage:
    """Black where darker than the Gaussian mean of its neighbourhood by `offset`, else white."""
    how = cv2.ADAPTIVE_THRESH_GAUSSIAN_C
    return np.asarray(
        cv2.adaptiveThreshold(picture, 255, how, cv2.THRESH_BINARY, block, offset), dtype=np.uint8
    )


STEPS: Mapping[Step, Callable[[GreyImage], GreyImage]] = {
    "non-local-means": non_local_means,
    "median": median,
    "adaptive-threshold": adaptive_threshold,
}
"""In the order in which the published project takes them."""


def prepared(picture: NDArray[np.uint8], steps: Sequence[Step]) -> GreyImage:
    """Grey, then the named steps in their order."""
    image = grey(picture)
    for step in steps:
        image = STEPS[step](image)
    return image


def _three(value: object) -> tuple[float, float, float]:
    values = list(value) if isinstance(value, list) else [value] * 3
    if len(values) == 1:
        values *= 3
    a, b, c = (float(str(v)) for v in values)
    return a, b, c
