"""The sums of a library account for every page."""

from datetime import UTC, datetime
from pathlib import Path

from ocr_core.library import Library, RunRecord, settings_of_failed_runs, status
from ocr_core.records import Status
from tests.library.make import document, failure, result


def test_sums(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "l")
    doc = document("a.pdf", 5)
    run = RunRecord("r1", "c", ("/in",), datetime(2026, 1, 1, tzinfo=UTC), settings={"arabic": "auto"})
    library.publish(
        "r1",
        "c",
        documents=[doc],
        run=run,
        results=[
            result(doc.page(1), "one", "two"),
            result(doc.page(2), "three"),
            result(doc.page(3), status=Status.BLANK),
            result(doc.page(4), None, status=Status.PENDING, reason="No engine."),
        ],
        failures=[failure("a.pdf", doc.page(5)), failure("b.pdf")],
    )
    library.publish("r2", "other", results=[result(document("z.png").page(1), "z")])

    sums = status(library)

    first, second = sums["collections"]
    counts = {"documents": 1, "pages": 6, "done": 2, "blank": 1, "failed": 2, "pending": 1, "lines": 4}
    assert first == {"collection": "c", **counts}
    assert (second["collection"], second["pages"], second["documents"]) == ("other", 1, 0)
    assert sums["pending"] == [{"reason": "No engine.", "pages": 1}]
    assert {f["source_path"] for f in sums["failures"]} == {"a.pdf", "b.pdf"}
    assert sums["last_run"]["run_id"] == "r1"
    assert settings_of_failed_runs(library) == [{"arabic": "auto"}]


def test_empty(tmp_path: Path) -> None:
    sums = status(Library.create(tmp_path / "l"))
    assert sums == {"collections": [], "pending": [], "failures": [], "dismissed": [], "last_run": None}
