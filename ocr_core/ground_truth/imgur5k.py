"""Ground truth of words in photographs, in the layout of Imgur5K."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from ocr_core.errors import UsageError
from ocr_core.ground_truth.lines import CutLine
from ocr_core.ground_truth.pages import IMAGE_SUFFIXES
from ocr_core.records import GreyImage


def read_imgur5k(folder: Path) -> Iterator[CutLine]:
    """Words of photographs in the layout of Imgur5K: ``images/*.jpg`` and ``dataset_info/imgur5k_annotations*.json``.

    A word's box is its centre, its sides and its angle in degrees, anticlockwise; it is turned upright. Words that nobody
    could read (transcribed as ``.``) and images that are not there are left out. The page is the image.

    Raises:
        UsageError: the folder has no annotations, or they are not of this form.
    """
    info = folder / "dataset_info"
    paths = sorted(info.glob("imgur5k_annotations_*.json")) or sorted(info.glob("imgur5k_annotations.json"))
    if not paths:
        raise UsageError(
            f"{info} has no imgur5k_annotations*.json", remedy="Name the folder of the data set."
        )
    for path in paths:
        try:
            values = json.loads(path.read_text("utf-8"))
            words = [
                (image, [(values["ann_id"][a]["word"], _turned_box(values["ann_id"][a])) for a in names])
                for image, names in sorted(values["index_to_ann_map"].items())
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{path} is not as Imgur5K's: {error!r}", remedy="Download it again.") from error
        for image, found in words:
            file = next(
                (i for s in IMAGE_SUFFIXES if (i := folder / "images" / f"{image}{s}").exists()), None
            )
            pixels = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) if file else None
            for number, (text, box) in enumerate(found if pixels is not None else ()):
                if text != "." and min(box[2:4]) >= 4:
                    word = _upright(np.asarray(pixels, dtype=np.uint8), box)
                    yield CutLine(
                        image, f"{image} word {number + 1}", text, cv2.imencode(".png", word)[1].tobytes()
                    )


def _turned_box(annotation: dict[str, str]) -> tuple[float, float, float, float, float]:
    x, y, width, height, angle = (float(v) for v in json.loads(annotation["bounding_box"]))
    return x, y, width, height, angle


def _upright(pixels: GreyImage, box: tuple[float, float, float, float, float]) -> GreyImage:
    x, y, width, height, angle = box
    matrix = cv2.getRotationMatrix2D((x, y), -angle, 1.0)
    matrix[:, 2] += np.array([width / 2 - x, height / 2 - y])
    size = (round(width), round(height))
    return np.asarray(
        cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        dtype=np.uint8,
    )
