"""The report of a data set: counts, measures, what stands out; escaped."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_core.errors import NothingToDo, UsageError
from ocr_core.training.charts import line_chart, shown
from ocr_core.training.crnn.config import TrainSettings
from ocr_core.training.data.inspection import corpora_of, inspect_corpora, report_html, report_text, summary


def _lines(folder: Path, texts: list[str], width: int = 200) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"p_{number:02d}.gt.txt").write_text(text, "utf-8")
        wide = 1900 if text == "odd" else width
        cv2.imwrite(str(folder / f"p_{number:02d}.png"), np.full((40, wide), 230, np.uint8))


def test_counts_and_measures(settings: TrainSettings) -> None:
    report = inspect_corpora(settings.corpora, settings.data)
    tables = {title: rows for title, _, rows in summary(report)}
    assert tables["Samples"] == [["letters", 14, 3, 4, 12, 2, 0, 0]]
    lengths = tables["Measures"][0]
    assert lengths[0] == "characters"
    assert (lengths[3], lengths[7]) == (3.0, 10.0)
    assert report.characters["a"] == sum(s.text.count("a") for s in report.samples)
    assert all(s.pixels is not None and s.pixels.shape == (s.height, s.width) for s in report.examples)
    assert "letters\t14\t3\t4\t12\t2" in report_text(report)


def test_outliers_come_with_their_reason_and_picture(tmp_path: Path) -> None:
    _lines(tmp_path / "a", ["some words"] * 20 + ["odd", "ſæ <b> some"] + ["", "[..]"])
    report = inspect_corpora(corpora_of(tmp_path), Path())
    reasons = {sample.text: reason for reason, sample in report.outliers}
    assert reasons["odd"] == "too long"
    assert reasons["sæ <b> some"] == "markup"
    assert "some words" not in reasons
    assert all(sample.pixels is not None for _, sample in report.outliers)
    html = report_html(report)
    assert "<b> some" not in html
    assert "&lt;b&gt; some" in html
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")


def test_finds_every_form_of_data(tmp_path: Path, letters: Path) -> None:
    data = letters.parent
    _lines(data / "lines", ["one", "two"])
    image = {"bytes": (data / "lines" / "p_00.png").read_bytes(), "path": None}
    pq.write_table(pa.Table.from_pylist([{"image": image, "text": "three"}]), data / "iam.parquet")
    assert {(c.name, c.format) for c in corpora_of(data)} == {
        ("data/letters", "pages"), ("data/lines", "lines"), ("data/iam.parquet", "parquet"),
    }  # fmt: skip
    assert len(inspect_corpora(corpora_of(data), Path()).samples) == 17
    [alone] = corpora_of(data / "iam.parquet")
    assert inspect_corpora([alone], Path()).samples[0].text == "three"


def test_nothing_or_damaged_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(NothingToDo, match="No ground truth"):
        corpora_of(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"a\.parquet"):
        inspect_corpora(corpora_of(tmp_path), Path())
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="image"):
        inspect_corpora(corpora_of(tmp_path), Path())


def test_charts_leave_out_what_is_no_number_and_escape() -> None:
    svg = line_chart("<t>", {"a&b": [(0, 1.0), (1, float("nan")), (2, 3.0)]}, "%")
    assert svg.count("<circle") == 2
    assert "&lt;t&gt;" in svg
    assert "a&amp;b" in svg
    assert shown(float("nan")) == shown(None) == "–"
    assert line_chart("empty", {}, "")
