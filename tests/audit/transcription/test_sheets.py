"""What transcribers are given and what comes back: nothing runs, nothing is lost, every mistake is named."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from PIL import Image

from ocr_core.audit.transcription.import_pages import import_pages
from ocr_core.audit.transcription.import_sheets import import_sheet
from ocr_core.audit.transcription.samples import open_lines, sample_lines, samples
from ocr_core.audit.transcription.sheets import COLUMNS, read_sheet, write_csv, write_xlsx
from ocr_core.audit.transcription.transcriptions import Transcription, add_transcriptions
from ocr_core.errors import NothingToDo, UsageError
from ocr_core.exports import FORMATS, Destination, Options, Selection, export
from tests.audit.conftest import ARABIC, LATIN, Given

Row = dict[str, str]


def read_csv(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def fill(folder: Path, edit: Callable[[int, Row], None]) -> None:
    """Change the rows of a folder's CSV sheet as a transcriber does."""
    rows = read_csv(folder / "sheet.csv")
    for number, row in enumerate(rows):
        edit(number, row)
    with (folder / "sheet.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def correct(number: int, row: Row) -> None:
    texts = ARABIC if row["script"] == "arabic" else LATIN
    row["text"] = texts[int(row["place"].rpartition(" ")[2]) - 1]


def truths(given: Given) -> dict[str, tuple[str, str, str]]:
    """Text, status and origin by line and transcriber."""
    query = "SELECT line_id, transcriber, text, status, origin FROM ground_truth"
    rows = given.library.reading(lambda con: con.execute(query).fetchall())
    return {f"{line_id} {who}": tuple(rest) for line_id, who, *rest in rows}


def test_a_folder_holds_what_is_needed_and_not_what_was_read(given: Given) -> None:
    rows = read_csv(given.first / "sheet.csv")
    drawn = {line.line_id: line for line in sample_lines(given.library)}
    assert {row["id"] for row in rows} == set(drawn)
    for row in rows:
        line = drawn[row["id"]]
        picture = given.first / row["picture"]
        assert hashlib.sha256(picture.read_bytes()).hexdigest() == line.picture_sha256
        with (
            Image.open(picture) as line_picture,
            Image.open(given.first / "context" / f"{line.number:04d}.jpg") as context,
        ):
            assert line_picture.size == (line.box.width + 20, line.box.height + 20)
            assert context.height > 3 * line_picture.height
            red, green, blue = context.convert("RGB").getpixel((context.width // 2, min(line.box.y0, 120)))  # type: ignore[misc]
            assert red > green + 50 and red > blue + 50  # the outline above the line
        assert row["text"] == row["mark"] == row["note"] == ""
    second = read_csv(given.folder / "second" / "sheet.csv")
    assert {row["id"] for row in second} == {key for key, line in drawn.items() if line.double}
    assert len(second) == 4
    everything = b"".join(
        p.read_bytes() for p in given.folder.rglob("*") if p.suffix in (".csv", ".json", ".txt")
    )
    assert not any(text.encode() in everything for text in (*LATIN, *ARABIC))


def test_nothing_in_a_sheet_is_a_formula(given: Given) -> None:
    """The scans are called `=cmd|'!A0.png`."""
    for row in read_csv(given.first / "sheet.csv"):
        assert row["place"].startswith("'=cmd")
        assert not any(cell[:1] in "=+-@\t\r" for cell in row.values() if cell)
    sheet: Worksheet = openpyxl.load_workbook(given.first / "sheet.xlsx").worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert any(str(cell.value).startswith("=cmd") for cell in cells)
    assert {cell.data_type for cell in cells} == {"s"}


def test_the_workbook_has_pictures_and_arabic_from_the_right(given: Given) -> None:
    sheet = openpyxl.load_workbook(given.first / "sheet.xlsx").worksheets[0]
    assert len(sheet._images) == 12
    text = COLUMNS.index("text") + 1
    for row in range(2, 14):
        arabic = sheet.cell(row, COLUMNS.index("script") + 1).value == "arabic"
        assert sheet.cell(row, text).alignment.readingOrder == (2 if arabic else 1)
        assert sheet.cell(row, text).number_format == "@"


def test_wide_pictures_are_made_smaller(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 100), "white").save(tmp_path / "wide.png")
    write_xlsx(
        tmp_path / "a.xlsx",
        [{"id": "1", "picture": "wide.png"}, {"id": "2", "picture": "lost.png"}],
        tmp_path,
    )
    (drawing,) = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]._images
    with Image.open(drawing.ref) as stored:
        assert stored.size == (840, 28)
    assert drawing.anchor._from.row == 1


def test_hostile_text_survives_a_sheet(tmp_path: Path) -> None:
    texts = ["=1+1", 'a,b;c\t"d"', "ورّاق (1887)", "\x07bell", "+41", "'tis", "\ud800"]
    rows = [{"id": str(n), "place": text} for n, text in enumerate(texts)]
    write_csv(tmp_path / "a.csv", rows)
    write_xlsx(tmp_path / "a.xlsx", rows, tmp_path)
    assert [row.values["place"] for row in read_sheet(tmp_path / "a.csv")] == [
        "'=1+1", "a,b;c\t\"d\"", "ورّاق (1887)", "\x07bell", "'+41", "'tis", "\\ud800",
    ]  # fmt: skip
    assert [row.values["place"] for row in read_sheet(tmp_path / "a.xlsx")] == [
        "=1+1", "a,b;c\t\"d\"", "ورّاق (1887)", "�bell", "+41", "'tis", "�",
    ]  # fmt: skip


def test_a_filled_csv_comes_into_the_library(given: Given) -> None:
    def write(number: int, row: Row) -> None:
        correct(number, row)
        if number == 0:
            row |= {"text": "", "mark": "illegible", "note": "a stain"}
        elif number == 1:
            row["text"] = ""

    fill(given.first, write)
    done = import_sheet(given.library, given.first, "Ada")
    assert (done.lines, done.unfilled) == (11, 1)
    assert len(open_lines(given.library, transcriber="Ada")) == 1
    assert sorted({status for _, status, _ in truths(given).values()}) == ["illegible", "text"]
    import_sheet(given.library, given.first, "Ada")  # again: nothing doubles
    assert len(truths(given)) == 11
    (summary,) = samples(given.library)
    assert (summary.done, summary.doubled) == (11, 0)
    fill(given.folder / "second", correct)
    import_sheet(given.library, given.folder / "second", "Bob")
    assert samples(given.library)[0].doubled >= 3


def test_a_filled_workbook_comes_into_the_library(given: Given) -> None:
    book = openpyxl.load_workbook(given.first / "sheet.xlsx")
    sheet = book.worksheets[0]
    for row, mark in ((2, "=SUM"), (3, 1887)):
        sheet.cell(row, COLUMNS.index("text") + 1).value = mark
    book.save(given.first / "sheet.xlsx")
    done = import_sheet(given.library, given.first, "Ada", any_script=True)
    assert (done.lines, done.unfilled) == (2, 10)
    assert {text for text, _, _ in truths(given).values()} == {"=SUM", "1887"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_sheets_as_spreadsheets_save_them(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text(delimiter.join(["ID", "Text", "note"]) + f"\r\n7{delimiter}نبات{delimiter}\r\n", encoding)
    (row,) = read_sheet(path)
    assert (row.row, row.values) == (2, {"id": "7", "text": "نبات", "note": ""})


MISTAKES = {
    "unknown line": ({"id": "nobody"}, r"sheet.csv row 2: no line of audit spring has the id 'nobody'\. Copy it"),
    "other script": ({"text": "كتاب" }, r"the text is arabic, the line was taken for latin\. Check that .* --any-script"),
    "no mark": ({"mark": "dunno"}, r"row 2: not a mark: 'dunno'\. Put illegible or empty"),
    "text and mark": ({"text": "Kew", "mark": "empty"}, r"row 2: it has a text and is marked empty\. Clear one"),
    "spoilt": ({"text": "#NAME?"}, r"row 2: the spreadsheet has made '#NAME\?' of what was typed; format the column"),
    "two lines": ({"text": "Kew\nGardens"}, r"row 2: Not one line of text: .* Write one line"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named_with_row_and_remedy_and_nothing_is_taken(given: Given, mistake: str) -> None:
    change, message = MISTAKES[mistake]
    rows = read_csv(given.first / "sheet.csv")
    first_latin = next(n for n, row in enumerate(rows) if row["script"] == "latin")
    assert first_latin == 0

    def write(number: int, row: Row) -> None:
        correct(number, row)
        if number == first_latin:
            row |= ({"text": ""} if "mark" in change else {}) | change

    fill(given.first, write)
    version = given.library.version
    with pytest.raises(UsageError, match=message) as raised:
        import_sheet(given.library, given.first, "Ada")
    assert "1 thing is wrong" in raised.value.message
    assert given.library.version == version


def test_changed_and_lost_pictures_are_found(given: Given) -> None:
    fill(given.first, correct)
    lines = given.first / "lines"
    shutil.copy(lines / "0002.png", lines / "0001.png")
    (lines / "0003.png").unlink()
    with pytest.raises(UsageError) as raised:
        import_sheet(given.library, given.first, "Ada")
    assert "2 things are wrong" in raised.value.message
    assert "line 1: its picture lines/0001.png is not the one that was given out" in raised.value.message
    assert "line 3: its picture lines/0003.png is missing" in raised.value.message
    done = import_sheet(given.library, given.first / "sheet.csv", "Ada", audit_id="spring")
    assert done.lines == 12


def test_sheets_that_disagree_and_sheets_without_anything(given: Given, tmp_path: Path) -> None:
    with pytest.raises(NothingToDo, match="Nothing is filled in"):
        import_sheet(given.library, given.first, "Ada")
    fill(given.first, correct)
    book = openpyxl.load_workbook(given.first / "sheet.xlsx")
    book.worksheets[0].cell(2, COLUMNS.index("mark") + 1).value = "empty"
    book.save(given.first / "sheet.xlsx")
    with pytest.raises(UsageError, match=r"sheet.xlsx row 2: sheet.csv row 2 says something else"):
        import_sheet(given.library, given.first, "Ada")
    (tmp_path / "x.csv").write_text("text\nKew\n")
    with pytest.raises(UsageError, match="no column id"):
        import_sheet(given.library, tmp_path / "x.csv", "Ada")
    (tmp_path / "x.xlsx").write_text("no workbook")
    with pytest.raises(UsageError, match="cannot be read as a sheet"):
        import_sheet(given.library, tmp_path / "x.xlsx", "Ada")
    (given.first / "audit.json").write_text(json.dumps({}))
    with pytest.raises(UsageError, match=r"audit\.json is missing or damaged"):
        import_sheet(given.library, given.first, "Ada")


@pytest.mark.parametrize("format_", ["page", "alto"])
def test_exported_pages_come_back_as_the_same_lines(given: Given, tmp_path: Path, format_: str) -> None:
    out = tmp_path / "xml"
    export(
        given.library, FORMATS[format_], Destination.of(str(out), FORMATS[format_]), Selection(), Options()
    )
    files = sorted(out.rglob("*.xml"))
    for file in files:
        file.write_text(file.read_text("utf-8").replace("orchids", "orchidees"), "utf-8")
    done = import_pages(given.library, files, "Ada", audit_id="spring")
    assert (done.lines, done.unknown) == (12, 0)
    found = truths(given)
    assert sum(text == "a case of orchidees" for text, _, _ in found.values()) == 2
    assert {origin for _, _, origin in found.values()} == {format_}
    assert open_lines(given.library, transcriber="Ada") == []


def test_pages_from_elsewhere_are_known_by_name_and_outline(given: Given, tmp_path: Path) -> None:
    line = next(line for line in sample_lines(given.library) if line.line_order == 1)
    box = line.box
    shape = f"{box.x0 - 5},{box.y0} {box.x1},{box.y0} {box.x1},{box.y1} {box.x0},{box.y1 + 4}"
    far = "10,900 60,900 60,950 10,950"
    lines = "".join(
        f'<TextLine id="t{n}"><Coords points="{points}"/><TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>'
        for n, (points, text) in enumerate([(shape, "what stands there"), (far, "not found by the layout")])
    )
    space = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
    body = f'<PcGts xmlns="{space}"><Page imageFilename="x.png"><TextRegion id="r">{lines}</TextRegion></Page></PcGts>'
    path = tmp_path / Path(line.source_path).with_suffix(".xml").name
    path.write_text(body, "utf-8")
    done = import_pages(given.library, [path], "Ada", audit_id="spring")
    assert (done.lines, done.unknown) == (1, 1)
    assert truths(given) == {f"{line.line_id} Ada": ("what stands there", "text", "page")}
    stranger = path.rename(tmp_path / "stranger.xml")
    with pytest.raises(
        UsageError, match=r"stranger.xml: no page of the library is called stranger\. Name the file"
    ):
        import_pages(given.library, [stranger], "Ada")


def test_transcriptions_are_checked(given: Given) -> None:
    line = sample_lines(given.library)[0].line_id
    for wrong, message in [
        (Transcription("nobody", "Kew", "Ada"), "not in the library"),
        (Transcription(line, "Kew", "Ada", audit_id="autumn"), "not in the sample of audit autumn"),
        (Transcription(line, "Kew", " "), "Nobody is named"),
        (Transcription(line, "", "Ada"), "no text one of"),
        (Transcription(line, "Kew", "Ada", "empty"), "a text needs the status"),
        (Transcription(line, "Kew", "Ada", "dull"), "Not a status"),
    ]:
        with pytest.raises(UsageError, match=message):
            add_transcriptions(given.library, [Transcription(line, "Kew", "Ada"), wrong])
    assert truths(given) == {}
    add_transcriptions(given.library, [Transcription(line, "Kew", "Ada")], origin="correction")
    assert len(open_lines(given.library, transcriber="Ada")) == 12  # a correction is no blind transcription
    with pytest.raises(UsageError, match="no audit 'autumn'"):
        open_lines(given.library, "autumn")


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml"])
def test_a_workbook_that_breaks_off_is_refused(tmp_path: Path, part: str) -> None:
    write_xlsx(tmp_path / "whole.xlsx", [{"id": "1", "text": "Kew"}], tmp_path)
    with (
        zipfile.ZipFile(tmp_path / "whole.xlsx") as whole,
        zipfile.ZipFile(tmp_path / "cut.xlsx", "w") as cut,
    ):
        for name in whole.namelist():
            data = whole.read(name)
            cut.writestr(name, data[: len(data) // 2] if name == part else data)
    with pytest.raises(UsageError, match="cannot be read as a sheet"):
        read_sheet(tmp_path / "cut.xlsx")


def test_a_name_is_one_person_however_its_letters_are_composed(given: Given) -> None:
    double = next(line for line in sample_lines(given.library) if line.double)
    said = Transcription(double.line_id, "Kew", "Zoë", audit_id=double.audit_id)
    add_transcriptions(given.library, [said])
    left = {
        name: {line.line_id for line in open_lines(given.library, transcriber=name)}
        for name in ("Ada", "Zoe\u0308")
    }
    assert left["Ada"] - left["Zoe\u0308"] == {double.line_id}
