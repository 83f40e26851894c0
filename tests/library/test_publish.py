"""What goes in comes out, and what counts when there is more than one answer."""

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ocr_core.errors import UsageError
from ocr_core.library import Library, RunRecord
from ocr_core.library.schemas import SCHEMAS
from ocr_core.records import Box, EngineStamp, Status, Transcript
from tests.library.make import CRNN, document, failure, line, result


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library.create(tmp_path / "library")


def rows(library: Library, query: str) -> list[tuple[object, ...]]:
    with library.connect() as con:
        return con.execute(query).fetchall()


def test_empty_library_has_every_view_with_every_column(library: Library) -> None:
    with library.connect() as con:
        for name, schema in SCHEMAS.items():
            table = con.sql(f"SELECT * FROM {name}").to_arrow_table()
            assert (table.num_rows, table.column_names) == (0, schema.names)
    assert (library.version, library.collections(), library.page_states(), library.runs()) == (0, [], {}, [])


def test_page_comes_back_whole(library: Library) -> None:
    doc = document("box 1/letter.png", pages=2)
    library.publish("r1", "Letters", documents=[doc], results=[result(doc.page(2), "Kew, ſunday", "أمّا بعد")])

    stored = library.page("box 1/letter.png#2")

    assert stored.page["page_id"] == doc.page(2).page_id
    assert stored.page["stage_seconds"] == {"read": 0.25, "layout": 0.5}
    assert (stored.page["seconds"], stored.page["chars"], stored.page["confidence"]) == (0.75, 19, 0.9)
    assert (stored.page["engine"], stored.page["model_sha256"]) == (CRNN.name, CRNN.weights_sha256)
    first, second = stored.lines
    assert (first["text"], first["text_search"]) == ("Kew, ſunday", "kew sunday")
    assert (second["text"], second["text_search"]) == ("أمّا بعد", "اما بعد")
    assert first["polygon_x"] == [100, 899, 899, 100]
    assert first["baseline_y"] == [130, 130]
    assert Box(first["x0"], first["y0"], first["x1"], first["y1"]) == Box(100, 100, 900, 140)
    assert (first["word_text"], first["word_x1"]) == (["Kew,", "ſunday"], [200, 200])
    assert library.page(stored.page["page_id"][:6]) == stored


def test_line_that_waits_has_no_text_but_a_flag(library: Library) -> None:
    page = document("a.png").page(1)
    library.publish(
        "r1", "c", results=[result(page, None, status=Status.PENDING, reason="No Arabic engine.")]
    )

    waiting = rows(library, "SELECT text, text_search, confidence, flags, engine, x0 FROM lines")

    assert waiting == [("", "", None, ["pending"], "", 100)]
    state = library.page_states()[page.page_id]
    assert (state.status, state.reason, state.fingerprint) == (Status.PENDING, "No Arabic engine.", "f1")


def test_engine_of_a_page_is_the_one_that_read_most(library: Library) -> None:
    page = document("a.png").page(1)
    other = EngineStamp("pdf-text", "2")
    read = result(page, "short", "short")
    last = line(page.page_id, 2, "")
    last = type(last)(last.line, last.script, Transcript(last.line.line_id, "a longer line", 1.0, other))
    read = type(read)(**{n: getattr(read, n) for n in read.__slots__} | {"lines": (*read.lines, last)})
    library.publish("r1", "c", results=[read])
    assert library.page_states()[page.page_id].engine == "pdf-text"


def test_newest_result_wins_with_its_own_lines_only(library: Library) -> None:
    doc = document("a.png", pages=2)
    library.publish("r1", "c", results=[result(doc.page(1), "old", "old too"), result(doc.page(2), "kept")])
    library.publish("r2", "c", results=[result(doc.page(1), "new", fingerprint="f2")])

    assert rows(library, "SELECT text, run_id FROM lines ORDER BY text") == [("kept", "r1"), ("new", "r2")]
    assert rows(library, "SELECT count(*) FROM pages") == [(2,)]
    assert rows(library, "SELECT count(*) FROM pages_history") == [(3,)]
    assert library.page_states()[doc.page(1).page_id].fingerprint == "f2"


