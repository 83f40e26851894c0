"""Every query of docs/sql.md answers as it says there.

After a change of the library below or of the queries: `python -m tests.search.test_gallery` writes the answers anew.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ocr_core.audit.results.measure import measure_sample
from ocr_core.audit.results.save import save_report
from ocr_core.audit.sampling.draw import Design, draw, publish
from ocr_core.audit.transcription.samples import sample_lines
from ocr_core.audit.transcription.transcriptions import Transcription, add_transcriptions
from ocr_core.library import Library, RunRecord
from ocr_core.library.schemas import SCHEMAS
from ocr_core.records import Document, EngineStamp, PageResult, Script, Status
from ocr_core.search.search import prepare
from ocr_core.search.sql import child as sql_child
from ocr_core.search.sql.run import run_sql
from tests.conftest import ROOT
from tests.library.make import document, failure, result

PAGE = ROOT / "docs" / "sql.md"
_BLOCK = re.compile(r"```sql\n(.*?)```\n(?:\n(\|.*?\|)\n(?=\n|\Z))?", re.DOTALL)
TRUTHS = {
    "letter-1.jpg": ("Kew Gardens, 12 May 1887", "orchids from Calcutta", "my dear Hooker"),
    "letter-2.jpg": ("the orchids came dead", "but one rose lives"),
    "book.pdf": ("Orchids: a garden handbook", "printed at London 1869"),
    "كتاب.png": ("أما بعد فهذا كتاب", "في علم النبات"),
}
READINGS = {
    "letter-1.jpg": ("Kew Gordens, 12 May 1887", "orchids fram Calcutta", "mydear Hooker"),
    "letter-2.jpg": ("the archids came deod", "but one rose lives"),
    "book.pdf": ("Orchids: a garden handbook", "printed at London 1869"),
    "كتاب.png": ("اما بعد فهذا كتاب", "في علم النبت"),
}


def make_library(folder: Path) -> Library:
    """Two letters, a book in two places, an Arabic page; a page waits, a file failed; two people, two runs, one audit."""
    library = Library.create(folder)
    started = datetime(2026, 3, 1, 20, tzinfo=UTC)
    for number, (run_id, readings) in enumerate(
        (("night-1", READINGS), ("night-2", {"letter-2.jpg": TRUTHS["letter-2.jpg"]}))
    ):
        for collection in ("books", "letters"):
            names = [name for name in readings if name.startswith("letter") == (collection == "letters")]
            read = [_read(_document(name), readings[name]) for name in names]
            failed = [failure("torn.pdf")] if collection == "books" else []
            if collection == "letters" and not number:
                read.append(_waiting(document("letter-3.jpg")))
            times = (started + timedelta(days=number), started + timedelta(days=number, minutes=6))
            counts = {"discovered": len(read) + len(failed), "done": len(names), "failed": len(failed)}
            record = RunRecord(
                f"{run_id}-{collection}", collection, ("/in",), times[0], times[1], "completed", counts=counts
            )
            if read or not number:
                documents = [] if number else [_document(name) for name in names]
                library.publish(
                    record.run_id, collection, documents=documents, results=read, failures=failed, run=record
                )
        if not number:
            publish(
                library,
                draw(library, Design(lines=9, per_page=3, by=(), double=1.0)).rows,
                "spring",
            )
            _transcribe(library)
            save_report(library, measure_sample(library))
    save_report(library, measure_sample(library, label="today"))
    return library


def _document(name: str) -> Document:
    return document(name, copies=("again/book.pdf",) if name == "book.pdf" else ())


def _read(of: Document, texts: tuple[str, ...]) -> PageResult:
    page = result(of.page(1), *texts)
    arabic = not texts[0][0].isascii()
    engine = "crnn-ar" if arabic else "pdf-text" if of.source.source_path.endswith("pdf") else "crnn-latin"
    sure = {"crnn-ar": 0.8, "crnn-latin": 0.75, "pdf-text": 1.0}[engine]
    lines = []
    for line in page.lines:
        assert line.transcript
        transcript = replace(
            line.transcript,
            engine=EngineStamp(engine, "1"),
            confidence=round(sure - 0.02 * line.line.order, 2),
            words=(),
        )
        script = Script.ARABIC if arabic else Script.LATIN
        lines.append(
            replace(line, transcript=transcript, script=script, hand="print" if sure == 1 else "hand")
        )
    return replace(page, lines=tuple(lines), script=lines[0].script)


def _waiting(of: Document) -> PageResult:
    return replace(
        result(of.page(1), None),
        status=Status.PENDING,
        reason="No engine of this machine reads Arabic.",
        seconds={},
    )


def _transcribe(library: Library) -> None:
    lines = sample_lines(library)
    for who in ("Ada", "Bob"):
        told = [
            Transcription(line.line_id, TRUTHS[line.source_path][line.line_order], who, audit_id="spring")
            for line in lines
        ]
        if who == "Bob":
            told = [replace(t, text=t.text.replace("dear", "deer")) for t in told]
        add_transcriptions(library, told)
    first = next(line for line in lines if "mydear" in line.reading)
    add_transcriptions(library, [Transcription(first.line_id, "my dear Hooker", "Cy")], origin="correction")


def answer(library: Library, query: str) -> list[dict[str, Any]]:
    """As the child process of `warraq sql` answers, in this process."""
    prepare(library)
    request = {
        "library": library.root, "version": library.version, "query": query, "memory": "256MiB", "max_rows": 99,
        "max_bytes": 1 << 20,
    }  # fmt: skip
    return sql_child._answer(request)[0].to_pylist()


def as_table(rows: list[dict[str, Any]]) -> str:
    cells = [[str(value) for value in row.values()] for row in rows]
    lines = [list(rows[0]), ["-"] * len(rows[0]), *cells]
    return "\n".join(
        "| " + " | ".join(line) + " |" if line[0] != "-" else "|" + "-|" * len(line) for line in lines
    )


QUERIES = _BLOCK.findall(PAGE.read_text("utf-8"))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return make_library(tmp_path_factory.mktemp("gallery") / "library")


@pytest.mark.parametrize(("query", "table"), QUERIES, ids=range(len(QUERIES)))
def test_the_query_answers_as_the_page_says(library: Library, query: str, table: str) -> None:
    assert as_table(answer(library, query)) == table


def test_the_command_gives_the_same_answer(library: Library) -> None:
    query, table = next(q for q in QUERIES if "search_lines" in q[0])
    assert as_table(run_sql(library.root, query).table.to_pylist()) == table


def test_every_view_has_a_query_and_a_description() -> None:
    text = "\n".join(query for query, _ in QUERIES)
    for view in (*SCHEMAS, "search_lines"):
        assert re.search(rf"\b{view}\b", text), view
        assert f"| `{view}" in PAGE.read_text("utf-8")


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = make_library(Path(folder) / "library")
        page = PAGE.read_text("utf-8")
        PAGE.write_text(
            _BLOCK.sub(lambda found: f"```sql\n{found[1]}```\n\n{as_table(answer(made, found[1]))}\n", page),
            "utf-8",
        )


if __name__ == "__main__":
    _write()
