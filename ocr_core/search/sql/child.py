"""The process that answers one query for `sql.run_sql`: a request as JSON on stdin; on stdout a line of JSON,
then an Arrow IPC stream when the query succeeded.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from contextlib import suppress
from typing import Any, BinaryIO, Final

import duckdb
import pyarrow as pa

from ocr_core.errors import LibraryError, UsageError
from ocr_core.library import Library
from ocr_core.search.search import Searcher
from ocr_core.search.sql.macro import SearchLines

_LOCKS: Final = (
    "SET temp_directory = ''",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
# Operators of a physical plan that change something, wherever in the plan they stand.
_CHANGES: Final = re.compile(
    r"\b(\w*COPY|\w*INSERT|UPDATE|DELETE|MERGE|CREATE|DROP|ALTER|EXPORT|IMPORT|ATTACH|DETACH|LOAD|INSTALL|PRAGMA|SET|RESET"
    r"|TRANSACTION|VACUUM|CHECKPOINT|PREPARE|EXECUTE|CALL)(_|\b)"
)
# Table functions that act instead of answering.
_ACTIONS: Final = re.compile(
    r"^(enable_|disable_|checkpoint|force_checkpoint|truncate_|read_|write_|sniff_|glob|set_)", re.I
)
_READS_ONLY: Final = (
    "Only one query that reads is allowed: SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW or SUMMARIZE."
)
_REMEDY: Final = (
    "SHOW TABLES lists the tables, DESCRIBE lines the columns of one; docs/sql.md has queries to begin with."
)
_EXPLAIN: Final = "EXPLAIN (FORMAT JSON) "
_OVERHEAD_BYTES: Final = 3 << 30  # address space of Python, Arrow, DuckDB's threads and the reading of files
_BATCH_ROWS: Final = 8192


def main() -> None:
    request = json.loads(sys.stdin.buffer.read())
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever else prints must not mix with the answer
    _limit(request)
    with out:
        try:
            table, truncated = _answer(request)
        except (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError):
            _say(out, kind="memory")
        except LibraryError as error:
            _say(out, kind="library", message=error.message, remedy=error.remedy)
        except UsageError as error:
            _say(out, kind="usage", message=error.message, remedy=error.remedy)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            if "Out of Memory" in str(error):  # DuckDB's error, come through an Arrow stream
                _say(out, kind="memory")
            else:
                _say(out, kind="usage", message=_without_prefix(str(error)), remedy=_REMEDY)
        else:
            _say(out, kind="table", truncated=truncated)
            with pa.ipc.new_stream(out, table.schema) as stream:
                stream.write_table(table)


def _limit(request: dict[str, Any]) -> None:
    """Limits that hold whatever the query does. An orphan ends when its processor time is up."""
    memory = request["memory_bytes"] + request["max_bytes"] + _OVERHEAD_BYTES
    seconds = int(request["timeout_s"] * (os.cpu_count() or 1)) + 10
    for kind, limit in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
    ):
        _, hard = resource.getrlimit(kind)
        bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        with suppress(
            ValueError, OSError
        ):  # systems differ in what they limit; the parent's clock always holds
            resource.setrlimit(kind, (bound, bound))


def _answer(request: dict[str, Any]) -> tuple[pa.Table, bool]:
    library = Library.open(request["library"])
    con = library.snapshot(request["version"]).connect(memory_limit=request["memory"])
    searching = SearchLines(con, Searcher(library, write=False, version=request["version"]))
    for lock in _LOCKS:
        con.execute(lock)
    query = request["query"]
    try:
        _check(con, query)
        return _fetch(con, query, request["max_rows"], request["max_bytes"])
    except (duckdb.Error, pa.ArrowException):
        if searching.trouble:  # which DuckDB buries in a traceback
            raise searching.trouble from None
        raise


def _check(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Refuse whatever is not one reading query.

    Raises:
        UsageError: it is refused.
        duckdb.Error: it is wrong.
    """
    statements = con.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError(_READS_ONLY)
    plan = con.execute(_EXPLAIN + statements[0].query).fetchall()
    for _, text in plan:
        for node in json.loads(text):
            _look_through(node)


def _look_through(node: dict[str, Any]) -> None:
    name = node["name"].strip().upper()
    function = str(node.get("extra_info", {}).get("Function", "")).strip()
    if _CHANGES.search(name) or _ACTIONS.match(function) or _ACTIONS.match(name):
        raise UsageError(f"{_READS_ONLY} This one holds {name}.")
    for child in node["children"]:
        _look_through(child)


def _without_prefix(message: str) -> str:
    """DuckDB's message about the query as the user wrote it, the caret under the same character as before."""
    if _EXPLAIN not in message:
        return message
    before, _, after = message.partition(_EXPLAIN)
    return before + re.sub(rf"^ {{{len(_EXPLAIN)}}}( *\^)", r"\1", after, flags=re.MULTILINE)


def _fetch(
    con: duckdb.DuckDBPyConnection, query: str, max_rows: int, max_bytes: int
) -> tuple[pa.Table, bool]:
    reader = con.sql(query).to_arrow_reader(_BATCH_ROWS)
    batches: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in reader:
        size += batch.nbytes
        if size > max_bytes:
            raise UsageError(
                f"The result is larger than {max_bytes >> 20} MiB.", remedy="Ask for fewer rows or columns."
            )
        batches.append(batch)
        rows += batch.num_rows
        if rows > max_rows:
            break
    table = pa.Table.from_batches(batches, schema=reader.schema)
    return table.slice(0, max_rows), rows > max_rows


def _say(out: BinaryIO, **header: Any) -> None:
    out.write(json.dumps(header).encode() + b"\n")


if __name__ == "__main__":
    main()
    sys.stdout = None
    os._exit(0)  # a query cut off at `max_rows` may still be at work
