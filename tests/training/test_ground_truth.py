"""Ground truth of every kind of file comes in as the same lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_core.errors import UsageError
from ocr_core.ground_truth import read_page
from ocr_core.training.ground_truth import (
    cut_lines,
    cuttable,
    read_line_folder,
    read_pages,
    read_parquet,
    shape_of,
)

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


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        list(read_pages(tmp_path / "none"))


def test_parquet_of_lines(tmp_path: Path) -> None:
    ok, data = cv2.imencode(".png", np.full((20, 60), 200, np.uint8))
    assert ok
    image = {"bytes": data.tobytes(), "path": "x.png"}
    rows = [{"image": image, "text": t, "page": "p7"} for t in ("one", "", "two")]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "l.parquet")
    assert [(c.text, c.page, c.pixels.shape) for c in read_parquet(tmp_path / "l.parquet")] == [
        ("one", "p7", (20, 60)),
        ("two", "p7", (20, 60)),
    ]
    pq.write_table(pa.Table.from_pylist(rows).drop_columns("page"), tmp_path / "iam.parquet")
    assert [c.page for c in read_parquet(tmp_path / "iam.parquet")] == ["iam-1", "iam-3"]


def test_folder_of_lines(tmp_path: Path) -> None:
    for name, text in (("p1_01", "one"), ("p1_02", "two"), ("p2_01", "no picture")):
        (tmp_path / f"{name}.gt.txt").write_text(text + "\n", "utf-8")
        if text != "no picture":
            cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((20, 60), 200, np.uint8))
    assert [(c.page, c.text) for c in read_line_folder(tmp_path)] == [("p1", "one"), ("p1", "two")]
