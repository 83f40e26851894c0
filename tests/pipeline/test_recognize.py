"""Which pictures are pages rather than lines or characters."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_core.pipeline.recognize import shows_page
from ocr_core.records import GreyImage


def grey(path: Path) -> GreyImage:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def test_pages_of_all_kinds_are_known(samples: Path) -> None:
    paths = [p for p in sorted(samples.rglob("*")) if p.suffix in (".jpg", ".png") and "blank" not in p.name]
    assert len(paths) > 5
    assert all(shows_page(grey(path)) for path in paths)


@pytest.mark.parametrize(("top", "bottom"), [(300, 430), (1000, 1130)])
def test_strips_of_lines_are_none(samples: Path, top: int, bottom: int) -> None:
    for path in sorted((samples / "letters").glob("*.jpg")):
        assert not shows_page(grey(path)[top:bottom])


@pytest.mark.parametrize("side", [64, 400, 1200])
def test_a_letter_is_none_however_large(side: int) -> None:
    picture = np.full((side, side), 235, np.uint8)
    thick = max(2, side // 25)
    cv2.ellipse(picture, (side // 2, side // 2), (side // 3, side // 4), 0, 0, 180, 30, thick)  # ب, ث
    for x in (4, 5, 6):
        cv2.circle(picture, (side * x // 10, side // 3 if x != 4 else side * 9 // 10), thick, 30, -1)
    assert not shows_page(picture)


def test_an_empty_sheet_is_none(samples: Path) -> None:
    assert not shows_page(grey(samples / "mixed" / "synthetic-blank.jpg"))