def test_newest_is_the_last_published_even_when_clocks_go_back(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) - timedelta(days=1)

    page = document("a.png").page(1)
    library.publish("r1", "c", results=[result(page, "first")], failures=[failure("b.pdf")])
    monkeypatch.setattr("ocr_core.library.publish.datetime", Slow)
    monkeypatch.setattr("ocr_core.library.manifest.datetime", Slow)
    for run_id in ("r0", "q"):
        other = Library.open(library.root)
        other.publish(run_id, "c", results=[result(page, run_id)], documents=[document("b.pdf")])
        assert rows(other, "SELECT text FROM lines") == [(run_id,)]
        other.compact()
    assert library.open_failures() == []


def test_publishing_a_page_again_in_the_same_run_replaces_it(library: Library) -> None:
    page = document("a.png").page(1)
    for text in ("first", "second"):
        library.publish("r1", "c", results=[result(page, text)])
    library.publish("r1", "c", results=[result(page, "not this"), result(page, "third")])
    assert rows(library, "SELECT text FROM lines") == [("third",)]


def test_page_belongs_to_the_collection_of_its_newest_result(library: Library) -> None:
    page = document("a.png").page(1)
    library.publish("r1", "one", results=[result(page, "x")])
    library.publish("r2", "two", results=[result(page, "y")])
    assert library.page_states("one") == {}
    assert list(library.page_states("two")) == [page.page_id]
    assert library.collections() == ["one", "two"]


def test_documents_are_contents_and_copies_their_other_paths(library: Library) -> None:
    library.publish("r1", "c", documents=[document("a.png", 3, copies=["b/a.png"])])
    same = document("a.png", 3, root="/elsewhere")
    library.publish("r2", "c", documents=[same, document("z.png")])
    first, second = library.documents()
    assert (first.doc_id, first.root, first.pages) == (same.doc_id, "/elsewhere", 3)
    assert first.copies == (("/in", "a.png"), ("/in", "b/a.png"))
    assert (second.source_path, second.copies) == ("z.png", ())


def test_failure_of_a_page_stands_until_a_newer_result(library: Library) -> None:
    page = document("a.png").page(1)
    library.publish("r1", "c", failures=[failure("a.png", page)])
    library.publish("r2", "c", failures=[failure("a.png", page, kind="timeout", attempts=2)])

    (standing,) = library.open_failures()
    assert (standing.kind, standing.attempts, standing.page_id) == ("timeout", 3, page.page_id)
    assert library.page_states()[page.page_id].status is Status.FAILED

    library.publish("r3", "c", results=[result(page, "read at last")])
    assert library.open_failures() == []
    assert library.page_states()[page.page_id].status is Status.DONE
    assert rows(library, "SELECT count(*) FROM failures_history") == [(2,)]


def test_page_that_failed_later_keeps_its_older_result(library: Library) -> None:
    page = document("a.png").page(1)
    library.publish("r1", "c", results=[result(page, "good")])
    library.publish("r2", "c", failures=[failure("a.png", page)])
    assert library.page_states()[page.page_id].status is Status.DONE
    assert [f.attempts for f in library.open_failures()] == [1]
    assert rows(library, "SELECT text FROM lines") == [("good",)]


def test_failure_of_a_file_stands_until_a_newer_document_there(library: Library) -> None:
    library.publish("r1", "c", failures=[failure("a.pdf"), failure("b.pdf")])
    library.publish("r1", "other", documents=[document("a.pdf")])
    assert [f.source_path for f in library.open_failures("c")] == ["a.pdf", "b.pdf"]
    library.publish("r2", "c", documents=[document("x.pdf", copies=["a.pdf"])])
    assert [f.source_path for f in library.open_failures("c")] == ["b.pdf"]


def test_failure_of_a_page_ends_when_its_file_was_replaced(library: Library) -> None:
    torn = document("a.png", salt="torn")
    library.publish("r1", "c", documents=[torn], failures=[failure("a.png", torn.page(1))])
    library.publish("r2", "c", documents=[torn])
    assert len(library.open_failures()) == 1
    library.publish("r3", "c", documents=[document("a.png", salt="whole")])
    assert library.open_failures() == []


