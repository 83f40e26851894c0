"""Queries that answer, and attacks that must not."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psutil
import pytest

from ocr_core.errors import LibraryError, UsageError, WarraqError
from ocr_core.library import Library
from ocr_core.search.sql import child as sql_child
from ocr_core.search.sql.run import QueryTimeout, run_sql
from tests.library.make import document, failure, result


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sql") / "library"
    library = Library.create(root)
    d = document("a.png")
    library.publish("r1", "c", documents=[d], results=[result(d.page(1), "old")], failures=[failure("b.pdf")])
    library.publish("r2", "c", results=[result(d.page(1), "Kew Gardens", "أمّا بعد")])
    return root


def fingerprint(root: Path) -> str:
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return hashlib.sha256(b"".join(str(p).encode() + p.read_bytes() for p in files)).hexdigest()


@pytest.fixture
def untouched(root: Path, tmp_path: Path) -> Iterator[Path]:
    """Gives a folder that must stay empty; the library's bytes must stay the same."""
    before = fingerprint(root)
    yield tmp_path
    assert list(tmp_path.iterdir()) == []
    assert fingerprint(root) == before


def test_views_answer(root: Path) -> None:
    result = run_sql(root, "SELECT text, confidence FROM lines ORDER BY line_order;")
    assert result.table.to_pylist() == [
        {"text": "Kew Gardens", "confidence": 0.9},
        {"text": "أمّا بعد", "confidence": 0.9},
    ]
    assert not result.truncated


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SHOW TABLES", 17),
        ("WITH x AS (FROM pages) SELECT stage_seconds['read'] AS s, created_at FROM x", 1),
        ("SELECT 'copy', 1 AS \"insert\" -- DROP TABLE lines", 1),
        ("PIVOT lines ON engine IN ('crnn') USING count(*) GROUP BY page_id", 1),
    ],
)
def test_more_ways_to_ask(root: Path, query: str, rows: int) -> None:
    assert run_sql(root, query).table.num_rows == rows


def test_rows_are_capped(root: Path) -> None:
    answer = run_sql(root, "FROM range(10_000_000_000)", max_rows=12_345)
    assert (answer.table.num_rows, answer.truncated) == (12_345, True)
    answer = run_sql(root, "FROM range(50)", max_rows=50)
    assert (answer.table.num_rows, answer.truncated) == (50, False)


WRITES = [
    "COPY lines TO '{out}/x.csv'",
    "COPY (SELECT 1) TO '{out}/x' (FORMAT parquet)",
    "WITH x AS (COPY (SELECT 1) TO '{out}/x') SELECT 1",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}/x'",
    "FROM query('COPY (SELECT 1) TO ''{out}/x''')",
    "PREPARE p AS COPY (SELECT 1) TO '{out}/x'",
    "EXPORT DATABASE '{out}/x'",
    "ATTACH '{out}/x.duckdb' AS x",
    "FROM enable_logging(storage='file', storage_path='{out}/x')",
    "FROM enable_profiling(save_location='{out}/x')",
    "SELECT 1; COPY (SELECT 1) TO '{out}/x'",
    "FROM pandas_scan(12345)",
    "FROM arrow_scan(1::POINTER, 2::POINTER, 3::POINTER)",
]
FILES = [
    "COPY lines FROM '/etc/passwd'",
    "FROM '/etc/passwd'",
    "FROM '{library}/lines/**/*.parquet'",
    "FROM read_csv('/etc/passwd')",
    "FROM read_parquet('{library}/lines/*/*/*.parquet')",
    "FROM read_text('/etc/passwd')",
    "FROM read_blob('/proc/self/environ')",
    "FROM glob('/etc/*')",
    "FROM sniff_csv('/etc/passwd')",
    "SELECT getenv('HOME')",
    "SELECT * FROM duckdb_secrets()",
    "INSTALL httpfs",
    "LOAD '/tmp/evil.so'",
    "FROM 'https://example.org/x.csv'",
]
CHANGES = [
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "PRAGMA memory_limit='9GB'",
    "CALL pragma_version()",
    "CREATE TABLE t AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "INSERT INTO lines_history SELECT * FROM lines_history",
    "UPDATE superseded SET run_id = 'x'",
    "DELETE FROM superseded",
    "WITH x AS (DELETE FROM superseded RETURNING *) SELECT * FROM x",
    "DROP VIEW lines",
    "ALTER TABLE superseded ADD COLUMN x INT",
    "TRUNCATE superseded",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
    "SELECT 1; SELECT 2",
    "",
    "-- nothing",
    "SELECT nonsense FROM lines",
    "FROM con",
    "FROM snapshot",
    "FROM request",
]


@pytest.mark.parametrize("attack", WRITES)
def test_refused(root: Path, untouched: Path, attack: str) -> None:
    with pytest.raises(UsageError):
        run_sql(root, attack.format(out=untouched, library=root))


@pytest.mark.parametrize("attack", WRITES[:-2] + FILES + CHANGES)
def test_refused_by_the_database_alone(root: Path, untouched: Path, attack: str) -> None:
    """As in the child, but without the limits that the operating system sets on it."""
    query = attack.format(out=untouched, library=root)
    request = {
        "library": root,
        "version": 2,
        "query": query,
        "memory": "256MiB",
        "max_rows": 9,
        "max_bytes": 1 << 20,
    }
    with pytest.raises((UsageError, duckdb.Error)):
        sql_child._answer(request)


@pytest.mark.parametrize(
    "attack",
    [
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
        "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(9) c WHERE a.range * b.range = 7",
    ],
)
def test_endless_query_is_killed_on_time(root: Path, untouched: Path, attack: str) -> None:
    start = time.monotonic()
    with pytest.raises(QueryTimeout, match="--timeout"):
        run_sql(root, attack, timeout_s=1.5)
    assert time.monotonic() - start < 15
    children = psutil.Process().children(recursive=True)
    assert not [child for child in children if "ocr_core.search.sql.child" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT repeat('a', 10000000000)",
        "SELECT length(repeat('ab', 900000000))",
        "SELECT repeat('a', 50000000) FROM range(100)",
        "SELECT list(range) FROM range(100000000)",
    ],
)
def test_greedy_query_is_refused(root: Path, untouched: Path, attack: str) -> None:
    with pytest.raises(UsageError, match=r"memory|larger|size"):
        run_sql(root, attack, memory="256MiB", timeout_s=60)


def test_errors_show_the_query_as_it_was_written(root: Path) -> None:
    with pytest.raises(UsageError) as raised:
        run_sql(root, "SELECT nonsense FROM lines")
    message = raised.value.message
    assert "EXPLAIN" not in message
    *_, line, caret = message.splitlines()
    assert line.index("nonsense") == caret.index("^")
    assert str(raised.value).startswith(f"{message}\n  SHOW TABLES lists the tables")


def test_child_that_breaks_off(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(WarraqError, match="broke off"):
        run_sql(root, "SELECT 1")


def test_bad_arguments(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="amount of memory"):
        run_sql(root, "SELECT 1", memory="lots")
    with pytest.raises(LibraryError, match="not a Warraq library"):
        run_sql(tmp_path, "SELECT 1")
