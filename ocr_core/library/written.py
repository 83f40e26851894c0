"""Lines as people have written them, in place of what engines read on them.

What was said last about a line counts, whoever said it: a text, or that nothing is written there. Where a line was
called illegible, the engine's reading stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

HUMAN: Final = "human"
"""Stands where the name of an engine stands; its version is the writer's name."""

COUNTED: Final = ("text", "empty")
"""What people may say of a line (`status`) that takes the place of its reading."""

Place = tuple[Any, ...]
"""Line id and box: a later run may number the lines of a page anew."""

_NEWEST: Final = """
SELECT line_id, page_id, line_order, x0, y0, x1, y1, text, status, transcriber, origin, created_at
FROM {source} WHERE {where}
QUALIFY row_number() OVER (PARTITION BY line_id, x0, y0, x1, y1 ORDER BY created_at DESC, run_id DESC) = 1
"""


def newest_words(where: str, source: str = "ground_truth_history") -> str:
    """SQL: what was said last about each line, among the rows of `source` for which `where` holds."""
    return _NEWEST.format(source=source, where=where)


def place_of(row: Mapping[str, Any]) -> Place:
    """Which line a row of `lines` or of `ground_truth` is about."""
    return tuple(row[name] for name in ("line_id", "x0", "y0", "x1", "y1"))


def as_written(row: Mapping[str, Any], words: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A row of `lines` with what people said last of it (a row of `newest_words`), where that takes the place of what
    the engine read."""
    if words is None or words["status"] not in COUNTED:
        return row
    own = {"text": words["text"], "engine": HUMAN, "engine_version": words["transcriber"]}
    nobody: dict[str, Any] = {"model_sha256": "", "confidence": None, "flags": []}
    return {**row, **own, **nobody, **{name: [] for name in row if name.startswith("word_")}}


def as_it_counts(row: Mapping[str, Any], words: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """As `as_written`, where lines are ranked or coloured by confidence: what people wrote is certain."""
    counting = as_written(row, words)
    return counting if counting is row else {**counting, "confidence": 1.0}
