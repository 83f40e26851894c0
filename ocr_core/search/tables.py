"""Tables as people and programs want them: aligned text, CSV, JSON, Parquet."""

from __future__ import annotations

import base64
import csv
import io
import json
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ocr_core.errors import UsageError
from ocr_core.harmless import printable

FORMATS: Final = ("table", "csv", "json", "jsonl", "parquet")
MAX_CELL: Final = 60  # terminal columns of a cell in `table`


def write_table(table: pa.Table, format: str, stream: BinaryIO) -> None:
    """Write `table` to a binary stream (`sys.stdout.buffer`), UTF-8.

    Args:
        format: `table` aligned for a terminal, long cells cut; `csv` as RFC 4180 with a header; `json` an
            array of objects; `jsonl` one object a line; `parquet` the file's bytes.

    Raises:
        UsageError: the format is unknown.
    """
    match format:
        case "table":
            stream.write(_aligned(table).encode("utf-8", "replace"))
        case "csv":
            _write_csv(table, stream)
        case "json":
            _write_json(table, stream, before="[\n", between=",\n", after="\n]\n")
        case "jsonl":
            _write_json(table, stream, before="", between="\n", after="\n" if table.num_rows else "")
        case "parquet":
            sink = io.BytesIO()  # a pipe cannot tell its position
            pq.write_table(table, sink, compression="zstd")
            stream.write(sink.getvalue())
        case _:
            raise UsageError(f"Unknown format {format!r}.", remedy=f"Choose one of: {', '.join(FORMATS)}.")


def display_width(text: str) -> int:
    """Columns a terminal needs: none for marks and invisible characters, two for wide ones."""
    return sum(_char_width(c) for c in text)


def _char_width(char: str) -> int:
    if " " <= char <= "~":
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _aligned(table: pa.Table) -> str:
    columns = [[name, *(_cell(value) for value in _plain(column))] for name, column in _columns(table)]
    right = [pa.types.is_integer(f.type) or pa.types.is_floating(f.type) for f in table.schema]
    widths = [max(map(display_width, column)) for column in columns]
    lines = []
    for row in zip(*columns, strict=True):
        cells = []
        for text, width, to_right in zip(row, widths, right, strict=True):
            pad = " " * (width - display_width(text))
            cells.append(pad + text if to_right else text + pad)
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, str):
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False)
    text = printable(text)
    if display_width(text) <= MAX_CELL:
        return text
    kept, width = [], 0
    for char in text:
        width += _char_width(char)
        if width > MAX_CELL - 1:
            break
        kept.append(char)
    return "".join(kept) + "…"


def _write_csv(table: pa.Table, stream: BinaryIO) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")  # as what reads pipes expects
    writer.writerow(table.column_names)
    columns = [_plain(column) for _, column in _columns(table)]
    for row in zip(*columns, strict=True):
        writer.writerow(
            json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict, bool)) else value
            for value in row
        )
    stream.write(text.getvalue().encode("utf-8", "replace"))


def _write_json(table: pa.Table, stream: BinaryIO, *, before: str, between: str, after: str) -> None:
    names = _unique(table.column_names)
    columns = [_plain(column) for _, column in _columns(table)]
    stream.write(before.encode())
    for number, row in enumerate(zip(*columns, strict=True)):
        text = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)
        stream.write(((between if number else "") + text).encode("utf-8", "replace"))
    stream.write(after.encode())


def _columns(table: pa.Table) -> list[tuple[str, pa.ChunkedArray]]:
    return list(zip(table.column_names, table.columns, strict=True))


def _unique(names: list[str]) -> list[str]:
    """`SELECT 1 AS a, 2 AS a` is allowed in SQL, not in an object."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique


def _plain(column: pa.ChunkedArray) -> list[Any]:
    return [_json_value(value) for value in column.to_pylist(maps_as_pydicts="lossy")]


def _json_value(value: Any) -> Any:
    match value:
        case float() if value != value or value in (float("inf"), float("-inf")):
            return str(value)
        case datetime():
            return value.isoformat(timespec="seconds" if not value.microsecond else "microseconds")
        case date() | time():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case timedelta():
            return value.total_seconds()
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case list() | tuple():
            return [_json_value(item) for item in value]
        case dict():
            return {str(key): _json_value(item) for key, item in value.items()}
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)
