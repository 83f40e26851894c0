"""Lines joined of pieces of others, and where they are cut."""

from __future__ import annotations

from itertools import groupby, product
from pathlib import Path

import numpy as np
import pytest

from ocr_core.recognizers.decoding.charset import BLANK
from ocr_core.recognizers.decoding.ctc import alignment
from ocr_core.training.crnn.gaps import load_gaps, save_gaps
from ocr_core.training.crnn.splice import Gap, Splicer
from ocr_core.training.data.cache import CachedLine


class Lines:
    """Three lines on paper of their own; the mask of letter i holds its code in columns 20 i to 20 i + 19."""

    texts = ("aa bb cc", "dd ee ff", "gg hh ii")

    def __init__(self) -> None:
        self.table = {"corpus": ["letters"] * 3, "text": list(self.texts), "width": [160] * 3}

    def width(self, row: int) -> int:
        return 20 * len(self.texts[row])

    def __getitem__(self, row: int) -> CachedLine:
        codes = np.frombuffer(self.texts[row].encode(), np.uint8)
        mask = np.tile(np.repeat(codes, 20), (96, 1))
        pixels = np.full_like(mask, 150 + 40 * row)
        return CachedLine(pixels, mask, 16, 16, self.texts[row], "letters", f"page {row}")


GAPS = {row: (Gap(2, 50), Gap(5, 110)) for row in range(3)}


def test_text_and_picture_of_a_spliced_line_stay_together() -> None:
    splicer = Splicer(Lines(), GAPS, 1.0)  # type: ignore[arg-type]
    seen = set()
    for seed in range(100):
        line = splicer.line(1, np.random.default_rng(seed))
        assert line.mask is not None
        assert line.mask.shape == line.pixels.shape
        drawn = bytes(line.mask[0]).decode()
        assert [c for c, _ in groupby(drawn) if c != " "] == [c for c, _ in groupby(line.text) if c != " "]
        assert set(line.pixels.flat) == {190}  # pieces come on the paper of the line that begins
        seen.add(line.text)
    assert {"dd ee ff", "dd bb cc", "dd ee ii", "dd hh cc"} <= seen


def test_lines_without_gaps_and_without_luck_stay_as_they_are() -> None:
    lines = Lines()
    only = Splicer(lines, {0: GAPS[0]}, 1.0)  # type: ignore[arg-type]
    assert only.line(1, np.random.default_rng(1)).text == lines.texts[1]
    never = Splicer(lines, GAPS, 0.0)  # type: ignore[arg-type]
    assert np.array_equal(never.line(0, np.random.default_rng(1)).pixels, lines[0].pixels)


def test_gaps_come_back_from_their_file(tmp_path: Path) -> None:
    gaps = {7: (Gap(3, 41), Gap(9, 120)), 2: (Gap(1, 15),)}
    save_gaps(gaps, tmp_path / "gaps.parquet")
    assert load_gaps(tmp_path / "gaps.parquet") == gaps


@pytest.mark.parametrize("labels", [(), (1,), (1, 2), (1, 1), (2, 1, 2)])
def test_an_alignment_is_the_best_of_all_paths(labels: tuple[int, ...]) -> None:
    scores = np.random.default_rng(len(labels)).normal(size=(5, 3))
    scores = (scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)).astype(np.float32)
    paths = []
    for path in product(range(3), repeat=5):
        kept = [c for c, before in zip(path, (None, *path), strict=False) if c != before]
        if tuple(c for c in kept if c != BLANK) == labels:
            paths.append((float(sum(scores[t, c] for t, c in enumerate(path))), path))
    found = alignment(scores, labels)
    assert found is not None
    best, path = max(paths)
    assert found.log_probability == pytest.approx(best, abs=1e-5)
    assert all(path[frame] == label for frame, label in zip(found.frames, labels, strict=True))
    assert list(found.frames) == sorted(found.frames)


def test_labels_that_do_not_fit_have_no_alignment() -> None:
    scores = np.full((2, 3), np.log(1 / 3), np.float32)
    assert alignment(scores, (1, 1)) is None  # a blank must stand between
    assert alignment(scores[:0], (1,)) is None
