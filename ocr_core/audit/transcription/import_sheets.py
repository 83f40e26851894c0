"""Transcriptions that come back in the sheets and folders of transcribers. All of it is taken, or nothing.

Whatever is wrong is named with its row and what to do about it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ocr_core.audit.transcription.folder import FACTS, picture_name
from ocr_core.audit.transcription.samples import SampleLine, newest_sample, sample_lines
from ocr_core.audit.transcription.sheets import MARKS, SheetRow, read_sheet
from ocr_core.audit.transcription.transcriptions import (
    AUDIT,
    TEXT,
    Transcription,
    add_transcriptions,
    one_line,
)
from ocr_core.errors import NothingToDo, UsageError
from ocr_core.library import Library
from ocr_core.records import Script
from ocr_core.script.text import script_of_text

_MOST_PROBLEMS: Final = 20


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken in. `unfilled` rows have neither text nor mark; `unknown` lines of PAGE and ALTO files are not in the
    library (its layout has not found them, or outlined them otherwise)."""

    lines: int
    version: int
    unfilled: int = 0
    unknown: int = 0


def import_sheet(
    library: Library,
    place: Path,
    transcriber: str,
    *,
    audit_id: str = "",
    any_script: bool = False,
) -> Imported:
    """Take in the folder of a transcriber, or a single CSV or XLSX file.

    Args:
        place: of a folder both sheets are read, and its pictures must be those that were written.
        audit_id: of a single file; the newest audit where it is empty. A folder knows its own.
        any_script: let texts pass that are in another script than the machine took the line for.

    Raises:
        UsageError: something is wrong with it; every trouble is named.
        NothingToDo: nothing is filled in.
    """
    in_folder = place.is_dir()
    sheets = [place / name for name in ("sheet.csv", "sheet.xlsx") if (place / name).is_file()]
    if not in_folder:
        sheets = [place]
    elif not sheets:
        raise UsageError(
            f"{place} has no sheet.csv and no sheet.xlsx.", remedy="Name the folder that came back."
        )
    audit = newest_sample(library, _audit_of(place) if in_folder else audit_id)
    drawn = {line.line_id: line for line in sample_lines(library, audit)}
    found: dict[str, tuple[Transcription, str]] = {}
    problems: list[str] = []
    unfilled: set[str] = set()
    for sheet in sheets:
        for row in read_sheet(sheet):
            where = f"{sheet.name} row {row.row}"
            try:
                transcription = _of_row(row, drawn, transcriber, audit, any_script)
            except UsageError as error:
                problems.append(f"{where}: {error.message} {error.remedy}")
                continue
            if transcription is None:
                unfilled.add(row.values["id"].strip())
                continue
            before = found.setdefault(transcription.line_id, (transcription, where))
            if before[0] != transcription:
                problems.append(
                    f"{where}: {before[1]} says something else about this line. Clear one of them."
                )
    if in_folder:
        problems += _changed_pictures(place, [drawn[line_id] for line_id in found])
    if problems:
        raise refusal(place, problems)
    if not found:
        raise NothingToDo(f"Nothing is filled in in {place}.", remedy="Fill in the column `text` or `mark`.")
    version = add_transcriptions(library, [t for t, _ in found.values()], origin=AUDIT)
    return Imported(len(found), version, unfilled=len(unfilled - set(found)))


def refusal(place: Path, problems: Sequence[str]) -> UsageError:
    """The error that names all that is wrong with a place."""
    shown = "\n  ".join(problems[:_MOST_PROBLEMS])
    more = len(problems) - _MOST_PROBLEMS
    rest = f"\n  … and {more} more" if more > 0 else ""
    count = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
    return UsageError(
        f"{place} was not imported, {count} wrong:\n  {shown}{rest}",
        remedy="Nothing was changed. Put this right and import it again.",
    )


def _audit_of(folder: Path) -> str:
    try:
        return str(json.loads((folder / FACTS).read_text("utf-8"))["audit_id"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder} is not the folder of an audit: {FACTS} is missing or damaged.",
            remedy="Import its sheet.csv or sheet.xlsx, with --audit ID.",
        ) from error


def _of_row(
    row: SheetRow, drawn: Mapping[str, SampleLine], transcriber: str, audit: str, any_script: bool
) -> Transcription | None:
    """What a row says; None if it says nothing.

    Raises:
        UsageError: something is wrong with the row.
    """
    line_id = row.values["id"].strip()
    if line_id not in drawn:
        raise UsageError(
            f"no line of audit {audit} has the id {line_id[:90]!r}.",
            remedy="Copy it from the sheet as it was given out, or name another audit with --audit.",
        )
    if row.trouble:
        raise UsageError(f"{row.trouble}.")
    text, mark = one_line(row.values.get("text", "")), row.values.get("mark", "").strip().lower()
    if mark and mark not in MARKS:
        raise UsageError(f"not a mark: {mark!r}.", remedy=f"Put {' or '.join(MARKS)}, or nothing.")
    if text and mark:
        raise UsageError(f"it has a text and is marked {mark}.", remedy="Clear one of the two.")
    if not text and not mark:
        return None
    expected, written = drawn[line_id].script, script_of_text(text)
    if not any_script and {expected, str(written)} == {str(Script.ARABIC), str(Script.LATIN)}:
        raise UsageError(
            f"the text is {written}, the line was taken for {expected}.",
            remedy="Check that it stands in the right row; if the machine was wrong, import with --any-script.",
        )
    return Transcription(line_id, text, transcriber, mark or TEXT, row.values.get("note", "").strip(), audit)


def _changed_pictures(folder: Path, lines: Sequence[SampleLine]) -> list[str]:
    problems = []
    for line in lines:
        path = folder / picture_name(line.number)
        if line.picture_sha256 and (
            not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != line.picture_sha256
        ):
            what = "is not the one that was given out" if path.is_file() else "is missing"
            problems.append(
                f"row of line {line.number}: its picture {picture_name(line.number)} {what}, so nobody knows which line was "
                "transcribed. Put the original back; if the texts are right, import the sheet alone with --audit "
                f"{line.audit_id}."
            )
    return problems
