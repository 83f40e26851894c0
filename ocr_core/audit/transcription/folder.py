"""The folder that a transcriber is given: pictures of lines, each in its place on the page, and a sheet to fill in.

One folder for the first transcriber, and one with the lines that a second person transcribes too. Neither holds what the
machine has read, nor what the other person writes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw

from ocr_core.audit.omission import Omission
from ocr_core.audit.transcription.sheets import write_csv, write_xlsx
from ocr_core.errors import LibraryError, PageError, UsageError
from ocr_core.library import Library
from ocr_core.pipeline.line_pictures import cut_line
from ocr_core.pipeline.page_pictures import read_again
from ocr_core.records import Box, PageArray

FIRST: Final = "first"
SECOND: Final = "second"
FACTS: Final = "audit.json"
_CONTEXT: Final = 3.0  # heights of the line, shown on every side of it
_LARGEST_CONTEXT: Final = 1600  # pixels
_MARK: Final = (200, 30, 30)

Row = dict[str, Any]


def write_folder(
    library: Library,
    audit_id: str,
    rows: Sequence[Row],
    folder: Path,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Row], list[Omission]]:
    """Write the folders of a sample, before it is published.

    Args:
        rows: of `draw.draw`.
        folder: new or empty.
        progress: told pages done and pages in all.

    Returns:
        The rows with the digests of their pictures; and the lines that have no picture, with reasons. They stay in the
        sheet: whoever finds the page elsewhere can transcribe them.

    Raises:
        UsageError: the folder holds other things.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty.", remedy="Name a new folder with --output.")
    parts = {FIRST: [True] * len(rows), SECOND: [bool(row["double"]) for row in rows]}
    wanted = {name: chosen for name, chosen in parts.items() if any(chosen)}
    for name in wanted:
        for below in ("lines", "context"):
            (folder / name / below).mkdir(parents=True)
    done: list[Row] = [{**row} for row in rows]
    omissions = []
    for place, line, context in _pictures(library, done, progress):
        row = done[place]
        if isinstance(context, str):
            omissions.append(Omission(row["page_id"], row["line_id"], context))
            continue
        row["picture_sha256"] = hashlib.sha256(line).hexdigest()
        for name, chosen in wanted.items():
            if chosen[place]:
                (folder / name / picture_name(row["number"])).write_bytes(line)
                (folder / name / "context" / f"{row['number']:04d}.jpg").write_bytes(context)
    for name, chosen in wanted.items():
        _write_part(
            folder / name, audit_id, name, [row for row, own in zip(done, chosen, strict=True) if own]
        )
    return done, omissions


def picture_name(number: int) -> str:
    """Where the picture of a line is, in its folder."""
    return f"lines/{number:04d}.png"


def _write_part(folder: Path, audit_id: str, part: str, rows: Sequence[Row]) -> None:
    cells = [
        {
            "number": str(row["number"]),
            "id": row["line_id"],
            "place": f"{row['source_path']} · page {row['page_number']} · line {row['line_order'] + 1}",
            "script": row["script"],
            "picture": picture_name(row["number"]) if row["picture_sha256"] else "",
        }
        for row in rows
    ]
    write_csv(folder / "sheet.csv", cells)
    backwards = [row["direction"] == "rtl" for row in rows]
    write_xlsx(folder / "sheet.xlsx", cells, folder, right_to_left=backwards)
    facts = {"audit_id": audit_id, "part": part, "lines": len(rows)}
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    (folder / "README.txt").write_text(_README.format(lines=len(rows), audit=audit_id), "utf-8")


def _pictures(
    library: Library, rows: Sequence[Row], progress: Callable[[int, int], None]
) -> Iterator[tuple[int, bytes, bytes | str]]:
    """Place among the rows, PNG of the line, JPEG of its context, or why there are none; page by page."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        places[row["page_id"]].append(place)
    pages = library.page_rows(list(places))
    for number, (page_id, own) in enumerate(places.items(), start=1):
        pixels: PageArray | None = None
        trouble = ""
        try:
            pixels = read_again(pages[page_id], library.places)
        except (LibraryError, PageError) as error:
            trouble = str(error)
        for place in own:
            row = rows[place]
            if pixels is None:
                yield place, b"", trouble
            else:
                line = cut_line(pixels, Box(row["x0"], row["y0"], row["x1"], row["y1"]))
                yield place, _encoded(line, "PNG"), _encoded(_context(pixels, row), "JPEG")
        progress(number, len(places))


def _context(pixels: PageArray, row: Row) -> Image.Image:
    """The part of the page around a line, with the line's outline."""
    around = round(_CONTEXT * (row["y1"] - row["y0"]))
    left, top = max(row["x0"] - around, 0), max(row["y0"] - around, 0)
    view = pixels[top : row["y1"] + around, left : row["x1"] + around]
    picture = Image.fromarray(view).convert("RGB")
    outline = [(x - left, y - top) for x, y in zip(row["polygon_x"], row["polygon_y"], strict=True)]
    if len(outline) > 1:
        stroke = max(2, round((row["y1"] - row["y0"]) / 25))
        ImageDraw.Draw(picture).line([*outline, outline[0]], fill=_MARK, width=stroke)
    picture.thumbnail((_LARGEST_CONTEXT, _LARGEST_CONTEXT))
    return picture


def _encoded(picture: Image.Image, format_: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=format_)
    return file.getvalue()


_README: Final = """\
Transcribing {lines} lines
==========================

Your work measures how well a machine has read an archive. You do not see what it read, and that is meant.

1. Open sheet.xlsx (the pictures are in it) or sheet.csv. Fill in one of the two.
2. For each row look at the picture of the line; context/NUMBER.jpg shows where it stands on the page, outlined in red.
   What is written outside of the outline does not belong to the line.
3. Write into the column `text` what stands there, letter by letter: spelling, capitals, punctuation, abbreviations and
   mistakes as they are; line breaks never. Words struck out are left out. Arabic is typed as it is spoken, from the first
   word to the last; vowel signs only where they are written.
4. Where nothing can be written down, leave `text` empty and put into `mark`
      illegible   something is written there and you cannot read it
      empty       nothing is written there at all
5. `note` is for whatever else should be known. Leave the other columns, and the pictures, as they are.

Begin at the top and stop where you like: every beginning of the sheet is a fair sample. Unfilled rows are simply not
counted, but do not pick the easy ones.

Send the whole folder back. It is taken in with
      warraq audit import FOLDER --library LIBRARY --transcriber "YOUR NAME"

(audit {audit})
"""
