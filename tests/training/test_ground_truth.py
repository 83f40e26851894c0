"""What can be learnt from is cut as it should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_core.ground_truth import read_page
from ocr_core.training.data.corpora import CorpusSettings
from ocr_core.training.data.ground_truth import cut_lines, cuttable, read_pages, read_pictures, shape_of

ALTO = """<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Layout><Page><PrintSpace><TextBlock>
<TextLine BASELINE="10 50 90 52"><Shape><Polygon POINTS="10 30 90 32 90 60 10 58"/></Shape>
<String CONTENT="two"/><String CONTENT="words"/></TextLine>
<TextLine BASELINE="10,80 90,82"><String CONTENT="no outline"/></TextLine>
<TextLine BASELINE="10 120 90 122"><String CONTENT=" "/></TextLine>
<TextLine><String CONTENT="neither baseline nor outline"/></TextLine>
<TextLine HPOS="10" VPOS="160" WIDTH="80" HEIGHT="20"><String CONTENT="no baseline"/></TextLine>
</TextBlock></PrintSpace></Page></Layout></alto>"""


def test_page_xml(letters: Path) -> None:
    pages = list(read_pages(letters))
    assert [p.name for p in pages] == ["a_001", "a_002", "b_001", "c_001"]
    assert [line.text for line in pages[3].lines] == ["dace", "bead"]
    line = pages[3].lines[1]
    np.testing.assert_array_equal(line.baseline[0], (30, 180))
    assert line.polygon.shape == (4, 2)


def test_lines_that_can_be_cut(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(ALTO, "utf-8")
    lines = cuttable(read_page(tmp_path / "a.xml")).lines
    assert [line.text for line in lines] == ["two words", "no outline", "no baseline"]
    baseline, outline = shape_of(lines[1])
    np.testing.assert_array_equal(baseline, [(10, 80), (90, 82)])
    assert len(outline) == 0
    baseline, outline = shape_of(lines[2])
    np.testing.assert_allclose(baseline, [(10, 174), (90, 174)], atol=1)
    assert len(outline) == 4


def test_guessed_baselines_leave_the_pictures_of_other_lines_alone(letters: Path) -> None:
    (page, *_) = read_pages(letters)
    grey = cv2.imread(str(page.image), cv2.IMREAD_GRAYSCALE)
    bare = replace(page.lines[0], name="bare", baseline=np.empty((0, 2)))
    own = list(cut_lines(grey, page.lines))
    first, *rest = cut_lines(grey, (bare, *page.lines))
    for strip, same in zip(rest, own, strict=True):
        np.testing.assert_array_equal(strip.image, same.image)
    assert first.image.shape[0] == pytest.approx(own[0].image.shape[0], rel=0.2)
    assert len(list(cut_lines(grey, [bare]))) == 1
    assert list(cut_lines(grey, [])) == []


def test_what_has_no_picture_is_left_out_and_said_once(
    letters: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (letters / "b_001.png").unlink()
    folder = tmp_path / "lines"
    folder.mkdir()
    for name in ("p_1", "p_2"):
        (folder / f"{name}.gt.txt").write_text(name, "utf-8")
    cv2.imwrite(str(folder / "p_1.png"), np.full((20, 60), 200, np.uint8))
    corpus = CorpusSettings(name="lines", format="lines", path=folder)
    for _ in range(2):
        assert [page.name for page in read_pages(letters)] == ["a_001", "a_002", "c_001"]
        assert [(line.text, pixels.shape) for line, pixels in read_pictures(corpus, folder)] == [
            ("p_1", (20, 60))
        ]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "1 of 4 pages have no image beside them: b_001" in said[0]
    assert "1 lines have no picture that can be read: p_2" in said[1]
