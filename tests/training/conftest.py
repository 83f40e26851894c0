"""A small archive with ground truth: pages of printed words, drawn here, with PAGE and ALTO files beside them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_core.training.crnn.config import TrainSettings

LETTERS_CORPUS = {
    "name": "letters",
    "path": "letters",
    "document": "^([a-z])_",
    "dev_fraction": 0,
    "dev": ["c"],
}
"""The fixture `letters` as the settings of a training name it; its document c is held out."""
WORDS = ("cab", "dace", "bead", "fade", "ace", "bad cab", "a deaf ace", "fed a bee")


def draw_page(
    words: tuple[str, ...],
) -> tuple[np.ndarray, list[tuple[str, list[tuple[int, int]], list[tuple[int, int]]]]]:
    """A page with one line of writing for each text, and (text, baseline, polygon) of each."""
    page = np.full((90 * len(words) + 60, 420), 225, np.uint8)
    lines = []
    for row, text in enumerate(words):
        y = 90 * (row + 1)
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.3, 3)
        cv2.putText(page, text, (30, y), cv2.FONT_HERSHEY_SIMPLEX, 1.3, 50, 3, cv2.LINE_AA)
        polygon = [(26, y - height - 8), (width + 34, y - height - 8), (width + 34, y + 14), (26, y + 14)]
        lines.append((text, [(30, y), (30 + width, y)], polygon))
    return page, lines


def page_xml(lines: list[tuple[str, list[tuple[int, int]], list[tuple[int, int]]]]) -> str:
    def points(values: list[tuple[int, int]]) -> str:
        return " ".join(f"{x},{y}" for x, y in values)

    body = "".join(
        f'<TextLine id="l{n}"><Coords points="{points(p)}"/><Baseline points="{points(b)}"/>'
        f"<TextEquiv><Unicode>{t}</Unicode></TextEquiv></TextLine>"
        for n, (t, b, p) in enumerate(lines)
    )
    return (
        '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15"><Page>'
        f"<TextRegion>{body}</TextRegion></Page></PcGts>"
    )


def write_page(folder: Path, name: str, words: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    page, lines = draw_page(words)
    cv2.imwrite(str(folder / f"{name}.png"), page)
    (folder / f"{name}.xml").write_text(page_xml(lines), "utf-8")


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """A folder `letters` of three documents: a (pages 1 and 2), b (1), c (1)."""
    folder = tmp_path / "data" / "letters"
    write_page(folder, "a_001", WORDS[:4])
    write_page(folder, "a_002", WORDS[4:])
    write_page(folder, "b_001", WORDS[2:6])
    write_page(folder, "c_001", WORDS[1:3])
    return folder


@pytest.fixture
def settings(letters: Path, tmp_path: Path) -> TrainSettings:
    """A run of a tiny network on these letters; document c is held out."""
    return TrainSettings.model_validate(
        {
            "name": "tiny",
            "data": letters.parent,
            "corpora": [LETTERS_CORPUS],
            "network": {"height": 32, "channels": [8, 12, 16, 24], "hidden": 24, "layers": 1, "dropout": 0.1},
            "augment": {"probability": 0.5},
            "schedule": {"steps": 8, "lines": 4, "samples_per_epoch": 12, "peak": 0.004, "ema": 0.9},
            "run": {"folder": tmp_path / "runs" / "tiny", "precision": "fp32", "workers": 2},
        }
    )
