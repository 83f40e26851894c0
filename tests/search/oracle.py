"""Search without an index: every word of every line of the views is looked at. Slow, and plain enough to believe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

from ocr_core.library import Library
from ocr_core.library.folding import fold
from ocr_core.search.query.filters import Compared, Filter, Named, Within
from ocr_core.search.query.language import Clause, Query, parse

Row = dict[str, Any]
Answer = tuple[str, float, int]  # line id, score, wrong characters


def rows_of(library: Library) -> list[Row]:
    """The lines of the view that hold words, those of people where they were the last to say something."""
    with library.connect() as con:
        rows = con.sql("SELECT * FROM lines").to_arrow_table().to_pylist()
        said = con.sql("SELECT * FROM ground_truth_history ORDER BY created_at").to_arrow_table().to_pylist()
    box = itemgetter("line_id", "x0", "y0", "x1", "y1")
    last = {box(row): row for row in said}
    for row in rows:
        words = last.get(box(row), {"status": "illegible"})
        if words["status"] != "illegible":
            row |= {"text": words["text"], "engine": "human", "confidence": 1.0}
    rows = [row | {"folded": tuple(fold(row["text"]).split())} for row in rows]
    return [row for row in rows if row["folded"]]


def full_scan(rows: Sequence[Row], text: str, *, tolerant: bool = True) -> list[Answer]:
    """Every line that answers, best first."""
    query = parse(text)
    if tolerant:
        query = Query(
            tuple(tuple(with_errors(clause, rows, query) for clause in group) for group in query.groups),
            query.excluded,
            query.filters,
        )
    frequency = {c: sum(bool(occurrences(c, row["folded"])) for row in rows) for c in query.clauses}
    mean = sum(len(row["folded"]) for row in rows) / max(len(rows), 1)
    answers = []
    for row in rows:
        if not passes(row, query.filters) or any(occurrences(c, row["folded"]) for c in query.excluded):
            continue
        score, edits = 0.0, 0
        for group in query.groups:
            found = {clause: occurrences(clause, row["folded"]) for clause in dict.fromkeys(group)}
            if not any(found.values()):
                break
            edits += min(min(wrong) for wrong in found.values() if wrong)
            for clause, wrong in found.items():
                idf = math.log((len(rows) - frequency[clause] + 0.5) / (frequency[clause] + 0.5) + 1)
                norm = 1.2 * (0.25 + 0.75 * len(row["folded"]) / mean)
                score += idf * len(wrong) * 2.2 / (len(wrong) + norm)
        else:
            place = (row["source_path"], row["page_number"], row["page_id"], row["line_order"])
            answers.append((edits, -round(score, 9), place, row["line_id"]))
    return [(line_id, -score, edits) for edits, score, _, line_id in sorted(answers)]


def with_errors(clause: Clause, rows: Sequence[Row], query: Query) -> Clause:
    if clause.edits is not None:
        return clause
    if any(occurrences(clause, row["folded"]) and passes(row, query.filters) for row in rows):
        return clause
    return Clause(clause.words, False, tuple((0, 0, 0, 1, 1, 1, 2)[min(len(w), 6)] for w in clause.words))


@cache
def occurrences(clause: Clause, words: tuple[str, ...]) -> list[int]:
    """Wrong characters of each place where the clause stands, from the left without overlap."""
    size = len(clause.words)
    allowed = clause.edits or (0,) * size
    found, at = [], 0
    while at + size <= len(words):
        wrong = [distance(asked, there) for asked, there in zip(clause.words, words[at:], strict=False)]
        if clause.prefix and words[at + size - 1].startswith(clause.words[-1]):
            wrong[-1] = 0
        if all(w <= a for w, a in zip(wrong, allowed, strict=True)):
            found.append(sum(wrong))
            at += size
        else:
            at += 1
    return found


@cache
def distance(a: str, b: str) -> int:
    """Optimal string alignment, by its recurrence."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(
                table[i - 1][j] + 1,
                table[i][j - 1] + 1,
                table[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
            )
            if i > 1 and j > 1 and a[i - 2 : i] == b[j - 2 : j][::-1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def passes(row: Row, filters: Sequence[Filter]) -> bool:
    wanted: dict[str, list[bool]] = {}
    for each in filters:
        holds = _holds(row, each)
        if each.excluded:
            wanted[f"not {each}"] = [not holds]
        elif isinstance(each, Compared):
            wanted[str(each)] = [holds]
        else:
            wanted.setdefault(each.field, []).append(holds)
    return all(any(holds) for holds in wanted.values())


def _holds(row: Row, each: Filter) -> bool:
    match each:
        case Named():
            value = row[each.field]
            return bool(value.startswith(each.name) if each.prefix else value == each.name)
        case Within():
            created: datetime = row["created_at"]
            value = row["page_number"] if each.field == "page" else created.timestamp() * 1e6
            return (each.low is None or value >= each.low) and (each.high is None or value < each.high)
        case Compared():
            confidence = row["confidence"]
            return (
                confidence is not None
                and {
                    "<": confidence < each.bound,
                    "<=": confidence <= each.bound,
                    ">": confidence > each.bound,
                    ">=": confidence >= each.bound,
                    "=": confidence == each.bound,
                }[each.operator]
            )
