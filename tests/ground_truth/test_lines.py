"""Lines that come as pictures are read whole, from files of either form."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_core.errors import UsageError
from ocr_core.ground_truth import CutLine, read_line_folder, read_parquet

PICTURE = np.full((20, 60), 200, np.uint8)
PNG = cv2.imencode(".png", PICTURE)[1].tobytes()


def test_parquet_of_lines(tmp_path: Path) -> None:
    image = {"bytes": PNG, "path": "x.png"}
    rows = [{"image": image, "text": text, "page": "p7"} for text in ("one", None, "two")]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "l.parquet")
    assert list(read_parquet(tmp_path / "l.parquet")) == [
        CutLine("p7", "row 1", "one", PNG), CutLine("p7", "row 2", "", PNG), CutLine("p7", "row 3", "two", PNG)
    ]  # fmt: skip
    bare = [{"image": PNG, "text": "one"}, {"image": None, "text": "two"}, {"image": b"not", "text": "three"}]
    pq.write_table(pa.Table.from_pylist(bare), tmp_path / "iam.parquet")
    first, second, third = read_parquet(tmp_path / "iam.parquet")
    assert (first.page, second.page) == ("iam-1", "iam-2")
    np.testing.assert_array_equal(first.pixels(), PICTURE)
    assert second.pixels() is None
    assert third.pixels() is None
    assert [line.text for line in read_parquet(tmp_path)] == ["one", "two", "three", "one", "", "two"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 9])
def test_other_files_are_no_parquet(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.parquet is no Parquet"):
        list(read_parquet(tmp_path / "a.parquet"))


def test_a_lacking_column_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"picture": [PNG], "text": ["one"]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="no column image"):
        list(read_parquet(tmp_path / "a.parquet"))


def test_folder_of_lines(tmp_path: Path) -> None:
    for name, text in (("p1_01", "one"), ("below/p1_02", "\ufefftwo"), ("p2_01", "no picture")):
        path = tmp_path / f"{name}.gt.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", "utf-8")
        if text != "no picture":
            path.with_name(f"{path.name.removesuffix('.gt.txt')}.png").write_bytes(PNG)
    assert list(read_line_folder(tmp_path)) == [
        CutLine("p1", "p1_02", "two", PNG), CutLine("p1", "p1_01", "one", PNG), CutLine("p2", "p2_01", "no picture", b"")
    ]  # fmt: skip


def test_folders_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        list(read_line_folder(tmp_path / "none"))
    (tmp_path / "a.gt.txt").write_bytes("caf\u00e9".encode("latin-1"))
    with pytest.raises(UsageError, match=r"a\.gt\.txt is not UTF-8"):
        list(read_line_folder(tmp_path))
