"""Ground truth of every kind of file comes in as the same lines."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_core.errors import UsageError
from ocr_core.training.ground_truth import read_line_folder, read_lines, read_pages, read_parquet

ALTO = """<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Layout><Page><PrintSpace><TextBlock>
<TextLine BASELINE="10 50 90 52"><Shape><Polygon POINTS="10 30 90 32 90 60 10 58"/></Shape>
<String CONTENT="two"/><String CONTENT="words"/></TextLine>
<TextLine BASELINE="10,80 90,82"><String CONTENT="no outline"/></TextLine>
<TextLine BASELINE="10 120 90 122"><String CONTENT=" "/></TextLine>
<TextLine><String CONTENT="no baseline"/></TextLine>
</TextBlock></PrintSpace></Page></Layout></alto>"""


def test_page_xml(letters: Path) -> None:
    pages = list(read_pages(letters))
    assert [p.name for p in pages] == ["a_001", "a_002", "b_001", "c_001"]
    assert [line.text for line in pages[3].lines] == ["dace", "bead"]
    line = pages[3].lines[1]
    np.testing.assert_array_equal(line.baseline[0], (30, 180))
    assert line.polygon is not None
    assert line.polygon.shape == (4, 2)


def test_alto(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(ALTO, "utf-8")
    first, second = read_lines(tmp_path / "a.xml")  # lines without text or baseline are left out
    assert first.text == "two words"
    np.testing.assert_array_equal(first.baseline, [(10, 50), (90, 52)])
    assert first.polygon is not None
    assert second.text == "no outline"
    np.testing.assert_array_equal(second.baseline, [(10, 80), (90, 82)])
    assert second.polygon is None


@pytest.mark.parametrize("text", ["", "<a>", "<other/>"])
def test_other_files_are_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.xml").write_text(text)
    with pytest.raises(UsageError, match=r"odd\.xml"):
        read_lines(tmp_path / "odd.xml")


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
