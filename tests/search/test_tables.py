"""The formats, read back by other readers than ours where there are any."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_core.errors import UsageError
from ocr_core.harmless import printable
from ocr_core.search.tables import display_width, write_table

TABLE = pa.table(
    {
        "text": ['say "hi", you', "two\nlines", "مكتبة", "漢字", "esc\x1b[2J\u202e", None],
        "n": [1, 20, 300, None, -5, 6],
        "x": [0.5, float("nan"), 1e9, 2 / 3, None, 1.0],
        "flags": [["a", "b"], [], None, ["c"], [], []],
        "at": pa.array([datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)] * 6, pa.timestamp("us", "UTC")),
        "big": pa.array([Decimal("12.5")] * 6, pa.decimal128(5, 1)),
        "m": pa.array([[("k", 1.0)]] * 6, pa.map_(pa.string(), pa.float64())),
        "raw": pa.array([b"\x00\xff"] * 6),
    }
)


def written(table: pa.Table, format: str) -> bytes:
    stream = io.BytesIO()
    write_table(table, format, stream)
    return stream.getvalue()


def test_csv_reads_back() -> None:
    header, *rows = csv.reader(io.StringIO(written(TABLE, "csv").decode(), newline=""))
    assert header == TABLE.column_names
    assert [row[0] for row in rows] == [
        'say "hi", you',
        "two\nlines",
        "مكتبة",
        "漢字",
        "esc\x1b[2J\u202e",
        "",
    ]
    assert rows[0][1:] == [
        "1",
        "0.5",
        '["a", "b"]',
        "2026-01-02T03:04:05+00:00",
        "12.5",
        '{"k": 1.0}',
        "AP8=",
    ]


@pytest.mark.parametrize("table", [TABLE, TABLE.slice(0, 0)])
def test_json_reads_back(table: pa.Table) -> None:
    array = json.loads(written(table, "json"))
    assert array == [json.loads(line) for line in written(table, "jsonl").decode().split("\n")[:-1]]
    assert [row["text"] for row in array] == table["text"].to_pylist()
    if array:
        assert (array[1]["x"], array[0]["m"], array[2]["flags"]) == ("nan", {"k": 1.0}, None)


def test_json_keeps_columns_of_one_name() -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert json.loads(written(table, "json")) == [{"a": 1, "a_2": 2}]


def test_parquet_reads_back() -> None:
    assert pq.read_table(io.BytesIO(written(TABLE, "parquet"))).drop_columns(["x"]) == TABLE.drop_columns(
        ["x"]
    )


def test_table_is_aligned_whatever_the_script() -> None:
    lines = (
        written(TABLE.select(["text", "big"]).append_column("n", pa.array(range(6))), "table")
        .decode()
        .splitlines()
    )
    assert {display_width(line) for line in lines} == {
        max(map(display_width, lines))
    }  # numbers end at one edge
    assert len(lines) == 2 + TABLE.num_rows
    assert not {"\x1b", "\u202e"} & set("".join(lines))


def test_table_cuts_long_cells_and_shows_empty_results() -> None:
    assert "x" * 59 + "…" in written(pa.table({"a": ["x" * 500]}), "table").decode()
    assert written(TABLE.slice(0, 0).select(["n"]), "table").decode() == "n\n─\n"


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("أمّا", 3), ("a\u200fb", 2)]
)
def test_display_width(text: str, width: int) -> None:
    assert display_width(text) == width


def test_printable_keeps_places() -> None:
    assert printable("a\x1b[31m\u202eb\nc\u0301مكتبة\x9b") == "a�[31m�b c\u0301مكتبة�"


def test_unknown_format() -> None:
    with pytest.raises(UsageError, match="xlsx"):
        written(TABLE, "xlsx")
