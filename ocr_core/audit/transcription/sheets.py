"""The tables that transcribers fill in: CSV and XLSX, written so that spreadsheets change nothing, read as people save them.

A spreadsheet runs what looks like a formula. In CSV such a cell gets an apostrophe in front; in
XLSX every cell is a string by its type, and those for the text are formatted as text, so that `1/2` stays what it is.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from ocr_core.errors import UsageError
from ocr_core.harmless import no_formula

COLUMNS: Final = ("number", "id", "place", "script", "picture", "text", "mark", "note")
"""`text`, `mark` and `note` are for the transcriber."""
MARKS: Final = ("illegible", "empty")
_NEEDED: Final = ("id", "text")
_WIDTHS: Final = {
    "number": 8,
    "id": 14,
    "place": 30,
    "script": 8,
    "picture": 60,
    "text": 70,
    "mark": 11,
    "note": 24,
}
_PICTURE_WIDTH: Final = 420  # pixels in the sheet; the file beside it has all of them
_PICTURE_HEIGHT: Final = 90
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_SPREADSHEET_ERRORS: Final = ("#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#N/A", "#NUM!", "#NULL!")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row of a sheet that was read. `row` is its number as a spreadsheet shows it, `trouble` what is wrong with its text
    (empty: nothing)."""

    row: int
    values: Mapping[str, str]
    trouble: str = ""


def write_csv(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """UTF-8 with a byte order mark, without which Excel takes it for another encoding."""
    with path.open("w", encoding="utf-8-sig", newline="", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([no_formula(row.get(name, "")) for name in COLUMNS] for row in rows)


def write_xlsx(
    path: Path, rows: Sequence[Mapping[str, str]], pictures: Path, *, right_to_left: Sequence[bool] = ()
) -> None:
    """A workbook with the lines' pictures in it, above all else the one to type into.

    Args:
        pictures: the folder that the column `picture` is relative to; a row whose file is missing has none.
        right_to_left: of each row, whether its text runs so.
    """
    from openpyxl import Workbook
    from openpyxl.drawing.image import Image as Drawing
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    sheet = book.active
    sheet.title = "lines"
    sheet.freeze_panes = "A2"
    for column, name in enumerate(COLUMNS, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = _WIDTHS[name]
        sheet.cell(1, column, name).font = Font(bold=True)
    for number, row in enumerate(rows, start=2):
        backwards = bool(right_to_left) and right_to_left[number - 2]
        for column, name in enumerate(COLUMNS, start=1):
            cell = sheet.cell(number, column)
            _set_string(cell, row.get(name, ""))
            order = (2 if backwards else 1) if name == "text" else 0
            side = "right" if order == 2 else None
            cell.alignment = Alignment(
                wrap_text=name in ("text", "note", "place"),
                vertical="center",
                readingOrder=order,
                horizontal=side,
            )
        file = pictures / row.get("picture", "")
        if row.get("picture") and file.is_file():
            drawing = Drawing(_reduced(file))
            scale = min(_PICTURE_WIDTH / drawing.width, _PICTURE_HEIGHT / drawing.height, 1.0)
            drawing.width, drawing.height = drawing.width * scale, drawing.height * scale
            sheet.add_image(drawing, f"{get_column_letter(COLUMNS.index('picture') + 1)}{number}")
            sheet.row_dimensions[number].height = max(0.75 * drawing.height + 6, 24)
    marks = DataValidation(type="list", formula1=f'"{",".join(MARKS)}"', allow_blank=True)
    sheet.add_data_validation(marks)
    letter = get_column_letter(COLUMNS.index("mark") + 1)
    marks.add(f"{letter}2:{letter}{len(rows) + 1}")
    book.save(path)


def read_sheet(path: Path) -> list[SheetRow]:
    """The rows of a CSV or XLSX file, empty ones left out. CSV may be parted by commas, semicolons or tabs, in UTF-8 or
    UTF-16, as spreadsheets save it.

    Raises:
        UsageError: it cannot be read, or lacks a column.
    """
    try:
        table = _xlsx_rows(path) if path.suffix.lower() == ".xlsx" else _csv_rows(path)
    except (
        OSError,
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        SyntaxError,
    ) as error:  # XML errors are SyntaxErrors
        raise UsageError(
            f"{path} cannot be read as a sheet: {error}",
            remedy="Save it again as CSV (UTF-8) or as XLSX, and import that.",
        ) from error
    head = [name.strip().lower() for name, _ in table[0]] if table else []
    if lacking := [name for name in _NEEDED if name not in head]:
        raise UsageError(
            f"{path} has no column {', '.join(lacking)}.",
            remedy=f"Keep the first row of the sheet as it was: {', '.join(COLUMNS)}.",
        )
    rows = []
    for number, cells in enumerate(table[1:], start=2):
        values = {name: text for name, (text, _) in zip(head, cells, strict=False)}
        troubles = {name: trouble for name, (_, trouble) in zip(head, cells, strict=False)}
        if any(value.strip() for value in values.values()):
            rows.append(SheetRow(number, values, troubles.get("text", "")))
    return rows


def _set_string(cell: Any, text: str) -> None:
    cell.value = _NOT_IN_XML.sub("�", text)
    cell.data_type = "s"  # which `=…` would not be of itself
    cell.number_format = "@"
    cell.quotePrefix = no_formula(text) != text


def _reduced(picture: Path) -> io.BytesIO:
    """A picture no larger than twice what the sheet shows, so that hundreds of them fit into it."""
    data = io.BytesIO()
    with Image.open(picture) as image:
        image.thumbnail((2 * _PICTURE_WIDTH, 2 * _PICTURE_HEIGHT))
        image.convert("L").save(data, format="PNG", optimize=True)
    data.seek(0)
    return data


_Cell = tuple[str, str]
"""Text, and what is wrong with it."""


def _csv_rows(path: Path) -> list[list[_Cell]]:
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not {encoding.removesuffix('-sig').upper()} ({error})") from error
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return [[(value, _csv_trouble(value)) for value in row] for row in rows]


def _csv_trouble(value: str) -> str:
    return _made_by_spreadsheet(value) if value.strip() in _SPREADSHEET_ERRORS else ""


def _made_by_spreadsheet(value: object) -> str:
    return f"the spreadsheet has made {str(value).strip()!r} of what was typed; format the column as text and type it again"


def _xlsx_rows(path: Path) -> list[list[_Cell]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True)  # formulas come as the text that was typed
    except InvalidFileException as error:
        raise ValueError(str(error)) from error
    try:
        sheet = book.worksheets[0]
        return [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    finally:
        book.close()


def _cell(value: object) -> _Cell:
    if value is None:
        return "", ""
    if isinstance(value, str):
        return value, _csv_trouble(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value), ""
    return str(value), _made_by_spreadsheet(value)
