"""Pages too small to be read are told, not read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ocr_core.pipeline.prepare import PreparedPage, prepare_pages
from ocr_core.records import Document, Failure, GreyImage, SourceFile
from ocr_core.sources import ReadSettings, identify


def _prepared(picture: GreyImage, folder: Path) -> PreparedPage | Failure:
    path = folder / "a.png"
    cv2.imwrite(str(path), picture)
    document = identify(SourceFile(path, folder, "a.png"))
    assert isinstance(document, Document)
    [page] = prepare_pages([document.page(1)], ReadSettings())
    return page


def test_a_preview_of_a_page_fails_and_a_single_word_does_not(samples: Path, tmp_path: Path) -> None:
    page = cv2.imread(str(samples / "letters" / "JDH_2_16_145_001.jpg"), cv2.IMREAD_GRAYSCALE)
    assert page is not None
    preview = cv2.resize(page, (128, 200), interpolation=cv2.INTER_AREA)
    failure = _prepared(np.asarray(preview, np.uint8), tmp_path)
    assert isinstance(failure, Failure) and failure.kind == "too-small"
    assert "128 × 200" in failure.message and "preview" in failure.remedy
    word = np.full((60, 160), 235, np.uint8)
    cv2.putText(word, "Hooker", (15, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, 30, 2, cv2.LINE_AA)
    read = _prepared(word, tmp_path)
    assert isinstance(read, PreparedPage) and len(read.lines) == 1


def test_noise_is_blank(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (100, 100)).astype(np.uint8)
    for picture in (noise, np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5), np.uint8)):
        read = _prepared(picture, tmp_path)
        assert isinstance(read, PreparedPage) and read.blank and not read.lines