def test_publishing_a_failure_again_in_its_run_counts_once(library: Library) -> None:
    for _ in range(3):
        library.publish("r1", "c", failures=[failure("a.pdf", attempts=2)])
    assert [f.attempts for f in library.open_failures()] == [2]


def test_newest_record_of_a_run_wins(library: Library) -> None:
    start = datetime(2026, 1, 2, tzinfo=UTC)
    library.publish("r1", "c", run=RunRecord("r1", "c", ("/in",), start, settings={"pages": [1, 2]}))
    done = RunRecord(
        "r1", "c", ("/in",), start, start, "completed", counts={"done": 4}, stage_seconds={"x": 1.5}
    )
    library.publish("r1", "c", run=done)
    (run,) = library.runs()
    assert (run["state"], run["done"], run["failed"], run["stage_seconds"]) == ("completed", 4, 0, {"x": 1.5})
    assert run["started_at"] == start
    with pytest.raises(UsageError):
        library.publish("r2", "c", run=done)


def test_text_that_utf8_cannot_hold_is_spelt_out(library: Library) -> None:
    doc = document("caf\udce9.png")
    library.publish("r1", "c", documents=[doc], results=[result(doc.page(1), "a\ud800b")])
    assert library.documents()[0].source_path == "caf\\udce9.png"
    assert rows(library, "SELECT text FROM lines") == [("a\\ud800b",)]


@pytest.mark.parametrize(
    "text", ["a\0b", "\x1b[2J", "'; DROP TABLE lines; --", "𝔘𐤀\u202e", '"\n\r\t\\', "x" * 70_000]
)
def test_hostile_text_comes_back_as_it_was(library: Library, text: str) -> None:
    library.publish("r1", "c", results=[result(document("a.png").page(1), text)])
    library.compact()
    assert library.page("a.png#1").lines[0]["text"] == text


def test_nothing_to_publish_makes_no_version(library: Library) -> None:
    assert library.publish("r1", "c") == 0
    assert library.publish("r1", "c", results=[result(document("a").page(1))]) == 1  # a page without lines


def test_versions_stay_readable(library: Library) -> None:
    page = document("a.png").page(1)
    library.publish("r1", "c", results=[result(page, "one")])
    library.publish("r2", "c", results=[result(page, "two")])
    with library.snapshot(1).connect() as con:
        assert con.execute("SELECT text FROM lines").fetchall() == [("one",)]


@pytest.mark.parametrize(
    ("asked", "says"),
    [("abc", "No page"), ("ffffffff", "No page"), ("a.png#7", "No page"), ("x#y", "No page")],
)
def test_page_that_cannot_be_told(library: Library, asked: str, says: str) -> None:
    library.publish("r1", "c", results=[result(document("a.png").page(1), "x")])
    with pytest.raises(UsageError, match=says):
        library.page(asked)


def test_ambiguous_page_lists_what_it_could_be(library: Library) -> None:
    doc = document("a.png", 2)
    library.publish("r1", "c", results=[result(doc.page(1), "x"), result(doc.page(2), "y")])
    with pytest.raises(UsageError, match=r"a\.png#2"):
        library.page(doc.doc_id[:10])


def test_old_file_without_a_column_reads_as_null(library: Library, tmp_path: Path) -> None:
    library.publish("r1", "c", results=[result(document("a.png").page(1), "old")])
    (old,) = library.snapshot().files("lines")
    path = library.root / old.path
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["hand", "word_text", "x1"]), path)
    library.publish("r1", "c", results=[result(document("b.png").page(1), "new")])

    assert rows(library, "SELECT text, hand, x1, word_text FROM lines ORDER BY text") == [
        ("new", "", 900, ["new"]),
        ("old", None, None, None),
    ]
    library.compact()
    assert rows(library, "SELECT text, hand, x1 FROM lines ORDER BY text") == [
        ("new", "", 900),
        ("old", None, None),
    ]
