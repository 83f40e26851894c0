"""Failures taken off the list stay in the library, and what fails later stands again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ocr_core.errors import UsageError
from ocr_core.library import Library, RunRecord, dismissal, status
from ocr_core.library.dismissal import dismiss, named, standing
from ocr_core.pipeline.gone import gone
from tests.library.make import document, failure


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A document of three pages of which two failed, and a file that cannot be opened, in a folder that is there."""
    library = Library.create(tmp_path / "library")
    folder = tmp_path / "in"
    folder.mkdir()
    doc = document("a.pdf", 3, root=str(folder))
    run = RunRecord("r1", "c", (str(folder),), datetime(2026, 1, 1, tzinfo=UTC))
    failures = [failure("a.pdf", doc.page(2)), failure("a.pdf", doc.page(3)), failure("b.pdf")]
    library.publish("r1", "c", documents=[doc], run=run, failures=failures)
    return library


def places(library: Library) -> list[tuple[str, int]]:
    return [(row["source_path"], row["page_number"]) for row in standing(library)]


def test_a_page_or_a_file_is_dismissed_and_remembered(library: Library) -> None:
    rows = standing(library)
    assert [row["page_number"] for row in named(rows, "a.pdf")] == [2, 3]
    assert [row["page_number"] for row in named(rows, "a.pdf#3")] == [3]
    assert named(rows, "a.pdf#1") == named(rows, "pdf") == []
    dismiss(library, named(rows, "a.pdf#3"), " blotted ")
    assert places(library) == [("a.pdf", 2), ("b.pdf", 0)]
    dismiss(library, named(rows, "b.pdf"), "thrown away")
    report = status(library)
    assert [(row["source_path"], row["page_number"], row["reason"]) for row in report["dismissed"]] == [
        ("a.pdf", 3, "blotted"),
        ("b.pdf", 0, "thrown away"),
    ]
    assert report["collections"][0]["failed"] == 1
    rows = library.reading(lambda con: con.sql("SELECT message FROM failures_history").fetchall())
    assert len(rows) == 5


def test_what_fails_again_stands_again_with_new_attempts(library: Library) -> None:
    dismiss(library, standing(library), "x")
    assert places(library) == []
    assert library.open_failures() == []
    library.publish("r2", "c", failures=[failure("b.pdf")])
    assert [(f.source_path, f.attempts) for f in library.open_failures()] == [("b.pdf", 1)]
    assert len(status(library)["dismissed"]) == 3


def test_compaction_keeps_dismissals(library: Library) -> None:
    dismiss(library, named(standing(library), "b.pdf"), "x")
    library.publish("r3", "c", failures=[failure("d.pdf")])
    library.compact()
    assert places(library) == [("a.pdf", 2), ("a.pdf", 3), ("d.pdf", 0)]
    assert [row["reason"] for row in status(library)["dismissed"]] == ["x"]


def test_a_reason_is_needed(library: Library) -> None:
    with pytest.raises(UsageError):
        dismissal.dismiss(library, standing(library), "  ")
    assert len(places(library)) == 3


def test_files_are_gone_only_from_folders_that_are_there(library: Library, tmp_path: Path) -> None:
    (tmp_path / "in" / "b.pdf").write_bytes(b"")
    assert {row["source_path"] for row in gone(library, standing(library))} == {"a.pdf"}
    (tmp_path / "in" / "b.pdf").unlink()
    assert {row["source_path"] for row in gone(library, standing(library))} == {"a.pdf", "b.pdf"}
    (tmp_path / "in").rmdir()  # as when a disk is not connected
    assert gone(library, standing(library)) == []


def test_a_copy_elsewhere_keeps_a_document(library: Library, tmp_path: Path) -> None:
    doc = document("a.pdf", 3, copies=["copy.pdf"], root=str(tmp_path / "in"))
    library.publish("r2", "c", documents=[doc])
    (tmp_path / "in" / "copy.pdf").write_bytes(b"")
    assert {row["source_path"] for row in gone(library, standing(library))} == {"b.pdf"}
