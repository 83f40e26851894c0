"""Lines made of pieces of others, and where they are cut."""

from __future__ import annotations

from itertools import groupby, product
from pathlib import Path

import numpy as np
import pytest

from ocr_core.recognizers.decoding.charset import BLANK
from ocr_core.recognizers.decoding.ctc import alignment
from ocr_core.training.crnn.compose import Composer
from ocr_core.training.crnn.cuts import Gap, LineCuts, load_cuts, save_cuts
from ocr_core.training.crnn.splice import Splicer
from ocr_core.training.data.cache import CachedLine


class Lines:
    """Three lines on paper of their own; the mask of letter i holds its code in columns 20 i to 20 i + 19."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts or ("aa bb cc", "dd ee ff", "gg hh ii")
        count = len(self.texts)
        self.table = {
            "corpus": ["letters"] * count,
            "text": list(self.texts),
            "width": [20 * len(t) for t in self.texts],
        }

    def width(self, row: int) -> int:
        return 20 * len(self.texts[row])

    def __getitem__(self, row: int) -> CachedLine:
        codes = np.frombuffer(self.texts[row].encode(), np.uint8)
        mask = np.tile(np.repeat(codes, 20), (96, 1))
        pixels = np.full_like(mask, 150 + 40 * row)
        return CachedLine(pixels, mask, 16, 16, self.texts[row], "letters", f"page {row}")


CUTS = {row: LineCuts((Gap(2, 50), Gap(5, 110)), tuple(range(10, 160, 20)), -0.1) for row in range(3)}


def _drawn(line: CachedLine) -> list[str]:
    """The letters that the mask of a line holds, each as often as it stands in another's company."""
    assert line.mask is not None
    assert line.mask.shape == line.pixels.shape
    return [c for c, _ in groupby(bytes(line.mask[0]).decode()) if c != " "]


def test_text_and_picture_of_a_spliced_line_stay_together() -> None:
    splicer = Splicer(Lines(), CUTS, 1.0)  # type: ignore[arg-type]
    seen = set()
    for seed in range(100):
        line = splicer.line(1, np.random.default_rng(seed))
        assert _drawn(line) == [c for c, _ in groupby(line.text) if c != " "]
        assert set(line.pixels.flat) == {190}  # pieces come on the paper of the line that begins
        seen.add(line.text)
    assert {"dd ee ff", "dd bb cc", "dd ee ii", "dd hh cc"} <= seen


def test_lines_without_gaps_and_without_luck_stay_as_they_are() -> None:
    lines = Lines()
    only = Splicer(lines, {0: CUTS[0]}, 1.0)  # type: ignore[arg-type]
    assert only.line(1, np.random.default_rng(1)).text == lines.texts[1]
    never = Splicer(lines, CUTS, 0.0)  # type: ignore[arg-type]
    assert np.array_equal(never.line(0, np.random.default_rng(1)).pixels, lines[0].pixels)


HAND = Lines("_ kolma sin _", "_ tulmen rad _")
HAND_CUTS = {
    0: LineCuts((Gap(1, 30), Gap(7, 150), Gap(11, 230)), tuple(range(10, 260, 20)), -0.1),
    1: LineCuts((Gap(1, 30), Gap(8, 170), Gap(12, 250)), tuple(range(10, 280, 20)), -0.1),
}


def _composer(text: str, probability: float = 1.0, cuts: dict[int, LineCuts] = HAND_CUTS) -> Composer:
    splicer = Splicer(HAND, cuts, 0.0)  # type: ignore[arg-type]
    return Composer(HAND, cuts, splicer, corpora=["letters"], text=text, probability=probability)  # type: ignore[arg-type]


def test_words_that_nobody_wrote_are_composed_through_a_letter_of_both() -> None:
    composer = _composer(
        "kolmen tulma sin zebra rin"
    )  # zebra and rin cannot be: no z, and no word begins with ri
    seen: set[str] = set()
    for seed in range(60):
        line = composer.line(0, np.random.default_rng(seed))
        # the margins of the line whose place it takes, and the words
        assert "".join(_drawn(line)) == f"_{line.text.replace(' ', '')}_"
        assert set(line.pixels.flat) == {150}  # its paper too
        seen |= set(line.text.split())
    assert seen == {"kolmen", "tulma", "sin"}


def test_rare_words_of_a_text_are_seen_more_often_than_they_stand_there() -> None:
    composer = _composer("sin " * 2000 + "kolmen")
    words = [w for seed in range(300) for w in composer.line(0, np.random.default_rng(seed)).text.split()]
    assert 1 / 200 < words.count("kolmen") / len(words) < 1 / 50


def test_lines_that_are_not_composed_are_those_of_the_splicer() -> None:
    doubtful = {row: LineCuts(c.gaps, c.letters, -0.9) for row, c in HAND_CUTS.items()}
    for composer in (_composer("sin", probability=0), _composer("zebra"), _composer("sin", cuts=doubtful)):
        assert composer.line(1, np.random.default_rng(3)).text == HAND.texts[1]


def test_cuts_come_back_from_their_file(tmp_path: Path) -> None:
    save_cuts(HAND_CUTS, tmp_path / "cuts.parquet")
    assert load_cuts(tmp_path / "cuts.parquet") == HAND_CUTS


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
