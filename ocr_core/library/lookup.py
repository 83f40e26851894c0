"""Finding the pages that people mean."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from ocr_core.errors import UsageError
from ocr_core.library.written import newest_words

_PLACE: Final = re.compile(r"(?P<path>.+)#(?P<number>\d{1,9})(:(?P<line>\d{1,9}))?", re.DOTALL)
_ID: Final = re.compile(r"[0-9a-f]{4,}(-\d*)?")
_MOST_LISTED: Final = 8
_MOST_OFFERED: Final = 3
_CLOSE: Final = 0.93  # similarity of paths (Jaro-Winkler) that differ by a slip


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page as its winning result left it: the row of `pages`, and its rows of `lines` in reading order.

    Attributes:
        lines: only the one that the name told, where it told one.
        words: what people said last about lines of the page (rows of `written.newest_words`).
    """

    page: dict[str, Any]
    lines: list[dict[str, Any]]
    words: list[dict[str, Any]]


def stored_page(con: duckdb.DuckDBPyConnection, root: Path, name: str) -> StoredPage:
    """One page.

    Args:
        name: `source_path#number`, or one line of it, as hits are printed (`a.jpg#1:7`); the path of a document with a
            single page; a page id, or an unambiguous beginning of one (four characters at least). A path may be any at
            which the document was ever found.

    Raises:
        UsageError: no page or several pages answer to it, it failed, or has no such line; the message says which and why.
    """
    for where, parameters, number in _readings(name):
        query = (
            f"SELECT * FROM pages WHERE {where} ORDER BY source_path, page_number LIMIT {_MOST_LISTED + 1}"
        )
        rows = _rows(con, query, **parameters)
        if len(rows) > 1:
            listed = [f"{r['page_id']}  {r['source_path']}#{r['page_number']}" for r in rows[:_MOST_LISTED]]
            more = ["…"] if len(rows) > _MOST_LISTED else []
            raise UsageError(
                f"Several pages answer to {name!r}:\n  " + "\n  ".join(listed + more),
                remedy="Name one of them: PATH#NUMBER, or its id.",
            )
        if rows:
            key = {"id": rows[0]["page_id"], "collection": rows[0]["collection"], "run": rows[0]["run_id"]}
            where = "page_id = $id AND collection = $collection AND run_id = $run"
            lines = _rows(con, f"SELECT * FROM lines WHERE {where} ORDER BY line_order", **key)
            if number is not None and not 0 < number <= len(lines):
                has = f"lines 1 to {len(lines)}" if lines else "no lines"
                raise UsageError(
                    f"{name} is not there: the page has {has}.",
                    remedy="Lines count from 1; leave the number of the line out to see them all.",
                )
            if number is not None:
                lines = [lines[number - 1]]
            words = _rows(con, newest_words("page_id = $id"), id=key["id"])
            return StoredPage(rows[0], lines, words)
    raise _absent(con, root, name)


def found_at(path: str) -> str:
    """SQL: whether the document of a row was ever found at a path, its own or that of a copy.

    Args:
        path: SQL for it, such as the name of a parameter.
    """
    known = (
        f"SELECT doc_id FROM documents_history WHERE source_path = {path} OR list_contains(copies, {path})"
    )
    return f"doc_id IN ({known})"


def _readings(name: str) -> Iterator[tuple[str, dict[str, Any], int | None]]:
    """What a name may mean, as conditions on `pages` with their parameters, and the number of a line; the likeliest
    first.
    """
    if place := _PLACE.fullmatch(name):
        there = {"path": place["path"], "number": int(place["number"])}
        line = int(place["line"]) if place["line"] else None
        yield "page_number = $number AND source_path = $path", there, line
        yield f"page_number = $number AND {found_at('$path')}", there, line
    if _ID.fullmatch(name):
        yield "starts_with(page_id, $page)", {"page": name}, None
    yield "source_path = $path", {"path": name}, None
    yield found_at("$path"), {"path": name}, None


def _absent(con: duckdb.DuckDBPyConnection, root: Path, name: str) -> UsageError:
    """Why there is no such page."""
    place = _PLACE.fullmatch(name)
    path, number = (place["path"], int(place["number"])) if place else (name, 0)
    query = "SELECT * FROM failures WHERE source_path IN ($name, $path) AND ($number = 0 OR page_number IN (0, $number))"
    if failures := _rows(con, query + " LIMIT 1", name=name, path=path, number=number):
        failed = failures[0]
        return UsageError(f"{name} failed ({failed['kind']}): {failed['message']}", remedy=failed["remedy"])
    if documents := _rows(con, f"SELECT pages FROM documents WHERE {found_at('$path')}", path=path):
        return UsageError(
            f"{path} has no page {number} in the library; the file has {documents[0]['pages']}.",
            remedy="Pages count from 1; those that a run left out (--pages) are not there.",
        )
    query = """
        SELECT DISTINCT source_path, jaro_winkler_similarity(source_path, $path) AS close FROM pages
        WHERE close > $least OR ($path <> '' AND contains(lower(source_path), lower($path)))
        ORDER BY close DESC, source_path LIMIT $most
    """
    offered = _rows(con, query, path=path, least=_CLOSE, most=_MOST_OFFERED)
    meant = f" Did you mean {' or '.join(row['source_path'] for row in offered)}?" if offered else ""
    query = "SELECT source_path, page_number FROM pages"
    return UsageError(
        f"No page in the library answers to {name!r}.{meant}",
        remedy=f'Name it as PATH#NUMBER or by its id. All pages: warraq sql --library {shlex.quote(str(root))} "{query}"',
    )


def _rows(con: duckdb.DuckDBPyConnection, query: str, **parameters: Any) -> list[dict[str, Any]]:
    return con.sql(query, params=parameters).to_arrow_table().to_pylist(maps_as_pydicts="strict")
